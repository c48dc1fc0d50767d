package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.qnx.Connection;
import org.tetrapylon.qnx.Neutrino;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Census;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;
import org.tetrapylon.support.Soak;

/** Processes in C that harm themselves or mean harm, servers and clients in Java, and honest ones in Java that must not notice. */
class HostileTest {

    private static final int REPLY = 200;

    /** Writes to shared words that a test wants to have seen. */
    private static void checkWritten(String done) {
        assertTrue(Long.parseLong(done.split(" ")[2]) > 10_000, () -> "little harm was done: " + done);
    }

    @ParameterizedTest
    @EnumSource
    void whoWritesOverWhatIsSharedHurtsOnlyItself(Gate gate) throws Exception {
        int lives = Soak.rounds(50, 1000);
        long calls = gate == Gate.QNX ? Soak.rounds(20_000, 200_000) : Soak.rounds(3_000, 100_000);
        String name = PeerProcess.freshName();
        try (EchoServer server = gate.serve(name); Honest one = new Honest(gate, name); Honest two = new Honest(gate, name)) {
            Census before;
            try (PeerProcess peer = gate.harm("hostile", name); PeerProcess other = gate.java("call", name, 48)) {
                peer.expect("warm");
                before = Census.take();
                long since = one.check() + two.check();
                other.expect("ok 48"); // honest, too, and a process of its own
                peer.until(() -> {
                    server.check();
                    return peer.hasSaid("lives " + lives) && one.check() + two.check() > since + calls;
                });
                peer.endInput();
                checkWritten(peer.expect("done"));
                peer.endWell();
                other.endWell();
            }
            before.awaitAgain();
            long last = one.check();
            Observe.until(() -> one.check() > last + 100);
        }
    }

    /** Its clients hear anything or that it has gone; nothing else of this process notices, and they go on with others. */
    @ParameterizedTest
    @EnumSource
    void aServerThatWritesOverWhatIsSharedHurtsOnlyItsOwnConnections(Gate gate) throws Exception {
        int lives = Soak.rounds(50, 1000);
        String name = PeerProcess.freshName();
        String bad = PeerProcess.freshName();
        AtomicBoolean over = new AtomicBoolean();
        AtomicLong met = new AtomicLong();
        try (EchoServer _ = gate.serve(name); Honest honest = new Honest(gate, name); PeerProcess peer = gate.harm("betray", bad)) {
            Background victim = Background.platform(() -> {
                while (!over.get()) {
                    try (Gate.Caller caller = gate.open(bad)) {
                        met.incrementAndGet();
                        for (int i = 0;; i++) {
                            caller.call(Honest.message(i));
                        }
                    } catch (Gate.Gone | TetrapylonException e) { // what such a server answers may be any error
                        Thread.yield();
                    }
                }
                try (Gate.Caller caller = gate.open(name)) {
                    for (int i = 0; i < 100; i++) {
                        Honest.call(caller, i);
                    }
                }
            });
            peer.expect("warm");
            Census before = Census.take();
            long since = honest.check();
            peer.until(() -> {
                assertTrue(victim.thread().isAlive(), "the client of the bad servers has ended");
                return peer.hasSaid("lives " + lives) && met.get() > lives / 2 && honest.check() > since + 3_000;
            });
            over.set(true);
            peer.endInput();
            checkWritten(peer.expect("done"));
            peer.endWell();
            victim.endWell();
            before.awaitAgain();
            long last = honest.check();
            Observe.until(() -> honest.check() > last + 100);
        }
    }

    @Test
    void clientsThatStopHoldUpNobody() throws Exception {
        int count = Soak.rounds(200, 900);
        String name = PeerProcess.freshName();
        try (QnxEcho server = new QnxEcho(name); Gate.Caller honest = Gate.QNX.open(name); Arena arena = Arena.ofConfined()) {
            Honest.call(honest, 32);
            Census before = Census.take();
            MemorySegment reply = arena.allocate(REPLY);
            reply.fill((byte) 5);
            try (PeerProcess peer = PeerProcess.c("qnx_safety_peer", "stopped", name, count)) {
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
        try (QnxEcho server = new QnxEcho(name); Connection connection = Connection.open(name); Gate.Caller honest = Gate.QNX.open(name);
                Arena arena = Arena.ofConfined()) {
            Honest.call(honest, 32);
            Census before = Census.take();
            MemorySegment reply = arena.allocate(REPLY);
            try (PeerProcess peer = PeerProcess.c("qnx_safety_peer", "fork", name)) {
                peer.expect("forked");
                Honest.call(honest, 32);
                assertEquals(1, server.held.size());
                Neutrino.msgReply(server.held.remove(), 77, reply, REPLY);
                peer.expect("done");
                peer.endWell();
            }
            before.awaitAgain();
            byte[] last = {'e', 1};
            assertArrayEquals(last, Arrays.copyOf(connection.send(last, 2).payload(), 2));
        }
    }
}
