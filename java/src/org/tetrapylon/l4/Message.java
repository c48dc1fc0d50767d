package org.tetrapylon.l4;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;

/**
 * A message, to send and to receive into, again and again. At least two words go with each; with room made for it also more words, strings
 * (runs of bytes that are copied from memory to memory), and flexpages (memory that both then share).
 *
 * <p>What is set goes with the next send. What is received takes its place, and the message is two words again until more is set;
 * {@link #keep} sends on what was received.
 *
 * <p>Owner: one thread at a time. Memory of its own goes when the object is collected, which the collector is in no hurry to do: it does not count
 * memory outside the heap. So a message with much room is made once, and used for many calls. Strings and rooms that are given must stay open while
 * a call uses them.
 */
public final class Message {

    /** The dope of a short message. */
    private static final long SHORT = L4.L4_IPC_DOPE(2, 0);

    private final MsgBuffer buffer;
    private final IpcResult result = new IpcResult();
    private final MemorySegment[] copies;
    private Window window;

    // What goes.
    private long word0;
    private long word1;
    private int outWords = 2;
    private int outStrings;
    private int outPages;
    private Region[] regions = {};
    private boolean[] granted = {};

    // What came.
    private int words;
    private int strings;
    private long sender;
    private boolean cut;
    private IpcError lost;

    /** Makes a message of two words. */
    public Message() {
        this(2);
    }

    /**
     * {@return a message of two words}
     *
     * @param word0 the first word
     * @param word1 the second word
     */
    public static Message of(long word0, long word1) {
        return new Message().words(word0, word1);
    }

    /**
     * Makes a message with room.
     *
     * @param words how many words it can have, 2 or more
     * @param strings the room for each string that is received, in bytes; 0: none yet, see {@link #room}
     */
    public Message(int words, long... strings) {
        Arena arena = Arena.ofAuto();
        buffer = words == 2 && strings.length == 0 ? null : new MsgBuffer(arena, words, strings.length);
        copies = new MemorySegment[strings.length];
        for (int i = 0; i < strings.length; i++) {
            if (strings[i] > 0) {
                buffer.rcv(i, arena.allocate(strings[i], 16));
            }
        }
    }

    // ---- Words

    /**
     * {@return a word}
     *
     * @param index from 0
     */
    public long word(int index) {
        return switch (index) {
            case 0 -> word0;
            case 1 -> word1;
            default -> room().word(index);
        };
    }

    /**
     * Sets the first two words.
     *
     * @param word0 the first word
     * @param word1 the second word
     * @return this
     */
    public Message words(long word0, long word1) {
        this.word0 = word0;
        this.word1 = word1;
        return this;
    }

    /**
     * Sets a word; those before it go along.
     *
     * @param index from 0
     * @param value 64 bits
     * @return this
     */
    public Message word(int index, long value) {
        switch (index) {
            case 0 -> word0 = value;
            case 1 -> word1 = value;
            default -> room().word(index, value);
        }
        outWords = Math.max(outWords, index + 1);
        return this;
    }

    private MsgBuffer room() {
        if (buffer == null) {
            throw new IndexOutOfBoundsException("the message has room for two words only");
        }
        return buffer;
    }

    // ---- Strings

    /**
     * Sends bytes along, as the next string.
     *
     * @param bytes native memory is sent as it is then; others are copied now
     * @return this
     */
    public Message string(MemorySegment bytes) {
        room().snd(outStrings, bytes.isNative() ? bytes : copy(outStrings, bytes));
        outStrings++;
        return this;
    }

    private MemorySegment copy(int index, MemorySegment bytes) {
        MemorySegment copy = copies[Objects.checkIndex(index, copies.length)];
        if (copy == null || copy.byteSize() < bytes.byteSize()) {
            copies[index] = copy = Arena.ofAuto().allocate(Math.max(64, bytes.byteSize()), 16);
        }
        return copy.asSlice(0, bytes.byteSize()).copyFrom(bytes);
    }

    /**
     * Gives the memory that a string is received into.
     *
     * @param index from 0
     * @param memory native memory, at most 4 MiB of it are used
     * @return this
     */
    public Message room(int index, MemorySegment memory) {
        room().rcv(index, memory);
        return this;
    }

    /**
     * {@return a string that was received, in place; of a message that was cut, also the one of which only the beginning came}
     *
     * @param index from 0
     */
    public MemorySegment string(int index) {
        Objects.checkIndex(index, cut ? buffer == null ? 0 : buffer.strings() : strings);
        return room().received(index);
    }

    /**
     * {@return a copy of a string that was received}
     *
     * @param index from 0
     */
    public byte[] bytes(int index) {
        return string(index).toArray(ValueLayout.JAVA_BYTE);
    }

    // ---- Flexpages

    /**
     * Sends memory along, which is then the partner's too. Flexpages take the first words, two each, in the order of these calls; words
     * of the program may follow after two that are 0.
     *
     * @param region whose pages are sent
     * @param writable whether the partner may write to it
     * @return this
     */
    public Message map(Region region, boolean writable) {
        return page(region, 0, writable, false);
    }

    /**
     * As {@link #map}, to a place in the partner's window: the offset modulo the window's size.
     *
     * @param region whose pages are sent
     * @param writable whether the partner may write to them
     * @param offset bytes, a multiple of the page size
     * @return this
     */
    public Message map(Region region, boolean writable, long offset) {
        return page(region, offset, writable, false);
    }

    /**
     * As {@link #map}; when the call has succeeded, the memory is the partner's alone, and the region is closed.
     *
     * @param region whose pages are sent
     * @param writable whether the partner may write to them
     * @return this
     */
    public Message grant(Region region, boolean writable) {
        return page(region, 0, writable, true);
    }

