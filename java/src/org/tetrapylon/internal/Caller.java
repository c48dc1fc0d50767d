package org.tetrapylon.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.core.tpy_thread_on_sleep$hook;

/**
 * What the Java side keeps for each thread that calls in: memory for what a call brings back and for payloads that do not lie in
 * native memory, and the means to wake it. Nothing is allocated for a call once a thread has made its first ones.
 *
 * <p>Interruption. The library tells, by an upcall, when a call of this thread is about to sleep and when it has woken; only then
 * does the thread register with {@link Thread#interrupt}. So a call that is answered while it polls costs nothing for it. See
 * docs/decisions/java-blocking-calls.md.
 *
 * <p>Virtual threads have a Caller too, but no native thread of their own: their blocking calls run on a {@link Workers worker}.
 *
 * <p>Owner: the thread. Only {@link Wake} is touched by others.
 */
public final class Caller {

    /** Memory for payloads that a thread has at first; it grows to the largest payload and stays so. */
    private static final long FIRST_SCRATCH = 4096;

    /** Room for whatever structure a call of any face fills with its results. */
    private static final long ANSWER_SIZE = 64;

    private static final MemorySegment ON_SLEEP;
    private static final ThreadLocal<Caller> CURRENT;

    static {
        NativeLibrary.load();
        ON_SLEEP = tpy_thread_on_sleep$hook.allocate(Caller::onSleep, Arena.global());
        CURRENT = ThreadLocal.withInitial(Caller::new);
    }

    /** The status of the last answer, as the server gave it. */
    public long status;
    /** Of a virtual thread: how many bytes the last answer had. Of others {@link #answer} tells it. */
    public long length;

    /** Of a virtual thread: what its next blocking call is to arm on the worker; 0: nothing. */
    public int armedStates;
    /** Of a virtual thread: when that is, by {@link System#nanoTime}. */
    public long armedUntil;
    /** The priority set for its messages, -1: by the thread's policy. */
    public int priority = -1;

    private final boolean virtual;
    private final MemorySegment answer;
    private final long answerAddress;
    private final Wake wake;
    private boolean registered;

    private MemorySegment out = MemorySegment.NULL;
    private ByteBuffer outView;
    private MemorySegment in = MemorySegment.NULL;
    private ByteBuffer inView;

    private Caller() {
        virtual = Thread.currentThread().isVirtual();
        registered = virtual;
        wake = virtual ? null : new Wake();
        answer = virtual ? MemorySegment.NULL : Arena.ofAuto().allocate(ANSWER_SIZE, Long.BYTES);
        answerAddress = answer.address();
    }

    /** {@return the calling thread's} */
    public static Caller current() {
        Caller caller = CURRENT.get();
        if (!caller.registered) {
            caller.register();
        }
        return caller;
    }

    /** Where the process has no number left for this thread, its calls fail with EAGAIN by themselves, and the next one tries again. */
    private void register() {
        int number = tetrapylon_h.tpy_thread_number_self();
        if (number > 0 && tetrapylon_h.tpy_thread_on_sleep(ON_SLEEP) == 0) {
            wake.thread = number;
            registered = true;
        }
    }

    /** {@return whether the library tells this thread when it sleeps; false only where it has no number left for it} */
    public boolean isRegistered() {
        return registered;
    }

    /** {@return whether this is a virtual thread's} */
    public boolean isVirtual() {
        return virtual;
    }

    /** {@return 64 bytes of native memory that a call of this thread fills with its results; a virtual thread has none} */
    public MemorySegment answer() {
        return answer;
    }

    /** {@return the address of {@link #answer}, which lives as long as the thread} */
    public long answerAddress() {
        return answerAddress;
    }

    /** To be called after each call that can block: an interrupt that came too late for it must not end the next one. */
    public void settle() {
        if (wake.sent) {
            wake.sent = false;
            Wake.UNSETTLED.getAndDecrement();
            tetrapylon_h.tpy_thread_interrupted();
        }
    }

    /** As {@link #settle} of the calling thread, which has been registered; its record is looked up only if some thread has to. */
    public static void settleAny() {
        if (Wake.UNSETTLED.getPlain() != 0) {
            CURRENT.get().settle();
        }
    }

    /** {@return native memory of this thread for a payload that goes out, at least that large; valid until the next call} */
    public MemorySegment out(long size) {
        if (out.byteSize() < size) {
            out = grown(size);
            outView = null;
        }
        return out;
    }

    /** {@return native memory of this thread for a payload that comes in, at least that large; valid until the next call} */
    public MemorySegment in(long size) {
        if (in.byteSize() < size) {
            in = grown(size);
            inView = null;
        }
        return in;
    }

    private static MemorySegment grown(long size) {
        long capacity = Math.max(FIRST_SCRATCH, Long.highestOneBit(Math.max(1, size - 1)) << 1);
        return Arena.ofAuto().allocate(capacity, Long.BYTES);
    }

    /** {@return {@link #out} as a buffer; its position and limit mean nothing} */
    public ByteBuffer outBuffer(int size) {
        out(size);
        if (outView == null) {
            outView = view(out);
        }
        return outView;
    }

    /** {@return {@link #in} as a buffer; its position and limit mean nothing} */
    public ByteBuffer inBuffer(int size) {
        in(size);
        if (inView == null) {
            inView = view(in);
        }
        return inView;
    }

    private static ByteBuffer view(MemorySegment memory) {
        return memory.asSlice(0, Math.min(memory.byteSize(), Integer.MAX_VALUE)).asByteBuffer();
    }

    /** Called by the library on the thread that sleeps. An exception here would end the JVM. */
    private static void onSleep(int asleep) {
        try {
            Caller caller = CURRENT.get();
            Wake wake = caller.wake;
            if (!caller.registered) {
                // A native thread that was another Java thread before: it has the hook already.
                wake.thread = tetrapylon_h.tpy_thread_number_self();
                caller.registered = true;
            }
            if (asleep != 0) {
                wake.fallAsleep();
            } else {
                wake.awake();
            }
        } catch (Throwable e) {
            // Without memory or stack for this the thread only cannot be interrupted this time.
        }
    }
}
