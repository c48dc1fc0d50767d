package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.qnx.neutrino_h;
import org.tetrapylon.generated.qnx.tpy_msg_answer;
import org.tetrapylon.internal.Caller;
import org.tetrapylon.internal.Workers;

/**
 * The blocking calls, each as one downcall that returns a negative errno. Here is decided on which native thread a call runs: the caller's
 * own, or a worker's for a virtual thread. A thread that is interrupted already gets EINTR at once.
 *
 * <p>Nanoseconds are a timeout from now in the states of that call; {@link #FOREVER} leaves it to what timerTimeout has armed.
 */
final class Calls {

    /** No timeout of its own. */
    static final long FOREVER = -1;

    private static final long STATUS = tpy_msg_answer.status$offset();
    private static final long LENGTH = tpy_msg_answer.length$offset();

    private Calls() {}

    // ---- Sending. The status and the length of the reply are in the caller's record afterwards.

    static int send(Caller caller, int coid, MemorySegment message, long bytes, MemorySegment reply, long room, long nanoseconds) {
        if (Thread.currentThread().isInterrupted()) {
            return -Errno.EINTR;
        }
        return caller.isVirtual() ? sendLent(caller, coid, message, bytes, reply, room, nanoseconds)
                : sendHere(caller, coid, message, bytes, reply, room, nanoseconds);
    }

    private static int sendHere(Caller caller, int coid, MemorySegment message, long bytes, MemorySegment reply, long room,
            long nanoseconds) {
        int result = neutrino_h.tpy_msg_send(coid, message, bytes, reply, room, nanoseconds, caller.answer());
        readAnswer(caller);
        caller.settle();
        return result;
    }

    private static int sendLent(Caller caller, int coid, MemorySegment message, long bytes, MemorySegment reply, long room,
            long nanoseconds) {
        MemorySegment lentMessage = Workers.lend(message);
        MemorySegment lentReply = Workers.lend(reply);
        try {
            return (int) onWorker(caller, worker -> {
                int result = sendHere(worker, coid, lentMessage, bytes, lentReply, room, nanoseconds);
                caller.status = worker.status;
                caller.length = worker.length;
                return result;
            });
        } finally {
            Reference.reachabilityFence(message);
            Reference.reachabilityFence(reply);
        }
    }

    static int sendv(Caller caller, int coid, Iov message, Iov reply, long nanoseconds) {
        if (Thread.currentThread().isInterrupted()) {
            return -Errno.EINTR;
        }
        try {
            return caller.isVirtual() ? sendvLent(caller, coid, message, reply, nanoseconds)
                    : sendvHere(caller, coid, message.list(), message.parts(), reply.writableList(), reply.parts(),
                            nanoseconds);
        } finally {
            Reference.reachabilityFence(message);
            Reference.reachabilityFence(reply);
        }
    }

    private static int sendvHere(Caller caller, int coid, MemorySegment message, long parts, MemorySegment reply, long rparts,
            long nanoseconds) {
        int result = neutrino_h.tpy_msg_sendv(coid, message, parts, reply, rparts, nanoseconds, caller.answer());
        readAnswer(caller);
        caller.settle();
        return result;
    }

    private static int sendvLent(Caller caller, int coid, Iov message, Iov reply, long nanoseconds) {
        MemorySegment list = Workers.lend(message.list());
        MemorySegment replyList = Workers.lend(reply.writableList());
        return (int) onWorker(caller, worker -> {
            int result = sendvHere(worker, coid, list, message.parts(), replyList, reply.parts(), nanoseconds);
            caller.status = worker.status;
            caller.length = worker.length;
            return result;
        });
    }

    private static void readAnswer(Caller caller) {
        caller.status = caller.answer().get(ValueLayout.JAVA_LONG, STATUS);
        caller.length = caller.answer().get(ValueLayout.JAVA_LONG, LENGTH);
    }

    // ---- Receiving

    static long receive(Caller caller, int chid, MemorySegment message, long bytes, MemorySegment info, long nanoseconds) {
        if (Thread.currentThread().isInterrupted()) {
            return -Errno.EINTR;
        }
        return caller.isVirtual() ? receiveLent(caller, chid, message, bytes, info, nanoseconds)
                : receiveHere(caller, chid, message, bytes, info, nanoseconds);
    }

