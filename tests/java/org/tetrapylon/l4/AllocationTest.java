package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.support.Allocations;

/** A call and its answer allocate nothing on the Java heap, on either side, in either layer. */
@Timeout(90)
class AllocationTest {

    /** Runs the pair until one stretch of calls has allocated nothing on both sides. */
    private static void assertNothingAllocated(Partner server, Allocations.Client client) throws Exception {
        long least = Allocations.least(server.thread(), client);
        server.id().cancel();
        while (server.thread().isAlive()) {
            server.id().cancel();
        }
        assertTrue(server.end() instanceof L4Exception it && it.error() == IpcError.RECANCELED, "the server failed: " + server.end());
        Allocations.assertNone(least);
    }

    private static void check(boolean right) {
        if (!right) {
            throw new AssertionError("wrong answer");
        }
    }

    @Test
    void documentedFunctions() throws Exception {
        Partner server = Partner.start(() -> {
            IpcResult result = new IpcResult();
            int code = L4.l4IpcWait(L4.L4_IPC_SHORT_MSG, L4.L4_IPC_NEVER, result);
            while (code == 0) {
                code = L4.l4IpcReplyAndWait(result.source(), L4.L4_IPC_SHORT_MSG, result.dword0() + 1, 0, L4.L4_IPC_SHORT_MSG,
                        L4.L4_IPC_SEND_TIMEOUT_0, result);
            }
            throw new L4Exception("l4_ipc_reply_and_wait", IpcError.of(code));
        });
        long id = server.id().raw();
        IpcResult result = new IpcResult();
        assertNothingAllocated(server, number -> {
            int code = L4.l4IpcCall(id, L4.L4_IPC_SHORT_MSG, number, 0, L4.L4_IPC_SHORT_MSG, L4.L4_IPC_NEVER, result);
            check(code == 0 && result.dword0() == number + 1);
        });
    }

    @Test
    void documentedFunctionsWithBuffers() throws Exception {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment served = arena.allocate(64);
            Partner server = Partner.start(() -> {
                IpcResult result = new IpcResult();
                MsgBuffer buffer = new MsgBuffer(Arena.ofAuto(), 8, 1);
                buffer.rcv(0, served);
                buffer.send(8, 1);
                int code = L4.l4IpcWait(buffer.descriptor(), L4.L4_IPC_NEVER, result);
                while (code == 0) {
                    code = L4.l4IpcReplyAndWait(result.source(), buffer.descriptor(), result.dword0() + 1, 0, buffer.descriptor(),
                            L4.L4_IPC_SEND_TIMEOUT_0, result);
                }
                throw new L4Exception("l4_ipc_reply_and_wait", IpcError.of(code));
            });
            long id = server.id().raw();
            IpcResult result = new IpcResult();
            MemorySegment text = arena.allocate(40);
            MsgBuffer buffer = new MsgBuffer(arena, 8, 1);
            buffer.snd(0, text);
            buffer.send(8, 1);
            MsgBuffer back = new MsgBuffer(arena, 8, 1);
            back.rcv(0, arena.allocate(64));
            assertNothingAllocated(server, number -> {
                buffer.word(5, number);
                text.set(ValueLayout.JAVA_LONG, 8, number);
                int code = L4.l4IpcCall(id, buffer.descriptor(), number, 0, back.descriptor(), L4.L4_IPC_NEVER, result);
                check(code == 0 && result.dword0() == number + 1 && back.word(5) == number && back.sndSize(0) == 40);
            });
        }
    }

    @Test
    void messages() throws Exception {
        Partner server = Partner.start(() -> {
            Message message = new Message();
            while (true) {
                Ipc.replyAndWait(message);
                message.words(message.word(0) + 1, message.isCut() ? 1 : 0);
            }
        });
        ThreadId id = server.id();
        Message message = new Message();
        assertNothingAllocated(server, number -> {
            Ipc.call(id, message.words(number, 0));
            check(message.word(0) == number + 1);
        });
    }

    @Test
    void longMessages() throws Exception {
        Partner server = Partner.start(() -> {
            Message message = new Message(8, 100);
            while (true) {
                Ipc.replyAndWait(message);
                message.keep().words(message.word(0) + 1, message.stringCount());
            }
        });
        try (Arena arena = Arena.ofConfined()) {
            ThreadId id = server.id();
            MemorySegment text = arena.allocate(40);
            Message message = new Message(8, 100);
            assertNothingAllocated(server, number -> {
                Ipc.call(id, message.words(number, 0).word(6, number).string(text));
                check(message.word(0) == number + 1 && message.word(6) == number && message.stringCount() == 1);
            });
        }
    }
}
