package org.tetrapylon.bench;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.tetrapylon.l4.L4.L4_IPC_NEVER;
import static org.tetrapylon.l4.L4.L4_IPC_SHORT_MSG;
import static org.tetrapylon.l4.L4.l4IpcReceive;
import static org.tetrapylon.l4.L4.l4IpcSend;
import static org.tetrapylon.l4.L4.l4IpcWait;
import static org.tetrapylon.l4.L4.l4Myself;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.tetrapylon.l4.IpcResult;

/**
 * Ours, by the L4 face without the functions that send and receive in one: "l4-send" in contender_l4.c, whose messages of 8 B and whose
 * address it shares. Each side sends to the other and receives from the other alone.
 */
class L4SendContender implements Contender {

    static void send(long to, long word, IpcResult result) {
        check(l4IpcSend(to, L4_IPC_SHORT_MSG, word, 0, L4_IPC_NEVER, result));
    }

    static long receive(long from, IpcResult result) {
        check(l4IpcReceive(from, L4_IPC_SHORT_MSG, L4_IPC_NEVER, result));
        return result.dword0();
    }

    static void check(int error) {
        if (error != 0) {
            throw new IllegalStateException("IPC error 0x" + Integer.toHexString(error));
        }
    }

    @Override
    public final void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) {
        IpcResult result = new IpcResult();
        ready.accept(Long.toHexString(l4Myself()));
        check(l4IpcWait(L4_IPC_SHORT_MSG, L4_IPC_NEVER, result));
        long client = result.source(); // the only one
        long word = result.dword0();
        for (;;) {
            word = answer(client, word, result);
        }
    }

    /** Does what the message asks for. {@return the next one} */
    long answer(long client, long word, IpcResult result) {
        if ((int) word != Long.BYTES) {
            throw new IllegalStateException("a request of " + (int) word + " bytes");
        }
        send(client, word + Message.STEP, result);
        return receive(client, result);
    }

    /** Sends to the server. {@return what came back} */
    long exchange(long server, long word, IpcResult result) {
        send(server, word, result);
        return receive(server, result);
    }

    @Override
    public final Client connect(String address, int index, MemorySegment request, MemorySegment reply) {
        long server = Long.parseUnsignedLong(address, 16);
        IpcResult result = new IpcResult();
        return size -> {
            if (size != Long.BYTES) {
                throw new IllegalArgumentException("8 bytes only");
            }
            reply.set(JAVA_LONG, 0, exchange(server, request.get(JAVA_LONG, 0), result));
        };
    }
}
