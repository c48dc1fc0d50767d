package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.tetrapylon.Observe;

/** Another process: safety_peer in C, or the peer of the QNX tests in Java. Killed when closed. */
final class Peer implements AutoCloseable {

    private static final long LIMIT_SECONDS = Soak.rounds(60, 600);
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final String END = "(end)";

    private final Process process;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();

    private Peer(List<String> command) throws IOException {
        this(new ProcessBuilder(command));
    }

    private Peer(ProcessBuilder builder) throws IOException {
        process = builder.redirectErrorStream(true).start();
        Thread.ofPlatform().daemon().name("safety-output").start(() -> {
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
    static String freshName() {
        return "tetrapylon-safety-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
    }

    private static String program() {
        return System.getProperty("tetrapylon.programs") + "/interop/safety_peer";
    }

    private static List<String> with(List<String> begin, Object... arguments) {
        List<String> command = new ArrayList<>(begin);
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return command;
    }

    /** Starts safety_peer. */
    static Peer c(Object... arguments) throws IOException {
        return new Peer(with(List.of(program()), arguments));
    }

    /** Starts safety_peer as the user nobody; program: a copy that this user can read, with the library beside it. */
    static Peer nobody(Path program, Object... arguments) throws IOException {
        return beside(program.getParent(), with(List.of(program(), "nobody", program.toString()), arguments));
    }

    private static Peer beside(Path library, List<String> command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("LD_LIBRARY_PATH", library.toString());
        return new Peer(builder);
    }

    static Path programPath() {
        return Path.of(program());
    }

    private static List<String> java(Path classes, Path testClasses, Path library, String main) {
        return List.of(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData",
                "-Xshare:auto", "--enable-native-access=ALL-UNNAMED", "-Dtetrapylon.library=" + library,
                "-cp", classes + ":" + testClasses, main);
    }

    private static Path classes() {
        return Path.of(System.getProperty("tetrapylon.classes"));
    }

    /** Starts the Java peer of the QNX tests. */
    static Peer java(Object... arguments) throws IOException {
        return new Peer(with(java(classes(), classes().resolveSibling("test-classes"), Path.of(System.getProperty("tetrapylon.library")),
                "org.tetrapylon.qnx.QnxPeer"), arguments));
    }

    /** Starts a Java program of these tests as the user nobody, from copies that this user can read. */
    static Peer javaAsNobody(Path copies, String main, Object... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(copies.resolve("safety_peer").toString(), "nobody"));
        command.addAll(java(copies.resolve("classes"), copies.resolve("test-classes"), copies.resolve("libtetrapylon.so"), main));
        return beside(copies, with(command, arguments));
    }

    long pid() {
        return process.pid();
    }

    /** Waits for a line that begins so, and leaves out those before. {@return the line} */
    String expect(String beginning) throws InterruptedException {
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

    /** Whether it has said such a line by now. */
    boolean hasSaid(String beginning) {
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

    void tell(String line) throws IOException {
        process.outputWriter().write(line + "\n");
        process.outputWriter().flush();
    }

    void endInput() throws IOException {
        process.outputWriter().close();
    }

    void kill() throws InterruptedException {
        process.destroyForcibly();
        assertTrue(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), "the peer does not die");
    }

    int end() throws InterruptedException {
        assertTrue(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), "the peer does not end");
        return process.exitValue();
    }

    void endWell() throws InterruptedException {
        int code = end();
        assertEquals(0, code, () -> lines.toString());
    }

    /** Waits until the condition holds, as long as it lives. */
    void until(BooleanSupplier condition) {
        Observe.until(() -> {
            hasSaid("nothing in particular");
            return condition.getAsBoolean();
        });
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
