package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.support.Observe.fails;
import static org.tetrapylon.mm.MmSupport.assertSame;
import static org.tetrapylon.mm.MmSupport.bytes;
import static org.tetrapylon.mm.MmSupport.hear;
import static org.tetrapylon.mm.MmSupport.none;
import static org.tetrapylon.mm.MmSupport.room;
import static org.tetrapylon.mm.MmSupport.say;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Blocked;
import org.tetrapylon.support.Libc;

/** The bytes of a message: sizes, pieces, truncation, memory of every kind, and when a send waits. */
@Timeout(20)
class MessageTest {

    private static final Duration NOT_AT_ALL = Duration.ZERO;

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

    private int limit() {
        int fits = 0;
        int tooMuch = 1 << 24;
        while (tooMuch - fits > 1) {
            int size = (fits + tooMuch) >>> 1;
            boolean sent = sends(size);
            fits = sent ? size : fits;
            tooMuch = sent ? tooMuch : size;
        }
        return fits;
    }

    private boolean sends(int size) {
        try {
            from.send(room(size), NOT_AT_ALL);
        } catch (TetrapylonException e) {
            assertEquals(Errno.EMSGSIZE, e.errno(), e.getMessage());
            return false;
        }
        to.receive(room(0));
        return true;
    }

    @Test
    void everySizeFromNothingToTheLimit() {
        int limit = limit();
        assertTrue(limit > 100_000, "limit " + limit);
        MemorySegment room = room(limit + 1);
        IntStream sizes = IntStream.concat(IntStream.rangeClosed(0, 300),
                IntStream.iterate(512, size -> size + 1 < limit, size -> 2 * size).flatMap(it -> IntStream.of(it - 1, it, it + 1)));
        IntStream.concat(sizes, IntStream.of(limit - 1, limit)).forEach(size -> {
            MemorySegment message = bytes(size);
            assertEquals(size, from.send(message));
            assertEquals(size, to.receive(room));
            assertSame(message, room.asSlice(0, size));
        });
    }

    @Test
    void overTheLimitNothingIsSent() {
        int limit = limit();
        fails(Errno.EMSGSIZE, () -> from.send(room(limit + 1)));
        fails(Errno.EMSGSIZE, () -> from.send(ByteBuffer.allocateDirect(limit + 1)));
        fails(Errno.EMSGSIZE, () -> from.send(ByteBuffer.allocate(limit + 1)));
        fails(Errno.EMSGSIZE, () -> from.send(new MemorySegment[] {room(limit), room(1)}, null));
        assertThrows(DeadlineException.class, () -> to.receive(room(1), NOT_AT_ALL));
        say(from, "next");
        assertEquals("next", hear(to));
    }

    @Test
    void theLimitFollowsTheSendRoom() {
        from.sendRoom(10_000);
        int limit = limit();
        assertTrue(limit > 10_000 && limit < 20_000, "limit " + limit);
    }

    @Test
    void anEmptyMessageIsAMessage() {
        assertEquals(0, from.send(room(0)));
        assertEquals(0, from.send(none(), null));
        assertEquals(0, from.send(ByteBuffer.allocate(0)));
        say(from, "after");
        assertEquals(0, to.receive(room(10)));
        assertEquals(0, to.receive(none(), null));
        try (Received received = new Received(1)) {
            assertEquals(0, to.receive(new MemorySegment[] {room(10)}, received));
            assertFalse(received.bytesLost());
            assertEquals(0, received.descriptorCount());
        }
        assertEquals("after", hear(to));
    }

    @Test
    void everyTruncation() {
        try (Received received = new Received(0)) {
            for (int size = 0; size <= 64; size++) {
                MemorySegment message = bytes(size);
                for (int room = 0; room <= 66; room++) {
                    MemorySegment direct = room(room);
                    byte[] heap = new byte[room];
                    int fits = Math.min(size, room);
                    for (MemorySegment piece : new MemorySegment[] {direct, MemorySegment.ofArray(heap)}) {
                        from.send(message);
                        say(from, "next");
                        assertEquals(fits, to.receive(new MemorySegment[] {piece}, received));
                        assertEquals(size > room, received.bytesLost());
                        assertFalse(received.descriptorsLost());
                        assertSame(message.asSlice(0, fits), piece.asSlice(0, fits));
                        for (int i = fits; i < room; i++) {
                            assertEquals(0, piece.get(ValueLayout.JAVA_BYTE, i), "behind the message");
                        }
                        assertEquals("next", hear(to));
                    }
                }
            }
        }
    }

