package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Observe;

/** The documented functions under their documented names: what each does, within one process. */
class NeutrinoTest extends OneChannel {

    private MemorySegment text(String text) {
        return arena.allocateFrom(text);
    }

    private MemorySegment bytes(int... values) {
        MemorySegment segment = arena.allocate(Math.max(1, values.length));
        for (int i = 0; i < values.length; i++) {
            segment.set(ValueLayout.JAVA_BYTE, i, (byte) values[i]);
        }
        return segment.asSlice(0, values.length);
    }

    /** A server of one message. */
    private interface Answer {
        void to(long rcvid, MemorySegment message, MsgInfo info) throws Exception;
    }

    private Background serve(Answer answer) {
        MemorySegment buffer = arena.allocate(256);
        MsgInfo info = new MsgInfo(arena);
        return Background.platform(() -> {
            long rcvid = Neutrino.msgReceive(chid, buffer, buffer.byteSize(), info);
            answer.to(rcvid, buffer, info);
        });
    }

    // ---- MsgReplyv in testable sentences

    @Test
    void msgSendReturnsTheStatusVerbatim() throws Exception {
        for (long status : new long[] {0, 1, 4711, -1, -3, -22, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 40}) {
            Background server = serve((rcvid, message, info) -> Neutrino.msgReply(rcvid, status, MemorySegment.NULL, 0));
            assertEquals(status, Neutrino.msgSend(coid, text("x"), 2, MemorySegment.NULL, 0));
            server.endWell();
        }
    }

    @Test
    void theTwinReturnsStatusOrNegativeErrno() throws Exception {
        Background server = serve((rcvid, message, info) -> assertEquals(0, Neutrino.msgReply_r(rcvid, 7, MemorySegment.NULL, 0)));
        assertEquals(7, Neutrino.msgSend_r(coid, text("x"), 2, MemorySegment.NULL, 0));
        server.endWell();
        assertEquals(-Errno.EBADF, Neutrino.msgSend_r(12345, text("x"), 2, MemorySegment.NULL, 0));
    }

    @Test
    void replyIsClippedToTheRoomAndTouchesNothingBeyond() throws Exception {
        Background server = serve((rcvid, message, info) -> {
            assertEquals(4, info.dstmsglen());
            Neutrino.msgReply(rcvid, 0, bytes(1, 2, 3, 4, 5, 6), 6);
        });
        MemorySegment reply = bytes(9, 9, 9, 9, 9, 9, 9, 9);
        Neutrino.msgSend(coid, MemorySegment.NULL, 0, reply, 4);
        assertArrayEquals(new byte[] {1, 2, 3, 4, 9, 9, 9, 9}, reply.toArray(ValueLayout.JAVA_BYTE));
        server.endWell();
    }

    @Test
    void shortReplyLeavesTheRest() throws Exception {
        Background server = serve((rcvid, message, info) -> Neutrino.msgReply(rcvid, 0, bytes(1, 2), 2));
        MemorySegment reply = bytes(9, 9, 9, 9);
        Neutrino.msgSend(coid, MemorySegment.NULL, 0, reply, 4);
        assertArrayEquals(new byte[] {1, 2, 9, 9}, reply.toArray(ValueLayout.JAVA_BYTE));
        server.endWell();
    }

