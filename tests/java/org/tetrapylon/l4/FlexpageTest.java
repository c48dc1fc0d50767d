package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Flexpages: the same memory on both sides, read-only where it is not given for writing, gone where it was granted; and never a crash. */
@Timeout(60)
class FlexpageTest {

    private static final int PAGE = 4096;
    private static final int SIZE = 4 * PAGE;

    private static byte at(MemorySegment memory, long offset) {
        return memory.get(ValueLayout.JAVA_BYTE, offset);
    }

    private static void put(MemorySegment memory, long offset, int value) {
        memory.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    }

    /** In both layers, as a message of its own and as an answer, in registers and in a buffer. */
    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    void mappedPagesAreShared(boolean writable, boolean answer) throws Exception {
        CyclicBarrier step = new CyclicBarrier(2);
        ThreadId me = ThreadId.self();
        Partner sender = Partner.start(() -> {
            try (Region region = Region.allocate(SIZE - 100)) {
                assertEquals(SIZE, region.size());
                L4Peer.fill(region.memory(), 1);
                Message message = answer ? new Message(6) : new Message();
                if (answer) {
                    Ipc.receive(me, message);
                    Ipc.reply(message.map(region, writable).word(3, 0).word(5, 55));
                } else {
                    Ipc.send(me, message.map(region, writable));
                }
                step.await();
                put(region.memory(), 5, 'a');
                step.await();
                step.await();
                if (writable) {
                    assertEquals('b', at(region.memory(), SIZE - 1));
                }
            }
            step.await();
        });
        try (Window window = Window.reserve(16 * PAGE)) {
            Message message = (answer ? new Message(6) : new Message()).window(window);
            if (answer) {
                Ipc.call(sender.id(), message);
                assertEquals(55, message.word(5));
            } else {
                Ipc.receive(sender.id(), message);
            }
            assertTrue(message.isMapped());
            MemorySegment mapped = message.mapped(0);
            step.await();
            assertEquals(SIZE, mapped.byteSize());
            assertEquals(!writable, mapped.isReadOnly());
            assertEquals(writable, new Fpage(message.word(1)).isWritable());
            step.await();
            assertEquals('a', at(mapped, 5));
            assertEquals((byte) (6 * 7 + 1), at(mapped, 6));
            if (writable) {
                put(mapped, SIZE - 1, 'b');
            } else {
                assertThrows(IllegalArgumentException.class, () -> put(mapped, 0, 1));
            }
            step.await();
            step.await();
            assertEquals('a', at(mapped, 5), "they stay when the sender has given them up");
            assertThrows(IllegalStateException.class, () -> message.mapped(1));
            // The next receive may bring other pages there: what was mapped is not to be touched any more.
            assertThrows(L4Exception.class, () -> Ipc.await(message, java.time.Duration.ZERO));
            assertThrows(IllegalStateException.class, () -> at(mapped, 5));
            assertThrows(IllegalStateException.class, () -> message.mapped(0));
        }
        sender.endWell();
    }

    @ParameterizedTest
    @CsvSource({"false", "true"})
    void grantedPagesLeaveTheirSender(boolean answer) throws Exception {
        ThreadId me = ThreadId.self();
        Partner sender = Partner.start(() -> {
            Region region = Region.allocate(SIZE);
            MemorySegment before = region.memory();
            L4Peer.fill(before, 4);
            Message message = new Message();
            if (answer) {
                Ipc.await(message);
                Ipc.replyAndWait(message.words(0, 0).grant(region, true));
            } else {
                Ipc.send(me, message.grant(region, true));
            }
            assertTrue(region.isClosed());
            assertThrows(IllegalStateException.class, region::memory);
            assertThrows(IllegalStateException.class, () -> at(before, 0), "not a crash");
            assertThrows(IllegalStateException.class, () -> Ipc.send(me, new Message().map(region, false)));
        });
        try (Window window = Window.reserve(SIZE)) {
            Message message = new Message().window(window);
            if (answer) {
                Ipc.call(sender.id(), message);
                assertTrue(new Fpage(message.word(1)).isGranted());
                assertTrue(L4Peer.isFilled(message.mapped(0), 4));
                Ipc.send(sender.id(), new Message());
            } else {
                Ipc.receive(sender.id(), message);
                assertTrue(L4Peer.isFilled(message.mapped(0), 4));
            }
            put(message.window(window).mapped(0), 0, 1);
        }
        sender.endWell();
    }

