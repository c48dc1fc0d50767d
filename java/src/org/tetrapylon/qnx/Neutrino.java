package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.Objects;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.qnx._name_attach;
import org.tetrapylon.generated.qnx.itimerspec;
import org.tetrapylon.generated.qnx.neutrino_h;
import org.tetrapylon.generated.qnx.timespec;
import org.tetrapylon.internal.Caller;
import org.tetrapylon.internal.NativeLibrary;

/**
 * The functions of {@code sys/neutrino.h}, {@code sys/dispatch.h} and {@code sys/netmgr.h} under their documented names, close to their
 * pages in the QNX Neutrino C Library Reference; the headers in include/ say what each does and which errors it gives. For an
 * easier way in see {@link Channel} and {@link Connection}.
 *
 * <p>Conventions. Where a C function returns -1 and sets errno, the method throws
 * {@link org.tetrapylon.TetrapylonException}, which carries the errno. The twin with {@code _r} never throws it and returns the
 * negative errno instead; as on its page, {@code msgSend_r} cannot tell a server's negative status from an error, but {@code msgSend}
 * can. The forms with {@code nc} are the same as those without: Java has no pthread_cancel.
 *
 * <p>Buffers are native segments (a segment on the Java heap gives IllegalArgumentException); sizes and offsets are in bytes,
 * times in nanoseconds. A size beyond the segment's gives IndexOutOfBoundsException, and memory that is written must not be
 * read-only. Segments of confined and automatic arenas are passed fastest; one of a shared arena costs about 9 ns more.
 *
 * <p>{@link Thread#interrupt} ends a blocked call with EINTR, also one that begins while the thread is interrupted; the interrupt status
 * stays set. On a channel with {@link #_NTO_CHF_UNBLOCK} a client whose message has been received stays blocked until the server
 * lets it go. All methods are thread-safe. Blocking calls of virtual threads run on a platform thread of the library's, whose number the
 * server sees, and do not hold up their carrier.
 */
public final class Neutrino {

    static {
        NativeLibrary.load();
    }

    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_FIXED_PRIORITY = neutrino_h._NTO_CHF_FIXED_PRIORITY();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_UNBLOCK = neutrino_h._NTO_CHF_UNBLOCK();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_THREAD_DEATH = neutrino_h._NTO_CHF_THREAD_DEATH();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_DISCONNECT = neutrino_h._NTO_CHF_DISCONNECT();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_NET_MSG = neutrino_h._NTO_CHF_NET_MSG();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_SENDER_LEN = neutrino_h._NTO_CHF_SENDER_LEN();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_COID_DISCONNECT = neutrino_h._NTO_CHF_COID_DISCONNECT();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_REPLY_LEN = neutrino_h._NTO_CHF_REPLY_LEN();
    /** Channel flag, see channelCreate. */
    public static final int _NTO_CHF_PRIVATE = neutrino_h._NTO_CHF_PRIVATE();
    /** See connectAttach and connectFlags. */
    public static final int _NTO_SIDE_CHANNEL = neutrino_h._NTO_SIDE_CHANNEL();
    /** See connectAttach and connectFlags. */
    public static final int _NTO_COF_CLOEXEC = neutrino_h._NTO_COF_CLOEXEC();
    /** See connectAttach and connectFlags. */
    public static final int _NTO_COF_DEAD = neutrino_h._NTO_COF_DEAD();
    /** Flag of MsgInfo. */
    public static final int _NTO_MI_UNBLOCK_REQ = neutrino_h._NTO_MI_UNBLOCK_REQ();
    /** Code of a pulse, see Pulse. */
    public static final int _PULSE_CODE_UNBLOCK = neutrino_h._PULSE_CODE_UNBLOCK();
    /** Code of a pulse, see Pulse. */
    public static final int _PULSE_CODE_DISCONNECT = neutrino_h._PULSE_CODE_DISCONNECT();
    /** Code of a pulse, see Pulse. */
    public static final int _PULSE_CODE_THREADDEATH = neutrino_h._PULSE_CODE_THREADDEATH();
    /** Code of a pulse, see Pulse. */
    public static final int _PULSE_CODE_COIDDEATH = neutrino_h._PULSE_CODE_COIDDEATH();
    /** Code of a pulse, see Pulse. */
    public static final int _PULSE_CODE_MINAVAIL = neutrino_h._PULSE_CODE_MINAVAIL();
    /** Code of a pulse, see Pulse. */
    public static final int _PULSE_CODE_MAXAVAIL = neutrino_h._PULSE_CODE_MAXAVAIL();
    /** Priority of an event's pulse: that of the thread that delivers it. */
    public static final int SIGEV_PULSE_PRIO_INHERIT = neutrino_h.SIGEV_PULSE_PRIO_INHERIT();
    /** State in which a timeout strikes, see timerTimeout. */
    public static final int _NTO_TIMEOUT_SEND = neutrino_h._NTO_TIMEOUT_SEND();
    /** State in which a timeout strikes, see timerTimeout. */
    public static final int _NTO_TIMEOUT_RECEIVE = neutrino_h._NTO_TIMEOUT_RECEIVE();
    /** State in which a timeout strikes, see timerTimeout. */
    public static final int _NTO_TIMEOUT_REPLY = neutrino_h._NTO_TIMEOUT_REPLY();
    /** The time given is one of the clock, not one from now. */
    public static final int TIMER_ABSTIME = neutrino_h.TIMER_ABSTIME();
    /** A clock. */
    public static final int CLOCK_REALTIME = neutrino_h.CLOCK_REALTIME();
    /** A clock. */
    public static final int CLOCK_MONOTONIC = neutrino_h.CLOCK_MONOTONIC();
    /** The only node. */
    public static final int ND_LOCAL_NODE = neutrino_h.ND_LOCAL_NODE();

