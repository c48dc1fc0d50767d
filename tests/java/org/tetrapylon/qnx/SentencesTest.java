package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** What the documents of the QNX gate promise, sentence by sentence, where no other test here is about it (docs/qnx-tests.md). */
class SentencesTest extends OneChannel {

    private final MemorySegment buffer = arena.allocate(64);

    private static int errnoOf(Runnable call) {
        return assertThrows(TetrapylonException.class, call::run).errno();
    }

    private static void assertEmpty(int chid) {
        try (Arena arena = Arena.ofConfined()) {
            Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 0);
            assertEquals(-Errno.ETIMEDOUT, Neutrino.msgReceive_r(chid, arena.allocate(64), 64, null));
        }
    }

    private Pulse nextPulse() {
        assertEquals(0, Neutrino.msgReceive(chid, buffer, 64, null));
        return Neutrino.pulse(buffer);
    }

    // ---- Replies, rcvids

    private void awaitAsked(Message message) {
        MsgInfo info = new MsgInfo(arena);
        Observe.until("the client asks to be let go", () -> {
            Neutrino.msgInfo(message.rcvid(), info);
            return info.isUnblockRequested();
        });
    }

    /** Wants to be let go some time after its call began, but not before its message has been received. */
    private static Background impatient(Connection connection, long status, long milliseconds) {
        return Background.platform(() -> {
            Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_REPLY, null, milliseconds * 1_000_000);
            assertEquals(status, Neutrino.msgSend(connection.coid(), MemorySegment.NULL, 0, MemorySegment.NULL, 0));
        });
    }

    /** Of two that ask, the later one's pulse goes before the other's; so when it has come first, the other's waits in the queue. */
    @Test
    void aReplyTakesBackTheQueuedUnblockPulse() throws Exception {
        int seen = 0;
        try (Channel channel = Channel.create(Neutrino._NTO_CHF_UNBLOCK); Connection connection = channel.connect()) {
            for (int round = 0; seen < 3; round++) {
                assertTrue(round < 200, "never were both in the queue");
                Background one = impatient(connection, 1, 40);
                Message first = new Message(64);
                channel.receive(first);
                Background other = impatient(connection, 2, 50);
                Message second = new Message(64);
                if (channel.receive(second) == second) {
                    awaitAsked(first);
                    awaitAsked(second);
                    boolean both = assertInstanceOf(Pulse.Unblock.class, channel.receive()).rcvid() == second.rcvid();
                    first.reply(1);
                    if (both) {
                        assertEmpty(channel.chid());
                        seen++;
                    } else {
                        assertEquals(second.rcvid(), assertInstanceOf(Pulse.Unblock.class, channel.receive()).rcvid());
                    }
                } else { // the first one's pulse: this machine is busy
                    first.reply(1);
                    channel.receive(second);
                }
                second.reply(2);
                one.endWell();
                other.endWell();
            }
        }
    }

    @Test
    void rcvidsAreUniqueAndFitAnInt() throws Exception {
        int count = 50_000;
        Background client = Background.platform(() -> {
            try (Arena own = Arena.ofConfined()) {
                MemorySegment out = own.allocate(8);
                for (int i = 0; i < count; i++) {
                    Neutrino.msgSend(coid, out, 8, out, 8);
                }
            }
        });
        Set<Long> seen = new HashSet<>();
        for (int i = 0; i < count; i++) {
            long rcvid = Neutrino.msgReceive(chid, buffer, 64, null);
            assertTrue(rcvid > 0 && rcvid <= Integer.MAX_VALUE && seen.add(rcvid), "rcvid " + rcvid);
            Neutrino.msgReply(rcvid, 0, MemorySegment.NULL, 0);
        }
        client.endWell();
    }

    // ---- Order

    @Test
    void messagesAndPulsesShareTheQueueInOrder() throws Exception {
        List<Background> clients = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            byte number = (byte) i;
            Background client = Background.platform(() -> {
                try (Arena own = Arena.ofConfined()) {
                    MemorySegment out = own.allocate(1);
                    out.set(ValueLayout.JAVA_BYTE, 0, number);
                    Neutrino.msgSend(coid, out, 1, MemorySegment.NULL, 0);
                }
            });
            clients.add(client);
            client.await(ThreadState.State.SEND); // of one priority, by time
            Neutrino.msgSendPulse(coid, 10, 10 + i, 0);
        }
        Neutrino.msgSendPulse(coid, 11, 99, 0);
        Neutrino.msgSendPulse(coid, 9, 98, 0);
        List<String> order = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            long rcvid = Neutrino.msgReceive(chid, buffer, 64, null);
            order.add(rcvid > 0 ? "message " + buffer.get(ValueLayout.JAVA_BYTE, 0) : "pulse " + Neutrino.pulse(buffer).code());
            if (rcvid > 0) {
                Neutrino.msgReply(rcvid, 0, MemorySegment.NULL, 0);
            }
        }
        assertEquals(List.of("pulse 99", "message 0", "pulse 10", "message 1", "pulse 11", "message 2", "pulse 12", "pulse 98"), order);
        for (Background client : clients) {
            client.endWell();
        }
    }

    @Test
    void aPulseOfPriorityMinusOneHasTheCallers() throws Exception {
        Neutrino.msgSendPulse(coid, 11, 1, 0);
        Neutrino.msgSendPulse(coid, -1, 2, 0);
        Background.platform(() -> {
            org.tetrapylon.MessagePriority.set(50);
            Neutrino.msgSendPulse(coid, Neutrino.SIGEV_PULSE_PRIO_INHERIT, 3, 0);
        }).endWell();
        assertEquals(3, nextPulse().code());
        assertEquals(1, nextPulse().code());
        assertEquals(2, nextPulse().code());
    }

    @Test
    void disconnectOvertakesItsPriority() throws Exception {
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start("c", "hang", name); Connection own = channel.connect()) {
            Message message = new Message(64);
            channel.receive(message);
            for (int priority = 9; priority <= 11; priority++) {
                own.pulse(priority, priority, 0);
            }
            int scoid = message.info().scoid();
            message.reply(0);
            assertEquals(0, peer.end());
            Observe.until("the client is gone", () -> Neutrino.connectClientInfo_r(scoid, new ClientInfo[1], 0) == -Errno.EINVAL);
            List<Integer> codes = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                codes.add(((Pulse) channel.receive()).code());
            }
            assertEquals(List.of(11, Neutrino._PULSE_CODE_DISCONNECT, 10, 9), codes);
        }
    }

    // ---- Kernel pulses

    @Test
    void pulsesOfTheSystemSayWhatTheyMust() {
        assertEquals(List.of(-32, -33, -34, -35), List.of(Neutrino._PULSE_CODE_UNBLOCK, Neutrino._PULSE_CODE_DISCONNECT,
                Neutrino._PULSE_CODE_THREADDEATH, Neutrino._PULSE_CODE_COIDDEATH));
        assertEquals(List.of(0, 127), List.of(Neutrino._PULSE_CODE_MINAVAIL, Neutrino._PULSE_CODE_MAXAVAIL));
        assertEquals(0x4000_0000, Neutrino._NTO_SIDE_CHANNEL);
        assertEquals(List.of(1 << 4, 1 << 5, 1 << 6), List.of(Neutrino._NTO_TIMEOUT_SEND, Neutrino._NTO_TIMEOUT_RECEIVE, Neutrino._NTO_TIMEOUT_REPLY));
        int watching = Neutrino.channelCreate(Neutrino._NTO_CHF_COID_DISCONNECT);
        int other = Neutrino.channelCreate(0);
        int toIt = Neutrino.connectAttach(0, 0, other, 0, 0);
        Neutrino.channelDestroy(other);
        assertEquals(0, Neutrino.msgReceive(watching, buffer, 64, null));
        assertEquals(toIt, ((Pulse.CoidDeath) Neutrino.pulse(buffer)).coid());
        assertEquals(-1, buffer.get(ValueLayout.JAVA_INT, 16), "scoid");
        assertEquals(-35, Neutrino.pulse(buffer).code());
        Neutrino.connectDetach(toIt);
        Neutrino.channelDestroy(watching);
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void aKilledClientLeavesAfterTheGrace(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start(language, "hang", name)) {
            channel.grace(Duration.ofMillis(100));
            assertEquals(Errno.EINVAL, errnoOf(() -> channel.grace(Duration.ofSeconds(2))));
            Message message = new Message(64);
            channel.receive(message);
            long rcvid = message.detach();
            peer.kill();
            Pulse.Unblock unblock = assertInstanceOf(Pulse.Unblock.class, channel.receive());
            assertEquals(rcvid, unblock.rcvid());
            MsgInfo info = new MsgInfo(arena);
            assertEquals(0, Neutrino.msgInfo(rcvid, info), "it may still be looked at");
            assertTrue(info.isUnblockRequested());
            long since = System.nanoTime();
            Pulse.Disconnect gone = assertInstanceOf(Pulse.Disconnect.class, channel.receive());
            long took = (System.nanoTime() - since) / 1_000_000;
            assertTrue(took >= 50 && took < 1000, "after " + took + " ms");
            assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 0, MemorySegment.NULL, 0));
            channel.handle(gone);
            assertEquals(-Errno.EINVAL, Neutrino.connectDetach_r(gone.scoid()), "ended by handle");
        }
    }

    // ---- TimerTimeout

    @Test
    void aTimeoutRunsFromTheArmingAndCanBeTakenBack() throws Exception {
        long since = System.nanoTime();
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 1_000_000_000);
        Thread.sleep(900);
        assertEquals(-Errno.ETIMEDOUT, Neutrino.msgReceive_r(chid, buffer, 64, null));
        long took = (System.nanoTime() - since) / 1_000_000;
        assertTrue(took >= 999 && took < 1850, "after " + took + " ms; from the call it would be 1900");
        SigEvent none = SigEvent.none(arena);
        for (int i = 0; i < 2; i++) {
            int states = Neutrino._NTO_TIMEOUT_SEND | Neutrino._NTO_TIMEOUT_REPLY;
            Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, states, null, 1_000_000);
            Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, i == 0 ? 0 : states, i == 0 ? null : none, 1_000_000);
            Background server = Background.platform(() -> {
                MemorySegment own = arena.allocate(64);
                long rcvid = Neutrino.msgReceive(chid, own, 64, null);
                Thread.sleep(20);
                Neutrino.msgReply(rcvid, 6, MemorySegment.NULL, 0);
            });
            assertEquals(6, Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0));
            server.endWell();
        }
    }

    @Test
    void aTimeoutThatIsPastStrikesWhenItsStateIsEntered() throws Exception {
        Background client = Background.platform(() -> {
            Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_REPLY, null, 1_000_000);
            Neutrino.msgSend(coid, MemorySegment.NULL, 0, MemorySegment.NULL, 0);
        });
        client.await(ThreadState.State.SEND);
        Thread.sleep(10);
        client.await(ThreadState.State.SEND); // not in this state
        long rcvid = Neutrino.msgReceive(chid, buffer, 64, null);
        assertEquals(Errno.ETIMEDOUT, client.endErrno());
        assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 0, MemorySegment.NULL, 0));
    }

    // ---- Channels, connections, limits

    @Test
    void everyFlagIsAcceptedOrRefusedAsDocumented() {
        int refused = 0x0200 | 0x0400 | 0x0800;
        for (int bit = 0; bit < 32; bit++) {
            int flag = 1 << bit;
            int result = Neutrino.channelCreate_r(flag);
            if (bit < 15 && (flag & refused) == 0) {
                assertTrue(result > 0, "flag " + flag + ": " + result);
                Neutrino.channelDestroy(result);
            } else {
                assertEquals(-Errno.EINVAL, result, "flag " + flag);
            }
        }
    }

    @Test
    void errorsOfConnectAttach() throws Exception {
        assertEquals(-Errno.EINVAL, Neutrino.connectAttach_r(0, 0, chid, 1 << 20, 0));
        assertEquals(-Errno.EINVAL, Neutrino.connectAttach_r(0, 0, chid, 0, 1 << 20));
        List<Integer> made = new ArrayList<>();
        int result;
        while ((result = Neutrino.connectAttach_r(0, 0, chid, 16_380, 0)) > 0) {
            made.add(result);
        }
        assertEquals(-Errno.EMFILE, result);
        assertEquals(List.of(16_380, 16_381, 16_382, 16_383), made);
        while ((result = Neutrino.connectAttach_r(0, 0, chid, Neutrino._NTO_SIDE_CHANNEL, 0)) > 0) {
            made.add(result);
        }
        made.forEach(Neutrino::connectDetach);
        assertEquals(-Errno.EAGAIN, result);
        assertTrue(made.size() > 900 && made.size() < 1024, "made " + made.size());
        assertTrue(Neutrino.connectAttach_r(0, 0, chid, 0, 0) > 0);
    }

    @Test
    void aServerThatDoesNotAnswerIsEnxio() throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = QnxPeer.start("c", "serve", name)) {
            String[] ready = peer.expect("ready").split(" ");
            int pid = Integer.parseInt(ready[1]);
            int other = Integer.parseInt(ready[2]);
            peer.signal("STOP");
            assertEquals(-Errno.ENXIO, Neutrino.connectAttach_r(0, pid, other, 0, 0));
            peer.signal("CONT");
            Neutrino.connectDetach(Neutrino.connectAttach(0, pid, other, 0, 0));
        }
    }

    @Test
    void listsMayHave65536Parts() throws Exception {
        int count = 65_536;
        MemorySegment out = arena.allocate(3L * count);
        MemorySegment in = arena.allocate(3L * count);
        for (int i = 0; i < 3 * count; i++) {
            out.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + (i >> 8)));
        }
        Iov send = new Iov(arena, count);
        Iov reply = new Iov(arena, count);
        for (int i = 0; i < count; i++) {
            send.set(i, out.asSlice(3L * i, 3));
            reply.set(i, in.asSlice(3L * i, 3));
        }
        Background server = Background.platform(() -> {
            MemorySegment all = arena.allocate(3L * count);
            Iov parts = new Iov(arena, count);
            for (int i = 0; i < count; i++) {
                parts.set(i, all.asSlice(3L * i, 3));
            }
            long rcvid = Neutrino.msgReceivev(chid, parts, null);
            assertEquals(-1, all.mismatch(out));
            Neutrino.msgReplyv(rcvid, 12, parts);
        });
        assertEquals(12, Neutrino.msgSendv(coid, send, reply));
        server.endWell();
        assertEquals(-1, out.mismatch(in));
    }

    /** Of a file that is nearly all hole, so that it takes no memory. */
    @Test
    void aMessageOfFiveGibIsReadAndWrittenAtItsEnd(@TempDir Path directory) throws Exception {
        long size = 5L << 30;
        try (FileChannel file = FileChannel.open(directory.resolve("large"), StandardOpenOption.READ, StandardOpenOption.WRITE,
                StandardOpenOption.CREATE_NEW, StandardOpenOption.SPARSE)) {
            MemorySegment whole = file.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
            whole.setString(size - 8, "the end");
            Background server = Background.platform(() -> {
                MsgInfo info = new MsgInfo(arena);
                long rcvid = Neutrino.msgReceive(chid, buffer, 4, info);
                assertEquals(size, info.srcmsglen());
                assertEquals(size, info.dstmsglen());
                assertEquals(8, Neutrino.msgRead(rcvid, buffer, 16, size - 8));
                assertEquals("the end", buffer.getString(0));
                assertEquals(0, Neutrino.msgRead(rcvid, buffer, 16, size));
                assertEquals(4, Neutrino.msgWrite(rcvid, arena.allocateFrom("END"), 4, size - 4));
                Neutrino.msgReply(rcvid, 1, MemorySegment.NULL, 0);
            });
            assertEquals(1, Neutrino.msgSend(coid, whole, size, whole, size));
            server.endWell();
            assertEquals("the END", whole.getString(size - 8));
        }
    }

    @Test
    void registeredEventsAndTimersAreLimited() {
        List<SigEvent> events = new ArrayList<>();
        int result = 0;
        while (result == 0 && events.size() < 5_000) {
            SigEvent event = SigEvent.pulse(arena, coid, 10, 1, 1);
            result = Neutrino.msgRegisterEvent_r(event, -1);
            if (result == 0) {
                events.add(event);
            }
        }
        events.forEach(Neutrino::msgUnregisterEvent);
        assertEquals(-Errno.EAGAIN, result);
        assertEquals(4_096, events.size());
        List<Long> timers = new ArrayList<>();
        SigEvent event = SigEvent.pulse(arena, coid, 10, 1, 1);
        int errno = errnoOf(() -> {
            while (timers.size() < 2_000) {
                timers.add(Neutrino.timerCreate(Neutrino.CLOCK_MONOTONIC, event));
            }
        });
        timers.forEach(Neutrino::timerDelete);
        assertEquals(Errno.EAGAIN, errno);
        assertEquals(1_024, timers.size());
        assertEquals(Errno.EINVAL, errnoOf(() -> Neutrino.timerDelete(timers.getFirst())), "deleted already");
    }

    // ---- Events

    @Test
    void eventsToThoseWhoLeft() throws Exception {
        SigEvent event = SigEvent.none(arena); // has no connection of its own that could be wrong
        int toIt = Neutrino.connectAttach(0, 0, chid, 0, 0);
        int last = coid;
        Background client = Background.platform(() -> Neutrino.msgSend(toIt, MemorySegment.NULL, 0, MemorySegment.NULL, 0));
        long rcvid = Neutrino.msgReceive(chid, buffer, 64, null);
        Neutrino.msgReply(rcvid, 0, MemorySegment.NULL, 0);
        client.endWell();
        Neutrino.connectDetach(toIt);
        assertEquals(0, Neutrino.msgVerifyEvent_r(rcvid, event));
        assertEquals(0, Neutrino.msgDeliverEvent_r(rcvid, event));
        Neutrino.connectDetach(last);
        Observe.until("detached, and alive", () -> Neutrino.msgVerifyEvent_r(rcvid, event) == -Errno.EBADF);
        assertEquals(-Errno.EBADF, Neutrino.msgDeliverEvent_r(rcvid, event));

        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start("c", "hang", name)) {
            Message message = new Message(64);
            channel.receive(message);
            long of = message.rcvid();
            message.reply(0);
            assertEquals(0, peer.end());
            channel.handle((Pulse) channel.receive());
            assertEquals(-Errno.ESRCH, Neutrino.msgDeliverEvent_r(of, event));
            assertEquals(-Errno.ESRCH, Neutrino.msgVerifyEvent_r(of, event));
        }
    }

    @Test
    void deliveryToAStoppedClientNeverBlocks() throws Exception {
        String name = PeerProcess.freshName();
        try (Channel channel = Channel.attach(name); PeerProcess peer = QnxPeer.start("c", "hang", name)) {
            Message message = new Message(64);
            channel.receive(message);
            peer.signal("STOP");
            SigEvent event = SigEvent.pulse(arena, Neutrino._NTO_SIDE_CHANNEL + 99, 10, 1, 1);
            int result = 0;
            for (int i = 0; i < 100_000 && result == 0; i++) {
                result = Neutrino.msgDeliverEvent_r(message.rcvid(), event);
            }
            assertEquals(-Errno.EAGAIN, result);
            peer.signal("CONT");
            message.reply(5);
            assertEquals("ended 5 0", peer.expect("ended")); // pulses on a connection it does not have are dropped there
        }
    }

    @Test
    void aRegisteredEventIsForItsServerOnlyAndAsItWas() throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = QnxPeer.start("c", "serve", name)) {
            peer.expect("ready");
            Connection server = Connection.open(name);
            SigEvent event = SigEvent.pulse(arena, coid, 10, 44, 7);
            Neutrino.msgRegisterEvent(event, server.coid());
            assertEquals(-Errno.EPERM, Neutrino.msgDeliverEvent_r(0, event), "we are not that server");
            Neutrino.msgUnregisterEvent(event);
            MemorySegment out = arena.allocate(8 + SigEvent.SIZE);
            out.set(ValueLayout.JAVA_BYTE, 0, (byte) 'v');
            for (boolean updateable : new boolean[] {false, true}) {
                event = SigEvent.pulse(arena, coid, 10, 44, 7);
                if (updateable) {
                    event.updateable();
                }
                Neutrino.msgRegisterEvent(event, server.coid());
                MemorySegment.copy(event.segment(), 0, out, 8, SigEvent.SIZE);
                SigEvent.at(out.asSlice(8)).setValue(99);
                server.send(out, MemorySegment.NULL);
                Pulse pulse = nextPulse();
                assertEquals(44, pulse.code());
                assertEquals(updateable ? 99 : 7, pulse.value());
                Neutrino.msgUnregisterEvent(event);
            }
            server.close();
        }
    }

    // ---- Names

    @Test
    void aNameIsFreeWhenItsChannelIsGoneAndNothingIsSentOnOpen() {
        String name = "n".repeat(80) + ProcessHandle.current().pid();
        String longest = name + "m".repeat(100 - name.length());
        for (int i = 0; i < 2; i++) {
            try (Channel channel = Channel.attach(longest); Connection connection = Connection.open(longest)) {
                assertEquals(channel.chid(), connection.serverInfo().chid());
                assertEmpty(channel.chid());
                assertThrows(DeadlineException.class, () -> channel.receive(new Message(64), Duration.ZERO));
            }
            assertEquals(Errno.ENOENT, errnoOf(() -> Connection.open(longest)));
        }
    }
}
