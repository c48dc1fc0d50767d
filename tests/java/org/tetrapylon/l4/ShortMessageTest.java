package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Two words at a time: each function under its documented name, and the easier way in; order, timeouts, absent partners. */
@Timeout(60)
class ShortMessageTest {

    private static final MemorySegment SHORT = L4.L4_IPC_SHORT_MSG;
    private static final MemorySegment NIL = L4.L4_IPC_NIL_DESCRIPTOR;
    private static final int NEVER = L4.L4_IPC_NEVER;
    private static final int SERVER = L4.L4_IPC_SEND_TIMEOUT_0;
    /** 20 times 4^5 us: 20.5 ms, for sending or for receiving. */
    private static final int SEND_20_MS = L4.L4_IPC_TIMEOUT(20, 10, 0, 0, 0, 0);
    private static final int RECEIVE_20_MS = L4.L4_IPC_TIMEOUT(0, 0, 20, 10, 0, 0);
    private static final long LEAST = 20 * 1024 * 1000;

    private final IpcResult result = new IpcResult();

    private static long took(Runnable body) {
        long since = System.nanoTime();
        body.run();
        return System.nanoTime() - since;
    }

    private static IpcError errorOf(Runnable call) {
        return assertThrows(L4Exception.class, call::run).error();
    }

    /** Adds 1 to the first word, and sends the sender's id as the second; until that is 0. */
    private static Partner adder() throws InterruptedException {
        return Partner.start(() -> {
            IpcResult it = new IpcResult();
            assertEquals(0, L4.l4IpcWait(SHORT, NEVER, it));
            while (it.dword1() != 0) {
                assertEquals(0, L4.l4IpcReplyAndWait(it.source(), SHORT, it.dword0() + 1, it.source(), SHORT, SERVER, it));
            }
            assertEquals(0, L4.l4IpcSend(it.source(), SHORT, -1, -1, SERVER, it));
            assertEquals(0, it.dope(), "a send alone has no counts");
        });
    }

    @Test
    void callAndReplyAndWait() throws Exception {
        Partner server = adder();
        for (long i = 1; i < 100; i++) {
            assertEquals(0, L4.l4IpcCall(server.id().raw(), SHORT, i, 1, SHORT, NEVER, result));
            assertEquals(i + 1, result.dword0());
            assertEquals(L4.l4Myself(), result.dword1());
            assertEquals(L4.L4_IPC_DOPE(2, 0), result.dope());
            assertEquals(server.id().raw(), result.source());
        }
        assertEquals(0, L4.l4IpcCall(server.id().raw(), SHORT, 1, 0, SHORT, NEVER, result));
        assertEquals(-1, result.dword0());
        server.endWell();
    }

    @Test
    void theEasyWay() throws Exception {
        Partner server = Partner.start(() -> {
            Message message = new Message();
            while (true) {
                Ipc.replyAndWait(message);
                assertEquals(2, message.wordCount());
                message.words(message.word(0) + message.word(1), message.sender().raw());
            }
        });
        Message message = Message.of(40, 2);
        Ipc.call(server.id(), message);
        assertEquals(42, message.word(0));
        assertEquals(ThreadId.self().raw(), message.word(1));
        assertEquals(server.id(), message.sender());
        Message answer = new Message();
        Ipc.call(server.id(), message.words(1, 2), answer, org.tetrapylon.l4.Timeout.within(Duration.ofSeconds(20)));
        assertEquals(3, answer.word(0));
        assertEquals(1, message.word(0), "what was sent from another message stays there");
        Ipc.call(server.id(), message.words(5, 6), Duration.ofSeconds(20));
        assertEquals(11, message.word(0));
        server.awaitReceiving();
        server.id().cancel();
        assertEquals(IpcError.RECANCELED, ((L4Exception) server.end()).error());
    }

    @Test
    void sendAndClosedReceive() throws Exception {
        ThreadId me = ThreadId.self();
        IpcResult it = new IpcResult();
        CountDownLatch second = new CountDownLatch(1);
        Partner one = Partner.start(() -> Ipc.send(me, Message.of(1, 1)));
        one.awaitSending();
        Partner two = Partner.start(() -> {
            assertEquals(0, L4.l4IpcSend(me.raw(), SHORT, 2, 2, NEVER, it));
            assertEquals(0, it.dope());
            second.await();
            Ipc.send(me, Message.of(3, 3), Duration.ofSeconds(20));
        });
        assertEquals(0, L4.l4IpcReceive(two.id().raw(), SHORT, NEVER, result));
        assertEquals(2, result.dword0());
        assertEquals(two.id().raw(), result.source());
        second.countDown();
        Message message = new Message();
        Ipc.receive(two.id(), message, Duration.ofSeconds(20));
        assertEquals(3, message.word(1));
        assertTrue(one.thread().isAlive(), "the other one stays queued");
        Ipc.await(message);
        assertEquals(1, message.word(0));
        assertEquals(one.id(), message.sender());
        one.endWell();
        two.endWell();
    }

