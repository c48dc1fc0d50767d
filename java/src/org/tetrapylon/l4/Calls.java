package org.tetrapylon.l4;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.tetrapylon.generated.l4.l4_ipc_h;
import org.tetrapylon.internal.Caller;
import org.tetrapylon.internal.Lasting;
import org.tetrapylon.internal.Workers;

/**
 * The blocking calls, each as one downcall. Here is decided on which native thread a call runs, since in L4 that is who calls: a platform
 * thread is itself; a virtual thread may send and call, which needs an identity only as long as it takes, and borrows a worker's;
 * but it cannot wait for messages, as nobody could name it (docs/decisions/java-l4-threads.md).
 *
 * <p>A thread that is interrupted does not begin to wait. What needs no waiting is done: the answer in a reply-and-wait, and a send.
 */
final class Calls {

    /** How many virtual threads can be in calls at once: half of the numbers that a process has for its threads. */
    private static final int BORROWERS = 64;
    private static final Semaphore IDENTITIES = new Semaphore(BORROWERS);

    private static final long NIL = -1;
    private static final int UNBOUND = l4_ipc_h.TPY_L4_UNBOUND();
    private static final long LOOK_MILLISECONDS = 20;

    private Calls() {}

    // ---- On this thread or a worker

    static int call(long dest, MemorySegment send, long word0, long word1, MemorySegment receive, int timeout, IpcResult result) {
        Thread self = Thread.currentThread();
        if (self.isInterrupted()) {
            return result.failed(send.address() == NIL ? L4.L4_IPC_RECANCELED : L4.L4_IPC_SECANCELED);
        }
        if (!self.isVirtual()) {
            int code = callAt(dest, send, word0, word1, receive, timeout, result);
            if (code != UNBOUND) {
                Caller.settleAny();
                return code;
            }
        }
        Caller caller = known();
        if (caller.isVirtual()) {
            return callLent(caller, dest, send, word0, word1, receive, timeout, result);
        }
        int code = l4_ipc_h.tpy_l4_call(dest, send, word0, word1, receive, timeout, result.segment());
        caller.settle();
        return code;
    }

    // The short ways: no record of the thread is looked up where the memory outlasts the call and the library knows the thread. Else UNBOUND, and
    // nothing was done.

    private static int callAt(long dest, MemorySegment send, long word0, long word1, MemorySegment receive, int timeout, IpcResult result) {
        try {
            if (send == L4.L4_IPC_SHORT_MSG && receive == L4.L4_IPC_SHORT_MSG) { // the most frequent case, with the fewest arguments
                return l4_ipc_h.tpy_l4_call_short(dest, word0, word1, timeout, result.address());
            }
            return isLasting(send) && isLasting(receive)
                    ? l4_ipc_h.tpy_l4_call_at(dest, send.address(), word0, word1, receive.address(), timeout, result.address())
                    : UNBOUND;
        } finally {
            fence(send, receive, result);
        }
    }

    private static int replyAndWaitAt(long dest, MemorySegment send, long word0, long word1, MemorySegment receive, int timeout,
            IpcResult result) {
        try {
            if (send == L4.L4_IPC_SHORT_MSG && receive == L4.L4_IPC_SHORT_MSG) {
                return l4_ipc_h.tpy_l4_reply_and_wait_short(dest, word0, word1, timeout, result.address());
            }
            return isLasting(send) && isLasting(receive)
                    ? l4_ipc_h.tpy_l4_reply_and_wait_at(dest, send.address(), word0, word1, receive.address(), timeout, result.address())
                    : UNBOUND;
        } finally {
            fence(send, receive, result);
        }
    }

    private static int sendAt(long dest, MemorySegment send, long word0, long word1, int timeout, IpcResult result) {
        try {
            return isLasting(send) ? l4_ipc_h.tpy_l4_send_at(dest, send.address(), word0, word1, timeout, result.address()) : UNBOUND;
        } finally {
            fence(send, null, result);
        }
    }

    private static int receiveAt(long source, MemorySegment receive, int timeout, IpcResult result) {
        try {
            return isLasting(receive) ? l4_ipc_h.tpy_l4_receive_at(source, receive.address(), timeout, result.address()) : UNBOUND;
        } finally {
            fence(null, receive, result);
        }
    }

