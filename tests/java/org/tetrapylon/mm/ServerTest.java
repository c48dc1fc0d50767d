package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.support.Observe.fails;
import static org.tetrapylon.support.Observe.leavesNoDescriptors;
import static org.tetrapylon.mm.MmSupport.hear;
import static org.tetrapylon.mm.MmSupport.name;
import static org.tetrapylon.mm.MmSupport.room;
import static org.tetrapylon.mm.MmSupport.say;
import static org.tetrapylon.mm.Processes.awaitReady;
import static org.tetrapylon.mm.Processes.javaPeer;
import static org.tetrapylon.mm.Processes.peer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Blocked;
import org.tetrapylon.support.Libc;
import org.tetrapylon.support.Observe;

/** Names, servers, accepting and connecting. */
@Timeout(30)
class ServerTest {

    @Test
    void aNameBelongsToOneServer() throws Throwable {
        leavesNoDescriptors(() -> {
            try (Server server = Server.listen(name())) {
                fails(Errno.EADDRINUSE, () -> Server.listen(server.name()));
            }
        });
    }

    @Test
    void aNameBelongsToOneServerOfAllProcesses() throws Exception {
        String name = name();
        Process c = peer("serve", name);
        awaitReady(c);
        fails(Errno.EADDRINUSE, () -> Server.listen(name));
        c.destroyForcibly().waitFor();
        Server.listen(name).close(); // a killed server's name is free
    }

    @Test
    void theNameOfAKilledJavaServerIsFree() throws Exception {
        String name = name();
        Process java = javaPeer("listen", name);
        awaitReady(java);
        fails(Errno.EADDRINUSE, () -> Server.listen(name));
        java.destroyForcibly().waitFor();
        Server.listen(name).close();
    }

