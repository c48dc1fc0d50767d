package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.check;
import static org.tetrapylon.fluke.Scene.checkFilled;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;
import static org.tetrapylon.fluke.Scene.word;
import static org.tetrapylon.support.Observe.awaitBlocked;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel.MapMode;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.Fd;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** Java and another process, which is written in C or in Java, on either side, also in chains; and what is left when that one is killed. */
@Timeout(90)
class PeerTest {

    private static final int[] SIZES = {2, 3, 14, 15, 1024, 25_000, 99_999};

    private static MemorySegment message(int what, int words, int number) {
        MemorySegment memory = filled(words, number);
        memory.setAtIndex(ValueLayout.JAVA_INT, 0, what);
        memory.setAtIndex(ValueLayout.JAVA_INT, 1, number);
        return memory;
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aServerInAnotherProcess(String language) throws Exception {
        String name = PeerProcess.freshName();
        MemorySegment in = room(100_000);
        try (PeerProcess peer = FlukePeer.start(language, "serve", name)) {
            peer.expect("ready");
            try (Client client = Client.open(name)) {
                for (int size : SIZES) {
                    for (int what : new int[] {'e', 'E', 'c'}) {
                        MemorySegment out = message(what, size, size);
                        long came = what == 'c' ? client.call(out, in) : client.connectSendAndReceive(out, in);
                        assertEquals(out.byteSize(), came);
                        assertEquals(-1, in.asSlice(0, came).mismatch(out));
                        assertEquals(what == 'e' ? Arrival.ENDED : Arrival.WHOLE, client.arrival());
                        client.disconnect(); // else the server would wait for us
                    }
                }
                MemorySegment turn = message('E', 20, 3);
                client.connectSendAndReceive(turn, in);
                for (int i = 0; i < 50; i++) {
                    assertEquals(80, client.ackSendAndReceive(turn, in));
                }
                client.disconnect();
                client.post(message('o', 2, 77));
                assertEquals("oneway 77", peer.expect("oneway"));
                stream(client, 12_345);
                files(client, in);
                alert(client, peer, in);
            }
        }
    }

    /** Longer than the room, piece by piece. */
    private static void stream(Client client, int words) {
        MemorySegment all = room(words);
        long came = client.connectSendAndReceive(message('s', 2, words), all.asSlice(0, 400));
        while (client.arrival() == Arrival.MORE_DATA) {
            long next = Math.min(4000, all.byteSize() - came);
            came += client.receive(next == 0 ? room(1) : all.asSlice(came, next));
        }
        assertEquals(Arrival.ENDED, client.arrival());
        assertEquals(4L * words, came);
        checkFilled(all, words, words);
    }

    /** A file goes there and is used there; one comes back, and closing this or that is nobody else's matter. */
    private static void files(Client client, MemorySegment in) {
        try (Fd file = Fd.memfd("here", 0); Reference slot = Reference.create(); Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(16).fill((byte) 7);
            file.write(bytes, 0);
            Params params = new Params().send(message('f', 2, 4711)).receive(in).receiveReferences(slot);
            try (Reference out = Reference.of(file)) {
                client.connectSendAndReceive(params.sendReferences(out));
            }
            assertEquals(16, file.read(bytes, 16));
            assertEquals(8, bytes.get(ValueLayout.JAVA_BYTE, 5));
            assertEquals(1, params.referencesReceived());
            try (Fd theirs = slot.fd()) {
                ok(flukeRefDestroy(slot));
                assertEquals(4711, theirs.map(MapMode.READ_ONLY, 0, 4, arena).get(ValueLayout.JAVA_INT, 0));
            }
            client.disconnect();
        }
    }

    private static void alert(Client client, PeerProcess peer, MemorySegment in) throws Exception {
        AtomicInteger alerts = new AtomicInteger();
        ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, it -> {
            alerts.incrementAndGet();
            client.disconnect();
        }, null));
        assertEquals(FLUKE_IPC_OVER_DISCONNECTED,
                assertThrows(FlukeException.class, () -> client.connectSendAndReceive(message('a', 2, 0), in)).status());
        peer.expect("alerted");
        assertEquals(1, alerts.get());
        ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, null, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aClientInAnotherProcess(String language) throws Exception {
        String name = PeerProcess.freshName();
        Thread server = Thread.ofPlatform().daemon().name("tpy-server").unstarted(() -> {
            try (Server it = Server.named(name)) {
                MemorySegment room = Arena.ofAuto().allocate(400_000, 8);
                Params params = new Params().receive(room);
                long came = it.accept(params);
                while (true) {
                    try {
                        params.send(room, came).receive(room);
                        came = it.arrival() != Arrival.WHOLE ? it.accept(params)
                                : it.isCalled() ? it.replyAndAccept(params)
                                : word(room, 0) == 'E' ? it.ackSendAndReceive(params) : it.ackSendAndAccept(params);
                    } catch (FlukeException e) {
                        came = it.accept(params.receive(room));
                    }
                }
            } catch (org.tetrapylon.InterruptedCallException end) {
                // The test is over.
            }
        });
        server.start();
        awaitBlocked(server);
        try (PeerProcess peer = FlukePeer.start(language, "call", name, "40")) {
            peer.expect("ok 40");
            assertEquals(0, peer.end());
        }
        server.interrupt();
        server.join();
    }