    private static int awaitAt(MemorySegment receive, int timeout, IpcResult result) {
        try {
            return isLasting(receive) ? l4_ipc_h.tpy_l4_wait_at(receive.address(), timeout, result.address()) : UNBOUND;
        } finally {
            fence(null, receive, result);
        }
    }

    /** A short message has no memory. */
    private static boolean isLasting(MemorySegment descriptor) {
        return descriptor == L4.L4_IPC_SHORT_MSG || Lasting.during(descriptor);
    }

    /** What was passed by its bare address stays reachable until here. */
    private static void fence(MemorySegment send, MemorySegment receive, IpcResult result) {
        Reference.reachabilityFence(send);
        Reference.reachabilityFence(receive);
        Reference.reachabilityFence(result);
    }

    /** {@return the calling thread's record; from now on the library knows that there is one} */
    private static Caller known() {
        Caller caller = Caller.current();
        if (!caller.isVirtual() && caller.isRegistered()) {
            l4_ipc_h.tpy_l4_bind();
        }
        return caller;
    }

    private static int callLent(Caller caller, long dest, MemorySegment send, long word0, long word1, MemorySegment receive, int timeout,
            IpcResult result) {
        MemorySegment out = Workers.lend(send);
        MemorySegment in = Workers.lend(receive);
        MemorySegment back = result.segment();
        try {
            return borrowing(caller, timeout, result, worker -> l4_ipc_h.tpy_l4_call(dest, out, word0, word1, in, timeout, back));
        } finally {
            Reference.reachabilityFence(send);
            Reference.reachabilityFence(receive);
        }
    }

    static int send(long dest, MemorySegment send, long word0, long word1, int timeout, IpcResult result) {
        if (!Thread.currentThread().isVirtual()) {
            int code = sendAt(dest, send, word0, word1, timeout, result);
            if (code != UNBOUND) {
                Caller.settleAny();
                return code;
            }
        }
        Caller caller = known();
        if (caller.isVirtual()) {
            MemorySegment out = Workers.lend(send);
            MemorySegment back = result.segment();
            try {
                return borrowing(caller, timeout, result, worker -> l4_ipc_h.tpy_l4_send(dest, out, word0, word1, timeout, back));
            } finally {
                Reference.reachabilityFence(send);
            }
        }
        int code = l4_ipc_h.tpy_l4_send(dest, send, word0, word1, timeout, result.segment());
        caller.settle();
        return code;
    }