    @Test
    void aGrantThatFailsLeavesThePages() throws Exception {
        try (Region region = Region.allocate(SIZE)) {
            MemorySegment before = region.memory();
            put(before, 0, 7);
            Message message = new Message().grant(region, true);
            assertEquals(IpcError.ENOT_EXISTENT, assertThrows(L4Exception.class, () -> Ipc.send(ThreadId.INVALID, message)).error());
            assertThrows(IllegalStateException.class, () -> at(before, 0), "it might have been gone");
            assertFalse(region.isClosed());
            assertEquals(7, at(region.memory(), 0));
        }
    }

    @Test
    void severalPagesAndAStringAtTheirPlaces() throws Exception {
        ThreadId me = ThreadId.self();
        Partner sender = Partner.start(() -> {
            try (Region one = Region.allocate(PAGE); Region two = Region.allocate(2 * PAGE)) {
                L4Peer.fill(one.memory(), 10);
                L4Peer.fill(two.memory(), 20);
                Message message = new Message(8, 0).map(one, true, 5 * PAGE + 17).map(two, false, 15 * PAGE).word(4, 0).word(5, 0).word(6, 66);
                Ipc.call(me, message.string(MemorySegment.ofArray(new byte[] {1, 2, 3})));
                assertEquals('z', at(one.memory(), 1));
            }
        });
        try (Window window = Window.reserve(8 * PAGE)) {
            Message message = new Message(8, 100).window(window);
            Ipc.await(message);
            assertEquals(7, message.wordCount());
            assertEquals(66, message.word(6));
            assertEquals(3, message.string(0).byteSize());
            MemorySegment one = message.mapped(0);
            MemorySegment two = message.mapped(1);
            assertTrue(L4Peer.isFilled(one, 10));
            assertTrue(L4Peer.isFilled(two, 20));
            assertEquals(window.fpage().address() + 5 * PAGE, one.address());
            assertEquals(window.fpage().address() + 6 * PAGE, two.address(), "aligned to its size, modulo the window");
            assertFalse(one.isReadOnly());
            assertTrue(two.isReadOnly());
            assertThrows(IllegalStateException.class, () -> message.mapped(2));
            put(one, 1, 'z');
            Ipc.reply(message.words(0, 0));
        }
        sender.endWell();
    }

    @Test
    void ofALargerFlexpageThePartAtTheHotSpot() throws Exception {
        ThreadId me = ThreadId.self();
        Partner sender = Partner.start(() -> {
            try (Region region = Region.allocate(8 * PAGE)) {
                L4Peer.fill(region.memory(), 2);
                Ipc.send(me, new Message().map(region, true, 5 * PAGE));
            }
        });
        try (Window window = Window.reserve(PAGE)) {
            Message message = new Message().window(window);
            Ipc.receive(sender.id(), message);
            MemorySegment mapped = message.mapped(0);
            assertEquals(PAGE, mapped.byteSize());
            assertTrue(L4Peer.isFilled(mapped, 2 + 5 * PAGE * 7));
        }
        sender.endWell();
    }

