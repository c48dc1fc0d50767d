package org.tetrapylon.fluke;

import org.tetrapylon.Errno;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;

/**
 * A call of the Fluke gate that failed, with its status: one of the FLUKE_ constants of {@link FlukeIpc}, below 0 a mistake of the
 * caller's (FLUKE_INSANITY_). The {@link #errno} is what comes nearest to it.
 */
public final class FlukeException extends TetrapylonException {

    private static final long serialVersionUID = 1;

    /** A constant of FlukeIpc. */
    private final int status;

    /**
     * Describes a failed call.
     *
     * @param call its documented name
     * @param status a constant of {@link FlukeIpc}, not FLUKE_SUCCESS
     */
    public FlukeException(String call, int status) {
        super(call, errnoOf(status), nameOf(status));
        this.status = status;
    }

    /** {@return the status} */
    public int status() {
        return status;
    }

    /** {@return whether it was a mistake of the caller's, which changed nothing} */
    public boolean isInsanity() {
        return status < 0;
    }

    /** Throws if this is not FLUKE_SUCCESS. */
    static void check(String call, int status) {
        if (status != FlukeIpc.FLUKE_SUCCESS) {
            throw of(call, status);
        }
    }

    /** {@return the exception for a status} */
    static TetrapylonException of(String call, int status) {
        return status == FlukeIpc.FLUKE_IPC_INTERRUPTED ? new InterruptedCallException(call) : new FlukeException(call, status);
    }

    private static int errnoOf(int status) {
        if (status == FlukeIpc.FLUKE_INSANITY_BAD_BUFFER) {
            return Errno.EFAULT;
        }
        return switch (status) {
            case 1 -> Errno.ENXIO;
            case 2 -> Errno.ECONNREFUSED;
            case 3, 4, 5, 6 -> Errno.ECONNRESET;
            case 7, 8 -> Errno.EMSGSIZE;
            case 64 -> Errno.EINTR;
            case 65 -> Errno.EEXIST;
            case 67 -> Errno.EAGAIN;
            default -> Errno.EINVAL;
        };
    }

    /**
     * {@return the documented name of a status, such as FLUKE_IPC_RECV_MORE_DATA}
     *
     * @param status a status or an exception
     */
    public static String nameOf(int status) {
        return switch (status) {
            case 0 -> "FLUKE_SUCCESS";
            case 1 -> "FLUKE_INVALID_DEST";
            case 2 -> "FLUKE_IPC_CONNECT_INVALID_DEST";
            case 3 -> "FLUKE_IPC_SEND_DISCONNECTED";
            case 4 -> "FLUKE_IPC_OVER_DISCONNECTED";
            case 5 -> "FLUKE_IPC_ACK_DISCONNECTED";
            case 6 -> "FLUKE_IPC_RECV_DISCONNECTED";
            case 7 -> "FLUKE_IPC_RECV_MORE_DATA";
            case 8 -> "FLUKE_IPC_RECV_MORE_REFS";
            case 64 -> "FLUKE_IPC_INTERRUPTED";
            case 65 -> "FLUKE_NAME_IN_USE";
            case 66 -> "FLUKE_NAME_INVALID";
            case 67 -> "FLUKE_NO_RESOURCES";
            case -1 -> "FLUKE_INSANITY_NOT_RECEIVER";
            case -2 -> "FLUKE_INSANITY_NOT_SENDER";
            case -3 -> "FLUKE_INSANITY_NO_OBJECT";
            case -4 -> "FLUKE_INSANITY_NOT_REF";
            case -5 -> "FLUKE_INSANITY_INVALID_OBJECT";
            case -6 -> "FLUKE_INSANITY_BUFFER_TOO_SMALL";
            case -7 -> "FLUKE_INSANITY_BUFFER_UNALIGNED";
            case -64 -> "FLUKE_INSANITY_BAD_BUFFER";
            default -> "status " + status;
        };
    }
}
