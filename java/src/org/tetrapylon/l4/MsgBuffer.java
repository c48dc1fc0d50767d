package org.tetrapylon.l4;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.tetrapylon.generated.l4.l4_msghdr;
import org.tetrapylon.generated.l4.l4_strdope;

/**
 * A message buffer as the documents lay it out, in native memory: a receive window for flexpages, room for words, and for each string what is
 * sent and where a received one goes. It is a send descriptor, a receive descriptor, or both.
 *
 * <p>Words 0 and 1 travel as arguments of the calls: those of the buffer are neither read nor written. Strings are native segments, at most
 * {@link L4#L4_STRING_MAX} bytes each; the buffer keeps them reachable, and their arenas must stay open while a call uses it.
 *
 * <p>Owner: who made it. Not to be changed while a call uses it.
 */
public final class MsgBuffer {

    private static final long FPAGE = l4_msghdr.fpage$offset();
    private static final long SIZE_DOPE = l4_msghdr.size_dope$offset();
    private static final long SEND_DOPE = l4_msghdr.send_dope$offset();
    private static final long HEAD = l4_msghdr.sizeof();
    private static final long STRDOPE = l4_strdope.sizeof();
    private static final long SND_SIZE = l4_strdope.snd_size$offset();
    private static final long SND_STR = l4_strdope.snd_str$offset();
    private static final long RCV_SIZE = l4_strdope.rcv_size$offset();
    private static final long RCV_STR = l4_strdope.rcv_str$offset();
    private static final int MOST_WORDS = 0x7ffff;
    private static final int MOST_STRINGS = 31;

    private final MemorySegment memory;
    private final MemorySegment mapping;
    private final int words;
    private final long dopes;
    private final MemorySegment[] sent;
    private final MemorySegment[] rooms;

    /**
     * Makes a buffer that receives up to so much, and sends two words until {@link #send} says otherwise.
     *
     * @param arena where it lives
     * @param words 2 to 524,287, the first two included
     * @param strings 0 to 31
     */
    public MsgBuffer(Arena arena, int words, int strings) {
        if (words < 2 || words > MOST_WORDS || strings < 0 || strings > MOST_STRINGS) {
            throw new IllegalArgumentException("a message has 2 to " + MOST_WORDS + " words and at most " + MOST_STRINGS + " strings");
        }
        this.words = words;
        dopes = HEAD + (long) words * Long.BYTES;
        memory = arena.allocate(dopes + strings * STRDOPE, 16);
        mapping = memory.asSlice(2);
        sent = new MemorySegment[strings];
        rooms = new MemorySegment[strings];
        memory.set(ValueLayout.JAVA_LONG, SIZE_DOPE, L4.L4_IPC_DOPE(words, strings));
        send(2, 0);
    }

    /** {@return the descriptor of this buffer, for sending and for receiving} */
    public MemorySegment descriptor() {
        return memory;
    }

    /** {@return the send descriptor of this buffer if its words begin with flexpages} */
    public MemorySegment mapDescriptor() {
        return mapping;
    }

    /** {@return how many words there is room for} */
    public int words() {
        return words;
    }

    /** {@return how many strings there is room for} */
    public int strings() {
        return rooms.length;
    }

    /**
     * Says how much is sent.
     *
     * @param words the first two among them
     * @param strings at most the room there is
     */
    public void send(int words, int strings) {
        Objects.checkFromToIndex(0, words, this.words);
        Objects.checkFromToIndex(0, strings, rooms.length);
        memory.set(ValueLayout.JAVA_LONG, SEND_DOPE, L4.L4_IPC_DOPE(words, strings));
    }

    /**
     * Sets where flexpages go that are received. 0: nowhere.
     *
     * @param fpage as {@link L4#l4Fpage} makes it; 0: no window
     */
    public void window(long fpage) {
        memory.set(ValueLayout.JAVA_LONG, FPAGE, fpage);
    }

    /** {@return where flexpages go that are received} */
    public long window() {
        return memory.get(ValueLayout.JAVA_LONG, FPAGE);
    }

    /**
     * {@return a word}
     *
     * @param index from 0
     */
    public long word(int index) {
        return memory.get(ValueLayout.JAVA_LONG, HEAD + Objects.checkIndex(index, words) * 8L);
    }

    /**
     * Sets a word.
     *
     * @param index from 0
     * @param value 64 bits
     */
    public void word(int index, long value) {
        memory.set(ValueLayout.JAVA_LONG, HEAD + Objects.checkIndex(index, words) * 8L, value);
    }

