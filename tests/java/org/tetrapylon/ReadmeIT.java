package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compiles and runs the programs in README.md as it says: each code block that begins with a comment that is a file's name, against the
 * installed tree. What the page names must be there.
 */
@Timeout(120)
class ReadmeIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Path README = Path.of("README.md");
    private static final Pattern PROGRAM =
            Pattern.compile("```(?:c|java)\\n((?:/\\* (\\w+\\.c) \\*/|// (\\w+\\.java))\\n.*?)```", Pattern.DOTALL);
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)\\)");
    private static final Pattern SCRIPT = Pattern.compile("scripts/[a-z-]+");

    @TempDir
    static Path directory;

    private static Path installed;

    @BeforeAll
    static void extract() throws Exception {
        installed = directory.resolve("installed");
        run("scripts/install", installed.toString());
        Matcher program = PROGRAM.matcher(Files.readString(README));
        while (program.find()) {
            Files.writeString(directory.resolve(program.group(2) != null ? program.group(2) : program.group(3)), program.group(1));
        }
        for (String name : List.of("server", "client")) {
            run(System.getProperty("tetrapylon.compiler"), "-Wall", "-Wextra", "-Werror", "-I" + installed + "/include", "-o",
                    directory.resolve(name).toString(), directory.resolve(name + ".c").toString(), "-L" + installed + "/lib",
                    "-ltetrapylon");
        }
    }

    @Test
    void theServerInCAnswersTheClientInJava() throws Exception {
        assertEquals("hello from Java", talk(List.of(directory.resolve("server").toString()), java("Client.java")));
    }

    @Test
    void theServerInJavaAnswersTheClientInC() throws Exception {
        assertEquals("hello from C", talk(java("Server.java"), List.of(directory.resolve("client").toString())));
    }

    @Test
    void theStatesCommandShowsTheServer() throws Exception {
        Path folder = Files.createTempDirectory(directory, "run");
        Process server = start(List.of(directory.resolve("server").toString()), folder);
        try {
            String pid = Long.toString(server.pid());
            Finished states;
            do {
                states = Finished.of(LIMIT, inFolder(List.of(java25(), "-jar", jar(), "states", pid), folder));
            } while (!states.output().contains("RECEIVE"));
            assertTrue(states.exitCode() == 0, states.output());
            assertTrue(!states.output().contains("WARNING"), "the manifest allows native access: " + states.output());
        } finally {
            server.destroyForcibly().waitFor();
        }
    }

    @Test
    void whatItNamesIsThere() throws Exception {
        String text = Files.readString(README);
        LINK.matcher(text).results().map(link -> Path.of(link.group(1)))
                .forEach(path -> assertTrue(Files.exists(path), path + " does not exist"));
        SCRIPT.matcher(text).results().map(script -> Path.of(script.group()))
                .forEach(path -> assertTrue(Files.isExecutable(path) || Files.isDirectory(path), path + " cannot be run"));
    }

    /** Runs the client, again and again until the server has its name, and returns what it says. Names are this test's own. */
    private static String talk(List<String> server, List<String> client) throws Exception {
        Path folder = Files.createTempDirectory(directory, "run");
        Process started = start(server, folder);
        try {
            Finished finished;
            do {
                assertTrue(started.isAlive(), "the server has ended");
                finished = Finished.of(LIMIT, inFolder(client, folder));
            } while (finished.exitCode() != 0);
            return finished.output().strip();
        } finally {
            started.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
    }

    private static Process start(List<String> command, Path folder) throws Exception {
        return inFolder(command, folder).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.INHERIT).start();
    }

    private static ProcessBuilder inFolder(List<String> command, Path folder) {
        ProcessBuilder builder = new ProcessBuilder(command);
        Map<String, String> environment = new HashMap<>(Map.of("TETRAPYLON_DIR", folder.toString(), "LD_LIBRARY_PATH", installed + "/lib"));
        builder.environment().putAll(environment);
        return builder;
    }

    private static List<String> java(String program) {
        return List.of(java25(), "--enable-native-access=ALL-UNNAMED", "-cp", jar(), directory.resolve(program).toString());
    }

    private static String java25() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    private static String jar() {
        return installed.resolve("share/java/tetrapylon.jar").toString();
    }

    private static void run(String... command) throws Exception {
        Finished finished = Finished.of(LIMIT, List.of(command));
        assertEquals(0, finished.exitCode(), () -> String.join(" ", command) + "\n" + finished.output());
    }
}
