package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import org.tetrapylon.generated.mm.iovec;
import org.tetrapylon.generated.mm.mm_ipc_msg;
import org.tetrapylon.generated.mm.mmsysio_h;

/**
 * The native side of one message: a {@code struct mm_ipc_msg} with pieces and descriptors beside it, filled anew for every
 * message. Belongs to one thread for the length of a call.
 *
 * <p>Native memory is used where it lies, up to {@value #PIECES} pieces: so many are arguments of the native call, which is
 * what keeps them from being freed meanwhile. More pieces, and heap memory, go through a copy.
 */
final class Frame {

    /** Pieces that are used in place. */
    static final int PIECES = 4;
    /** The kernel's limit of pieces. */
    static final int PIECES_MAX = 1024;
    /** The kernel's limit of descriptors in one message. */
    static final int DESCRIPTORS_MAX = 253;

    /** The struct and its pieces shall lie in one page: the native side has a shorter way for that. */
    private static final long ALIGNMENT = 128;
    private static final long PIECES_AT = 64;
    private static final long DESCRIPTORS_AT = 128;
    private static final long SIZE = DESCRIPTORS_AT + DESCRIPTORS_MAX * ValueLayout.JAVA_INT.byteSize();
    private static final long SMALLEST_COPY = 4096;

    private final MemorySegment memory = Arena.ofAuto().allocate(SIZE, ALIGNMENT);
    private final MemorySegment[] held = new MemorySegment[PIECES];
    private final ByteBuffer[] buffers = new ByteBuffer[PIECES];
    private final MemorySegment[] memoryOfBuffers = new MemorySegment[PIECES];
    private MemorySegment copy = MemorySegment.NULL;
    private ByteBuffer copyBuffer = ByteBuffer.allocateDirect(0);
    private int pieces;

    Frame() {
        if (iovec.sizeof() * PIECES > DESCRIPTORS_AT - PIECES_AT || mm_ipc_msg.sizeof() > PIECES_AT) {
            throw new AssertionError("a frame's parts overlap");
        }
        mm_ipc_msg.iov(memory, memory.asSlice(PIECES_AT));
        mm_ipc_msg.fds(memory, memory.asSlice(DESCRIPTORS_AT));
        clear();
    }

    /** Begins a message. */
    void clear() {
        for (int i = 0; i < PIECES; i++) {
            held[i] = MemorySegment.NULL;
        }
        pieces = 0;
        mm_ipc_msg.num_iov(memory, 0);
        mm_ipc_msg.num_fds(memory, 0);
        mm_ipc_msg.num_fds_max(memory, 0);
    }

    /** Adds a piece of native memory, which is used in place. */
    void add(MemorySegment piece) {
        held[pieces] = piece;
        setPiece(piece.address(), piece.byteSize());
    }

    /**
     * Adds what is left in a direct buffer, which is used in place. To learn where a buffer lies costs an object: so the last
     * buffers are kept with their memory.
     */
    void add(ByteBuffer piece) {
        int place = pieces;
        if (buffers[place] != piece) {
            memoryOfBuffers[place] = MemorySegment.ofBuffer(piece.duplicate().clear());
            buffers[place] = piece;
        }
        MemorySegment whole = memoryOfBuffers[place];
        held[place] = whole;
        setPiece(whole.address() + piece.position(), piece.remaining());
    }

    /** Adds so many bytes of the copy as the only piece. */
    void addCopy(long size) {
        held[0] = copy;
        setPiece(copy.address(), size);
    }

    private void setPiece(long address, long size) {
        long at = PIECES_AT + pieces * iovec.sizeof();
        memory.set(ValueLayout.JAVA_LONG, at, address);
        memory.set(ValueLayout.JAVA_LONG, at + ValueLayout.JAVA_LONG.byteSize(), size);
        pieces++;
        mm_ipc_msg.num_iov(memory, pieces);
    }

    /** Returns memory for a copy of this size; what was in it may be gone. */
    MemorySegment copy(long size) {
        if (copy.byteSize() < size) {
            long room = Math.max(SMALLEST_COPY, Long.highestOneBit(size) == size ? size : 2 * Long.highestOneBit(size));
            copy = Arena.ofAuto().allocate(room);
            copyBuffer = room <= Integer.MAX_VALUE ? copy.asByteBuffer() : null;
        }
        return copy;
    }

    /** Returns the same as a buffer, from 0 to the size. */
    ByteBuffer copyBuffer(int size) {
        copy(size);
        return copyBuffer.clear().limit(size);
    }

    /** Sets a descriptor to send. */
    void descriptor(int index, int number) {
        memory.set(ValueLayout.JAVA_INT, DESCRIPTORS_AT + index * ValueLayout.JAVA_INT.byteSize(), number);
    }

    /** Says how many descriptors are to be sent. */
    void descriptors(int count) {
        mm_ipc_msg.num_fds(memory, count);
    }

    /** Says for how many descriptors there is room. */
    void descriptorRoom(int room) {
        mm_ipc_msg.num_fds_max(memory, room);
    }

    /** Returns how many descriptors came. */
    int descriptors() {
        return mm_ipc_msg.num_fds(memory);
    }

    /** Returns a descriptor that came. */
    int descriptor(int index) {
        return memory.get(ValueLayout.JAVA_INT, DESCRIPTORS_AT + index * ValueLayout.JAVA_INT.byteSize());
    }

    /** Returns MSG_TRUNC and MSG_CTRUNC. */
    int flags() {
        return mm_ipc_msg.flags(memory);
    }

    /** One {@code tpy_mm_sendmsg}. */
    long send(int number, int flags) {
        return mmsysio_h.tpy_mm_send_held(number, memory, flags, held[0], held[1], held[2], held[3]);
    }

    /** One {@code tpy_mm_recvmsg}. */
    long receive(int number, int flags) {
        return mmsysio_h.tpy_mm_receive_held(number, memory, flags, held[0], held[1], held[2], held[3]);
    }

    /** Lets go of the caller's memory. */
    void release() {
        for (int i = 0; i < PIECES; i++) {
            held[i] = MemorySegment.NULL;
        }
    }
}
