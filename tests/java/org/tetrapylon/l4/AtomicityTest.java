package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.PeerProcess;

/** The step from send to receive takes no time: an answer with send timeout zero always finds the caller waiting. */
@Timeout(90)
class AtomicityTest {

    private static final int ROUNDS = 100_000;

    /** A server on its own in Java; two clients call it at the same time. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aServersAnswersWithTimeoutZeroAlwaysArrive(String language) throws Exception {
        String name = PeerProcess.freshName();
        AtomicLong lost = new AtomicLong();
        Partner server = Partner.start(() -> {
            Names.register(name);
            IpcResult result = new IpcResult();
            int code = L4.l4IpcWait(L4.L4_IPC_SHORT_MSG, L4.L4_IPC_NEVER, result);
            for (int i = 0; i < ROUNDS; i++) {
                assertEquals(0, code);
                code = L4.l4IpcReplyAndWait(result.source(), L4.L4_IPC_SHORT_MSG, result.dword0(), result.dword1() + 1, L4.L4_IPC_SHORT_MSG,
                        L4.L4_IPC_SEND_TIMEOUT_0, result);
                if (code == L4.L4_IPC_SETIMEOUT) {
                    lost.incrementAndGet();
                }
            }
        });
        try (PeerProcess one = L4Peer.start(language, "hammer", name)) {
            one.expect("hammering");
            Partner other = Partner.start(() -> {
                Message message = new Message();
                try {
                    for (long i = 0;; i++) {
                        Ipc.call(server.id(), message.words('e', i));
                        assertEquals(i + 1, message.word(1));
                    }
                } catch (L4Exception e) {
                    assertEquals(IpcError.ENOT_EXISTENT, e.error(), "the server has ended");
                }
            });
            server.endWell();
            other.endWell();
            assertEquals(0, lost.get());
            assertEquals("ended " + IpcError.ENOT_EXISTENT.code(), one.expect("ended"));
        }
    }

    /** A server in another process; two threads of this one call it at the same time. It says so if an answer is lost. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void noAnswerOfAPeerIsLost(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = L4Peer.start(language, "serve", name)) {
            peer.expect("ready");
            ThreadId id = Names.await(name, java.time.Duration.ofSeconds(10));
            Background.Body half = () -> {
                IpcResult result = new IpcResult();
                for (long i = 0; i < ROUNDS / 2; i++) {
                    assertEquals(0, L4.l4IpcCall(id.raw(), L4.L4_IPC_SHORT_MSG, 'e', i, L4.L4_IPC_SHORT_MSG, L4.L4_IPC_NEVER, result));
                    assertEquals(i + 1, result.dword1());
                }
            };
            Partner other = Partner.start(half);
            half.run();
            other.endWell();
            assertFalse(peer.hasSaid("lost"), "it has met nobody");
            Ipc.call(id, Message.of('q', 0));
            peer.endWell();
        }
    }

    /** A client that calls back at once finds the server waiting, with a send timeout of zero as well. */
    @Test
    void aServerWaitsFromTheMomentItsAnswerIsThere() throws Exception {
        Partner server = Partner.start(() -> {
            Message message = new Message();
            while (true) {
                Ipc.replyAndWait(message);
                message.words(message.word(0) + 1, 0);
            }
        });
        server.awaitReceiving();
        IpcResult result = new IpcResult();
        for (long i = 0; i < 20_000; i++) {
            assertEquals(0, L4.l4IpcCall(server.id().raw(), L4.L4_IPC_SHORT_MSG, i, 0, L4.L4_IPC_SHORT_MSG, L4.L4_IPC_SEND_TIMEOUT_0, result));
            assertEquals(i + 1, result.dword0());
        }
        server.thread().interrupt();
        assertTrue(server.end() instanceof L4Exception);
    }
}
