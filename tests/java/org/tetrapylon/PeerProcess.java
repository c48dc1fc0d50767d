package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A process at the other end, in C or in Java. Killed when closed. */
public final class PeerProcess implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final String END = "(end)";

    private final Process process;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();

    private PeerProcess(List<String> command) throws IOException {
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
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

    /**
     * Starts a peer.
     *
     * @param program the one in C, of tests/interop
     * @param main the same in Java
     * @param language which: "c" or "java"
     */
    public static PeerProcess start(String program, Class<?> main, String language, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        if (language.equals("c")) {
            command.add(System.getProperty("tetrapylon.programs") + "/interop/" + program);
        } else {
            Path classes = Path.of(System.getProperty("tetrapylon.classes"));
            command.addAll(List.of(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
                    "--enable-native-access=ALL-UNNAMED", "-Dtetrapylon.library=" + System.getProperty("tetrapylon.library"),
                    "-cp", classes + ":" + classes.resolveSibling("test-classes"), main.getName()));
        }
        command.addAll(List.of(arguments));
        return new PeerProcess(command);
    }

    public long pid() {
        return process.pid();
    }

    /** Waits for a line that begins so, and leaves out those before. {@return the line} */
    public String expect(String beginning) throws InterruptedException {
        List<String> others = new ArrayList<>();
        while (true) {
            String line = lines.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
            if (line != null && line.startsWith(beginning)) {
                return line;
            }
            if (line == null || line.equals(END)) {
                fail("the peer has not said \"" + beginning + "\" but " + others + (line == null ? "" : ", and ended"));
            }
            others.add(line);
        }
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
        assertTrue(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS), "the peer does not die");
    }

    /** Waits for its end. {@return its exit code} */
    public int end() throws InterruptedException {
        assertTrue(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS), "the peer does not end");
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
