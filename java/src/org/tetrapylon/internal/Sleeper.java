package org.tetrapylon.internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.List;
import java.util.WeakHashMap;
import java.util.concurrent.locks.LockSupport;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * A thread's way of sleeping in a system call and being taken out of it, by {@link Thread#interrupt} or because the
 * descriptor it sleeps on is being closed. Being taken out is a signal; as one that comes before the thread has begun to
 * sleep is lost, it is repeated until the thread has said that it is out. Each thread has one of its own.
 *
 * <pre>{@code
 * boolean awake = !sleeper.lieDown(descriptor);
 * try {
 *     result = awake ? -Errno.EINTR : call(...);
 * } finally {
 *     sleeper.getUp();
 * }
 * }</pre>
 */
public final class Sleeper extends InterruptListener {

    private static final VarHandle STATE;

    static {
        NativeLibrary.load();
        try {
            STATE = MethodHandles.lookup().findVarHandle(Sleeper.class, "state", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The state's lowest bits; above them, the number of times the thread has lain down. */
    private static final long UP = 0;
    private static final long LYING = 1;
    private static final long BEING_WOKEN = 2;
    private static final long BITS = 3;
    private static final long NEXT = 4;

    /** How long a waker waits before it signals once more. */
    private static final long FIRST_PAUSE = 20_000;
    private static final long LONGEST_PAUSE = 1_000_000;

    private static final ThreadLocal<Sleeper> OWN = ThreadLocal.withInitial(Sleeper::new);
    /** All there are; looked through only when a descriptor is closed that a thread is using. */
    private static final WeakHashMap<Sleeper, Boolean> ALL = new WeakHashMap<>();

    private final Thread thread = Thread.currentThread();
    /** The kernel's number of the thread, or of its carrier while it lies. */
    private volatile int number = tetrapylon_h.tpy_fd_wakeable();
    private volatile long state;
    private volatile Descriptor on;

    private Sleeper() {
        if (number < 0) {
            throw new TetrapylonException("tpy_fd_wakeable", number);
        }
        synchronized (ALL) {
            ALL.put(this, Boolean.TRUE);
        }
    }

    /** {@return the calling thread's own} */
    public static Sleeper mine() {
        return OWN.get();
    }

    /**
     * Announces that the thread is about to sleep; {@link #getUp} must follow.
     *
     * @param descriptor what it sleeps on, or null
     * @return whether it may sleep; not if the thread is interrupted or the descriptor is being closed
     */
    public boolean lieDown(Descriptor descriptor) {
        on = descriptor;
        begin();
        if (thread.isVirtual()) { // from here on it stays on its carrier
            number = tetrapylon_h.tpy_fd_wakeable();
        }
        // The order matters: whoever interrupts or closes says so first and then looks at the state.
        STATE.setVolatile(this, state + NEXT + LYING);
        return !thread.isInterrupted() && (descriptor == null || !descriptor.isClosed());
    }

    /** Announces that the thread does not sleep any more. */
    public void getUp() {
        long lying = (state & ~BITS) | LYING;
        while (!STATE.compareAndSet(this, lying, lying - LYING + UP)) {
            // The waker is in its system call; a signal after this would meet somebody else's.
            Thread.onSpinWait();
        }
        end();
        on = null;
    }

    /** Gets the thread up if it is lying: returns when it is up. */
    @Override
    public Selector wakeup() {
        long lying = (state & ~BITS) | LYING;
        long pause = FIRST_PAUSE;
        while ((state & ~BITS) + LYING == lying && (state & BITS) != UP && thread != Thread.currentThread()) {
            if (STATE.compareAndSet(this, lying, lying - LYING + BEING_WOKEN)) {
                tetrapylon_h.tpy_fd_wake(number);
                STATE.setVolatile(this, lying);
            }
            LockSupport.parkNanos(this, pause);
            pause = Math.min(2 * pause, LONGEST_PAUSE);
        }
        return this;
    }

    /** Gets up all threads that lie on a descriptor. */
    static void wakeThoseOn(Descriptor descriptor) {
        List<Sleeper> found = new ArrayList<>();
        synchronized (ALL) {
            for (Sleeper sleeper : ALL.keySet()) {
                if (sleeper.on == descriptor) {
                    found.add(sleeper);
                }
            }
        }
        found.forEach(Sleeper::wakeup);
    }
}
