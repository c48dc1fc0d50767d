package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.support.Census;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;
import org.tetrapylon.support.Soak;

/** kill -9 at random moments, with C on one side and Java on the other: the survivor goes on and keeps nothing of the dead. */
class KillTest {

    private static int deathsInC(Gate gate) {
        return gate == Gate.QNX ? Soak.rounds(300, 3000) : Soak.rounds(100, 3000);
    }

    private static int deathsInJava(Gate gate) {
        return gate == Gate.QNX ? Soak.rounds(8, 60) : Soak.rounds(4, 60);
    }

    @ParameterizedTest
    @EnumSource
    void aJavaServerOutlivesItsCClients(Gate gate) throws Exception {
        int deaths = deathsInC(gate);
        String name = PeerProcess.freshName();
        try (EchoServer _ = gate.serve(name); Honest honest = new Honest(gate, name); PeerProcess peer = gate.harm("clients", name, deaths)) {
            peer.expect("warm");
            Census before = Census.take();
            long calls = honest.check();
            peer.expect("done " + deaths);
            peer.endWell();
            before.awaitAgain();
            assertTrue(honest.check() > calls);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aJavaClientOutlivesItsCServers(Gate gate) throws Exception {
        int deaths = deathsInC(gate);
        String name = PeerProcess.freshName();
        AtomicReference<Census> before = new AtomicReference<>();
        int lives = 0;
        try (PeerProcess peer = gate.harm("servers", name, deaths)) {
            while (!peer.hasSaid("done")) {
                try (Gate.Caller caller = gate.open(name)) {
                    int life = ++lives;
                    assertThrows(Gate.Gone.class, () -> {
                        for (int i = 1;; i++) {
                            Honest.call(caller, i);
                            // With what it takes to call one server: a thread may keep that much of the last one.
                            if (life >= 20 && before.get() == null) {
                                before.set(Census.take());
                            }
                        }
                    });
                    assertThrows(Gate.Gone.class, () -> caller.call(new byte[4]));
                } catch (Gate.Gone e) {
                    Thread.yield(); // the next one is not there yet
                }
            }
            peer.endWell();
        }
        assertTrue(lives > deaths / 2, () -> "few of the servers were met");
        before.get().awaitAgain();
    }

    private static void linger() {
        LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(3_000_000));
    }

    @ParameterizedTest
    @EnumSource
    void aCClientOutlivesItsJavaServers(Gate gate) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess client = gate.harm("reconnect", name)) {
            for (int i = 0; i < deathsInJava(gate); i++) {
                try (PeerProcess server = gate.java("serve", name)) {
                    server.expect("ready");
                    if (i % 4 != 3) {
                        client.expect("connected");
                    }
                    linger();
                    server.kill();
                }
            }
            client.endInput();
            client.expect("done");
            client.endWell();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aCServerOutlivesItsJavaClients(Gate gate) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess server = gate.harm("serve", name)) {
            server.expect("ready");
            try (Gate.Caller honest = gate.open(name)) {
                Census before = null;
                for (int i = 0; i < deathsInJava(gate); i++) {
                    try (PeerProcess client = gate.java("hammer", name)) {
                        client.expect("hammering");
                        Honest.call(honest, i);
                        linger();
                        client.kill();
                    }
                    if (i == 1) {
                        before = censusOf(honest);
                    }
                }
                Census limit = before;
                Observe.until(() -> censusOf(honest).isWithin(limit));
                Honest.call(honest, 32);
            }
        }
    }

    /** What the C server says it holds. */
    private static Census censusOf(Gate.Caller caller) {
        try {
            ByteBuffer told = ByteBuffer.wrap(caller.call(new byte[] {'c', 0, 0, 0, 0, 0, 0, 0})).order(ByteOrder.nativeOrder());
            return new Census(told.getInt(), told.getInt());
        } catch (Gate.Gone e) {
            throw new AssertionError(e);
        }
    }
}
