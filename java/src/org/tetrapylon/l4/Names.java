package org.tetrapylon.l4;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;

/**
 * Names of threads, seen by all processes of the same user: 1 to 100 bytes without '/'. A name is free at once when its thread gives it up or ends,
 * whichever way.
 *
 * <p>Thread-safe.
 */
public final class Names {

    private static final int MOST_BYTES = 100;

    private Names() {}

    /**
     * Gives the calling thread a name.
     *
     * @param name 1 to 100 bytes without '/'
     * @throws TetrapylonException EINVAL it is not allowed, EEXIST it is taken, EAGAIN no id is left for this thread
     * @throws WrongThreadException for a virtual thread
     */
    public static void register(String name) {
        if (ThreadId.self().isInvalid()) {
            throw Errno.exception("names_register", Errno.EAGAIN);
        }
        if (!L4.namesRegister(name)) {
            throw Errno.exception("names_register", isAllowed(name) ? Errno.EEXIST : Errno.EINVAL);
        }
    }

    /**
     * Gives a name up.
     *
     * @param name 1 to 100 bytes without '/'
     * @throws TetrapylonException ENOENT no thread of this process has it
     */
    public static void unregister(String name) {
        if (!L4.namesUnregister(name)) {
            throw Errno.exception("names_unregister", Errno.ENOENT);
        }
    }

    /**
     * {@return the thread that has the name, if there is one}
     *
     * @param name 1 to 100 bytes without '/'
     */
    public static Optional<ThreadId> find(String name) {
        long id = L4.namesQueryName(name);
        return L4.l4IsNilId(id) ? Optional.empty() : Optional.of(new ThreadId(id));
    }

    /**
     * {@return the thread that has the name, which is waited for so long}
     *
     * @param name 1 to 100 bytes without '/'
     * @param timeout how long to wait
     * @throws DeadlineException nobody has it
     * @throws InterruptedCallException the thread was interrupted meanwhile
     */
    public static ThreadId await(String name, Duration timeout) {
        long seconds = Math.clamp(timeout.getSeconds(), 0L, Integer.MAX_VALUE / 1000 - 1L);
        long id = L4.namesWaitforName(name, (int) seconds * 1000 + (timeout.getSeconds() == seconds ? timeout.toMillisPart() : 0));
        if (!L4.l4IsNilId(id)) {
            return new ThreadId(id);
        }
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedCallException("names_waitfor_name");
        }
        throw new DeadlineException("names_waitfor_name");
    }

    private static boolean isAllowed(String name) {
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        return bytes > 0 && bytes <= MOST_BYTES && name.indexOf('/') < 0 && name.indexOf('\0') < 0;
    }
}
