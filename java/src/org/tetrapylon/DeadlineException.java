package org.tetrapylon;

/** The time given for a call was over: {@link Errno#ETIMEDOUT}. */
public final class DeadlineException extends TetrapylonException {

    private static final long serialVersionUID = 1;

    /**
     * The call's time was over.
     *
     * @param call the name of the function
     */
    public DeadlineException(String call) {
        super(call, Errno.ETIMEDOUT);
    }
}
