package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Messages in memory: words and strings in every direction, exact dopes on both sides, and what is cut. */
@Timeout(60)
class LongMessageTest {

    private static final int MIB = 1 << 20;
    private static final int NEVER = L4.L4_IPC_NEVER;
    private static final MemorySegment SHORT = L4.L4_IPC_SHORT_MSG;

    /** In which way a message comes to its receiver. */
    private enum Way { SEND, CALL, ANSWER }

    /**
     * A message between two buffers: what is sent, what there is room for (rooms null: a short message only), and what each side must see.
     *
     * @param words received
     * @param strings received whole
     * @param touched strings of which something was received
     */
    private record Course(Way way, int sent, List<Integer> sizes, int room, List<Integer> rooms, int words, int strings, int touched, boolean cut) {}

    private static Stream<Course> courses() {
        record It(int sent, List<Integer> sizes, int room, List<Integer> rooms, int words, int strings, int touched, boolean cut) {}
        List<Integer> none = List.of();
        return Stream.of(
                new It(64, none, 64, none, 64, 0, 0, false),
                new It(3, none, 64, none, 3, 0, 0, false),
                new It(2, none, 2, null, 2, 0, 0, false),
                new It(2, List.of(1), 2, List.of(1), 2, 1, 1, false),
                new It(10, List.of(100, 0, 20_000, 70_001), 30, List.of(100, 50, 40_000, 70_001, 10, 20), 10, 4, 4, false),
                new It(3, List.of(MIB, 4 * MIB, 3 * MIB + 77), 3, List.of(2 * MIB, 4 * MIB, 4 * MIB), 3, 3, 3, false),
                new It(10, none, 6, none, 6, 0, 0, true),
                new It(10, List.of(10), 6, List.of(10), 6, 0, 0, true),
                new It(3, none, 2, null, 2, 0, 0, true),
                new It(2, List.of(4), 2, null, 2, 0, 0, true),
                new It(2, List.of(30, 40), 2, List.of(30, 20), 2, 1, 2, true),
                new It(5, List.of(30, 40, 50), 8, List.of(30, 40), 5, 2, 2, true),
                new It(5, List.of(100_000, 200_000, 50), 8, List.of(100_000, 150_000, 50), 5, 1, 2, true),
                new It(2, List.of(4 * MIB + 1), 2, List.of(4 * MIB), 2, 0, 1, true))
                .flatMap(it -> Stream.of(Way.values())
                        .map(way -> new Course(way, it.sent, it.sizes, it.room, it.rooms, it.words, it.strings, it.touched, it.cut)));
    }

    private static MemorySegment filled(Arena arena, long size, int seed) {
        MemorySegment bytes = arena.allocate(size);
        L4Peer.fill(bytes, seed);
        return bytes;
    }

    private static void send(Course it, long to) {
        try (Arena arena = Arena.ofConfined()) {
            MsgBuffer out = new MsgBuffer(arena, Math.max(2, it.sent), it.sizes.size());
            IpcResult result = new IpcResult();
            for (int i = 2; i < it.sent; i++) {
                out.word(i, 7000 + i);
            }
            for (int i = 0; i < it.sizes.size(); i++) {
                out.snd(i, filled(arena, it.sizes.get(i), 7 + i));
            }
            out.send(it.sent, it.sizes.size());
            int code = switch (it.way) {
                case SEND -> L4.l4IpcSend(to, out.descriptor(), 1, 2, NEVER, result);
                case CALL -> L4.l4IpcCall(to, out.descriptor(), 1, 2, SHORT, NEVER, result);
                case ANSWER -> {
                    assertEquals(0, L4.l4IpcReceive(to, SHORT, NEVER, result));
                    yield L4.l4IpcSend(to, out.descriptor(), 1, 2, L4.L4_IPC_SEND_TIMEOUT_0, result);
                }
            };
            assertEquals(it.cut ? L4.L4_IPC_SEMSGCUT : 0, code);
            assertEquals(it.cut ? L4.L4_IPC_SEMSGCUT : it.way == Way.CALL ? L4.L4_IPC_DOPE(2, 0) : 0, result.dope());
        }
    }