    /**
     * Sets what is sent as a string.
     *
     * @param index which string
     * @param bytes a native segment
     */
    public void snd(int index, MemorySegment bytes) {
        snd(index, bytes.address(), bytes.byteSize());
        sent[index] = checked(bytes);
    }

    /**
     * As {@link #snd(int, MemorySegment)}, by address and size; nothing is checked or kept reachable.
     *
     * @param index from 0
     * @param address where its memory begins
     * @param size bytes, at most 4 MiB
     */
    public void snd(int index, long address, long size) {
        long at = dope(index);
        memory.set(ValueLayout.JAVA_LONG, at + SND_STR, address);
        memory.set(ValueLayout.JAVA_LONG, at + SND_SIZE, size);
    }

    /**
     * Sets where a received string goes.
     *
     * @param index which string
     * @param room a native segment that can be written
     */
    public void rcv(int index, MemorySegment room) {
        if (room.isReadOnly()) {
            throw new IllegalArgumentException("the room for a string is read-only");
        }
        rcv(index, room.address(), room.byteSize());
        rooms[index] = checked(room);
    }

    /**
     * As {@link #rcv(int, MemorySegment)}, by address and size; nothing is checked or kept reachable.
     *
     * @param index from 0
     * @param address where its memory begins
     * @param size bytes, at most 4 MiB
     */
    public void rcv(int index, long address, long size) {
        long at = dope(index);
        memory.set(ValueLayout.JAVA_LONG, at + RCV_STR, address);
        memory.set(ValueLayout.JAVA_LONG, at + RCV_SIZE, size);
        rooms[index] = null;
    }

    /**
     * {@return the bytes sent or, after a receive, received as a string}
     *
     * @param index from 0
     */
    public long sndSize(int index) {
        return memory.get(ValueLayout.JAVA_LONG, dope(index) + SND_SIZE);
    }

    /**
     * {@return where the string is that is sent or, after a receive, was received}
     *
     * @param index from 0
     */
    public long sndStr(int index) {
        return memory.get(ValueLayout.JAVA_LONG, dope(index) + SND_STR);
    }

    /**
     * {@return the room for a string, in bytes}
     *
     * @param index from 0
     */
    public long rcvSize(int index) {
        return memory.get(ValueLayout.JAVA_LONG, dope(index) + RCV_SIZE);
    }

    /**
     * {@return a string that was received, in place}
     *
     * @param index from 0
     */
    public MemorySegment received(int index) {
        MemorySegment room = rooms[index];
        return room == null ? MemorySegment.ofAddress(sndStr(index)).reinterpret(sndSize(index)) : room.asSlice(0, sndSize(index));
    }

    private long dope(int index) {
        return dopes + Objects.checkIndex(index, rooms.length) * STRDOPE;
    }

    private static MemorySegment checked(MemorySegment segment) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException("a string must lie in native memory");
        }
        return segment;
    }

    // ---- For the calls: what a descriptor says must be within the segment that it is. One without size (a constant, a number) is taken as in C.

    static void checkSend(MemorySegment descriptor) {
        if (descriptor.byteSize() > 0) {
            checkBuffer(descriptor);
        }
    }

    static void checkReceive(MemorySegment descriptor) {
        if (descriptor.byteSize() > 0) {
            if (descriptor.isReadOnly() || (descriptor.address() & L4.L4_IPC_SHORT_FPAGE.address()) != 0) {
                throw new IllegalArgumentException("not a receive descriptor: " + descriptor);
            }
            checkBuffer(descriptor);
        }
    }

    private static void checkBuffer(MemorySegment descriptor) {
        if (!descriptor.isNative()) {
            throw new IllegalArgumentException("a message buffer must lie in native memory");
        }
        long flags = descriptor.address() & 3;
        long size = descriptor.byteSize() + flags;
        Objects.checkFromIndexSize(0, HEAD, size);
        MsgDope room = new MsgDope(descriptor.get(ValueLayout.JAVA_LONG_UNALIGNED, SIZE_DOPE - flags));
        MsgDope sent = new MsgDope(descriptor.get(ValueLayout.JAVA_LONG_UNALIGNED, SEND_DOPE - flags));
        Objects.checkFromIndexSize(0, HEAD + room.dwords() * 8L + Math.max(room.strings(), sent.strings()) * STRDOPE, size);
        Objects.checkFromIndexSize(0, HEAD + sent.dwords() * 8L, size);
    }
}
