package org.tetrapylon.bench;

import static org.tetrapylon.fluke.FlukeIpc.FLUKE_SUCCESS;
import static org.tetrapylon.fluke.FlukeIpc.flukeIpcClientAckSendOverReceive;
import static org.tetrapylon.fluke.FlukeIpc.flukeIpcClientConnectSendOverReceive;
import static org.tetrapylon.fluke.FlukeIpc.flukeIpcServerAckSendOverReceive;

import java.lang.foreign.MemorySegment;
import org.tetrapylon.fluke.Alias;
import org.tetrapylon.fluke.Params;
import org.tetrapylon.fluke.Reference;

/** Ours, by the Fluke face, with one connection for all calls, each of which turns it there and back: "fluke-turns" in contender_fluke.c. */
final class FlukeTurnsContender extends FlukeContender {

    @Override
    int answer(Params params, Alias alias) {
        return flukeIpcServerAckSendOverReceive(params);
    }

    @Override
    public Client connect(String address, int index, MemorySegment request, MemorySegment reply) {
        Reference server = Reference.lookup(address);
        Params params = new Params();
        return new Client() {
            private boolean open;

            @Override
            public void call(int size) {
                params.send(request, size).receive(reply, size);
                int status = open ? flukeIpcClientAckSendOverReceive(params) : flukeIpcClientConnectSendOverReceive(server, params);
                open = true;
                check(status, FLUKE_SUCCESS, params, size);
            }
        };
    }
}
