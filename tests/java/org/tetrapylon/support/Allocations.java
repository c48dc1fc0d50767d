package org.tetrapylon.support;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;

/** Counts what a call and its answer allocate on the Java heap, on both sides. */
public final class Allocations {

    /** A call, and a look at its answer. */
    public interface Client {
        void call(long number);
    }

    /** Calls of one measurement. What is allocated once now and then (by a compilation, say) is far below one byte a call. */
    private static final int CALLS = 5_000;
    /** Until the compilers have done their work, calls may allocate. */
    private static final int ATTEMPTS = 60;

    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Allocations() {}

    /** Calls until one stretch of calls has allocated nothing on both sides. {@return the bytes of the best stretch} */
    public static long least(Thread server, Client client) {
        long own = Thread.currentThread().threadId();
        long number = 0;
        long least = Long.MAX_VALUE;
        for (int attempt = 0; attempt < ATTEMPTS && least >= CALLS; attempt++) {
            long ownBefore = THREADS.getThreadAllocatedBytes(own);
            long serverBefore = THREADS.getThreadAllocatedBytes(server.threadId());
            for (int i = 0; i < CALLS; i++) {
                client.call(++number);
            }
            long ownAfter = THREADS.getThreadAllocatedBytes(own);
            long serverAfter = THREADS.getThreadAllocatedBytes(server.threadId());
            least = Math.min(least, Math.max(ownAfter - ownBefore, serverAfter - serverBefore));
        }
        return least;
    }

    /** Fails unless that is nothing. */
    public static void assertNone(long least) {
        assertTrue(least < CALLS, "bytes allocated for " + CALLS + " calls: " + least);
    }
}
