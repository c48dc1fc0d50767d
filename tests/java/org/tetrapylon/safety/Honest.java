package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** An honest client in a thread of this JVM: what it sends must come back, each time. */
final class Honest implements AutoCloseable {

    private final AtomicLong calls = new AtomicLong();
    private final Thread thread;
    private volatile boolean over;
    private volatile Throwable thrown;

    Honest(Gate gate, String name) {
        thread = Thread.ofPlatform().daemon().name("safety-honest").start(() -> {
            try (Gate.Caller caller = gate.open(name)) {
                for (int i = 0; !over; i++) {
                    call(caller, i);
                    calls.incrementAndGet();
                }
            } catch (Throwable e) {
                thrown = e;
            }
        });
    }

    /** A message of some size, which is echoed. */
    static byte[] message(int seed) {
        byte[] message = new byte[seed % 32 == 0 ? 50_000 : 1 + seed * 7 % 500];
        for (int i = 1; i < message.length; i++) {
            message[i] = (byte) (i + seed);
        }
        message[0] = 'e';
        return message;
    }

    static void call(Gate.Caller caller, int seed) throws Gate.Gone {
        byte[] message = message(seed);
        assertArrayEquals(message, caller.call(message));
    }

    /** Whether it goes on well. {@return how many calls it has made} */
    long check() {
        assertNull(thrown, () -> String.valueOf(thrown));
        return calls.get();
    }

    @Override
    public void close() {
        over = true;
        assertTrue(join(thread), "an honest client is stuck");
        check();
    }

    static boolean join(Thread thread) {
        try {
            return thread.join(Duration.ofSeconds(30));
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while a thread was ending", e);
        }
    }
}