    @Test
    void aClosedServersNameIsFreeAtOnceAlsoWhileConnectionsAreOpen() {
        String name = name();
        List<Endpoint> open = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            try (Server server = Server.listen(name)) {
                open.add(Endpoint.connect(name));
                open.add(server.accept());
            }
        }
        for (int i = 0; i < 100; i += 2) { // accepted connections survive
            say(open.get(i), "still here " + i);
            assertEquals("still here " + i, hear(open.get(i + 1)));
        }
        open.forEach(Endpoint::close);
    }

    @Test
    void namesOfEveryLengthUpTo107Bytes() {
        String mark = name().substring("tpy-java-test-".length());
        for (int length = mark.length(); length <= 107; length++) {
            String name = mark + "x".repeat(length - mark.length());
            try (Server server = Server.listen(name); Endpoint client = Endpoint.connect(name, Duration.ZERO);
                    Endpoint accepted = server.accept()) {
                say(client, name);
                assertEquals(name, hear(accepted));
            }
        }
        fails(Errno.ENAMETOOLONG, () -> Server.listen("x".repeat(108)));
        fails(Errno.ENAMETOOLONG, () -> Endpoint.connect("x".repeat(108)));
        fails(Errno.ENAMETOOLONG, () -> Endpoint.connect("x".repeat(10_000), Duration.ofSeconds(1)));
    }

    @Test
    void namesAreUtf8AndMayBeEmptyAndHoldNoNul() {
        String name = name() + "-\u00e4\u20ac\ud83d\ude00";
        try (Server server = Server.listen(name); Endpoint client = Endpoint.connect(server.name(), Duration.ZERO)) {
            assertTrue(client.isOpen());
        }
        try (Server server = Server.listen("")) {
            Endpoint.connect(server.name(), Duration.ZERO).close();
        } catch (TetrapylonException e) {
            assertEquals(Errno.EADDRINUSE, e.errno(), "another test run has it");
        }
        fails(Errno.EINVAL, () -> Server.listen("a\0b"));
        fails(Errno.EINVAL, () -> Endpoint.connect("a\0b"));
    }

    @Test
    void aNameIsNoFile() {
        String name = name();
        try (Server server = Server.listen(name)) {
            assertFalse(Files.exists(Path.of(server.name())));
        }
    }

    @Test
    void connectionsAreAcceptedInTheOrderTheyCameAndCanBeUsedBefore() {
        try (Server server = Server.listen(name())) {
            List<Endpoint> clients = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                clients.add(Endpoint.connect(server.name()));
                say(clients.get(i), "client " + i);
            }
            clients.get(3).close();
            for (int i = 0; i < 20; i++) {
                try (Endpoint accepted = server.accept()) {
                    assertEquals("client " + i, hear(accepted));
                }
            }
            clients.forEach(Endpoint::close);
        }
    }

    @Test
    void closingDropsConnectionsThatWereNotAccepted() throws Throwable {
        Server server = Server.listen(name());
        Endpoint client = Endpoint.connect(server.name());
        Blocked<Long> receive = Blocked.in(Blocked.Kind.PLATFORM, () -> client.receive(room(1)));
        server.close();
        fails(Errno.ECONNRESET, receive::join);
        fails(Errno.EBADF, server::accept);
        server.close();
        assertFalse(server.isOpen());
        client.close();
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void acceptWaitsForAConnection(Blocked.Kind kind) throws Throwable {
        try (Server server = Server.listen(name())) {
            Blocked<Endpoint> accept = Blocked.in(kind, server::accept);
            assertFalse(accept.isDone());
            try (Endpoint client = Endpoint.connect(server.name()); Endpoint accepted = accept.join()) {
                say(client, "hello");
                assertEquals("hello", hear(accepted));
                assertEquals(ProcessHandle.current().pid(), accepted.peer().pid());
            }
            assertThrows(DeadlineException.class, () -> server.accept(Duration.ZERO));
            Blocked<Endpoint> limited = Blocked.in(kind, () -> server.accept(Duration.ofMillis(20)));
            assertEquals("mm_ipc_srv_accept", assertThrows(DeadlineException.class, limited::join).call());
        }
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void closingWakesAllWhoWaitInAccept(Blocked.Kind kind) throws Throwable {
        for (int i = 0; i < 20; i++) {
            Server server = Server.listen(name());
            List<Blocked<Endpoint>> waiting = new ArrayList<>();
            for (int k = 0; k < 4; k++) {
                waiting.add(Blocked.in(kind, server::accept));
            }
            server.close();
            Server.listen(server.name()).close(); // the name is free when close returns
            for (Blocked<Endpoint> accept : waiting) {
                fails(Errno.EBADF, accept::join);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void anInterruptEndsAnAccept(Blocked.Kind kind) throws Throwable {
        try (Server server = Server.listen(name())) {
            Blocked<Endpoint> accept = Blocked.in(kind, server::accept);
            accept.thread().interrupt();
            assertThrows(InterruptedCallException.class, accept::join);
            Endpoint.connect(server.name(), Duration.ZERO).close();
            server.accept(Duration.ZERO).close();
        }
    }

    @Test
    void threadsShareTheConnectionsOfOneServer() throws Throwable {
        final int connections = 400;
        try (Server server = Server.listen(name())) {
            List<Blocked<Integer>> acceptors = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                acceptors.add(Blocked.in(Blocked.Kind.values()[i % 2], () -> {
                    for (int count = 0; ; count++) {
                        try (Endpoint accepted = server.accept()) {
                            if (hear(accepted).equals("stop")) {
                                return count;
                            }
                        }
                    }
                }));
            }
            for (int i = 0; i < connections + 4; i++) {
                try (Endpoint client = Endpoint.connect(server.name())) {
                    say(client, i < connections ? "go on" : "stop");
                }
            }
            int total = 0;
            for (Blocked<Integer> acceptor : acceptors) {
                total += acceptor.join();
            }
            assertEquals(connections, total);
        }
    }

    // ---- Connecting ----

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void connectWaitsForAServer(Blocked.Kind kind) throws Throwable {
        String name = name();
        Blocked<Endpoint> connect = Blocked.in(kind, () -> Endpoint.connect(name));
        Blocked<Endpoint> limited = Blocked.in(kind, () -> Endpoint.connect(name, Duration.ofSeconds(25)));
        assertFalse(connect.isDone());
        try (Server server = Server.listen(name); Endpoint one = server.accept(); Endpoint other = server.accept()) {
            connect.join().close();
            limited.join().close();
            fails(Errno.ECONNRESET, () -> one.receive(room(1)));
            fails(Errno.ECONNRESET, () -> other.receive(room(1)));
        }
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void connectKeepsItsTimeLimit(Blocked.Kind kind) throws Throwable {
        String name = name();
        leavesNoDescriptors(() -> {
            long before = System.nanoTime();
            Blocked<Endpoint> late = Blocked.in(kind, () -> Endpoint.connect(name, Duration.ofMillis(30)));
            assertEquals("mm_ipc_connect", assertThrows(DeadlineException.class, late::join).call());
            assertTrue(System.nanoTime() - before >= 30_000_000);
            assertThrows(DeadlineException.class, () -> Endpoint.connect(name, Duration.ZERO));
        });
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void anInterruptEndsAConnect(Blocked.Kind kind) throws Throwable {
        String name = name();
        leavesNoDescriptors(() -> {
            Blocked<Endpoint> connect = Blocked.in(kind, () -> Endpoint.connect(name));
            connect.thread().interrupt();
            assertThrows(InterruptedCallException.class, connect::join);
            assertTrue(connect.cameBackInterrupted());
        });
    }

    @Test
    void acceptAndConnectUseTheLowestFreeNumber() {
        try (Server server = Server.listen(name())) {
            boolean seen = IntStream.range(0, 20).anyMatch(i -> { // another thread of the JVM may have come between
                int lowest = lowestFree();
                try (Endpoint client = Endpoint.connect(server.name())) {
                    int next = lowestFree();
                    try (Endpoint accepted = server.accept()) {
                        return client.fd().number() == lowest && accepted.fd().number() == next;
                    }
                }
            });
            assertTrue(seen);
        }
    }

    private static int lowestFree() {
        try (Fd fd = Fd.memfd("lowest", 0)) {
            return fd.number();
        }
    }

    @Test
    void everyDescriptorIsClosedOnExec() {
        try (Server server = Server.listen(name()); Endpoint client = Endpoint.connect(server.name());
                Endpoint accepted = server.accept(); Endpoint.Pair pair = Endpoint.pair()) {
            for (int number : Observe.descriptors()) {
                if (Observe.target(number).startsWith("socket:")) {
                    assertTrue(Observe.isClosedOnExec(number), number + " " + Observe.target(number));
                }
            }
            assertTrue(Observe.isClosedOnExec(client.fd().number()));
            assertTrue(Observe.isClosedOnExec(accepted.fd().number()));
            assertTrue(Observe.isClosedOnExec(pair.first().fd().number()));
        }
    }

    @Test
    void withoutRoomForADescriptorTheConnectionKeepsWaiting() throws Throwable {
        try (Server server = Server.listen(name())) {
            Endpoint.connect(server.name()).close();
            server.accept().close();
            assertThrows(TetrapylonException.class, () -> Fd.adopt(1_000_000));
            Endpoint client = Endpoint.connect(server.name());
            Deque<Fd> fill = new ArrayDeque<>();
            Fd any = Fd.memfd("any", 0);
            int limit = Observe.descriptors().last() + 20;
            fill.push(any.dup());
            List<Integer> errors = new ArrayList<>(4);
            Libc.withDescriptorLimit(limit, () -> {
                try {
                    for (;;) {
                        fill.push(any.dup());
                    }
                } catch (TetrapylonException full) {
                    errors.add(full.errno());
                }
                try {
                    server.accept();
                } catch (TetrapylonException full) {
                    errors.add(full.errno());
                }
                try {
                    Endpoint.connect(server.name());
                } catch (TetrapylonException full) {
                    errors.add(full.errno());
                }
                fill.pop().close();
                server.accept().close();
            });
            assertEquals(List.of(Errno.EMFILE, Errno.EMFILE, Errno.EMFILE), errors);
            fails(Errno.ECONNRESET, () -> client.receive(room(1)));
            fill.forEach(Fd::close);
            any.close();
            client.close();
        }
    }

    @Test
    void aThousandConnectionsLeaveNothing() throws Throwable {
        leavesNoDescriptors(() -> {
            try (Server server = Server.listen(name())) {
                for (int i = 0; i < 1000; i++) {
                    try (Endpoint client = Endpoint.connect(server.name()); Endpoint accepted = server.accept()) {
                        client.send(room(1));
                        accepted.receive(room(1));
                    }
                }
            }
        });
    }
}
