package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.generated.mm.mmsysio_h;
import org.tetrapylon.internal.NativeLibrary;
import org.tetrapylon.internal.Sleeper;

/**
 * mmlib's documented functions under their documented names, for programs that are carried over from C: descriptors are
 * numbers, a failure is -1 (or {@link #NULL}) and the error state of the calling thread. New programs are better off with
 * {@link Server} and {@link Endpoint}.
 *
 * <p>A call that waits fails with EINTR when its thread is interrupted, whose interrupt status stays set. On a virtual thread a
 * call holds the carrier for as long as it waits, and the error state is the carrier's: it is to be looked at before the
 * thread does anything else that may park it.
 */
public final class Mmsysio {

    /** What {@link #mm_ipc_srv_create} returns on failure. */
    public static final MemorySegment NULL = MemorySegment.NULL;
    /** In {@link MmIpcMsg#flags()}: bytes were lost. */
    public static final int MSG_TRUNC = 0x20;
    /** In {@link MmIpcMsg#flags()}: descriptors were lost. */
    public static final int MSG_CTRUNC = 0x08;
    /** {@link #mm_error_set_flags}: failures of this thread do not touch its error state. */
    public static final int MM_ERROR_IGNORE = mmsysio_h.MM_ERROR_IGNORE();
    /** {@link #mm_error_set_flags}: failures of this thread are not logged. */
    public static final int MM_ERROR_NOLOG = mmsysio_h.MM_ERROR_NOLOG();
    /** {@link #mm_error_set_flags}, mask: all flags. */
    public static final int MM_ERROR_ALL_ALTERNATE = mmsysio_h.MM_ERROR_ALL_ALTERNATE();
    /** {@link #mm_error_set_flags}: all flags of the mask on. */
    public static final int MM_ERROR_SET = mmsysio_h.MM_ERROR_SET();
    /** {@link #mm_error_set_flags}: all flags of the mask off. */
    public static final int MM_ERROR_UNSET = mmsysio_h.MM_ERROR_UNSET();

    private static final long DESCRIPTION_MAX = 1024;

    static {
        NativeLibrary.load();
    }

    private Mmsysio() {}

    /**
     * {@return a server that listens to a name, or {@link #NULL}}
     *
     * @param addr the name, or null, which is EFAULT
     */
    public static MemorySegment mm_ipc_srv_create(String addr) {
        try (Arena arena = Arena.ofConfined()) {
            return mmsysio_h.mm_ipc_srv_create(addr == null ? NULL : arena.allocateFrom(addr));
        }
    }

    /**
     * Destroys a server; {@link #NULL} is allowed.
     *
     * @param srv the server
     */
    public static void mm_ipc_srv_destroy(MemorySegment srv) {
        mmsysio_h.mm_ipc_srv_destroy(srv);
    }

    /**
     * {@return the descriptor of the first waiting connection, or -1}
     *
     * @param srv the server
     */
    public static int mm_ipc_srv_accept(MemorySegment srv) {
        return (int) sleeping(() -> mmsysio_h.mm_ipc_srv_accept(srv));
    }

    /**
     * {@return the descriptor of a connection to the server that listens to a name, or -1} Waits until one does.
     *
     * @param addr the name, or null, which is EFAULT
     */
    public static int mm_ipc_connect(String addr) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = addr == null ? NULL : arena.allocateFrom(addr);
            return (int) sleeping(() -> mmsysio_h.mm_ipc_connect(name));
        }
    }

    /**
     * Makes two descriptors that are connected with each other.
     *
     * @param fds takes them
     * @return 0 or -1
     */
    public static int mm_ipc_connected_pair(int[] fds) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment numbers = arena.allocate(mmsysio_h.C_INT, 2);
            int result = mmsysio_h.mm_ipc_connected_pair(numbers);
            if (result == 0) {
                MemorySegment.copy(numbers, mmsysio_h.C_INT, 0, fds, 0, 2);
            }
            return result;
        }
    }

    /**
     * Sends a message.
     *
     * @param fd a connection's descriptor
     * @param msg the message
     * @return the number of bytes sent, or -1
     */
    public static long mm_ipc_sendmsg(int fd, MmIpcMsg msg) {
        MemorySegment struct = msg.struct();
        return sleeping(() -> mmsysio_h.mm_ipc_sendmsg(fd, struct));
    }

    /**
     * Receives a message.
     *
     * @param fd a connection's descriptor
     * @param msg takes it
     * @return the number of bytes received, or -1
     */
    public static long mm_ipc_recvmsg(int fd, MmIpcMsg msg) {
        MemorySegment struct = msg.struct();
        return sleeping(() -> mmsysio_h.mm_ipc_recvmsg(fd, struct));
    }

    /**
     * Closes a descriptor of any kind.
     *
     * @param fd the descriptor; -1 is allowed
     * @return 0 or -1
     */
    public static int mm_close(int fd) {
        return mmsysio_h.mm_close(fd);
    }

    /**
     * Sets the bits of the calling thread's error flags that the mask names; the others stay.
     *
     * @param flags {@link #MM_ERROR_SET} or {@link #MM_ERROR_UNSET}, or flags that were returned before
     * @param mask {@link #MM_ERROR_IGNORE} and so on
     * @return all flags as they were before
     */
    public static int mm_error_set_flags(int flags, int mask) {
        return mmsysio_h.mm_error_set_flags(flags, mask);
    }

    /** {@return the number of the calling thread's last error, 0 when there was none} */
    public static int mm_get_lasterror_number() {
        return mmsysio_h.mm_get_lasterror_number();
    }

    /** {@return a sentence about the calling thread's last error, empty when there was none} */
    public static String mm_get_lasterror_desc() {
        return mmsysio_h.mm_get_lasterror_desc().reinterpret(DESCRIPTION_MAX).getString(0);
    }

    /**
     * Prints the calling thread's last error to {@link System#out}.
     *
     * @param info a line that stands before it, or null
     * @param arguments as of {@link String#format}
     */
    public static void mm_print_lasterror(String info, Object... arguments) {
        if (info != null) {
            System.out.println(String.format(info, arguments));
        }
        int number = mm_get_lasterror_number();
        System.out.println(number == 0 ? "no error recorded" : "error " + number + " in " + mm_get_lasterror_desc());
    }

    /** One native call that may sleep. */
    private interface NativeCall {
        long run();
    }

    /** A thread that is interrupted already makes the call, too, and is woken if it waits there. */
    private static long sleeping(NativeCall call) {
        Sleeper sleeper = Sleeper.mine();
        try {
            if (!sleeper.lieDown(null)) {
                Thread.ofPlatform().daemon().name("tetrapylon-interrupt").start(sleeper::wakeup);
            }
            return call.run();
        } finally {
            sleeper.getUp();
        }
    }
}
