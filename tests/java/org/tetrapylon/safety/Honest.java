package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.tetrapylon.qnx.Connection;
import org.tetrapylon.qnx.Reply;

/** An honest client in a thread of this JVM: what it sends must come back, each time. */
final class Honest implements AutoCloseable {

    final AtomicLong calls = new AtomicLong();
    private final Thread thread;
    private volatile boolean over;
    private volatile Throwable thrown;

    Honest(String name) {
        thread = Thread.ofPlatform().daemon().name("safety-honest").start(() -> {
            try (Connection connection = Connection.open(name)) {
                for (int i = 0; !over; i++) {
                    call(connection, i);
                    calls.incrementAndGet();
                }
            } catch (Throwable e) {
                thrown = e;
            }
        });
    }

    static void call(Connection connection, int seed) {
        byte[] message = new byte[seed % 32 == 0 ? 50_000 : 1 + seed * 7 % 500];
        for (int i = 1; i < message.length; i++) {
            message[i] = (byte) (i + seed);
        }
        message[0] = 'e';
        Reply reply = connection.send(message, message.length + 1);
        assertEquals(message.length, reply.status());
        assertArrayEquals(message, reply.payload());
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
