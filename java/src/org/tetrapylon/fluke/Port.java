package org.tetrapylon.fluke;

import org.tetrapylon.generated.fluke.fluke_ipc_h;
import org.tetrapylon.generated.fluke.fluke_port;

/**
 * A port ({@code fluke_port_t}): where clients connect to. Servers receive what comes to it by the port set that it is in.
 *
 * <p>Thread-safe. One that is forgotten lives on.
 */
public final class Port extends FlukeObject {

    private boolean created;

    /** Memory for a port, for {@link FlukeIpc#flukePortCreate}. */
    public Port() {
        super(fluke_port.sizeof());
    }

    /**
     * {@return a port in no port set}
     *
     * @param alias a number that servers are told with each message to this port
     */
    public static Port create(long alias) {
        Port port = new Port();
        FlukeException.check("fluke_port_create", FlukeIpc.flukePortCreate(port, alias));
        return port;
    }

    synchronized int createHere(long alias) {
        if (created) {
            destroyHere();
        }
        int status = fluke_ipc_h.fluke_port_create(memory, java.lang.foreign.MemorySegment.ofAddress(alias));
        created = status == 0;
        return status;
    }

    /** Also if there is nothing: the library says so. */
    synchronized int destroyHere() {
        created = false;
        return fluke_ipc_h.fluke_port_destroy(memory);
    }

    /**
     * Puts it into a port set, out of the one where it was, at any time: clients that wait, wait on.
     *
     * @param set null: none
     */
    public void moveTo(PortSet set) {
        FlukeException.check("fluke_port_set_pset", FlukeIpc.flukePortSetPset(this, set));
    }

    /**
     * Gives it a name, one of perhaps several, by which {@link Reference#lookup} finds it.
     *
     * @param name 1 to 100 bytes without '/'
     * @throws FlukeException FLUKE_NAME_IN_USE, FLUKE_NAME_INVALID
     */
    public void bind(String name) {
        FlukeException.check("fluke_name_bind", FlukeIpc.flukeNameBind(name, this));
    }

    /** {@return a new reference to it} */
    public Reference reference() {
        Reference reference = Reference.create();
        try {
            FlukeException.check("fluke_port_reference", FlukeIpc.flukePortReference(this, reference));
            return reference;
        } catch (RuntimeException e) {
            reference.close();
            throw e;
        }
    }

    /** Destroys it: its names are free, and clients that wait to be received get FLUKE_IPC_CONNECT_INVALID_DEST. */
    @Override
    public synchronized void close() {
        if (created) {
            destroyHere();
        }
    }
}
