package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.qnx.neutrino_h;
import org.tetrapylon.internal.Caller;

/**
 * A message as the server has received it, and the memory it was received into. Its client stays blocked until the message is
 * answered, exactly once, by {@link #reply}, {@link #fail} or {@link #close}; a second answer, or one to a client that has given up or
 * died, fails with {@link Errno#ESRCH}. An object is received into again and again ({@link Channel#receive(Message)}), so that a server
 * allocates nothing per message.
 *
 * <p>Threads. One thread receives into an object; any thread may answer, read and write. While one receives into it, no other may use
 * it. A server that answers later keeps the object, or its {@link #detach() rcvid}, and receives into another.
 */
public final class Message implements Received, AutoCloseable {

    private final MemorySegment buffer;
    private final MsgInfo info = new MsgInfo(Arena.ofAuto());
    private ByteBuffer view;
    private long length;
    /** 0: nothing to answer. The library counts uses of a number, so a late answer finds that out by itself. */
    private long rcvid;

    /**
     * Makes an empty message with memory of its own. That goes when the object is collected, which the collector is in no hurry to do: it does not
     * count memory outside the heap. So a message with much room is made once, and received into again and again.
     *
     * @param capacity the bytes of a message that a receive is to copy; longer ones are read by {@link #read}
     */
    public Message(long capacity) {
        this(Arena.ofAuto().allocate(Math.max(capacity, Pulse.size()), Long.BYTES));
    }

    /**
     * Makes an empty message in memory given.
     *
     * @param buffer a native segment that can be written, with room for a pulse (24 bytes) at least
     */
    public Message(MemorySegment buffer) {
        if (!buffer.isNative() || buffer.isReadOnly() || buffer.byteSize() < Pulse.size()) {
            throw new IllegalArgumentException("a message needs native memory that can be written, at least "
                    + Pulse.size() + " bytes");
        }
        this.buffer = buffer;
    }

    // ---- For Channel

    /** Throws if a client still waits for the answer: it would wait for ever. */
    void clear() {
        if (rcvid != 0) {
            throw new IllegalStateException("the message has not been answered; answer or detach it first");
        }
        length = 0;
    }

    void received(long received) {
        length = info.msglen();
        rcvid = received;
    }

    // ---- What came

    /** {@return the memory that messages are received into, all of it} */
    public MemorySegment buffer() {
        return buffer;
    }

    /** {@return how many bytes at the beginning of the buffer came with this message} */
    public long length() {
        return length;
    }

    /** {@return the bytes that came, in place} */
    public MemorySegment payload() {
        return buffer.asSlice(0, length);
    }

    /** {@return the bytes that came, in place, as a buffer that is the same object each time, from position 0 to its limit} */
    public ByteBuffer byteBuffer() {
        ByteBuffer bytes = view;
        if (bytes == null) {
            view = bytes = buffer.asSlice(0, Math.min(buffer.byteSize(), Integer.MAX_VALUE)).asByteBuffer();
        }
        return bytes.clear().limit((int) length);
    }

    /** {@return a copy of the bytes that came} */
    public byte[] bytes() {
        return payload().toArray(ValueLayout.JAVA_BYTE);
    }

    /** {@return who sent it and how much, as it was when it was received; process and user are attested by the kernel} */
    public MsgInfo info() {
        return info;
    }

    /** {@return whether its client asks to be let go, by now; false too when it does not wait any more} */
    public boolean isUnblockRequested() {
        try (Arena arena = Arena.ofConfined()) {
            MsgInfo now = new MsgInfo(arena);
            return neutrino_h.MsgInfo_r(rcvid, now.segment()) == 0 && now.isUnblockRequested();
        }
    }

    /** {@return the number that names this message until it is answered, for {@link Neutrino}; 0 when it is} */
    public long rcvid() {
        return rcvid;
    }

    /** {@return whether it is still to be answered, as far as this object knows} */
    public boolean isOpen() {
        return rcvid != 0;
    }

