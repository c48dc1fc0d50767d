package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.opentest4j.TestAbortedException;
import org.tetrapylon.support.Finished;

/**
 * Runs the C tests, one JUnit test each: every case of {@code tests/c} in a process of its own, and every program
 * {@code tests/THEME/test_*.c}, which has a main of its own and uses the shared library. Exit code 0 is passed, 77 is
 * skipped, everything else is failed and prints the output.
 */
class CProgramsTest {

    private static final int EXIT_SKIPPED = 77;
    private static final Duration PROGRAM_LIMIT = Duration.ofSeconds(60);
    /** The comment with which a program asks for another limit. */
    private static final Pattern LIMIT_COMMENT = Pattern.compile("/\\* time-limit: (\\d+) s \\*/");
    /** The runner of the cases enforces their limits itself; this much later it is taken for hung. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private static final Path TEST_PROGRAM = Path.of(System.getProperty("tetrapylon.test.bin"), "tetrapylon-tests");
    private static final Path PROGRAMS = Path.of(System.getProperty("tetrapylon.programs"));
    private static final Path TESTS = Path.of("tests").toAbsolutePath();

    /** One line of {@code tetrapylon-tests --list}. */
    private record Case(String theme, String name, Duration limit) {

        static Case parse(String line) {
            String[] fields = line.split("\t");
            String[] names = fields[0].split("/");
            return new Case(names[0], names[1], Duration.ofSeconds(Long.parseLong(fields[1])));
        }
    }

    @TestFactory
    Stream<DynamicNode> cases() throws Exception {
        Map<String, List<DynamicNode>> themes = new LinkedHashMap<>();
        for (Case it : listCases()) {
            String full = it.theme + "/" + it.name;
            themes.computeIfAbsent(it.theme, theme -> new ArrayList<>())
                    .add(dynamicTest(full, () -> run(full, it.limit.plus(GRACE), TEST_PROGRAM.toString(), "--case", full)));
        }
        return themes.entrySet().stream().map(theme -> dynamicContainer(theme.getKey(), theme.getValue()));
    }

    /** A file whose cases do not register would otherwise be a test that never runs. */
    @Test
    void everyFileHasCases() throws Exception {
        try (Stream<Path> files = Files.list(TESTS.resolve("c"))) {
            TreeSet<String> themes = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".c"))
                    .map(name -> name.replaceFirst("^test_", "").replaceFirst("\\.c$", ""))
                    .collect(Collectors.toCollection(TreeSet::new));
            assertFalse(themes.isEmpty());
            assertEquals(themes, listCases().stream().map(Case::theme).collect(Collectors.toCollection(TreeSet::new)));
        }
    }

    @TestFactory
    Stream<DynamicNode> programs() throws IOException {
        List<Path> sources;
        try (Stream<Path> files = Files.walk(TESTS, 2)) {
            sources = files.filter(file -> file.getFileName().toString().matches("test_.*\\.c"))
                    .filter(file -> !file.getParent().equals(TESTS.resolve("c")))
                    .sorted()
                    .toList();
        }
        return sources.stream().map(source -> {
            String name = TESTS.relativize(source).toString().replaceFirst("\\.c$", "");
            return dynamicTest(name, () -> run(name, limitOf(source), PROGRAMS.resolve(name).toString()));
        });
    }

    private static Duration limitOf(Path source) throws IOException {
        return LIMIT_COMMENT.matcher(Files.readString(source)).results().findFirst()
                .map(match -> Duration.ofSeconds(Long.parseLong(match.group(1))))
                .orElse(PROGRAM_LIMIT);
    }

    private static List<Case> listCases() throws Exception {
        Finished list = Finished.of(PROGRAM_LIMIT, List.of(TEST_PROGRAM.toString(), "--list"));
        assertEquals(0, list.exitCode(), list.output());
        List<Case> cases = list.output().lines().map(Case::parse).toList();
        assertFalse(cases.isEmpty());
        return cases;
    }

    private static void run(String name, Duration limit, String... command) throws Exception {
        Finished finished = Finished.of(limit, List.of(command));
        if (!finished.inTime()) {
            fail(name + " has not finished after " + limit.toSeconds() + " s\n" + finished.output());
        }
        if (finished.exitCode() == EXIT_SKIPPED) {
            throw new TestAbortedException(finished.output());
        }
        if (finished.exitCode() != 0) {
            fail(name + " returned " + finished.exitCode() + "\n" + finished.output());
        }
    }
}
