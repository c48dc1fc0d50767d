package org.tetrapylon.l4;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.tetrapylon.generated.l4.l4_ipc_h;
import org.tetrapylon.internal.NativeLibrary;

/**
 * The functions and macros of {@code l4/sys/ipc.h}, {@code l4/sys/syscalls.h}, {@code l4/sys/types.h} and {@code l4/names/libnames.h} under
 * their documented names ({@code l4_ipc_call} is {@link #l4IpcCall}; macros keep their spelling), close to their pages in the L4 Reference
 * Manual for version 2.0. The headers in include/ say what each does and which errors it gives. For an easier way in see {@link Ipc}.
 *
 * <p>Ids, dopes, flexpages and timeouts are the numbers behind the unions of C: {@link ThreadId}, {@link MsgDope}, {@link Fpage} and
 * {@link Timeout} take them apart. What a call stores through pointers in C is in its {@link IpcResult}. Every IPC returns the error, 0 or one of
 * the fifteen {@code L4_IPC_E...} values, and throws none of them. Nothing is allocated by a call.
 *
 * <p>Descriptors are segments: {@link #L4_IPC_NIL_DESCRIPTOR}, {@link #L4_IPC_SHORT_MSG}, {@link #L4_IPC_SHORT_FPAGE},
 * {@link #L4_IPC_MAPMSG}, or those of a {@link MsgBuffer}. Segments of confined, automatic and global arenas are passed fastest. A message
 * buffer that does not fit into its segment gives IndexOutOfBoundsException; segments without a size are taken as C takes pointers. Memory
 * that is granted away, or received read-only, is no longer what its segments say: to touch it ends the JVM. {@link Region} and
 * {@link Window} guard against that.
 *
 * <p>{@link Thread#interrupt} ends an IPC that waits with RECANCELED or SECANCELED, also one that begins while the thread is interrupted and
 * would wait; the interrupt status stays set. All methods are thread-safe. In L4 a thread is an address, and only platform threads are
 * L4 threads: virtual threads may send and call, for which they borrow an id of this process; methods that receive from or tell
 * about the calling thread throw WrongThreadException there.
 */
public final class L4 {

    static {
        NativeLibrary.load();
    }

    // ---- Ids, pages, errors

    /** Nobody. */
    public static final long L4_NIL_ID = l4_ipc_h.L4_NIL_ID_RAW();
    /** No id. */
    public static final long L4_INVALID_ID = l4_ipc_h.L4_INVALID_ID_RAW();

    /** Bytes of a page, as a power of two. */
    public static final int L4_PAGESHIFT = l4_ipc_h.L4_PAGESHIFT();
    /** Bytes of a page, as a power of two. */
    public static final int L4_LOG2_PAGESIZE = l4_ipc_h.L4_LOG2_PAGESIZE();
    /** Bytes of a page. */
    public static final long L4_PAGESIZE = l4_ipc_h.L4_PAGESIZE();
    /** The address of a page within an address. */
    public static final long L4_PAGEMASK = l4_ipc_h.L4_PAGEMASK();
    /** A flexpage that is only read. */
    public static final int L4_FPAGE_RO = l4_ipc_h.L4_FPAGE_RO();
    /** A flexpage that may be written. */
    public static final int L4_FPAGE_RW = l4_ipc_h.L4_FPAGE_RW();
    /** A flexpage that its sender keeps. */
    public static final int L4_FPAGE_MAP = l4_ipc_h.L4_FPAGE_MAP();
    /** A flexpage that leaves its sender. */
    public static final int L4_FPAGE_GRANT = l4_ipc_h.L4_FPAGE_GRANT();
    /** The size of a flexpage that is everything. */
    public static final int L4_WHOLE_ADDRESS_SPACE = l4_ipc_h.L4_WHOLE_ADDRESS_SPACE();
    /** The longest string; longer ones are cut. */
    public static final int L4_STRING_MAX = l4_ipc_h.L4_STRING_MAX();

