package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.support.Observe.fails;
import static org.tetrapylon.support.Observe.leavesNoDescriptors;
import static org.tetrapylon.mm.MmSupport.bytes;
import static org.tetrapylon.mm.MmSupport.hear;
import static org.tetrapylon.mm.MmSupport.name;
import static org.tetrapylon.mm.MmSupport.none;
import static org.tetrapylon.mm.MmSupport.room;
import static org.tetrapylon.mm.MmSupport.say;
import static org.tetrapylon.mm.Processes.awaitReady;
import static org.tetrapylon.mm.Processes.javaPeer;
import static org.tetrapylon.mm.Processes.peer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Blocked;
import org.tetrapylon.support.Observe;

/** How a connection ends, by a close, by the peer's death in either language, and what it does not end. */
@Timeout(30)
class ClosedTest {

    private static final int EXIT_KILLED = 128 + 9;

    private Endpoint.Pair pair;
    private Endpoint from;
    private Endpoint to;

    @BeforeEach
    void open() {
        pair = Endpoint.pair();
        from = pair.first();
        to = pair.second();
    }

    @AfterEach
    void close() {
        pair.close();
    }

    @Test
    void aClosedPeerIsAnErrorAndNotAnEmptyMessage() {
        from.send(none(), null);
        from.close();
        assertEquals(0, to.receive(room(1)));
        TetrapylonException end = fails(Errno.ECONNRESET, () -> to.receive(room(1)));
        assertEquals("mm_ipc_recvmsg", end.call());
        fails(Errno.ECONNRESET, () -> to.receive(room(1)));
    }

    @Test
    void queuedMessagesComeBeforeTheEnd() {
        say(from, "one");
        say(from, "two");
        from.close();
        assertEquals("one", hear(to));
        assertEquals("two", hear(to));
        fails(Errno.ECONNRESET, () -> to.receive(room(1)));
    }

    @Test
    void queuedMessagesComeBeforeTheEndWhenOurOwnLayUnread() {
        say(to, "never read");
        say(from, "one");
        from.close();
        assertEquals("one", hear(to));
        fails(Errno.ECONNRESET, () -> to.receive(room(1)));
    }

    @Test
    void sendingToAClosedPeerIsAnErrorAndNoSignal() {
        from.close();
        TetrapylonException end = fails(Errno.EPIPE, () -> to.send(bytes(1)));
        assertEquals("mm_ipc_sendmsg", end.call());
        fails(Errno.EPIPE, () -> to.send(bytes(1)));
    }

