package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** Java and another process, which is written in C or in Java, on either side; and what is left when that one is killed. */
@Timeout(90)
class PeerTest {

    /** Death must be seen within 50 ms; on a machine full of other work this is what a test can ask for. */
    private static final Duration DEATH_LIMIT = Duration.ofSeconds(2);
    private static final int[] SIZES = {1, 8, 57, 4096, 65_536, 300_000, 1 << 20};

    private static int errnoOf(Runnable call) {
        return assertThrows(TetrapylonException.class, call::run).errno();
    }

    // ---- The peer is the server

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void callsToAPeer(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = QnxPeer.start(language, "serve", name)) {
            peer.expect("ready");
            try (Connection connection = Connection.open(name); Channel own = Channel.create(); Connection toOwn = own.connect();
                    Arena arena = Arena.ofConfined()) {
                assertEquals(peer.pid(), connection.serverInfo().pid());
                for (int size : SIZES) {
                    byte[] payload = new byte[size];
                    for (int i = 0; i < size; i++) {
                        payload[i] = (byte) (i * 13);
                    }
                    payload[0] = 'e';
                    Reply reply = connection.send(payload, size + 1);
                    assertEquals(size, reply.status());
                    assertArrayEquals(payload, reply.payload());

                    payload[0] = 't';
                    MemorySegment in = arena.allocate(size);
                    assertEquals(size, connection.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, payload), in));
                    for (int i = 0; i < size; i++) {
                        assertEquals((byte) (payload[i] + 1), in.get(ValueLayout.JAVA_BYTE, i));
                    }
                }
                assertEquals(Errno.EPERM, errnoOf(() -> connection.send(new byte[] {'x'}, 0)));
                assertEquals(Errno.ENOSYS, errnoOf(() -> connection.send(new byte[] {'?'}, 0)));

                MemorySegment told = MemorySegment.ofArray(new long[3]);
                connection.send(MemorySegment.ofArray("information".getBytes(StandardCharsets.US_ASCII)), told);
                assertEquals(ProcessHandle.current().pid(), told.get(ValueLayout.JAVA_INT, 0));
                assertEquals((int) Files.getAttribute(Path.of("/proc/self"), "unix:uid"), told.get(ValueLayout.JAVA_INT, 4));
                assertEquals(11, told.get(ValueLayout.JAVA_LONG, 8));
                assertEquals(24, told.get(ValueLayout.JAVA_LONG, 16));

                connection.pulse(12, -99);
                assertEquals("pulse 12 -99", peer.expect("pulse"));