    /** The error in a dope. */
    public static final int L4_IPC_ERROR_MASK = l4_ipc_h.L4_IPC_ERROR_MASK();
    /** In a dope: a chief has sent it. Never set here. */
    public static final int L4_IPC_DECEIT_MASK = l4_ipc_h.L4_IPC_DECEIT_MASK();
    /** In a dope: flexpages were received. */
    public static final int L4_IPC_FPAGE_MASK = l4_ipc_h.L4_IPC_FPAGE_MASK();
    /** In a dope: it came by a chief. Never set here. */
    public static final int L4_IPC_REDIRECT_MASK = l4_ipc_h.L4_IPC_REDIRECT_MASK();
    /** In a dope: it came from inside the clan. Never set here. */
    public static final int L4_IPC_SRC_MASK = l4_ipc_h.L4_IPC_SRC_MASK();
    /** In a dope: the error happened while sending. */
    public static final int L4_IPC_SND_ERR_MASK = l4_ipc_h.L4_IPC_SND_ERR_MASK();

    /** See {@link IpcError#ENOT_EXISTENT}. */
    public static final int L4_IPC_ENOT_EXISTENT = l4_ipc_h.L4_IPC_ENOT_EXISTENT();
    /** See {@link IpcError#RETIMEOUT}. */
    public static final int L4_IPC_RETIMEOUT = l4_ipc_h.L4_IPC_RETIMEOUT();
    /** See {@link IpcError#SETIMEOUT}. */
    public static final int L4_IPC_SETIMEOUT = l4_ipc_h.L4_IPC_SETIMEOUT();
    /** See {@link IpcError#RECANCELED}. */
    public static final int L4_IPC_RECANCELED = l4_ipc_h.L4_IPC_RECANCELED();
    /** See {@link IpcError#SECANCELED}. */
    public static final int L4_IPC_SECANCELED = l4_ipc_h.L4_IPC_SECANCELED();
    /** See {@link IpcError#REMAPFAILED}. */
    public static final int L4_IPC_REMAPFAILED = l4_ipc_h.L4_IPC_REMAPFAILED();
    /** See {@link IpcError#SEMAPFAILED}. */
    public static final int L4_IPC_SEMAPFAILED = l4_ipc_h.L4_IPC_SEMAPFAILED();
    /** See {@link IpcError#RESNDPFTO}. */
    public static final int L4_IPC_RESNDPFTO = l4_ipc_h.L4_IPC_RESNDPFTO();
    /** See {@link IpcError#SESNDPFTO}. */
    public static final int L4_IPC_SESNDPFTO = l4_ipc_h.L4_IPC_SESNDPFTO();
    /** See {@link IpcError#RERCVPFTO}. */
    public static final int L4_IPC_RERCVPFTO = l4_ipc_h.L4_IPC_RERCVPFTO();
    /** See {@link IpcError#SERCVPFTO}. */
    public static final int L4_IPC_SERCVPFTO = l4_ipc_h.L4_IPC_SERCVPFTO();
    /** See {@link IpcError#REABORTED}. */
    public static final int L4_IPC_REABORTED = l4_ipc_h.L4_IPC_REABORTED();
    /** See {@link IpcError#SEABORTED}. */
    public static final int L4_IPC_SEABORTED = l4_ipc_h.L4_IPC_SEABORTED();
    /** See {@link IpcError#REMSGCUT}. */
    public static final int L4_IPC_REMSGCUT = l4_ipc_h.L4_IPC_REMSGCUT();
    /** See {@link IpcError#SEMSGCUT}. */
    public static final int L4_IPC_SEMSGCUT = l4_ipc_h.L4_IPC_SEMSGCUT();

    /** The destination is in the same clan. */
    public static final int L4_NC_SAME_CLAN = l4_ipc_h.L4_NC_SAME_CLAN();
    /** The destination is in an inner clan. Never so here. */
    public static final int L4_NC_INNER_CLAN = l4_ipc_h.L4_NC_INNER_CLAN();
    /** The destination is in an outer clan. Never so here. */
    public static final int L4_NC_OUTER_CLAN = l4_ipc_h.L4_NC_OUTER_CLAN();

    // ---- Descriptors and dopes

    /** Nothing is sent, or nothing received. */
    public static final MemorySegment L4_IPC_NIL_DESCRIPTOR = l4_ipc_h.L4_IPC_NIL_DESCRIPTOR();
    /** The two words alone. */
    public static final MemorySegment L4_IPC_SHORT_MSG = l4_ipc_h.L4_IPC_SHORT_MSG();
    /** The two words alone, and they are a flexpage to send. */
    public static final MemorySegment L4_IPC_SHORT_FPAGE = l4_ipc_h.L4_IPC_SHORT_FPAGE();
    /** Bit of a send descriptor: sent in another's name. */
    public static final int L4_IPC_DECEIT = l4_ipc_h.L4_IPC_DECEIT();
    /** Bit of a receive descriptor: from any thread, whatever the function. */
    public static final int L4_IPC_OPEN_IPC = l4_ipc_h.L4_IPC_OPEN_IPC();
    /** Where the words are counted in a dope. */
    public static final int L4_IPC_DWORD_SHIFT = l4_ipc_h.L4_IPC_DWORD_SHIFT();
    /** Where the strings are counted in a dope. */
    public static final int L4_IPC_STRING_SHIFT = l4_ipc_h.L4_IPC_STRING_SHIFT();

