package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.qnx.neutrino_h;
import org.tetrapylon.generated.qnx.tpy_msg_answer;
import org.tetrapylon.internal.Caller;
import org.tetrapylon.internal.Lasting;
import org.tetrapylon.internal.Workers;

/**
 * The calls that carry payloads and those that can block, each as one downcall that returns a negative errno. Here is decided on which native
 * thread a call runs: the caller's own, or a worker's for a virtual thread; and whether memory is passed by its address
 * ({@link Lasting}) or as a segment, which the JDK holds. A thread that is interrupted already gets EINTR at once.
 *
 * <p>Nanoseconds are a timeout from now in the states of that call; {@link #FOREVER} leaves it to what timerTimeout has armed.
 */
final class Calls {

    /** No timeout of its own. */
    static final long FOREVER = -1;

    /** What a send returns whose status is negative. */
    static final long TOLD = neutrino_h.TPY_STATUS_TOLD();

    private static final long UNBOUND = neutrino_h.TPY_UNBOUND();
    private static final long STATUS = tpy_msg_answer.status$offset();
    private static final long LENGTH = tpy_msg_answer.length$offset();

    private Calls() {}

    // ---- Sending

    /**
     * The short way: no record of the thread is looked up where the memory outlasts the call and the thread is known to the library.
     *
     * @return a status that is not negative, or a negative errno, or {@link #TOLD}: then {@link #toldStatus} is the status
     */
    static long sendInPlace(int coid, MemorySegment message, long bytes, MemorySegment reply, long room, long nanoseconds) {
        Thread self = Thread.currentThread();
        if (!self.isVirtual() && !self.isInterrupted() && Lasting.during(message) && Lasting.during(reply)) {
            long told;
            try {
                told = neutrino_h.tpy_msg_send_at(coid, message.address(), bytes, reply.address(), room, nanoseconds, 0);
            } finally {
                Reference.reachabilityFence(message);
                Reference.reachabilityFence(reply);
            }
            if (told >= 0) {
                Caller.settleAny();
                return told;
            }
            if (told != UNBOUND) {
                Caller.settleAny();
                if (told == TOLD) {
                    Caller.current().status = neutrino_h.tpy_msg_status();
                }
                return told;
            }
        }
        Caller caller = known();
        int result = send(caller, coid, message, bytes, reply, room, nanoseconds);
        return result != 0 ? result : caller.status >= 0 ? caller.status : TOLD;
    }

    /** {@return the status of a send that has returned TOLD} */
    static long toldStatus() {
        return Caller.current().status;
    }

    /** {@return the calling thread's record; from now on the library knows that there is one} */
    private static Caller known() {
        Caller caller = Caller.current();
        if (!caller.isVirtual() && caller.isRegistered()) {
            neutrino_h.tpy_msg_bind();
        }
        return caller;
    }

    // The status of the reply is in the caller's record afterwards, its length is told by length().

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
        caller.status = status(caller);
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
                pass(worker, caller);
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
        caller.status = status(caller);
        caller.settle();
        return result;
    }

    private static int sendvLent(Caller caller, int coid, Iov message, Iov reply, long nanoseconds) {
        MemorySegment list = Workers.lend(message.list());
        MemorySegment replyList = Workers.lend(reply.writableList());
        return (int) onWorker(caller, worker -> {
            int result = sendvHere(worker, coid, list, message.parts(), replyList, reply.parts(), nanoseconds);
            pass(worker, caller);
            return result;
        });
    }

    /** What a worker was told, for the virtual thread that it worked for. */
    private static void pass(Caller worker, Caller caller) {
        caller.status = worker.status;
        caller.length = length(worker);
    }

    private static long status(Caller caller) {
        return caller.answer().get(ValueLayout.JAVA_LONG, STATUS);
    }

    /** {@return how many bytes the last answer had} */
    static long length(Caller caller) {
        return caller.isVirtual() ? caller.length : caller.answer().get(ValueLayout.JAVA_LONG, LENGTH);
    }

    // ---- Receiving

    static long receive(int chid, MemorySegment message, long bytes, MemorySegment info, long nanoseconds) {
        Thread self = Thread.currentThread();
        if (self.isInterrupted()) {
            return -Errno.EINTR;
        }
        if (!self.isVirtual() && Lasting.during(message) && Lasting.during(info)) {
            long result;
            try {
                result = neutrino_h.tpy_msg_receive_at(chid, message.address(), bytes, nanoseconds, info.address());
            } finally {
                Reference.reachabilityFence(message);
                Reference.reachabilityFence(info);
            }
            if (result != UNBOUND) {
                Caller.settleAny();
                return result;
            }
        }
        Caller caller = known();
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

    // ---- Answering and copying, which do not wait for anybody

    static int reply(long rcvid, long status, MemorySegment message, long bytes) {
        if (!Lasting.during(message)) {
            return neutrino_h.MsgReply_r(rcvid, status, message, bytes);
        }
        try {
            return neutrino_h.tpy_msg_reply_at(rcvid, status, message.address(), bytes);
        } finally {
            Reference.reachabilityFence(message);
        }
    }

    static long read(long rcvid, MemorySegment message, long bytes, long offset) {
        if (!Lasting.during(message)) {
            return neutrino_h.MsgRead_r(rcvid, message, bytes, offset);
        }
        try {
            return neutrino_h.tpy_msg_read_at(rcvid, message.address(), bytes, offset);
        } finally {
            Reference.reachabilityFence(message);
        }
    }

    static long write(long rcvid, MemorySegment message, long bytes, long offset) {
        if (!Lasting.during(message)) {
            return neutrino_h.MsgWrite_r(rcvid, message, bytes, offset);
        }
        try {
            return neutrino_h.tpy_msg_write_at(rcvid, message.address(), bytes, offset);
        } finally {
            Reference.reachabilityFence(message);
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
