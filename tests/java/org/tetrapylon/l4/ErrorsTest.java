package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * All fifteen error codes, each at the side that the documents name, and nonsense in descriptors, ids and addresses: documented codes, and
 * never a crash.
 */
@Timeout(60)
class ErrorsTest {

    private static final int NEVER = L4.L4_IPC_NEVER;
    private static final MemorySegment SHORT = L4.L4_IPC_SHORT_MSG;
    private static final long SIZE = 16_384;
    /** Nobody maps anything there unasked. */
    private static final long NO_MEMORY = 0x100000;
    private static final int SEED = 6;
    /** Page-fault time of 4^7 us: 16 ms. */
    private static final int SOON = 8;
    private static final long QUIET = 120_000_000;

    private final IpcResult result = new IpcResult();

    /** What a string course meets: where pages are missing, whether there is memory at all, page-fault times, who is cancelled, what each gets. */
    private record Fault(boolean answer, boolean atReceiver, boolean bad, int sndFault, int rcvFault, Act act, IpcError theirs, IpcError ours) {}

    private enum Act { NOTHING, PROVIDE, CANCEL_SENDER, CANCEL_RECEIVER, INTERRUPT_SENDER, INTERRUPT_RECEIVER }

    private static Stream<Fault> faults() {
        Stream<Fault> both = Stream.of(false, true).flatMap(answer -> Stream.of(
                new Fault(answer, true, true, 0, 0, Act.NOTHING, IpcError.SESNDPFTO, IpcError.RESNDPFTO),
                new Fault(answer, false, true, 0, 0, Act.NOTHING, IpcError.SERCVPFTO, IpcError.RERCVPFTO),
                new Fault(answer, true, false, SOON, 0, Act.NOTHING, IpcError.SESNDPFTO, IpcError.RESNDPFTO),
                new Fault(answer, false, false, 0, SOON, Act.NOTHING, IpcError.SERCVPFTO, IpcError.RERCVPFTO),
                new Fault(answer, true, false, 15, 0, Act.NOTHING, IpcError.SESNDPFTO, IpcError.RESNDPFTO),
                new Fault(answer, false, false, 0, 15, Act.NOTHING, IpcError.SERCVPFTO, IpcError.RERCVPFTO),
                new Fault(answer, true, false, 0, 15, Act.PROVIDE, null, null),
                new Fault(answer, false, false, 15, 0, Act.PROVIDE, null, null),
                new Fault(answer, true, false, 0, 0, Act.CANCEL_RECEIVER, IpcError.SEABORTED, IpcError.REABORTED),
                new Fault(answer, true, false, 0, 0, Act.CANCEL_SENDER, IpcError.SEABORTED, IpcError.REABORTED),
                new Fault(answer, false, false, 0, 0, Act.CANCEL_SENDER, IpcError.SEABORTED, IpcError.REABORTED)));
        return Stream.concat(both, Stream.of(
                new Fault(false, false, false, 0, 0, Act.CANCEL_RECEIVER, IpcError.SEABORTED, IpcError.REABORTED),
                new Fault(false, true, false, 0, 0, Act.INTERRUPT_RECEIVER, IpcError.SEABORTED, IpcError.REABORTED),
                new Fault(false, false, false, 0, 0, Act.INTERRUPT_SENDER, IpcError.SEABORTED, IpcError.REABORTED)));
    }

    private static int code(IpcError error) {
        return error == null ? 0 : error.code();
    }

    @ParameterizedTest
    @MethodSource("faults")
    void pageFaultsAndAborts(Fault it) throws Exception {
        try (Arena arena = Arena.ofShared()) {
            Withheld withheld = it.bad ? null : new Withheld(SIZE);
            MemorySegment missing = it.bad ? MemorySegment.ofAddress(NO_MEMORY).reinterpret(SIZE) : withheld.memory();
            MemorySegment plain = arena.allocate(SIZE);
            if (it.atReceiver) {
                L4Peer.fill(plain, SEED);
            }
            CountDownLatch bothIn = new CountDownLatch(2);
            // The end of either thread would be another reason for the other one to fail.
            CountDownLatch bothOut = new CountDownLatch(2);
            ThreadId[] ids = new ThreadId[1];
            CountDownLatch known = new CountDownLatch(1);
            Partner sender = Partner.start(() -> {
                known.await();
                MsgBuffer out = new MsgBuffer(arena, 2, 1);
                IpcResult sent = new IpcResult();
                out.snd(0, it.atReceiver ? plain : missing);
                out.send(2, 1);
                if (it.answer) {
                    assertEquals(0, L4.l4IpcReceive(ids[0].raw(), SHORT, NEVER, sent));
                }
                bothIn.countDown();
                int code = L4.l4IpcSend(ids[0].raw(), out.descriptor(), 1, 2,
                        L4.L4_IPC_TIMEOUT(0, it.answer ? 1 : 0, 0, 0, it.sndFault, 0), sent);
                assertEquals(it.act == Act.INTERRUPT_SENDER, Thread.interrupted());
                bothOut.countDown();
                bothOut.await();
                assertEquals(it.theirs, IpcError.of(code));
                assertEquals(code, sent.dope());
            });
            Partner receiver = Partner.start(() -> {
                ids[0] = ThreadId.self();
                known.countDown();
                MsgBuffer in = new MsgBuffer(arena, 2, 1);
                in.rcv(0, it.atReceiver ? missing : plain);
                int timeout = L4.L4_IPC_TIMEOUT(0, 0, 0, 0, 0, it.rcvFault);
                bothIn.countDown();
                int code = it.answer ? L4.l4IpcCall(sender.id().raw(), SHORT, 0, 0, in.descriptor(), timeout, result)
                        : L4.l4IpcReceive(sender.id().raw(), in.descriptor(), timeout, result);
                assertEquals(it.act == Act.INTERRUPT_RECEIVER, Thread.interrupted());
                bothOut.countDown();
                bothOut.await();
                assertEquals(it.ours, IpcError.of(code));
                assertEquals(it.ours == null ? L4.L4_IPC_DOPE(2, 1) : code, result.dope());
                if (it.ours == null) {
                    assertTrue(L4Peer.isFilled(in.received(0), SEED));
                }
            });
            bothIn.await();
            act(it, withheld, sender, receiver);
            sender.endWell();
            receiver.endWell();
            if (withheld != null) {
                withheld.close();
            }
        }
    }

