package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.l4.l4_ipc_h;
import org.tetrapylon.generated.l4.l4_timeout_single;

/** Ids, timeouts, dopes, flexpages and message buffers as numbers: as documented, and as C has them. */
@Timeout(30)
class NumbersTest {

    @Test
    void macros() {
        assertEquals(0x8100, L4.L4_IPC_DOPE(4, 1));
        assertEquals(0x10, L4.L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0));
        assertEquals(0x12345678, L4.L4_IPC_TIMEOUT(0x34, 7, 0x12, 8, 5, 6));
        assertEquals(0x10, L4.L4_IPC_SEND_TIMEOUT_0);
        assertEquals(0x01, L4.L4_IPC_RECV_TIMEOUT_0);
        assertEquals(0x11, L4.L4_IPC_BOTH_TIMEOUT_0);
        assertEquals(0, L4.L4_IPC_NEVER);
        assertEquals(-1, L4.L4_IPC_NIL_DESCRIPTOR.address());
        assertEquals(0, L4.L4_IPC_SHORT_MSG.address());
        assertEquals(2, L4.L4_IPC_SHORT_FPAGE.address());
        assertEquals(0x7000 | 12 << 2 | 2, L4.L4_IPC_MAPMSG(0x7123, 12).address());
        assertEquals(0xE0, L4.L4_IPC_ERROR(0x81E3));
        assertTrue(L4.L4_IPC_IS_ERROR(0x10));
        assertFalse(L4.L4_IPC_IS_ERROR(0x8102));
        assertTrue(L4.L4_IPC_SND_ERROR(0x30));
        assertFalse(L4.L4_IPC_SND_ERROR(0x20));
        assertTrue(L4.L4_IPC_MSG_DECEITED(1) && L4.L4_IPC_MSG_REDIRECTED(4) && L4.L4_IPC_SRC_INSIDE(8) && L4.l4IpcFpageReceived(2));
        assertFalse(L4.L4_IPC_MSG_DECEITED(~1) || L4.L4_IPC_MSG_REDIRECTED(~4) || L4.L4_IPC_SRC_INSIDE(~8) || L4.l4IpcFpageReceived(~2));
    }

    @Test
    void theFifteenErrors() {
        String[] names = {"ENOT_EXISTENT", "RETIMEOUT", "SETIMEOUT", "RECANCELED", "SECANCELED", "REMAPFAILED", "SEMAPFAILED", "RESNDPFTO",
            "SESNDPFTO", "RERCVPFTO", "SERCVPFTO", "REABORTED", "SEABORTED", "REMSGCUT", "SEMSGCUT"};
        assertEquals(names.length, IpcError.values().length);
        for (int i = 0; i < names.length; i++) {
            IpcError error = IpcError.of(0x8100 | (i + 1) << 4);
            assertEquals(names[i], error.name());
            assertEquals((i + 1) << 4, error.code());
            assertEquals(i == 0 || names[i].startsWith("S"), error.isSending());
            L4Exception e = new L4Exception("l4_ipc_call", error);
            assertEquals(error, e.error());
            assertEquals(error.errno(), e.errno());
            assertTrue(e.getMessage().contains("L4_IPC_" + names[i]) && e.getMessage().startsWith("l4_ipc_call"), e.getMessage());
        }
        assertNull(IpcError.of(0x8102));
        assertEquals(Errno.ETIMEDOUT, IpcError.RETIMEOUT.errno());
        assertEquals(Errno.EINTR, IpcError.SECANCELED.errno());
    }

    @Test
    void lateTimesAreThoseOfC() {
        try (Arena arena = Arena.ofConfined()) {
            for (int man : new int[] {0, 1, 2, 3, 255, 256, 257, 1000, 1023, 65_535, 1 << 20, Integer.MAX_VALUE, -1}) {
                for (int exp = 0; exp < 36; exp++) {
                    MemorySegment single = l4_ipc_h.l4_timeout_rel(arena, man, exp);
                    assertEquals(Short.toUnsignedInt(l4_timeout_single.t(single)), L4.l4TimeoutRel(man, exp), man + " * 2^" + exp);
                    if (man != 0 || exp != 0) {
                        assertEquals(L4.l4Timeout(l4_timeout_single.t(single), L4.l4TimeoutRel(7, 3)), L4.l4IpcTimeout(man, exp, 7, 3));
                    }
                }
            }
        }
        assertEquals(0, L4.l4IpcTimeout(0, 0, 0, 0));
        assertEquals(L4.L4_IPC_SEND_TIMEOUT_0, L4.l4Timeout(L4.L4_IPC_TIMEOUT_0, L4.L4_IPC_TIMEOUT_NEVER));
    }

    @Test
    void timeouts() {
        assertNull(org.tetrapylon.l4.Timeout.NEVER.send());
        assertNull(org.tetrapylon.l4.Timeout.NEVER.receive());
        assertEquals(Duration.ZERO, org.tetrapylon.l4.Timeout.SERVER.send());
        assertNull(org.tetrapylon.l4.Timeout.SERVER.receive());
        assertEquals(org.tetrapylon.l4.Timeout.ZERO, org.tetrapylon.l4.Timeout.within(Duration.ZERO));
        assertEquals(org.tetrapylon.l4.Timeout.ZERO, org.tetrapylon.l4.Timeout.within(Duration.ofSeconds(-1)));
        for (long us : new long[] {1, 3, 255, 256, 1000, 12_345, 1_000_000, 3_600_000_000L}) {
            var time = org.tetrapylon.l4.Timeout.of(Duration.ofNanos(us * 1000), null);
            assertNull(time.receive());
            long got = time.send().toNanos() / 1000;
            assertTrue(got >= us && got <= us + us / 63 + 1, us + " us became " + got);
            assertEquals(time.send(), org.tetrapylon.l4.Timeout.of(null, Duration.ofNanos(us * 1000)).receive());
            assertEquals(time, org.tetrapylon.l4.Timeout.NEVER.sending(Duration.ofNanos(us * 1000)));
            assertEquals(time.receiving(Duration.ZERO), org.tetrapylon.l4.Timeout.of(Duration.ofNanos(us * 1000), Duration.ZERO));
        }
        assertEquals(org.tetrapylon.l4.Timeout.NEVER, org.tetrapylon.l4.Timeout.within(Duration.ofDays(10_000)));
        assertEquals(org.tetrapylon.l4.Timeout.NEVER, org.tetrapylon.l4.Timeout.within(Duration.ofSeconds(Long.MAX_VALUE)));
        assertEquals(L4.L4_IPC_TIMEOUT(0, 0, 0, 0, 15, 8),
                org.tetrapylon.l4.Timeout.NEVER.pageFaults(Duration.ZERO, Duration.ofMillis(16)).word());
        assertEquals(L4.L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 14), org.tetrapylon.l4.Timeout.SERVER.pageFaults(null, Duration.ofNanos(1)).word());
        assertEquals(L4.L4_IPC_TIMEOUT(0, 0, 0, 0, 1, 0),
                org.tetrapylon.l4.Timeout.NEVER.pageFaults(Duration.ofSeconds(100), Duration.ofDays(1)).word());
    }

    @Test
    void ids() {
        ThreadId id = new ThreadId(0x1234L << 32 | 0x5L << 28 | 77L << 17 | 9L << 10 | 3);
        assertEquals(0x1234, id.site());
        assertEquals(77, id.task());
        assertEquals(9, id.lthread());
        assertEquals(5 << 10 | 3, id.version());
        assertTrue(id.isSameTask(new ThreadId(id.raw() ^ 8 << 10)));
        assertFalse(id.isSameTask(new ThreadId(id.raw() ^ 1 << 17)));
        assertFalse(id.isSameTask(new ThreadId(id.raw() ^ 1L << 32)));
        assertTrue(ThreadId.NIL.isNil() && ThreadId.INVALID.isInvalid() && !id.isNil() && !id.isInvalid());
        assertTrue(L4.l4ThreadEqual(5, 5) && !L4.l4ThreadEqual(5, 5L | 1L << 60));
        assertEquals("thread 9#5123 of task 77", id.toString());
    }

    @Test
    void flexpages() {
        Fpage page = Fpage.of(0x123000, 13, true, false);
        assertEquals(0x123000 | 13 << 2 | 2, page.raw());
        assertEquals(0x123000, page.address());
        assertEquals(13, page.bits());
        assertTrue(page.isWritable() && !page.isGranted());
        Fpage granted = Fpage.of(-4096, 64, false, true);
        assertEquals(-4096L | 64 << 2 | 1, granted.raw());
        assertTrue(granted.isGranted() && !granted.isWritable());
        assertEquals(64, granted.bits());
    }

    @Test
    void aBufferIsLaidOutAsDocumented() {
        try (Arena arena = Arena.ofConfined()) {
            MsgBuffer buffer = new MsgBuffer(arena, 4, 2);
            MemorySegment raw = buffer.descriptor();
            assertEquals(24 + 4 * 8 + 2 * 32, raw.byteSize());
            MemorySegment text = arena.allocate(10);
            MemorySegment room = arena.allocate(20);
            buffer.window(0x5000);
            buffer.word(3, 99);
            buffer.send(3, 1);
            buffer.snd(0, text);
            buffer.rcv(1, room);
            long[] words = raw.toArray(java.lang.foreign.ValueLayout.JAVA_LONG);
            assertEquals(0x5000, words[0]);
            assertEquals(4 << 13 | 2 << 8, words[1]);
            assertEquals(3 << 13 | 1 << 8, words[2]);
            assertEquals(99, words[6]);
            assertEquals(10, words[7]);
            assertEquals(text.address(), words[8]);
            assertEquals(20, words[13]);
            assertEquals(room.address(), words[14]);
            assertEquals(raw.address() + 2, buffer.mapDescriptor().address());
            assertEquals(0x5000, buffer.window());
            assertEquals(20, buffer.rcvSize(1));
        }
    }

    @Test
    void badBuffersAreRefused() {
        try (Arena arena = Arena.ofConfined()) {
            MsgBuffer buffer = new MsgBuffer(arena, 2, 1);
            assertThrows(IllegalArgumentException.class, () -> new MsgBuffer(arena, 1, 0));
            assertThrows(IllegalArgumentException.class, () -> new MsgBuffer(arena, 2, 32));
            assertThrows(IllegalArgumentException.class, () -> new MsgBuffer(arena, 0x80000, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> buffer.word(2));
            assertThrows(IndexOutOfBoundsException.class, () -> buffer.word(-1, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> buffer.send(3, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> buffer.send(2, 2));
            assertThrows(IndexOutOfBoundsException.class, () -> buffer.snd(1, arena.allocate(1)));
            assertThrows(IllegalArgumentException.class, () -> buffer.snd(0, MemorySegment.ofArray(new byte[4])));
            assertThrows(IllegalArgumentException.class, () -> buffer.rcv(0, arena.allocate(1).asReadOnly()));
            assertThrows(IndexOutOfBoundsException.class, () -> new Message().word(2));
            assertThrows(IndexOutOfBoundsException.class, () -> new Message().string(arena.allocate(1)));
            assertThrows(IndexOutOfBoundsException.class, () -> new Message(2, 8).string(0), "none was received");
        }
    }
}
