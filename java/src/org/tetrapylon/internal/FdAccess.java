package org.tetrapylon.internal;

import java.lang.invoke.MethodHandles;
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
        return instance().descriptor(fd);
    }

    /** {@return an object for a descriptor that is known to be open and to belong to nobody else} */
    public static Fd own(int number) {
        return instance().make(number);
    }

    private static FdAccess instance() {
        if (instance == null) {
            try {
                MethodHandles.lookup().ensureInitialized(Fd.class);
            } catch (IllegalAccessException e) {
                throw new AssertionError("a public class cannot be initialized", e);
            }
        }
        return instance;
    }

    /** {@return the descriptor behind the object} */
    protected abstract Descriptor descriptor(Fd fd);

    /** {@return a new object} */
    protected abstract Fd make(int number);
}