    private static void act(Fault it, Withheld withheld, Partner sender, Partner receiver) {
        if (it.act == Act.NOTHING) {
            return;
        }
        // The one whose pages are missing touches them, awake, for 20 ms at most; then both are in the transfer. There they look every 20 ms whether the
        // other is still there, and on a busy machine are often seen awake: so the time counts that both have slept in all,
        // of which a moment in which we did not look ourselves is a part only.
        long[] slept = {0};
        long[] last = {0}; // when both were seen asleep; 0: they were not
        org.tetrapylon.support.Observe.until(() -> {
            boolean asleep = sender.isAsleep() && receiver.isAsleep();
            long now = System.nanoTime();
            slept[0] += asleep && last[0] != 0 ? Math.min(now - last[0], 1_000_000) : 0;
            last[0] = asleep ? now : 0;
            return slept[0] > QUIET;
        });
        switch (it.act) {
            case PROVIDE -> withheld.provide(SEED);
            case CANCEL_SENDER -> sender.id().cancel();
            case CANCEL_RECEIVER -> receiver.id().cancel();
            case INTERRUPT_SENDER -> sender.thread().interrupt();
            default -> receiver.thread().interrupt();
        }
    }

    // ---- Flexpages that cannot be mapped

    @ParameterizedTest
    @CsvSource({"0, false", "0x8000700000000000, false", "0, true", "0x8000700000000000, true"})
    void aWindowThatCannotBeMapped(String address, boolean answer) throws Exception {
        long me = L4.l4Myself();
        Partner sender = Partner.start(() -> {
            IpcResult sent = new IpcResult();
            try (Region region = Region.allocate(4096)) {
                if (answer) {
                    assertEquals(0, L4.l4IpcReceive(me, SHORT, NEVER, sent));
                }
                int code = L4.l4IpcSend(me, L4.L4_IPC_SHORT_FPAGE, 7 * 4096, region.fpage(true, true).raw(),
                        answer ? L4.L4_IPC_SEND_TIMEOUT_0 : NEVER, sent);
                assertEquals(IpcError.SEMAPFAILED, IpcError.of(code));
                region.memory().fill((byte) 1);
            }
        });
        MemorySegment window = L4.L4_IPC_MAPMSG(Long.parseUnsignedLong(address.replace("0x", ""), 16), 12);
        int code = answer ? L4.l4IpcCall(sender.id().raw(), SHORT, 0, 0, window, NEVER, result)
                : L4.l4IpcReceive(sender.id().raw(), window, NEVER, result);
        assertEquals(IpcError.REMAPFAILED, IpcError.of(code));
        assertEquals(code, result.dope());
        sender.endWell();
    }

    @Test
    void pagesWithoutAWindowAreCutAndTheWordsArrive() throws Exception {
        ThreadId me = ThreadId.self();
        Partner sender = Partner.start(() -> {
            try (Region region = Region.allocate(4096)) {
                Message message = new Message().map(region, true);
                assertEquals(IpcError.SEMSGCUT, assertThrows(L4Exception.class, () -> Ipc.send(me, message)).error());
            }
        });
        Message message = new Message();
        assertEquals(IpcError.REMSGCUT, assertThrows(L4Exception.class, () -> Ipc.receive(sender.id(), message)).error());
        assertEquals(2, message.wordCount());
        assertEquals(12, new Fpage(message.word(1)).bits());
        assertTrue(!message.isMapped());
        sender.endWell();
    }

    // ---- Nonsense

