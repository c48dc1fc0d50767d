package org.tetrapylon.fluke;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.tetrapylon.generated.fluke.fluke_ipc_buffer;
import org.tetrapylon.generated.fluke.fluke_ipc_params;
import org.tetrapylon.internal.Lasting;

/**
 * What to send, and the room to receive into ({@code fluke_ipc_params_t}), in native memory. Made once and set again and again: setting it and
 * calls with it allocate nothing, once its tables are as large as they get.
 *
 * <p>A send sends all buffers in turn, then the references. A receive fills the buffers in turn and overwrites the references. Calls advance
 * the receive fields past what came, so they are set anew for each message; the send fields stay as they were set, except after
 * FLUKE_IPC_INTERRUPTED, when they are advanced, too: the same call with the same params then goes on where it stopped.
 *
 * <p>Buffers are native segments; their sizes are multiples of 4 bytes, and their addresses too, or the call returns
 * FLUKE_INSANITY_BUFFER_UNALIGNED. The params keep them reachable; their arenas must stay open while a call uses them.
 *
 * <p>Owner: who made it. For one thread at a time; while a call uses it, setting it and another call give {@link IllegalStateException}.
 */
public final class Params {

    private static final int WORD = 4;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    private static final long BUFFER_SIZE = fluke_ipc_buffer.sizeof();
    private static final long BUFFER_WORDS = fluke_ipc_buffer.words$offset();
    private static final long BUFFER_BUF = fluke_ipc_buffer.buf$offset();
    private static final long RECV_BUF_COUNT = fluke_ipc_params.recv_buf_count$offset();
    private static final long RECV_REF_COUNT = fluke_ipc_params.recv_ref_count$offset();

    /** A list of buffers: the first stands in the structure, the others in a table. */
    private static final class Buffers {
        final long words;
        final long buf;
        final long table;
        final long count;
        MemorySegment first = MemorySegment.NULL;
        long firstWords;
        /** Whether the memory of the first outlasts every call, so that nothing need be looked at when one begins. */
        boolean lasts = true;
        MemorySegment[] others = {};
        int otherCount;
        long allWords;
        /** Whether the structure holds what was set: a call advances the receive fields, and one that is interrupted the send fields, too. */
        boolean intact;
        MemorySegment entries = MemorySegment.NULL;

        /** The places in the structure. */
        Buffers(long first, long table, long count) {
            this.words = first + BUFFER_WORDS;
            this.buf = first + BUFFER_BUF;
            this.table = table;
            this.count = count;
        }
    }

    /** A table of references. */
    private static final class References {
        final long table;
        final long count;
        FlukeObject[] objects = {};
        int size;
        MemorySegment entries = MemorySegment.NULL;

        References(long table, long count) {
            this.table = table;
            this.count = count;
        }
    }

    /** The structure, which lives as long as this object. */
    private final MemorySegment memory = Arena.ofAuto().allocate(fluke_ipc_params.sizeof(), Long.BYTES);
    private final long address = memory.address();
    private final Buffers out = new Buffers(fluke_ipc_params.send_buf$offset(), fluke_ipc_params.send_buf_tab$offset(),
            fluke_ipc_params.send_buf_count$offset());
    private final Buffers in = new Buffers(fluke_ipc_params.recv_buf$offset(), fluke_ipc_params.recv_buf_tab$offset(),
            RECV_BUF_COUNT);
    private final References outReferences =
            new References(fluke_ipc_params.send_ref_tab$offset(), fluke_ipc_params.send_ref_count$offset());
    private final References inReferences = new References(fluke_ipc_params.recv_ref_tab$offset(), RECV_REF_COUNT);
    private boolean inUse;

    /** Nothing to send, no room. */
    public Params() {}

    // ---- Setting

    /**
     * Sets what to send.
     *
     * @param buffer one buffer; {@link MemorySegment#NULL}: nothing
     * @return this
     */
    public Params send(MemorySegment buffer) {
        return send(buffer, buffer.byteSize());
    }