    /**
     * Leaves the answer to who has the number.
     *
     * @return the number, see {@link #rcvid}
     */
    public long detach() {
        long id = rcvid;
        rcvid = 0;
        return id;
    }

    // ---- Answering

    /**
     * Answers without bytes. The client's send returns the status.
     *
     * @param status what the client's send returns, whatever it is
     */
    public void reply(long status) {
        answer(status, MemorySegment.NULL, 0);
    }

    /**
     * Answers. The client gets as many bytes as it has room for.
     *
     * @param status what the client's send returns, whatever it is
     * @param payload the reply; what the client has no room for is dropped
     */
    public void reply(long status, MemorySegment payload) {
        if (payload.isNative()) {
            answer(status, payload, payload.byteSize());
            return;
        }
        long bytes = payload.byteSize();
        MemorySegment out = Caller.current().out(bytes);
        MemorySegment.copy(payload, 0, out, 0, bytes);
        answer(status, out, bytes);
    }

    /**
     * Answers with the first bytes of the buffer the message came in.
     *
     * @param status what the client's send returns, whatever it is
     * @param bytes how many of {@link #buffer} are the reply
     */
    public void reply(long status, long bytes) {
        Objects.checkFromIndexSize(0, bytes, buffer.byteSize());
        answer(status, buffer, bytes);
    }

    /**
     * Answers with what lies between the buffer's position and limit; its position goes to the limit.
     *
     * @param status what the client's send returns, whatever it is
     * @param payload the reply; what the client has no room for is dropped
     */
    public void reply(long status, ByteBuffer payload) {
        int bytes = payload.remaining();
        Caller caller = Caller.current();
        caller.outBuffer(bytes).put(0, payload, payload.position(), bytes);
        answer(status, caller.out(bytes), bytes);
        payload.position(payload.limit());
    }

    /**
     * Answers with a copy of the array.
     *
     * @param status what the client's send returns, whatever it is
     * @param payload the reply; what the client has no room for is dropped
     */
    public void reply(long status, byte[] payload) {
        MemorySegment out = Caller.current().out(payload.length);
        MemorySegment.copy(payload, 0, out, ValueLayout.JAVA_BYTE, 0, payload.length);
        answer(status, out, payload.length);
    }

    private void answer(long status, MemorySegment payload, long bytes) {
        int result = Calls.reply(rcvid, status, payload, bytes);
        // Only now: a payload that cannot be used leaves the message unanswered.
        rcvid = 0;
        finish("MsgReply", result);
    }

    /**
     * Answers with a list of parts.
     *
     * @param status what the client's send returns, whatever it is
     * @param payload the reply; what the client has no room for is dropped
     */
    public void reply(long status, Iov payload) {
        try {
            MemorySegment list = payload.list();
            finish("MsgReplyv", neutrino_h.MsgReplyv_r(detach(), status, list, payload.parts()));
        } finally {
            Reference.reachabilityFence(payload);
        }
    }

    /**
     * Answers with an error: the client's send fails with it. {@link Errno#EOK} lets it return 0, ERESTART lets it send again.
     *
     * @param errno what the client's send fails with; see Neutrino.msgError for those that mean something else
     */
    public void fail(int errno) {
        finish("MsgError", neutrino_h.MsgError_r(detach(), errno));
    }

    private static void finish(String call, int result) {
        if (result < 0) {
            throw Errno.exception(call, result);
        }
    }

    /**
     * Lets the client go with {@link Errno#ECANCELED} if the message has not been answered; so a server that fails in the middle leaves
     * nobody waiting. Never throws.
     */
    @Override
    public void close() {
        long id = detach();
        if (id != 0) {
            // The client may have gone by itself.
            neutrino_h.MsgError_r(id, Errno.ECANCELED);
        }
    }

    // ---- While the client is blocked

