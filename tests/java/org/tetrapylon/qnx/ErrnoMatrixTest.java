package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;
import org.tetrapylon.support.Background;

/** Bad input through Java: each call gives the error that its documentation names, and nothing is lost or harmed by it. */
class ErrnoMatrixTest extends OneChannel {

    private static final int NO_COID = 12_345;
    private static final int NO_CHID = 1_000;
    private static final long NO_RCVID = 0x7fff_0001;

    private final MemorySegment nothing = MemorySegment.NULL;
    /** Native memory that is not there. */
    private final MemorySegment bad = MemorySegment.ofAddress(16).reinterpret(4096);
    private final MemorySegment good = arena.allocate(4096);
    private final MsgInfo info = new MsgInfo(arena);

    private static void expect(int errno, LongSupplier twin, Runnable call) {
        assertEquals(Errno.name(errno), Errno.name((int) -twin.getAsLong()));
        TetrapylonException e = assertThrows(TetrapylonException.class, call::run);
        assertEquals(Errno.name(errno), Errno.name(e.errno()));
    }

    // ---- Ids that name nothing

    private record Unknown(String call, int errno, LongSupplier twin, Runnable plain) {}

    @TestFactory
    Stream<DynamicTest> unknownIds() {
        SigEvent event = SigEvent.pulse(arena, NO_COID, 1, 1, 1);
        Iov parts = Iov.of(arena, good);
        List<Unknown> all = new ArrayList<>();
        for (int id : new int[] {NO_COID, -1, Integer.MAX_VALUE, Integer.MIN_VALUE, Neutrino._NTO_SIDE_CHANNEL + 9_999}) {
            all.add(new Unknown("MsgSend " + id, Errno.EBADF, () -> Neutrino.msgSend_r(id, good, 1, nothing, 0),
                    () -> Neutrino.msgSend(id, good, 1, nothing, 0)));
            all.add(new Unknown("MsgSendv " + id, Errno.EBADF, () -> Neutrino.msgSendv_r(id, parts, parts),
                    () -> Neutrino.msgSendv(id, parts, parts)));
            all.add(new Unknown("MsgSendPulse " + id, Errno.EBADF, () -> Neutrino.msgSendPulse_r(id, -1, 1, 1),
                    () -> Neutrino.msgSendPulse(id, -1, 1, 1)));
            all.add(new Unknown("ConnectDetach " + id, Errno.EINVAL, () -> Neutrino.connectDetach_r(id),
                    () -> Neutrino.connectDetach(id)));
            all.add(new Unknown("ConnectFlags " + id, Errno.EINVAL, () -> Neutrino.connectFlags_r(0, id, 0, 0),
                    () -> Neutrino.connectFlags(0, id, 0, 0)));
        }
        for (int id : new int[] {NO_CHID, 0, -1, Integer.MAX_VALUE}) {
            all.add(new Unknown("MsgReceive " + id, Errno.ESRCH, () -> Neutrino.msgReceive_r(id, good, 64, null),
                    () -> Neutrino.msgReceive(id, good, 64, null)));
            all.add(new Unknown("MsgReceivev " + id, Errno.ESRCH, () -> Neutrino.msgReceivev_r(id, parts, null),
                    () -> Neutrino.msgReceivev(id, parts, null)));
            all.add(new Unknown("MsgReceivePulse " + id, Errno.ESRCH, () -> Neutrino.msgReceivePulse_r(id, good, 64),
                    () -> Neutrino.msgReceivePulse(id, good, 64)));
            all.add(new Unknown("ChannelDestroy " + id, Errno.EINVAL, () -> Neutrino.channelDestroy_r(id),
                    () -> Neutrino.channelDestroy(id)));
            all.add(new Unknown("ConnectAttach " + id, Errno.ESRCH, () -> Neutrino.connectAttach_r(0, 0, id, 0, 0),
                    () -> Neutrino.connectAttach(0, 0, id, 0, 0)));
        }
        for (long id : new long[] {NO_RCVID, 1, 0, -1, Long.MAX_VALUE, 1L << 32}) {
            all.add(new Unknown("MsgReply " + id, Errno.ESRCH, () -> Neutrino.msgReply_r(id, 0, good, 1),
                    () -> Neutrino.msgReply(id, 0, good, 1)));
            all.add(new Unknown("MsgReplyv " + id, Errno.ESRCH, () -> Neutrino.msgReplyv_r(id, 0, parts),
                    () -> Neutrino.msgReplyv(id, 0, parts)));
            all.add(new Unknown("MsgError " + id, Errno.ESRCH, () -> Neutrino.msgError_r(id, 1), () -> Neutrino.msgError(id, 1)));
            all.add(new Unknown("MsgRead " + id, Errno.ESRCH, () -> Neutrino.msgRead_r(id, good, 1, 0),
                    () -> Neutrino.msgRead(id, good, 1, 0)));
            all.add(new Unknown("MsgReadv " + id, Errno.ESRCH, () -> Neutrino.msgReadv_r(id, parts, 0),
                    () -> Neutrino.msgReadv(id, parts, 0)));
            all.add(new Unknown("MsgWrite " + id, Errno.ESRCH, () -> Neutrino.msgWrite_r(id, good, 1, 0),
                    () -> Neutrino.msgWrite(id, good, 1, 0)));
            all.add(new Unknown("MsgWritev " + id, Errno.ESRCH, () -> Neutrino.msgWritev_r(id, parts, 0),
                    () -> Neutrino.msgWritev(id, parts, 0)));
            all.add(new Unknown("MsgInfo " + id, Errno.ESRCH, () -> Neutrino.msgInfo_r(id, info), () -> Neutrino.msgInfo(id, info)));
            all.add(new Unknown("MsgCurrent " + id, Errno.ESRCH, () -> Neutrino.msgCurrent_r(id), () -> Neutrino.msgCurrent(id)));
        }
        all.add(new Unknown("MsgDeliverEvent", Errno.ESRCH, () -> Neutrino.msgDeliverEvent_r(NO_RCVID, event),
                () -> Neutrino.msgDeliverEvent(NO_RCVID, event)));
        all.add(new Unknown("MsgDeliverEvent to ourselves", Errno.EBADF, () -> Neutrino.msgDeliverEvent_r(0, event),
                () -> Neutrino.msgDeliverEvent(0, event)));
        all.add(new Unknown("MsgRegisterEvent", Errno.EBADF, () -> Neutrino.msgRegisterEvent_r(SigEvent.pulse(arena, coid, 1, 1, 1), NO_COID),
                () -> Neutrino.msgRegisterEvent(SigEvent.pulse(arena, coid, 1, 1, 1), NO_COID)));
        all.add(new Unknown("MsgUnregisterEvent", Errno.ESRCH, () -> Neutrino.msgUnregisterEvent_r(event),
                () -> Neutrino.msgUnregisterEvent(event)));
        all.add(new Unknown("ConnectAttach to nobody", Errno.ESRCH, () -> Neutrino.connectAttach_r(0, Integer.MAX_VALUE, 1, 0, 0),
                () -> Neutrino.connectAttach(0, Integer.MAX_VALUE, 1, 0, 0)));
        all.add(new Unknown("ConnectAttach to another node", Errno.ENOREMOTE, () -> Neutrino.connectAttach_r(7, 0, chid, 0, 0),
                () -> Neutrino.connectAttach(7, 0, chid, 0, 0)));
        return all.stream().map(it -> DynamicTest.dynamicTest(it.call, () -> expect(it.errno, it.twin, it.plain)));
    }