                MemorySegment withEvent = arena.allocate(8 + SigEvent.SIZE);
                withEvent.set(ValueLayout.JAVA_BYTE, 0, (byte) 'v');
                withEvent.asSlice(8).copyFrom(SigEvent.pulse(arena, toOwn.coid(), 10, 55, 1L << 33).segment());
                connection.send(withEvent, MemorySegment.NULL);
                Pulse.User event = assertInstanceOf(Pulse.User.class, own.receive());
                assertEquals(55, event.code());
                assertEquals(1L << 33, event.value());
            }
            peer.expect("disconnect");
            try (Connection again = Connection.open(name)) {
                again.send(new byte[] {'q'}, 0);
            }
            assertEquals(0, peer.end());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aKilledServerIsSeenInEveryState(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = QnxPeer.start(language, "serve", name); Channel own = Channel.create(Neutrino._NTO_CHF_COID_DISCONNECT)) {
            peer.expect("ready");
            Connection connection = Connection.open(name);
            Background held = Background.platform(() -> connection.send(new byte[] {'h'}, 1));
            peer.expect("held");
            Background busy = Background.platform(() -> connection.send(new byte[] {'b'}, 1));
            peer.expect("busy");
            Background sendBlocked = Background.platform(() -> connection.send(new byte[] {'e'}, 1));
            Background virtual = Background.virtual(() -> connection.send(new byte[] {'e'}, 1));
            sendBlocked.awaitBlocked();
            held.awaitBlocked();
            peer.kill();
            long since = System.nanoTime();
            assertEquals(Errno.ESRCH, held.endErrno());
            assertEquals(Errno.ESRCH, busy.endErrno());
            assertEquals(Errno.ESRCH, sendBlocked.endErrno());
            int last = virtual.endErrno();
            assertTrue(last == Errno.ESRCH || last == Errno.EBADF, "it may have begun afterwards: " + last);
            assertTrue(System.nanoTime() - since < DEATH_LIMIT.toNanos(), "seen late");
            assertEquals(Errno.EBADF, errnoOf(() -> connection.send(new byte[] {'e'}, 1)));
            assertEquals(Errno.EBADF, errnoOf(() -> connection.pulse(1, 1)));
            assertEquals(connection.coid(), assertInstanceOf(Pulse.CoidDeath.class, own.receive()).coid());
            connection.close();
            assertEquals(Errno.ENOENT, errnoOf(() -> Connection.open(name)));
            Channel.attach(name).close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aServerThatKillsItselfWithTheMessage(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = QnxPeer.start(language, "serve", name)) {
            peer.expect("ready");
            try (Connection connection = Connection.open(name)) {
                assertEquals(Errno.ESRCH, errnoOf(() -> connection.send(new byte[] {'k'}, 1)));
            }
        }
    }

    // ---- The peer is the client

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void callsFromAPeer(String language) throws Exception {
        int count = 44;
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start(language, "call", name, Integer.toString(count))) {
            Message message = new Message(1 << 20);
            for (int i = 0; i < count; i++) {
                assertInstanceOf(Message.class, channel.receive(message));
                assertEquals(peer.pid(), message.info().pid());
                assertEquals(message.length(), message.info().dstmsglen());
                message.reply(message.length(), message.payload());
            }
            assertEquals("ok " + count, peer.expect("ok"));
            assertEquals(0, peer.end());
            channel.handle(assertInstanceOf(Pulse.Disconnect.class, channel.receive()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void pulsesFromAPeer(String language) throws Exception {
        int count = 500;
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start(language, "pulses", name, Integer.toString(count))) {
            Message none = new Message(64);
            for (int i = 0; i < count; i++) {
                Received received = channel.receive(none);
                // The notice that the peer has gone overtakes what it left, as documented.
                Pulse.User pulse = assertInstanceOf(Pulse.User.class,
                        received instanceof Pulse.Disconnect ? channel.receive(none) : received);
                assertEquals(i & 127, pulse.code());
                assertEquals(-i, pulse.value());
            }
            peer.expect("ok");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aKilledClientIsSeenWhileReplyBlocked(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start(language, "hang", name)) {
            Message message = new Message(64);
            channel.receive(message);
            peer.kill();
            // The channel has CHF_UNBLOCK: the server hears of it first, then has a grace.
            Pulse.Unblock unblock = assertInstanceOf(Pulse.Unblock.class, channel.receive(new Message(64), DEATH_LIMIT));
            assertEquals(message.rcvid(), unblock.rcvid());
            assertEquals(Errno.ESRCH, errnoOf(() -> message.reply(0)));
            channel.handle(assertInstanceOf(Pulse.Disconnect.class, channel.receive(message, DEATH_LIMIT)));
        }
    }

    /** Waits until one thread of the process is in that state on this channel. */
    private static void awaitState(PeerProcess peer, ThreadState.State state, int chid) {
        Observe.until(state + " of the peer", () -> statesOf(peer.pid()).stream()
                .anyMatch(it -> it.state() == state && it.port() == chid));
    }

    private static List<ThreadState> statesOf(long pid) {
        try {
            return ThreadState.of(pid);
        } catch (TetrapylonException e) {
            assertEquals(Errno.ESRCH, e.errno(), "it has not begun yet");
            return List.of();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aClientKilledWhileSendBlockedLeavesTheQueue(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start(language, "hang", name)) {
            peer.expect("sending");
            awaitState(peer, ThreadState.State.SEND, channel.chid());
            peer.kill();
            // Only the pulse is asked for: until the death is seen, the message could be received.
            Message message = new Message(64);
            Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, DEATH_LIMIT.toNanos());
            Neutrino.msgReceivePulse(channel.chid(), message.buffer(), message.buffer().byteSize());
            channel.handle(assertInstanceOf(Pulse.Disconnect.class, Neutrino.pulse(message.buffer())));
            assertThrows(DeadlineException.class, () -> channel.receive(message, Duration.ZERO));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void blockedStatesAreSeenFromOutside(String language) throws Exception {
        String name = PeerProcess.freshName();
        String other = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start(language, "hang", name);
                PeerProcess server = QnxPeer.start(language, "serve", other)) {
            peer.expect("sending");
            awaitState(peer, ThreadState.State.SEND, channel.chid());
            Message message = new Message(64);
            channel.receive(message);
            awaitState(peer, ThreadState.State.REPLY, channel.chid());
            ThreadState state = statesOf(peer.pid()).stream().filter(it -> it.state() == ThreadState.State.REPLY).findFirst().orElseThrow();
            assertEquals(ProcessHandle.current().pid(), state.partner());
            assertEquals(message.info().tid(), state.thread());
            assertTrue(Files.exists(Path.of("/proc/" + peer.pid() + "/task/" + state.tid())));
            message.reply(0);
            peer.expect("ended 0");
            int chid = Integer.parseInt(server.expect("ready").split(" ")[2]);
            awaitState(server, ThreadState.State.RECEIVE, chid);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aStoppedClientHoldsUpNobody(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start(language, "hang", name);
                Connection honest = channel.connect()) {
            Message message = new Message(64);
            channel.receive(message);
            peer.signal("STOP");
            message.reply(77);
            Background server = Background.platform(() -> {
                for (int i = 0; i < 100; i++) {
                    channel.receive(message);
                    message.reply(i);
                }
            });
            for (int i = 0; i < 100; i++) {
                assertEquals(i, honest.send(new byte[1], 0).status());
            }
            server.endWell();
            peer.signal("CONT");
            assertEquals("ended 77 0", peer.expect("ended"));
        }
    }

    // ---- Many deaths

    private static long descriptors() {
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return files.count();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void aServerSurvivesClientsKilledAtAnyMoment() throws Exception {
        int deaths = 150;
        String name = PeerProcess.freshName();
        Channel channel = Channel.attach(name);
        Background server = Background.platform(() -> {
            Message message = new Message(1 << 17);
            while (true) {
                switch (channel.receive(message)) {
                    case Message it -> {
                        try {
                            it.reply(it.length(), it.payload());
                        } catch (TetrapylonException e) {
                            assertEquals(Errno.ESRCH, e.errno());
                        }
                    }
                    case Pulse pulse -> channel.handle(pulse);
                }
            }
        });
        long before = 0;
        try (Connection honest = channel.connect()) {
            for (int i = 0; i < deaths; i++) {
                try (PeerProcess peer = QnxPeer.start("c", "hammer", name)) {
                    peer.expect("hammering");
                    for (int call = 0; call < 1 + i % 7 * 20; call++) {
                        byte[] payload = {'e', (byte) call};
                        assertArrayEquals(payload, honest.send(payload, 2).payload());
                    }
                    peer.kill();
                }
                if (i == 5) {
                    Observe.until("the first dead are cleared away", () -> quiet(honest));
                    before = descriptors();
                }
            }
            long limit = before;
            Observe.until("descriptors come back to " + limit, () -> descriptors() <= limit);
        }
        channel.close();
        assertEquals(Errno.ESRCH, server.endErrno());
    }

    private static boolean quiet(Connection honest) {
        long count = descriptors();
        honest.send(new byte[] {'e'}, 1);
        return count == descriptors();
    }

    @Test
    void aClientSurvivesServersKilledAtAnyMoment() throws Exception {
        String name = PeerProcess.freshName();
        List<Integer> ends = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            try (PeerProcess peer = QnxPeer.start("c", "serve", name)) {
                peer.expect("ready");
                Connection connection = Connection.open(name);
                Background client = Background.platform(() -> {
                    byte[] payload = new byte[20_000];
                    payload[0] = 'e';
                    while (true) {
                        assertArrayEquals(payload, connection.send(payload, payload.length).payload());
                    }
                });
                for (int pulses = 0; pulses < i; pulses++) {
                    connection.pulse(1, pulses);
                }
                peer.kill();
                ends.add(client.endErrno());
                connection.close();
            }
        }
        assertTrue(ends.stream().allMatch(errno -> errno == Errno.ESRCH || errno == Errno.EBADF), ends.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aClientIsToldThatTheChannelHasGone(String language) throws Exception {
        String name = PeerProcess.freshName();
        Channel channel = Channel.attach(name);
        try (PeerProcess peer = QnxPeer.start(language, "hammer", name)) {
            Message message = new Message(1 << 17);
            channel.receive(message);
            message.reply(message.length(), message.payload());
            channel.close();
            String end = peer.expect("ended");
            assertTrue(end.equals("ended -1 " + Errno.ESRCH) || end.equals("ended -1 " + Errno.EBADF), end);
            assertEquals(0, peer.end());
        }
    }
}