    /** A call of a virtual thread, on a worker, which may have to wait until one of the identities is free. */
    private static int borrowing(Caller caller, int timeout, IpcResult result, Workers.Call call) {
        try {
            if (!acquire(timeout)) {
                return result.failed(L4.L4_IPC_SETIMEOUT);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return result.failed(L4.L4_IPC_SECANCELED);
        }
        try {
            return onWorker(caller, call);
        } finally {
            IDENTITIES.release();
        }
    }

    private static boolean acquire(int timeout) throws InterruptedException {
        if (IDENTITIES.tryAcquire()) {
            return true;
        }
        Duration time = new Timeout(timeout).send();
        if (time == null) {
            IDENTITIES.acquire();
            return true;
        }
        return IDENTITIES.tryAcquire(time.toNanos(), TimeUnit.NANOSECONDS);
    }

    private static int onWorker(Caller caller, Workers.Call call) {
        return (int) Workers.run(caller, worker -> {
            long code = call.run(worker);
            worker.settle();
            return code;
        });
    }

    // ---- Only for platform threads

    static int replyAndWait(long dest, MemorySegment send, long word0, long word1, MemorySegment receive, int timeout, IpcResult result) {
        Thread self = requirePlatform();
        if (self.isInterrupted() && receive.address() != NIL) {
            int code = send(dest, send, word0, word1, timeout, result);
            return code != 0 ? code : result.failed(L4.L4_IPC_RECANCELED);
        }
        int code = replyAndWaitAt(dest, send, word0, word1, receive, timeout, result);
        if (code != UNBOUND) {
            Caller.settleAny();
            return code;
        }
        Caller caller = known();
        code = l4_ipc_h.tpy_l4_reply_and_wait(dest, send, word0, word1, receive, timeout, result.segment());
        caller.settle();
        return code;
    }

    static int receive(long source, MemorySegment receive, int timeout, IpcResult result) {
        if (requirePlatform().isInterrupted()) {
            return result.failed(L4.L4_IPC_RECANCELED);
        }
        int code = receiveAt(source, receive, timeout, result);
        if (code != UNBOUND) {
            Caller.settleAny();
            return code;
        }
        Caller caller = known();
        code = l4_ipc_h.tpy_l4_receive(source, receive, timeout, result.segment());
        caller.settle();
        return code;
    }

    static int await(MemorySegment receive, int timeout, IpcResult result) {
        if (requirePlatform().isInterrupted()) {
            return result.failed(L4.L4_IPC_RECANCELED);
        }
        int code = awaitAt(receive, timeout, result);
        if (code != UNBOUND) {
            Caller.settleAny();
            return code;
        }
        Caller caller = known();
        code = l4_ipc_h.tpy_l4_wait(receive, timeout, result.segment());
        caller.settle();
        return code;
    }

    private static Thread requirePlatform() {
        Thread self = Thread.currentThread();
        if (self.isVirtual()) {
            throw new WrongThreadException("a virtual thread has no L4 identity: it can send and call, but not receive; use a platform thread");
        }
        return self;
    }

    /** {@return the calling thread's record; it is a platform thread} */
    static Caller identified() {
        requirePlatform();
        return Caller.current();
    }

    // ---- Others. A virtual thread can do these by itself, or with an identity for a moment.

    static int sleep(int timeout) {
        if (Thread.currentThread().isInterrupted()) {
            return L4.L4_IPC_RECANCELED;
        }
        Caller caller = Caller.current();
        if (caller.isVirtual()) {
            return sleepParked(new Timeout(timeout).receive());
        }
        int code = l4_ipc_h.tpy_l4_sleep(timeout);
        caller.settle();
        return code;
    }

    private static int sleepParked(Duration time) {
        try {
            if (time == null) {
                new CountDownLatch(1).await();
            }
            Thread.sleep(time);
            return L4.L4_IPC_RETIMEOUT;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return L4.L4_IPC_RECANCELED;
        }
    }

    /** {@return whether somebody has the name, in id} */
    static boolean awaitName(MemorySegment name, MemorySegment id, int milliseconds) {
        if (Thread.currentThread().isInterrupted()) {
            return false;
        }
        Caller caller = Caller.current();
        if (caller.isVirtual()) {
            return awaitNameParked(name, id, milliseconds);
        }
        boolean found = l4_ipc_h.tpy_l4_names_waitfor(name, id, milliseconds) != 0;
        caller.settle();
        return found;
    }

    /** Looks as often as the library itself does. */
    private static boolean awaitNameParked(MemorySegment name, MemorySegment id, int milliseconds) {
        long since = System.nanoTime();
        while (l4_ipc_h.tpy_l4_names_query(name, id) == 0) {
            if (System.nanoTime() - since >= TimeUnit.MILLISECONDS.toNanos(milliseconds)) {
                return false;
            }
            try {
                Thread.sleep(LOOK_MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return true;
    }

    /** The function gives its caller an identity, which a carrier thread must not have. */
    static void exRegs(long dest, long ip, long sp, MemorySegment ids, MemorySegment old) {
        Caller caller = Caller.current();
        if (!caller.isVirtual()) {
            l4_ipc_h.tpy_l4_thread_ex_regs(dest, ip, sp, ids, old);
            return;
        }
        MemorySegment lentIds = Workers.lend(ids);
        MemorySegment lentOld = Workers.lend(old);
        IDENTITIES.acquireUninterruptibly();
        try {
            onWorker(caller, worker -> {
                l4_ipc_h.tpy_l4_thread_ex_regs(dest, ip, sp, lentIds, lentOld);
                return 0;
            });
        } finally {
            IDENTITIES.release();
        }
    }
}