    @Test
    void sendingAfterOurOwnLayUnreadIsAResetOnce() {
        say(to, "never read");
        from.close();
        List<Integer> errors = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            errors.add(assertThrows(TetrapylonException.class, () -> to.send(bytes(1))).errno());
        }
        assertTrue(errors.get(0) == Errno.ECONNRESET || errors.get(0) == Errno.EPIPE, errors.toString());
        assertEquals(List.of(Errno.EPIPE, Errno.EPIPE), errors.subList(1, 3));
    }

    @Test
    void aPeerThatShutsDownItsSendingSideCountsAsClosed() {
        say(from, "last words");
        from.shutdownOutput();
        assertEquals("last words", hear(to));
        fails(Errno.ECONNRESET, () -> to.receive(room(1)));
        say(to, "still heard");
        assertEquals("still heard", hear(from));
        fails(Errno.EPIPE, () -> from.send(bytes(1)));
    }

    @Test
    void whatIsClosedStaysClosed() {
        from.close();
        from.close();
        assertFalse(from.isOpen());
        fails(Errno.EBADF, () -> from.send(bytes(1)));
        fails(Errno.EBADF, () -> from.receive(room(1)));
        fails(Errno.EBADF, () -> from.peer());
        fails(Errno.EBADF, () -> from.shutdownOutput());
        fails(Errno.EBADF, () -> from.fd().number());
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void closingWakesABlockedReceive(Blocked.Kind kind) throws Throwable {
        Blocked<Long> receive = Blocked.in(kind, () -> from.receive(room(1)));
        Blocked<Long> limited = Blocked.in(kind, () -> from.receive(room(1), Duration.ofSeconds(25)));
        from.close();
        fails(Errno.EBADF, receive::join);
        fails(Errno.EBADF, limited::join);
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void closingWakesABlockedSend(Blocked.Kind kind) throws Throwable {
        Blocked<Long> send = Blocked.in(kind, () -> {
            for (;;) {
                from.send(bytes(1000));
            }
        });
        from.close();
        fails(Errno.EBADF, send::join);
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void thePeersCloseWakesABlockedReceiveAndABlockedSend(Blocked.Kind kind) throws Throwable {
        Blocked<Long> receive = Blocked.in(kind, () -> to.receive(room(1)));
        Blocked<Long> send = Blocked.in(kind, () -> {
            for (;;) {
                to.send(bytes(1000));
            }
        });
        from.close();
        fails(Errno.ECONNRESET, receive::join);
        TetrapylonException end = assertThrows(TetrapylonException.class, send::join);
        assertTrue(end.errno() == Errno.EPIPE || end.errno() == Errno.ECONNRESET, end.getMessage());
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void anInterruptEndsTheCallAndNotTheConnection(Blocked.Kind kind) throws Throwable {
        Blocked<Long> receive = Blocked.in(kind, () -> to.receive(room(1)));
        receive.thread().interrupt();
        InterruptedCallException interrupted = assertThrows(InterruptedCallException.class, receive::join);
        assertEquals(Errno.EINTR, interrupted.errno());
        assertTrue(receive.cameBackInterrupted());
        Blocked<Long> limited = Blocked.in(kind, () -> to.receive(room(1), Duration.ofSeconds(25)));
        limited.thread().interrupt();
        assertThrows(InterruptedCallException.class, limited::join);
        Blocked<Long> send = Blocked.in(kind, () -> {
            for (;;) {
                to.send(bytes(1000));
            }
        });
        send.thread().interrupt();
        assertThrows(InterruptedCallException.class, send::join);
        say(from, "it lives");
        assertEquals("it lives", hear(to));
    }

    @Test
    void anInterruptedThreadDoesNotWaitButReceivesWhatIsThere() {
        for (int i = 0; i < 40; i++) {
            say(from, "there");
            Thread.currentThread().interrupt();
            try {
                assertEquals("there", hear(to));
                assertThrows(InterruptedCallException.class, () -> to.receive(room(1)));
                assertThrows(DeadlineException.class, () -> to.receive(room(1), Duration.ZERO));
            } finally {
                assertTrue(Thread.interrupted());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void aStormOfInterruptsLosesNoMessage(Blocked.Kind kind) throws Throwable {
        final int messages = 3000;
        AtomicInteger interrupts = new AtomicInteger();
        Blocked<Void> receiver = Blocked.in(kind, () -> {
            int[] number = new int[1];
            for (int next = 0; next < messages; ) {
                try {
                    assertEquals(4, to.receive(MemorySegment.ofArray(number)));
                    assertEquals(next++, number[0]);
                } catch (InterruptedCallException e) {
                    interrupts.incrementAndGet();
                    assertTrue(Thread.interrupted());
                }
            }
            return null;
        });
        Thread storm = Thread.ofPlatform().daemon().start(() -> {
            while (!receiver.isDone()) {
                receiver.thread().interrupt();
                Thread.onSpinWait();
            }
        });
        Observe.until(() -> interrupts.get() > 10);
        for (int i = 0; i < messages; i++) {
            from.send(MemorySegment.ofArray(new int[] {i}));
        }
        receiver.join();
        storm.join();
    }

    @Test
    void closingRacesWithEverythingAndHitsNoOtherDescriptor() throws Throwable {
        leavesNoDescriptors(() -> {
            for (int i = 0; i < 300; i++) {
                Endpoint.Pair own = Endpoint.pair();
                Endpoint end = own.first();
                Thread receiver = (i % 2 == 0 ? Thread.ofPlatform().daemon() : Thread.ofVirtual()).start(() ->
                        fails(Errno.EBADF, () -> {
                            for (;;) {
                                end.receive(room(1));
                            }
                        }));
                Thread closer = Thread.ofPlatform().daemon().start(end::close);
                end.close();
                closer.join();
                // Whoever uses the number now must not be disturbed.
                Endpoint.Pair next = Endpoint.pair();
                say(next.first(), "undisturbed");
                assertEquals("undisturbed", hear(next.second()));
                next.close();
                receiver.join();
                own.close();
            }
        });
    }

    @Test
    void virtualThreadsHoldNoCarrierWhileTheyWait() throws Throwable {
        int many = 8 * Runtime.getRuntime().availableProcessors();
        List<Endpoint.Pair> pairs = new ArrayList<>();
        List<Blocked<String>> receivers = new ArrayList<>();
        for (int i = 0; i < many; i++) {
            Endpoint.Pair own = Endpoint.pair();
            pairs.add(own);
            receivers.add(Blocked.in(Blocked.Kind.VIRTUAL, () -> hear(own.second())));
        }
        for (int i = many - 1; i >= 0; i--) { // if carriers were held, the last ones would never have begun
            say(pairs.get(i).first(), "number " + i);
            assertEquals("number " + i, receivers.get(i).join());
        }
        pairs.forEach(Endpoint.Pair::close);
    }

    // ---- The peer is a process ----

    @Test
    void messagesOfAKilledCProcessComeBeforeItsEnd() throws Exception {
        String name = name();
        try (Server server = Server.listen(name)) {
            Process sender = peer("send", name, "20");
            try (Endpoint connection = server.accept()) {
                messagesAndThenTheEnd(connection);
            }
            assertEquals(EXIT_KILLED, sender.waitFor());
        }
    }

    @Test
    void messagesOfAKilledJavaProcessComeBeforeItsEnd() throws Exception {
        String name = name();
        try (Server server = Server.listen(name)) {
            Process sender = javaPeer("send", name, "20");
            try (Endpoint connection = server.accept()) {
                messagesAndThenTheEnd(connection);
            }
            assertEquals(EXIT_KILLED, sender.waitFor());
        }
    }

    private static void messagesAndThenTheEnd(Endpoint connection) {
        int[] number = new int[1];
        for (int i = 0; i < 20; i++) {
            assertEquals(4, connection.receive(MemorySegment.ofArray(number)));
            assertEquals(i, number[0]);
        }
        fails(Errno.ECONNRESET, () -> connection.receive(room(1)));
        TetrapylonException end = assertThrows(TetrapylonException.class, () -> connection.send(bytes(1)));
        assertTrue(end.errno() == Errno.EPIPE || end.errno() == Errno.ECONNRESET, end.getMessage());
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void aKilledPeerWakesABlockedReceiveAndABlockedSend(Blocked.Kind kind) throws Throwable {
        String name = name();
        try (Server server = Server.listen(name)) {
            Process waiter = peer("wait", name);
            try (Endpoint connection = server.accept()) {
                awaitReady(waiter);
                assertEquals(waiter.pid(), connection.peer().pid());
                Blocked<Long> receive = Blocked.in(kind, () -> connection.receive(room(1)));
                waiter.destroyForcibly().waitFor();
                fails(Errno.ECONNRESET, receive::join);
            }
            Process unread = peer("fill", name); // it never receives
            try (Endpoint connection = server.accept()) {
                awaitReady(unread);
                Blocked<Long> send = Blocked.in(kind, () -> {
                    for (;;) {
                        connection.send(bytes(1000));
                    }
                });
                unread.destroyForcibly().waitFor();
                TetrapylonException end = assertThrows(TetrapylonException.class, send::join);
                assertTrue(end.errno() == Errno.EPIPE || end.errno() == Errno.ECONNRESET, end.getMessage());
            }
        }
    }

    @Test
    void aKilledPeerDisturbsNobodyElseAndLeaksNothing() throws Throwable {
        leavesNoDescriptors(() -> {
            String name = name();
            try (Server server = Server.listen(name); MmSupport.Connection other = MmSupport.Connection.open()) {
                for (int i = 0; i < 5; i++) {
                    Process filler = peer("fill", name);
                    try (Endpoint connection = server.accept()) {
                        for (int k = 0; k < 100 * i; k++) {
                            connection.receive(room(1000));
                        }
                        filler.destroyForcibly().waitFor();
                        TetrapylonException end = assertThrows(TetrapylonException.class, () -> {
                            for (;;) {
                                connection.receive(room(1000));
                            }
                        });
                        assertEquals(Errno.ECONNRESET, end.errno());
                    }
                    filler.inputReader().close();
                    filler.outputWriter().close();
                    say(other.client(), "undisturbed");
                    assertEquals("undisturbed", hear(other.server()));
                }
            }
        });
    }
}
