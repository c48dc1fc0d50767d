package org.tetrapylon.bench;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.tetrapylon.l4.L4.L4_IPC_NEVER;
import static org.tetrapylon.l4.L4.L4_IPC_SEND_TIMEOUT_0;
import static org.tetrapylon.l4.L4.L4_IPC_SHORT_MSG;
import static org.tetrapylon.l4.L4.L4_IPC_SND_ERROR;
import static org.tetrapylon.l4.L4.l4IpcCall;
import static org.tetrapylon.l4.L4.l4IpcReplyAndWait;
import static org.tetrapylon.l4.L4.l4IpcWait;
import static org.tetrapylon.l4.L4.l4Myself;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.tetrapylon.l4.IpcResult;
import org.tetrapylon.l4.MsgBuffer;

/**
 * Ours, by the documented names of the L4 face; the counterpart of contender_l4.c, whose messages and whose address, the server thread's
 * id, it shares.
 */
final class L4Contender implements Contender {

    private static final int WORDS = 8;
    private static final int STRINGS = 1;
    private static final int IN_REGISTERS = 2 * Long.BYTES;
    private static final int IN_WORDS = WORDS * Long.BYTES;

    private static void check(int error) {
        if (error != 0) {
            throw new IllegalStateException("IPC error 0x" + Integer.toHexString(error));
        }
    }

    @Override
    public void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) {
        IpcResult result = new IpcResult();
        MsgBuffer buffer = new MsgBuffer(Arena.global(), WORDS, STRINGS);
        buffer.rcv(0, message);
        ready.accept(Long.toHexString(l4Myself()));
        int error = l4IpcWait(buffer.descriptor(), L4_IPC_NEVER, result);
        for (;;) {
            if (error != 0 && L4_IPC_SND_ERROR(result.dope())) { // that client has gone meanwhile; the others go on
                error = l4IpcWait(buffer.descriptor(), L4_IPC_NEVER, result);
                continue;
            }
            check(error);
            int words = (int) (result.dope() >>> 13);
            int strings = (int) (result.dope() >>> 8) & 31;
            long word0 = result.dword0();
            if (strings > 0) {
                requireSize(Message.answer(message), buffer.sndSize(0));
            } else {
                word0 += Message.STEP;
                requireSize((int) word0, words == 2 ? Math.min((int) word0, IN_REGISTERS) : words * 8L);
            }
            MemorySegment reply = L4_IPC_SHORT_MSG;
            if (words > 2 || strings > 0) {
                buffer.send(words, strings);
                reply = buffer.descriptor();
            }
            error = l4IpcReplyAndWait(result.source(), reply, word0, result.dword1(), buffer.descriptor(), L4_IPC_SEND_TIMEOUT_0, result);
        }
    }

    private static void requireSize(int size, long came) {
        if (size < Long.BYTES || size != came) {
            throw new IllegalStateException("a request of " + size + " bytes of which " + came + " came");
        }
    }

    @Override
    public Client connect(String address, int index, MemorySegment request, MemorySegment reply) {
        long server = Long.parseUnsignedLong(address, 16);
        IpcResult result = new IpcResult();
        MsgBuffer out = new MsgBuffer(Arena.global(), WORDS, STRINGS);
        MsgBuffer in = new MsgBuffer(Arena.global(), WORDS, STRINGS);
        MsgBuffer inWords = new MsgBuffer(Arena.global(), WORDS, 0);
        return size -> {
            if (size <= IN_REGISTERS) {
                long second = size > Long.BYTES ? request.get(JAVA_LONG, Long.BYTES) : 0;
                check(l4IpcCall(server, L4_IPC_SHORT_MSG, request.get(JAVA_LONG, 0), second, L4_IPC_SHORT_MSG, L4_IPC_NEVER, result));
                reply.set(JAVA_LONG, 0, result.dword0());
                if (size > Long.BYTES) {
                    reply.set(JAVA_LONG, Long.BYTES, result.dword1());
                }
            } else if (size <= IN_WORDS) {
                callWithWords(server, out, inWords, size / Long.BYTES, request, reply, result);
            } else {
                out.snd(0, request.address(), size);
                out.send(2, 1);
                in.rcv(0, reply.address(), size);
                check(l4IpcCall(server, out.descriptor(), 0, 0, in.descriptor(), L4_IPC_NEVER, result));
                requireSize(size, in.sndSize(0));
            }
        };
    }

    private static void callWithWords(long server, MsgBuffer out, MsgBuffer in, int words, MemorySegment request, MemorySegment reply,
            IpcResult result) {
        for (int i = 2; i < words; i++) {
            out.word(i, request.getAtIndex(JAVA_LONG, i));
        }
        out.send(words, 0);
        check(l4IpcCall(server, out.descriptor(), request.get(JAVA_LONG, 0), request.get(JAVA_LONG, 8), in.descriptor(), L4_IPC_NEVER, result));
        requireSize(words * 8, (result.dope() >>> 13) * 8);
        reply.set(JAVA_LONG, 0, result.dword0());
        reply.set(JAVA_LONG, 8, result.dword1());
        for (int i = 2; i < words; i++) {
            reply.setAtIndex(JAVA_LONG, i, in.word(i));
        }
    }
}