    /** Waits for ever. */
    public static final int L4_IPC_NEVER = 0;
    /** One time by itself: never. */
    public static final int L4_IPC_TIMEOUT_NEVER = 0;
    /** One time by itself: zero. */
    public static final int L4_IPC_TIMEOUT_0 = 1;
    /** Sends to who waits or not at all, and waits for ever. */
    public static final int L4_IPC_SEND_TIMEOUT_0 = L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0);
    /** Sends for ever, and receives what is there. */
    public static final int L4_IPC_RECV_TIMEOUT_0 = L4_IPC_TIMEOUT(0, 0, 0, 1, 0, 0);
    /** Waits for nothing. */
    public static final int L4_IPC_BOTH_TIMEOUT_0 = L4_IPC_TIMEOUT(0, 1, 0, 1, 0, 0);

    private L4() {}

    /**
     * {@return the receive descriptor for two words, and flexpages into the window of 2^size bytes at the address}
     *
     * @param address where it begins; rounded down to a page
     * @param size the power of two, 12 and up
     */
    public static MemorySegment L4_IPC_MAPMSG(long address, int size) {
        return MemorySegment.ofAddress(address & L4_PAGEMASK | (long) size << 2 | L4_IPC_SHORT_FPAGE.address());
    }

    /**
     * {@return the dope of so many words and strings}
     *
     * @param dwords words, the first two among them
     * @param strings strings, 0 to 31
     */
    public static long L4_IPC_DOPE(int dwords, int strings) {
        return (long) dwords << L4_IPC_DWORD_SHIFT | (long) strings << L4_IPC_STRING_SHIFT;
    }

    /**
     * {@return the error in a dope, 0 if there is none}
     *
     * @param dope a message dope
     */
    public static int L4_IPC_ERROR(long dope) {
        return (int) dope & L4_IPC_ERROR_MASK;
    }

    /**
     * {@return whether there is an error in a dope}
     *
     * @param dope a message dope
     */
    public static boolean L4_IPC_IS_ERROR(long dope) {
        return L4_IPC_ERROR(dope) != 0;
    }

    /**
     * {@return whether a chief sent it in another's name}
     *
     * @param dope a message dope
     */
    public static boolean L4_IPC_MSG_DECEITED(long dope) {
        return (dope & L4_IPC_DECEIT_MASK) != 0;
    }

    /**
     * {@return whether it came by a chief}
     *
     * @param dope a message dope
     */
    public static boolean L4_IPC_MSG_REDIRECTED(long dope) {
        return (dope & L4_IPC_REDIRECT_MASK) != 0;
    }

    /**
     * {@return whether it came from inside the clan}
     *
     * @param dope a message dope
     */
    public static boolean L4_IPC_SRC_INSIDE(long dope) {
        return (dope & L4_IPC_SRC_MASK) != 0;
    }

    /**
     * {@return whether the error happened while sending}
     *
     * @param dope a message dope
     */
    public static boolean L4_IPC_SND_ERROR(long dope) {
        return (dope & L4_IPC_SND_ERR_MASK) != 0;
    }

    // ---- Timeouts

    /**
     * {@return the timeout word} A time is man * 4^(15 - exp) us; exp 0: never; man 0 with exp above 0: zero. A page-fault time is 4^(15 - p) us; 0:
     * never, 15: zero.
     *
     * @param sm man of the send time
     * @param se exp of the send time
     * @param rm man of the receive time
     * @param re exp of the receive time
     * @param sp the send page-fault time
     * @param rp the receive page-fault time
     */
    public static int L4_IPC_TIMEOUT(int sm, int se, int rm, int re, int sp, int rp) {
        return re & 15 | (se & 15) << 4 | (rp & 15) << 8 | (sp & 15) << 12 | (sm & 255) << 16 | (rm & 255) << 24;
    }

    /**
     * {@return man * 2^exp us as one time, rounded up to the next that there is; man 0: zero; beyond 19 hours: never}
     *
     * @param man the factor
     * @param exp the power of two, 0 to 31
     */
    public static int l4TimeoutRel(int man, int exp) {
        long us = Integer.toUnsignedLong(man) << (exp & 31);
        if (man == 0 || exp < 0 || exp > 31 || us > Long.MAX_VALUE / 1000) {
            return man == 0 ? L4_IPC_TIMEOUT_0 : L4_IPC_TIMEOUT_NEVER;
        }
        int word = timeoutOf(-1, us * 1000);
        return word & 15 | word >>> 24 << 4;
    }

    /**
     * {@return the timeout word of two times; its page-fault times are never}
     *
     * @param send one time, for the send
     * @param receive one time, for the receive
     */
    public static int l4Timeout(int send, int receive) {
        return L4_IPC_TIMEOUT(send >>> 4, send, receive >>> 4, receive, 0, 0);
    }

    /**
     * {@return the timeout word of two times man * 2^exp us, as {@link #l4TimeoutRel}; both 0: never}
     *
     * @param sndMan man of the send time
     * @param sndExp exp of the send time
     * @param rcvMan man of the receive time
     * @param rcvExp exp of the receive time
     */
    public static int l4IpcTimeout(int sndMan, int sndExp, int rcvMan, int rcvExp) {
        return l4Timeout(sndMan == 0 && sndExp == 0 ? L4_IPC_TIMEOUT_NEVER : l4TimeoutRel(sndMan, sndExp),
                rcvMan == 0 && rcvExp == 0 ? L4_IPC_TIMEOUT_NEVER : l4TimeoutRel(rcvMan, rcvExp));
    }

    /** {@return the word of two times in nanoseconds; negative: never} */
    static int timeoutOf(long send, long receive) {
        return l4_ipc_h.tpy_l4_timeout_ns(send, receive);
    }

    // ---- Flexpages

    /**
     * {@return the flexpage of 2^size bytes at the address}
     *
     * @param address where it begins; rounded down to a page
     * @param size the power of two, 12 and up
     * @param write L4_FPAGE_RO or L4_FPAGE_RW
     * @param grant L4_FPAGE_MAP or L4_FPAGE_GRANT
     */
    public static long l4Fpage(long address, int size, int write, int grant) {
        return l4_ipc_h.tpy_l4_fpage(address, size, write, grant);
    }

    /**
     * {@return whether flexpages were received}
     *
     * @param dope a message dope
     */
    public static boolean l4IpcFpageReceived(long dope) {
        return (dope & L4_IPC_FPAGE_MASK) != 0;
    }

    /**
     * {@return whether the flexpage was granted}
     *
     * @param fpage a flexpage
     */
    public static boolean l4IpcIsFpageGranted(long fpage) {
        return (fpage & 1) != 0;
    }

    /**
     * {@return whether the flexpage may be written}
     *
     * @param fpage a flexpage
     */
    public static boolean l4IpcIsFpageWritable(long fpage) {
        return (fpage & 2) != 0;
    }

    // ---- IPC

    /**
     * Sends to a thread and receives its answer. A failed send skips the receive.
     *
     * @param dest the id of the thread that gets it
     * @param sndMsg the send descriptor
     * @param sndDword0 the first word
     * @param sndDword1 the second word
     * @param rcvMsg the receive descriptor
     * @param timeout the timeout word
     * @param result gets the dope, and of what was received the sender and the two words
     * @return the error, or 0
     */
    public static int l4IpcCall(long dest, MemorySegment sndMsg, long sndDword0, long sndDword1, MemorySegment rcvMsg, int timeout,
            IpcResult result) {
        MsgBuffer.checkSend(sndMsg);
        MsgBuffer.checkReceive(rcvMsg);
        return Calls.call(dest, sndMsg, sndDword0, sndDword1, rcvMsg, timeout, result);
    }

    /**
     * Sends to a thread and waits for a message of any: the loop of a server. A failed send skips the wait.
     *
     * @param dest the id of the thread that gets it
     * @param sndMsg the send descriptor
     * @param sndDword0 the first word
     * @param sndDword1 the second word
     * @param rcvMsg the receive descriptor
     * @param timeout the timeout word
     * @param result gets the dope, and of what was received the sender and the two words
     * @return the error, or 0
     */
    public static int l4IpcReplyAndWait(long dest, MemorySegment sndMsg, long sndDword0, long sndDword1, MemorySegment rcvMsg, int timeout,
            IpcResult result) {
        MsgBuffer.checkSend(sndMsg);
        MsgBuffer.checkReceive(rcvMsg);
        return Calls.replyAndWait(dest, sndMsg, sndDword0, sndDword1, rcvMsg, timeout, result);
    }

    /**
     * Sends to a thread.
     *
     * @param dest the id of the thread that gets it
     * @param sndMsg the send descriptor
     * @param sndDword0 the first word
     * @param sndDword1 the second word
     * @param timeout the timeout word
     * @param result gets the dope, and of what was received the sender and the two words
     * @return the error, or 0 when it has the message
     */
    public static int l4IpcSend(long dest, MemorySegment sndMsg, long sndDword0, long sndDword1, int timeout, IpcResult result) {
        MsgBuffer.checkSend(sndMsg);
        return Calls.send(dest, sndMsg, sndDword0, sndDword1, timeout, result);
    }

    /**
     * Receives from one thread alone; others stay queued. From NIL, it sleeps for the receive time.
     *
     * @param src the id of the only thread whose message is taken; L4_NIL_ID: nobody's
     * @param rcvMsg the receive descriptor
     * @param timeout the timeout word
     * @param result gets the dope, and of what was received the sender and the two words
     * @return the error, or 0
     */
    public static int l4IpcReceive(long src, MemorySegment rcvMsg, int timeout, IpcResult result) {
        MsgBuffer.checkReceive(rcvMsg);
        return Calls.receive(src, rcvMsg, timeout, result);
    }

    /**
     * Receives from any thread: the one of the highest priority, then the one that has waited longest.
     *
     * @param rcvMsg the receive descriptor
     * @param timeout the timeout word
     * @param result gets the dope, and of what was received the sender and the two words
     * @return the error, or 0
     */
    public static int l4IpcWait(MemorySegment rcvMsg, int timeout, IpcResult result) {
        MsgBuffer.checkReceive(rcvMsg);
        return Calls.await(rcvMsg, timeout, result);
    }

    /**
     * Sleeps for the receive time.
     *
     * @param timeout the timeout word
     * @return L4_IPC_RETIMEOUT, or L4_IPC_RECANCELED
     */
    public static int l4IpcSleep(int timeout) {
        return Calls.sleep(timeout);
    }

    /**
     * As {@link #l4IpcSend}: there are no chiefs here, who could send in another's name.
     *
     * @param dest the id of the thread that gets it
     * @param trueSrc in whose name; not used, as there are no chiefs
     * @param sndMsg the send descriptor
     * @param sndDword0 the first word
     * @param sndDword1 the second word
     * @param timeout the timeout word
     * @param result gets the dope, and of what was received the sender and the two words
     * @return the error, or 0
     */
    public static int l4IpcSendDeceiting(long dest, long trueSrc, MemorySegment sndMsg, long sndDword0, long sndDword1, int timeout,
            IpcResult result) {
        return l4IpcSend(dest, sndMsg, sndDword0, sndDword1, timeout, result);
    }

    /**
     * As {@link #l4IpcReplyAndWait}: there are no chiefs here, who could send in another's name.
     *
     * @param dest the id of the thread that gets it
     * @param trueSrc in whose name; not used, as there are no chiefs
     * @param sndMsg the send descriptor
     * @param sndDword0 the first word
     * @param sndDword1 the second word
     * @param rcvMsg the receive descriptor
     * @param timeout the timeout word
     * @param result gets the dope, and of what was received the sender and the two words
     * @return the error, or 0
     */
    public static int l4IpcReplyDeceitingAndWait(long dest, long trueSrc, MemorySegment sndMsg, long sndDword0, long sndDword1,
            MemorySegment rcvMsg, int timeout, IpcResult result) {
        return l4IpcReplyAndWait(dest, sndMsg, sndDword0, sndDword1, rcvMsg, timeout, result);
    }

    // ---- Threads

    /** {@return the calling thread's id; L4_INVALID_ID if 128 threads of this process have one} */
    public static long l4Myself() {
        Calls.identified();
        return l4_ipc_h.tpy_l4_myself();
    }

    /**
     * {@return whether both are the same thread}
     *
     * @param one an id
     * @param other another one
     */
    public static boolean l4ThreadEqual(long one, long other) {
        return one == other;
    }

    /**
     * {@return whether both are threads of one task}
     *
     * @param one an id
     * @param other another one
     */
    public static boolean l4TaskEqual(long one, long other) {
        long task = 0x1ffffL << 32 | 0x7ffL << 17;
        return ((one ^ other) & task) == 0;
    }

    /**
     * {@return whether it is nobody's id}
     *
     * @param id an id
     */
    public static boolean l4IsNilId(long id) {
        return id == L4_NIL_ID;
    }

    /**
     * {@return whether it is no id}
     *
     * @param id an id
     */
    public static boolean l4IsInvalidId(long id) {
        return id == L4_INVALID_ID;
    }

    /**
     * Tells whom a message to dest goes to first: to dest itself.
     *
     * @param dest NIL: the calling thread
     * @param nextChief gets the id in its first element; may be null
     * @return L4_NC_SAME_CLAN
     */
    public static int l4Nchief(long dest, long[] nextChief) {
        long next = l4IsNilId(dest) ? l4Myself() : dest;
        if (nextChief != null) {
            nextChief[0] = next;
        }
        return L4_NC_SAME_CLAN;
    }

    /**
     * Cancels the IPC of a thread of this task, or starts a thread at a number that is free: native code at eip on the stack below esp, both
     * by their address. It must not be an upcall stub: the JVM would not know that stack.
     *
     * @param destination which thread
     * @param eip L4_INVALID_ID (all ones): none
     * @param esp all ones: none
     * @param ids preempter and pager, which take the place of the old ones (INVALID: keep), and get them; may be null
     * @param old gets flags, eip and esp that the thread was started with; may be null
     */
    public static void l4ThreadExRegs(long destination, long eip, long esp, long[] ids, long[] old) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment nativeIds = ids == null ? MemorySegment.NULL : arena.allocateFrom(ValueLayout.JAVA_LONG, ids[0], ids[1]);
            MemorySegment nativeOld = old == null ? MemorySegment.NULL : arena.allocate(ValueLayout.JAVA_LONG, 3);
            Calls.exRegs(destination, eip, esp, nativeIds, nativeOld);
            if (ids != null) {
                MemorySegment.copy(nativeIds, ValueLayout.JAVA_LONG, 0, ids, 0, 2);
            }
            if (old != null) {
                MemorySegment.copy(nativeOld, ValueLayout.JAVA_LONG, 0, old, 0, 3);
            }
        }
    }

    // ---- Names

    /**
     * Registers the calling thread.
     *
     * @param name 1 to 100 bytes without '/'
     * @return whether it did: the name was free and is allowed (1 to 100 bytes without '/')
     */
    public static boolean namesRegister(String name) {
        Calls.identified();
        try (Arena arena = Arena.ofConfined()) {
            return isString(name) && l4_ipc_h.names_register(arena.allocateFrom(name)) != 0;
        }
    }

    /**
     * Gives a name up that a thread of this process has.
     *
     * @param name 1 to 100 bytes without '/'
     * @return whether one had it
     */
    public static boolean namesUnregister(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return isString(name) && l4_ipc_h.names_unregister(arena.allocateFrom(name)) != 0;
        }
    }

    /**
     * {@return the id behind a name, or L4_NIL_ID}
     *
     * @param name 1 to 100 bytes without '/'
     */
    public static long namesQueryName(String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(ValueLayout.JAVA_LONG);
            boolean found = isString(name) && l4_ipc_h.tpy_l4_names_query(arena.allocateFrom(name), id) != 0;
            return found ? id.get(ValueLayout.JAVA_LONG, 0) : L4_NIL_ID;
        }
    }

    /**
     * {@return the id behind a name, for which it waits so many milliseconds; L4_NIL_ID: nobody had it, or the thread is interrupted}
     *
     * @param name 1 to 100 bytes without '/'
     * @param timeoutMs milliseconds to wait; 0 only looks
     */
    public static long namesWaitforName(String name, int timeoutMs) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(ValueLayout.JAVA_LONG);
            boolean found = isString(name) && Calls.awaitName(arena.allocateFrom(name), id, timeoutMs);
            return found ? id.get(ValueLayout.JAVA_LONG, 0) : L4_NIL_ID;
        }
    }

    /** C would take the part before a NUL for the name. */
    private static boolean isString(String name) {
        return name.indexOf('\0') < 0;
    }
}
