package org.tetrapylon.internal;

import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.spi.AbstractSelectableChannel;
import java.nio.channels.spi.AbstractSelector;
import java.util.Set;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * Ends a sleep in native code when its thread is interrupted. {@link Thread#interrupt} tells a {@code Selector} that lies between
 * {@code begin} and {@code end} to wake up: that is the one public way to be told, and all of a selector that is used here.
 *
 * <p>Thread-safe. {@link Thread#interrupt} may call {@link #wakeup} late, when the thread has long gone on: {@code asleep}
 * tells, so that a later call is not ended by mistake.
 */
final class Wake extends AbstractSelector {

    /** The thread's number in the library. */
    volatile int thread;
    /** An interrupt was sent in this call. Written under the lock while the thread sleeps, read by the thread when it is awake. */
    boolean sent;

    private boolean asleep;

    Wake() {
        super(null);
    }

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
            sent = true;
            tetrapylon_h.tpy_thread_interrupt(thread);
        }
        return this;
    }

    @Override
    protected void implCloseSelector() {
        // It holds nothing.
    }

    @Override
    protected SelectionKey register(AbstractSelectableChannel channel, int operations, Object attachment) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Set<SelectionKey> keys() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Set<SelectionKey> selectedKeys() {
        throw new UnsupportedOperationException();
    }

    @Override
    public int selectNow() {
        throw new UnsupportedOperationException();
    }

    @Override
    public int select(long timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int select() {
        throw new UnsupportedOperationException();
    }
}
