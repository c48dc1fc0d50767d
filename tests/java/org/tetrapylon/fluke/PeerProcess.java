package org.tetrapylon.fluke;

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

/** A process at the other end: fluke_peer in C or in Java. Killed when closed. */
final class PeerProcess implements AutoCloseable {

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
    static String freshName() {
        return "tetrapylon-test-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
    }

    /** Starts a peer. language: "c" or "java". */
    static PeerProcess start(String language, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        if (language.equals("c")) {
            command.add(System.getProperty("tetrapylon.programs") + "/interop/fluke_peer");
        } else {
            Path classes = Path.of(System.getProperty("tetrapylon.classes"));
            command.addAll(List.of(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
                    "--enable-native-access=ALL-UNNAMED", "-Dtetrapylon.library=" + System.getProperty("tetrapylon.library"),
                    "-cp", classes + ":" + classes.resolveSibling("test-classes"), FlukePeer.class.getName()));
        }
        command.addAll(List.of(arguments));
        return new PeerProcess(command);
    }

    long pid() {
        return process.pid();
    }

    /** Waits for a line that begins so, and leaves out those before. {@return the line} */
    String expect(String beginning) throws InterruptedException {
        List<String> others = new ArrayList<>();
        while (true) {
            String line = lines.poll(Scene.LIMIT.toSeconds(), TimeUnit.SECONDS);
            if (line != null && line.startsWith(beginning)) {
                return line;
            }
            if (line == null || line.equals(END)) {
                fail("the peer has not said \"" + beginning + "\" but " + others + (line == null ? "" : ", and ended"));
            }
            others.add(line);
        }
    }

    /** kill -9, and waits until it is gone. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        assertTrue(process.waitFor(Scene.LIMIT.toSeconds(), TimeUnit.SECONDS), "the peer does not die");
    }

    /** Waits for its end. {@return its exit code} */
    int end() throws InterruptedException {
        assertTrue(process.waitFor(Scene.LIMIT.toSeconds(), TimeUnit.SECONDS), "the peer does not end");
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
