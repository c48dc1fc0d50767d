package org.tetrapylon.internal;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.SelectableChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * Finds the descriptor behind a channel of the JDK, which tells nobody. What is known of the channel from the inside is
 * compared with what the kernel tells of each descriptor from the outside ({@code /proc/self/fdinfo}).
 */
public final class OwnDescriptors {

    /** The position a channel is moved to lies between this and twice this: beyond all data, within what files allow. */
    private static final long FAR = 1L << 40;

    /** How often a channel's mode is changed to find the descriptor that follows. */
    private static final int STEPS = 12;
    private static final int O_NONBLOCK = 04000;
    private static final Pattern FLAGS = Pattern.compile("^flags:\\s*([0-7]+)$", Pattern.MULTILINE);

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

    /** {@return a duplicate of the channel's descriptor, or a negative errno} */
    public static int duplicateOf(SelectableChannel channel) throws IOException {
        synchronized (OwnDescriptors.class) {
            synchronized (channel.blockingLock()) {
                if (!channel.isOpen()) {
                    return -Errno.EBADF;
                }
                if (channel.isRegistered()) {
                    return -Errno.EBUSY;
                }
                boolean before = channel.isBlocking();
                try {
                    return duplicateOfFollower(channel);
                } catch (ClosedChannelException e) {
                    return -Errno.EBADF;
                } finally {
                    if (channel.isOpen()) {
                        channel.configureBlocking(before);
                    }
                }
            }
        }
    }

    private static int duplicateOfFollower(SelectableChannel channel) throws IOException {
        List<Path> candidates = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc/self/fdinfo"))) {
            all.forEach(candidates::add);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        for (int i = 0; i < STEPS; i++) {
            // Not a regular pattern, which somebody else's channel might follow too.
            boolean blocking = i < 2 ? i == 0 : ThreadLocalRandom.current().nextBoolean();
            channel.configureBlocking(blocking);
            candidates.removeIf(descriptor -> !isBlocking(descriptor, blocking));
        }
        for (Path candidate : candidates) {
            int copy = tetrapylon_h.tpy_fd_duplicate(Integer.parseInt(candidate.getFileName().toString()));
            if (copy < 0) {
                continue;
            }
            // Another thread may have closed it, and the number come to mean something else.
            Path own = Path.of("/proc/self/fdinfo/" + copy);
            channel.configureBlocking(true);
            boolean follows = isBlocking(own, true);
            channel.configureBlocking(false);
            if (follows && isBlocking(own, false)) {
                return copy;
            }
            tetrapylon_h.tpy_fd_close(copy);
        }
        return -Errno.ENOTSUP;
    }

    private static boolean isBlocking(Path information, boolean blocking) {
        try {
            Matcher flags = FLAGS.matcher(Files.readString(information));
            return flags.find() && ((Integer.parseUnsignedInt(flags.group(1), 8) & O_NONBLOCK) == 0) == blocking;
        } catch (IOException e) {
            return false; // closed meanwhile
        }
    }

    private static boolean standsAt(Path information, long position) throws IOException {
        try {
            return Files.readString(information).startsWith("pos:\t" + position + "\n");
        } catch (IOException e) {
            return false; // closed meanwhile
        }
    }
}