    private Neutrino() {}

    private static int check(String call, int result) {
        if (result < 0) {
            throw Errno.exception(call, result);
        }
        return result;
    }

    private static long check(String call, long result) {
        if (result < 0) {
            throw Errno.exception(call, (int) result);
        }
        return result;
    }

    /** A buffer that is read: a native segment of that many bytes at least. */
    private static void source(MemorySegment buffer, long bytes) {
        Objects.checkFromIndexSize(0, bytes, buffer.byteSize());
    }

    /** A buffer that is written. */
    private static void target(MemorySegment buffer, long bytes) {
        Objects.checkFromIndexSize(0, bytes, buffer.byteSize());
        if (buffer.isReadOnly()) {
            throw new IllegalArgumentException("the buffer is read-only");
        }
    }

    private static MemorySegment struct(MsgInfo info) {
        return info == null ? MemorySegment.NULL : info.segment();
    }

    private static MemorySegment struct(SigEvent event) {
        return event == null ? MemorySegment.NULL : event.segment();
    }

    // ---- Channels

    /**
     * Makes a channel.
     *
     * @param flags the sum of _NTO_CHF_ flags
     * @return its id
     * @throws org.tetrapylon.TetrapylonException EAGAIN no channel is left; EBUSY there is one with THREAD_DEATH or COID_DISCONNECT
     *     already; EINVAL the flags; ENOMEM
     */
    public static int channelCreate(int flags) {
        return check("ChannelCreate", channelCreate_r(flags));
    }

    /** {@return the result of {@link #channelCreate}, or a negative errno} */
    public static int channelCreate_r(int flags) {
        return neutrino_h.ChannelCreate_r(flags);
    }

    /**
     * Ends a channel: threads blocked on it get ESRCH.
     *
     * @param chid the channel
     * @return 0
     * @throws org.tetrapylon.TetrapylonException EINVAL there is no such channel
     */
    public static int channelDestroy(int chid) {
        return check("ChannelDestroy", channelDestroy_r(chid));
    }

    /** {@return the result of {@link #channelDestroy}, or a negative errno} */
    public static int channelDestroy_r(int chid) {
        return neutrino_h.ChannelDestroy_r(chid);
    }

    // ---- Connections

    /**
     * Connects to a channel of a process (0: this one).
     *
     * @param nd ND_LOCAL_NODE
     * @param pid the process; 0: this one
     * @param chid the channel
     * @param index 0, or _NTO_SIDE_CHANNEL, or the least id wanted
     * @param flags the sum of _NTO_COF_ flags
     * @return the connection's id
     * @throws org.tetrapylon.TetrapylonException ESRCH no such process or channel; EPERM the channel does not admit this user; EINVAL index
     *     or flags; EMFILE, EAGAIN limits; ENXIO the server is ending or does not answer; ENOREMOTE nd is not the local node; ENOMEM
     */
    public static int connectAttach(int nd, int pid, int chid, int index, int flags) {
        return check("ConnectAttach", connectAttach_r(nd, pid, chid, index, flags));
    }

    /** {@return the result of {@link #connectAttach}, or a negative errno} */
    public static int connectAttach_r(int nd, int pid, int chid, int index, int flags) {
        return Calls.connectAttach(nd, pid, chid, index, flags);
    }

    /**
     * Ends a connection, or a client that has gone (scoid): threads blocked on it get EBADF.
     *
     * @param coid the connection, or a scoid
     * @return 0
     * @throws org.tetrapylon.TetrapylonException EINVAL there is no such connection
     */
    public static int connectDetach(int coid) {
        return check("ConnectDetach", connectDetach_r(coid));
    }

    /** {@return the result of {@link #connectDetach}, or a negative errno} */
    public static int connectDetach_r(int coid) {
        return neutrino_h.ConnectDetach_r(coid);
    }

    /**
     * Changes a connection's flags.
     *
     * @param pid the process; 0: this one
     * @param coid the connection
     * @param mask which flags change
     * @param bits what they become
     * @return the flags before
     * @throws org.tetrapylon.TetrapylonException EINVAL no such connection, or another process's
     */
    public static int connectFlags(int pid, int coid, int mask, int bits) {
        return check("ConnectFlags", connectFlags_r(pid, coid, mask, bits));
    }

    /** {@return the result of {@link #connectFlags}, or a negative errno} */
    public static int connectFlags_r(int pid, int coid, int mask, int bits) {
        return neutrino_h.ConnectFlags_r(pid, coid, mask, bits);
    }

    /**
     * Tells of a connection, or the next one above.
     *
     * @param pid the process; 0: this one
     * @param coid the connection; if there is none, the next one above it is told of
     * @param info gets nd, pid, chid, scoid and coid
     * @return the coid told of
     * @throws org.tetrapylon.TetrapylonException EINVAL no connection from coid on, or another process's
     */
    public static int connectServerInfo(int pid, int coid, MsgInfo info) {
        return check("ConnectServerInfo", connectServerInfo_r(pid, coid, info));
    }

