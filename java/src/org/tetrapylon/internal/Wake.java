package org.tetrapylon.internal;

import java.nio.channels.Selector;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * Ends a sleep in native code when its thread is interrupted.
 *
 * <p>Thread-safe. {@link Thread#interrupt} may call {@link #wakeup} late, when the thread has long gone on: {@code asleep}
 * tells, so that a later call is not ended by mistake.
 */
final class Wake extends InterruptListener {

    /** The thread's number in the library. */
    volatile int thread;
    /** An interrupt was sent in this call. Written under the lock while the thread sleeps, read by the thread when it is awake. */
    boolean sent;

    /** Threads for which such an interrupt has not been settled. */
    static final AtomicInteger UNSETTLED = new AtomicInteger();

    private boolean asleep;

    void fallAsleep() {
        synchronized (this) {
            asleep = true;
        }
        // Wakes up at once if the thread is interrupted already.
        begin();
    }

    void awake() {
        end();
        synchronized (this) {
            asleep = false;
        }
    }

    @Override
    public synchronized Selector wakeup() {
        if (asleep) {
            if (!sent) {
                sent = true;
                UNSETTLED.getAndIncrement();
            }
            tetrapylon_h.tpy_thread_interrupt(thread);
        }
        return this;
    }
}
