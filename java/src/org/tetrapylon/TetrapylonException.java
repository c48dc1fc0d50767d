package org.tetrapylon;

import java.util.Objects;

/**
 * A call that failed: its documented name and the number of its error, one of {@link Errno}. Unchecked, because hardly any
 * caller can do more about most errors than end what it was at; the ones that can ask for {@link #errno()}.
 */
public class TetrapylonException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** The documented name of the call. */
    private final String call;
    /** The number of the error, positive. */
    private final int errno;

    /**
     * Describes a failed call.
     *
     * @param call its documented name, such as {@code mm_ipc_sendmsg}
     * @param errno the number of the error, positive or (as the native functions return it) negative
     */
    public TetrapylonException(String call, int errno) {
        this(call, errno, null);
    }

    /**
     * Describes a failed call, and more exactly what failed.
     *
     * @param call its documented name
     * @param errno the number of the error, positive or negative
     * @param detail what it was about, or null
     */
    public TetrapylonException(String call, int errno, String detail) {
        super(Objects.requireNonNull(call) + ": " + Errno.name(Math.abs(errno)) + " (" + Errno.describe(Math.abs(errno)) + ")"
                + (detail == null ? "" : ", " + detail));
        this.call = call;
        this.errno = Math.abs(errno);
    }

    /** {@return the documented name of the call that failed} */
    public String call() {
        return call;
    }

    /** {@return the number of the error, positive: one of the constants of {@link Errno}} */
    public int errno() {
        return errno;
    }
}
