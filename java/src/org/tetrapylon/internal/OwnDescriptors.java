package org.tetrapylon.internal;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * Finds the descriptor behind a channel of the JDK, which tells nobody. What is known of the channel from the inside is
 * compared with what the kernel tells of each descriptor from the outside ({@code /proc/self/fdinfo}).
 */
public final class OwnDescriptors {

    /** The position a channel is moved to lies between this and twice this: beyond all data, within what files allow. */
    private static final long FAR = 1L << 40;

    private OwnDescriptors() {}

    /** {@return a duplicate of the channel's descriptor, or a negative errno} */
    public static int duplicateOf(FileChannel channel) throws IOException {
        synchronized (OwnDescriptors.class) {
            long before;
            try {
                before = channel.position();
            } catch (IOException e) {
                return channel.isOpen() ? -Errno.ENOTSUP : -Errno.EBADF;
            }
            long mark = FAR + ThreadLocalRandom.current().nextLong(FAR);
            try {
                channel.position(mark);
                return duplicateOfOneAt(mark);
            } finally {
                channel.position(before);
            }
        }
    }

    private static int duplicateOfOneAt(long mark) throws IOException {
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/self/fdinfo"))) {
            for (Path descriptor : descriptors) {
                if (standsAt(descriptor, mark)) {
                    int copy = tetrapylon_h.tpy_fd_duplicate(Integer.parseInt(descriptor.getFileName().toString()));
                    // Another thread may have closed it, and the number come to mean something else.
                    if (copy < 0 || standsAt(Path.of("/proc/self/fdinfo/" + copy), mark)) {
                        return copy;
                    }
                    tetrapylon_h.tpy_fd_close(copy);
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return -Errno.ENOTSUP;
    }

    private static boolean standsAt(Path information, long position) throws IOException {
        try {
            return Files.readString(information).startsWith("pos:\t" + position + "\n");
        } catch (IOException e) {
            return false; // closed meanwhile
        }
    }
}
