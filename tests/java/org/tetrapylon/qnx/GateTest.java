package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.MessagePriority;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.support.Background;

/** Channel, Connection and Message: the easy way in. */
@Timeout(60)
class GateTest {

    private static final Duration SOON = Duration.ofMillis(20);

    private static byte[] pattern(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 8));
        }
        return bytes;
    }

    /** Answers everything with itself and its length, until the channel is closed. */
    private static Background echo(Channel channel) {
        return Background.platform(() -> {
            Message message = new Message(1 << 21);
            while (true) {
                switch (channel.receive(message)) {
                    case Message it -> it.reply(it.length(), it.payload());
                    case Pulse pulse -> channel.handle(pulse);
                }
            }
        });
    }

    private static int errnoOf(Runnable call) {
        return assertThrows(TetrapylonException.class, call::run).errno();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 8, 56, 57, 64, 1000, 4096, 4097, 65_536, 65_537, 1_048_576})
    void everyKindOfPayloadComesBackWhole(int size) throws Exception {
        byte[] payload = pattern(size);
        Channel channel = Channel.create();
        Background server = echo(channel);
        try (Connection connection = channel.connect(); Arena arena = Arena.ofConfined()) {
            Reply reply = connection.send(payload, size + 10);
            assertEquals(size, reply.status());
            assertArrayEquals(payload, reply.payload());

            MemorySegment out = arena.allocate(Math.max(1, size)).asSlice(0, size);
            MemorySegment in = arena.allocate(size + 1);
            MemorySegment.copy(payload, 0, out, ValueLayout.JAVA_BYTE, 0, size);
            in.set(ValueLayout.JAVA_BYTE, size, (byte) 77);
            assertEquals(size, connection.send(out, in));
            assertArrayEquals(payload, in.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE));
            assertEquals(77, in.get(ValueLayout.JAVA_BYTE, size));

            byte[] heap = new byte[size + 1];
            assertEquals(size, connection.send(MemorySegment.ofArray(payload), MemorySegment.ofArray(heap)));
            assertArrayEquals(payload, java.util.Arrays.copyOf(heap, size));

            for (boolean direct : new boolean[] {false, true}) {
                ByteBuffer message = (direct ? ByteBuffer.allocateDirect(size + 3) : ByteBuffer.allocate(size + 3)).position(3);
                message.put(3, payload);
                ByteBuffer answer = (direct ? ByteBuffer.allocateDirect(size + 5) : ByteBuffer.allocate(size + 5)).position(2);
                assertEquals(size, connection.send(message, answer));
                assertEquals(0, message.remaining());
                assertEquals(2 + size, answer.position());
                byte[] came = new byte[size];
                answer.get(2, came);
                assertArrayEquals(payload, came);
            }
            if (size > 1) {
                in.fill((byte) 0);
                assertEquals(size, connection.send(Iov.of(arena, out.asSlice(0, 1), out.asSlice(1)),
                        Iov.of(arena, in.asSlice(0, size / 2), in.asSlice(size / 2))));
                assertArrayEquals(payload, in.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE));
            }
        }
        channel.close();
        assertEquals(Errno.ESRCH, server.endErrno());
    }

    @Test
    void tenLinesEach() throws Exception {
        String name = "tetrapylon-test-ten-lines-" + ProcessHandle.current().pid();
        Channel channel = Channel.attach(name);
        Background server = Background.platform(() -> {
            Message message = new Message(64);
            while (true) {
                switch (channel.receive(message)) {
                    case Message it -> it.reply(0, ("hello " + new String(it.bytes(), StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8));
                    case Pulse pulse -> channel.handle(pulse);
                }
            }
        });
        try (Connection connection = Connection.open(name)) {
            assertEquals("hello world", new String(connection.send("world".getBytes(StandardCharsets.UTF_8), 64).payload(),
                    StandardCharsets.UTF_8));
        }
        channel.close();
        assertEquals(Errno.ESRCH, server.endErrno());
        assertEquals(Errno.ENOENT, errnoOf(() -> Connection.open(name)));
    }

    @Test
    void aMessageIsAnsweredExactlyOnce() throws Exception {
        try (Channel channel = Channel.create(); Connection connection = channel.connect()) {
            Background client = Background.platform(() -> assertEquals(-5, connection.send(new byte[1], 0).status()));
            Message message = new Message(64);
            assertSame(message, channel.receive(message));
            assertTrue(message.isOpen());
            assertThrows(IllegalStateException.class, () -> channel.receive(message, Duration.ZERO), "not answered yet");
            message.reply(-5);
            client.endWell();
            assertFalse(message.isOpen());
            assertEquals(Errno.ESRCH, errnoOf(() -> message.reply(0)));
            assertEquals(Errno.ESRCH, errnoOf(() -> message.fail(Errno.EIO)));
            assertEquals(Errno.ESRCH, errnoOf(() -> message.read(0, 1)));
            assertEquals(Errno.ESRCH, errnoOf(() -> message.write(0, new byte[1])));
            message.close();
        }
    }

    @Test
    void anUnansweredMessageIsCancelledByClose() throws Exception {
        try (Channel channel = Channel.create(); Connection connection = channel.connect()) {
            Background client = Background.platform(() -> connection.send(new byte[1], 0));
            try (Message message = (Message) channel.receive()) {
                assertEquals(1, message.length());
            }
            assertEquals(Errno.ECANCELED, client.endErrno());
        }
    }

    @Test
    void aDetachedMessageIsAnsweredByItsNumber() throws Exception {
        try (Channel channel = Channel.create(); Connection connection = channel.connect()) {
            Background client = Background.platform(() -> assertEquals(9, connection.send(new byte[1], 0).status()));
            Message message = new Message(64);
            channel.receive(message);
            long rcvid = message.detach();
            message.close();
            assertThrows(DeadlineException.class, () -> channel.receive(message, Duration.ZERO));
            Neutrino.msgReply(rcvid, 9, MemorySegment.NULL, 0);
            client.endWell();
        }
    }

    @Test
    void repliesOfEveryKind() throws Exception {
        byte[] payload = pattern(100);
        try (Channel channel = Channel.create(); Connection connection = channel.connect(); Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_BYTE, payload);
            List<java.util.function.Consumer<Message>> kinds = List.of(
                    it -> it.reply(1, payload),
                    it -> it.reply(1, memory),
                    it -> it.reply(1, MemorySegment.ofArray(payload)),
                    it -> it.reply(1, ByteBuffer.wrap(payload)),
                    it -> it.reply(1, ByteBuffer.allocateDirect(100).put(payload).flip()),
                    it -> it.reply(1, Iov.of(arena, memory.asSlice(0, 10), memory.asSlice(10))),
                    it -> it.reply(1, it.length()));
            Message message = new Message(256);
            for (java.util.function.Consumer<Message> kind : kinds) {
                Background client = Background.platform(() -> {
                    Reply reply = connection.send(payload, 256);
                    assertEquals(1, reply.status());
                    assertArrayEquals(payload, reply.payload());
                });
                channel.receive(message);
                assertArrayEquals(payload, message.bytes());
                assertEquals(100, message.byteBuffer().remaining());
                kind.accept(message);
                client.endWell();
            }
        }
    }

    @Test
    void readAndWriteOfEveryKind() throws Exception {
        byte[] payload = pattern(10_000);
        try (Channel channel = Channel.create(); Connection connection = channel.connect(); Arena arena = Arena.ofConfined()) {
            Background client = Background.platform(() -> {
                Reply reply = connection.send(payload, 10_000);
                // What was written counts to the reply only as far as the final reply says; the room behind it was filled all the same.
                assertEquals(3, reply.status());
            });
            Message message = new Message(100);
            channel.receive(message);
            assertEquals(100, message.length());
            assertEquals(10_000, message.info().srcmsglen());
            assertEquals(10_000, message.info().dstmsglen());
            assertArrayEquals(java.util.Arrays.copyOfRange(payload, 5_000, 6_000), message.read(5_000, 1_000));
            assertEquals(10, message.read(9_990, 1_000).length);
            assertEquals(0, message.read(10_000, 1_000).length);
            MemorySegment memory = arena.allocate(10_000);
            assertEquals(10_000, message.read(0, memory));
            assertArrayEquals(payload, memory.toArray(ValueLayout.JAVA_BYTE));
            byte[] heap = new byte[20];
            assertEquals(20, message.read(100, MemorySegment.ofArray(heap)));
            assertArrayEquals(java.util.Arrays.copyOfRange(payload, 100, 120), heap);
            ByteBuffer buffer = ByteBuffer.allocate(30).position(10);
            assertEquals(20, message.read(200, buffer));
            assertEquals(30, buffer.position());
            assertEquals(payload[219], buffer.get(29));
            assertEquals(8, message.read(0, Iov.of(arena, memory.asSlice(0, 8))));
            assertEquals(5, message.write(0, new byte[5]));
            assertEquals(1, message.write(9_999, new byte[5]));
            assertEquals(0, message.write(10_000, memory));
            assertEquals(20, message.write(7, ByteBuffer.allocate(20)));
            assertEquals(8, message.write(0, Iov.of(arena, memory.asSlice(0, 8))));
            message.reply(3);
            client.endWell();
        }
    }

    @Test
    void deadlines() throws Exception {
        try (Channel channel = Channel.create(); Connection connection = channel.connect()) {
            Message message = new Message(64);
            assertThrows(DeadlineException.class, () -> channel.receive(message, Duration.ZERO));
            long since = System.nanoTime();
            assertThrows(DeadlineException.class, () -> channel.receive(message, SOON));
            assertTrue(System.nanoTime() - since >= SOON.toNanos());
            assertThrows(DeadlineException.class, () -> connection.send(new byte[1], 1, Duration.ZERO));
            assertThrows(DeadlineException.class, () -> connection.send(new byte[1], 1, SOON));
            assertThrows(DeadlineException.class, () -> connection.send(new byte[1], 1, Duration.ofSeconds(-1)));
            assertThrows(DeadlineException.class, () -> connection.send(ByteBuffer.allocate(1), ByteBuffer.allocate(1), SOON));
            assertThrows(DeadlineException.class, () -> connection.send(MemorySegment.NULL, MemorySegment.NULL, SOON));

            Background client = Background.platform(() -> connection.send(new byte[1], 1, SOON));
            assertSame(message, channel.receive(message), "the one that still wants it");
            assertEquals(Errno.ETIMEDOUT, client.endErrno());
            assertEquals(Errno.ESRCH, errnoOf(() -> message.reply(0)));

            Background patient = Background.platform(() -> assertEquals(1, connection.send(new byte[1], 1, Duration.ofSeconds(Long.MAX_VALUE)).status()));
            channel.receive(message, Duration.ofDays(100_000));
            message.reply(1);
            patient.endWell();
        }
    }

    @Test
    void onAnUnblockChannelTheServerDecides() throws Exception {
        try (Channel channel = Channel.create(Neutrino._NTO_CHF_UNBLOCK); Connection connection = channel.connect()) {
            Background client = Background.platform(() -> assertEquals(42, connection.send(new byte[1], 1, SOON).status()));
            Message message = new Message(64);
            channel.receive(message);
            Pulse.Unblock pulse = assertInstanceOf(Pulse.Unblock.class, channel.receive(new Message(64)));
            assertEquals(message.rcvid(), pulse.rcvid());
            assertEquals(message.info().scoid(), pulse.scoid());
            assertTrue(message.isUnblockRequested());
            message.reply(42);
            client.endWell();

            Background other = Background.platform(() -> connection.send(new byte[1], 1, SOON));
            channel.receive(message);
            channel.handle((Pulse) channel.receive(new Message(64)));
            assertEquals(Errno.ETIMEDOUT, other.endErrno(), "the reason it had");
            message.close();
        }
    }

    @Test
    void pulsesHaveTypes() throws Exception {
        try (Channel channel = Channel.create(Neutrino._NTO_CHF_DISCONNECT | Neutrino._NTO_CHF_COID_DISCONNECT)) {
            Connection connection = channel.connect();
            connection.pulse(7, -1L);
            connection.pulse(200, 8, 1L << 40);
            Pulse.User urgent = assertInstanceOf(Pulse.User.class, channel.receive());
            assertEquals(8, urgent.code());
            assertEquals(1L << 40, urgent.value());
            assertEquals(-1, assertInstanceOf(Pulse.User.class, channel.receive()).value());
            assertEquals(Errno.EINVAL, errnoOf(() -> connection.pulse(1000, 0)));

            Channel dying = Channel.create();
            Connection toIt = dying.connect();
            dying.close();
            Pulse.CoidDeath death = assertInstanceOf(Pulse.CoidDeath.class, channel.receive());
            assertEquals(toIt.coid(), death.coid());
            toIt.close();

            connection.close();
            Pulse.Disconnect gone = assertInstanceOf(Pulse.Disconnect.class, channel.receive());
            assertEquals(urgent.scoid(), gone.scoid());
            channel.handle(gone);
        }
    }

    @Test
    void aThreadsDeathIsTold() throws Exception {
        try (Channel channel = Channel.create(Neutrino._NTO_CHF_THREAD_DEATH); Connection connection = channel.connect()) {
            Background client = Background.platform(() -> connection.pulse(1, tetrapylon_h.tpy_thread_number_self()));
            // Threads of earlier tests may be ending only now: their deaths are told too, and are nothing of ours.
            Received first = channel.receive();
            while (first instanceof Pulse.ThreadDeath) {
                first = channel.receive();
            }
            long number = assertInstanceOf(Pulse.User.class, first).value();
            client.endWell();
            Received death = channel.receive();
            while (assertInstanceOf(Pulse.ThreadDeath.class, death).tid() != number) {
                death = channel.receive();
            }
        }
    }

    @Test
    void messagesAreReceivedByPriority() throws Exception {
        int[] priorities = {10, 40, 20, 255, 0};
        try (Channel channel = Channel.create(); Connection connection = channel.connect()) {
            List<Background> clients = new java.util.ArrayList<>();
            for (int priority : priorities) {
                // The last in any case: a virtual thread does not tell when its worker has sent.
                boolean virtual = priority == 0;
                Background.Body body = () -> {
                    MessagePriority.set(priority);
                    assertEquals(priority, MessagePriority.get());
                    assertEquals(priority, connection.send(new byte[1], 1).status());
                };
                clients.add(virtual ? Background.virtual(body) : Background.platform(body));
            }
            for (Background client : clients) {
                if (!client.thread().isVirtual()) {
                    client.awaitBlocked();
                }
            }
            Message message = new Message(64);
            List<Integer> order = new java.util.ArrayList<>();
            for (int i = 0; i < priorities.length; i++) {
                channel.receive(message);
                order.add(message.info().priority());
                message.reply(message.info().priority());
            }
            assertEquals(List.of(255, 40, 20, 10, 0), order);
            for (Background client : clients) {
                client.endWell();
            }
        }
        assertEquals(Errno.EINVAL, errnoOf(() -> MessagePriority.set(256)));
        assertEquals(Errno.EINVAL, errnoOf(() -> MessagePriority.set(-2)));
    }

    @Test
    void useAfterClose() {
        Channel channel = Channel.create();
        Connection connection = channel.connect();
        connection.close();
        connection.close();
        assertEquals(Errno.EBADF, errnoOf(() -> connection.send(new byte[1], 1)));
        assertEquals(Errno.EBADF, errnoOf(() -> connection.send(MemorySegment.NULL, MemorySegment.NULL)));
        assertEquals(Errno.EBADF, errnoOf(() -> connection.send(ByteBuffer.allocate(1), ByteBuffer.allocate(1))));
        assertEquals(Errno.EBADF, errnoOf(() -> connection.pulse(1, 1)));
        assertEquals(Errno.EBADF, errnoOf(connection::serverInfo));
        channel.close();
        channel.close();
        assertEquals(Errno.ESRCH, errnoOf(() -> channel.receive(new Message(64))));
        assertEquals(Errno.ESRCH, errnoOf(channel::connect));
        assertEquals(Errno.ESRCH, errnoOf(() -> channel.admit(Channel.Admit.ALL)));
        Connection next = null;
        try (Channel another = Channel.create()) {
            next = another.connect();
            assertNotEquals(connection.coid(), next.coid(), "a number is not used again at once");
        } finally {
            if (next != null) {
                next.close();
            }
        }
    }

    @Test
    void theClientIsAttested() throws Exception {
        try (Channel channel = Channel.create(); Connection connection = channel.connect()) {
            channel.admit(Channel.Admit.PROCESS);
            channel.admit(Channel.Admit.USER);
            Background client = Background.platform(() -> connection.send(new byte[3], 9));
            Message message = new Message(64);
            channel.receive(message);
            assertEquals(ProcessHandle.current().pid(), message.info().pid());
            assertEquals(ProcessHandle.current().pid(), channel.client(message.info().scoid()).pid());
            assertEquals(connection.coid(), message.info().coid());
            assertEquals(channel.chid(), connection.serverInfo().chid());
            message.reply(0);
            client.endWell();
        }
    }

    @Test
    void manyClientsAndServersAtOnce() throws Exception {
        int clients = 6;
        int calls = 300;
        Channel channel = Channel.create();
        List<Background> servers = List.of(echo(channel), echo(channel), echo(channel));
        List<Background> senders = java.util.stream.IntStream.range(0, clients).mapToObj(number -> Background.platform(() -> {
            try (Connection connection = channel.connect()) {
                for (int i = 0; i < calls; i++) {
                    byte[] payload = (number + ":" + i).getBytes(StandardCharsets.US_ASCII);
                    assertArrayEquals(payload, connection.send(payload, 64).payload());
                }
            }
        })).toList();
        for (Background sender : senders) {
            sender.endWell();
        }
        channel.close();
        for (Background server : servers) {
            assertEquals(Errno.ESRCH, server.endErrno());
        }
    }

    @Test
    void messagesNeedMemoryForAPulse() {
        assertThrows(IllegalArgumentException.class, () -> new Message(MemorySegment.ofArray(new byte[100])));
        try (Arena arena = Arena.ofConfined()) {
            assertThrows(IllegalArgumentException.class, () -> new Message(arena.allocate(23)));
            assertThrows(IllegalArgumentException.class, () -> new Message(arena.allocate(64).asReadOnly()));
            assertEquals(64, new Message(arena.allocate(64)).buffer().byteSize());
        }
        assertTrue(new Message(0).buffer().byteSize() >= Pulse.size());
    }
}
