package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.Finished;

/** The Java programs in docs/l4.md do what the page says, and fit in ten lines each. */
@Timeout(60)
class DocumentTest {

    private static final Duration LIMIT = Duration.ofSeconds(40);
    private static final Pattern PROGRAM = Pattern.compile("```java\\n// (\\w+\\.java)\\n(.*?)```", Pattern.DOTALL);
    private static final Pattern MAIN = Pattern.compile("void main.*", Pattern.DOTALL);

    @TempDir
    static Path directory;

    private static ProcessBuilder java(String program) {
        ProcessBuilder builder = new ProcessBuilder(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-Dtetrapylon.library=" + System.getProperty("tetrapylon.library"), "-cp",
                System.getProperty("tetrapylon.classes"), directory.resolve(program).toString()));
        builder.environment().put("TETRAPYLON_DIR", directory.toString());
        return builder;
    }

    @Test
    void theProgramsDoWhatThePageSays() throws Exception {
        Matcher program = PROGRAM.matcher(Files.readString(Path.of("docs/l4.md")));
        int count = 0;
        for (; program.find(); count++) {
            Files.writeString(directory.resolve(program.group(1)), program.group(2));
            Matcher main = MAIN.matcher(program.group(2));
            assertTrue(main.find() && main.group().lines().count() <= 10, program.group(1) + " is longer than ten lines");
        }
        assertEquals(2, count);
        Process server = java("Adder.java").redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.INHERIT).start();
        try {
            Finished client = Finished.of(LIMIT, java("Ask.java"));
            assertEquals("42", client.output().strip());
            assertEquals(0, client.exitCode());
        } finally {
            server.destroyForcibly().waitFor();
        }
    }
}
