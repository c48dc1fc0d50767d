package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.tetrapylon.Fd;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.core.tpy_fd_peer;
import org.tetrapylon.generated.mm.mmsysio_h;
import org.tetrapylon.internal.Deadline;
import org.tetrapylon.internal.FdAccess;
import org.tetrapylon.internal.FdTransfer;
import org.tetrapylon.internal.NativeLibrary;

/**
 * One end of a connection: sends and receives messages of bytes and descriptors. A message arrives whole or not at all, and
 * never mixed with another.
 *
 * <p>Memory is given as {@link MemorySegment}s or {@link ByteBuffer}s, one or many pieces that make one message. Buffers are
 * used from their position to their limit, and their position is moved. Native memory (segments of an arena, direct
 * buffers) in up to four pieces is used where it lies; other memory is copied. Nothing is allocated on the Java heap for a
 * message without descriptors, but for what a virtual thread needs to be parked, and for the first message of each direct
 * buffer: an open endpoint keeps the four it saw last reachable.
 *
 * <p>Calls that wait end with {@link org.tetrapylon.InterruptedCallException} when their thread is interrupted, and with
 * EBADF when the endpoint is closed; the connection lives on after an interrupt, and no message is lost. A call that has
 * no need to wait does not look at the interrupt. A virtual thread holds no carrier while it waits.
 *
 * <p>Thread-safe: any number of threads may send and receive at the same time. A failed call throws
 * {@link org.tetrapylon.TetrapylonException}: its {@code call()} is {@code mm_ipc_sendmsg} or {@code mm_ipc_recvmsg}.
 */
public final class Endpoint implements AutoCloseable {

    static {
        NativeLibrary.load();
    }

    private final Fd fd;
    private final Transfer transfer;
    private final Messenger messenger;

    /**
     * Two connected endpoints.
     *
     * @param first one
     * @param second the other
     */
    public record Pair(Endpoint first, Endpoint second) implements AutoCloseable {
        @Override
        public void close() {
            first.close();
            second.close();
        }
    }

    /**
     * Who is at the other end.
     *
     * @param pid process
     * @param uid effective user
     * @param gid effective group
     */
    public record Peer(int pid, int uid, int gid) {}

    private Endpoint(Fd fd) {
        this.fd = fd;
        transfer = new Transfer(FdAccess.descriptorOf(fd));
        messenger = new Messenger(transfer);
    }

    /**
     * {@return an endpoint that owns a connection's descriptor, such as one that was received}
     *
     * @param fd the descriptor; the endpoint closes it
     */
    public static Endpoint of(Fd fd) {
        return new Endpoint(fd);
    }

    /**
     * {@return a connection to the server that listens to a name} Waits until one does.
     *
     * @param name the name, up to 107 bytes of UTF-8
     */
    public static Endpoint connect(String name) {
        return of(Connecting.connect(name, Deadline.NEVER));
    }

    /**
     * {@return a connection to the server that listens to a name}
     *
     * @param name the name, up to 107 bytes of UTF-8
     * @param timeout how long to wait for one; zero tries once
     * @throws org.tetrapylon.DeadlineException the time was over
     */
    public static Endpoint connect(String name, Duration timeout) {
        return of(Connecting.connect(name, Deadline.after(timeout)));
    }

