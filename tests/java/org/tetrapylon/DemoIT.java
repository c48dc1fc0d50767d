package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.support.Finished;

/** {@code scripts/demo} goes well, and says so when something does not. */
@Timeout(180)
class DemoIT {

    /** More than the demo allows itself. */
    private static final Duration LIMIT = Duration.ofSeconds(150);
    private static final Path PROGRAMS = Path.of("target/programs/demo").toAbsolutePath();

    @Test
    void everyPairIsRight() throws Exception {
        Finished demo = Finished.of(LIMIT, List.of("scripts/demo"));
        assertEquals(0, demo.exitCode(), demo.output());
        assertFalse(demo.output().contains("WRONG"), demo.output());
        for (String pair : List.of("QNX Neutrino +C +C ", "QNX Neutrino +C +Java ", "QNX Neutrino +Java +C ", "QNX Neutrino +Java +Java ",
                "mmlib +C +Java ", "mmlib +Java +C ", "L4 V2 +C +C ", "L4 V2 +C +Java ", "L4 V2 +Java +C ", "L4 V2 +Java +Java ",
                "Fluke +C +C ", "Fluke +C +Java ", "Fluke +Java +C ", "Fluke +Java +Java ")) {
            assertTrue(demo.output().lines().anyMatch(line -> line.matches(pair + ".*\\d ns|" + pair + ".*\\d us")),
                    pair + "is not in the table:\n" + demo.output());
        }
    }

    @Test
    void aServerThatGoesAwayIsWrong(@TempDir Path folder) throws Exception {
        Path program = Files.writeString(folder.resolve("qnx"), """
                #!/bin/sh
                if [ "$1" = serve ]; then echo ready; exit 0; fi
                exec %s/qnx "$@"
                """.formatted(PROGRAMS));
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        Finished demo = Finished.of(LIMIT, List.of(PROGRAMS.resolve("demo").toString(), "--c", folder.toString(), "qnx"));
        assertEquals(1, demo.exitCode(), demo.output());
        assertTrue(demo.output().contains("1 of 1 pairs went WRONG"), demo.output());
    }

    @Test
    void anUnknownGateIsWrongUse() throws Exception {
        Finished demo = Finished.of(LIMIT, List.of(PROGRAMS.resolve("demo").toString(), "--c", PROGRAMS.toString(), "abc"));
        assertEquals(2, demo.exitCode(), demo.output());
        assertTrue(demo.output().contains("there is no gate \"abc\"; there are qnx, "), demo.output());
    }

    /** As by Ctrl-C: the signal is what it ends by, its programs are gone, and so is its directory. */
    @Test
    void anInterruptLeavesNothing(@TempDir Path folder) throws Exception {
        Path program = Files.writeString(folder.resolve("qnx"), """
                #!/bin/sh
                echo "$$ $TETRAPYLON_DIR" >>%s/started
                echo ready
                exec sleep 1000
                """.formatted(folder));
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        Process demo = new ProcessBuilder(PROGRAMS.resolve("demo").toString(), "--c", folder.toString(), "qnx")
                .redirectErrorStream(true).redirectOutput(folder.resolve("output").toFile()).start();
        try {
            Path started = folder.resolve("started");
            while (!Files.exists(started) || Files.readAllLines(started).size() < 2) { // the server and the client
                assertTrue(demo.isAlive(), "the demo has ended");
                Thread.onSpinWait();
            }
            List<String[]> programs = Files.readAllLines(started).stream().map(line -> line.split(" ")).toList();
            assertTrue(Files.isDirectory(Path.of(programs.getFirst()[1])), "the directory is there: " + programs.getFirst()[1]);
            new ProcessBuilder("kill", "-INT", Long.toString(demo.pid())).start().waitFor();
            assertTrue(demo.waitFor(5, TimeUnit.SECONDS), "the demo does not end");
            assertEquals(128 + 2, demo.exitValue());
            for (String[] one : programs) {
                assertFalse(ProcessHandle.of(Long.parseLong(one[0])).isPresent(), "process " + one[0] + " is still there");
                assertFalse(Files.exists(Path.of(one[1])), one[1] + " is still there");
            }
        } finally {
            demo.destroyForcibly();
        }
    }
}
