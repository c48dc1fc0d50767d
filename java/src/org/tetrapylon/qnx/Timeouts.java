package org.tetrapylon.qnx;

import java.time.Duration;

/** Durations as the nanoseconds that the native calls take. */
final class Timeouts {

    private Timeouts() {}

    /** {@return the nanoseconds; one too long to say so is as good as for ever, a negative one is 0} */
    static long nanoseconds(Duration timeout) {
        if (timeout.isNegative()) {
            return 0;
        }
        long seconds = timeout.getSeconds();
        return seconds > Long.MAX_VALUE / 1_000_000_000L - 1 ? Long.MAX_VALUE : seconds * 1_000_000_000L + timeout.getNano();
    }
}
