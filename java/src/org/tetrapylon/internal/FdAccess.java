package org.tetrapylon.internal;

import org.tetrapylon.Fd;

/** What {@link Fd} shows to the other packages of this module and to nobody else. */
public abstract class FdAccess {

    private static volatile FdAccess instance;

    /** For {@link Fd} itself. */
    protected FdAccess() {}

    /** For {@link Fd} itself: makes this the one. */
    protected final void install() {
        instance = this;
    }

    /** {@return what counts the users of a descriptor} */
    public static Descriptor descriptorOf(Fd fd) {
        return instance.descriptor(fd);
    }

    /** {@return the descriptor behind the object} */
    protected abstract Descriptor descriptor(Fd fd);
}
