package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** l4_thread_ex_regs and Thread.interrupt end what waits, that call and no other; and what virtual threads may do. */
@Timeout(60)
class CancelTest {

    private static final MemorySegment SHORT = L4.L4_IPC_SHORT_MSG;
    private static final int NEVER = L4.L4_IPC_NEVER;

    private enum Means { EX_REGS, INTERRUPT }

    private final IpcResult result = new IpcResult();

    private static void end(Means means, Partner victim) {
        if (means == Means.EX_REGS) {
            victim.id().cancel();
        } else {
            victim.thread().interrupt();
        }
    }

    private static IpcError errorOf(Runnable call) {
        return assertThrows(L4Exception.class, call::run).error();
    }

    /** The code of the call, and that only this one was ended. */
    private static Partner victim(Means means, IpcError expected, java.util.function.IntSupplier call) throws InterruptedException {
        return Partner.start(() -> {
            assertEquals(expected, IpcError.of(call.getAsInt()));
            assertEquals(means == Means.INTERRUPT, Thread.interrupted(), "the interrupt status stays set");
            assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcSleep(L4.L4_IPC_TIMEOUT(0, 0, 2, 10, 0, 0)));
        });
    }

    @ParameterizedTest
    @EnumSource
    void whatWaitsForAMessageIsEnded(Means means) throws Exception {
        Partner silent = Partner.start(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        long of = silent.id().raw();
        IpcResult it = new IpcResult();
        for (java.util.function.IntSupplier call : List.<java.util.function.IntSupplier>of(
                () -> L4.l4IpcWait(SHORT, NEVER, it), () -> L4.l4IpcReceive(of, SHORT, NEVER, it), () -> L4.l4IpcReceive(0, SHORT, NEVER, it),
                () -> L4.l4IpcReplyAndWait(0, L4.L4_IPC_NIL_DESCRIPTOR, 0, 0, SHORT, NEVER, it), () -> L4.l4IpcSleep(NEVER))) {
            Partner victim = victim(means, IpcError.RECANCELED, call);
            victim.awaitReceiving();
            end(means, victim);
            victim.endWell();
        }
        end(means, silent);
        assertEquals(IpcError.RECANCELED, ((L4Exception) silent.end()).error());
    }

    @ParameterizedTest
    @EnumSource
    void whatWaitsToBeTakenIsEnded(Means means) throws Exception {
        Partner silent = Partner.start(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        silent.awaitReceiving();
        long of = silent.id().raw();
        IpcResult it = new IpcResult();
        for (java.util.function.IntSupplier call : List.<java.util.function.IntSupplier>of(
                () -> L4.l4IpcSend(of, SHORT, 1, 1, NEVER, it), () -> L4.l4IpcCall(of, SHORT, 1, 1, SHORT, NEVER, it),
                () -> L4.l4IpcReplyAndWait(of, SHORT, 1, 1, SHORT, NEVER, it))) {
            Partner victim = victim(means, IpcError.SECANCELED, call);
            victim.awaitSending();
            end(means, victim);
            victim.endWell();
            assertEquals(L4.L4_IPC_SECANCELED, it.dope());
        }
        end(means, silent);
        silent.end();
    }

    @ParameterizedTest
    @EnumSource
    void aCallThatWasTakenIsEnded(Means means) throws Exception {
        long me = L4.l4Myself();
        IpcResult it = new IpcResult();
        Partner victim = victim(means, IpcError.RECANCELED, () -> L4.l4IpcCall(me, SHORT, 1, 1, SHORT, NEVER, it));
        assertEquals(0, L4.l4IpcWait(SHORT, NEVER, result));
        victim.awaitAnswer();
        end(means, victim);
        victim.endWell();
        int late = L4.l4IpcSend(victim.id().raw(), SHORT, 1, 1, L4.L4_IPC_SEND_TIMEOUT_0, result);
        assertTrue(late == L4.L4_IPC_SETIMEOUT || late == L4.L4_IPC_ENOT_EXISTENT, IpcError.of(late) + "");
    }

    @Test
    void theEasyWayThrows() throws Exception {
        ThreadId me = ThreadId.self();
        Partner caller = Partner.start(() -> Ipc.call(me, new Message()));
        Ipc.await(new Message());
        caller.awaitAnswer();
        caller.thread().interrupt();
        assertEquals(IpcError.RECANCELED, ((L4Exception) caller.end()).error());
        assertTrue(caller.wasInterruptedAtEnd());
        Partner sleeper = Partner.start(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        sleeper.awaitReceiving();
        sleeper.thread().interrupt();
        assertEquals(IpcError.RECANCELED, ((L4Exception) sleeper.end()).error());
        Partner waiter = Partner.start(() -> Names.await(PeerProcess.freshName(), Duration.ofSeconds(3600)));
        waiter.awaitQuiet();
        waiter.thread().interrupt();
        assertEquals(InterruptedCallException.class, waiter.end().getClass());
        assertTrue(waiter.wasInterruptedAtEnd());
    }

    @Test
    void aThreadThatIsInterruptedAlreadyDoesNotWait() throws Exception {
        Partner silent = Partner.start(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        silent.awaitReceiving();
        long of = silent.id().raw();
        Partner.start(() -> {
            Thread.currentThread().interrupt();
            IpcResult it = new IpcResult();
            assertEquals(L4.L4_IPC_RECANCELED, L4.l4IpcWait(SHORT, NEVER, it));
            assertEquals(L4.L4_IPC_RECANCELED, it.dope());
            assertEquals(L4.L4_IPC_RECANCELED, L4.l4IpcReceive(of, SHORT, NEVER, it));
            assertEquals(L4.L4_IPC_RECANCELED, L4.l4IpcSleep(NEVER));
            assertEquals(L4.L4_IPC_SECANCELED, L4.l4IpcCall(of, SHORT, 1, 1, SHORT, NEVER, it));
            assertEquals(L4.L4_IPC_SECANCELED, L4.l4IpcSend(of, SHORT, 1, 1, NEVER, it));
            assertEquals(L4.L4_IPC_SECANCELED, L4.l4IpcReplyAndWait(of, SHORT, 1, 1, SHORT, NEVER, it));
            assertEquals(L4.L4_IPC_RECANCELED, L4.l4IpcReplyAndWait(of, L4.L4_IPC_NIL_DESCRIPTOR, 1, 1, SHORT, NEVER, it) & 0xf0 | it.dope());
            assertTrue(Thread.interrupted());
            ThreadId me = ThreadId.self();
            Partner sender = Partner.start(() -> Ipc.send(me, new Message()));
            sender.awaitSending();
            Thread.currentThread().interrupt();
            assertEquals(L4.L4_IPC_RECANCELED, L4.l4IpcWait(SHORT, NEVER, it), "though a message is there");
            assertEquals(L4.L4_IPC_RECANCELED, L4.l4IpcReceive(sender.id().raw(), SHORT, NEVER, it));
            Thread.interrupted();
            assertEquals(0, L4.l4IpcWait(SHORT, NEVER, it));
            sender.endWell();
        }).endWell();
        silent.thread().interrupt();
        silent.end();
    }

    @Test
    void anInterruptedServerStillAnswers() throws Exception {
        CountDownLatch taken = new CountDownLatch(1);
        Partner server = Partner.start(() -> {
            Message message = new Message();
            Ipc.replyAndWait(message);
            Thread.currentThread().interrupt();
            taken.countDown();
            Ipc.replyAndWait(message.words(5, 5));
        });
        Message message = new Message();
        Ipc.call(server.id(), message);
        assertEquals(5, message.word(0));
        assertEquals(IpcError.RECANCELED, ((L4Exception) server.end()).error());
        assertEquals(0, taken.getCount());
    }

    /** Each of many interrupts, at any moment of running calls, ends one call, its own or the next; nothing is lost. */
    @Test
    void interruptsAtAnyMomentLoseNothing() throws Exception {
        int interrupts = 500;
        AtomicInteger seen = new AtomicInteger();
        Partner server = Partner.start(() -> {
            Message message = new Message();
            for (boolean over = false; !over;) {
                Ipc.replyAndWait(message);
                over = message.word(1) != 0;
                message.words(message.word(0) + 1, 0);
            }
        });
        Partner client = Partner.start(() -> {
            IpcResult it = new IpcResult();
            for (long i = 0; seen.get() < interrupts; i++) {
                int code = L4.l4IpcCall(server.id().raw(), SHORT, i, 0, SHORT, NEVER, it);
                if (code == 0) {
                    assertEquals(i + 1, it.dword0());
                } else {
                    assertTrue(code == L4.L4_IPC_RECANCELED || code == L4.L4_IPC_SECANCELED, IpcError.of(code) + "");
                    assertTrue(Thread.interrupted(), "only an interrupt ends a call so");
                    seen.incrementAndGet();
                }
            }
        });
        for (int i = 0; i < interrupts && client.thread().isAlive(); i++) {
            for (int pause = i % 64; pause > 0; pause--) {
                Thread.onSpinWait();
            }
            client.thread().interrupt();
            while (seen.get() == i && client.thread().isAlive()) {
                Thread.yield();
            }
        }
        client.endWell();
        assertEquals(interrupts, seen.get());
        Ipc.send(server.id(), Message.of(0, 1));
        server.endWell();
    }

    // ---- In the middle of a transfer

    private static final long LONG_STRING = 4 << 20; // more than is sent ahead

    /** A page of the sender's string goes away after it was touched: then nobody can go on, and either may be ended. */
    @ParameterizedTest
    @CsvSource({"EX_REGS, true", "INTERRUPT, true", "EX_REGS, false", "INTERRUPT, false"})
    void aTransferThatCannotGoOnIsAborted(Means means, boolean endReceiver) throws Exception {
        ThreadId[] receiverId = new ThreadId[1];
        CountDownLatch known = new CountDownLatch(1);
        CountDownLatch waiting = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(2);
        try (Arena arena = Arena.ofShared(); Withheld string = Withheld.filled(LONG_STRING, 1)) {
            Partner receiver = Partner.start(() -> {
                waiting.await();
                MsgBuffer in = new MsgBuffer(arena, 2, 1);
                in.rcv(0, arena.allocate(LONG_STRING));
                IpcResult it = new IpcResult();
                assertEquals(L4.L4_IPC_REABORTED, L4.l4IpcWait(in.descriptor(), NEVER, it));
                assertEquals(endReceiver && means == Means.INTERRUPT, Thread.interrupted());
                over.countDown();
                over.await();
                assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcSleep(L4.L4_IPC_TIMEOUT(0, 0, 2, 10, 0, 0)), "only that call was ended");
            });
            receiverId[0] = receiver.id();
            Partner sender = Partner.start(() -> {
                known.await();
                MsgBuffer out = new MsgBuffer(arena, 2, 1);
                out.snd(0, string.memory());
                out.send(2, 1);
                IpcResult it = new IpcResult();
                assertEquals(L4.L4_IPC_SEABORTED, L4.l4IpcSend(receiverId[0].raw(), out.descriptor(), 1, 2, NEVER, it));
                assertEquals(!endReceiver && means == Means.INTERRUPT, Thread.interrupted());
                over.countDown();
                over.await();
                assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcSleep(L4.L4_IPC_TIMEOUT(0, 0, 2, 10, 0, 0)), "only that call was ended");
            });
            known.countDown();
            sender.awaitSending();
            string.takeAway(LONG_STRING - 4096, 4096);
            waiting.countDown();
            string.awaitTouch();
            end(means, endReceiver ? receiver : sender);
            long since = System.nanoTime();
            assertTrue(over.await(5, TimeUnit.SECONDS), "they were not ended");
            assertTrue(System.nanoTime() - since < 500_000_000L, "at once, on a busy machine");
            receiver.endWell();
            sender.endWell();
        }
    }

    // ---- Virtual threads

    /** Waits until it is parked: it waits for its worker, or sleeps. */
    private static void awaitParked(Partner partner) {
        Observe.until(() -> partner.thread().getState() == Thread.State.WAITING || partner.thread().getState() == Thread.State.TIMED_WAITING);
    }

    @Test
    void virtualThreadsCallAndSend() throws Exception {
        ThreadId me = ThreadId.self();
        CountDownLatch tried = new CountDownLatch(1);
        Partner client = Partner.virtual(() -> {
            try (Arena arena = Arena.ofConfined()) {
                Message message = new Message(4, 0).room(0, arena.allocate(10)).words(1, 2).string(arena.allocate(5));
                Ipc.call(me, message);
                assertEquals(3, message.word(0));
                assertEquals(5, message.string(0).byteSize());
                Ipc.send(me, message.words(4, 4));
                IpcResult it = new IpcResult();
                assertEquals(0, L4.l4IpcCall(me.raw(), SHORT, 7, 7, SHORT, NEVER, it));
                assertEquals(8, it.dword0());
                assertEquals(L4.L4_IPC_RETIMEOUT, L4.l4IpcSleep(L4.L4_IPC_TIMEOUT(0, 0, 1, 15, 0, 0)));
                assertEquals(L4.L4_IPC_SETIMEOUT, L4.l4IpcSend(me.raw(), SHORT, 7, 7, L4.L4_IPC_SEND_TIMEOUT_0, it));
                ThreadId.INVALID.cancel();
                tried.countDown();
                Ipc.call(me, new Message());
            }
        });
        Message message = new Message(4, 100);
        Ipc.await(message);
        Ipc.replyAndWait(message.keep().words(message.word(0) + message.word(1), 0));
        assertEquals(4, message.word(0));
        Ipc.await(message);
        Ipc.reply(message.words(message.word(0) + 1, 0));
        tried.await();
        Ipc.await(message);
        Ipc.reply(message);
        client.endWell();
    }

    @Test
    void virtualThreadsHaveNoIdentity() throws Exception {
        Partner.virtual(() -> {
            IpcResult it = new IpcResult();
            Message message = new Message();
            for (Runnable refused : List.<Runnable>of(ThreadId::self, () -> L4.l4IpcWait(SHORT, NEVER, it),
                    () -> L4.l4IpcReceive(5, SHORT, NEVER, it), () -> L4.l4IpcReplyAndWait(5, SHORT, 0, 0, SHORT, NEVER, it),
                    () -> L4.l4Nchief(0, null), () -> Ipc.await(message), () -> Ipc.replyAndWait(message),
                    () -> Ipc.receive(ThreadId.NIL, message), () -> Names.register(PeerProcess.freshName()))) {
                assertThrows(WrongThreadException.class, refused::run);
            }
            assertEquals(IpcError.ENOT_EXISTENT, errorOf(() -> Ipc.send(ThreadId.NIL, message)));
        }).endWell();
    }

    @Test
    void interruptsOfVirtualThreads() throws Exception {
        ThreadId me = ThreadId.self();
        Partner silent = Partner.start(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        silent.awaitReceiving();
        for (Background.Body body : List.<Background.Body>of(() -> Ipc.send(silent.id(), new Message()), () -> Ipc.call(silent.id(), new Message()))) {
            Partner sender = Partner.virtual(body);
            awaitParked(sender);
            sender.thread().interrupt();
            assertEquals(IpcError.SECANCELED, ((L4Exception) sender.end()).error());
            assertTrue(sender.wasInterruptedAtEnd());
        }
        Partner sleeper = Partner.virtual(() -> Ipc.sleep(Duration.ofSeconds(3600)));
        awaitParked(sleeper);
        sleeper.thread().interrupt();
        assertEquals(IpcError.RECANCELED, ((L4Exception) sleeper.end()).error());
        Partner caller = Partner.virtual(() -> Ipc.call(me, new Message()));
        Ipc.await(new Message());
        caller.thread().interrupt();
        assertEquals(IpcError.RECANCELED, ((L4Exception) caller.end()).error());
        silent.id().cancel();
        silent.end();
    }

    /** More than there are identities to borrow: they take turns. */
    @Test
    void manyVirtualThreads() throws Exception {
        int atOnce = 64;
        int many = atOnce + 16;
        ThreadId me = ThreadId.self();
        List<Partner> clients = new ArrayList<>();
        for (int i = 0; i < many; i++) {
            long number = i;
            clients.add(Partner.virtual(() -> {
                Message message = Message.of(number, 0);
                Ipc.call(me, message);
                assertEquals(number + 1, message.word(0));
            }));
        }
        List<Message> taken = new ArrayList<>();
        for (int i = 0; i < atOnce; i++) {
            taken.add(new Message());
            Ipc.await(taken.get(i));
        }
        Message next = new Message();
        assertEquals(IpcError.RETIMEOUT, errorOf(() -> Ipc.await(next, Duration.ofMillis(20))));
        Partner impatient = Partner.virtual(() -> Ipc.call(me, new Message(), Duration.ofMillis(1)));
        assertEquals(IpcError.SETIMEOUT, ((L4Exception) impatient.end()).error());
        for (Message message : taken) {
            Ipc.reply(message.words(message.word(0) + 1, 0));
        }
        for (int i = atOnce; i < many; i++) {
            Ipc.await(next);
            Ipc.reply(next.words(next.word(0) + 1, 0));
        }
        for (Partner client : clients) {
            client.endWell();
        }
    }

    @Test
    void virtualThreadsThatWaitDoNotHoldUpTheirCarriers() throws Exception {
        int waiting = 2 * Runtime.getRuntime().availableProcessors() + 4;
        ThreadId me = ThreadId.self();
        List<Partner> callers = new ArrayList<>();
        for (int i = 0; i < waiting; i++) {
            callers.add(Partner.virtual(() -> Ipc.call(me, new Message())));
        }
        List<Message> taken = new ArrayList<>();
        for (int i = 0; i < waiting; i++) {
            taken.add(new Message());
            Ipc.await(taken.get(i));
        }
        CountDownLatch ran = new CountDownLatch(1);
        Partner.virtual(ran::countDown);
        assertTrue(ran.await(20, java.util.concurrent.TimeUnit.SECONDS), "the carriers are held up");
        taken.forEach(Ipc::reply);
        for (Partner caller : callers) {
            caller.endWell();
        }
        assertFalse(callers.isEmpty());
    }
}