    @Test
    void sendersAreTakenInOrder() throws Exception {
        ThreadId me = ThreadId.self();
        Partner[] partners = new Partner[5];
        for (int i = 0; i < partners.length; i++) {
            long number = i;
            partners[i] = Partner.start(() -> Ipc.send(me, Message.of(number, 0)));
            partners[i].awaitSending();
        }
        Message message = new Message();
        for (int i = 0; i < partners.length; i++) {
            Ipc.await(message, Duration.ZERO);
            assertEquals(i, message.word(0));
            partners[i].endWell();
        }
    }

    @Test
    void deceitingIsPlainSending() throws Exception {
        long me = L4.l4Myself();
        Partner server = Partner.start(() -> {
            IpcResult it = new IpcResult();
            assertEquals(0, L4.l4IpcReceive(me, SHORT, NEVER, it));
            assertEquals(8, it.dword0());
            assertEquals(0, L4.l4IpcWait(SHORT, NEVER, it));
            assertEquals(me, it.source());
            assertEquals(0, L4.l4IpcReplyDeceitingAndWait(me, 12_345, SHORT, 7, 7, SHORT, SERVER, it));
        });
        assertEquals(0, L4.l4IpcSendDeceiting(server.id().raw(), 999, SHORT, 8, 8, NEVER, result));
        assertEquals(0, L4.l4IpcCall(server.id().raw(), SHORT, 1, 1, SHORT, NEVER, result));
        assertEquals(7, result.dword0());
        assertFalse(L4.L4_IPC_MSG_DECEITED(result.dope()));
        assertEquals(server.id().raw(), result.source());
        Ipc.send(server.id(), new Message());
        server.endWell();
    }