    /**
     * Sets what to send.
     *
     * @param buffer one buffer
     * @param bytes how much of it
     * @return this
     */
    public Params send(MemorySegment buffer, long bytes) {
        set(out, buffer, bytes);
        return this;
    }

    /**
     * Sets what to send.
     *
     * @param buffers any number of buffers
     * @return this
     */
    public Params send(MemorySegment... buffers) {
        set(out, buffers);
        return this;
    }

    /**
     * Sets which references to send.
     *
     * @param references any number; what is not a reference is told by the call, FLUKE_INSANITY_NOT_REF and so on
     * @return this
     */
    public Params sendReferences(FlukeObject... references) {
        set(outReferences, references);
        return this;
    }

    /**
     * Sets the room to receive into.
     *
     * @param buffer one buffer; {@link MemorySegment#NULL}: no room
     * @return this
     */
    public Params receive(MemorySegment buffer) {
        return receive(buffer, buffer.byteSize());
    }

    /**
     * Sets the room to receive into.
     *
     * @param buffer one buffer
     * @param bytes how much of it
     * @return this
     */
    public Params receive(MemorySegment buffer, long bytes) {
        checkWritable(buffer);
        set(in, buffer, bytes);
        return this;
    }

    /**
     * Sets the room to receive into.
     *
     * @param buffers any number of buffers
     * @return this
     */
    public Params receive(MemorySegment... buffers) {
        for (MemorySegment buffer : buffers) {
            checkWritable(buffer);
        }
        set(in, buffers);
        return this;
    }

    /**
     * Sets the references to be overwritten by those that come.
     *
     * @param references any number of references, which exist
     * @return this
     */
    public Params receiveReferences(FlukeObject... references) {
        set(inReferences, references);
        return this;
    }

    private static void checkWritable(MemorySegment buffer) {
        if (buffer.isReadOnly()) {
            throw new IllegalArgumentException("the buffer to receive into is read-only");
        }
    }

    private void checkFree() {
        if (inUse) {
            throw new IllegalStateException("a call uses these params");
        }
    }

    private static void check(MemorySegment buffer, long bytes) {
        if (!buffer.isNative()) {
            throw new IllegalArgumentException("a buffer must lie in native memory");
        }
        if ((bytes & WORD - 1) != 0) {
            throw new IllegalArgumentException("a buffer must have whole words of 4 bytes");
        }
        if (bytes < 0 || bytes > buffer.byteSize()) {
            throw new IndexOutOfBoundsException(bytes + " bytes of a buffer of " + buffer.byteSize());
        }
        checkThread(buffer);
    }

    private static void checkThread(MemorySegment buffer) {
        if (!buffer.isAccessibleBy(Thread.currentThread())) {
            throw new WrongThreadException("a buffer is confined to another thread");
        }
    }

    private void set(Buffers which, MemorySegment buffer, long bytes) {
        checkFree();
        long words = bytes / WORD;
        if (which.first != buffer || which.firstWords != words || (bytes & WORD - 1) != 0) {
            check(buffer, bytes);
            which.first = buffer;
            which.firstWords = words;
            which.lasts = Lasting.always(buffer);
            which.intact = false;
        } else if (!which.lasts) {
            checkThread(buffer);
        }
        if (which.otherCount > 0) {
            Arrays.fill(which.others, 0, which.otherCount, null);
            which.otherCount = 0;
            put(which.count, 0);
        }
        which.allWords = words;
        if (!which.intact) {
            which.intact = true;
            put(which.words, words);
            put(which.buf, buffer.address());
        }
    }

