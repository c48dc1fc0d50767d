package org.tetrapylon.internal;

import java.time.Duration;

/** Points in time after which a call no longer waits, as {@link System#nanoTime()} tells time (CLOCK_MONOTONIC). */
public final class Deadline {

    /** The deadline of a call that waits without end. */
    public static final long NEVER = Long.MAX_VALUE;

    /** Longer waits are endless: 73 years. */
    private static final long LONGEST_SECONDS = Long.MAX_VALUE / 4 / 1_000_000_000;

    private Deadline() {}

    /**
     * {@return the deadline of a call that begins now}
     *
     * @param timeout how long it may wait; zero and less: not at all
     */
    public static long after(Duration timeout) {
        long seconds = timeout.getSeconds();
        if (seconds >= LONGEST_SECONDS) {
            return NEVER;
        }
        long nanoseconds = seconds < 0 ? 0 : seconds * 1_000_000_000 + timeout.getNano();
        long deadline = System.nanoTime() + nanoseconds;
        return deadline == NEVER ? NEVER - 1 : deadline;
    }

    /** {@return the nanoseconds until the deadline, 0 when it is over, negative when there is none} */
    public static long left(long deadline) {
        return deadline == NEVER ? -1 : Math.max(0, deadline - System.nanoTime());
    }
}
