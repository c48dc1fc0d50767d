package org.tetrapylon;

import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.internal.Caller;

/**
 * The priority that the calling thread's messages carry, 0 to 255. What waits for a server is received by priority. Without
 * {@link #set} it follows the thread's scheduling policy: SCHED_FIFO and SCHED_RR count 1:1, all others as 10. Setting it changes
 * neither the policy nor what the kernel does.
 *
 * <p>Each thread, also a virtual one, has its own.
 */
public final class MessagePriority {

    /** As the thread's scheduling policy has it. */
    public static final int BY_POLICY = -1;

    private MessagePriority() {}

    /**
     * Sets the calling thread's.
     *
     * @param priority 0 to 255, or {@link #BY_POLICY}
     * @throws TetrapylonException EINVAL another number
     */
    public static void set(int priority) {
        Caller caller = Caller.current();
        if (priority < BY_POLICY || priority > 255) {
            throw Errno.exception("tpy_priority_set", Errno.EINVAL);
        }
        if (!caller.isVirtual()) {
            int result = tetrapylon_h.tpy_priority_set(priority);
            if (result < 0) {
                throw Errno.exception("tpy_priority_set", result);
            }
        }
        caller.priority = priority;
    }

    /** {@return what the calling thread's next message carries; of a virtual thread whose priority is not set, {@link #BY_POLICY}} */
    public static int get() {
        Caller caller = Caller.current();
        if (caller.isVirtual()) {
            return caller.priority;
        }
        int result = tetrapylon_h.tpy_priority_get();
        if (result < 0) {
            throw Errno.exception("tpy_priority_get", result);
        }
        return result;
    }
}
