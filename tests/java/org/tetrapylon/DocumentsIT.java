package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.tetrapylon.support.Finished;

/**
 * Compiles and runs the programs in README.md and docs as they stand there, against the installed tree: each block of C or Java is a program
 * and begins with a comment that is its file's name. What the pages name must be there.
 */
@Timeout(120)
class DocumentsIT {

    private static final Pattern BLOCK = Pattern.compile("```(?:c|java)\\n(.*?)```", Pattern.DOTALL);
    private static final Pattern NAME = Pattern.compile("/\\* (\\w+\\.c) \\*/|// (\\w+\\.java)");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)\\)");
    private static final Pattern SCRIPT = Pattern.compile("scripts/[a-z-]+");
    private static final Pattern TEST_FILE = Pattern.compile("`(\\w+\\.c|\\w*[a-z](?:Test|IT))`");
    private static final Pattern CASE = Pattern.compile("\\b([a-z][a-z0-9_]*)/[a-z0-9_*]+");
    private static final String README = "README.md";
    /** The one block that is no program: a list of declarations. */
    private static final String SYNOPSIS = "#include <mmsysio.h>\n\nstruct mm_ipc_srv *mm_ipc_srv_create(const char *addr);\n";

    /** A server and a client of one page, and what the client then prints. */
    record Pair(String page, String server, String client, String output) {}

    private static final List<Pair> PAIRS = List.of(
            new Pair(README, "server.c", "Client.java", "hello from Java"),
            new Pair(README, "Server.java", "client.c", "hello from C"),
            new Pair("docs/qnx.md", "echo.c", "hello.c", "hello"),
            new Pair("docs/java.md", "Echo.java", "Hello.java", "hello, 5 bytes"),
            new Pair("docs/l4.md", "adder.c", "Ask.java", "42"),
            new Pair("docs/l4.md", "Adder.java", "ask.c", "42"),
            new Pair("docs/fluke.md", "echo.c", "Hello.java", "hello!!"),
            new Pair("docs/fluke.md", "Echo.java", "hello.c", "hello!!"),
            new Pair("docs/mm.md", "writer.c", "Lend.java", "hello from Java"),
            new Pair("docs/mm.md", "Writer.java", "lend.c", "hello from C"));

    @TempDir
    static Path directory;

    private static Installed installed;

    @BeforeAll
    static void install() throws Exception {
        installed = Installed.in(directory);
    }

    static List<Pair> pairs() {
        return PAIRS;
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void theServerAnswersTheClient(Pair pair) throws Exception {
        Path folder = Files.createTempDirectory(directory, "run");
        List<String> client = command(pair, pair.client(), folder);
        Process server = start(command(pair, pair.server(), folder), folder);
        try {
            Finished finished;
            do { // until the server has its name
                assertTrue(server.isAlive(), "the server has ended");
                finished = Finished.of(Installed.LIMIT, inFolder(client, folder));
            } while (finished.exitCode() != 0);
            assertEquals(pair.output(), finished.output().strip());
        } finally {
            server.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void everyProgramIsRun() throws Exception {
        Set<String> run = new HashSet<>();
        PAIRS.forEach(pair -> run.addAll(List.of(pair.page() + " " + pair.server(), pair.page() + " " + pair.client())));
        for (Path page : pages()) {
            for (String block : blocks(page)) {
                assertTrue(block.startsWith(SYNOPSIS) || run.contains(page + " " + name(block)), page + ": nobody runs\n" + block);
            }
        }
    }

    @Test
    void theStatesCommandShowsTheServer() throws Exception {
        Path folder = Files.createTempDirectory(directory, "run");
        Process server = start(command(PAIRS.getFirst(), PAIRS.getFirst().server(), folder), folder);
        try {
            String pid = Long.toString(server.pid());
            Finished states;
            do {
                states = Finished.of(Installed.LIMIT, inFolder(List.of(Installed.jdkTool("java"), "-jar", installed.jar(), "states", pid), folder));
            } while (!states.output().contains("RECEIVE"));
            assertTrue(states.exitCode() == 0, states.output());
            assertTrue(!states.output().contains("WARNING"), "the manifest allows native access: " + states.output());
        } finally {
            server.destroyForcibly().waitFor();
        }
    }

    @Test
    void whatTheyNameIsThere() throws Exception {
        Set<String> tests = new HashSet<>();
        try (Stream<Path> files = Files.walk(Path.of("tests"))) {
            files.map(file -> file.getFileName().toString()).forEach(name -> tests.add(name.replace(".java", "")));
        }
        for (Path page : pages()) {
            String text = Files.readString(page);
            LINK.matcher(text).results().map(link -> page.resolveSibling(link.group(1)))
                    .forEach(path -> assertTrue(Files.exists(path), page + ": " + path + " does not exist"));
            SCRIPT.matcher(text).results().map(script -> Path.of(script.group()))
                    .forEach(path -> assertTrue(Files.isExecutable(path) || Files.isDirectory(path), page + ": " + path + " cannot be run"));
            TEST_FILE.matcher(text).results().map(test -> test.group(1)).filter(test -> !test.endsWith(".c") || test.startsWith("test_"))
                    .forEach(test -> assertTrue(tests.contains(test), page + ": there is no " + test));
        }
    }

    /** THEME/CASE, in docs/qnx.md without its "qnx_"; a star stands for anything. */
    @Test
    void theCasesTheyNameAreThere() throws Exception {
        List<String> cases;
        try (Stream<Path> programs = Files.walk(Path.of("target/test-nar/bin"))) {
            Path program = programs.filter(file -> file.endsWith("tetrapylon-tests")).findFirst().orElseThrow();
            cases = Finished.of(Installed.LIMIT, List.of(program.toString(), "--list")).output().lines().map(line -> line.split("\t")[0]).toList();
        }
        Set<String> themes = new HashSet<>(cases.stream().map(name -> name.split("/")[0]).toList());
        int found = 0;
        for (Path page : pages()) {
            String prefix = page.endsWith("qnx.md") ? "qnx_" : "";
            for (MatchResult named : CASE.matcher(Files.readString(page).replace("\\*", "*")).results().toList()) {
                if (themes.contains(prefix + named.group(1))) {
                    String wanted = prefix + named.group().replace("*", ".*") + "(_by_threads)?";
                    assertTrue(cases.stream().anyMatch(name -> name.matches(wanted)), page + ": there is no case " + named.group());
                    found++;
                }
            }
        }
        assertTrue(found > 50, found + " cases named");
    }

    private static List<Path> pages() throws Exception {
        try (Stream<Path> docs = Files.walk(Path.of("docs"))) {
            return Stream.concat(Stream.of(Path.of(README), Path.of("CHANGELOG.md")), docs.filter(file -> file.toString().endsWith(".md"))).toList();
        }
    }

    private static List<String> blocks(Path page) throws Exception {
        return BLOCK.matcher(Files.readString(page)).results().map(block -> block.group(1)).toList();
    }

    /** {@return the file's name that a block begins with, or nothing} */
    private static String name(String block) {
        Matcher name = NAME.matcher(block);
        return !name.lookingAt() ? "" : name.group(1) != null ? name.group(1) : name.group(2);
    }

    /** Writes the program into the folder, compiles it if it is in C, and returns how it is run. */
    private static List<String> command(Pair pair, String name, Path folder) throws Exception {
        String text = blocks(Path.of(pair.page())).stream().filter(block -> name(block).equals(name)).findFirst().orElseThrow();
        // Names of mmlib's are everybody's on this machine.
        text = text.replace("\"example\"", "\"example-" + ProcessHandle.current().pid() + "\"");
        Path source = Files.writeString(folder.resolve(name), text);
        if (name.endsWith(".java")) {
            return List.of(Installed.jdkTool("java"), "--enable-native-access=ALL-UNNAMED", "-cp", installed.jar(), source.toString());
        }
        Path program = folder.resolve(name.replace(".c", ""));
        Installed.run(Installed.compiler(), "-Wall", "-Wextra", "-Werror", "-I" + installed.tree() + "/include", "-o", program.toString(),
                source.toString(), "-L" + installed.tree() + "/lib", "-ltetrapylon");
        return List.of(program.toString());
    }

    private static Process start(List<String> command, Path folder) throws Exception {
        return inFolder(command, folder).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.INHERIT).start();
    }

    private static ProcessBuilder inFolder(List<String> command, Path folder) {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().putAll(Map.of("TETRAPYLON_DIR", folder.toString(), "LD_LIBRARY_PATH", installed.tree() + "/lib"));
        return builder;
    }
}
