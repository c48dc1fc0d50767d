package org.tetrapylon.support;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/** A process at the other end, in C or in Java. A line of it that begins with "wrong" fails the test. Killed when closed. */
public final class PeerProcess implements AutoCloseable {

    private static final long LIMIT_SECONDS = Soak.rounds(60, 600);
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final String END = "(end)";

    private final Process process;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();

    private PeerProcess(ProcessBuilder builder) throws IOException {
        process = builder.redirectErrorStream(true).start();
        Thread.ofPlatform().daemon().name("peer-output").start(() -> {
            try (BufferedReader reader = process.inputReader()) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    lines.add(line);
                }
            } catch (IOException e) {
                lines.add(e.toString());
            }
            lines.add(END);
        });
    }

    /** {@return a name that nobody else uses} */
    public static String freshName() {
        return "tetrapylon-test-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
    }

    /** {@return where a program of tests/interop is} */
    public static Path program(String name) {
        return Path.of(System.getProperty("tetrapylon.programs"), "interop", name);
    }

    private static List<String> with(List<String> begin, Object... arguments) {
        List<String> command = new ArrayList<>(begin);
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return command;
    }

    /** {@return the command that runs a class of these tests in a JVM of its own, from these places} */
    public static List<String> javaCommand(Path classes, Path testClasses, Path library, String main) {
        return List.of(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData",
                "-Xshare:auto", "--enable-native-access=ALL-UNNAMED", "-Dtetrapylon.library=" + library,
                "-cp", classes + ":" + testClasses, main);
    }

    /** Starts a program of tests/interop. */
    public static PeerProcess c(String program, Object... arguments) throws IOException {
        return new PeerProcess(new ProcessBuilder(with(List.of(program(program).toString()), arguments)));
    }

    /** Starts a class of these tests in a JVM of its own. */
    public static PeerProcess java(Class<?> main, Object... arguments) throws IOException {
        Path classes = Path.of(System.getProperty("tetrapylon.classes"));
        return new PeerProcess(new ProcessBuilder(with(javaCommand(classes, classes.resolveSibling("test-classes"),
                Path.of(System.getProperty("tetrapylon.library")), main.getName()), arguments)));
    }

    /**
     * Starts a peer.
     *
     * @param program the one in C, of tests/interop
     * @param main the same in Java
     * @param language which: "c" or "java"
     */
    public static PeerProcess start(String program, Class<?> main, String language, Object... arguments) throws IOException {
        return language.equals("c") ? c(program, arguments) : java(main, arguments);
    }

    /** Runs a command with the library that lies in that directory. */
    public static PeerProcess withLibraryIn(Path directory, List<String> command, Object... arguments) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(with(command, arguments));
        builder.environment().put("LD_LIBRARY_PATH", directory.toString());
        return new PeerProcess(builder);
    }

    public long pid() {
        return process.pid();
    }

    /** Waits for a line that begins so, and leaves out those before. {@return the line} */
    public String expect(String beginning) throws InterruptedException {
        List<String> others = new ArrayList<>();
        while (true) {
            String line = lines.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
            if (line != null && line.startsWith(beginning)) {
                return line;
            }
            if (line == null || line.equals(END) || line.startsWith("wrong")) {
                fail("the peer has not said \"" + beginning + "\" but " + others + (line == null ? "" : ", and " + line));
            }
            others.add(line);
        }
    }

    /** Whether it has said such a line by now, which stays to be expected. */
    public boolean hasSaid(String beginning) {
        List<String> said = List.copyOf(lines);
        if (said.stream().anyMatch(line -> line.startsWith("wrong"))) {
            fail("the peer has said " + said);
        }
        boolean found = said.stream().anyMatch(line -> line.startsWith(beginning));
        if (!found && said.contains(END)) {
            fail("the peer has ended without \"" + beginning + "\" but with " + said);
        }
        return found;
    }

    /** Waits until the condition holds, as long as it lives. */
    public void until(BooleanSupplier condition) {
        Observe.until(() -> {
            hasSaid("nothing in particular");
            return condition.getAsBoolean();
        });
    }

    /** Writes a line to its input. */
    public void tell(String line) throws IOException {
        process.outputWriter().write(line + "\n");
        process.outputWriter().flush();
    }

    public void endInput() throws IOException {
        process.outputWriter().close();
    }

    /** Sends it a signal, and for STOP waits until it has stopped. */
    public void signal(String name) throws IOException, InterruptedException {
        assertTrue(new ProcessBuilder("kill", "-" + name, Long.toString(pid())).start().waitFor() == 0, "kill failed");
        if (name.equals("STOP")) {
            Observe.until(() -> {
                try {
                    return Files.readString(Path.of("/proc/" + pid() + "/status")).contains("State:\tT");
                } catch (IOException e) {
                    return false;
                }
            });
        }
    }

    /** kill -9, and waits until it is gone. */
    public void kill() throws InterruptedException {
        process.destroyForcibly();
        assertTrue(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), "the peer does not die");
    }

    /** Waits for its end. {@return its exit code} */
    public int end() throws InterruptedException {
        assertTrue(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), "the peer does not end");
        return process.exitValue();
    }

    /** Waits for its end, by itself and with nothing wrong. */
    public void endWell() throws InterruptedException {
        int code = end();
        assertEquals(0, code, () -> lines.toString());
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