    /**
     * Copies bytes of the client's message.
     *
     * @param offset where they begin in the message
     * @param into where they go; its size is how many are wanted
     * @return how many there were; 0 past the end
     */
    public long read(long offset, MemorySegment into) {
        if (into.isReadOnly()) {
            throw new IllegalArgumentException("the buffer is read-only");
        }
        if (into.isNative()) {
            return moved("MsgRead", Calls.read(rcvid, into, into.byteSize(), offset));
        }
        long bytes = into.byteSize();
        MemorySegment in = Caller.current().in(bytes);
        long got = moved("MsgRead", Calls.read(rcvid, in, bytes, offset));
        MemorySegment.copy(in, 0, into, 0, got);
        return got;
    }

    /**
     * As {@link #read(long, MemorySegment)}, between the buffer's position and limit; the position goes on by the bytes read.
     *
     * @param offset bytes from the beginning of the client's memory
     * @param into where they go; it is filled as far as there are bytes
     * @return the number of bytes, 0 past the end
     */
    public int read(long offset, ByteBuffer into) {
        int room = into.remaining();
        Caller caller = Caller.current();
        ByteBuffer in = caller.inBuffer(room);
        int got = (int) moved("MsgRead", Calls.read(rcvid, caller.in(room), room, offset));
        into.put(into.position(), in, 0, got);
        into.position(into.position() + got);
        return got;
    }

    /**
     * {@return the bytes of the client's message from the offset on, at most that many}
     *
     * @param offset bytes from the beginning of the client's memory
     * @param bytes at most so many
     */
    public byte[] read(long offset, int bytes) {
        MemorySegment in = Caller.current().in(bytes);
        long got = moved("MsgRead", Calls.read(rcvid, in, bytes, offset));
        return in.asSlice(0, got).toArray(ValueLayout.JAVA_BYTE);
    }

    /**
     * As {@link #read(long, MemorySegment)}, into a list of parts.
     *
     * @param offset bytes from the beginning of the client's memory
     * @param into where they go; it is filled as far as there are bytes
     * @return how many bytes there were
     */
    public long read(long offset, Iov into) {
        try {
            return moved("MsgReadv", neutrino_h.MsgReadv_r(rcvid, into.writableList(), into.parts(), offset));
        } finally {
            Reference.reachabilityFence(into);
        }
    }

    /**
     * Copies bytes into the client's reply buffers.
     *
     * @param offset where they begin there
     * @param from the bytes
     * @return how many there was room for
     */
    public long write(long offset, MemorySegment from) {
        long bytes = from.byteSize();
        MemorySegment out = from;
        if (!from.isNative()) {
            out = Caller.current().out(bytes);
            MemorySegment.copy(from, 0, out, 0, bytes);
        }
        return moved("MsgWrite", Calls.write(rcvid, out, bytes, offset));
    }

    /**
     * As {@link #write(long, MemorySegment)}, between the buffer's position and limit; the position goes on by the bytes written.
     *
     * @param offset bytes from the beginning of the client's memory
     * @param from what is written
     * @return the number of bytes that there was room for
     */
    public int write(long offset, ByteBuffer from) {
        int bytes = from.remaining();
        Caller caller = Caller.current();
        caller.outBuffer(bytes).put(0, from, from.position(), bytes);
        int put = (int) moved("MsgWrite", Calls.write(rcvid, caller.out(bytes), bytes, offset));
        from.position(from.position() + put);
        return put;
    }

    /**
     * As {@link #write(long, MemorySegment)}.
     *
     * @param offset bytes from the beginning of the client's memory
     * @param from what is written
     * @return how many bytes there was room for
     */
    public int write(long offset, byte[] from) {
        return (int) write(offset, MemorySegment.ofArray(from));
    }

    /**
     * As {@link #write(long, MemorySegment)}, from a list of parts.
     *
     * @param offset bytes from the beginning of the client's memory
     * @param from what is written
     * @return how many bytes there was room for
     */
    public long write(long offset, Iov from) {
        try {
            return moved("MsgWritev", neutrino_h.MsgWritev_r(rcvid, from.list(), from.parts(), offset));
        } finally {
            Reference.reachabilityFence(from);
        }
    }

    private static long moved(String call, long result) {
        if (result < 0) {
            throw Errno.exception(call, (int) result);
        }
        return result;
    }
}
