package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.qnx.neutrino_h;
import org.tetrapylon.internal.Caller;

/**
 * A client's connection to a server's channel.
 *
 * {@snippet :
 * try (Connection connection = Connection.open("clock")) {
 *     Reply reply = connection.send("what time is it?".getBytes(), 64);
 *     System.out.println(new String(reply.payload()));
 * }
 * }
 *
 * <p>A send blocks until the server answers, and returns the status that the server gave. It ends early with
 * {@link org.tetrapylon.DeadlineException} after the timeout given, {@link org.tetrapylon.InterruptedCallException} when the thread is
 * interrupted, EBADF when the connection is closed meanwhile, ESRCH when the server dies, or with the error the server gave. On a channel
 * with {@link Neutrino#_NTO_CHF_UNBLOCK} (each that has a name) a timeout or interrupt does not end the call once the server has the
 * message: the server is asked to.
 *
 * <p>Payloads are native memory segments, which the server reads and writes in place, or arrays, heap segments and byte buffers, which
 * are copied through memory of the thread. With segments and byte buffers nothing is allocated on the Java heap.
 *
 * <p>Thread-safe: each thread that sends has its own way to the server. Closing it ends the calls of all.
 */
public final class Connection implements AutoCloseable {

    /** Numbers looked like file descriptors once; ours are spread, so that a call that races with close does not meet the next one. */
    private static final int NUMBERS_FROM = 64;
    private static final int NUMBERS = 16_000;
    private static final AtomicInteger NEXT = new AtomicInteger();

    private final int coid;
    private volatile boolean closed;

    private Connection(int coid) {
        this.coid = coid;
    }

    /**
     * Connects to a channel.
     *
     * @param pid the server's process; 0: this one
     * @param chid the channel
     * @return the connection
     * @throws TetrapylonException ESRCH no such process or channel, EPERM it does not admit this user, EMFILE, EAGAIN
     */
    public static Connection attach(int pid, int chid) {
        int from = NUMBERS_FROM + Math.floorMod(NEXT.getAndIncrement(), NUMBERS);
        int coid = Calls.connectAttach(neutrino_h.ND_LOCAL_NODE(), pid, chid, from, neutrino_h._NTO_COF_CLOEXEC());
        if (coid == -Errno.EMFILE) {
            coid = Calls.connectAttach(neutrino_h.ND_LOCAL_NODE(), pid, chid, 0, neutrino_h._NTO_COF_CLOEXEC());
        }
        if (coid < 0) {
            throw Errno.exception("ConnectAttach", coid);
        }
        return new Connection(coid);
    }

    /**
     * Connects to the channel that has a name.
     *
     * @param name as {@link Channel#attach} has it
     * @return the connection
     * @throws TetrapylonException ENOENT nobody has the name, EPERM the channel does not admit this user, EINVAL, ENAMETOOLONG
     */
    public static Connection open(String name) {
        int found = Neutrino.nameOpen(name, 0);
        try (Arena arena = Arena.ofConfined()) {
            MsgInfo server = new MsgInfo(arena);
            Neutrino.connectServerInfo(0, found, server);
            return attach(server.pid(), server.chid());
        } catch (TetrapylonException e) {
            // Its owner went between the two: then nobody has the name.
            throw e.errno() == Errno.ESRCH || e.errno() == Errno.ENXIO || e.errno() == Errno.EINVAL
                    ? Errno.exception("name_open", Errno.ENOENT) : e;
        } finally {
            neutrino_h.ConnectDetach_r(found);
        }
    }

    /** {@return the number of the connection, for {@link Neutrino} and events} */
    public int coid() {
        return coid;
    }

    /** {@return pid and chid of the server, scoid and coid} */
    public MsgInfo serverInfo() {
        check("ConnectServerInfo");
        MsgInfo info = new MsgInfo(Arena.ofAuto());
        Neutrino.connectServerInfo(0, coid, info);
        return info;
    }

    private void check(String call) {
        if (closed) {
            throw Errno.exception(call, Errno.EBADF);
        }
    }

    // ---- Sending

    /**
     * Sends a message and waits for the answer.
     *
     * @param message what the server can read
     * @param reply room for the answer, which the server can write
     * @return the server's status, any number
     */
    public long send(MemorySegment message, MemorySegment reply) {
        return send(message, reply, Calls.FOREVER);
    }

    /**
     * As {@link #send(MemorySegment, MemorySegment)}, with a timeout from now; zero does not block.
     *
     * @param message what is sent
     * @param reply where the reply goes; what does not fit is dropped
     * @param timeout how long to wait for the reply
     * @return the status
     */
    public long send(MemorySegment message, MemorySegment reply, Duration timeout) {
        return send(message, reply, Timeouts.nanoseconds(timeout));
    }

    private long send(MemorySegment message, MemorySegment reply, long nanoseconds) {
        check("MsgSend");
        if (reply.isReadOnly()) {
            throw new IllegalArgumentException("the reply buffer is read-only");
        }
        if (message.isNative() && reply.isNative()) {
            long told = Calls.sendInPlace(coid, message, message.byteSize(), reply, reply.byteSize(), nanoseconds);
            if (told < 0 && told != Calls.TOLD) {
                throw Errno.exception("MsgSend", (int) told);
            }
            return told == Calls.TOLD ? Calls.toldStatus() : told;
        }
        Caller caller = Caller.current();
        long bytes = message.byteSize();
        long room = reply.byteSize();
        MemorySegment out = message;
        if (!message.isNative()) {
            out = caller.out(bytes);
            MemorySegment.copy(message, 0, out, 0, bytes);
        }
        MemorySegment in = reply.isNative() ? reply : caller.in(room);
        finish(caller, Calls.send(caller, coid, out, bytes, in, room, nanoseconds));
        if (!reply.isNative()) {
            MemorySegment.copy(in, 0, reply, 0, Math.min(room, Calls.length(caller)));
        }
        return caller.status;
    }