    @ParameterizedTest
    @MethodSource("courses")
    void bothSidesSeeJustWhatFits(Course it) throws Exception {
        long me = L4.l4Myself();
        Partner sender = Partner.start(() -> send(it, me));
        try (Arena arena = Arena.ofConfined()) {
            IpcResult result = new IpcResult();
            MsgBuffer in = it.rooms == null ? null : new MsgBuffer(arena, it.room, it.rooms.size());
            for (int i = 0; in != null && i < it.rooms.size(); i++) {
                in.rcv(i, arena.allocate(it.rooms.get(i) + 8L).fill((byte) 0xdd).asSlice(0, it.rooms.get(i)));
                in.snd(i, 1, 1);
            }
            for (int i = 0; in != null && i < it.room; i++) {
                in.word(i, -5);
            }
            MemorySegment descriptor = in == null ? SHORT : in.descriptor();
            int code = it.way == Way.ANSWER ? L4.l4IpcCall(sender.id().raw(), SHORT, 0, 0, descriptor, NEVER, result)
                    : L4.l4IpcWait(descriptor, NEVER, result);
            assertEquals(it.cut ? L4.L4_IPC_REMSGCUT : 0, code);
            assertEquals(L4.L4_IPC_DOPE(it.words, it.strings) | code, result.dope());
            assertEquals(1, result.dword0());
            assertEquals(2, result.dword1());
            assertEquals(sender.id().raw(), result.source());
            if (it.way == Way.CALL && !it.cut) {
                assertEquals(0, L4.l4IpcSend(sender.id().raw(), SHORT, 0, 0, L4.L4_IPC_SEND_TIMEOUT_0, result));
            }
            for (int i = 0; in != null && i < it.room; i++) {
                assertEquals(i >= 2 && i < it.words ? 7000 + i : -5, in.word(i));
            }
            for (int i = 0; in != null && i < it.rooms.size(); i++) {
                long size = i < it.touched ? Math.min(it.rooms.get(i), it.sizes.get(i)) : 0;
                assertEquals(i < it.touched ? size : 1, in.sndSize(i));
                MemorySegment room = MemorySegment.ofAddress(in.descriptor().get(ValueLayout.JAVA_LONG, 24 + it.room * 8L + i * 32L + 24))
                        .reinterpret(it.rooms.get(i) + 8L);
                assertTrue(L4Peer.isFilled(room.asSlice(0, size), 7 + i));
                for (long k = size; k < Math.min(size + 8, room.byteSize()); k++) {
                    assertEquals((byte) 0xdd, room.get(ValueLayout.JAVA_BYTE, k), "nothing is written behind");
                }
            }
        }
        sender.endWell();
    }

    // ---- The easy way

    /** Gives everything back, and the number of words and strings in the first two. */
    private static Partner echo() throws InterruptedException {
        return Partner.start(() -> {
            Message message = new Message(8, 4 * MIB, 1000);
            while (true) {
                Ipc.replyAndWait(message);
                if (message.word(0) == 0) {
                    return;
                }
                message.keep().words(message.wordCount(), message.stringCount());
            }
        });
    }

    @Test
    void wordsAndStrings() throws Exception {
        Partner echo = echo();
        Message message = new Message(8, 4 * MIB, 100);
        try (Arena arena = Arena.ofConfined()) {
            for (int size : new int[] {1, 8, 4095, 4096, 16_385, 300_001, 4 * MIB}) {
                message.words(1, 1).word(5, size).string(filled(arena, size, size)).string(MemorySegment.ofArray(new byte[] {1, 2, 3}));
                Ipc.call(echo.id(), message);
                assertEquals(6, message.word(0));
                assertEquals(2, message.word(1));
                assertEquals(6, message.wordCount());
                assertEquals(2, message.stringCount());
                assertEquals(size, message.word(5));
                assertEquals(size, message.string(0).byteSize());
                assertTrue(L4Peer.isFilled(message.string(0), size));
                assertArrayEquals(new byte[] {1, 2, 3}, message.bytes(1));
                assertThrows(IndexOutOfBoundsException.class, () -> message.string(2));
                assertFalse(message.isCut());
            }
        }
        // What was received does not go again by itself.
        Ipc.call(echo.id(), message.words(1, 1));
        assertEquals(2, message.word(0));
        assertEquals(0, message.word(1));
        assertThrows(IndexOutOfBoundsException.class, () -> message.string(0));
        Ipc.send(echo.id(), message.clear());
        echo.endWell();
    }