    private void set(Buffers which, MemorySegment... buffers) {
        checkFree();
        long words = 0;
        for (MemorySegment buffer : buffers) {
            check(buffer, buffer.byteSize());
            words += buffer.byteSize() / WORD;
        }
        set(which, buffers.length == 0 ? MemorySegment.NULL : buffers[0], buffers.length == 0 ? 0 : buffers[0].byteSize());
        int others = buffers.length - 1;
        if (others <= 0) {
            return;
        }
        if (which.others.length < others) {
            which.others = new MemorySegment[others];
        }
        if (which.entries.byteSize() < BUFFER_SIZE * others) {
            which.entries = Arena.ofAuto().allocate(BUFFER_SIZE * others, Long.BYTES);
        }
        System.arraycopy(buffers, 1, which.others, 0, others);
        which.otherCount = others;
        which.allWords = words;
        for (int i = 0; i < others; i++) {
            which.entries.set(LONG, BUFFER_SIZE * i + BUFFER_WORDS, which.others[i].byteSize() / WORD);
            which.entries.set(LONG, BUFFER_SIZE * i + BUFFER_BUF, which.others[i].address());
        }
        put(which.table, which.entries.address());
        put(which.count, others);
    }

    private void set(References which, FlukeObject... objects) {
        checkFree();
        if (which.objects.length < objects.length) {
            which.objects = new FlukeObject[objects.length];
            which.entries = Arena.ofAuto().allocate(ValueLayout.ADDRESS, objects.length);
        } else if (which.size > objects.length) {
            Arrays.fill(which.objects, objects.length, which.size, null);
        }
        for (int i = 0; i < objects.length; i++) {
            which.objects[i] = objects[i];
            which.entries.setAtIndex(LONG, i, FlukeObject.addressOf(objects[i]));
        }
        which.size = objects.length;
        put(which.table, which.entries.address());
        put(which.count, objects.length);
    }

    // ---- What came

    /** {@return how many bytes have come since the room was set} */
    public long received() {
        return WORD * in.allWords - room();
    }

    /** {@return how many bytes of room are left} */
    public long room() {
        return left(in);
    }

    /** {@return how many references have come since they were set} */
    public int referencesReceived() {
        return inReferences.size - referenceRoom();
    }

    /** {@return how many references can still come} */
    public int referenceRoom() {
        return (int) get(RECV_REF_COUNT);
    }

    /** {@return how many bytes there are to send: after FLUKE_IPC_INTERRUPTED those that have not been taken, else all that were set} */
    public long unsent() {
        return left(out);
    }

    /** {@return how many references there are to send, as {@link #unsent}} */
    public int referencesUnsent() {
        return (int) get(outReferences.count);
    }

    private long left(Buffers which) {
        long words = get(which.words);
        if (which.otherCount > 0) {
            int after = (int) get(which.count);
            for (int i = which.otherCount - after; i < which.otherCount; i++) {
                words += which.others[i].byteSize() / WORD;
            }
        }
        return WORD * words;
    }

    // By address, at a place of the structure: through a segment of ten words the same costs twice as much.

    private void put(long place, long value) {
        MEMORY.set(LONG, address + place, value);
        java.lang.ref.Reference.reachabilityFence(this);
    }

    private long get(long place) {
        try {
            return MEMORY.get(LONG, address + place);
        } finally {
            java.lang.ref.Reference.reachabilityFence(this);
        }
    }

    // ---- Use

    /** A call begins to use the params, which may be null. {@return their address} */
    static long begin(Params params) {
        if (params == null) {
            return 0;
        }
        params.checkFree();
        checkAlive(params.out);
        checkAlive(params.in);
        params.inUse = true;
        params.in.intact = false;
        return params.address;
    }

    private static void checkAlive(Buffers which) {
        if (!which.lasts) {
            checkAlive(which.first);
        }
        for (int i = 0; i < which.otherCount; i++) {
            checkAlive(which.others[i]);
        }
    }

    private static void checkAlive(MemorySegment buffer) {
        if (!buffer.scope().isAlive()) {
            throw new IllegalStateException("the arena of a buffer is closed");
        }
    }

    /** The call has ended with this status. */
    static void end(Params params, int status) {
        if (params != null) {
            params.inUse = false;
            if (status == FlukeIpc.FLUKE_IPC_INTERRUPTED) {
                params.out.intact = false;
            }
            java.lang.ref.Reference.reachabilityFence(params);
        }
    }
}
