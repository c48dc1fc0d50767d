package org.tetrapylon.fluke;

import org.tetrapylon.generated.fluke.fluke_ipc_h;
import org.tetrapylon.generated.fluke.fluke_pset;

/**
 * A port set ({@code fluke_pset_t}): ports that servers wait on together. Any number of threads may wait on one.
 *
 * <p>Thread-safe. One that is forgotten lives on.
 */
public final class PortSet extends FlukeObject {

    private boolean created;

    /** Memory for a port set, for {@link FlukeIpc#flukePsetCreate}. */
    public PortSet() {
        super(fluke_pset.sizeof());
    }

    /** {@return a port set without ports} */
    public static PortSet create() {
        PortSet set = new PortSet();
        FlukeException.check("fluke_pset_create", FlukeIpc.flukePsetCreate(set));
        return set;
    }

    synchronized int createHere() {
        if (created) {
            destroyHere();
        }
        int status = fluke_ipc_h.fluke_pset_create(memory);
        created = status == 0;
        return status;
    }

    /** Also if there is nothing: the library says so. */
    synchronized int destroyHere() {
        created = false;
        return fluke_ipc_h.fluke_pset_destroy(memory);
    }

    /** Destroys it: its ports leave it, and threads that wait on it get FLUKE_INSANITY_INVALID_OBJECT. */
    @Override
    public synchronized void close() {
        if (created) {
            destroyHere();
        }
    }
}
