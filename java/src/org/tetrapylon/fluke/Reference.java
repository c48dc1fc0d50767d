package org.tetrapylon.fluke;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.fluke.fluke_ipc_h;
import org.tetrapylon.generated.fluke.fluke_ref;
import org.tetrapylon.internal.Descriptor;
import org.tetrapylon.internal.FdAccess;

/**
 * A reference ({@code fluke_ref_t}): names a port, here or in another process, or a file descriptor, or nothing. References travel with
 * messages ({@link Params#sendReferences}, {@link Params#receiveReferences}).
 *
 * <p>A reference to a descriptor has a duplicate of its own, so that the {@link Fd} it was made of and each {@link Fd} made of it
 * ({@link #fd}) are closed independently. One that is forgotten is destroyed when it is collected.
 *
 * <p>Thread-safe.
 */
public final class Reference extends FlukeObject {

    private static final Cleaner CLEANER = Cleaner.create();

    /** What is in the memory. It must not know the reference, which it outlives. */
    private static final class Content implements Runnable {
        private final MemorySegment memory;
        private boolean created;

        Content(MemorySegment memory) {
            this.memory = memory;
        }

        synchronized int create() {
            run();
            int status = fluke_ipc_h.fluke_ref_create(memory);
            created = status == 0;
            return status;
        }

        /** Also if there is nothing: the library says so. */
        synchronized int destroy() {
            created = false;
            return fluke_ipc_h.fluke_ref_destroy(memory);
        }

        @Override
        public synchronized void run() {
            if (created) {
                destroy();
            }
        }
    }

    private final Content content;

    /** Memory for a reference, for {@link FlukeIpc#flukeRefCreate}. */
    public Reference() {
        super(fluke_ref.sizeof());
        content = new Content(memory);
        CLEANER.register(this, content);
    }

    /** {@return a reference that names nothing} */
    public static Reference create() {
        Reference reference = new Reference();
        FlukeException.check("fluke_ref_create", reference.createHere());
        return reference;
    }

    /**
     * {@return a reference to what a descriptor stands for, by a duplicate of it}
     *
     * @param fd stays the caller's
     * @throws TetrapylonException EBADF it is closed
     */
    public static Reference of(Fd fd) {
        Reference reference = create();
        reference.set(fd);
        return reference;
    }

    /**
     * {@return a reference to the port that has a name}
     *
     * @param name 1 to 100 bytes without '/'
     * @throws FlukeException FLUKE_INVALID_DEST nobody holds the name
     */
    public static Reference lookup(String name) {
        Reference reference = create();
        try {
            FlukeException.check("fluke_name_lookup", FlukeIpc.flukeNameLookup(name, reference));
            return reference;
        } catch (RuntimeException e) {
            reference.close();
            throw e;
        }
    }

    int createHere() {
        return content.create();
    }

    int destroyHere() {
        return content.destroy();
    }

    /**
     * Names a descriptor from now on, by a duplicate of it.
     *
     * @param fd stays the caller's
     */
    public void set(Fd fd) {
        FlukeException.check("fluke_ref_from_fd", FlukeIpc.flukeRefFromFd(this, fd));
    }

    /** As the function; the descriptor cannot be closed meanwhile. */
    static int fromFd(Reference reference, Fd fd) {
        Descriptor descriptor = FdAccess.descriptorOf(fd);
        boolean open = descriptor.enter();
        try {
            return fluke_ipc_h.fluke_ref_from_fd(memoryOf(reference), open ? descriptor.number() : -1);
        } finally {
            if (open) {
                descriptor.leave();
            }
            java.lang.ref.Reference.reachabilityFence(reference);
        }
    }

    /** {@return whether it names a file descriptor} */
    public boolean isFd() {
        return FlukeIpc.flukeRefFd(this) >= 0;
    }

    /**
     * {@return a new descriptor of what it names, which the caller closes; the reference keeps its own}
     *
     * @throws TetrapylonException EBADF it names no descriptor, EMFILE
     */
    public Fd fd() {
        int number;
        try {
            number = fluke_ipc_h.tpy_fluke_ref_dup(memory);
        } finally {
            java.lang.ref.Reference.reachabilityFence(this);
        }
        if (number < 0) {
            throw Errno.exception("fluke_ref_fd", number);
        }
        return FdAccess.own(number);
    }

    /** {@return another reference to the same} */
    public Reference copy() {
        Reference other = create();
        FlukeException.check("fluke_ref_copy", FlukeIpc.flukeRefCopy(this, other));
        return other;
    }

    /**
     * {@return whether both name the same port, or one is a copy of the other}
     *
     * @param other another reference
     */
    public boolean namesTheSameAs(Reference other) {
        return FlukeIpc.flukeRefEqual(this, other);
    }

    /** Destroys it, with its descriptor if it has one. */
    @Override
    public void close() {
        content.run();
        java.lang.ref.Reference.reachabilityFence(this);
    }

    @Override
    public String toString() {
        int fd = FlukeIpc.flukeRefFd(this);
        return "Reference@" + Long.toHexString(memory.address()) + (fd >= 0 ? "[fd=" + fd + "]" : "");
    }

    /** A name as the library wants it; what cannot be one is an empty name. */
    static MemorySegment nameIn(Arena arena, String name) {
        return name == null ? MemorySegment.NULL : arena.allocateFrom(name.indexOf('\0') >= 0 ? "" : name);
    }
}