    /** {@return the result of {@link #connectServerInfo}, or a negative errno} */
    public static int connectServerInfo_r(int pid, int coid, MsgInfo info) {
        return neutrino_h.ConnectServerInfo_r(pid, coid, struct(info));
    }

    /**
     * Tells who a client process is.
     *
     * @param scoid the client process, as {@link MsgInfo#scoid} tells it; -1: this process
     * @param ngroups how many of its groups to tell, 0 for none
     * @return it, with ngroups of its groups at most
     * @throws org.tetrapylon.TetrapylonException EINVAL there is no such client
     */
    public static ClientInfo connectClientInfo(int scoid, int ngroups) {
        ClientInfo[] info = new ClientInfo[1];
        check("ConnectClientInfo", connectClientInfo_r(scoid, info, ngroups));
        return info[0];
    }

    /**
     * The twin of {@link #connectClientInfo}.
     *
     * @param scoid as there
     * @param info its first element takes what is told, if there is no error
     * @param ngroups as there
     * @return 0, or a negative errno
     */
    public static int connectClientInfo_r(int scoid, ClientInfo[] info, int ngroups) {
        Objects.checkIndex(0, info.length);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = ClientInfo.allocate(arena);
            // The struct has room for that many, and C trusts the number.
            int result = neutrino_h.ConnectClientInfo_r(scoid, struct, Math.min(ngroups, ClientInfo.groupsMax()));
            if (result == 0) {
                info[0] = ClientInfo.read(struct, Math.max(0, ngroups));
            }
            return result;
        }
    }

    // ---- Sending

    /** The status, or a negative errno: as on the page, a negative status looks like an error. */
    private static long statusOr(Caller caller, int result) {
        return result < 0 ? result : caller.status;
    }

    private static long statusOf(String call, long told) {
        return told >= 0 ? told : told == Calls.TOLD ? Calls.toldStatus() : check(call, told);
    }

    private static long statusOf(String call, Caller caller, int result) {
        check(call, result);
        return caller.status;
    }

    /**
     * Sends a message and waits for its reply.
     *
     * @param coid the connection
     * @param smsg what is sent
     * @param sbytes bytes of it
     * @param rmsg where the reply goes; what does not fit is dropped
     * @param rbytes bytes of room
     * @return the server's status, whatever it is
     * @throws org.tetrapylon.TetrapylonException EBADF coid is no connection, its server has gone, or it was detached meanwhile; ESRCH the
     *     server died or destroyed the channel meanwhile; EINTR the thread was interrupted; ETIMEDOUT as timerTimeout had armed it; EFAULT,
     *     ESRVRFAULT a buffer here, or of the server's, could not be accessed; EOVERFLOW the lengths of parts do not add up; EAGAIN too
     *     many threads; or what the server gave with msgError
     */
    public static long msgSend(int coid, MemorySegment smsg, long sbytes, MemorySegment rmsg, long rbytes) {
        source(smsg, sbytes);
        target(rmsg, rbytes);
        return statusOf("MsgSend", Calls.sendInPlace(coid, smsg, sbytes, rmsg, rbytes, Calls.FOREVER));
    }

    /** {@return the result of {@link #msgSend}, or a negative errno} */
    public static long msgSend_r(int coid, MemorySegment smsg, long sbytes, MemorySegment rmsg, long rbytes) {
        source(smsg, sbytes);
        target(rmsg, rbytes);
        long told = Calls.sendInPlace(coid, smsg, sbytes, rmsg, rbytes, Calls.FOREVER);
        return told == Calls.TOLD ? Calls.toldStatus() : told;
    }

    /**
     * As {@link #msgSend}, from a list of parts to a list of parts.
     *
     * @param coid the connection
     * @param siov what is sent
     * @param riov where the reply goes; what does not fit is dropped
     * @return the server's status
     */
    public static long msgSendv(int coid, Iov siov, Iov riov) {
        Caller caller = Caller.current();
        int result = Calls.sendv(caller, coid, siov, riov, Calls.FOREVER);
        return statusOf("MsgSendv", caller, result);
    }

    /** {@return the result of {@link #msgSendv}, or a negative errno} */
    public static long msgSendv_r(int coid, Iov siov, Iov riov) {
        Caller caller = Caller.current();
        int result = Calls.sendv(caller, coid, siov, riov, Calls.FOREVER);
        return statusOr(caller, result);
    }

    /**
     * As {@link #msgSend}, from a buffer to a list of parts.
     *
     * @param coid the connection
     * @param smsg what is sent
     * @param sbytes bytes of it
     * @param riov where the reply goes; what does not fit is dropped
     * @return the server's status
     */
    public static long msgSendsv(int coid, MemorySegment smsg, long sbytes, Iov riov) {
        Caller caller = Caller.current();
        source(smsg, sbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, Iov.of(arena, smsg.asSlice(0, sbytes)), riov, Calls.FOREVER);
            return statusOf("MsgSendsv", caller, result);
        }
    }

    /** {@return the result of {@link #msgSendsv}, or a negative errno} */
    public static long msgSendsv_r(int coid, MemorySegment smsg, long sbytes, Iov riov) {
        Caller caller = Caller.current();
        source(smsg, sbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, Iov.of(arena, smsg.asSlice(0, sbytes)), riov, Calls.FOREVER);
            return statusOr(caller, result);
        }
    }

    /**
     * As {@link #msgSend}, from a list of parts to a buffer.
     *
     * @param coid the connection
     * @param siov what is sent
     * @param rmsg where the reply goes; what does not fit is dropped
     * @param rbytes bytes of room
     * @return the server's status
     */
    public static long msgSendvs(int coid, Iov siov, MemorySegment rmsg, long rbytes) {
        Caller caller = Caller.current();
        target(rmsg, rbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, siov, Iov.of(arena, rmsg.asSlice(0, rbytes)), Calls.FOREVER);
            return statusOf("MsgSendvs", caller, result);
        }
    }

    /** {@return the result of {@link #msgSendvs}, or a negative errno} */
    public static long msgSendvs_r(int coid, Iov siov, MemorySegment rmsg, long rbytes) {
        Caller caller = Caller.current();
        target(rmsg, rbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, siov, Iov.of(arena, rmsg.asSlice(0, rbytes)), Calls.FOREVER);
            return statusOr(caller, result);
        }
    }

    /**
     * As {@link #msgSend}.
     *
     * @param coid the connection
     * @param smsg what is sent
     * @param sbytes bytes of it
     * @param rmsg where the reply goes; what does not fit is dropped
     * @param rbytes bytes of room
     * @return the server's status
     */
    public static long msgSendnc(int coid, MemorySegment smsg, long sbytes, MemorySegment rmsg, long rbytes) {
        source(smsg, sbytes);
        target(rmsg, rbytes);
        Caller caller = Caller.current();
        int result = Calls.send(caller, coid, smsg, sbytes, rmsg, rbytes, Calls.FOREVER);
        return statusOf("MsgSendnc", caller, result);
    }

    /** {@return the result of {@link #msgSend}, or a negative errno} */
    public static long msgSendnc_r(int coid, MemorySegment smsg, long sbytes, MemorySegment rmsg, long rbytes) {
        source(smsg, sbytes);
        target(rmsg, rbytes);
        Caller caller = Caller.current();
        int result = Calls.send(caller, coid, smsg, sbytes, rmsg, rbytes, Calls.FOREVER);
        return statusOr(caller, result);
    }

    /**
     * As {@link #msgSend}, from a list of parts to a list of parts.
     *
     * @param coid the connection
     * @param siov what is sent
     * @param riov where the reply goes; what does not fit is dropped
     * @return the server's status
     */
    public static long msgSendvnc(int coid, Iov siov, Iov riov) {
        Caller caller = Caller.current();
        int result = Calls.sendv(caller, coid, siov, riov, Calls.FOREVER);
        return statusOf("MsgSendvnc", caller, result);
    }

    /** {@return the result of {@link #msgSendv}, or a negative errno} */
    public static long msgSendvnc_r(int coid, Iov siov, Iov riov) {
        Caller caller = Caller.current();
        int result = Calls.sendv(caller, coid, siov, riov, Calls.FOREVER);
        return statusOr(caller, result);
    }

    /**
     * As {@link #msgSend}, from a buffer to a list of parts.
     *
     * @param coid the connection
     * @param smsg what is sent
     * @param sbytes bytes of it
     * @param riov where the reply goes; what does not fit is dropped
     * @return the server's status
     */
    public static long msgSendsvnc(int coid, MemorySegment smsg, long sbytes, Iov riov) {
        Caller caller = Caller.current();
        source(smsg, sbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, Iov.of(arena, smsg.asSlice(0, sbytes)), riov, Calls.FOREVER);
            return statusOf("MsgSendsvnc", caller, result);
        }
    }

    /** {@return the result of {@link #msgSendsv}, or a negative errno} */
    public static long msgSendsvnc_r(int coid, MemorySegment smsg, long sbytes, Iov riov) {
        Caller caller = Caller.current();
        source(smsg, sbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, Iov.of(arena, smsg.asSlice(0, sbytes)), riov, Calls.FOREVER);
            return statusOr(caller, result);
        }
    }

    /**
     * As {@link #msgSend}, from a list of parts to a buffer.
     *
     * @param coid the connection
     * @param siov what is sent
     * @param rmsg where the reply goes; what does not fit is dropped
     * @param rbytes bytes of room
     * @return the server's status
     */
    public static long msgSendvsnc(int coid, Iov siov, MemorySegment rmsg, long rbytes) {
        Caller caller = Caller.current();
        target(rmsg, rbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, siov, Iov.of(arena, rmsg.asSlice(0, rbytes)), Calls.FOREVER);
            return statusOf("MsgSendvsnc", caller, result);
        }
    }

    /** {@return the result of {@link #msgSendvs}, or a negative errno} */
    public static long msgSendvsnc_r(int coid, Iov siov, MemorySegment rmsg, long rbytes) {
        Caller caller = Caller.current();
        target(rmsg, rbytes);
        try (Arena arena = Arena.ofConfined()) {
            int result = Calls.sendv(caller, coid, siov, Iov.of(arena, rmsg.asSlice(0, rbytes)), Calls.FOREVER);
            return statusOr(caller, result);
        }
    }

    // ---- Receiving

    /**
     * Waits for a message or pulse.
     *
     * @param chid the channel
     * @param msg where a message or pulse goes
     * @param bytes bytes of room
     * @param info gets what is known of the message; may be null
     * @return its rcvid; 0 for a pulse, see {@link #pulse}
     * @throws org.tetrapylon.TetrapylonException ESRCH no such channel, or destroyed meanwhile; EFAULT there is no room for the pulse that
     *     is next, or the lengths of the parts do not add up; EINTR the thread was interrupted; ETIMEDOUT as timerTimeout had armed it
     */
    public static long msgReceive(int chid, MemorySegment msg, long bytes, MsgInfo info) {
        return check("MsgReceive", msgReceive_r(chid, msg, bytes, info));
    }

    /** {@return the result of {@link #msgReceive}, or a negative errno} */
    public static long msgReceive_r(int chid, MemorySegment msg, long bytes, MsgInfo info) {
        target(msg, bytes);
        return Calls.receive(chid, msg, bytes, struct(info), Calls.FOREVER);
    }

    /**
     * As {@link #msgReceive}, into a list of parts.
     *
     * @param chid the channel
     * @param riov where a message or pulse goes
     * @param info gets what is known of the message; may be null
     * @return the rcvid, or 0
     */
    public static long msgReceivev(int chid, Iov riov, MsgInfo info) {
        return check("MsgReceivev", msgReceivev_r(chid, riov, info));
    }

    /** {@return the result of {@link #msgReceivev}, or a negative errno} */
    public static long msgReceivev_r(int chid, Iov riov, MsgInfo info) {
        return Calls.receivev(Caller.current(), chid, riov, struct(info));
    }

    /**
     * Waits for a pulse.
     *
     * @param chid the channel
     * @param pulse where the pulse goes
     * @param bytes bytes of room, at least those of a struct _pulse
     * @return 0
     * @throws org.tetrapylon.TetrapylonException ESRCH no such channel, or destroyed meanwhile; EFAULT there is no room for the pulse that
     *     is next, or the lengths of the parts do not add up; EINTR the thread was interrupted; ETIMEDOUT as timerTimeout had armed it
     */
    public static int msgReceivePulse(int chid, MemorySegment pulse, long bytes) {
        return check("MsgReceivePulse", msgReceivePulse_r(chid, pulse, bytes));
    }

    /** {@return the result of {@link #msgReceivePulse}, or a negative errno} */
    public static int msgReceivePulse_r(int chid, MemorySegment pulse, long bytes) {
        target(pulse, bytes);
        return Calls.receivePulse(Caller.current(), chid, pulse, bytes);
    }

    /**
     * Waits for a pulse.
     *
     * @param chid the channel
     * @param piov where the pulse goes
     * @return 0
     */
    public static int msgReceivePulsev(int chid, Iov piov) {
        return check("MsgReceivePulsev", msgReceivePulsev_r(chid, piov));
    }

    /** {@return the result of {@link #msgReceivePulsev}, or a negative errno} */
    public static int msgReceivePulsev_r(int chid, Iov piov) {
        return Calls.receivePulsev(Caller.current(), chid, piov);
    }

    /**
     * {@return the pulse that a receive with result 0 has left in its buffer}
     *
     * @param msg memory that a pulse was received into
     */
    public static Pulse pulse(MemorySegment msg) {
        return Pulse.read(msg);
    }

    /** {@return how many bytes a buffer needs for a pulse} */
    public static int pulseSize() {
        return Pulse.size();
    }

    // ---- Finishing

    /**
     * Finishes a message.
     *
     * @param rcvid the message
     * @param status what the client's send returns
     * @param msg the reply
     * @param bytes bytes of it
     * @return 0
     * @throws org.tetrapylon.TetrapylonException ESRCH the rcvid is unknown or finished, or its client gave up, detached or died; EFAULT
     *     the client's buffers could not be written; EOVERFLOW the lengths of parts do not add up
     */
    public static int msgReply(long rcvid, long status, MemorySegment msg, long bytes) {
        return check("MsgReply", msgReply_r(rcvid, status, msg, bytes));
    }

    /** {@return the result of {@link #msgReply}, or a negative errno} */
    public static int msgReply_r(long rcvid, long status, MemorySegment msg, long bytes) {
        source(msg, bytes);
        return Calls.reply(rcvid, status, msg, bytes);
    }

    /**
     * As {@link #msgReply}, from a list of parts.
     *
     * @param rcvid the message
     * @param status what the client's send returns
     * @param riov the reply
     * @return 0
     */
    public static int msgReplyv(long rcvid, long status, Iov riov) {
        return check("MsgReplyv", msgReplyv_r(rcvid, status, riov));
    }

    /** {@return the result of {@link #msgReplyv}, or a negative errno} */
    public static int msgReplyv_r(long rcvid, long status, Iov riov) {
        try {
            return neutrino_h.MsgReplyv_r(rcvid, status, riov.list(), riov.parts());
        } finally {
            Reference.reachabilityFence(riov);
        }
    }

    /**
     * Finishes a message with an error; EOK, ERESTART and -1 as on the page.
     *
     * @param rcvid the message
     * @param error what the client's send fails with; EOK: it returns 0, ERESTART: it sends again, -1: the reason for which it asked to be
     *     let go
     * @return 0
     * @throws org.tetrapylon.TetrapylonException ESRCH as {@link #msgReply}
     */
    public static int msgError(long rcvid, int error) {
        return check("MsgError", msgError_r(rcvid, error));
    }

    /** {@return the result of {@link #msgError}, or a negative errno} */
    public static int msgError_r(long rcvid, int error) {
        return neutrino_h.MsgError_r(rcvid, error);
    }

    // ---- Transfer while the client is blocked

    /**
     * Copies from the client's message.
     *
     * @param rcvid the message
     * @param msg where they go
     * @param bytes at most so many
     * @param offset bytes from the beginning of the client's memory
     * @return the bytes copied
     * @throws org.tetrapylon.TetrapylonException ESRCH as {@link #msgReply}; EFAULT the client's buffers, ESRVRFAULT ours; EOVERFLOW the
     *     lengths do not add up. The client stays blocked
     */
    public static long msgRead(long rcvid, MemorySegment msg, long bytes, long offset) {
        return check("MsgRead", msgRead_r(rcvid, msg, bytes, offset));
    }

    /** {@return the result of {@link #msgRead}, or a negative errno} */
    public static long msgRead_r(long rcvid, MemorySegment msg, long bytes, long offset) {
        target(msg, bytes);
        return Calls.read(rcvid, msg, bytes, offset);
    }

    /**
     * As {@link #msgRead}.
     *
     * @param rcvid the message
     * @param riov where they go
     * @param offset bytes from the beginning of the client's memory
     * @return the bytes copied
     */
    public static long msgReadv(long rcvid, Iov riov, long offset) {
        return check("MsgReadv", msgReadv_r(rcvid, riov, offset));
    }

    /** {@return the result of {@link #msgReadv}, or a negative errno} */
    public static long msgReadv_r(long rcvid, Iov riov, long offset) {
        try {
            return neutrino_h.MsgReadv_r(rcvid, riov.writableList(), riov.parts(), offset);
        } finally {
            Reference.reachabilityFence(riov);
        }
    }

    /**
     * Copies into the client's reply buffers.
     *
     * @param rcvid the message
     * @param msg what is written
     * @param bytes bytes of it
     * @param offset bytes from the beginning of the client's memory
     * @return the bytes copied
     * @throws org.tetrapylon.TetrapylonException ESRCH as {@link #msgReply}; EFAULT the client's buffers, ESRVRFAULT ours; EOVERFLOW the
     *     lengths do not add up. The client stays blocked
     */
    public static long msgWrite(long rcvid, MemorySegment msg, long bytes, long offset) {
        return check("MsgWrite", msgWrite_r(rcvid, msg, bytes, offset));
    }

    /** {@return the result of {@link #msgWrite}, or a negative errno} */
    public static long msgWrite_r(long rcvid, MemorySegment msg, long bytes, long offset) {
        source(msg, bytes);
        return Calls.write(rcvid, msg, bytes, offset);
    }

    /**
     * As {@link #msgWrite}.
     *
     * @param rcvid the message
     * @param iov what is written
     * @param offset bytes from the beginning of the client's memory
     * @return the bytes copied
     */
    public static long msgWritev(long rcvid, Iov iov, long offset) {
        return check("MsgWritev", msgWritev_r(rcvid, iov, offset));
    }

    /** {@return the result of {@link #msgWritev}, or a negative errno} */
    public static long msgWritev_r(long rcvid, Iov iov, long offset) {
        try {
            return neutrino_h.MsgWritev_r(rcvid, iov.list(), iov.parts(), offset);
        } finally {
            Reference.reachabilityFence(iov);
        }
    }

    // ---- About a message

    /**
     * Tells of a received message.
     *
     * @param rcvid the message
     * @param info gets what is known of the message; may be null
     * @return 0
     * @throws org.tetrapylon.TetrapylonException ESRCH the message is not received, or finished
     */
    public static int msgInfo(long rcvid, MsgInfo info) {
        return check("MsgInfo", msgInfo_r(rcvid, info));
    }

    /** {@return the result of {@link #msgInfo}, or a negative errno} */
    public static int msgInfo_r(long rcvid, MsgInfo info) {
        return neutrino_h.MsgInfo_r(rcvid, struct(info));
    }

    /**
     * Takes the priority of a received message.
     *
     * @param rcvid the message
     * @return 0
     * @throws org.tetrapylon.TetrapylonException ESRCH the message is not received, or finished
     */
    public static int msgCurrent(long rcvid) {
        return check("MsgCurrent", msgCurrent_r(rcvid));
    }

    /** {@return the result of {@link #msgCurrent}, or a negative errno} */
    public static int msgCurrent_r(long rcvid) {
        return neutrino_h.MsgCurrent_r(rcvid);
    }

    // ---- Pulses and events

    /**
     * Puts a pulse into a channel's queue.
     *
     * @param coid the connection
     * @param priority 0 to 255; -1: the calling thread's
     * @param code -128 to 127
     * @param value goes with it
     * @return 0
     * @throws org.tetrapylon.TetrapylonException EBADF coid is no connection, or its server has gone; EAGAIN too many wait already; EPERM
     *     the process may not be signalled; EINVAL the code or the priority
     */
    public static int msgSendPulse(int coid, int priority, int code, int value) {
        return check("MsgSendPulse", msgSendPulse_r(coid, priority, code, value));
    }

    /** {@return the result of {@link #msgSendPulse}, or a negative errno} */
    public static int msgSendPulse_r(int coid, int priority, int code, int value) {
        return neutrino_h.MsgSendPulse_r(coid, priority, code, value);
    }

    /**
     * As {@link #msgSendPulse}, with 64 bits.
     *
     * @param coid the connection
     * @param priority 0 to 255; -1: the calling thread's
     * @param code -128 to 127
     * @param value goes with it
     * @return 0
     */
    public static int msgSendPulsePtr(int coid, int priority, int code, long value) {
        return check("MsgSendPulsePtr", msgSendPulsePtr_r(coid, priority, code, value));
    }

    /** {@return the result of {@link #msgSendPulsePtr}, or a negative errno} */
    public static int msgSendPulsePtr_r(int coid, int priority, int code, long value) {
        return neutrino_h.MsgSendPulsePtr_r(coid, priority, code, MemorySegment.ofAddress(value));
    }

    /**
     * Delivers an event to the client of a message, also after the reply.
     *
     * @param rcvid a message of the client, also one that has been finished; 0: this process
     * @param event the event
     * @return 0
     * @throws org.tetrapylon.TetrapylonException ESRCH the client process is gone or the rcvid was never one; EBADF its connection is
     *     detached; EINVAL the event; EAGAIN the client takes no more at present; EPERM
     */
    public static int msgDeliverEvent(long rcvid, SigEvent event) {
        return check("MsgDeliverEvent", msgDeliverEvent_r(rcvid, event));
    }

    /** {@return the result of {@link #msgDeliverEvent}, or a negative errno} */
    public static int msgDeliverEvent_r(long rcvid, SigEvent event) {
        return neutrino_h.MsgDeliverEvent_r(rcvid, struct(event));
    }

    /**
     * Checks an event.
     *
     * @param rcvid a message of the client; 0: none is looked at
     * @param event the event
     * @return 0
     * @throws org.tetrapylon.TetrapylonException as {@link #msgDeliverEvent}
     */
    public static int msgVerifyEvent(long rcvid, SigEvent event) {
        return check("MsgVerifyEvent", msgVerifyEvent_r(rcvid, event));
    }

    /** {@return the result of {@link #msgVerifyEvent}, or a negative errno} */
    public static int msgVerifyEvent_r(long rcvid, SigEvent event) {
        return neutrino_h.MsgVerifyEvent_r(rcvid, struct(event));
    }

    /**
     * Registers an event and turns it into a handle.
     *
     * @param event becomes the handle that is sent to the server
     * @param coid the connection to the server that may deliver it; -1: any
     * @return 0
     * @throws org.tetrapylon.TetrapylonException EBADF no such connection; EINVAL the event; EAGAIN 4,096 are registered already
     */
    public static int msgRegisterEvent(SigEvent event, int coid) {
        return check("MsgRegisterEvent", msgRegisterEvent_r(event, coid));
    }

    /** {@return the result of {@link #msgRegisterEvent}, or a negative errno} */
    public static int msgRegisterEvent_r(SigEvent event, int coid) {
        return neutrino_h.MsgRegisterEvent_r(struct(event), coid);
    }

    /**
     * Forgets a registered event.
     *
     * @param event the handle
     * @return 0
     * @throws org.tetrapylon.TetrapylonException ESRCH the event is no handle of a registered one
     */
    public static int msgUnregisterEvent(SigEvent event) {
        return check("MsgUnregisterEvent", msgUnregisterEvent_r(event));
    }

    /** {@return the result of {@link #msgUnregisterEvent}, or a negative errno} */
    public static int msgUnregisterEvent_r(SigEvent event) {
        return neutrino_h.MsgUnregisterEvent_r(struct(event));
    }

    // ---- Time

    /**
     * Arms a timeout for the next blocking call of this thread, which clears it.
     *
     * @param id {@link #CLOCK_REALTIME} or {@link #CLOCK_MONOTONIC}
     * @param flags the states in which it strikes, and {@link #TIMER_ABSTIME}; 0 disarms
     * @param event null, or SIGEV_UNBLOCK or SIGEV_NONE
     * @param nanoseconds from now or of the clock; 0 does not block
     * @return what was left of the timeout armed before, 0 if none was
     */
    public static long timerTimeout(int id, int flags, SigEvent event, long nanoseconds) {
        return check("TimerTimeout", timerTimeout_r(id, flags, event, nanoseconds));
    }

    /** {@return the result of {@link #timerTimeout}, or a negative errno} */
    public static long timerTimeout_r(int id, int flags, SigEvent event, long nanoseconds) {
        Caller caller = Caller.current();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment time = arena.allocateFrom(ValueLayout.JAVA_LONG, nanoseconds);
            MemorySegment before = arena.allocateFrom(ValueLayout.JAVA_LONG, 0);
            int result = neutrino_h.TimerTimeout_r(id, flags, struct(event), time, before);
            long left = before.get(ValueLayout.JAVA_LONG, 0);
            if (result == 0 && caller.isVirtual()) {
                left = armLater(caller, id, flags, struct(event), time, before);
            }
            return result < 0 ? result : left;
        }
    }

    /**
     * The call that it is meant for will run on another native thread: it is taken back here, where it was checked, and armed there. What
     * is left of it is asked of the library, which knows its clocks.
     */
    private static long armLater(Caller caller, int id, int flags, MemorySegment event, MemorySegment time,
            MemorySegment before) {
        neutrino_h.TimerTimeout_r(id, 0, MemorySegment.NULL, MemorySegment.NULL, before);
        long left = caller.armedStates == 0 ? 0 : Math.max(0, caller.armedUntil - System.nanoTime());
        boolean never = event.address() != 0
                && SigEvent.at(event).type() == neutrino_h.SIGEV_NONE();
        caller.armedStates = never ? 0 : flags & (_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_RECEIVE | _NTO_TIMEOUT_REPLY);
        caller.armedUntil = System.nanoTime() + Math.max(0, before.get(ValueLayout.JAVA_LONG, 0));
        return left;
    }

    /**
     * Makes a timer, for one with SIGEV_PULSE or another kind of event.
     *
     * @param id CLOCK_REALTIME or CLOCK_MONOTONIC
     * @param event the event
     * @return the timer
     */
    public static long timerCreate(int id, SigEvent event) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment timer = arena.allocate(ValueLayout.ADDRESS);
            check("timer_create", Named.timerCreate(id, struct(event), timer));
            return timer.get(ValueLayout.ADDRESS, 0).address();
        }
    }

    /**
     * Ends a timer.
     *
     * @param timer the timer
     */
    public static void timerDelete(long timer) {
        check("timer_delete", Named.timerDelete(MemorySegment.ofAddress(timer)));
    }

    /**
     * Sets a timer.
     *
     * @param timer the timer
     * @param flags 0 or {@link #TIMER_ABSTIME}
     * @param value nanoseconds until it strikes first; 0 stops it
     * @param interval nanoseconds between later strikes; 0: none
     */
    public static void timerSettime(long timer, int flags, long value, long interval) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment spec = arena.allocate(itimerspec.layout());
            set(itimerspec.it_value(spec), value);
            set(itimerspec.it_interval(spec), interval);
            check("timer_settime", Named.timerSettime(MemorySegment.ofAddress(timer), flags, spec, MemorySegment.NULL));
        }
    }

    private static void set(MemorySegment spec, long nanoseconds) {
        timespec.tv_sec(spec, nanoseconds / 1_000_000_000L);
        timespec.tv_nsec(spec, nanoseconds % 1_000_000_000L);
    }

    /**
     * {@return the nanoseconds until a timer strikes next, 0 if it is stopped}
     *
     * @param timer the timer
     */
    public static long timerGettime(long timer) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment spec = arena.allocate(itimerspec.layout());
            check("timer_gettime", Named.timerGettime(MemorySegment.ofAddress(timer), spec));
            MemorySegment value = itimerspec.it_value(spec);
            return timespec.tv_sec(value) * 1_000_000_000L + timespec.tv_nsec(value);
        }
    }

    /**
     * {@return how many strikes of a timer came while the last one's notice waited}
     *
     * @param timer the timer
     */
    public static int timerGetoverrun(long timer) {
        return check("timer_getoverrun", Named.timerGetoverrun(MemorySegment.ofAddress(timer)));
    }

    // ---- Names and nodes

    /**
     * What name_attach makes: a channel with a name.
     *
     * @param chid the channel
     * @param segment the native record, for nameDetach alone: it is gone afterwards
     */
    public record NameAttach(int chid, MemorySegment segment) {}

    /**
     * Makes a channel with a name. dispatch must be null:
     *
     * @param dispatch MemorySegment.NULL
     * @param path 1 to 100 bytes, of which / and % count three each
     * @param flags 0; names are the user's own in any case
     * @return the record, for its chid and for nameDetach
     * @throws org.tetrapylon.TetrapylonException EEXIST the name is taken; EINVAL, ENAMETOOLONG it is not allowed; EAGAIN no channel is
     *     left; ENOMEM
     */
    public static NameAttach nameAttach(MemorySegment dispatch, String path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment[] record = new MemorySegment[1];
            MemorySegment name = path == null ? MemorySegment.NULL : arena.allocateFrom(path);
            check("name_attach", Named.attach(dispatch == null ? MemorySegment.NULL : dispatch, name, flags, record));
            return new NameAttach(_name_attach.chid(record[0].reinterpret(_name_attach.sizeof())), record[0]);
        }
    }

    /**
     * Gives a name up and ends its channel.
     *
     * @param attach what nameAttach returned
     * @param flags 0
     * @return 0
     * @throws org.tetrapylon.TetrapylonException EINVAL it was detached already
     */
    public static int nameDetach(NameAttach attach, int flags) {
        return check("name_detach", Named.detach(attach == null ? MemorySegment.NULL : attach.segment(), flags));
    }

    /**
     * Connects to the channel that has a name.
     *
     * @param name the name
     * @param flags 0
     * @return the connection's id
     * @throws org.tetrapylon.TetrapylonException ENOENT nobody has the name; EINVAL, ENAMETOOLONG it is not allowed; EPERM the channel does
     *     not admit this user; EMFILE, EAGAIN limits
     */
    public static int nameOpen(String name, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return check("name_open", Calls.nameOpen(arena.allocateFrom(name), flags));
        }
    }

    /**
     * Ends a connection made by nameOpen.
     *
     * @param coid the connection
     * @return 0
     * @throws org.tetrapylon.TetrapylonException EBADF there is no such connection
     */
    public static int nameClose(int coid) {
        return check("name_close", Named.close(coid));
    }

    /**
     * {@return the node of that name: 0, the local one}
     *
     * @param name of a machine
     */
    public static int netmgrStrtond(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return check("netmgr_strtond", Named.nodeOf(arena.allocateFrom(name)));
        }
    }

    /**
     * {@return the name of a node}
     *
     * @param flags 0
     * @param nd ND_LOCAL_NODE
     */
    public static String netmgrNdtostr(int flags, int nd) {
        final int room = 256;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(room);
            check("netmgr_ndtostr", Named.nodeName(flags, nd, buffer, room));
            return buffer.getString(0);
        }
    }
}
