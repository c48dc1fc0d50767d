package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Observe;

/** Thread.interrupt and close end a blocked call, of platform and virtual threads; virtual threads that wait do not hold up others. */
@Timeout(60)
class InterruptTest {

    private Channel channel;
    private Connection connection;

    @BeforeEach
    void open() {
        channel = Channel.create();
        connection = channel.connect();
    }

    @AfterEach
    void close() {
        connection.close();
        channel.close();
    }

    private static void assertInterrupted(Background thread) throws InterruptedException {
        Throwable thrown = thread.end();
        assertInstanceOf(InterruptedCallException.class, thrown, () -> "thrown: " + thrown);
        assertTrue(thread.wasInterruptedAtEnd(), "the interrupt status stays set");
    }

    private static Background start(boolean virtual, Background.Body body) {
        return virtual ? Background.virtual(body) : Background.platform(body);
    }

    /** Virtual threads that wait for their worker are parked. */
    private static void awaitBlocked(Background thread) {
        if (thread.thread().isVirtual()) {
            Observe.until("the virtual thread waits", () -> thread.thread().getState() == Thread.State.WAITING);
            Observe.until("a worker sleeps in the call", () -> Thread.getAllStackTraces().keySet().stream()
                    .anyMatch(it -> it.getName().startsWith("tetrapylon-worker")));
        } else {
            thread.awaitBlocked();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void interruptEndsAReceive(boolean virtual) throws Exception {
        Background receiver = start(virtual, () -> channel.receive());
        awaitBlocked(receiver);
        receiver.thread().interrupt();
        assertInterrupted(receiver);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void interruptEndsASendThatNobodyReceives(boolean virtual) throws Exception {
        Background sender = start(virtual, () -> connection.send(new byte[1], 1));
        awaitBlocked(sender);
        sender.thread().interrupt();
        assertInterrupted(sender);
        assertThrows(DeadlineException.class, () -> channel.receive(new Message(64), Duration.ZERO), "it has left the queue");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void interruptEndsASendThatWaitsForItsReply(boolean virtual) throws Exception {
        Background sender = start(virtual, () -> connection.send(new byte[1], 1));
        Message message = new Message(64);
        channel.receive(message);
        sender.thread().interrupt();
        assertInterrupted(sender);
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(message.detach(), 0, MemorySegment.NULL, 0), "late");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void onAnUnblockChannelTheServerIsAsked(boolean virtual) throws Exception {
        try (Channel unblock = Channel.create(Neutrino._NTO_CHF_UNBLOCK); Connection toIt = unblock.connect()) {
            Background sender = start(virtual, () -> toIt.send(new byte[1], 1));
            Message message = new Message(64);
            unblock.receive(message);
            sender.thread().interrupt();
            Pulse.Unblock pulse = assertInstanceOf(Pulse.Unblock.class, unblock.receive(new Message(64)));
            assertEquals(message.rcvid(), pulse.rcvid());
            message.fail(-1);
            assertInterrupted(sender);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aThreadThatIsInterruptedAlreadyDoesNotBlock(boolean virtual) throws Exception {
        for (Background.Body body : List.<Background.Body>of(() -> channel.receive(), () -> connection.send(new byte[1], 1),
                () -> Neutrino.msgReceivePulse(channel.chid(), MemorySegment.NULL, 0))) {
            assertInterrupted(start(virtual, () -> {
                Thread.currentThread().interrupt();
                body.run();
            }));
        }
        assertThrows(DeadlineException.class, () -> channel.receive(new Message(64), Duration.ZERO), "nothing was sent");
    }

    @Test
    void anInterruptEndsOneCallOnly() throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        Background receiver = Background.platform(() -> {
            assertThrows(InterruptedCallException.class, () -> channel.receive());
            assertTrue(Thread.interrupted());
            ended.countDown();
            Message message = new Message(64);
            channel.receive(message);
            message.reply(7);
        });
        receiver.awaitBlocked();
        receiver.thread().interrupt();
        // Sent before, the message could still have come to the first call.
        assertTrue(ended.await(20, TimeUnit.SECONDS));
        assertEquals(7, connection.send(new byte[1], 1).status());
        receiver.endWell();
    }

    /** Each of many interrupts, at any moment of running exchanges, ends one call, its own or the next; and nothing else does. */
    @Test
    void interruptsAtAnyMomentLoseNothing() throws Exception {
        int interrupts = 3_000;
        Background server = Background.platform(() -> {
            Message message = new Message(64);
            while (true) {
                channel.receive(message);
                try {
                    message.reply(message.buffer().get(ValueLayout.JAVA_LONG, 0), 8);
                } catch (TetrapylonException e) {
                    assertEquals(Errno.ESRCH, e.errno());
                }
            }
        });
        AtomicInteger seen = new AtomicInteger();
        AtomicLong answered = new AtomicLong();
        Background client = Background.platform(() -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment out = arena.allocate(8);
                MemorySegment in = arena.allocate(8);
                for (long i = 1; seen.get() < interrupts; i++) {
                    out.set(ValueLayout.JAVA_LONG, 0, i);
                    try {
                        assertEquals(i, connection.send(out, in));
                        assertEquals(i, in.get(ValueLayout.JAVA_LONG, 0));
                        answered.incrementAndGet();
                    } catch (InterruptedCallException e) {
                        assertTrue(Thread.interrupted(), "only an interrupt ends a call so");
                        seen.incrementAndGet();
                    }
                }
            }
        });
        for (int i = 0; i < interrupts && client.thread().isAlive(); i++) {
            long before = answered.get();
            for (int pause = i % 64; pause > 0 && answered.get() < before + pause / 16; pause--) {
                Thread.onSpinWait();
            }
            client.thread().interrupt();
            while (seen.get() == i && client.thread().isAlive()) {
                Thread.yield();
            }
        }
        client.endWell();
        assertEquals(interrupts, seen.get());
        channel.close();
        assertEquals(Errno.ESRCH, server.endErrno());
    }

    /** A channel of the JDK takes the thread's registration away when it is done; a later call must have its own. */
    @Test
    void interruptWorksAfterTheJdkHasUsedIts() throws Exception {
        Background receiver = Background.platform(() -> {
            Pipe pipe = Pipe.open();
            pipe.sink().write(ByteBuffer.allocate(1));
            pipe.source().read(ByteBuffer.allocate(1));
            channel.receive();
        });
        receiver.awaitBlocked();
        receiver.thread().interrupt();
        assertInterrupted(receiver);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void closeEndsBlockedCalls(boolean virtual) throws Exception {
        Background sendBlocked = start(virtual, () -> connection.send(new byte[1], 1));
        Message message = new Message(64);
        channel.receive(message);
        Background receiver = start(virtual, () -> channel.receive());
        awaitBlocked(receiver);
        connection.close();
        assertEquals(Errno.EBADF, sendBlocked.endErrno());
        channel.close();
        assertEquals(Errno.ESRCH, receiver.endErrno());
        message.detach();
    }

    // ---- Virtual threads

    @Test
    void virtualThreadsThatWaitDoNotHoldUpTheirCarriers() throws Exception {
        int waiting = 4 * Runtime.getRuntime().availableProcessors() + 8;
        List<Background> senders = new ArrayList<>();
        List<Long> rcvids = new ArrayList<>();
        for (int i = 0; i < waiting; i++) {
            senders.add(Background.virtual(() -> assertEquals(1, connection.send(new byte[1], 1).status())));
            Message message = new Message(64);
            channel.receive(message);
            rcvids.add(message.detach());
        }
        List<Background> receivers = new ArrayList<>();
        try (Channel other = Channel.create()) {
            for (int i = 0; i < waiting; i++) {
                receivers.add(Background.virtual(() -> other.receive()));
            }
            // All of them wait; if they held their carriers, this one would never run.
            CountDownLatch ran = new CountDownLatch(1);
            Background.virtual(ran::countDown);
            assertTrue(ran.await(20, TimeUnit.SECONDS), "the carriers are held up");
        }
        for (Background receiver : receivers) {
            assertEquals(Errno.ESRCH, receiver.endErrno());
        }
        for (long rcvid : rcvids) {
            Neutrino.msgReply(rcvid, 1, MemorySegment.NULL, 0);
        }
        for (Background sender : senders) {
            sender.endWell();
        }
    }

    @Test
    void virtualThreadsMayUseTheirConfinedMemory() throws Exception {
        Background server = Background.virtual(() -> {
            try (Arena arena = Arena.ofConfined()) {
                Message message = new Message(arena.allocate(64));
                channel.receive(message);
                assertArrayEquals(new byte[] {1, 2, 3}, message.bytes());
                message.reply(5, message.length());
                MemorySegment buffer = arena.allocate(64);
                MsgInfo info = new MsgInfo(arena);
                long rcvid = Neutrino.msgReceivev(channel.chid(), Iov.of(arena, buffer), info);
                assertEquals(3, info.msglen());
                Neutrino.msgReplyv(rcvid, 6, Iov.of(arena, buffer.asSlice(0, 3)));
            }
        });
        Background client = Background.virtual(() -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment out = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1, (byte) 2, (byte) 3);
                MemorySegment in = arena.allocate(3);
                assertEquals(5, connection.send(out, in));
                assertEquals(-1, out.mismatch(in));
                in.fill((byte) 0);
                assertEquals(6, connection.send(Iov.of(arena, out), Iov.of(arena, in)));
                assertEquals(-1, out.mismatch(in));
            }
        });
        client.endWell();
        server.endWell();
    }

    @Test
    void timeoutsOfVirtualThreads() throws Exception {
        Background.virtual(() -> {
            assertThrows(DeadlineException.class, () -> channel.receive(new Message(64), Duration.ofMillis(5)));
            assertThrows(DeadlineException.class, () -> connection.send(new byte[1], 1, Duration.ofMillis(5)));
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment buffer = arena.allocate(64);
                Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 3_600_000_000_000L);
                long left = Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 1_000_000);
                assertTrue(left > 3_000_000_000_000L, "left: " + left);
                assertEquals(-Errno.ETIMEDOUT, Neutrino.msgReceive_r(channel.chid(), buffer, 64, null));
                Neutrino.timerTimeout(Neutrino.CLOCK_REALTIME, Neutrino._NTO_TIMEOUT_SEND, null, 0);
                assertEquals(-Errno.ETIMEDOUT, Neutrino.msgSend_r(connection.coid(), buffer, 1, buffer, 1));
            }
        }).endWell();
    }

    @Test
    void aWorkersInterruptDoesNotReachTheNextTask() throws Exception {
        for (int i = 0; i < 50; i++) {
            Background interrupted = Background.virtual(() -> channel.receive());
            awaitBlocked(interrupted);
            interrupted.thread().interrupt();
            assertInterrupted(interrupted);
            Background fine = Background.virtual(() -> assertEquals(1, connection.send(new byte[1], 1).status()));
            Message message = new Message(64);
            channel.receive(message);
            message.reply(1);
            fine.endWell();
            assertFalse(fine.wasInterruptedAtEnd());
        }
    }
}
