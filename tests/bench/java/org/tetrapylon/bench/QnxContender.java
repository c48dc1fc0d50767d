package org.tetrapylon.bench;

import static org.tetrapylon.qnx.Neutrino.ND_LOCAL_NODE;
import static org.tetrapylon.qnx.Neutrino._NTO_SIDE_CHANNEL;
import static org.tetrapylon.qnx.Neutrino.channelCreate;
import static org.tetrapylon.qnx.Neutrino.connectAttach;
import static org.tetrapylon.qnx.Neutrino.msgReceive;
import static org.tetrapylon.qnx.Neutrino.msgReply;
import static org.tetrapylon.qnx.Neutrino.msgSend;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * Ours, by the documented names of the QNX face; the counterpart of contender_qnx.c, whose address, the server's pid and
 * channel, it shares.
 */
final class QnxContender implements Contender {

    @Override
    public void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) {
        int chid = channelCreate(0);
        ready.accept(ProcessHandle.current().pid() + ":" + chid);
        for (;;) {
            long rcvid = msgReceive(chid, message, LARGEST, null);
            if (rcvid != 0) { // a pulse otherwise; none is asked for
                msgReply(rcvid, 0, message, Message.answer(message));
            }
        }
    }

    @Override
    public Client connect(String address, int index, MemorySegment request, MemorySegment reply) {
        String[] parts = address.split(":");
        int coid = connectAttach(ND_LOCAL_NODE, Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), _NTO_SIDE_CHANNEL, 0);
        return size -> msgSend(coid, request, size, reply, size);
    }
}
