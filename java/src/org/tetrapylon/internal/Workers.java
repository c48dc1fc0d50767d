package org.tetrapylon.internal;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * Platform threads on which the blocking calls of virtual threads run, so that a virtual thread that waits is parked and its
 * carrier goes on with others. A call needs one native thread from its beginning to its end (the native library keeps an exchange for
 * each thread and connection), so it is handed over as a whole. The worker used last is used first: its exchanges are warm. Workers are
 * made as needed, are daemons, and end when they have been idle for a while.
 *
 * <p>Interrupting the virtual thread interrupts the worker, which ends the call as it ends any other.
 *
 * <p>Thread-safe.
 */
public final class Workers {

    private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(10);

    private static final ConcurrentLinkedDeque<Worker> IDLE = new ConcurrentLinkedDeque<>();
    private static final AtomicInteger MADE = new AtomicInteger();
    /** Asks a segment whether threads other than its owner may touch it. */
    private static final Thread STRANGER = new Thread("tetrapylon");

    /** A call to be made on a worker. */
    @FunctionalInterface
    public interface Call {
        /** {@return the call's result} */
        long run(Caller worker);
    }

    private Workers() {}

    /**
     * {@return the segment in a form that a worker may use: memory confined to this thread as such, since this thread waits}
     *
     * @throws WrongThreadException if it is confined to another thread
     * @throws IllegalStateException if its arena is closed
     */
    public static MemorySegment lend(MemorySegment segment) {
        if (segment.isAccessibleBy(STRANGER)) {
            return segment;
        }
        Lasting.check(segment);
        return MemorySegment.ofAddress(segment.address()).reinterpret(segment.byteSize());
    }

    /**
     * Makes a call on a worker and waits for its end.
     *
     * @param caller the calling virtual thread's
     * @return the call's result
     */
    public static long run(Caller caller, Call call) {
        Task task = new Task(Thread.currentThread(), caller, call);
        Worker worker = take(task);
        boolean interrupted = false;
        while (!task.done) {
            if (Thread.interrupted()) {
                interrupted = true;
                worker.interrupt(task);
            } else {
                LockSupport.park(task);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (task.failure != null) {
            throw task.failure;
        }
        return task.result;
    }

    private static Worker take(Task task) {
        for (Worker worker = IDLE.pollFirst(); worker != null; worker = IDLE.pollFirst()) {
            if (worker.give(task)) {
                return worker;
            }
        }
        Worker worker = new Worker(task);
        worker.thread.start();
        return worker;
    }

    private static final class Task {
        final Thread owner;
        final Caller caller;
        final Call call;
        long result;
        RuntimeException failure;
        volatile boolean done;

        Task(Thread owner, Caller caller, Call call) {
            this.owner = owner;
            this.caller = caller;
            this.call = call;
        }
    }

    private static final class Worker implements Runnable {
        final Thread thread;
        private Task task;
        private boolean ended;

        Worker(Task first) {
            task = first;
            // Inherits nothing of the virtual thread that happens to need it.
            thread = Thread.ofPlatform().daemon().inheritInheritableThreadLocals(false)
                    .name("tetrapylon-worker-" + MADE.incrementAndGet()).unstarted(this);
        }

        /** False: it has just ended. */
        synchronized boolean give(Task next) {
            if (ended) {
                return false;
            }
            task = next;
            LockSupport.unpark(thread);
            return true;
        }

        /** Interrupts this worker, if it still is at that task. */
        synchronized void interrupt(Task of) {
            if (task == of) {
                thread.interrupt();
            }
        }

        private synchronized Task current() {
            return task;
        }

        private synchronized void finish() {
            task = null;
            // What came for this task must not reach the next one.
            Thread.interrupted();
        }

        private synchronized boolean end() {
            ended = task == null;
            return ended;
        }

        @Override
        public void run() {
            for (;;) {
                Task next = current();
                if (next != null) {
                    serve(next);
                    continue;
                }
                long since = System.nanoTime();
                while (current() == null && System.nanoTime() - since < IDLE_NANOS) {
                    LockSupport.parkNanos(this, IDLE_NANOS);
                }
                if (current() == null) {
                    IDLE.remove(this);
                    if (end()) {
                        return;
                    }
                }
            }
        }

        private void serve(Task next) {
            try {
                Caller self = Caller.current();
                if (self.priority != next.caller.priority && tetrapylon_h.tpy_priority_set(next.caller.priority) == 0) {
                    self.priority = next.caller.priority;
                }
                next.result = next.call.run(self);
            } catch (RuntimeException e) {
                next.failure = e;
            } catch (Throwable e) {
                next.failure = new IllegalStateException("a call failed on its worker", e);
            }
            finish();
            IDLE.addFirst(this);
            next.done = true;
            LockSupport.unpark(next.owner);
        }
    }
}