    /** {@return two endpoints that are connected with each other} */
    public static Pair pair() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment fds = arena.allocate(2 * Integer.BYTES, Integer.BYTES);
            FdTransfer.check("mm_ipc_connected_pair", mmsysio_h.tpy_mm_connected_pair(fds));
            return new Pair(of(FdAccess.own(fds.get(mmsysio_h.C_INT, 0))),
                    of(FdAccess.own(fds.get(mmsysio_h.C_INT, Integer.BYTES))));
        }
    }

    // ---- Sending ----

    /**
     * Sends a message; waits until there is room for all of it.
     *
     * @param bytes the message
     * @return its size in bytes
     */
    public long send(MemorySegment bytes) {
        return messenger.send(SegmentForm.ONE, bytes, null, Deadline.NEVER);
    }

    /**
     * Sends a message.
     *
     * @param bytes the message
     * @param timeout how long to wait for room; zero does not wait
     * @return its size in bytes
     * @throws org.tetrapylon.DeadlineException the time was over; nothing has been sent
     */
    public long send(MemorySegment bytes, Duration timeout) {
        return messenger.send(SegmentForm.ONE, bytes, null, Deadline.after(timeout));
    }

    /**
     * Sends a message in pieces with descriptors, which are duplicated into the process that receives them; the caller's stay
     * open. Waits until there is room for all of it.
     *
     * @param pieces the message, 0 to 1024 pieces
     * @param descriptors 0 to 253, or null for none
     * @return the message's size in bytes
     */
    public long send(MemorySegment[] pieces, Fd[] descriptors) {
        return messenger.send(SegmentForm.MANY, pieces, descriptors, Deadline.NEVER);
    }

    /**
     * Sends a message in pieces with descriptors, which are duplicated into the process that receives them; the caller's stay
     * open.
     *
     * @param pieces the message, 0 to 1024 pieces
     * @param descriptors 0 to 253, or null for none
     * @param timeout how long to wait for room; zero does not wait
     * @return the message's size in bytes
     * @throws org.tetrapylon.DeadlineException the time was over; nothing has been sent
     */
    public long send(MemorySegment[] pieces, Fd[] descriptors, Duration timeout) {
        return messenger.send(SegmentForm.MANY, pieces, descriptors, Deadline.after(timeout));
    }

    /**
     * Sends a message; waits until there is room for all of it.
     *
     * @param bytes the message
     * @return its size in bytes
     */
    public long send(ByteBuffer bytes) {
        return messenger.send(BufferForm.ONE, bytes, null, Deadline.NEVER);
    }

    /**
     * Sends a message.
     *
     * @param bytes the message
     * @param timeout how long to wait for room; zero does not wait
     * @return its size in bytes
     * @throws org.tetrapylon.DeadlineException the time was over; nothing has been sent
     */
    public long send(ByteBuffer bytes, Duration timeout) {
        return messenger.send(BufferForm.ONE, bytes, null, Deadline.after(timeout));
    }

    /**
     * Sends a message in pieces with descriptors, which are duplicated into the process that receives them; the caller's stay
     * open. Waits until there is room for all of it.
     *
     * @param pieces the message, 0 to 1024 pieces
     * @param descriptors 0 to 253, or null for none
     * @return the message's size in bytes
     */
    public long send(ByteBuffer[] pieces, Fd[] descriptors) {
        return messenger.send(BufferForm.MANY, pieces, descriptors, Deadline.NEVER);
    }

    /**
     * Sends a message in pieces with descriptors, which are duplicated into the process that receives them; the caller's stay
     * open.
     *
     * @param pieces the message, 0 to 1024 pieces
     * @param descriptors 0 to 253, or null for none
     * @param timeout how long to wait for room; zero does not wait
     * @return the message's size in bytes
     * @throws org.tetrapylon.DeadlineException the time was over; nothing has been sent
     */
    public long send(ByteBuffer[] pieces, Fd[] descriptors, Duration timeout) {
        return messenger.send(BufferForm.MANY, pieces, descriptors, Deadline.after(timeout));
    }

    // ---- Receiving ----

    /**
     * Receives a message, or waits for one. Descriptors that come with it are closed.
     *
     * @param bytes takes the message; what does not fit is lost
     * @return how many bytes it takes
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(MemorySegment bytes) {
        return messenger.receive(SegmentForm.ONE, bytes, null, Deadline.NEVER);
    }

    /**
     * Receives a message. Descriptors that come with it are closed.
     *
     * @param bytes takes the message; what does not fit is lost
     * @param timeout how long to wait for one; zero does not wait
     * @return how many bytes it takes
     * @throws org.tetrapylon.DeadlineException the time was over
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(MemorySegment bytes, Duration timeout) {
        return messenger.receive(SegmentForm.ONE, bytes, null, Deadline.after(timeout));
    }

    /**
     * Receives a message into pieces, with descriptors, or waits for one.
     *
     * @param pieces take the message, one after the other
     * @param received takes the descriptors and tells what was lost, or null: descriptors are closed
     * @return how many bytes the pieces take
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(MemorySegment[] pieces, Received received) {
        return messenger.receive(SegmentForm.MANY, pieces, received, Deadline.NEVER);
    }

    /**
     * Receives a message into pieces, with descriptors.
     *
     * @param pieces take the message, one after the other
     * @param received takes the descriptors and tells what was lost, or null: descriptors are closed
     * @param timeout how long to wait for one; zero does not wait
     * @return how many bytes the pieces take
     * @throws org.tetrapylon.DeadlineException the time was over
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(MemorySegment[] pieces, Received received, Duration timeout) {
        return messenger.receive(SegmentForm.MANY, pieces, received, Deadline.after(timeout));
    }

    /**
     * Receives a message, or waits for one. Descriptors that come with it are closed.
     *
     * @param bytes takes the message; what does not fit is lost
     * @return how many bytes it takes
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(ByteBuffer bytes) {
        return messenger.receive(BufferForm.ONE, bytes, null, Deadline.NEVER);
    }

    /**
     * Receives a message. Descriptors that come with it are closed.
     *
     * @param bytes takes the message; what does not fit is lost
     * @param timeout how long to wait for one; zero does not wait
     * @return how many bytes it takes
     * @throws org.tetrapylon.DeadlineException the time was over
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(ByteBuffer bytes, Duration timeout) {
        return messenger.receive(BufferForm.ONE, bytes, null, Deadline.after(timeout));
    }

    /**
     * Receives a message into pieces, with descriptors, or waits for one.
     *
     * @param pieces take the message, one after the other
     * @param received takes the descriptors and tells what was lost, or null: descriptors are closed
     * @return how many bytes the pieces take
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(ByteBuffer[] pieces, Received received) {
        return messenger.receive(BufferForm.MANY, pieces, received, Deadline.NEVER);
    }

    /**
     * Receives a message into pieces, with descriptors.
     *
     * @param pieces take the message, one after the other
     * @param received takes the descriptors and tells what was lost, or null: descriptors are closed
     * @param timeout how long to wait for one; zero does not wait
     * @return how many bytes the pieces take
     * @throws org.tetrapylon.DeadlineException the time was over
     * @throws org.tetrapylon.TetrapylonException ECONNRESET the peer has closed and all it had sent has been received
     */
    public long receive(ByteBuffer[] pieces, Received received, Duration timeout) {
        return messenger.receive(BufferForm.MANY, pieces, received, Deadline.after(timeout));
    }

    // ---- The connection ----

    /** {@return the connection's descriptor; it stays the endpoint's} For {@link Fd#poll} and to be sent. */
    public Fd fd() {
        return fd;
    }

    /** {@return who is at the other end, as the kernel attests it} For a client: who began to listen. */
    public Peer peer() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment peer = tpy_fd_peer.allocate(arena);
            transfer.using("getsockopt", number -> tetrapylon_h.tpy_fd_peer(number, peer));
            return new Peer(tpy_fd_peer.pid(peer), tpy_fd_peer.uid(peer), tpy_fd_peer.gid(peer));
        }
    }

    /**
     * Says that this end sends nothing more: to the peer it looks closed, once all has been received. Receiving goes on. For
     * all who have the descriptor.
     */
    public void shutdownOutput() {
        fd.shutdown(false, true);
    }

    /**
     * Asks for room for messages on their way from here, which is also the limit of one message's size. The kernel doubles the
     * number and has limits of its own.
     *
     * @param bytes how much
     */
    public void sendRoom(int bytes) {
        transfer.using("setsockopt", number -> tetrapylon_h.tpy_fd_send_room(number, bytes));
    }

    /** {@return whether this has not been closed} */
    public boolean isOpen() {
        return fd.isOpen();
    }

    /** Closes this end: calls that wait in other threads come back with EBADF. Does nothing when it is closed. */
    @Override
    public void close() {
        fd.close();
        messenger.forget();
    }

    @Override
    public String toString() {
        return "Endpoint[" + fd + "]";
    }
}
