package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.time.Duration;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.mm.mmsysio_h;
import org.tetrapylon.internal.Deadline;
import org.tetrapylon.internal.Descriptor;
import org.tetrapylon.internal.FdAccess;
import org.tetrapylon.internal.FdTransfer;
import org.tetrapylon.internal.Leaks;
import org.tetrapylon.internal.NativeLibrary;

/**
 * Listens to a name and accepts connections. Only one server at a time can listen to a name; names are shared by all
 * processes of the network namespace, and are no files.
 *
 * <p>Calls that wait end with {@link org.tetrapylon.InterruptedCallException} when their thread is interrupted, and with
 * EBADF when the server is closed. A virtual thread holds no carrier while it waits. Thread-safe; many threads may accept.
 */
public final class Server implements AutoCloseable {

    static {
        NativeLibrary.load();
    }

    private final String name;
    private final MemorySegment server;
    private final Descriptor listener;
    private final Cleaner.Cleanable leak;

    private Server(String name, MemorySegment server) {
        this.name = name;
        this.server = server;
        listener = new Descriptor(mmsysio_h.tpy_mm_srv_fd(server));
        // Threads wait where they can be woken, and not in accept.
        tetrapylon_h.tpy_fd_blocking(listener.number(), 0);
        leak = Leaks.watch(this, "Server \"" + name + "\", descriptor", listener,
                () -> mmsysio_h.mm_ipc_srv_destroy(server));
    }

    /**
     * {@return a new server}
     *
     * @param name the name, up to 107 bytes of UTF-8; the empty one is a name, too
     * @throws TetrapylonException EADDRINUSE somebody listens to it already; ENAMETOOLONG
     */
    public static Server listen(String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = Connecting.nameIn(arena, "mm_ipc_srv_create", name);
            MemorySegment result = arena.allocate(mmsysio_h.C_POINTER);
            FdTransfer.check("mm_ipc_srv_create", mmsysio_h.tpy_mm_srv_create(address, result));
            return new Server(name, result.get(mmsysio_h.C_POINTER, 0));
        }
    }

    /** {@return the name} */
    public String name() {
        return name;
    }

    /** {@return the first waiting connection} Waits for one. */
    public Endpoint accept() {
        return accept(Deadline.NEVER);
    }

    /**
     * {@return the first waiting connection}
     *
     * @param timeout how long to wait for one; zero does not wait
     * @throws org.tetrapylon.DeadlineException the time was over
     * @throws TetrapylonException EMFILE no room for a descriptor: the connection keeps waiting
     */
    public Endpoint accept(Duration timeout) {
        return accept(Deadline.after(timeout));
    }

    private Endpoint accept(long deadline) {
        final String call = "mm_ipc_srv_accept";
        if (!listener.enter()) {
            throw new TetrapylonException(call, Errno.EBADF);
        }
        try {
            for (;;) {
                int result = mmsysio_h.tpy_mm_srv_accept(server);
                if (result == -Errno.EAGAIN) {
                    result = Deadline.left(deadline) == 0 ? -Errno.ETIMEDOUT
                            : listener.await(tetrapylon_h.TPY_FD_READABLE(), deadline);
                    if (result >= 0) {
                        continue;
                    }
                }
                if (result != -Errno.EINTR || Thread.currentThread().isInterrupted()) {
                    return Endpoint.of(FdAccess.own((int) FdTransfer.check(call, result)));
                }
            }
        } finally {
            listener.leave();
        }
    }

    /** For a selector. */
    Descriptor listener() {
        return listener;
    }

    /** {@return whether this has not been closed} */
    public boolean isOpen() {
        return !listener.isClosed();
    }

    /**
     * Stops listening: the name is free when this returns, connections that were not accepted are dropped, those that were
     * live on. Does nothing when it is closed.
     */
    @Override
    public void close() {
        if (listener.shut()) {
            mmsysio_h.mm_ipc_srv_destroy(server);
            leak.clean();
        }
    }

    @Override
    public String toString() {
        return "Server[" + name + (isOpen() ? "]" : ", closed]");
    }
}
