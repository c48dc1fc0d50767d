package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.tetrapylon.generated.mm.iovec;
import org.tetrapylon.generated.mm.mm_ipc_msg;
import org.tetrapylon.generated.mm.mmsysio_h;

/**
 * The {@code struct mm_ipc_msg} of the page, with room for pieces and descriptors, in native memory. The accessors are called
 * as its fields. Not thread-safe.
 */
public final class MmIpcMsg {

    private final MemorySegment struct;
    private final MemorySegment pieces;
    private final MemorySegment numbers;
    /** Keeps the pieces' memory reachable. */
    private final MemorySegment[] held;

    /**
     * Makes a message without pieces and descriptors.
     *
     * @param arena owns its memory
     * @param pieceRoom for how many pieces there is room
     * @param descriptorRoom for how many descriptors there is room
     */
    public MmIpcMsg(Arena arena, int pieceRoom, int descriptorRoom) {
        struct = mm_ipc_msg.allocate(arena);
        pieces = iovec.allocateArray(pieceRoom, arena);
        numbers = arena.allocate(mmsysio_h.C_INT, descriptorRoom);
        held = new MemorySegment[pieceRoom];
        mm_ipc_msg.iov(struct, pieces);
        mm_ipc_msg.fds(struct, numbers);
    }

    /**
     * Sets the pieces, and with them {@code num_iov}.
     *
     * @param memory native memory, which must stay allocated while the message is used
     * @return this
     */
    public MmIpcMsg iov(MemorySegment... memory) {
        Objects.checkIndex(memory.length, held.length + 1);
        for (int i = 0; i < memory.length; i++) {
            if (!memory[i].isNative()) {
                throw new IllegalArgumentException("piece " + i + " is not native memory");
            }
            held[i] = memory[i];
            MemorySegment piece = iovec.asSlice(pieces, i);
            iovec.iov_base(piece, memory[i]);
            iovec.iov_len(piece, memory[i].byteSize());
        }
        mm_ipc_msg.num_iov(struct, memory.length);
        return this;
    }

    /**
     * Sets the descriptors to send, and with them {@code num_fds}.
     *
     * @param descriptors their numbers
     * @return this
     */
    public MmIpcMsg fds(int... descriptors) {
        MemorySegment.copy(descriptors, 0, numbers, mmsysio_h.C_INT, 0, descriptors.length);
        mm_ipc_msg.num_fds(struct, descriptors.length);
        return this;
    }

    /**
     * {@return a descriptor that was received, which is the caller's}
     *
     * @param index 0 to {@link #num_fds()} - 1
     */
    public int fd(int index) {
        return numbers.getAtIndex(mmsysio_h.C_INT, Objects.checkIndex(index, num_fds()));
    }

    /** {@return the number of pieces} */
    public int num_iov() {
        return mm_ipc_msg.num_iov(struct);
    }

    /**
     * Sets the number of pieces.
     *
     * @param count the number, valid or not
     * @return this
     */
    public MmIpcMsg num_iov(int count) {
        mm_ipc_msg.num_iov(struct, count);
        return this;
    }

    /** {@return the number of descriptors to send, or that were received} */
    public int num_fds() {
        return mm_ipc_msg.num_fds(struct);
    }

    /**
     * Sets the number of descriptors to send.
     *
     * @param count the number, valid or not
     * @return this
     */
    public MmIpcMsg num_fds(int count) {
        mm_ipc_msg.num_fds(struct, count);
        return this;
    }

    /**
     * Sets for how many descriptors there is room in a receive; at first 0.
     *
     * @param room the number, up to the room this was made with
     * @return this
     */
    public MmIpcMsg num_fds_max(int room) {
        if (room > numbers.byteSize() / Integer.BYTES) {
            throw new IndexOutOfBoundsException(room);
        }
        mm_ipc_msg.num_fds_max(struct, room);
        return this;
    }

    /** {@return what a receive has reported: {@link Mmsysio#MSG_TRUNC}, {@link Mmsysio#MSG_CTRUNC}} */
    public int flags() {
        return mm_ipc_msg.flags(struct);
    }

    MemorySegment struct() {
        if (num_iov() > held.length || num_fds() * (long) Integer.BYTES > numbers.byteSize()) {
            throw new IndexOutOfBoundsException("more pieces or descriptors than there is room for");
        }
        return struct;
    }
}
