package org.tetrapylon.l4;

/**
 * The name of a thread on this machine. Every process is a task, every platform thread that uses this interface is a thread of it. An id holds
 * until its thread ends and never names another thread.
 *
 * @param raw the 64 bits of an {@code l4_threadid_t}
 */
public record ThreadId(long raw) {

    /** Nobody. */
    public static final ThreadId NIL = new ThreadId(L4.L4_NIL_ID);
    /** No id. */
    public static final ThreadId INVALID = new ThreadId(L4.L4_INVALID_ID);

    /**
     * {@return the calling thread's; {@link #INVALID} if 128 threads of this process have one}
     *
     * @throws WrongThreadException a virtual thread has none
     */
    public static ThreadId self() {
        return new ThreadId(L4.l4Myself());
    }

    /** {@return whether it names nobody} */
    public boolean isNil() {
        return L4.l4IsNilId(raw);
    }

    /** {@return whether it is no id} */
    public boolean isInvalid() {
        return L4.l4IsInvalidId(raw);
    }

    /**
     * {@return whether both are threads of one task}
     *
     * @param other another thread
     */
    public boolean isSameTask(ThreadId other) {
        return L4.l4TaskEqual(raw, other.raw);
    }

    /** {@return the number of its process among those of the user, 1 to 2046} */
    public int task() {
        return (int) (raw >>> 17) & 2047;
    }

    /** {@return its number in its task, 0 to 127} */
    public int lthread() {
        return (int) (raw >>> 10) & 127;
    }

    /** {@return which of the threads that have had that number it is} */
    public int version() {
        return (int) (raw & 1023 | (raw >>> 28 & 15) << 10);
    }

    /** {@return the user's number} */
    public int site() {
        return (int) (raw >>> 32) & 0x1ffff;
    }

    /**
     * Cancels the IPC that this thread is in: RECANCELED or SECANCELED if it waits, REABORTED and SEABORTED in the middle of a transfer. If it is in
     * none, or a thread of another task, nothing happens.
     */
    public void cancel() {
        L4.l4ThreadExRegs(raw, -1, -1, null, null);
    }

    @Override
    public String toString() {
        return isNil() ? "nobody" : isInvalid() ? "invalid" : "thread " + lthread() + "#" + version() + " of task " + task();
    }
}