    @Test
    void truncationOfBuffers() {
        for (int room : new int[] {0, 1, 255, 256, 257, 5000}) {
            for (ByteBuffer buffer : new ByteBuffer[] {ByteBuffer.allocate(room), ByteBuffer.allocateDirect(room)}) {
                for (int size : new int[] {0, room / 2, room, room + 1, room + 5000}) {
                    MemorySegment message = bytes(size);
                    int fits = Math.min(size, room);
                    from.send(message);
                    say(from, "next");
                    assertEquals(fits, to.receive(buffer.clear()));
                    assertEquals(fits, buffer.position());
                    assertSame(message.asSlice(0, fits), MemorySegment.ofBuffer(buffer.flip()));
                    assertEquals("next", hear(to));
                }
            }
        }
    }

    @Test
    void aReceiveWithoutRoomTakesOneMessage() {
        say(from, "first");
        say(from, "second");
        try (Received received = new Received(0)) {
            assertEquals(0, to.receive(none(), received));
            assertTrue(received.bytesLost());
        }
        assertEquals("second", hear(to));
    }

    @Test
    void messagesAreNeverMixed() {
        for (int i = 0; i < 50; i++) {
            say(from, "message " + i);
        }
        for (int i = 0; i < 50; i++) {
            assertEquals("message " + i, hear(to));
        }
    }

    /** Kinds of memory; what is sent from one arrives in each. */
    private enum Memory {
        CONFINED { MemorySegment of(int size) { return Arena.ofConfined().allocate(size); } },
        SHARED { MemorySegment of(int size) { return Arena.ofShared().allocate(size); } },
        AUTO { MemorySegment of(int size) { return Arena.ofAuto().allocate(size); } },
        GLOBAL { MemorySegment of(int size) { return Arena.global().allocate(size); } },
        HEAP { MemorySegment of(int size) { return MemorySegment.ofArray(new byte[size]); } },
        HEAP_OF_LONGS { MemorySegment of(int size) { return MemorySegment.ofArray(new long[size / 8 + 1]).asSlice(0, size); } },
        DIRECT { MemorySegment of(int size) { return MemorySegment.ofBuffer(ByteBuffer.allocateDirect(size)); } };

        abstract MemorySegment of(int size);
    }

    @Test
    void memoryOfEveryKind() {
        for (Memory source : Memory.values()) {
            for (Memory target : Memory.values()) {
                for (int size : new int[] {1, 100, 1000, 70_000}) {
                    MemorySegment message = source.of(size).copyFrom(bytes(size));
                    MemorySegment room = target.of(size + 1);
                    from.send(message);
                    assertEquals(size, to.receive(room));
                    assertSame(message, room.asSlice(0, size));
                }
            }
        }
    }

    @Test
    void piecesAreGatheredAndScattered() {
        MemorySegment message = bytes(3000);
        for (int out = 1; out <= 7; out++) {
            for (int in = 1; in <= 7; in++) {
                MemorySegment target = out % 2 == 0 ? room(3000) : MemorySegment.ofArray(new byte[3000]);
                from.send(cut(message, out), null);
                assertEquals(3000, to.receive(cut(target, in), null));
                assertSame(message, target);
            }
        }
    }

    private static MemorySegment[] cut(MemorySegment whole, int pieces) {
        MemorySegment[] cut = new MemorySegment[pieces];
        long at = 0;
        for (int i = 0; i < pieces; i++) {
            long size = i == pieces - 1 ? whole.byteSize() - at : i * 100L; // the first one is empty
            cut[i] = whole.asSlice(at, size);
            at += size;
        }
        return cut;
    }

    @Test
    void aShortMessageLeavesTheOtherPiecesAlone() {
        for (int count : new int[] {3, 8}) {
            MemorySegment target = room(800);
            target.fill((byte) 7);
            from.send(bytes(150));
            MemorySegment[] pieces = IntStream.range(0, count).mapToObj(i -> target.asSlice(i * 100L, 100)).toArray(MemorySegment[]::new);
            assertEquals(150, to.receive(pieces, null));
            assertSame(bytes(150), target.asSlice(0, 150));
            assertEquals(7, target.get(ValueLayout.JAVA_BYTE, 150));
        }
    }

