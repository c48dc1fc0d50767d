package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.check;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;
import static org.tetrapylon.fluke.Scene.word;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Census;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** Processes in C and in Java that are killed in each state in which they can be blocked, or stopped, and what a survivor in Java sees and keeps. */
@Timeout(90)
class DeathTest {

    private static MemorySegment message(int what, int words, int number) {
        MemorySegment memory = filled(words, number);
        memory.setAtIndex(ValueLayout.JAVA_INT, 0, what);
        memory.setAtIndex(ValueLayout.JAVA_INT, 1, number);
        return memory;
    }

    private static void awaitBlocked(PeerProcess peer, ThreadState.State state) {
        peer.until(() -> {
            try {
                return ThreadState.of(peer.pid()).stream().anyMatch(it -> it.state() == state);
            } catch (TetrapylonException e) {
                return false; // it has not used the library so far
            }
        });
    }

    /** Kills the peer, and waits until this connection knows it. */
    private static void kill(PeerProcess peer, IntSupplier alert) throws InterruptedException {
        peer.kill();
        Observe.until("the death is known", () -> alert.getAsInt() != FLUKE_SUCCESS);
    }

    /** Another client, of the same port. */
    private static void nextClient(PortSet set, String name) throws Exception {
        try (PeerProcess next = FlukePeer.start("c", "over", name)) {
            MemorySegment in = room(101);
            Params params = new Params().receive(in);
            ok(flukeIpcSetupWaitReceive(set, params, null));
            Scene.checkCame(100, params);
            ok(flukeIpcServerAckSend(params.send(in, 8)));
            flukeIpcServerDisconnect();
            next.expect("ended " + FLUKE_IPC_RECV_DISCONNECTED);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aClientIsKilledInEachOfItsCalls(String language) throws Exception {
        String name = PeerProcess.freshName();
        MemorySegment in = room(101);
        Params params = new Params();
        try (PortSet set = PortSet.create(); Port port = Port.create(0)) {
            port.moveTo(set);
            port.bind(name);
            nextClient(set, name);
            Census before = Census.take();
            for (String how : List.of("send", "oneway", "ask", "over")) { // not received so far
                try (PeerProcess peer = FlukePeer.start(language, how, name)) {
                    awaitBlocked(peer, ThreadState.State.SEND);
                    peer.kill();
                }
            }
            before.awaitAgain(); // so that nothing of the dead is received
            for (String how : List.of("ask", "receive", "ack")) {
                try (PeerProcess peer = FlukePeer.start(language, how, name)) {
                    ok(flukeIpcSetupWaitReceive(set, params.receive(in), null));
                    Scene.checkCame(100, params);
                    if (how.equals("ask")) {
                        peer.kill();
                        ok(flukeIpcReply(params.send(in, 8)));
                        before.awaitAgain(); // else it could go in the next round, which looks for something else to go
                        continue;
                    }
                    ok(flukeIpcServerAckSend(params.send(in, 8))); // for all its room
                    if (how.equals("receive")) {
                        awaitBlocked(peer, ThreadState.State.SEND);
                    }
                    Census with = Census.take();
                    kill(peer, FlukeIpc::flukeIpcServerAlert);
                    // An alert fails as soon as its socket is closed; what the client offered before is gone a little later.
                    Observe.until("the exchange is gone", () -> Census.take().mappings() < with.mappings());
                    if (how.equals("receive")) {
                        check(FLUKE_IPC_SEND_DISCONNECTED, flukeIpcServerSend(params.send(in, 8)));
                    } else {
                        check(FLUKE_IPC_OVER_DISCONNECTED, flukeIpcServerOverReceive(params.receive(in)));
                    }
                    assertEquals(0, org.tetrapylon.generated.fluke.fluke_ipc_h.tpy_fluke_holds(), "no connection is left");
                }
            }
            before.awaitAgain();
            nextClient(set, name);
        }
    }

    /** A call on a connection to a server that then dies in a call of its own. */
    private record Dying(String state, int what, int words, int room, int connected, IntSupplier then, int expected) {}

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aServerIsKilledInEachOfItsCalls(String language) throws Exception {
        MemorySegment in = room(100);
        Params params = new Params().send(filled(2, 0)).receive(in);
        List<Dying> all = List.of(
                new Dying("receive", 'e', 2, 0, FLUKE_SUCCESS, () -> flukeIpcClientSend(params), FLUKE_IPC_SEND_DISCONNECTED),
                new Dying("ack", 'A', 200_000, 0, FLUKE_SUCCESS, () -> flukeIpcClientOverReceive(params), FLUKE_IPC_OVER_DISCONNECTED),
                new Dying("over", 'E', 2, 10, FLUKE_SUCCESS, () -> flukeIpcClientAckSend(params), FLUKE_IPC_ACK_DISCONNECTED),
                new Dying("send", 's', 2, 10, FLUKE_IPC_RECV_MORE_DATA, () -> flukeIpcClientReceive(params), FLUKE_IPC_RECV_DISCONNECTED));
        for (Dying it : all) {
            die(language, it, params, in);
        }
        Census before = Census.take(); // the thread keeps its last connection until the next one
        for (Dying it : all) {
            die(language, it, params, in);
        }
        before.awaitAgain();
    }

    private static void die(String language, Dying it, Params params, MemorySegment in) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = FlukePeer.start(language, "serve", name); Reference dest = awaitServer(peer, name)) {
            Params first = new Params().send(message(it.what, it.words, 50_000)).receive(room(it.room));
            check(it.connected, it.room == 0 ? flukeIpcClientConnectSend(dest, first) : flukeIpcClientConnectSendOverReceive(dest, first));
            awaitBlocked(peer, ThreadState.State.RECEIVE);
            kill(peer, FlukeIpc::flukeIpcClientAlert);
            params.receive(in);
            check(it.expected, it.then.getAsInt());
            check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcClientConnectSend(dest, params));
            check(FLUKE_INVALID_DEST, flukeNameLookup(name, dest));
        }
    }

    private static Reference awaitServer(PeerProcess peer, String name) throws InterruptedException {
        peer.expect("ready");
        return Reference.lookup(name);
    }

    /** Their answers are due: giving them waits for nobody. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void clientsThatStopHoldUpNobody(String language) throws Exception {
        String name = PeerProcess.freshName();
        List<PeerProcess> stopped = new ArrayList<>();
        try (PortSet set = PortSet.create(); Port port = Port.create(0)) {
            port.moveTo(set);
            port.bind(name);
            MemorySegment in = room(101);
            for (String how : List.of("over", "ask", "over", "ask")) {
                PeerProcess peer = FlukePeer.start(language, how, name);
                stopped.add(peer);
                Params params = new Params().receive(in);
                ok(flukeIpcSetupWaitReceive(set, params, null));
                peer.signal("STOP");
                long since = System.nanoTime();
                params.send(in, 400);
                if (how.equals("ask")) {
                    ok(flukeIpcReply(params));
                } else {
                    ok(flukeIpcServerAckSend(params));
                    flukeIpcServerDisconnect();
                }
                assertTrue(System.nanoTime() - since < 2_000_000_000L, "the answer has waited");
                nextClient(set, name);
            }
            for (PeerProcess peer : stopped) {
                peer.signal("CONT");
                peer.expect("ended " + (stopped.indexOf(peer) % 2 == 0 && language.equals("c") ? FLUKE_IPC_RECV_DISCONNECTED : FLUKE_SUCCESS));
                peer.endWell();
            }
        } finally {
            stopped.forEach(PeerProcess::close);
        }
    }

    /** Three deep; the one in the middle, in Java, dies idle and again while it waits for the last, which goes on, as the first does. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void theMiddleOfAChainIsKilled(String language) throws Exception {
        String name = PeerProcess.freshName();
        String last = name + " 3";
        String second = name + " 2";
        try (PeerProcess bottom = FlukePeer.start(language, "serve", last); Reference _ = awaitServer(bottom, last);
                PeerProcess middle = FlukePeer.start("java", "serve", second, last); Reference _ = awaitServer(middle, second);
                PeerProcess top = FlukePeer.start(language, "serve", name, second); Reference dest = awaitServer(top, name)) {
            try (Client client = Client.to(dest)) {
                assertEquals(8, ask(client, 5));
                middle.kill();
                assertEquals(0xffff0000 + FLUKE_IPC_CONNECT_INVALID_DEST, ask(client, 5));
                bottom.expect("gone " + FLUKE_IPC_OVER_DISCONNECTED);
            }
            try (PeerProcess again = FlukePeer.start("java", "serve", second, last)) {
                again.expect("ready");
                CountDownLatch stopped = new CountDownLatch(1);
                Background asking = Background.platform(() -> {
                    try (Client client = Client.open(name)) {
                        ask(client, 6); // looks it up
                        assertEquals(9, ask(client, 6));
                        bottom.signal("STOP");
                        stopped.countDown();
                        assertEquals(0xffff0000 + FLUKE_IPC_OVER_DISCONNECTED, ask(client, 6));
                    }
                });
                assertTrue(stopped.await(20, TimeUnit.SECONDS));
                awaitBlocked(again, ThreadState.State.SEND);
                again.kill();
                asking.endWell();
                bottom.signal("CONT");
                bottom.expect("gone");
            }
            try (PeerProcess anew = FlukePeer.start("java", "serve", second, last)) {
                anew.expect("ready");
                try (Client client = Client.to(dest)) {
                    ask(client, 7); // looks it up
                    assertEquals(10, ask(client, 7));
                }
            }
        }
    }

    /** The number, with one added by each; or what the first one says of the second. */
    private static int ask(Client client, int number) {
        MemorySegment in = room(4);
        MemorySegment out = message('n', 2, number);
        if (client.direction() == Direction.RECEIVER) {
            client.ackSendAndReceive(out, in);
        } else {
            client.connectSendAndReceive(out, in);
        }
        return word(in, 1);
    }
}