    @Test
    void nilDescriptors() {
        assertEquals(0, L4.l4IpcCall(12_345, NIL, 1, 1, NIL, NEVER, result));
        assertEquals(0, result.dope());
        assertEquals(0, L4.l4IpcReplyAndWait(12_345, NIL, 1, 1, NIL, NEVER, result));
        assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcReplyAndWait(12_345, NIL, 1, 1, SHORT, L4.L4_IPC_RECV_TIMEOUT_0, result));
        assertEquals(0, L4.l4IpcWait(NIL, NEVER, result));
    }

    @Test
    void anOpenBitWaitsForAnybody() throws Exception {
        ThreadId me = ThreadId.self();
        Partner silent = Partner.start(() -> Ipc.receive(me, new Message()));
        Partner other = Partner.start(() -> Ipc.send(me, Message.of(4, 4)));
        MemorySegment open = MemorySegment.ofAddress(L4.L4_IPC_OPEN_IPC);
        assertEquals(0, L4.l4IpcReceive(silent.id().raw(), open, NEVER, result));
        assertEquals(other.id().raw(), result.source());
        Ipc.send(silent.id(), new Message());
        silent.endWell();
        other.endWell();
    }

    // ---- Times

    @Test
    void receiveTimes() throws Exception {
        Partner silent = Partner.start(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        Message message = new Message();
        assertTrue(took(() -> assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcWait(SHORT, RECEIVE_20_MS, result))) >= LEAST);
        assertEquals(L4.L4_IPC_RETIMEOUT, result.dope(), "and no counts");
        assertTrue(took(() -> assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcReceive(silent.id().raw(), SHORT, RECEIVE_20_MS, result))) >= LEAST);
        assertTrue(took(() -> assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcReceive(0, SHORT, RECEIVE_20_MS, result))) >= LEAST);
        assertTrue(took(() -> assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcSleep(RECEIVE_20_MS))) >= LEAST);
        assertTrue(took(() -> assertEquals(IpcError.RETIMEOUT, errorOf(() -> Ipc.await(message, Duration.ofMillis(20))))) >= 20_000_000);
        assertTrue(took(() -> assertEquals(IpcError.RETIMEOUT, errorOf(() -> Ipc.replyAndWait(message, Duration.ofMillis(20))))) >= 20_000_000);
        assertEquals(IpcError.RETIMEOUT, errorOf(() -> Ipc.receive(silent.id(), message, Duration.ZERO)));
        assertTrue(took(() -> Ipc.sleep(Duration.ofMillis(20))) >= 20_000_000);
        assertEquals(0, message.wordCount());
        silent.awaitReceiving();
        silent.id().cancel();
        silent.end();
    }

    @Test
    void sendTimes() throws Exception {
        Partner silent = Partner.start(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        silent.awaitReceiving();
        long id = silent.id().raw();
        assertTrue(took(() -> assertEquals(L4.L4_IPC_SETIMEOUT, L4.l4IpcSend(id, SHORT, 1, 1, SEND_20_MS, result))) >= LEAST);
        assertEquals(L4.L4_IPC_SETIMEOUT, result.dope());
        assertTrue(took(() -> assertEquals(L4.L4_IPC_SETIMEOUT, L4.l4IpcCall(id, SHORT, 1, 1, SHORT, SEND_20_MS, result))) >= LEAST);
        assertEquals(L4.L4_IPC_SETIMEOUT, L4.l4IpcSend(id, SHORT, 1, 1, SERVER, result));
        assertEquals(L4.L4_IPC_SETIMEOUT, L4.l4IpcReplyAndWait(id, SHORT, 1, 1, SHORT, SERVER, result), "a failed send skips the wait");
        Message message = new Message();
        assertEquals(IpcError.SETIMEOUT, errorOf(() -> Ipc.send(silent.id(), message, Duration.ofMillis(5))));
        assertEquals(IpcError.SETIMEOUT, errorOf(() -> Ipc.call(silent.id(), message, org.tetrapylon.l4.Timeout.ZERO.receiving(null).send())));
        silent.id().cancel();
        silent.end();
    }

    @Test
    void theReceiveTimeOfACallBeginsWhenItIsTaken() throws Exception {
        CountDownLatch late = new CountDownLatch(1);
        Partner server = Partner.start(() -> {
            Message message = new Message();
            Ipc.await(message);
            late.await();
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.reply(message)), "it has given up, and its thread has ended");
        });
        Partner client = Partner.start(() -> assertTrue(
                took(() -> assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcCall(server.id().raw(), SHORT, 1, 1, SHORT, RECEIVE_20_MS, result))) >= LEAST));
        client.endWell();
        while (L4.l4IpcSend(client.id().raw(), SHORT, 0, 0, SERVER, new IpcResult()) != L4.L4_IPC_ENOT_EXISTENT) {
            Thread.onSpinWait();
        }
        late.countDown();
        server.endWell();
    }

    @Test
    void anAnswerThatIsLostDoesNotEndAServer() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        Partner server = Partner.start(() -> {
            Message message = new Message();
            Ipc.replyAndWait(message);
            gone.await();
            Ipc.replyAndWait(message.words(1, 1));
            assertEquals(IpcError.SETIMEOUT, message.lost());
            assertEquals(9, message.word(0));
            Ipc.replyAndWait(message.words(2, 2));
            assertEquals(null, message.lost());
            Ipc.replyAndWait(message.dismiss(), Duration.ofSeconds(20));
        });
        Message message = Message.of(8, 8);
        // Not a call: nobody waits for the answer.
        Ipc.send(server.id(), message);
        gone.countDown();
        Ipc.call(server.id(), message.words(9, 9));
        assertEquals(2, message.word(0));
        Ipc.send(server.id(), message);
        Ipc.send(server.id(), message);
        server.endWell();
    }

    // ---- Partners that are not there

    @Test
    void absentPartners() throws Exception {
        Partner ended = Partner.start(() -> {});
        ended.endWell();
        long free = L4.l4Myself() ^ 1L << 16;
        // The thread object has ended; its native thread follows.
        while (L4.l4IpcSend(ended.id().raw(), SHORT, 0, 0, SERVER, result) != L4.L4_IPC_ENOT_EXISTENT) {
            Thread.onSpinWait();
        }
        for (long id : new long[] {ended.id().raw(), L4.L4_INVALID_ID, free, L4.l4Myself() ^ 1 << 20, 1L << 63, 77}) {
            assertEquals(L4.L4_IPC_ENOT_EXISTENT, L4.l4IpcSend(id, SHORT, 1, 1, NEVER, result), Long.toHexString(id));
            assertEquals(L4.L4_IPC_ENOT_EXISTENT, result.dope());
            assertEquals(L4.L4_IPC_ENOT_EXISTENT, L4.l4IpcCall(id, SHORT, 1, 1, SHORT, NEVER, result));
            assertEquals(L4.L4_IPC_ENOT_EXISTENT, L4.l4IpcReplyAndWait(id, SHORT, 1, 1, SHORT, NEVER, result));
            assertEquals(L4.L4_IPC_ENOT_EXISTENT, L4.l4IpcReceive(id, SHORT, NEVER, result));
        }
        assertEquals(L4.L4_IPC_ENOT_EXISTENT, L4.l4IpcSend(L4.L4_NIL_ID, SHORT, 1, 1, NEVER, result));
        assertEquals(L4.L4_IPC_ENOT_EXISTENT, L4.l4IpcSend(L4.l4Myself(), SHORT, 1, 1, NEVER, result), "to itself");
        assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.call(ThreadId.INVALID, new Message())));
    }

    @Test
    void aPartnerThatEndsWhileWeWait() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Partner partner = Partner.start(end::await);
        Partner receiver = Partner.start(() -> Ipc.receive(partner.id(), new Message()));
        Partner sender = Partner.start(() -> Ipc.send(partner.id(), new Message()));
        receiver.awaitReceiving();
        sender.awaitSending();
        end.countDown();
        assertEquals(IpcError.ENOT_EXISTENT, ((L4Exception) receiver.end()).error());
        assertEquals(IpcError.ENOT_EXISTENT, ((L4Exception) sender.end()).error());
    }

    // ---- Threads

    @Test
    void ids() throws Exception {
        long me = L4.l4Myself();
        Partner partner = adder();
        assertNotEquals(me, partner.id().raw());
        assertTrue(L4.l4TaskEqual(me, partner.id().raw()));
        long[] next = new long[1];
        assertEquals(L4.L4_NC_SAME_CLAN, L4.l4Nchief(partner.id().raw(), next));
        assertEquals(partner.id().raw(), next[0]);
        assertEquals(L4.L4_NC_SAME_CLAN, L4.l4Nchief(L4.L4_NIL_ID, next));
        assertEquals(me, next[0]);
        assertEquals(0, L4.l4Nchief(me, null));
        L4.l4IpcCall(partner.id().raw(), SHORT, 0, 0, SHORT, NEVER, result);
        partner.endWell();
    }

    @Test
    void exRegsKeepsPagerAndPreempter() {
        long me = L4.l4Myself();
        long[] ids = {11, 22};
        long[] old = {1, 1, 1};
        L4.l4ThreadExRegs(me, -1, -1, ids, old);
        assertEquals(0, old[0] | old[1] | old[2]);
        ids[0] = ids[1] = L4.L4_INVALID_ID;
        L4.l4ThreadExRegs(me, -1, -1, ids, null);
        assertEquals(11, ids[0]);
        assertEquals(22, ids[1]);
        long[] refused = {11, 22};
        L4.l4ThreadExRegs(me ^ 1 << 20, -1, -1, refused, null);
        assertEquals(L4.L4_INVALID_ID, refused[0]);
        assertEquals(L4.L4_INVALID_ID, refused[1]);
    }

    /** A thread of native code: pause() of the C library, which never returns. */
    @Test
    void exRegsStartsAThread() {
        long number = L4.l4Myself() & ~(127L << 10 | 1023 | 15L << 28) | 101L << 10;
        long pause = Linker.nativeLinker().defaultLookup().findOrThrow("pause").address();
        long top = Arena.global().allocate(65_536, 4096).address() + 65_536;
        long[] old = {1, 1, 1};
        assertEquals(L4.L4_NIL_ID, living(number));
        L4.l4ThreadExRegs(number | 1, pause, top, null, old);
        assertEquals(0, old[0] | old[1] | old[2]);
        long id = living(number);
        assertNotEquals(L4.L4_NIL_ID, id);
        assertEquals(L4.L4_IPC_SETIMEOUT, L4.l4IpcCall(id, SHORT, 1, 1, SHORT, SEND_20_MS, result), "it is there and does not receive");
        L4.l4ThreadExRegs(id, -1, -1, null, old);
        assertEquals(pause, old[1]);
        assertEquals(top, old[2]);
    }

    /** The thread that has this number now, whatever its version. */
    private long living(long number) {
        for (long version = 1; version < 1 << 14; version++) {
            long id = number | version & 1023 | version >> 10 << 28;
            if (L4.l4IpcSend(id, SHORT, 1, 1, SERVER, result) != L4.L4_IPC_ENOT_EXISTENT) {
                return id;
            }
        }
        return L4.L4_NIL_ID;
    }

    @Test
    void anIdNeverNamesAnotherThread() throws Exception {
        java.util.Set<ThreadId> seen = new java.util.HashSet<>();
        for (int i = 0; i < 40; i++) {
            Partner partner = Partner.start(() -> {});
            assertTrue(seen.add(partner.id()));
            partner.endWell();
        }
        for (ThreadId id : seen) {
            assertNotEquals(0, L4.l4IpcSend(id.raw(), SHORT, 1, 1, SERVER, result));
        }
    }
}
