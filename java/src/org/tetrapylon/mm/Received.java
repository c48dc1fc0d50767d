package org.tetrapylon.mm;

import java.util.Objects;
import org.tetrapylon.Fd;
import org.tetrapylon.internal.FdAccess;

/**
 * What a message brought beside its bytes. Made once and used for many messages; each receive begins by closing the
 * descriptors of the last message that were not taken.
 *
 * <p>Not thread-safe: belongs to the thread that receives.
 */
public final class Received implements AutoCloseable {

    /** The most descriptors a message can bring. */
    public static final int DESCRIPTORS_MAX = Frame.DESCRIPTORS_MAX;

    private static final int MSG_CTRUNC = 0x08;
    private static final int MSG_TRUNC = 0x20;

    private final Fd[] descriptors;
    private int count;
    private int flags;

    /**
     * Makes room for descriptors.
     *
     * @param room for how many, 0 to {@link #DESCRIPTORS_MAX}; what comes beyond is closed
     */
    public Received(int room) {
        Objects.checkIndex(room, DESCRIPTORS_MAX + 1);
        descriptors = new Fd[room];
    }

    /** {@return for how many descriptors there is room} */
    public int room() {
        return descriptors.length;
    }

    /** {@return whether the message was longer than the memory given for it, and the rest is lost (MSG_TRUNC)} */
    public boolean bytesLost() {
        return (flags & MSG_TRUNC) != 0;
    }

    /** {@return whether there were more descriptors than room here or in the process, and the rest is closed (MSG_CTRUNC)} */
    public boolean descriptorsLost() {
        return (flags & MSG_CTRUNC) != 0;
    }

    /** {@return how many descriptors the message brought, taken or not} */
    public int descriptorCount() {
        return count;
    }

    /**
     * {@return a descriptor, which is the caller's from now on}
     *
     * @param index 0 to {@link #descriptorCount()} - 1
     * @throws IllegalStateException it has been taken already
     */
    public Fd take(int index) {
        Fd taken = descriptors[Objects.checkIndex(index, count)];
        if (taken == null) {
            throw new IllegalStateException("descriptor " + index + " has been taken");
        }
        descriptors[index] = null;
        return taken;
    }

    /** Closes the descriptors that were not taken, and forgets the message. */
    @Override
    public void close() {
        for (int i = 0; i < count; i++) {
            if (descriptors[i] != null) {
                descriptors[i].close();
                descriptors[i] = null;
            }
        }
        count = 0;
        flags = 0;
    }

    void fill(Frame frame) {
        flags = frame.flags();
        for (int i = 0; i < frame.descriptors(); i++) {
            descriptors[i] = FdAccess.own(frame.descriptor(i));
            count = i + 1;
        }
    }
}