    @Test
    void namesThatAreNotThere() {
        Neutrino.NameAttach attach = Neutrino.nameAttach(null, "errno-matrix-" + ProcessHandle.current().pid(), 0);
        String taken = "errno-matrix-" + ProcessHandle.current().pid();
        assertEquals(Errno.EEXIST, errnoOf(() -> Neutrino.nameAttach(null, taken, 0)));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.nameAttach(good, "other", 0)));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.nameAttach(null, "", 0)));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.nameAttach(null, "/absolute", 0)));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.nameAttach(null, "a/../b", 0)));
        assertEquals(Errno.ENAMETOOLONG, errnoOf(() -> Neutrino.nameAttach(null, "n".repeat(101), 0)));
        assertEquals(Errno.ENOENT, errnoOf(() -> Neutrino.nameOpen("nobody-has-this", 0)));
        assertEquals(Errno.EBADF, errnoOf(() -> Neutrino.nameClose(NO_COID)));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.nameDetach(null, 0)));
        Neutrino.nameDetach(attach, 0);
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.nameDetach(attach, 0)));
        assertEquals(Errno.ENOENT, errnoOf(() -> Neutrino.netmgrStrtond("another-node")));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.netmgrNdtostr(0, 5)));
    }

    private static int errnoOf(Runnable call) {
        return assertThrows(TetrapylonException.class, call::run).errno();
    }

    // ---- Values that make no sense

    @Test
    void senselessValues() {
        expect(Errno.EINVAL, () -> Neutrino.msgSendPulse_r(coid, -1, 128, 0), () -> Neutrino.msgSendPulse(coid, -1, 128, 0));
        expect(Errno.EINVAL, () -> Neutrino.msgSendPulse_r(coid, -1, -129, 0), () -> Neutrino.msgSendPulse(coid, -1, -129, 0));
        expect(Errno.EINVAL, () -> Neutrino.msgSendPulse_r(coid, 256, 1, 0), () -> Neutrino.msgSendPulse(coid, 256, 1, 0));
        expect(Errno.EINVAL, () -> Neutrino.msgSendPulsePtr_r(coid, -2, 1, 0), () -> Neutrino.msgSendPulsePtr(coid, -2, 1, 0));
        expect(Errno.EINVAL, () -> Neutrino.channelCreate_r(0x0800), () -> Neutrino.channelCreate(0x0800));
        expect(Errno.EINVAL, () -> Neutrino.timerTimeout_r(99, 0, null, 1), () -> Neutrino.timerTimeout(99, 0, null, 1));
        SigEvent pulse = SigEvent.pulse(arena, coid, 1, 1, 1);
        expect(Errno.EINVAL, () -> Neutrino.timerTimeout_r(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_SEND, pulse, 1),
                () -> Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_SEND, pulse, 1));
        expect(Errno.EINVAL, () -> Neutrino.connectServerInfo_r(1, coid, info), () -> Neutrino.connectServerInfo(1, coid, info));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.connectClientInfo(NO_COID, 0)));
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.connectClientInfo(-1, -1)));
        assertEquals(Errno.EBADF, errnoOf(() -> Neutrino.timerCreate(Neutrino.CLOCK_MONOTONIC, SigEvent.pulse(arena, NO_COID, 1, 1, 1))));
        SigEvent unknown = SigEvent.none(arena);
        unknown.segment().set(java.lang.foreign.ValueLayout.JAVA_INT, SigEvent.NOTIFY, 0x7e);
        expect(Errno.EINVAL, () -> Neutrino.msgDeliverEvent_r(0, unknown), () -> Neutrino.msgDeliverEvent(0, unknown));
        expect(Errno.EINVAL, () -> Neutrino.msgVerifyEvent_r(0, unknown), () -> Neutrino.msgVerifyEvent(0, unknown));
    }

    @Test
    void lengthsThatDoNotAddUp() {
        MemorySegment everything = MemorySegment.ofAddress(4096).reinterpret(Long.MAX_VALUE);
        Iov huge = Iov.of(arena, everything, everything, everything);
        expect(Errno.EOVERFLOW, () -> Neutrino.msgSendv_r(coid, huge, Iov.of(arena)), () -> Neutrino.msgSendv(coid, huge, Iov.of(arena)));
        expect(Errno.EOVERFLOW, () -> Neutrino.msgSendv_r(coid, Iov.of(arena), huge), () -> Neutrino.msgSendv(coid, Iov.of(arena), huge));
    }

    @Test
    void onlyOneChannelOfAProcessHearsOfDeaths() {
        for (int flag : new int[] {Neutrino._NTO_CHF_THREAD_DEATH, Neutrino._NTO_CHF_COID_DISCONNECT}) {
            int first = Neutrino.channelCreate(flag);
            expect(Errno.EBUSY, () -> Neutrino.channelCreate_r(flag), () -> Neutrino.channelCreate(flag));
            Neutrino.channelDestroy(first);
            Neutrino.channelDestroy(Neutrino.channelCreate(flag));
        }
    }

    @Test
    void channelsAreLimited() {
        List<Integer> made = new ArrayList<>();
        int result;
        while ((result = Neutrino.channelCreate_r(0)) >= 0 && made.size() < 5_000) {
            made.add(result);
        }
        made.forEach(Neutrino::channelDestroy);
        assertEquals(-Errno.EAGAIN, result);
        assertTrue(made.size() >= 900, "made " + made.size());
        Neutrino.channelDestroy(Neutrino.channelCreate(0));
    }

    @Test
    void waitingPulsesAreLimited() {
        int sent = 0;
        int result = 0;
        while (sent < 200_000 && (result = Neutrino.msgSendPulse_r(coid, -1, 1, sent)) == 0) {
            sent++;
        }
        assertEquals(-Errno.EAGAIN, result);
        for (int i = 0; i < sent; i++) {
            assertEquals(0, Neutrino.msgReceivePulse(chid, good, 64));
            assertEquals(i, Neutrino.pulse(good).value());
        }
    }

    // ---- Memory that is not there. Neither side crashes.

    private long receiveOne() {
        return Neutrino.msgReceive(chid, good, 64, null);
    }

    @Test
    void badClientMessage() throws Exception {
        Background client = Background.platform(() -> Neutrino.msgSend(coid, bad, 64, nothing, 0));
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 50_000_000);
        assertEquals(-Errno.ETIMEDOUT, Neutrino.msgReceive_r(chid, good, 64, null), "its receive does not see it");
        assertEquals(Errno.EFAULT, client.endErrno());
    }

    @Test
    void badClientReplyBuffer() throws Exception {
        Background client = Background.platform(() -> Neutrino.msgSend(coid, good, 1, bad, 64));
        long rcvid = receiveOne();
        assertEquals(-Errno.EFAULT, Neutrino.msgReply_r(rcvid, 0, good, 8));
        assertEquals(Errno.EFAULT, client.endErrno());
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 0, good, 8), "it is consumed");
    }

    @Test
    void aPartThatNobodyNeedsDoesNotFault() throws Exception {
        Background client = Background.platform(() -> assertEquals(1, Neutrino.msgSendv(coid,
                Iov.of(arena, good.asSlice(0, 4), bad.asSlice(0, 64)), Iov.of(arena, good.asSlice(100, 4), bad.asSlice(0, 64)))));
        MemorySegment small = arena.allocate(24);
        long rcvid = Neutrino.msgReceivev(chid, Iov.of(arena, small.asSlice(0, 4)), null);
        assertEquals(0, Neutrino.msgReply_r(rcvid, 1, small, 4));
        client.endWell();
    }

    @Test
    void badServerReplyBufferConsumesTheMessage() throws Exception {
        Background client = Background.platform(() -> Neutrino.msgSend(coid, good, 1, good.asSlice(64), 64));
        long rcvid = receiveOne();
        assertEquals(-Errno.ESRVRFAULT, Neutrino.msgReply_r(rcvid, 0, bad, 8));
        assertEquals(Errno.ESRVRFAULT, client.endErrno());
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 0, good, 8));
    }

    @Test
    void badServerTransferBufferLeavesTheClientBlocked() throws Exception {
        Background client = Background.platform(() -> assertEquals(2, Neutrino.msgSend(coid, good, 64, good.asSlice(64), 64)));
        long rcvid = receiveOne();
        assertEquals(-Errno.ESRVRFAULT, Neutrino.msgRead_r(rcvid, bad, 8, 0));
        assertEquals(-Errno.ESRVRFAULT, Neutrino.msgWrite_r(rcvid, bad, 8, 0));
        assertEquals(0, Neutrino.msgReply_r(rcvid, 2, nothing, 0));
        client.endWell();
    }

    @Test
    void badClientBufferInATransferLeavesTheClientBlocked() throws Exception {
        Background client = Background.platform(() -> assertEquals(3, Neutrino.msgSendv(coid,
                Iov.of(arena, good.asSlice(0, 4), bad.asSlice(0, 64)), Iov.of(arena, bad.asSlice(0, 64)))));
        long rcvid = Neutrino.msgReceivev(chid, Iov.of(arena, good.asSlice(0, 4)), null);
        assertEquals(-Errno.EFAULT, Neutrino.msgRead_r(rcvid, good, 8, 4));
        assertEquals(0, Neutrino.msgReply_r(rcvid, 3, nothing, 0));
        client.endWell();
    }

    @Test
    void badReceiveBufferLeavesTheMessageInTheQueue() throws Exception {
        Background client = Background.platform(() -> assertEquals(4, Neutrino.msgSend(coid, good, 64, nothing, 0)));
        client.awaitBlocked();
        assertEquals(-Errno.EFAULT, Neutrino.msgReceive_r(chid, bad, 64, null));
        Neutrino.msgReply(receiveOne(), 4, nothing, 0);
        client.endWell();
    }

    /** The library has a handler for faults in its copies; those of the JVM's own that come by the same signal must reach the JVM. */
    @Test
    void theFaultsOfTheJvmStillReachIt() throws Exception {
        badReceiveBufferLeavesTheMessageInTheQueue();
        int caught = 0;
        for (int i = 0; i < 30_000; i++) {
            try {
                lengthOf(i % 100 == 0 ? null : arena);
            } catch (NullPointerException e) {
                caught++;
            }
        }
        assertEquals(300, caught);
        for (int i = 0; i < 3; i++) {
            assertThrows(StackOverflowError.class, () -> deeper(1));
        }
        badReceiveBufferLeavesTheMessageInTheQueue();
    }

    private static int lengthOf(Object object) {
        return object.hashCode();
    }

    private static int deeper(int depth) {
        return deeper(depth + 1) + depth;
    }

    // ---- What ends under a blocked thread

    @Test
    void channelDestroyedUnderEveryState() throws Exception {
        int own = Neutrino.channelCreate(0);
        int toIt = Neutrino.connectAttach(0, 0, own, Neutrino._NTO_SIDE_CHANNEL, 0);
        Background replyBlocked = Background.platform(() -> Neutrino.msgSend(toIt, good, 1, nothing, 0));
        long rcvid = Neutrino.msgReceive(own, good, 64, null);
        replyBlocked.await(ThreadState.State.REPLY);
        Background sendBlocked = Background.platform(() -> Neutrino.msgSend(toIt, good, 1, nothing, 0));
        sendBlocked.await(ThreadState.State.SEND);
        Neutrino.channelDestroy(own);
        assertEquals(Errno.ESRCH, replyBlocked.endErrno());
        assertEquals(Errno.ESRCH, sendBlocked.endErrno());
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 0, nothing, 0));
        assertEquals(-Errno.EBADF, Neutrino.msgSend_r(toIt, good, 1, nothing, 0));
        assertEquals(-Errno.EBADF, Neutrino.msgSendPulse_r(toIt, -1, 1, 1));
        Neutrino.connectDetach(toIt);

        int other = Neutrino.channelCreate(0);
        Background receiveBlocked = Background.platform(() -> Neutrino.msgReceive(other, arena.allocate(64), 64, null));
        receiveBlocked.await(ThreadState.State.RECEIVE);
        Neutrino.channelDestroy(other);
        assertEquals(Errno.ESRCH, receiveBlocked.endErrno());
    }

    @Test
    void coidDetachedUnderBlockedSends() throws Exception {
        Background replyBlocked = Background.platform(() -> Neutrino.msgSend(coid, good, 1, nothing, 0));
        long rcvid = receiveOne();
        replyBlocked.await(ThreadState.State.REPLY);
        Background sendBlocked = Background.platform(() -> Neutrino.msgSend(coid, good, 1, nothing, 0));
        sendBlocked.await(ThreadState.State.SEND);
        Neutrino.connectDetach(coid);
        assertEquals(Errno.EBADF, replyBlocked.endErrno());
        assertEquals(Errno.EBADF, sendBlocked.endErrno());
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 0, nothing, 0));
        assertEquals(-Errno.EBADF, Neutrino.msgSend_r(coid, good, 1, nothing, 0));
        assertEquals(-Errno.EINVAL, Neutrino.connectDetach_r(coid));
    }

    @Test
    void exceptionsNameCallAndError() {
        TetrapylonException e = assertThrows(TetrapylonException.class, () -> Neutrino.msgReply(NO_RCVID, 0, nothing, 0));
        assertEquals("MsgReply", e.call());
        assertEquals(Errno.ESRCH, e.errno());
        assertTrue(e.getMessage().contains("MsgReply") && e.getMessage().contains("ESRCH"), e.getMessage());
    }
}
