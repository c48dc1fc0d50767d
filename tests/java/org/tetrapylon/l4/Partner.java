package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.tetrapylon.ThreadState;
import org.tetrapylon.support.Background;

/** A thread of this process at the other end, with its id; what it throws is kept for the test to look at. */
final class Partner {

    private final CountDownLatch known = new CountDownLatch(1);
    private final Background background;
    private volatile ThreadId id = ThreadId.NIL;

    private Partner(Background.Body body, boolean virtual) {
        background = virtual ? Background.virtual(body) : Background.platform(() -> {
            try {
                id = ThreadId.self();
            } finally {
                known.countDown();
            }
            body.run();
        });
    }

    /** Starts a thread that has its id when this returns. */
    static Partner start(Background.Body body) throws InterruptedException {
        Partner partner = new Partner(body, false);
        assertTrue(partner.known.await(20, TimeUnit.SECONDS), "the thread does not start");
        return partner;
    }

    static Partner virtual(Background.Body body) {
        return new Partner(body, true);
    }

    ThreadId id() {
        return id;
    }

    Thread thread() {
        return background.thread();
    }

    boolean wasInterruptedAtEnd() {
        return background.wasInterruptedAtEnd();
    }

    /** Waits until it sleeps in a receive. */
    void awaitReceiving() {
        background.await(ThreadState.State.RECEIVE);
    }

    /** Waits until it sleeps with a message that nobody has taken. */
    void awaitSending() {
        background.await(ThreadState.State.SEND);
    }

    /** Waits until it sleeps in a call that was taken. */
    void awaitAnswer() {
        background.await(ThreadState.State.REPLY);
    }

    /** Waits until it has slept for a while on end: then it waits for something that no list shows. */
    void awaitQuiet() {
        background.awaitQuiet();
    }

    boolean isAsleep() {
        return background.isAsleep();
    }

    /** Waits for its end. {@return what it threw} */
    Throwable end() throws InterruptedException {
        return background.end();
    }

    void endWell() throws InterruptedException {
        background.endWell();
    }
}