    private static long receiveHere(Caller caller, int chid, MemorySegment message, long bytes, MemorySegment info,
            long nanoseconds) {
        long result = neutrino_h.tpy_msg_receive(chid, message, bytes, nanoseconds, info);
        caller.settle();
        return result;
    }

    private static long receiveLent(Caller caller, int chid, MemorySegment message, long bytes, MemorySegment info,
            long nanoseconds) {
        if (caller.armedStates == 0) {
            // What waits already can be taken at once; that does not hold up the carrier.
            long result = neutrino_h.tpy_msg_receive(chid, message, bytes, 0, info);
            if (result != -Errno.ETIMEDOUT || nanoseconds == 0) {
                return result;
            }
        }
        MemorySegment lentMessage = Workers.lend(message);
        MemorySegment lentInfo = Workers.lend(info);
        try {
            return onWorker(caller, worker -> receiveHere(worker, chid, lentMessage, bytes, lentInfo, nanoseconds));
        } finally {
            Reference.reachabilityFence(message);
            Reference.reachabilityFence(info);
        }
    }

    static long receivev(Caller caller, int chid, Iov message, MemorySegment info) {
        MemorySegment list = message.writableList();
        long parts = message.parts();
        try {
            return blocking(caller, list, info,
                    (lent, lentInfo) -> neutrino_h.tpy_msg_receivev(chid, lent, parts, FOREVER, lentInfo));
        } finally {
            Reference.reachabilityFence(message);
        }
    }

    static int receivePulse(Caller caller, int chid, MemorySegment pulse, long bytes) {
        return (int) blocking(caller, pulse, MemorySegment.NULL,
                (lent, none) -> neutrino_h.MsgReceivePulse_r(chid, lent, bytes, none));
    }

    static int receivePulsev(Caller caller, int chid, Iov pulse) {
        long parts = pulse.parts();
        try {
            return (int) blocking(caller, pulse.writableList(), MemorySegment.NULL,
                    (lent, none) -> neutrino_h.MsgReceivePulsev_r(chid, lent, parts, none));
        } finally {
            Reference.reachabilityFence(pulse);
        }
    }

    // ---- Others that can take a while

    static int connectAttach(int nd, int pid, int chid, int index, int flags) {
        return (int) blocking(Caller.current(), MemorySegment.NULL, MemorySegment.NULL,
                (none, nothing) -> neutrino_h.ConnectAttach_r(nd, pid, chid, index, flags));
    }

    static int nameOpen(MemorySegment name, int flags) {
        return (int) blocking(Caller.current(), name, MemorySegment.NULL, (lent, none) -> Named.open(lent, flags));
    }

    // ---- On which thread

    @FunctionalInterface
    private interface Downcall {
        long make(MemorySegment first, MemorySegment second);
    }

    /** A call that is not on the hot path. */
    private static long blocking(Caller caller, MemorySegment first, MemorySegment second, Downcall downcall) {
        if (Thread.currentThread().isInterrupted()) {
            return -Errno.EINTR;
        }
        if (!caller.isVirtual()) {
            long result = downcall.make(first, second);
            caller.settle();
            return result;
        }
        MemorySegment lentFirst = Workers.lend(first);
        MemorySegment lentSecond = Workers.lend(second);
        try {
            return onWorker(caller, worker -> {
                long result = downcall.make(lentFirst, lentSecond);
                worker.settle();
                return result;
            });
        } finally {
            Reference.reachabilityFence(first);
            Reference.reachabilityFence(second);
        }
    }

    private static long onWorker(Caller caller, Workers.Call call) {
        int states = caller.armedStates;
        long until = caller.armedUntil;
        caller.armedStates = 0;
        return Workers.run(caller, states == 0 ? call : worker -> {
            int armed = arm(states, Math.max(0, until - System.nanoTime()));
            return armed < 0 ? armed : call.run(worker);
        });
    }

    private static int arm(int states, long nanoseconds) {
        try (Arena arena = Arena.ofConfined()) {
            return neutrino_h.TimerTimeout_r(neutrino_h.CLOCK_MONOTONIC(), states, MemorySegment.NULL,
                    arena.allocateFrom(ValueLayout.JAVA_LONG, nanoseconds), MemorySegment.NULL);
        }
    }
}
