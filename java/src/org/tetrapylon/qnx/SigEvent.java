package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.tetrapylon.generated.qnx.neutrino_h;

/**
 * An event: how a process wants to be notified ({@code struct sigevent} with QNX's members, sys/siginfo.h). It is filled in by
 * the one who waits, carried about in messages ({@link #segment}), and delivered by the server or a timer.
 *
 * <p>The struct is the C library's own, whose union has no names that a generator could use; the offsets below are compared with the
 * C compiler's by a test.
 *
 * <p>Owner: who made it. Not thread-safe.
 */
public final class SigEvent {

    /** Bytes of the struct. */
    public static final long SIZE = 64;

    static final long VALUE = 0;
    static final long SIGNO = 8;
    static final long NOTIFY = 12;
    static final long CODE = 16;
    static final long PRIORITY = 20;
    static final long HANDLE = 24;

    private final MemorySegment struct;

    private SigEvent(MemorySegment struct) {
        this.struct = struct;
    }

    private static SigEvent make(Arena arena, int notify) {
        SigEvent event = new SigEvent(arena.allocate(SIZE, Long.BYTES));
        event.struct.set(ValueLayout.JAVA_INT, NOTIFY, notify);
        return event;
    }

    /**
     * {@return the event in memory that holds one, such as a message}
     *
     * @param struct memory of a {@code struct sigevent}, which stays the caller's
     */
    public static SigEvent at(MemorySegment struct) {
        return new SigEvent(struct.asSlice(0, SIZE));
    }

    /**
     * {@return SIGEV_NONE: no notice}
     *
     * @param arena owns its memory
     */
    public static SigEvent none(Arena arena) {
        return make(arena, neutrino_h.SIGEV_NONE());
    }

    /**
     * {@return SIGEV_UNBLOCK: ends a blocked call, for timerTimeout}
     *
     * @param arena owns its memory
     */
    public static SigEvent unblock(Arena arena) {
        return make(arena, neutrino_h.SIGEV_UNBLOCK());
    }

    /**
     * SIGEV_PULSE.
     *
     * @param arena owns its memory
     * @param coid the connection of this process by which the pulse goes
     * @param priority 0 to 255, or {@link Neutrino#SIGEV_PULSE_PRIO_INHERIT}
     * @param code -128 to 127
     * @param value 64 bits
     * @return the event
     */
    public static SigEvent pulse(Arena arena, int coid, int priority, int code, long value) {
        SigEvent event = make(arena, neutrino_h.SIGEV_PULSE());
        event.struct.set(ValueLayout.JAVA_INT, SIGNO, coid);
        event.struct.set(ValueLayout.JAVA_INT, PRIORITY, priority);
        event.struct.set(ValueLayout.JAVA_INT, CODE, code);
        event.struct.set(ValueLayout.JAVA_LONG, VALUE, value);
        return event;
    }

    /**
     * {@return SIGEV_SIGNAL: a signal of that number}
     *
     * @param arena owns its memory
     * @param signo the signal
     */
    public static SigEvent signal(Arena arena, int signo) {
        SigEvent event = make(arena, neutrino_h.SIGEV_SIGNAL());
        event.struct.set(ValueLayout.JAVA_INT, SIGNO, signo);
        return event;
    }

    /**
     * Lets the server change the value of a registered event.
     *
     * @return this event
     */
    public SigEvent updateable() {
        struct.set(ValueLayout.JAVA_INT, NOTIFY, struct.get(ValueLayout.JAVA_INT, NOTIFY) | neutrino_h.SIGEV_FLAG_UPDATEABLE());
        return this;
    }

    /** {@return the native struct, {@link #SIZE} bytes} */
    public MemorySegment segment() {
        return struct;
    }

    /** {@return the kind of event, {@code SIGEV_*} without flags} */
    public int type() {
        return struct.get(ValueLayout.JAVA_INT_UNALIGNED, NOTIFY) & neutrino_h.SIGEV_TYPE_MASK();
    }

    /** {@return whether it is a handle made by msgRegisterEvent} */
    public boolean isHandle() {
        return (struct.get(ValueLayout.JAVA_INT_UNALIGNED, NOTIFY) & neutrino_h.SIGEV_FLAG_HANDLE()) != 0;
    }

    /** {@return the value} */
    public long value() {
        return struct.get(ValueLayout.JAVA_LONG_UNALIGNED, VALUE);
    }

    /**
     * Sets the value.
     *
     * @param value 64 bits
     */
    public void setValue(long value) {
        struct.set(ValueLayout.JAVA_LONG_UNALIGNED, VALUE, value);
    }
}
