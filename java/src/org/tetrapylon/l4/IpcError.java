package org.tetrapylon.l4;

import org.tetrapylon.Errno;

/**
 * The errors of an IPC, by their documented names without {@code L4_IPC_}. Those that begin with R happened to whoever was receiving, those with
 * S while sending; ENOT_EXISTENT to either.
 */
public enum IpcError {
    /** No such partner, or it ended meanwhile. */
    ENOT_EXISTENT(L4.L4_IPC_ENOT_EXISTENT, Errno.ESRCH),
    /** Nothing came in time. */
    RETIMEOUT(L4.L4_IPC_RETIMEOUT, Errno.ETIMEDOUT),
    /** The partner did not take it in time. */
    SETIMEOUT(L4.L4_IPC_SETIMEOUT, Errno.ETIMEDOUT),
    /** Cancelled or interrupted while waiting for a message. */
    RECANCELED(L4.L4_IPC_RECANCELED, Errno.EINTR),
    /** Cancelled or interrupted while waiting for the partner to take it. */
    SECANCELED(L4.L4_IPC_SECANCELED, Errno.EINTR),
    /** A flexpage could not be mapped: to the receiver. */
    REMAPFAILED(L4.L4_IPC_REMAPFAILED, Errno.ENOMEM),
    /** A flexpage could not be mapped: to the sender. */
    SEMAPFAILED(L4.L4_IPC_SEMAPFAILED, Errno.ENOMEM),
    /** A page of the receiver's buffers stayed away: to the receiver. */
    RESNDPFTO(L4.L4_IPC_RESNDPFTO, Errno.EFAULT),
    /** A page of the receiver's buffers stayed away: to the sender. */
    SESNDPFTO(L4.L4_IPC_SESNDPFTO, Errno.EFAULT),
    /** A page of the sender's strings stayed away: to the receiver. */
    RERCVPFTO(L4.L4_IPC_RERCVPFTO, Errno.EFAULT),
    /** A page of the sender's strings stayed away: to the sender. */
    SERCVPFTO(L4.L4_IPC_SERCVPFTO, Errno.EFAULT),
    /** Either was cancelled in the middle of the transfer: to the receiver. */
    REABORTED(L4.L4_IPC_REABORTED, Errno.ECANCELED),
    /** Either was cancelled in the middle of the transfer: to the sender. */
    SEABORTED(L4.L4_IPC_SEABORTED, Errno.ECANCELED),
    /** The message did not fit: to the receiver, who has what did. */
    REMSGCUT(L4.L4_IPC_REMSGCUT, Errno.EMSGSIZE),
    /** The message did not fit: to the sender. */
    SEMSGCUT(L4.L4_IPC_SEMSGCUT, Errno.EMSGSIZE);

    private static final IpcError[] BY_CODE = values();

    private final int code;
    private final int errno;

    IpcError(int code, int errno) {
        this.code = code;
        this.errno = errno;
    }

    /**
     * {@return the error in a dope, or null if there is none}
     *
     * @param dope a result's dope
     */
    public static IpcError of(long dope) {
        int number = (int) (dope & L4.L4_IPC_ERROR_MASK) >> 4;
        return number == 0 ? null : BY_CODE[number - 1];
    }

    /** {@return the documented number, 0x10 to 0xF0} */
    public int code() {
        return code;
    }

    /** {@return the nearest of the errors that other calls give} */
    public int errno() {
        return errno;
    }

    /** {@return whether the number says that it happened while sending; ENOT_EXISTENT says so wherever it happened} */
    public boolean isSending() {
        return (code & L4.L4_IPC_SND_ERR_MASK) != 0;
    }
}
