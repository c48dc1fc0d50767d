package org.tetrapylon.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What this process holds of its peers: the library's sockets, pidfds and memory objects, and its mappings of such memory. */
public record Census(long descriptors, long mappings) {

    public static Census take() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
            return new Census(Observe.descriptors().stream().map(Observe::target).filter(Census::isOfPeers).count(),
                    lines.filter(line -> line.contains("tetrapylon-")).count());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isOfPeers(String target) {
        return target.startsWith("socket:") || target.contains("pidfd") || target.contains("tetrapylon");
    }

    public boolean isWithin(Census other) {
        return descriptors <= other.descriptors && mappings <= other.mappings;
    }

    /** Waits until no more is held than this. */
    public void awaitAgain() {
        Observe.until(() -> take().isWithin(this));
    }
}