    @Test
    void aThousandAndTwentyFourPiecesButNotOneMore() {
        MemorySegment[] most = new MemorySegment[1024];
        Arrays.fill(most, bytes(3));
        MemorySegment[] more = Arrays.copyOf(most, 1025);
        more[1024] = bytes(3);
        MemorySegment room = room(4000);
        assertEquals(3072, from.send(most, null));
        assertEquals(3072, to.receive(room));
        fails(Errno.EMSGSIZE, () -> from.send(more, null));
        fails(Errno.EMSGSIZE, () -> to.receive(more, null));
    }

    @Test
    void buffersAreUsedFromPositionToLimitAndMoved() {
        for (boolean direct : new boolean[] {false, true}) {
            for (int size : new int[] {5, 5000}) {
                ByteBuffer out = buffer(direct, size + 20);
                out.position(10).limit(10 + size);
                for (int i = 10; i < 10 + size; i++) {
                    out.put(i, (byte) i);
                }
                ByteBuffer in = buffer(!direct, size + 40).position(7);
                assertEquals(size, from.send(out));
                assertEquals(10 + size, out.position());
                assertEquals(size, to.receive(in));
                assertEquals(7 + size, in.position());
                assertEquals(out.position(10), in.flip().position(7));
            }
        }
    }

    private static ByteBuffer buffer(boolean direct, int size) {
        return direct ? ByteBuffer.allocateDirect(size) : ByteBuffer.allocate(size);
    }

    @Test
    void arraysOfBuffersAreMovedAsFarAsTheMessageGoes() {
        for (int kinds = 0; kinds < 8; kinds++) {
            ByteBuffer[] out = {buffer((kinds & 1) != 0, 300), buffer((kinds & 2) != 0, 0), buffer((kinds & 4) != 0, 250)};
            for (int i = 0; i < 300; i++) {
                out[0].put(i, (byte) i);
                out[2].put(Math.min(i, 249), (byte) (i + 1));
            }
            ByteBuffer[] in = {buffer((kinds & 4) != 0, 100), buffer((kinds & 2) != 0, 400), buffer((kinds & 1) != 0, 200)};
            assertEquals(550, from.send(out, null));
            assertEquals(550, to.receive(in, null));
            assertEquals(300, out[0].position());
            assertEquals(250, out[2].position());
            assertEquals(100, in[0].position());
            assertEquals(400, in[1].position());
            assertEquals(50, in[2].position());
            assertEquals((byte) 99, in[0].get(99));
            assertEquals((byte) 100, in[1].get(0));
            assertEquals((byte) 1, in[1].get(200));
        }
    }

    @Test
    void whatIsNotSentIsNotRead() {
        while (true) {
            try {
                from.send(bytes(10_000), NOT_AT_ALL);
            } catch (DeadlineException full) {
                break;
            }
        }
        ByteBuffer waiting = ByteBuffer.allocate(10_000);
        ByteBuffer direct = ByteBuffer.allocateDirect(10_000);
        assertThrows(DeadlineException.class, () -> from.send(waiting, NOT_AT_ALL));
        assertThrows(DeadlineException.class, () -> from.send(direct, Duration.ofMillis(5)));
        assertEquals(0, waiting.position());
        assertEquals(0, direct.position());
    }

    @Test
    void readOnlyMemoryIsSentButNotReceivedInto() {
        from.send(bytes(10).asReadOnly());
        from.send(ByteBuffer.allocate(10).asReadOnlyBuffer());
        from.send(ByteBuffer.allocateDirect(1000).asReadOnlyBuffer());
        assertThrows(IllegalArgumentException.class, () -> to.receive(bytes(10).asReadOnly()));
        assertThrows(IllegalArgumentException.class, () -> to.receive(new MemorySegment[] {bytes(10).asReadOnly()}, null));
        assertThrows(ReadOnlyBufferException.class, () -> to.receive(ByteBuffer.allocate(10).asReadOnlyBuffer()));
        assertEquals(10, to.receive(room(20)));
        assertEquals(10, to.receive(room(20)));
        assertEquals(1000, to.receive(room(2000)));
    }

