package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Other processes that the tests talk to. What a failed test leaves running ends with this process. */
final class Processes {

    private static final Path PEER = Path.of(System.getProperty("tetrapylon.programs"), "interop", "mm_peer");
    private static final Set<Process> STARTED = ConcurrentHashMap.newKeySet();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> STARTED.forEach(Process::destroyForcibly)));
    }

    private Processes() {}

    /** The C program, with its standard error on ours. */
    static Process peer(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(PEER.toString()));
        command.addAll(List.of(arguments));
        return start(new ProcessBuilder(command));
    }

    /** The same program with the original library in place of ours. */
    static Process originalPeer(Path library, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(PEER.toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("LD_PRELOAD", library.toAbsolutePath().toString());
        return start(builder);
    }

    /** The Java program, in a JVM of its own. */
    static Process javaPeer(String... arguments) throws Exception {
        return start(java(List.of(), JavaPeer.class, arguments));
    }

    private static Process start(ProcessBuilder builder) throws Exception {
        Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        STARTED.add(process);
        return process;
    }

    /** A JVM that is to run a class of these tests. */
    static ProcessBuilder java(List<String> options, Class<?> main, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED",
                "-Dtetrapylon.library=" + System.getProperty("tetrapylon.library"),
                "-cp", System.getProperty("tetrapylon.classes") + ":" + classesOf(main)));
        command.addAll(options);
        command.add(main.getName());
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }

    private static Path classesOf(Class<?> type) throws Exception {
        String file = type.getName().replace('.', '/') + ".class";
        String path = Path.of(type.getResource("/" + file).toURI()).toString();
        return Path.of(path.substring(0, path.length() - file.length()));
    }

    /** Waits until the program has said so. */
    static void awaitReady(Process process) throws Exception {
        assertEquals("ready", process.inputReader().readLine());
    }
}
