package org.tetrapylon.internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * A file descriptor's number and who is using it. Whoever uses the number enters before and leaves after; closing it gets
 * the sleeping ones out, waits until all have left, and only then gives the number back to the kernel. So a number is never
 * used after it may have come to mean something else, and is closed exactly once.
 *
 * <p>Thread-safe. Entering and leaving allocates nothing.
 */
public final class Descriptor {

    private static final int CLOSED = Integer.MIN_VALUE;
    private static final VarHandle USERS;

    static {
        NativeLibrary.load();
        try {
            USERS = MethodHandles.lookup().findVarHandle(Descriptor.class, "users", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final int number;
    /** Those who have entered and not left, with the bit CLOSED. */
    private volatile int users;
    private volatile Thread closer;
    /** Virtual threads that wait here; changed under this object's lock. */
    private Waiter waiters;
    /** What is to be told before it is closed; under this object's lock. */
    private final List<Runnable> observers = new ArrayList<>(0);
    /** Whether the poller has ever watched it; under this object's lock. */
    private boolean watched;

    /** A virtual thread that waits for events. */
    private static final class Waiter {
        final Thread thread = Thread.currentThread();
        final int events;
        volatile int happened;
        Waiter next;

        Waiter(int events, Waiter next) {
            this.events = events | tetrapylon_h.TPY_FD_ERROR() | tetrapylon_h.TPY_FD_HANGUP();
            this.next = next;
        }
    }

    /** Stands for a descriptor number that nobody else closes. */
    public Descriptor(int number) {
        this.number = number;
    }

    /** {@return the number; to be used between entering and leaving} */
    public int number() {
        return number;
    }

    /** {@return whether it is closed or being closed} */
    public boolean isClosed() {
        return users < 0;
    }

    /** Begins to use it. Returns false, and nothing has begun, if it is closed. */
    public boolean enter() {
        for (;;) {
            int now = users;
            if (now < 0) {
                return false;
            }
            if (USERS.weakCompareAndSetAcquire(this, now, now + 1)) {
                return true;
            }
        }
    }

    /** Ends one use. */
    public void leave() {
        if ((int) USERS.getAndAdd(this, -1) == CLOSED + 1) {
            LockSupport.unpark(closer);
        }
    }

    /**
     * Gets everybody out; afterwards the number is the caller's alone.
     *
     * @return false if that has been done before, by anybody
     */
    public boolean shut() {
        for (int now = users; ; now = users) {
            if (now < 0) {
                return false;
            }
            if (USERS.compareAndSet(this, now, now | CLOSED)) {
                break;
            }
        }
        if (users != CLOSED) {
            getEverybodyOut();
        }
        List<Runnable> told;
        synchronized (this) {
            if (watched) {
                Poller.forget(number);
            }
            told = List.copyOf(observers);
            observers.clear();
        }
        told.forEach(Runnable::run);
        return true;
    }

    /** From now on calls the observer before the number is closed, when nobody uses it any more. The caller has entered. */
    public synchronized void observe(Runnable observer) {
        observers.add(observer);
    }

    /** Does not call the observer any more. */
    public synchronized void forget(Runnable observer) {
        observers.remove(observer);
    }

    private void getEverybodyOut() {
        closer = Thread.currentThread();
        Sleeper.wakeThoseOn(this);
        happened(0);
        boolean interrupted = false;
        while (users != CLOSED) {
            LockSupport.park(this);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            closer.interrupt();
        }
    }

    /**
     * Waits for events; the caller has entered. A virtual thread is parked meanwhile.
     *
     * @param events those of tetrapylon_fd.h
     * @param deadline as {@link Deadline} has it
     * @return the events that are there, 0 when the time is over, -EINTR the thread is interrupted, -EBADF this is being
     *     closed, -EPERM a virtual thread cannot wait for such a file, because it is always ready, or another error
     */
    public int await(int events, long deadline) {
        return Thread.currentThread().isVirtual() ? awaitParked(events, deadline) : awaitInKernel(events, deadline);
    }

    private int awaitInKernel(int events, long deadline) {
        Sleeper sleeper = Sleeper.mine();
        for (;;) {
            int result = -Errno.EINTR;
            try {
                if (sleeper.lieDown(this)) {
                    result = tetrapylon_h.tpy_fd_poll(number, events, Deadline.left(deadline));
                }
            } finally {
                sleeper.getUp();
            }
            if (result != -Errno.EINTR) {
                return result;
            }
            int reason = reasonToLeave();
            if (reason != 0) {
                return reason;
            }
        }
    }

    /** {@return why a call that came back with EINTR is not to be repeated, as a negative errno, or 0} */
    public int reasonToLeave() {
        return isClosed() ? -Errno.EBADF : Thread.currentThread().isInterrupted() ? -Errno.EINTR : 0;
    }

    private int awaitParked(int events, long deadline) {
        Waiter waiter;
        int error;
        synchronized (this) {
            waiter = new Waiter(events, waiters);
            waiters = waiter;
            error = watch();
        }
        try {
            while (error == 0 && waiter.happened == 0) {
                error = reasonToLeave();
                long left = Deadline.left(deadline);
                if (left == 0) {
                    break;
                }
                if (error == 0 && left < 0) {
                    LockSupport.park(this);
                } else if (error == 0) {
                    LockSupport.parkNanos(this, left);
                }
            }
        } finally {
            remove(waiter);
        }
        return error != 0 ? error : waiter.happened;
    }

    /** Lets the poller watch for what all waiters want. Under the lock. */
    private int watch() {
        int wanted = 0;
        for (Waiter it = waiters; it != null; it = it.next) {
            wanted |= it.happened == 0 ? it.events : 0;
        }
        if (wanted == 0) {
            return 0;
        }
        watched = true;
        return Poller.watch(this, wanted);
    }

    private synchronized void remove(Waiter waiter) {
        if (waiters == waiter) {
            waiters = waiter.next;
            return;
        }
        for (Waiter it = waiters; it != null; it = it.next) {
            if (it.next == waiter) {
                it.next = waiter.next;
                return;
            }
        }
    }

    /** Called by the poller: wakes those who wait for any of the events; 0 wakes all, to look for themselves. */
    void happened(int events) {
        synchronized (this) {
            for (Waiter it = waiters; it != null; it = it.next) {
                int theirs = it.events & events;
                if (theirs != 0) {
                    it.happened = theirs;
                }
                if (theirs != 0 || events == 0) {
                    LockSupport.unpark(it.thread);
                }
            }
            if (events != 0) {
                watch();
            }
        }
    }
}
