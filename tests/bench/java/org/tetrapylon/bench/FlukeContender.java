package org.tetrapylon.bench;

import static org.tetrapylon.fluke.FlukeIpc.FLUKE_IPC_RECV_DISCONNECTED;
import static org.tetrapylon.fluke.FlukeIpc.FLUKE_SUCCESS;
import static org.tetrapylon.fluke.FlukeIpc.flukeIpcClientConnectSendOverReceive;
import static org.tetrapylon.fluke.FlukeIpc.flukeIpcServerAckSendWaitReceive;
import static org.tetrapylon.fluke.FlukeIpc.flukeIpcSetupWaitReceive;
import static org.tetrapylon.fluke.FlukeIpc.flukeIpcWaitReceive;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.tetrapylon.fluke.Alias;
import org.tetrapylon.fluke.FlukeException;
import org.tetrapylon.fluke.Params;
import org.tetrapylon.fluke.Port;
import org.tetrapylon.fluke.PortSet;
import org.tetrapylon.fluke.Reference;

/**
 * Ours, by the documented names of the Fluke face, with a connection for each call; the counterpart of "fluke" in contender_fluke.c, whose
 * address, the name of the server's port, it shares.
 */
class FlukeContender implements Contender {

    @Override
    public void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) {
        String name = "tetrapylon-bench-" + ProcessHandle.current().pid();
        PortSet set = PortSet.create();
        Port port = Port.create(0);
        port.moveTo(set);
        port.bind(name);
        ready.accept(name);
        Params params = new Params();
        Alias alias = new Alias();
        int status = flukeIpcSetupWaitReceive(set, params.receive(message), alias);
        for (;;) {
            if (status == FLUKE_SUCCESS) {
                long came = params.received();
                int size = Message.answer(message);
                if (size != came) {
                    throw new IllegalStateException("a request of " + size + " bytes of which " + came + " came");
                }
                status = answer(params.send(message, size).receive(message), alias);
            } else if (status > FLUKE_SUCCESS) { // that client has gone; the others go on
                status = flukeIpcWaitReceive(params.receive(message), alias);
            } else {
                throw new IllegalStateException(FlukeException.nameOf(status));
            }
        }
    }

    /** Sends the answer and receives the next message. {@return a status} */
    int answer(Params params, Alias alias) {
        return flukeIpcServerAckSendWaitReceive(params, alias);
    }

    @Override
    public Client connect(String address, int index, MemorySegment request, MemorySegment reply) {
        Reference server = Reference.lookup(address);
        Params params = new Params();
        return size -> {
            int status = flukeIpcClientConnectSendOverReceive(server, params.send(request, size).receive(reply, size));
            check(status, FLUKE_IPC_RECV_DISCONNECTED, params, size);
        };
    }

    static void check(int status, int expected, Params params, int size) {
        if (status != expected || params.received() != size) {
            throw new IllegalStateException(FlukeException.nameOf(status) + " with " + params.received() + " bytes");
        }
    }
}
