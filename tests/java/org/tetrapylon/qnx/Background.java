package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;

/** Something that a thread of its own does beside the test; what it throws is kept for the test to look at. */
final class Background {

    interface Body {
        void run() throws Exception;
    }

    private static final AtomicInteger COUNT = new AtomicInteger();

    private final Thread thread;
    private volatile Throwable thrown;
    private volatile boolean interruptedAtEnd;

    private Background(Body body, boolean virtual) {
        Runnable runnable = () -> {
            try {
                body.run();
            } catch (Throwable e) {
                thrown = e;
            }
            interruptedAtEnd = Thread.currentThread().isInterrupted();
        };
        String name = "tpy-test-" + COUNT.incrementAndGet();
        thread = virtual ? Thread.ofVirtual().name(name).unstarted(runnable)
                : Thread.ofPlatform().daemon().name(name).unstarted(runnable);
        thread.start();
    }

    static Background platform(Body body) {
        return new Background(body, false);
    }

    static Background virtual(Body body) {
        return new Background(body, true);
    }

    Thread thread() {
        return thread;
    }

    void await(ThreadState.State state) {
        Blocked.in(state, thread);
    }

    boolean wasInterruptedAtEnd() {
        return interruptedAtEnd;
    }

    void awaitBlocked() {
        Blocked.inNative(thread);
    }

    /** Waits for its end. {@return what it threw} */
    Throwable end() throws InterruptedException {
        assertTrue(thread.join(Duration.ofSeconds(30)), "the thread has not ended");
        return thrown;
    }

    void endWell() throws InterruptedException {
        Throwable it = end();
        if (it instanceof Error error) {
            throw error;
        }
        assertNull(it, () -> java.util.Arrays.toString(it.getStackTrace()));
    }

    int endErrno() throws InterruptedException {
        return assertInstanceOf(TetrapylonException.class, end()).errno();
    }
}