    private Message page(Region region, long base, boolean writable, boolean grant) {
        word(2 * outPages, base);
        word(2 * outPages + 1, region.fpage(writable, grant).raw());
        regions = Arrays.copyOf(regions, outPages + 1);
        granted = Arrays.copyOf(granted, outPages + 1);
        regions[outPages] = region;
        granted[outPages++] = grant;
        return this;
    }

    /**
     * Sets where flexpages go that are received; null: nowhere, then a message with one is cut.
     *
     * @param window where they go, or null
     * @return this
     */
    public Message window(Window window) {
        this.window = window;
        if (buffer != null) {
            buffer.window(window == null ? 0 : window.fpage().raw());
        }
        return this;
    }

    /** {@return whether flexpages were received} */
    public boolean isMapped() {
        return words > 0 && L4.l4IpcFpageReceived(result.dope());
    }

    /**
     * {@return the memory that a flexpage has brought; see {@link Window#mapped}}
     *
     * @param index which one; the first is 0
     */
    public MemorySegment mapped(int index) {
        Fpage fpage = new Fpage(isMapped() && 2 * index + 1 < words ? word(2 * index + 1) : 0);
        if (fpage.raw() == 0) {
            throw new IllegalStateException("no such flexpage was received");
        }
        return window.mapped(word(2 * index), fpage);
    }

    // ---- What came

    /** {@return how many words were received; 0: no message} */
    public int wordCount() {
        return words;
    }

    /** {@return how many strings were received whole} */
    public int stringCount() {
        return strings;
    }

    /** {@return whether the message that was received did not fit: then its sender knows, and waits for no answer} */
    public boolean isCut() {
        return cut;
    }

    /** {@return who sent it; nobody after {@link #dismiss}} */
    public ThreadId sender() {
        return new ThreadId(sender);
    }

    /** {@return what became of the answer that {@link Ipc#replyAndWait} sent before this message: null if it arrived, or there was none} */
    public IpcError lost() {
        return lost;
    }

    // ---- What goes

    /**
     * Sends on what was received: its words and strings, with the next send.
     *
     * @return this
     */
    public Message keep() {
        outWords = Math.max(2, words);
        outStrings = strings;
        return this;
    }

    /**
     * Nothing but two zeros goes with the next send.
     *
     * @return this
     */
    public Message clear() {
        word0 = word1 = 0;
        fresh();
        return this;
    }

    /**
     * Leaves the sender without an answer: {@link Ipc#replyAndWait} will only wait.
     *
     * @return this
     */
    public Message dismiss() {
        sender = L4.L4_NIL_ID;
        return this;
    }

    private void fresh() {
        outWords = 2;
        outStrings = 0;
        outPages = 0;
    }

    // ---- For Ipc

    long raw0() {
        return word0;
    }

    long raw1() {
        return word1;
    }

    long rawSender() {
        return sender;
    }

    IpcResult result() {
        return result;
    }

    void lost(IpcError error) {
        if (lost != error) {
            lost = error;
        }
    }

    /** {@return whether there is room for two words only and no more goes: then a call needs no preparation} */
    boolean isShort() {
        return buffer == null && window == null && outPages == 0;
    }

    MemorySegment sending() {
        if (outWords == 2 && outStrings == 0) {
            return outPages == 0 ? L4.L4_IPC_SHORT_MSG : L4.L4_IPC_SHORT_FPAGE;
        }
        buffer.send(outWords, outStrings);
        return outPages == 0 ? buffer.descriptor() : buffer.mapDescriptor();
    }

    MemorySegment receiving() {
        if (buffer == null) {
            return window == null ? L4.L4_IPC_SHORT_MSG : window.descriptor();
        }
        return buffer.descriptor();
    }

    /** What of earlier messages could be taken for the next one's goes. */
    void beginReceive() {
        for (int i = outStrings; i < copies.length; i++) {
            buffer.snd(i, 0, 0);
        }
        if (window != null) {
            window.enter();
        }
    }

    void endReceive() {
        if (window != null) {
            window.leave();
        }
    }

    void beginSend() {
        int entered = 0;
        try {
            for (; entered < outPages; entered++) {
                regions[entered].enter(granted[entered]);
            }
        } catch (IllegalStateException e) {
            while (--entered >= 0) {
                regions[entered].leave(false);
            }
            throw e;
        }
    }

    void endSend() {
        for (int i = 0; i < outPages; i++) {
            regions[i].leave(granted[i]);
        }
    }

    /** After a receive. Without a message, what goes stays as it is. */
    void received(int code) {
        long dope = result.dope();
        if (dope == SHORT && buffer == null) {
            words = 2;
            strings = 0;
            cut = false;
            word0 = result.dword0();
            word1 = result.dword1();
            sender = result.source();
            outPages = 0;
            return;
        }
        words = (int) (dope >>> L4.L4_IPC_DWORD_SHIFT);
        strings = (int) (dope >>> L4.L4_IPC_STRING_SHIFT) & 31;
        cut = code == L4.L4_IPC_REMSGCUT;
        if (code == 0 || cut) {
            word0 = result.dword0();
            word1 = result.dword1();
            sender = result.source();
            fresh();
        }
    }

    @Override
    public String toString() {
        return "Message[" + (words == 0 ? "" : words + " words and " + strings + " strings from " + sender() + (cut ? ", cut, " : ", "))
                + "0x" + Long.toHexString(word0) + ", 0x" + Long.toHexString(word1) + "]";
    }
}