    /** What a process has read-only it cannot pass on for writing, whatever it says; what Java hands out goes by what the kernel has. */
    @Test
    void aFlexpageThatOnlySaysItIsWritableIsReadOnly() throws Exception {
        ThreadId me = ThreadId.self();
        Partner second = Partner.start(() -> {
            try (Window window = Window.reserve(PAGE)) {
                Message message = new Message().window(window);
                Ipc.receive(me, message);
                IpcResult result = new IpcResult();
                long page = L4.l4Fpage(window.fpage().address(), 12, L4.L4_FPAGE_RW, L4.L4_FPAGE_MAP);
                assertEquals(0, L4.l4IpcCall(me.raw(), L4.L4_IPC_SHORT_FPAGE, 0, page, L4.L4_IPC_SHORT_MSG, L4.L4_IPC_NEVER, result));
            }
        });
        try (Region region = Region.allocate(PAGE); Window window = Window.reserve(PAGE)) {
            put(region.memory(), 0, 9);
            Ipc.send(second.id(), new Message().map(region, false));
            Message message = new Message().window(window);
            Ipc.await(message);
            assertTrue(new Fpage(message.word(1)).isWritable(), "so it says");
            MemorySegment mapped = message.mapped(0);
            assertTrue(mapped.isReadOnly());
            assertEquals(9, at(mapped, 0));
            Ipc.reply(message.words(0, 0));
        }
        second.endWell();
    }

    @Test
    void theDocumentedFunctions() throws Exception {
        long me = L4.l4Myself();
        Partner sender = Partner.start(() -> {
            try (Region region = Region.allocate(PAGE)) {
                IpcResult result = new IpcResult();
                put(region.memory(), 3, 33);
                long page = L4.l4Fpage(region.memory().address(), 12, L4.L4_FPAGE_RO, L4.L4_FPAGE_MAP);
                assertEquals(0, L4.l4IpcSend(me, L4.L4_IPC_SHORT_FPAGE, 0, page, L4.L4_IPC_NEVER, result));
                MsgBuffer buffer = new MsgBuffer(Arena.ofAuto(), 4, 0);
                buffer.send(4, 0);
                assertEquals(0, L4.l4IpcSend(me, buffer.mapDescriptor(), 0, page, L4.L4_IPC_NEVER, result));
            }
        });
        try (Window window = Window.reserve(PAGE)) {
            IpcResult result = new IpcResult();
            assertEquals(0, L4.l4IpcReceive(sender.id().raw(), window.descriptor(), L4.L4_IPC_NEVER, result));
            assertTrue(L4.l4IpcFpageReceived(result.dope()));
            assertFalse(L4.l4IpcIsFpageWritable(result.dword1()));
            assertFalse(L4.l4IpcIsFpageGranted(result.dword1()));
            assertEquals(33, at(window.mapped(result.dword0(), new Fpage(result.dword1())), 3));
            MsgBuffer buffer = new MsgBuffer(Arena.ofAuto(), 4, 0);
            buffer.window(window.fpage().raw());
            assertEquals(0, L4.l4IpcReceive(sender.id().raw(), buffer.descriptor(), L4.L4_IPC_NEVER, result));
            assertEquals(L4.L4_IPC_DOPE(4, 0) | L4.L4_IPC_FPAGE_MASK, result.dope());
            assertEquals(33, at(window.mapped(result.dword0(), new Fpage(result.dword1())), 3));
            assertThrows(IllegalArgumentException.class, () -> window.mapped(0, Fpage.NONE));
        }
        sender.endWell();
    }

    @Test
    void regionsAndWindows() throws Exception {
        assertThrows(IllegalArgumentException.class, () -> Region.allocate(0));
        assertThrows(IllegalArgumentException.class, () -> Window.reserve(-1));
        assertThrows(IllegalArgumentException.class, () -> Window.reserve(Long.MAX_VALUE));
        Region region = Region.allocate(1);
        assertEquals(PAGE, region.size());
        MemorySegment memory = region.memory();
        assertEquals(0, memory.address() & PAGE - 1);
        region.close();
        region.close();
        assertThrows(IllegalStateException.class, () -> at(memory, 0));
        try (Window large = Window.reserve(1 << 20)) {
            assertEquals(0, large.fpage().address() & (1 << 20) - 1);
            assertNotEquals(0, large.fpage().address());
            // A call holds it.
            Partner waiting = Partner.start(() -> assertEquals(IpcError.RECANCELED,
                    assertThrows(L4Exception.class, () -> Ipc.await(new Message().window(large))).error()));
            waiting.awaitReceiving();
            assertThrows(IllegalStateException.class, large::close);
            waiting.id().cancel();
            waiting.endWell();
        }
    }
}
