package org.tetrapylon.fluke;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.generated.fluke.fluke_ipc_h;

/**
 * One side of a reliable half-duplex connection. Its {@link #direction} is a state that says which calls are allowed:
 *
 * <table>
 * <caption>Calls by direction</caption>
 * <tr><th>as the sender</th><td>send, sendAndReceive, overAndReceive</td></tr>
 * <tr><th>as the receiver</th><td>receive, ackAndSend, ackSendAndReceive</td></tr>
 * </table>
 *
 * <p>Calls that receive return the number of bytes that came; {@link #arrival} says how that ended, and whether a further
 * {@link #receive} goes on. All calls exist for memory segments, native or on the Java heap, of whole words of 4 bytes (heap segments are
 * copied), and for {@link Params}, which can have many buffers and references.
 *
 * <p>A failed call throws {@link FlukeException} with the documented status; one in the wrong direction has FLUKE_INSANITY_NOT_SENDER or
 * FLUKE_INSANITY_NOT_RECEIVER and changes nothing. A call that is interrupted ({@link Thread#interrupt}, or an interrupt or alert of
 * Fluke's without a handler) throws {@link InterruptedCallException}; then {@link #resume} goes on with it where it stopped, and
 * {@link #disconnect} gives it up.
 *
 * <p>A connection belongs to the thread that opened it, and so does this object: it throws {@link WrongThreadException} in another one, and
 * on virtual threads. With native segments nothing is allocated on the Java heap.
 */
public abstract sealed class Conversation implements AutoCloseable permits Client, Server {

    /** The calls that can be interrupted. */
    enum Call {
        CONNECT_SEND, CONNECT_SEND_OVER_RECEIVE, IDEMPOTENT, ONE_WAY,
        WAIT, SEND_WAIT, ACK_SEND_WAIT, REPLY_WAIT, REPLY,
        SEND, SEND_OVER_RECEIVE, OVER_RECEIVE, RECEIVE, ACK_SEND, ACK_SEND_OVER_RECEIVE
    }

    private final Thread owner = Thread.currentThread();
    private final FlukeThread self = FlukeThread.current();
    private final Params own = new Params();
    private Arrival arrival = Arrival.ENDED;
    private boolean closed;

    /** The call to be resumed, or null. */
    private Call interrupted;
    private Params interruptedParams;

    /** Native memory in place of heap segments, and where to copy what came. */
    private MemorySegment outCopy = MemorySegment.NULL;
    private MemorySegment inCopy = MemorySegment.NULL;
    private MemorySegment heapRoom;

    Conversation() {}

    // ---- What the sides differ in

    /** {@return the status of a call} */
    abstract int make(Call call, Params params);

    /** {@return the documented name of a call} */
    abstract String nameOf(Call call);

    /** {@return whose the connection is that the thread holds on this side, if any} */
    abstract Conversation holder(FlukeThread thread);

    /** Says whose it is; null: nobody's. */
    abstract void hold(FlukeThread thread, Conversation holder);

    /** Ends the connection that this thread holds on this side. */
    abstract void end();

    /** {@return "client" or "server"} */
    abstract String side();

    abstract int senderBit();

    abstract int receiverBit();

    // ---- Making calls

    final void check() {
        if (Thread.currentThread() != owner) {
            throw new WrongThreadException("a conversation belongs to the thread that made it");
        }
        if (closed) {
            throw new IllegalStateException("closed");
        }
    }

    /** References are stored only where they change: each store costs the garbage collector's barrier. */
    private void begin() {
        check();
        if (interrupted != null) {
            throw new IllegalStateException(nameOf(interrupted) + " was interrupted: resume or disconnect");
        }
        if (heapRoom != null) {
            heapRoom = null;
        }
    }

    final long perform(Call call, Params params) {
        begin();
        return go(call, params);
    }

    final long perform(Call call, MemorySegment out, MemorySegment in) {
        begin();
        if (out.isNative()) {
            own.send(out);
        } else {
            sendCopy(out);
        }
        if (in.isNative()) {
            own.receive(in);
        } else {
            receiveCopy(in);
        }
        return go(call, own);
    }

    private void sendCopy(MemorySegment out) {
        long size = out.byteSize();
        outCopy = grown(outCopy, size);
        MemorySegment.copy(out, 0, outCopy, 0, size);
        own.send(outCopy, size);
    }

