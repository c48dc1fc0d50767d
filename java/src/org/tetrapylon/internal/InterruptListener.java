package org.tetrapylon.internal;

import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.spi.AbstractSelectableChannel;
import java.nio.channels.spi.AbstractSelector;
import java.util.Set;

/**
 * Hears of {@link Thread#interrupt}: between {@code begin} and {@code end} an interrupt of the thread calls {@link #wakeup}, at once if
 * it is interrupted already. The JDK tells only those who extend its channels or selectors; that is the one reason why this is a
 * selector, and the rest of what a selector is asked for is not there.
 */
abstract class InterruptListener extends AbstractSelector {

    InterruptListener() {
        super(null);
    }

    @Override
    public abstract Selector wakeup();

    @Override
    protected final void implCloseSelector() {
        // It holds nothing.
    }

    @Override
    protected final SelectionKey register(AbstractSelectableChannel channel, int operations, Object attachment) {
        throw new UnsupportedOperationException();
    }

    @Override
    public final Set<SelectionKey> keys() {
        throw new UnsupportedOperationException();
    }

    @Override
    public final Set<SelectionKey> selectedKeys() {
        throw new UnsupportedOperationException();
    }

    @Override
    public final int selectNow() {
        throw new UnsupportedOperationException();
    }

    @Override
    public final int select(long timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public final int select() {
        throw new UnsupportedOperationException();
    }
}
