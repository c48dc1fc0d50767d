package org.tetrapylon;

/**
 * A call ended because its thread was interrupted, by {@link Thread#interrupt} or by a signal: {@link Errno#EINTR}. After
 * {@link Thread#interrupt} the thread's interrupt status is still set.
 */
public final class InterruptedCallException extends TetrapylonException {

    private static final long serialVersionUID = 1;

    /**
     * The call was interrupted.
     *
     * @param call the name of the function
     */
    public InterruptedCallException(String call) {
        super(call, Errno.EINTR);
    }
}