    private void receiveCopy(MemorySegment in) {
        if (in.isReadOnly()) {
            throw new IllegalArgumentException("the segment to receive into is read-only");
        }
        inCopy = grown(inCopy, in.byteSize());
        own.receive(inCopy, in.byteSize());
        heapRoom = in;
    }

    private static MemorySegment grown(MemorySegment memory, long size) {
        return memory.byteSize() >= size ? memory : Arena.ofAuto().allocate(Math.max(size, 4096), Long.BYTES);
    }

    /** {@return whether the connection that this thread holds on this side, if any, is this object's} */
    final boolean isOurs() {
        return holder(self) == this;
    }

    private long go(Call call, Params params) {
        int status = begins(call) ? begin(call, params)
                : isOurs() || call == Call.IDEMPOTENT || call == Call.ONE_WAY ? make(call, params) : withoutConnection(call);
        if (status == FlukeIpc.FLUKE_IPC_INTERRUPTED) {
            interrupted = call;
            interruptedParams = params;
            throw new InterruptedCallException(nameOf(call));
        }
        if (interrupted != null) {
            interrupted = null;
            interruptedParams = null;
        }
        long came = params.received();
        if (heapRoom != null) {
            MemorySegment.copy(inCopy, 0, heapRoom, 0, came);
            heapRoom = null;
        }
        Arrival how = status == FlukeIpc.FLUKE_SUCCESS ? Arrival.WHOLE
                : status == FlukeIpc.FLUKE_IPC_RECV_DISCONNECTED ? Arrival.ENDED
                : status == FlukeIpc.FLUKE_IPC_RECV_MORE_DATA ? Arrival.MORE_DATA
                : status == FlukeIpc.FLUKE_IPC_RECV_MORE_REFS ? Arrival.MORE_REFERENCES : null;
        if (how == null) {
            throw new FlukeException(nameOf(call), status);
        }
        if (arrival != how) {
            arrival = how;
        }
        return came;
    }

    private int begin(Call call, Params params) {
        Conversation before = holder(self);
        if (before != this) {
            hold(self, this);
        }
        int status = make(call, params);
        if (status < 0 && before != this) {
            hold(self, before); // a mistake changes nothing
        }
        return status;
    }

    /** Calls that need no connection, and end the one that there is. */
    private static boolean begins(Call call) {
        return call == Call.CONNECT_SEND || call == Call.CONNECT_SEND_OVER_RECEIVE || call == Call.WAIT || call == Call.REPLY_WAIT;
    }

    /** Another object has taken this thread's connection. */
    private static int withoutConnection(Call call) {
        return switch (call) {
            case SEND, SEND_OVER_RECEIVE, SEND_WAIT -> FlukeIpc.FLUKE_IPC_SEND_DISCONNECTED;
            case OVER_RECEIVE -> FlukeIpc.FLUKE_IPC_OVER_DISCONNECTED;
            case RECEIVE -> FlukeIpc.FLUKE_IPC_RECV_DISCONNECTED;
            case REPLY -> FlukeIpc.FLUKE_SUCCESS;
            default -> FlukeIpc.FLUKE_IPC_ACK_DISCONNECTED;
        };
    }

    // ---- As the sender

    /**
     * Sends; blocks until the other side has taken everything.
     *
     * @param out native memory, whole words of 4 bytes
     * @throws FlukeException FLUKE_IPC_SEND_DISCONNECTED
     */
    public final void send(MemorySegment out) {
        perform(Call.SEND, out, MemorySegment.NULL);
    }

    /**
     * As {@link #send(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     */
    public final void send(Params params) {
        perform(Call.SEND, params);
    }

    /**
     * Sends, becomes the receiver when the other side acknowledges, and receives.
     *
     * @param out native memory, whole words of 4 bytes
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     * @throws FlukeException FLUKE_IPC_SEND_DISCONNECTED, FLUKE_IPC_OVER_DISCONNECTED
     */
    public final long sendAndReceive(MemorySegment out, MemorySegment in) {
        return perform(Call.SEND_OVER_RECEIVE, out, in);
    }

    /**
     * As {@link #sendAndReceive(MemorySegment, MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public final long sendAndReceive(Params params) {
        return perform(Call.SEND_OVER_RECEIVE, params);
    }

    /**
     * Becomes the receiver when the other side acknowledges, and receives.
     *
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     * @throws FlukeException FLUKE_IPC_OVER_DISCONNECTED
     */
    public final long overAndReceive(MemorySegment in) {
        return perform(Call.OVER_RECEIVE, MemorySegment.NULL, in);
    }

