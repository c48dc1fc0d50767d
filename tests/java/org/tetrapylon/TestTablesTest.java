package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The pages docs/GATE-tests.md name, sentence by sentence, the tests that prove it. Each name must lead to a test that is there: THEME/CASE to
 * a case of tests/c/test_GATE_THEME.c, Class.method to a test of the gate's package, after another package's name to one of that package's
 * ("tetrapylon" is the one above). What follows without a theme or class has that of the name before; a star stands for anything.
 */
@Timeout(30)
class TestTablesTest {

    private static final Pattern CASE = Pattern.compile("\\b(?:QNX_)?CASE(?:_LIMIT)?\\((\\w+)");
    private static final Pattern IN_C = Pattern.compile("(?:(\\w+)/)?([a-z0-9_*]+)");
    private static final Pattern IN_JAVA = Pattern.compile("(?:(?:(\\w+) )?([A-Z]\\w*(?:Test|IT))(?:\\.|$))?([a-zA-Z0-9*]*)");
    private static final Pattern REMARK = Pattern.compile("\\([^()]*\\)");
    private static final Pattern COMMAND = Pattern.compile("`[^`]*`(?:, cases? `[^`]*`( and `[^`]*`)?)?");

    private final List<String> wrong = new ArrayList<>();
    private int found;

    @ParameterizedTest
    @ValueSource(strings = {"mm", "qnx"})
    void everyTestThatAPageNamesIsThere(String gate) throws IOException {
        int language = 0; // of the columns behind the first: 0 no table, 1 C and Java, 2 Java alone
        for (String line : Files.readAllLines(Path.of("docs", gate + "-tests.md"))) {
            if (!line.startsWith("|")) {
                language = 0;
                continue;
            }
            String[] cells = line.substring(1).replaceAll("\\\\([*_])", "$1").split("\\|", -1);
            if (language == 0) {
                language = cells.length > 3 ? 1 : 2;
                assertEquals(language == 1 ? "C" : "tests", cells[1].strip(), line);
                continue;
            }
            if (!cells[1].startsWith("---")) {
                assertTrue(!cells[1].isBlank(), "nothing proves: " + line);
                if (language == 1) {
                    inC(gate, cells[1]);
                }
                inJava(gate, cells[language == 1 ? 2 : 1]);
            }
        }
        assertEquals(List.of(), wrong);
        assertTrue(found > 50, found + " tests named");
    }

    private static List<String> names(String cell) {
        String bare = cell;
        while (REMARK.matcher(bare).find()) {
            bare = REMARK.matcher(bare).replaceAll("");
        }
        return Stream.of(COMMAND.matcher(bare).replaceAll("").split("[,;]")).map(String::strip)
                .filter(name -> !name.isEmpty() && !name.equals("the same")).toList();
    }

    private static boolean matches(Set<String> there, String wanted) {
        Pattern pattern = Pattern.compile(wanted.replace("*", ".*"));
        return there.stream().anyMatch(name -> pattern.matcher(name).matches());
    }

    private void inC(String gate, String cell) throws IOException {
        String theme = null;
        for (String name : names(cell)) {
            Matcher it = IN_C.matcher(name);
            if (name.startsWith("tests/") || name.endsWith(".c")) {
                theme = name.startsWith("tests/") ? name.replaceFirst("/[^/]*$", "/") : theme;
                expect(Files.exists(Path.of(name.startsWith("tests/") ? name : theme + name)), name);
            } else if (it.matches() && (it.group(1) != null || theme != null)) {
                theme = it.group(1) != null ? it.group(1) : theme;
                Path file = Path.of("tests/c/test_" + gate + "_" + theme + ".c");
                expect(Files.exists(file) && matches(found(CASE, file), it.group(2)), theme + "/" + it.group(2));
            } else {
                wrong.add("not understood: " + name);
            }
        }
    }

    private void inJava(String gate, String cell) throws IOException {
        Path file = null;
        for (String name : names(cell)) {
            Matcher it = IN_JAVA.matcher(name);
            if (!it.matches() || (it.group(2) == null && file == null)) {
                wrong.add("not understood: " + name);
                continue;
            }
            if (it.group(2) != null) {
                String place = it.group(1) == null ? gate + "/" : it.group(1).equals("tetrapylon") ? "" : it.group(1) + "/";
                file = Path.of("tests/java/org/tetrapylon/" + place + it.group(2) + ".java");
            }
            String method = it.group(3);
            expect(Files.exists(file) && (method.isEmpty() || matches(tests(file), method)), file.getFileName() + " " + method);
        }
    }

    private void expect(boolean holds, String name) {
        found++;
        if (!holds) {
            wrong.add("there is no " + name);
        }
    }

    private static Set<String> found(Pattern pattern, Path file) throws IOException {
        Set<String> all = new TreeSet<>();
        pattern.matcher(Files.readString(file)).results().forEach(it -> all.add(it.group(1)));
        return all;
    }

    /** Methods that JUnit runs: after an annotation that says so, perhaps with others between. */
    private static Set<String> tests(Path file) throws IOException {
        return found(Pattern.compile("@(?:Test|ParameterizedTest|TestFactory|RepeatedTest)\\b[^{;]*?(?:\\{[^}]*\\}[^{;]*?)?\\b(\\w+)\\([^()]*\\)\\s*(?:throws [\\w., ]+)?\\{"),
                file);
    }
}