    /**
     * Sends what lies between the message's position and limit, and receives between the reply's. Afterwards the message's position is
     * its limit, and the reply's has gone on by the bytes that came.
     *
     * @param message what is sent
     * @param reply where the reply goes; what does not fit is dropped
     * @return the server's status
     */
    public long send(ByteBuffer message, ByteBuffer reply) {
        return send(message, reply, Calls.FOREVER);
    }

    /**
     * As {@link #send(ByteBuffer, ByteBuffer)}, with a timeout from now.
     *
     * @param message what is sent
     * @param reply where the reply goes; what does not fit is dropped
     * @param timeout how long to wait for the reply
     * @return the status
     */
    public long send(ByteBuffer message, ByteBuffer reply, Duration timeout) {
        return send(message, reply, Timeouts.nanoseconds(timeout));
    }

    private long send(ByteBuffer message, ByteBuffer reply, long nanoseconds) {
        check("MsgSend");
        if (reply.isReadOnly()) {
            throw new IllegalArgumentException("the reply buffer is read-only");
        }
        Caller caller = Caller.current();
        int bytes = message.remaining();
        int room = reply.remaining();
        caller.outBuffer(bytes).put(0, message, message.position(), bytes);
        ByteBuffer in = caller.inBuffer(room);
        finish(caller, Calls.send(caller, coid, caller.out(bytes), bytes, caller.in(room), room, nanoseconds));
        int came = (int) Math.min(room, Calls.length(caller));
        reply.put(reply.position(), in, 0, came);
        reply.position(reply.position() + came);
        message.position(message.limit());
        return caller.status;
    }

    /**
     * Sends an array.
     *
     * @param message what is sent
     * @param room how many bytes the answer may have; more are dropped
     * @return the answer, with status and bytes
     */
    public Reply send(byte[] message, int room) {
        return send(message, room, Calls.FOREVER);
    }

    /**
     * As {@link #send(byte[], int)}, with a timeout from now.
     *
     * @param message what is sent
     * @param room the longest reply, in bytes; what is beyond is dropped
     * @param timeout how long to wait for the reply
     * @return the answer
     */
    public Reply send(byte[] message, int room, Duration timeout) {
        return send(message, room, Timeouts.nanoseconds(timeout));
    }

    private Reply send(byte[] message, int room, long nanoseconds) {
        check("MsgSend");
        Caller caller = Caller.current();
        MemorySegment out = caller.out(message.length);
        MemorySegment in = caller.in(room);
        MemorySegment.copy(message, 0, out, ValueLayout.JAVA_BYTE, 0, message.length);
        finish(caller, Calls.send(caller, coid, out, message.length, in, room, nanoseconds));
        return new Reply(caller.status, in.asSlice(0, Math.min(room, Calls.length(caller))).toArray(ValueLayout.JAVA_BYTE));
    }

    /**
     * Sends from a list of parts and receives into another.
     *
     * @param message what is sent
     * @param reply where the reply goes; what does not fit is dropped
     * @return the status
     */
    public long send(Iov message, Iov reply) {
        check("MsgSendv");
        Caller caller = Caller.current();
        return finish(caller, Calls.sendv(caller, coid, message, reply, Calls.FOREVER));
    }

    /**
     * As {@link #send(Iov, Iov)}, with a timeout from now.
     *
     * @param message what is sent
     * @param reply where the reply goes; what does not fit is dropped
     * @param timeout how long to wait for the reply
     * @return the status
     */
    public long send(Iov message, Iov reply, Duration timeout) {
        check("MsgSendv");
        Caller caller = Caller.current();
        return finish(caller, Calls.sendv(caller, coid, message, reply, Timeouts.nanoseconds(timeout)));
    }

    private long finish(Caller caller, int result) {
        if (result < 0) {
            throw Errno.exception("MsgSend", result);
        }
        return caller.status;
    }

    // ---- Pulses

    /**
     * Puts a pulse into the channel's queue, at the priority of this thread. Does not block.
     *
     * @param code -128 to 127; a program's own are 0 and up
     * @param value 64 bits
     */
    public void pulse(int code, long value) {
        pulse(Caller.current().priority, code, value);
    }

    /**
     * Puts a pulse into the channel's queue; does not block.
     *
     * @param priority 0 to 255, -1 for this thread's
     * @param code 0 to 127 for a program's own
     * @param value what it says
     * @throws TetrapylonException EAGAIN too many wait already, EPERM, EINVAL, EBADF
     */
    public void pulse(int priority, int code, long value) {
        check("MsgSendPulse");
        int result = neutrino_h.MsgSendPulsePtr_r(coid, priority, code, MemorySegment.ofAddress(value));
        if (result < 0) {
            throw Errno.exception("MsgSendPulse", result);
        }
    }

    /** Ends the connection: calls of other threads on it fail with EBADF, and so do later ones. Does nothing the second time. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        neutrino_h.ConnectDetach_r(coid);
    }

    @Override
    public String toString() {
        return "Connection[coid=" + coid + (closed ? ", closed]" : "]");
    }
}