    @Test
    void roomOfTheProgramsOwn() throws Exception {
        Partner echo = echo();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment room = arena.allocate(64);
            Message message = new Message(2, 0).room(0, room);
            byte[] text = "Grüße".getBytes(StandardCharsets.UTF_8);
            Ipc.call(echo.id(), message.words(1, 1).string(MemorySegment.ofArray(text)));
            assertEquals(room.address(), message.string(0).address());
            assertArrayEquals(text, message.bytes(0));
            assertArrayEquals(text, room.asSlice(0, text.length).toArray(ValueLayout.JAVA_BYTE));
        }
        Ipc.send(echo.id(), new Message());
        echo.endWell();
    }

    @Test
    void aServerIsToldOfACutAndGoesOn() throws Exception {
        ThreadId me = ThreadId.self();
        Partner client = Partner.start(() -> {
            Message message = new Message(4, 100);
            message.word(3, 3).string(MemorySegment.ofArray(new byte[50]));
            assertEquals(IpcError.SEMSGCUT, assertThrows(L4Exception.class, () -> Ipc.call(me, message)).error());
            assertEquals(0, message.wordCount());
            Message text = new Message(2, 100).words(1, 1).string(MemorySegment.ofArray(new byte[] {5, 6, 7, 8, 9, 10, 11, 12, 13}));
            assertEquals(IpcError.SEMSGCUT, assertThrows(L4Exception.class, () -> Ipc.call(me, text)).error());
            Ipc.call(me, message);
        });
        Message message = new Message(3, 8);
        Ipc.replyAndWait(message);
        assertTrue(message.isCut());
        assertEquals(3, message.wordCount());
        assertEquals(client.id(), message.sender());
        assertEquals(0, message.string(0).byteSize(), "the words overflowed, so strings were skipped");
        Ipc.replyAndWait(message);
        assertEquals(IpcError.SETIMEOUT, message.lost(), "its sender waits for no answer");
        assertTrue(message.isCut());
        assertEquals(0, message.stringCount());
        assertArrayEquals(new byte[] {5, 6, 7, 8, 9, 10, 11, 12}, message.bytes(0), "as far as it went");
        Ipc.replyAndWait(message.dismiss());
        assertEquals(0, message.string(0).byteSize(), "what came before is no string of this message");
        assertEquals(IpcError.SEMSGCUT, ((L4Exception) client.end()).error());
    }

    @Test
    void aCutAnswerIsAnErrorOfTheCallAndThere() throws Exception {
        Partner server = Partner.start(() -> {
            Message message = new Message(6, 10);
            Ipc.replyAndWait(message);
            Ipc.replyAndWait(message.words(8, 9).word(4, 4).string(MemorySegment.ofArray(new byte[10])));
            assertEquals(IpcError.SEMSGCUT, message.lost());
        });
        Message message = new Message(5, 4);
        assertEquals(IpcError.REMSGCUT, assertThrows(L4Exception.class, () -> Ipc.call(server.id(), message)).error());
        assertTrue(message.isCut());
        assertEquals(8, message.word(0));
        assertEquals(9, message.word(1));
        assertEquals(5, message.wordCount());
        assertEquals(0, message.stringCount());
        assertEquals(4, message.string(0).byteSize());
        Ipc.send(server.id(), new Message());
        server.endWell();
    }

    /** Whatever shape, it arrives as it was sent. */
    @Test
    void randomMessages() throws Exception {
        Partner server = Partner.start(() -> {
            Message message = new Message(40, 40_000, 40_000, 40_000, 40_000);
            do {
                Ipc.replyAndWait(message);
                message.keep();
            } while (message.word(0) != 0);
        });
        Random random = new Random(5);
        try (Arena arena = Arena.ofConfined()) {
            Message message = new Message(40, 40_000, 40_000, 40_000, 40_000);
            MemorySegment bytes = arena.allocate(40_000);
            for (int round = 0; round < 500; round++) {
                int words = 2 + random.nextInt(39);
                int strings = random.nextInt(5);
                int[] sizes = random.ints(strings, 0, random.nextBoolean() ? 100 : 40_000).toArray();
                message.clear().words(1, round);
                for (int i = 2; i < words; i++) {
                    message.word(i, round * 1000L + i);
                }
                bytes.set(ValueLayout.JAVA_INT, 0, round);
                for (int size : sizes) {
                    message.string(bytes.asSlice(0, size));
                }
                Ipc.call(server.id(), message);
                assertEquals(words, message.wordCount());
                assertEquals(strings, message.stringCount());
                for (int i = 2; i < words; i++) {
                    assertEquals(round * 1000L + i, message.word(i));
                }
                for (int i = 0; i < strings; i++) {
                    assertEquals(-1, message.string(i).mismatch(bytes.asSlice(0, sizes[i])));
                }
            }
            Ipc.send(server.id(), message.clear());
        }
        server.endWell();
    }
}
