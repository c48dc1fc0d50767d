package org.tetrapylon.l4;

import java.util.Objects;
import org.tetrapylon.TetrapylonException;

/** An IPC that failed, with the documented error; {@link #errno} is the nearest that other calls give. */
public final class L4Exception extends TetrapylonException {

    private static final long serialVersionUID = 1;

    /** What happened. */
    private final IpcError error;

    /**
     * Describes a failed IPC.
     *
     * @param call the documented name of the function
     * @param error what happened
     */
    public L4Exception(String call, IpcError error) {
        super(call, error.errno(), "L4_IPC_" + Objects.requireNonNull(error).name());
        this.error = error;
    }

    /** {@return what happened} */
    public IpcError error() {
        return error;
    }
}