    /** Of this thread as a server: with a handler the call goes on, without one it is interrupted and can be called again. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void alertsFromAClientInAnotherProcess(String language) throws Exception {
        String name = PeerProcess.freshName();
        AtomicInteger alerts = new AtomicInteger();
        try (PortSet set = PortSet.create(); Port port = Port.create(0)) {
            port.moveTo(set);
            port.bind(name);
            MemorySegment in = room(101);
            Params params = new Params().receive(in);
            try (PeerProcess peer = FlukePeer.start(language, "alert", name, "2")) {
                ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, null, it -> {
                    alerts.incrementAndGet();
                    goOn(peer);
                }));
                ok(flukeIpcSetupWaitReceive(set, params, null));
                ok(flukeIpcServerAckSendOverReceive(params.send(in, 8).receive(in)));
                assertEquals(1, alerts.get());
                ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, null, null));
                params.send(in, 8).receive(in);
                check(FLUKE_IPC_INTERRUPTED, flukeIpcServerAckSendOverReceive(params));
                assertEquals(0, params.unsent(), "it was in its over");
                goOn(peer);
                ok(flukeIpcServerAckSendOverReceive(params));
                Scene.checkCame(100, params);
                checkFilled(in, 100, 1);
                check(FLUKE_IPC_OVER_DISCONNECTED, flukeIpcServerAckSendOverReceive(params.send(in, 8).receive(in)));
                peer.expect("ok");
                peer.endWell();
            }
        }
        assertEquals(1, alerts.get());
    }

    private static void goOn(PeerProcess peer) {
        try {
            peer.tell("");
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Three servers, each a client of the next. */
    @ParameterizedTest
    @CsvSource({"c,java,c", "java,java,java"})
    void chains(String top, String middle, String bottom) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess third = FlukePeer.start(bottom, "serve", name + " 3")) {
            third.expect("ready");
            try (PeerProcess second = FlukePeer.start(middle, "serve", name + " 2", name + " 3")) {
                second.expect("ready");
                try (PeerProcess first = FlukePeer.start(top, "serve", name + " 1", name + " 2")) {
                    first.expect("ready");
                    askChain(name + " 1");
                }
            }
        }
    }

    /** Each of them adds one. */
    private static void askChain(String name) {
        MemorySegment in = room(8);
        try (Client client = Client.open(name)) {
            for (int i = 0; i < 30; i++) {
                MemorySegment out = message('n', 2, i);
                long came = i == 0 ? client.connectSendAndReceive(out, in) : client.ackSendAndReceive(out, in);
                assertEquals(8, came);
                assertEquals(i + 3, word(in, 1));
            }
        }
    }

    // ---- Peers that are killed

    /** The server, before it receives, in the middle of our send, in our over, in our receive. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void theServerIsKilled(String language) throws Exception {
        MemorySegment in = room(10);
        Params params = new Params();
        killed(language, FLUKE_IPC_OVER_DISCONNECTED,
                dest -> flukeIpcClientConnectSendOverReceive(dest, params.send(message('h', 2, 0)).receive(in)));
        killed(language, FLUKE_IPC_SEND_DISCONNECTED,
                dest -> flukeIpcClientConnectSend(dest, params.send(message('h', 200_000, 0)).receive(in)));
        killed(language, FLUKE_IPC_RECV_DISCONNECTED,
                dest -> flukeIpcClientConnectSendOverReceive(dest, params.send(message('p', 2, 0)).receive(in)));
    }

    private interface Connecting {
        int call(Reference dest);
    }

    private static void killed(String language, int expected, Connecting call) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = FlukePeer.start(language, "serve", name)) {
            peer.expect("ready");
            try (Reference dest = Reference.lookup(name)) {
                Thread self = Thread.currentThread();
                String before = self.getName();
                self.setName("tpy-killed");
                Thread killer = Thread.ofPlatform().start(() -> {
                    try {
                        peer.expect("held");
                        peer.kill();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
                check(expected, call.call(dest));
                killer.join();
                self.setName(before);
                // Its ports and names are gone with it.
                check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcClientConnectSend(dest, new Params().send(room(2))));
                check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcCall(dest, new Params()));
                check(FLUKE_INVALID_DEST, flukeNameLookup(name, dest));
            }
        }
    }

    /** The client, in the middle of its send, and in its over. */
    @ParameterizedTest
    @CsvSource({"c,send", "c,over", "java,send", "java,over"})
    void theClientIsKilled(String language, String how) throws Exception {
        String name = PeerProcess.freshName();
        try (PortSet set = PortSet.create(); Port port = Port.create(0)) {
            port.moveTo(set);
            port.bind(name);
            Params params = new Params().receive(room(how.equals("send") ? 10 : 100));
            try (PeerProcess peer = FlukePeer.start(language, how, name)) {
                int status = flukeIpcSetupWaitReceive(set, params, null);
                check(how.equals("send") ? FLUKE_IPC_RECV_MORE_DATA : FLUKE_SUCCESS, status);
                peer.kill();
                if (how.equals("send")) {
                    check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcServerReceive(params.receive(room(400))));
                } else {
                    Observe.until("the death is known", () -> flukeIpcServerAlert() != FLUKE_SUCCESS);
                    status = flukeIpcServerAckSend(params.send(room(2)));
                    check(status == FLUKE_SUCCESS ? FLUKE_SUCCESS : FLUKE_IPC_ACK_DISCONNECTED, status); // success: only the link is gone
                }
            }
            try (PeerProcess next = FlukePeer.start("c", "send", name)) { // the port is as it was
                check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcWaitReceive(params.receive(room(101)), null));
                next.expect("ended 0");
            }
        }
    }
}
