package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.qnx.Connection;
import org.tetrapylon.qnx.QnxPeer;
import org.tetrapylon.support.Census;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;
import org.tetrapylon.support.Soak;

/** kill -9 at random moments, with C on one side and Java on the other: the survivor goes on and keeps nothing of the dead. */
class KillTest {

    private static final int C_DEATHS = Soak.rounds(300, 3000);
    private static final int JAVA_DEATHS = Soak.rounds(8, 60);

    @Test
    void aJavaServerOutlivesItsCClients() throws Exception {
        String name = PeerProcess.freshName();
        try (EchoServer _ = new EchoServer(name); Honest honest = new Honest(name); PeerProcess peer = PeerProcess.c("safety_peer", "clients", name, C_DEATHS)) {
            peer.expect("warm");
            Census before = Census.take();
            long calls = honest.check();
            peer.expect("done " + C_DEATHS);
            peer.endWell();
            before.awaitAgain();
            assertTrue(honest.check() > calls);
        }
    }

    @Test
    void aJavaClientOutlivesItsCServers() throws Exception {
        String name = PeerProcess.freshName();
        Census before = null;
        int lives = 0;
        try (PeerProcess peer = PeerProcess.c("safety_peer", "servers", name, C_DEATHS)) {
            while (!peer.hasSaid("done")) {
                try (Connection connection = Connection.open(name)) {
                    lives++;
                    if (lives == 20) {
                        before = Census.take();
                    }
                    int last = 0;
                    for (int i = 1; last == 0; i++) {
                        last = errnoOf(connection, i);
                    }
                    assertTrue(last == Errno.ESRCH || last == Errno.EBADF, Errno.name(last));
                    // From then on it is no connection any more, even when the name has another owner.
                    assertEquals(Errno.EBADF, errnoOf(connection, 1));
                } catch (TetrapylonException e) {
                    assertTrue(e.errno() == Errno.ENOENT || e.errno() == Errno.ESRCH || e.errno() == Errno.ENXIO, e.toString());
                }
            }
            peer.endWell();
        }
        assertTrue(lives > C_DEATHS / 2, () -> "few of the servers were met");
        before.awaitAgain();
    }

    private static int errnoOf(Connection connection, int seed) {
        try {
            Honest.call(connection, seed);
            return 0;
        } catch (TetrapylonException e) {
            return e.errno();
        }
    }

    private static void linger() {
        LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(3_000_000));
    }

    @Test
    void aCClientOutlivesItsJavaServers() throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess client = PeerProcess.c("safety_peer", "reconnect", name)) {
            for (int i = 0; i < JAVA_DEATHS; i++) {
                try (PeerProcess server = PeerProcess.java(QnxPeer.class, "serve", name)) {
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

    @Test
    void aCServerOutlivesItsJavaClients() throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess server = PeerProcess.c("safety_peer", "serve", name)) {
            server.expect("ready");
            try (Connection honest = Connection.open(name)) {
                Census before = null;
                for (int i = 0; i < JAVA_DEATHS; i++) {
                    try (PeerProcess client = PeerProcess.java(QnxPeer.class, "hammer", name)) {
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
                Observe.until(() -> {
                    Census now = censusOf(honest);
                    return now.descriptors() <= limit.descriptors() && now.mappings() <= limit.mappings();
                });
                Honest.call(honest, 32);
            }
        }
    }

    /** What the C server says it holds. */
    private static Census censusOf(Connection connection) {
        MemorySegment told = MemorySegment.ofArray(new int[2]);
        connection.send(MemorySegment.ofArray(new byte[] {'c'}), told);
        return new Census(told.get(ValueLayout.JAVA_INT, 0), told.get(ValueLayout.JAVA_INT, 4));
    }
}
