package org.tetrapylon.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program that has ended, by itself or because its time was over. Its output, with the errors in it, goes through a
 * file, so that a grandchild which keeps the stream open cannot hold the test.
 *
 * @param inTime whether it ended by itself
 * @param exitCode what it returned; 128 and more for a signal
 * @param output what it and its children wrote
 */
public record Finished(boolean inTime, int exitCode, String output) {

    public static Finished of(Duration limit, List<String> command) throws IOException, InterruptedException {
        return of(limit, new ProcessBuilder(command));
    }

    /** Starts the program, waits for it, and kills it with its descendants when the limit is over. */
    public static Finished of(Duration limit, ProcessBuilder builder) throws IOException, InterruptedException {
        Path output = Files.createTempFile("tetrapylon-test", ".out");
        try {
            Process process = builder.redirectErrorStream(true)
                    .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                    .redirectOutput(output.toFile())
                    .start();
            boolean inTime;
            try {
                inTime = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
            } finally {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
            return new Finished(inTime, process.waitFor(), new String(Files.readAllBytes(output)));
        } finally {
            Files.delete(output);
        }
    }
}
