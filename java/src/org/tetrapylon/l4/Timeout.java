package org.tetrapylon.l4;

import java.time.Duration;

/**
 * The four times of an IPC: how long to wait for the partner to take what is sent, and for a message; and how long either side may
 * take to bring in missing pages of strings. Times that the word cannot hold are rounded up; null is never, and so is what is beyond 19 hours.
 *
 * @param word the number that the documented functions take
 */
public record Timeout(int word) {

    /** Waits for ever. */
    public static final Timeout NEVER = new Timeout(L4.L4_IPC_NEVER);
    /** A server's: an answer goes to who waits for it or not at all; the next message is waited for. */
    public static final Timeout SERVER = new Timeout(L4.L4_IPC_SEND_TIMEOUT_0);
    /** Only looks: sends to who waits, receives what is there. */
    public static final Timeout ZERO = new Timeout(L4.L4_IPC_BOTH_TIMEOUT_0);

    private static final int SEND = L4.L4_IPC_TIMEOUT(255, 15, 0, 0, 0, 0);
    private static final int RECEIVE = L4.L4_IPC_TIMEOUT(0, 0, 255, 15, 0, 0);

    /**
     * {@return so long for the sending, and so long for the receiving}
     *
     * @param time for the send and for the receive; null: for ever
     */
    public static Timeout within(Duration time) {
        return of(time, time);
    }

    /**
     * {@return so long for each; null: never}
     *
     * @param send for the send; null: for ever
     * @param receive for the receive; null: for ever
     */
    public static Timeout of(Duration send, Duration receive) {
        return new Timeout(L4.timeoutOf(nanoseconds(send), nanoseconds(receive)));
    }

    /**
     * {@return this with another time for sending; null: never}
     *
     * @param time for the send; null: for ever
     */
    public Timeout sending(Duration time) {
        return new Timeout(word & ~SEND | of(time, null).word & SEND);
    }

    /**
     * {@return this with another time for receiving; null: never}
     *
     * @param time for the receive; null: for ever
     */
    public Timeout receiving(Duration time) {
        return new Timeout(word & ~RECEIVE | of(null, time).word & RECEIVE);
    }

    /**
     * {@return this with times for page faults; null: never}
     *
     * @param send while we send: how long pages of the receiver's buffers may take
     * @param receive while we receive: how long pages of the sender's strings may take
     */
    public Timeout pageFaults(Duration send, Duration receive) {
        int mask = L4.L4_IPC_TIMEOUT(0, 0, 0, 0, 15, 15);
        return new Timeout(word & ~mask | L4.L4_IPC_TIMEOUT(0, 0, 0, 0, fault(send), fault(receive)));
    }

    /** {@return how long to wait for the partner to take it; null: never ends} */
    public Duration send() {
        return time(word >>> 16 & 255, word >>> 4 & 15);
    }

    /** {@return how long to wait for a message; null: never ends} */
    public Duration receive() {
        return time(word >>> 24, word & 15);
    }

    private static Duration time(int man, int exp) {
        return exp == 0 ? null : Duration.ofNanos(man * (1000L << 2 * (15 - exp)));
    }

    /** The smallest that is long enough: 4^(15 - p) us; 15: zero, 0: never. */
    private static int fault(Duration time) {
        long nanoseconds = nanoseconds(time);
        if (nanoseconds <= 0) {
            return nanoseconds == 0 ? 15 : 0;
        }
        int p = 14;
        while (p > 0 && 1000L << 2 * (15 - p) < nanoseconds) {
            p--;
        }
        return p;
    }

    private static long nanoseconds(Duration time) {
        if (time == null || time.getSeconds() > 1L << 32) {
            return -1;
        }
        return time.isNegative() ? 0 : time.toNanos();
    }
}
