package org.tetrapylon.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;

/** Reading, writing and waiting on a descriptor, for threads of both kinds. Heap memory goes through a copy. */
public final class FdTransfer {

    /** Heap memory is read and written in pieces of at most so many bytes. */
    private static final long COPY_LIMIT = 1 << 16;

    private FdTransfer() {}

    /** {@return a result that is not negative} Throws what a negative errno means. */
    public static long check(String call, long result) {
        if (result < 0) {
            throw failure(call, (int) result);
        }
        return result;
    }

    /** {@return the exception for a negative errno} */
    public static TetrapylonException failure(String call, int error) {
        return error == -Errno.EINTR ? new InterruptedCallException(call)
                : error == -Errno.ETIMEDOUT ? new DeadlineException(call)
                : new TetrapylonException(call, error);
    }

    /** As {@code Fd.read}; position -1: where the descriptor stands. */
    public static long read(Descriptor descriptor, MemorySegment bytes, long position) {
        if (bytes.isReadOnly()) {
            throw new IllegalArgumentException("the memory to read into is read-only");
        }
        if (bytes.isNative()) {
            return transfer("read", true, descriptor, bytes, position);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(Math.min(bytes.byteSize(), COPY_LIMIT));
            long count = transfer("read", true, descriptor, copy, position);
            MemorySegment.copy(copy, 0, bytes, 0, count);
            return count;
        }
    }

    /** As {@code Fd.write}; position -1: where the descriptor stands. */
    public static long write(Descriptor descriptor, MemorySegment bytes, long position) {
        if (bytes.isNative()) {
            return transfer("write", false, descriptor, bytes, position);
        }
        try (Arena arena = Arena.ofConfined()) {
            long size = Math.min(bytes.byteSize(), COPY_LIMIT);
            MemorySegment copy = arena.allocate(size).copyFrom(bytes.asSlice(0, size));
            return transfer("write", false, descriptor, copy, position);
        }
    }

    private static long transfer(String call, boolean reads, Descriptor descriptor, MemorySegment bytes, long position) {
        if (!descriptor.enter()) {
            throw new TetrapylonException(call, Errno.EBADF);
        }
        try {
            boolean parks = Thread.currentThread().isVirtual() && position == tetrapylon_h.TPY_FD_NO_POSITION();
            for (;;) {
                long result = parks ? once(reads, descriptor, bytes, position, 0)
                        : asleep(reads, descriptor, bytes, position);
                if (result == -Errno.EAGAIN) {
                    int event = reads ? tetrapylon_h.TPY_FD_READABLE() : tetrapylon_h.TPY_FD_WRITABLE();
                    result = descriptor.await(event, Deadline.NEVER);
                    if (result == -Errno.EPERM) { // a file on disk, whose data are on their way
                        parks = false;
                        continue;
                    }
                    if (result >= 0) {
                        continue;
                    }
                }
                if (result == -Errno.EINTR) {
                    int reason = descriptor.reasonToLeave();
                    if (reason == 0) {
                        continue;
                    }
                    result = reason;
                }
                return check(call, result);
            }
        } finally {
            descriptor.leave();
        }
    }

    private static long asleep(boolean reads, Descriptor descriptor, MemorySegment bytes, long position) {
        Sleeper sleeper = Sleeper.mine();
        try {
            return sleeper.lieDown(descriptor) ? once(reads, descriptor, bytes, position, 1) : -Errno.EINTR;
        } finally {
            sleeper.getUp();
        }
    }

    private static long once(boolean reads, Descriptor descriptor, MemorySegment bytes, long position, int wait) {
        int number = descriptor.number();
        return reads ? tetrapylon_h.tpy_fd_read(number, bytes, bytes.byteSize(), position, wait)
                : tetrapylon_h.tpy_fd_write(number, bytes, bytes.byteSize(), position, wait);
    }

    /** As {@code Fd.poll}. */
    public static int poll(Descriptor descriptor, int events, long deadline) {
        if (!descriptor.enter()) {
            throw new TetrapylonException("poll", Errno.EBADF);
        }
        try {
            int now = tetrapylon_h.tpy_fd_poll(descriptor.number(), events, 0);
            return (int) check("poll", now != 0 || deadline != Deadline.NEVER && Deadline.left(deadline) == 0 ? now
                    : descriptor.await(events, deadline));
        } finally {
            descriptor.leave();
        }
    }
}
