package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** Java and another process, which is written in C or in Java, on either side; and what is left when that one is killed. */
@Timeout(90)
class PeerTest {

    /** Death must be seen within 50 ms; on a machine full of other work this is what a test can ask for. */
    private static final Duration DEATH_LIMIT = Duration.ofSeconds(2);
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final int SHAPES = 48;

    private static ThreadId idOf(String ready) {
        return new ThreadId(Long.parseLong(ready.split(" ")[2]));
    }

    private static IpcError errorOf(Runnable call) {
        return assertThrows(L4Exception.class, call::run).error();
    }

    // ---- The peer is the server

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void callsToAPeer(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = L4Peer.start(language, "serve", name)) {
            ThreadId id = idOf(peer.expect("ready"));
            assertEquals(id, Names.await(name, LIMIT));
            assertFalse(id.isSameTask(ThreadId.self()));
            assertEquals(ThreadId.self().site(), id.site());
            assertNull(L4Peer.check(id, SHAPES));
            Message message = new Message();
            for (long i = 0; i < 1000; i++) {
                Ipc.call(id, message.words('e', i));
                assertEquals(i + 1, message.word(1));
            }
            Ipc.call(id, message.words('?', 1));
            assertEquals(0, message.word(0));

            // Too much for it.
            Message large = new Message(20, 1, 1).words('e', 1).word(19, 1);
            assertEquals(IpcError.SEMSGCUT, errorOf(() -> Ipc.call(id, large)));
            assertEquals("cut 16 0", peer.expect("cut"));
            // Too much for us.
            Message small = new Message(2, 3).words('e', 1).string(MemorySegment.ofArray(new byte[9]));
            assertEquals(IpcError.REMSGCUT, errorOf(() -> Ipc.call(id, small)));
            assertEquals(3, small.string(0).byteSize());
            Ipc.call(id, message.words('?', 1));
            assertEquals("lost " + IpcError.SEMSGCUT.code(), peer.expect("lost"));

            Ipc.call(id, message.words('q', 0));
            assertEquals(0, peer.end());
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.call(id, new Message())));
            Observe.until(() -> Names.find(name).isEmpty());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void flexpagesToAndFromAPeer(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = L4Peer.start(language, "serve", name); Region region = Region.allocate(L4Peer.PAGES);
                Window window = Window.reserve(L4Peer.PAGES)) {
            ThreadId id = idOf(peer.expect("ready"));
            L4Peer.fill(region.memory(), 1);
            Message message = new Message().map(region, true);
            Ipc.call(id, message);
            assertEquals(1, message.word(0), "it had other bytes");
            assertTrue(L4Peer.isFilled(region.memory(), 2), "what it has written is here");

            message.window(window);
            for (int how = 0; how < 4; how++) {
                Ipc.call(id, message.words('m', how));
                assertTrue(message.isMapped());
                Fpage page = new Fpage(message.word(1));
                assertEquals((how & 1) != 0, page.isWritable());
                assertEquals((how & 2) != 0, page.isGranted());
                MemorySegment mapped = message.mapped(0);
                assertTrue(L4Peer.isFilled(mapped, 3));
                assertEquals((how & 1) == 0, mapped.isReadOnly());
                if (!mapped.isReadOnly()) {
                    mapped.fill((byte) how);
                }
            }
            peer.kill();
            assertEquals(L4Peer.PAGES, message.mapped(0).byteSize());
            assertEquals(3, message.mapped(0).get(java.lang.foreign.ValueLayout.JAVA_BYTE, 99), "what it gave stays");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aKilledServerIsSeenInEveryState(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = L4Peer.start(language, "serve", name)) {
            ThreadId id = idOf(peer.expect("ready"));
            Partner held = Partner.start(() -> Ipc.call(id, Message.of('h', 0)));
            peer.expect("held");
            Partner virtual = Partner.virtual(() -> Ipc.call(id, Message.of('h', 0)));
            peer.expect("held");
            Partner receiver = Partner.start(() -> Ipc.receive(id, new Message()));
            held.awaitAnswer();
            receiver.awaitReceiving();
            Partner last = Partner.start(() -> Ipc.call(id, Message.of('w', 0))); // from then on it receives nothing
            peer.expect("held");
            Partner sender = Partner.start(() -> Ipc.send(id, new Message()));
            Partner caller = Partner.start(() -> Ipc.call(id, new Message(2, 4096).string(java.lang.foreign.Arena.ofAuto().allocate(4096))));
            sender.awaitSending();
            caller.awaitSending();
            peer.kill();
            long since = System.nanoTime();
            for (Partner partner : new Partner[] {held, virtual, receiver, last, sender, caller}) {
                assertEquals(IpcError.ENOT_EXISTENT, ((L4Exception) partner.end()).error());
            }
            assertTrue(System.nanoTime() - since < DEATH_LIMIT.toNanos(), "seen late");
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.send(id, new Message())));
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.receive(id, new Message())));
            Observe.until(() -> Names.find(name).isEmpty());
            Names.register(name);
            Names.unregister(name);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aServerThatKillsItselfWithTheMessage(String language) throws Exception {
        try (PeerProcess peer = L4Peer.start(language, "serve", PeerProcess.freshName())) {
            ThreadId id = idOf(peer.expect("ready"));
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.call(id, Message.of('k', 0))));
        }
    }

    // ---- The peer is the client

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void callsFromAPeer(String language) throws Exception {
        String name = PeerProcess.freshName();
        Names.register(name);
        try (PeerProcess peer = L4Peer.start(language, "call", name, Integer.toString(SHAPES))) {
            Message message = L4Peer.message();
            for (int i = 0; i < SHAPES; i++) {
                Ipc.replyAndWait(message, LIMIT);
                assertEquals(2 + i % (L4Peer.WORDS - 1), message.wordCount());
                assertEquals(i % (L4Peer.STRINGS + 1), message.stringCount());
                assertNull(message.lost());
                message.keep().words('e', message.word(1) + 1);
            }
            Ipc.reply(message);
            assertEquals("ok " + SHAPES, peer.expect("ok"));
            assertEquals(0, peer.end());
        } finally {
            Names.unregister(name);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aKilledClientIsGone(String language) throws Exception {
        String name = PeerProcess.freshName();
        Names.register(name);
        try (PeerProcess peer = L4Peer.start(language, "hang", name)) {
            Message message = new Message();
            Ipc.await(message, LIMIT);
            assertEquals('h', message.word(0));
            ThreadId client = message.sender();
            Partner receiver = Partner.start(() -> Ipc.receive(client, new Message()));
            receiver.awaitReceiving();
            peer.kill();
            long since = System.nanoTime();
            assertEquals(IpcError.ENOT_EXISTENT, ((L4Exception) receiver.end()).error());
            assertTrue(System.nanoTime() - since < DEATH_LIMIT.toNanos(), "seen late");
            // An answer may still find the call of the dead; nothing else does.
            IpcResult answered = new IpcResult();
            int code = L4.l4IpcSend(client.raw(), L4.L4_IPC_SHORT_MSG, 0, 0, L4.L4_IPC_SEND_TIMEOUT_0, answered);
            assertTrue(code == 0 || code == L4.L4_IPC_ENOT_EXISTENT, IpcError.of(code) + "");
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.send(client, message)));
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.call(client, message)));
        } finally {
            Names.unregister(name);
        }
    }

    /** Their answers are due, and are given with send timeout zero; others are served meanwhile. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void clientsThatStopHoldUpNobody(String language) throws Exception {
        String name = PeerProcess.freshName();
        Names.register(name);
        try (PeerProcess one = L4Peer.start(language, "hang", name); PeerProcess two = L4Peer.start(language, "hang", name)) {
            Message[] due = {new Message(), new Message()};
            Ipc.await(due[0], LIMIT);
            Ipc.await(due[1], LIMIT);
            one.signal("STOP");
            two.signal("STOP");
            long since = System.nanoTime();
            IpcResult result = new IpcResult();
            for (Message message : due) {
                assertEquals(0, L4.l4IpcSend(message.sender().raw(), L4.L4_IPC_SHORT_MSG, 1, 1, L4.L4_IPC_SEND_TIMEOUT_0, result));
            }
            assertTrue(System.nanoTime() - since < DEATH_LIMIT.toNanos(), "the answers have waited");
            ThreadId me = ThreadId.self();
            Partner other = Partner.start(() -> Ipc.call(me, new Message()));
            Message message = new Message();
            Ipc.receive(other.id(), message, LIMIT);
            Ipc.reply(message);
            other.endWell();
            for (PeerProcess peer : new PeerProcess[] {one, two}) {
                peer.signal("CONT");
                assertEquals("ended 0", peer.expect("ended"));
            }
        } finally {
            Names.unregister(name);
        }
    }

    /** The end of its thread tells a client that waits for the answer. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aServersThreadThatEndsIsSeenByItsClient(String language) throws Exception {
        String name = PeerProcess.freshName();
        Partner server = Partner.start(() -> {
            Names.register(name);
            Ipc.await(new Message());
        });
        try (PeerProcess peer = L4Peer.start(language, "hang", name)) {
            server.endWell();
            assertEquals("ended " + IpcError.ENOT_EXISTENT.code(), peer.expect("ended"));
        }
    }
}