    /**
     * As {@link #overAndReceive(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public final long overAndReceive(Params params) {
        return perform(Call.OVER_RECEIVE, params);
    }

    // ---- As the receiver

    /**
     * Receives until the other side is over or disconnects, or the room is full; {@link #arrival} says which.
     *
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came; 0 also when there is no connection any more
     */
    public final long receive(MemorySegment in) {
        return perform(Call.RECEIVE, MemorySegment.NULL, in);
    }

    /**
     * As {@link #receive(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public final long receive(Params params) {
        return perform(Call.RECEIVE, params);
    }

    /**
     * Becomes the sender, as soon as the other side is over; what that still sends until then is dropped. Then sends at least 8 bytes.
     *
     * @param out native memory, whole words of 4 bytes
     * @throws FlukeException FLUKE_IPC_ACK_DISCONNECTED, FLUKE_IPC_SEND_DISCONNECTED
     */
    public final void ackAndSend(MemorySegment out) {
        perform(Call.ACK_SEND, out, MemorySegment.NULL);
    }

    /**
     * As {@link #ackAndSend(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     */
    public final void ackAndSend(Params params) {
        perform(Call.ACK_SEND, params);
    }

    /**
     * Becomes the sender, sends at least 8 bytes, becomes the receiver again and receives: one turn of a dialogue.
     *
     * @param out native memory, whole words of 4 bytes
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     * @throws FlukeException FLUKE_IPC_ACK_DISCONNECTED, FLUKE_IPC_SEND_DISCONNECTED, FLUKE_IPC_OVER_DISCONNECTED
     */
    public final long ackSendAndReceive(MemorySegment out, MemorySegment in) {
        return perform(Call.ACK_SEND_OVER_RECEIVE, out, in);
    }

    /**
     * As {@link #ackSendAndReceive(MemorySegment, MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public final long ackSendAndReceive(Params params) {
        return perform(Call.ACK_SEND_OVER_RECEIVE, params);
    }

    // ---- The state

    /** {@return what this side is at the moment} */
    public final Direction direction() {
        check();
        int holds = holds();
        return (holds & senderBit()) != 0 ? Direction.SENDER : (holds & receiverBit()) != 0 ? Direction.RECEIVER : Direction.NONE;
    }

    /** {@return what the library says this thread holds, if this side's connection is this object's} */
    final int holds() {
        return isOurs() ? fluke_ipc_h.tpy_fluke_holds() : 0;
    }

    /** {@return how the last receive ended} */
    public final Arrival arrival() {
        return arrival;
    }

    /** {@return whether a call was interrupted and can be resumed} */
    public final boolean isInterrupted() {
        return interrupted != null;
    }

    /**
     * Goes on with the call that was interrupted, where it stopped and with what it was given.
     *
     * @return what that call would have returned, with the bytes that came before the interrupt; 0 if it does not receive
     * @throws IllegalStateException none was
     */
    public final long resume() {
        check();
        if (interrupted == null) {
            throw new IllegalStateException("no call was interrupted");
        }
        return go(interrupted, interruptedParams);
    }

    /**
     * Alerts the thread at the other end: its alert handler runs, or its blocked call is interrupted.
     *
     * @throws FlukeException FLUKE_INVALID_DEST there is no connection
     */
    public final void alert() {
        check();
        FlukeException.check("fluke_ipc_" + side() + "_alert", isOurs() ? sendAlert() : FlukeIpc.FLUKE_INVALID_DEST);
    }

    abstract int sendAlert();

    /**
     * Ends the connection, if there is one: gracefully as the sender (nothing that was sent is lost), abnormally as the receiver. An
     * interrupted call is given up. The object can be used again.
     */
    public final void disconnect() {
        check();
        interrupted = null;
        interruptedParams = null;
        heapRoom = null;
        if (isOurs()) {
            hold(self, null);
            end();
        }
    }

    /** Disconnects, and releases what this object made. Does nothing the second time. */
    @Override
    public void close() {
        if (!closed) {
            disconnect();
            closed = true;
        }
    }

    final boolean isClosed() {
        return closed;
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "[" + owner.getName() + (closed ? ", closed]" : "]");
    }
}