    private static Partner sink() throws InterruptedException {
        return Partner.start(() -> {
            IpcResult it = new IpcResult();
            MsgBuffer in = new MsgBuffer(Arena.ofAuto(), 700, 1);
            do {
                int code = L4.l4IpcWait(in.descriptor(), NEVER, it);
                assertTrue(code == 0 || code == L4.L4_IPC_RERCVPFTO || code == L4.L4_IPC_REMSGCUT, IpcError.of(code) + "");
            } while (it.dope() >> 13 == 0 || it.dword0() != 0);
        });
    }

    @ParameterizedTest
    @ValueSource(longs = {NO_MEMORY, 0x1000, -4096, 1L << 63, 4, -16})
    void addressesWithoutMemory(long address) throws Exception {
        Partner sink = sink();
        MemorySegment bad = MemorySegment.ofAddress(address);
        assertEquals(IpcError.SERCVPFTO, IpcError.of(L4.l4IpcSend(sink.id().raw(), bad, 1, 1, NEVER, result)));
        assertEquals(IpcError.SERCVPFTO, IpcError.of(L4.l4IpcCall(sink.id().raw(), bad, 1, 1, SHORT, NEVER, result)));
        assertEquals(IpcError.RESNDPFTO, IpcError.of(L4.l4IpcCall(sink.id().raw(), SHORT, 1, 1, bad, NEVER, result)));
        ThreadId me = ThreadId.self();
        Partner sender = Partner.start(() -> {
            try (Arena arena = Arena.ofConfined()) {
                MsgBuffer out = new MsgBuffer(arena, 3, 0);
                out.send(3, 0);
                int code = L4.l4IpcSend(me.raw(), out.descriptor(), 1, 1, NEVER, new IpcResult());
                assertTrue(code == L4.L4_IPC_SESNDPFTO, IpcError.of(code) + "");
            }
        });
        assertEquals(IpcError.RESNDPFTO, IpcError.of(L4.l4IpcReceive(sender.id().raw(), bad, NEVER, result)));
        sender.endWell();
        Ipc.send(sink.id(), new Message());
        sink.endWell();
    }

    @Test
    void buffersThatDoNotFitIntoTheirSegments() {
        try (Arena arena = Arena.ofConfined()) {
            long me = L4.l4Myself();
            MemorySegment small = arena.allocate(64, 16);
            small.set(ValueLayout.JAVA_LONG, 8, L4.L4_IPC_DOPE(6, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> L4.l4IpcWait(small, NEVER, result));
            assertThrows(IndexOutOfBoundsException.class, () -> L4.l4IpcSend(me, small, 0, 0, NEVER, result));
            small.set(ValueLayout.JAVA_LONG, 8, L4.L4_IPC_DOPE(5, 1));
            assertThrows(IndexOutOfBoundsException.class, () -> L4.l4IpcReceive(me, small, NEVER, result));
            small.set(ValueLayout.JAVA_LONG, 8, L4.L4_IPC_DOPE(5, 0));
            assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcWait(small, L4.L4_IPC_RECV_TIMEOUT_0, result));
            small.set(ValueLayout.JAVA_LONG, 16, L4.L4_IPC_DOPE(6, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> L4.l4IpcCall(me, small, 0, 0, SHORT, NEVER, result));
            assertThrows(IndexOutOfBoundsException.class, () -> L4.l4IpcWait(small.asSlice(0, 16), NEVER, result));
            MsgBuffer buffer = new MsgBuffer(arena, 2, 0);
            assertThrows(IllegalArgumentException.class, () -> L4.l4IpcWait(buffer.mapDescriptor(), NEVER, result), "that would be a window");
            assertThrows(IllegalArgumentException.class, () -> L4.l4IpcWait(buffer.descriptor().asReadOnly(), NEVER, result));
            MemorySegment heap = MemorySegment.ofArray(new long[8]);
            assertThrows(IllegalArgumentException.class, () -> L4.l4IpcWait(heap, NEVER, result));
            assertThrows(IllegalArgumentException.class, () -> L4.l4IpcReplyAndWait(me, heap, 0, 0, SHORT, NEVER, result));
        }
    }

    @Test
    void closedMemoryIsRefused() {
        Arena arena = Arena.ofConfined();
        MsgBuffer buffer = new MsgBuffer(arena, 2, 0);
        arena.close();
        assertThrows(IllegalStateException.class, () -> L4.l4IpcWait(buffer.descriptor(), NEVER, result));
        assertThrows(IllegalStateException.class, () -> L4.l4IpcSend(5, buffer.mapDescriptor(), 0, 0, NEVER, result));
    }

    @Test
    void aCancelThatComesWhileNothingWaits() {
        ThreadId.self().cancel();
        ThreadId.INVALID.cancel();
        ThreadId.NIL.cancel();
        assertEquals(IpcError.RETIMEOUT, assertThrows(L4Exception.class, () -> Ipc.await(new Message(), Duration.ofMillis(2))).error());
    }
}
