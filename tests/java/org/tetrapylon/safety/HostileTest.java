package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.tetrapylon.Errno;
import org.tetrapylon.qnx.Connection;
import org.tetrapylon.qnx.Neutrino;
import org.tetrapylon.qnx.QnxPeer;
import org.tetrapylon.support.Census;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;
import org.tetrapylon.support.Soak;

/** Clients in C that harm themselves or mean harm, a server in Java, and honest clients in Java that must not notice. */
class HostileTest {

    private static final int REPLY = 200;

    @Test
    void whoWritesOverWhatIsSharedHurtsOnlyItself() throws Exception {
        int lives = Soak.rounds(50, 1000);
        long calls = Soak.rounds(20_000, 200_000);
        String name = PeerProcess.freshName();
        try (EchoServer _ = new EchoServer(name); Honest one = new Honest(name); Honest two = new Honest(name)) {
            Census before;
            try (PeerProcess peer = PeerProcess.c("safety_peer", "hostile", name); PeerProcess other = PeerProcess.java(QnxPeer.class, "call", name, 200)) {
                peer.expect("warm");
                before = Census.take();
                long since = one.check() + two.check();
                other.expect("ok 200"); // honest, too, and a process of its own
                peer.until(() -> peer.hasSaid("lives " + lives) && one.check() + two.check() > since + calls);
                peer.endInput();
                peer.expect("done");
                peer.endWell();
                other.endWell();
            }
            before.awaitAgain();
            long last = one.check();
            Observe.until(() -> one.check() > last + 100);
        }
    }

    @Test
    void clientsThatStopHoldUpNobody() throws Exception {
        int count = Soak.rounds(200, 900);
        String name = PeerProcess.freshName();
        try (EchoServer server = new EchoServer(name); Connection honest = Connection.open(name); Arena arena = Arena.ofConfined()) {
            Honest.call(honest, 32);
            Census before = Census.take();
            MemorySegment reply = arena.allocate(REPLY);
            reply.fill((byte) 5);
            try (PeerProcess peer = PeerProcess.c("safety_peer", "stopped", name, count)) {
                peer.expect("sent");
                peer.until(() -> server.held.size() == count);
                peer.tell("s");
                peer.expect("stopped");
                for (int i = 0; i < 500; i++) {
                    Honest.call(honest, i);
                }
                for (long rcvid : server.held) {
                    long start = System.nanoTime();
                    Neutrino.msgReply(rcvid, 77, reply, REPLY);
                    assertTrue(System.nanoTime() - start < 2_000_000_000L, "the reply has waited");
                    assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 77, reply, REPLY));
                }
                for (int i = 0; i < 500; i++) {
                    Honest.call(honest, i);
                }
                peer.tell("g");
                peer.expect("done " + count);
                peer.endWell();
            }
            before.awaitAgain();
            Honest.call(honest, 1);
        }
    }

    @Test
    void aForkInTheMiddleChangesNothingForItsParent() throws Exception {
        String name = PeerProcess.freshName();
        try (EchoServer server = new EchoServer(name); Connection honest = Connection.open(name); Arena arena = Arena.ofConfined()) {
            Honest.call(honest, 32);
            Census before = Census.take();
            MemorySegment reply = arena.allocate(REPLY);
            try (PeerProcess peer = PeerProcess.c("safety_peer", "fork", name)) {
                peer.expect("forked");
                Honest.call(honest, 32);
                assertEquals(1, server.held.size());
                Neutrino.msgReply(server.held.remove(), 77, reply, REPLY);
                peer.expect("done");
                peer.endWell();
            }
            before.awaitAgain();
            byte[] last = {'e', 1};
            assertArrayEquals(last, Arrays.copyOf(honest.send(last, 2).payload(), 2));
        }
    }
}