    @Test
    void partsOfBothSidesAreIndependent() throws Exception {
        MemorySegment in = arena.allocate(3);
        MemorySegment in2 = arena.allocate(64);
        Background server = Background.platform(() -> {
            long rcvid = Neutrino.msgReceivev(chid, Iov.of(arena, in, in2), null);
            Neutrino.msgReplyv(rcvid, 5, Iov.of(arena, bytes(10), bytes(11, 12, 13), MemorySegment.NULL, bytes(14, 15)));
        });
        MemorySegment out = bytes(0, 0);
        MemorySegment out2 = bytes(0, 0, 0, 0, 0, 0);
        assertEquals(5, Neutrino.msgSendv(coid, Iov.of(arena, bytes(1, 2), bytes(3, 4, 5)), Iov.of(arena, out, out2)));
        server.endWell();
        assertArrayEquals(new byte[] {1, 2, 3}, in.toArray(ValueLayout.JAVA_BYTE));
        assertArrayEquals(new byte[] {4, 5}, in2.asSlice(0, 2).toArray(ValueLayout.JAVA_BYTE));
        assertArrayEquals(new byte[] {10, 11}, out.toArray(ValueLayout.JAVA_BYTE));
        assertArrayEquals(new byte[] {12, 13, 14, 15, 0, 0}, out2.toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void replyWithoutParts() throws Exception {
        Background server = serve((rcvid, message, info) -> Neutrino.msgReplyv(rcvid, 3, new Iov(arena, 0)));
        MemorySegment reply = bytes(9);
        assertEquals(3, Neutrino.msgSend(coid, MemorySegment.NULL, 0, reply, 1));
        assertEquals(9, reply.get(ValueLayout.JAVA_BYTE, 0));
        server.endWell();
    }

    @Test
    void allFormsOfSend() throws Exception {
        MemorySegment message = bytes(1, 2, 3);
        Iov parts = Iov.of(arena, message);
        MemorySegment reply = arena.allocate(3);
        Iov replyParts = Iov.of(arena, reply);
        List<java.util.function.LongSupplier> forms = List.of(
                () -> Neutrino.msgSend(coid, message, 3, reply, 3),
                () -> Neutrino.msgSend_r(coid, message, 3, reply, 3),
                () -> Neutrino.msgSendnc(coid, message, 3, reply, 3),
                () -> Neutrino.msgSendnc_r(coid, message, 3, reply, 3),
                () -> Neutrino.msgSendv(coid, parts, replyParts),
                () -> Neutrino.msgSendv_r(coid, parts, replyParts),
                () -> Neutrino.msgSendvnc(coid, parts, replyParts),
                () -> Neutrino.msgSendvnc_r(coid, parts, replyParts),
                () -> Neutrino.msgSendsv(coid, message, 3, replyParts),
                () -> Neutrino.msgSendsv_r(coid, message, 3, replyParts),
                () -> Neutrino.msgSendsvnc(coid, message, 3, replyParts),
                () -> Neutrino.msgSendsvnc_r(coid, message, 3, replyParts),
                () -> Neutrino.msgSendvs(coid, parts, reply, 3),
                () -> Neutrino.msgSendvs_r(coid, parts, reply, 3),
                () -> Neutrino.msgSendvsnc(coid, parts, reply, 3),
                () -> Neutrino.msgSendvsnc_r(coid, parts, reply, 3));
        int number = 0;
        for (java.util.function.LongSupplier form : forms) {
            int status = ++number;
            Background server = serve((rcvid, it, info) -> {
                assertEquals(3, info.msglen());
                Neutrino.msgReply(rcvid, status, it, 3);
            });
            reply.fill((byte) 0);
            assertEquals(status, form.getAsLong());
            assertEquals(-1, message.mismatch(reply));
            server.endWell();
        }
    }

    @Test
    void anyThreadMayReplyInAnyOrderOnce() throws Exception {
        int clients = 3;
        List<Background> senders = new ArrayList<>();
        List<Long> rcvids = new ArrayList<>();
        MemorySegment buffer = arena.allocate(64);
        for (int i = 0; i < clients; i++) {
            senders.add(Background.platform(() -> assertEquals(4, Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0))));
            rcvids.add(Neutrino.msgReceive(chid, buffer, 64, null));
        }
        assertEquals(clients, rcvids.stream().distinct().count());
        for (long rcvid : rcvids.reversed()) {
            assertTrue(rcvid > 0 && rcvid <= Integer.MAX_VALUE);
            Background.platform(() -> Neutrino.msgReply(rcvid, 4, MemorySegment.NULL, 0)).endWell();
            assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 4, MemorySegment.NULL, 0));
        }
        for (Background sender : senders) {
            sender.endWell();
        }
    }

    @Test
    void lateReplyDoesNotAnswerTheNextMessage() throws Exception {
        MemorySegment buffer = arena.allocate(64);
        Background client = Background.platform(() -> {
            assertEquals(1, Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0));
            assertEquals(2, Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0));
        });
        long first = Neutrino.msgReceive(chid, buffer, 64, null);
        Neutrino.msgReply(first, 1, MemorySegment.NULL, 0);
        long second = Neutrino.msgReceive(chid, buffer, 64, null);
        assertNotEquals(first, second);
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(first, 99, MemorySegment.NULL, 0));
        Neutrino.msgReply(second, 2, MemorySegment.NULL, 0);
        client.endWell();
    }

    @Test
    void msgErrorGivesTheError() throws Exception {
        for (int error : new int[] {Errno.EPERM, Errno.EINVAL, Errno.EIO, Errno.ENOREMOTE, 500}) {
            Background server = serve((rcvid, message, info) -> assertEquals(0, Neutrino.msgError(rcvid, error)));
            TetrapylonException e = assertThrows(TetrapylonException.class,
                    () -> Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0));
            assertEquals(error, e.errno());
            assertEquals("MsgSend", e.call());
            server.endWell();
        }
    }

    @Test
    void msgErrorEokReturnsZeroAndErestartSendsAgain() throws Exception {
        MemorySegment buffer = arena.allocate(64);
        Background client = Background.platform(() -> assertEquals(0, Neutrino.msgSend(coid, text("again"), 6, MemorySegment.NULL, 0)));
        long first = Neutrino.msgReceive(chid, buffer, 64, null);
        Neutrino.msgError(first, Errno.ERESTART);
        buffer.fill((byte) 0);
        long second = Neutrino.msgReceive(chid, buffer, 64, null);
        assertEquals("again", buffer.getString(0));
        assertNotEquals(first, second);
        Neutrino.msgError(second, Errno.EOK);
        client.endWell();
    }

    // ---- Transfer, information

    @Test
    void readAndWriteAtOffsets() throws Exception {
        Background server = serve((rcvid, message, info) -> {
            MemorySegment part = arena.allocate(16);
            assertEquals(6, info.srcmsglen());
            assertEquals(8, info.dstmsglen());
            assertEquals(2, Neutrino.msgRead(rcvid, part, 2, 1));
            assertArrayEquals(new byte[] {2, 3}, part.asSlice(0, 2).toArray(ValueLayout.JAVA_BYTE));
            assertEquals(2, Neutrino.msgRead(rcvid, part, 16, 4), "clipped");
            assertEquals(0, Neutrino.msgRead(rcvid, part, 16, 6), "at the end");
            assertEquals(0, Neutrino.msgRead(rcvid, part, 16, 1000), "past the end");
            assertEquals(3, Neutrino.msgReadv(rcvid, Iov.of(arena, part.asSlice(0, 1), part.asSlice(8, 8)), 3));
            assertEquals(4, part.get(ValueLayout.JAVA_BYTE, 0));
            assertEquals(5, part.get(ValueLayout.JAVA_BYTE, 8));
            assertEquals(2, Neutrino.msgWrite(rcvid, bytes(70, 71), 2, 3));
            assertEquals(2, Neutrino.msgWrite(rcvid, bytes(80, 81, 82), 3, 6), "clipped");
            assertEquals(0, Neutrino.msgWrite(rcvid, bytes(1), 1, 8), "past the end");
            assertEquals(2, Neutrino.msgWritev(rcvid, Iov.of(arena, bytes(60), bytes(61)), 1));
            Neutrino.msgReply(rcvid, 0, bytes(50), 1);
        });
        MemorySegment reply = bytes(9, 9, 9, 9, 9, 9, 9, 9);
        Neutrino.msgSend(coid, bytes(1, 2, 3, 4, 5, 6), 6, reply, 8);
        server.endWell();
        assertArrayEquals(new byte[] {50, 60, 61, 70, 71, 9, 80, 81}, reply.toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void largeMessagesAreReadAndWrittenInPlace() throws Exception {
        int size = 3 << 20;
        MemorySegment message = arena.allocate(size);
        for (int i = 0; i < size; i += 4) {
            message.set(ValueLayout.JAVA_INT, i, i * 31);
        }
        MemorySegment reply = arena.allocate(size);
        Background server = serve((rcvid, head, info) -> {
            assertEquals(size, info.srcmsglen());
            MemorySegment all = arena.allocate(size);
            assertEquals(size, Neutrino.msgRead(rcvid, all, size, 0));
            assertEquals(size, Neutrino.msgWrite(rcvid, all, size, 0));
            Neutrino.msgReply(rcvid, 1, MemorySegment.NULL, 0);
        });
        assertEquals(1, Neutrino.msgSend(coid, message, size, reply, size));
        server.endWell();
        assertEquals(-1, message.mismatch(reply));
    }

    @Test
    void msgInfoTellsWhoAndHowMuch() throws Exception {
        Background server = serve((rcvid, message, info) -> {
            MsgInfo again = new MsgInfo(arena);
            assertEquals(0, Neutrino.msgInfo(rcvid, again));
            for (MsgInfo it : List.of(info, again)) {
                assertEquals(0, it.nd());
                assertEquals(0, it.srcnd());
                assertEquals(ProcessHandle.current().pid(), it.pid());
                assertTrue(it.tid() >= 1);
                assertEquals(chid, it.chid());
                assertEquals(coid, it.coid());
                assertEquals(5, it.srcmsglen());
                assertEquals(7, it.dstmsglen());
                assertEquals(10, it.priority());
                assertEquals(0, it.flags() & Neutrino._NTO_MI_UNBLOCK_REQ);
            }
            assertEquals(5, info.msglen());
            ClientInfo client = Neutrino.connectClientInfo(info.scoid(), 4);
            assertEquals(ProcessHandle.current().pid(), client.pid());
            assertEquals(uid(), client.euid());
            Neutrino.msgReply(rcvid, 0, MemorySegment.NULL, 0);
            assertEquals(-Errno.ESRCH, Neutrino.msgInfo_r(rcvid, again), "only while it is blocked");
        });
        Neutrino.msgSend(coid, arena.allocate(5), 5, arena.allocate(7), 7);
        server.endWell();
    }

    private static int uid() throws Exception {
        return (int) java.nio.file.Files.getAttribute(java.nio.file.Path.of("/proc/self"), "unix:uid");
    }

    @Test
    void twoAttachesAreTwoCoidsAndOneScoid() throws Exception {
        int other = Neutrino.connectAttach(0, 0, chid, 0, 0);
        assertNotEquals(coid, other);
        assertTrue(coid >= Neutrino._NTO_SIDE_CHANNEL);
        assertTrue(other >= 3 && other < Neutrino._NTO_SIDE_CHANNEL);
        int[] scoids = new int[2];
        for (int i = 0; i < 2; i++) {
            int index = i;
            Background server = serve((rcvid, message, info) -> {
                scoids[index] = info.scoid();
                Neutrino.msgReply(rcvid, 0, MemorySegment.NULL, 0);
            });
            Neutrino.msgSend(i == 0 ? coid : other, MemorySegment.NULL, 0, MemorySegment.NULL, 0);
            server.endWell();
        }
        assertEquals(scoids[0], scoids[1]);
        MsgInfo info = new MsgInfo(arena);
        assertEquals(other, Neutrino.connectServerInfo(0, other, info));
        assertEquals(chid, info.chid());
        assertEquals(ProcessHandle.current().pid(), info.pid());
        assertEquals(scoids[0], info.scoid());
        Neutrino.connectDetach(other);
    }

    @Test
    void connectFlagsReturnsTheFlagsBefore() {
        int before = Neutrino.connectFlags(0, coid, Neutrino._NTO_COF_CLOEXEC, Neutrino._NTO_COF_CLOEXEC);
        assertEquals(Neutrino._NTO_COF_CLOEXEC, Neutrino.connectFlags(0, coid, 0, 0) & Neutrino._NTO_COF_CLOEXEC);
        assertEquals(0, before & Neutrino._NTO_COF_DEAD);
        int channel = Neutrino.channelCreate(0);
        int dead = Neutrino.connectAttach(0, 0, channel, 0, 0);
        Neutrino.channelDestroy(channel);
        Observe.until("the connection knows that its server has gone",
                () -> (Neutrino.connectFlags(0, dead, 0, 0) & Neutrino._NTO_COF_DEAD) != 0);
        Neutrino.connectDetach(dead);
    }

    // ---- Pulses and events

    private Pulse nextPulse() {
        MemorySegment buffer = arena.allocate(64);
        assertEquals(0, Neutrino.msgReceivePulse(chid, buffer, 64));
        return Neutrino.pulse(buffer);
    }

    @Test
    void pulsesCarryCodeValueAndSender() {
        Neutrino.msgSendPulse(coid, -1, 5, -7);
        Pulse.User pulse = (Pulse.User) nextPulse();
        assertEquals(5, pulse.code());
        assertEquals(-7, (int) pulse.value());
        assertTrue(pulse.scoid() >= Neutrino._NTO_SIDE_CHANNEL);
        Neutrino.msgSendPulsePtr(coid, 20, 127, 0x1234_5678_9abc_def0L);
        assertEquals(0x1234_5678_9abc_def0L, nextPulse().value());
        MemorySegment buffer = arena.allocate(64);
        Neutrino.msgSendPulse(coid, -1, -100, 1);
        assertEquals(0, Neutrino.msgReceive(chid, buffer, 64, null));
        assertEquals(-100, Neutrino.pulse(buffer).code());
    }

    @Test
    void pulsesAreReceivedAsOftenAsSent() {
        int count = 300;
        for (int i = 0; i < count; i++) {
            Neutrino.msgSendPulse(coid, -1, 1, 1);
        }
        for (int i = 0; i < count; i++) {
            assertEquals(1, nextPulse().code());
        }
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 0);
        assertEquals(-Errno.ETIMEDOUT, Neutrino.msgReceivePulse_r(chid, arena.allocate(64), 64));
    }

    @Test
    void theQueueIsOrderedByPriorityThenByArrival() {
        int[] priorities = {10, 30, 10, 255, 30, 0};
        for (int i = 0; i < priorities.length; i++) {
            Neutrino.msgSendPulse(coid, priorities[i], 1, i);
        }
        List<Long> order = new ArrayList<>();
        for (int ignored : priorities) {
            order.add(nextPulse().value());
        }
        assertEquals(List.of(3L, 1L, 4L, 0L, 2L, 5L), order);
    }

    @Test
    void receivePulseLeavesMessagesInTheQueue() throws Exception {
        Background client = Background.platform(() -> assertEquals(1, Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0)));
        client.awaitBlocked();
        Neutrino.msgSendPulse(coid, 0, 9, 0);
        assertEquals(9, nextPulse().code());
        MemorySegment buffer = arena.allocate(64);
        long rcvid = Neutrino.msgReceive(chid, buffer, 64, null);
        assertTrue(rcvid > 0);
        Neutrino.msgReply(rcvid, 1, MemorySegment.NULL, 0);
        client.endWell();
    }

    @Test
    void bufferTooSmallForAPulseLeavesItInTheQueue() {
        Neutrino.msgSendPulse(coid, -1, 6, 0);
        MemorySegment small = arena.allocate(Neutrino.pulseSize() - 1);
        assertEquals(-Errno.EFAULT, Neutrino.msgReceive_r(chid, small, small.byteSize(), null));
        assertEquals(-Errno.EFAULT, Neutrino.msgReceivePulse_r(chid, small, small.byteSize()));
        assertEquals(6, nextPulse().code());
    }

    @Test
    void eventIsDeliveredAlsoAfterTheReply() throws Exception {
        int own = Neutrino.channelCreate(0);
        int ownCoid = Neutrino.connectAttach(0, 0, own, Neutrino._NTO_SIDE_CHANNEL, 0);
        SigEvent event = SigEvent.pulse(arena, ownCoid, 11, 33, 0x7_0000_0001L);
        Background server = serve((rcvid, message, info) -> {
            SigEvent carried = SigEvent.at(message);
            assertEquals(0, Neutrino.msgVerifyEvent(rcvid, carried));
            Neutrino.msgDeliverEvent(rcvid, carried);
            Neutrino.msgReply(rcvid, 0, MemorySegment.NULL, 0);
            Neutrino.msgDeliverEvent(rcvid, carried);
        });
        Neutrino.msgSend(coid, event.segment(), SigEvent.SIZE, MemorySegment.NULL, 0);
        server.endWell();
        MemorySegment buffer = arena.allocate(64);
        for (int i = 0; i < 2; i++) {
            Neutrino.msgReceivePulse(own, buffer, 64);
            assertEquals(33, Neutrino.pulse(buffer).code());
            assertEquals(0x7_0000_0001L, Neutrino.pulse(buffer).value());
        }
        Neutrino.connectDetach(ownCoid);
        Neutrino.channelDestroy(own);
    }

    @Test
    void registeredEventIsAHandleUntilUnregistered() {
        SigEvent event = SigEvent.pulse(arena, coid, 11, 34, 2);
        Neutrino.msgRegisterEvent(event, -1);
        assertTrue(event.isHandle());
        Neutrino.msgDeliverEvent(0, event);
        assertEquals(34, nextPulse().code());
        Neutrino.msgUnregisterEvent(event);
        assertEquals(-Errno.ESRCH, Neutrino.msgUnregisterEvent_r(event));
    }

    // ---- Time and names

    @Test
    void timeoutStrikesInTheStatesItNames() throws Exception {
        long aLittle = 2_000_000;
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, aLittle);
        assertEquals(-Errno.ETIMEDOUT, Neutrino.msgReceive_r(chid, arena.allocate(64), 64, null));
        Neutrino.timerTimeout(Neutrino.CLOCK_REALTIME, Neutrino._NTO_TIMEOUT_SEND, SigEvent.unblock(arena), aLittle);
        assertEquals(-Errno.ETIMEDOUT, Neutrino.msgSend_r(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0));
        Background server = serve((rcvid, message, info) -> Neutrino.msgReply(rcvid, 8, MemorySegment.NULL, 0));
        server.awaitBlocked();
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_SEND, null, Long.MAX_VALUE);
        assertEquals(8, Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0), "not in REPLY");
        server.endWell();
        Background client = Background.platform(() -> {
            Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_REPLY, null, aLittle);
            Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0);
        });
        long rcvid = Neutrino.msgReceive(chid, arena.allocate(64), 64, null);
        assertEquals(Errno.ETIMEDOUT, client.endErrno());
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 1, MemorySegment.NULL, 0), "late");
    }

    @Test
    void timeoutHoldsForOneCallAndCanBeTakenBack() throws Exception {
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 3_600_000_000_000L);
        long left = Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, 0, null, 0);
        assertTrue(left > 3_000_000_000_000L && left <= 3_600_000_000_000L, "left: " + left);
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_SEND, null, 0);
        assertEquals(-Errno.ETIMEDOUT, Neutrino.msgSend_r(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0));
        Background server = Background.platform(() -> {
            MemorySegment buffer = arena.allocate(64);
            Neutrino.msgReply(Neutrino.msgReceive(chid, buffer, 64, null), 6, MemorySegment.NULL, 0);
        });
        assertEquals(6, Neutrino.msgSend_r(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0), "cleared by the call before");
        server.endWell();
    }

    @Test
    void timerSendsPulses() {
        long timer = Neutrino.timerCreate(Neutrino.CLOCK_MONOTONIC, SigEvent.pulse(arena, coid, 12, 40, 99));
        Neutrino.timerSettime(timer, 0, 1_000_000, 1_000_000);
        assertEquals(99, nextPulse().value());
        assertEquals(40, nextPulse().code());
        Neutrino.timerSettime(timer, 0, 0, 0);
        assertEquals(0, Neutrino.timerGettime(timer));
        Neutrino.timerSettime(timer, 0, 3_600_000_000_000L, 0);
        assertTrue(Neutrino.timerGettime(timer) > 3_000_000_000_000L);
        assertTrue(Neutrino.timerGetoverrun(timer) >= 0);
        Neutrino.timerDelete(timer);
    }

    @Test
    void namesLeadToChannels() throws Exception {
        String name = "tetrapylon-test/" + ProcessHandle.current().pid() + "-names";
        Neutrino.NameAttach attach = Neutrino.nameAttach(null, name, 0);
        int named = Neutrino.nameOpen(name, 0);
        Neutrino.msgSendPulse(named, -1, 3, 0);
        MemorySegment buffer = arena.allocate(64);
        assertEquals(0, Neutrino.msgReceive(attach.chid(), buffer, 64, null));
        assertEquals(3, Neutrino.pulse(buffer).code());
        Neutrino.nameClose(named);
        Neutrino.nameDetach(attach, 0);
        assertEquals(Errno.ENOENT, assertThrows(TetrapylonException.class, () -> Neutrino.nameOpen(name, 0)).errno());
    }

    @Test
    void thereIsOneNode() {
        assertEquals(Neutrino.ND_LOCAL_NODE, Neutrino.netmgrStrtond("localhost"));
        assertEquals(0, Neutrino.netmgrStrtond(Neutrino.netmgrNdtostr(0, Neutrino.ND_LOCAL_NODE)));
    }

    // ---- What only Java can get wrong

    @Test
    void badSegmentsAreRefusedBeforeTheCall() {
        assertThrows(IndexOutOfBoundsException.class, () -> Neutrino.msgSend(coid, bytes(1, 2), 3, MemorySegment.NULL, 0));
        assertThrows(IndexOutOfBoundsException.class, () -> Neutrino.msgSend(coid, MemorySegment.NULL, 0, bytes(1), -1));
        assertThrows(IllegalArgumentException.class,
                () -> Neutrino.msgSend(coid, MemorySegment.ofArray(new byte[2]), 2, MemorySegment.NULL, 0));
        assertThrows(IllegalArgumentException.class,
                () -> Neutrino.msgSend(coid, MemorySegment.NULL, 0, bytes(1, 2).asReadOnly(), 2));
        assertThrows(IllegalArgumentException.class, () -> Iov.of(arena, MemorySegment.ofArray(new byte[2])));
        assertThrows(IllegalArgumentException.class,
                () -> Neutrino.msgReadv(1, Iov.of(arena, bytes(1, 2).asReadOnly()), 0));
        Arena closed = Arena.ofShared();
        MemorySegment gone = closed.allocate(8);
        Iov parts = Iov.of(arena, gone);
        closed.close();
        assertThrows(IllegalStateException.class, () -> Neutrino.msgSend(coid, gone, 8, MemorySegment.NULL, 0));
        assertThrows(IllegalStateException.class, () -> Neutrino.msgSendv(coid, parts, parts));
    }

    @Test
    void sigEventHasTheLayoutOfTheCompiler() throws Exception {
        String program = "#include <sys/neutrino.h>\n#include <stdio.h>\n#define O(m) (size_t)&((struct sigevent *)0)->m\n"
                + "int main(void) { printf(\"%zu %zu %zu %zu %zu %zu\\n\", sizeof(struct sigevent), O(sigev_value), O(sigev_coid), "
                + "O(sigev_notify), O(sigev_code), O(sigev_priority)); return 0; }\n";
        java.nio.file.Path directory = java.nio.file.Files.createTempDirectory("tetrapylon-test");
        java.nio.file.Path source = directory.resolve("layout.c");
        java.nio.file.Path binary = directory.resolve("layout");
        java.nio.file.Files.writeString(source, program);
        try {
            org.tetrapylon.support.Finished compiled = org.tetrapylon.support.Finished.of(Duration.ofSeconds(20), List.of(
                    System.getProperty("tetrapylon.compiler"), "-std=gnu11", "-I" + System.getProperty("tetrapylon.include"), "-o",
                    binary.toString(), source.toString()));
            assertEquals(0, compiled.exitCode(), compiled.output());
            String said = org.tetrapylon.support.Finished.of(Duration.ofSeconds(20), List.of(binary.toString())).output().trim();
            assertEquals(SigEvent.SIZE + " " + SigEvent.VALUE + " " + SigEvent.SIGNO + " " + SigEvent.NOTIFY + " " + SigEvent.CODE + " "
                    + SigEvent.PRIORITY, said);
        } finally {
            for (java.nio.file.Path file : List.of(source, binary, directory)) {
                java.nio.file.Files.deleteIfExists(file);
            }
        }
    }
}