    @Test
    void memoryOfAClosedArenaIsRefused() {
        Arena arena = Arena.ofShared();
        MemorySegment gone = arena.allocate(10);
        ByteBuffer goneBuffer = arena.allocate(1000).asByteBuffer();
        arena.close();
        assertThrows(IllegalStateException.class, () -> from.send(gone));
        assertThrows(IllegalStateException.class, () -> from.send(goneBuffer));
        assertThrows(IllegalStateException.class, () -> from.send(new MemorySegment[] {gone, gone}, null));
        say(from, "still there");
        assertEquals("still there", hear(to));
    }

    @Test
    void anArenaCannotBeClosedUnderACall() throws Throwable {
        Arena arena = Arena.ofShared();
        MemorySegment[] pieces = {arena.allocate(10), arena.allocate(10)};
        Blocked<Long> receive = Blocked.in(Blocked.Kind.PLATFORM, () -> to.receive(pieces, null));
        assertThrows(IllegalStateException.class, arena::close);
        say(from, "done");
        assertEquals(4, receive.join());
        arena.close();
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void aSendWaitsUntilThereIsRoom(Blocked.Kind kind) throws Throwable {
        MemorySegment message = bytes(10_000);
        int sent = 0;
        try {
            for (; ; sent++) {
                from.send(message, NOT_AT_ALL);
            }
        } catch (DeadlineException full) {
            assertEquals("mm_ipc_sendmsg", full.call());
        }
        Blocked<Long> send = Blocked.in(kind, () -> from.send(message));
        assertFalse(send.isDone());
        MemorySegment room = room(10_000);
        for (int i = 0; i < sent + 1; i++) {
            assertEquals(10_000, to.receive(room));
        }
        assertEquals(10_000, send.join());
        assertThrows(DeadlineException.class, () -> to.receive(room, NOT_AT_ALL));
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void aReceiveWaitsForAMessage(Blocked.Kind kind) throws Throwable {
        for (int i = 0; i < 40; i++) { // so often that it goes to sleep in the call itself, too
            Blocked<String> receive = Blocked.in(kind, () -> hear(to));
            say(from, "message " + i);
            assertEquals("message " + i, receive.join());
        }
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void timeLimitsAreKept(Blocked.Kind kind) throws Throwable {
        long before = System.nanoTime();
        Blocked<Long> receive = Blocked.in(kind, () -> to.receive(room(1), Duration.ofMillis(30)));
        DeadlineException late = assertThrows(DeadlineException.class, receive::join);
        assertTrue(System.nanoTime() - before >= 30_000_000);
        assertEquals(Errno.ETIMEDOUT, late.errno());
        assertEquals("mm_ipc_recvmsg", late.call());
        Blocked<Long> inTime = Blocked.in(kind, () -> to.receive(room(10), Duration.ofSeconds(15)));
        say(from, "in time");
        assertEquals(7, inTime.join());
        Blocked<Long> endless = Blocked.in(kind, () -> to.receive(room(10), Duration.ofSeconds(Long.MAX_VALUE)));
        say(from, "endless");
        assertEquals(7, endless.join());
        assertThrows(DeadlineException.class, () -> to.receive(room(1), Duration.ofSeconds(-5)));
    }

    @Test
    void theSocketsOwnTimeLimitIsAnError() {
        Libc.receiveTimeout(to.fd().number(), 20_000);
        fails(Errno.EAGAIN, () -> to.receive(room(1)));
    }

    @Test
    void aConnectionWorksBothWays() {
        say(from, "there");
        say(to, "and back");
        assertEquals("there", hear(to));
        assertEquals("and back", hear(from));
    }

    @Test
    void manyThreadsShareAnEndpoint() throws Throwable {
        final int senders = 4;
        final int each = 2000;
        Thread[] threads = new Thread[senders];
        for (int s = 0; s < senders; s++) {
            int sender = s;
            Thread.Builder builder = s % 2 == 0 ? Thread.ofPlatform().daemon() : Thread.ofVirtual();
            threads[s] = builder.start(() -> {
                for (int i = 0; i < each; i++) {
                    from.send(MemorySegment.ofArray(new int[] {sender, i}));
                }
            });
        }
        int[] next = new int[senders];
        int[] message = new int[2];
        for (int i = 0; i < senders * each; i++) {
            assertEquals(8, to.receive(MemorySegment.ofArray(message)));
            assertEquals(next[message[0]]++, message[1]);
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }
}
