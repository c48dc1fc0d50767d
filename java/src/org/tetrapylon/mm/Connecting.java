package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.mm.mmsysio_h;
import org.tetrapylon.internal.Deadline;
import org.tetrapylon.internal.FdAccess;
import org.tetrapylon.internal.FdTransfer;
import org.tetrapylon.internal.Sleeper;

/**
 * Connecting to a name. How one waits for a server is the native side's knowledge: so a virtual thread that has to wait lends
 * itself a platform thread for it.
 */
final class Connecting {

    private static final String CALL = "mm_ipc_connect";
    private static final long MILLISECOND = 1_000_000;

    private Connecting() {}

    static Fd connect(String name, long deadline) {
        int result = Thread.currentThread().isVirtual() ? connectParked(name, deadline) : connectAsleep(name, deadline);
        if (result < 0) {
            throw FdTransfer.failure(CALL, result);
        }
        return FdAccess.own(result);
    }

    /** A name as C has it. One with a NUL in it cannot be told from a shorter one. */
    static MemorySegment nameIn(Arena arena, String call, String name) {
        if (name.indexOf('\0') >= 0) {
            throw new TetrapylonException(call, Errno.EINVAL, "a NUL in the name");
        }
        return arena.allocateFrom(name);
    }

    private static int connectAsleep(String name, long deadline) {
        Sleeper sleeper = Sleeper.mine();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = nameIn(arena, CALL, name);
            for (;;) {
                int limit = milliseconds(deadline);
                int result = -Errno.EINTR;
                try {
                    if (sleeper.lieDown(null)) {
                        result = mmsysio_h.tpy_mm_connect(address, limit);
                    }
                } finally {
                    sleeper.getUp();
                }
                boolean goesOn = result == -Errno.EINTR && !Thread.currentThread().isInterrupted()
                        || result == -Errno.ETIMEDOUT && Deadline.left(deadline) > 0;
                if (!goesOn) {
                    return result;
                }
            }
        }
    }

    /** What is left of the time, rounded up; -1 for no limit. */
    private static int milliseconds(long deadline) {
        long left = Deadline.left(deadline);
        return left < 0 ? -1 : (int) Math.min(Integer.MAX_VALUE, left / MILLISECOND + (left % MILLISECOND == 0 ? 0 : 1));
    }

    private static int connectParked(String name, long deadline) {
        try (Arena arena = Arena.ofConfined()) {
            int result = mmsysio_h.tpy_mm_connect(nameIn(arena, CALL, name), 0);
            if (result != -Errno.ETIMEDOUT || Deadline.left(deadline) == 0) {
                return result;
            }
        }
        CompletableFuture<Integer> outcome = new CompletableFuture<>();
        Thread helper = Thread.ofPlatform().daemon().name("tetrapylon-connect").start(() -> {
            try {
                outcome.complete(connectAsleep(name, deadline));
            } catch (Throwable e) {
                outcome.completeExceptionally(e);
            }
        });
        boolean interrupted = false;
        try {
            for (;;) {
                try {
                    int result = outcome.get();
                    if (interrupted && result >= 0) {
                        tetrapylon_h.tpy_fd_close(result);
                    }
                    return interrupted ? -Errno.EINTR : result;
                } catch (InterruptedException e) {
                    interrupted = true;
                    helper.interrupt();
                } catch (ExecutionException e) {
                    throw e.getCause() instanceof RuntimeException it ? it : new IllegalStateException(e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
