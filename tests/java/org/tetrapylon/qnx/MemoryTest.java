package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.Errno;
import org.tetrapylon.ThreadState;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Observe;

/** Which memory a call takes, and that it stays where it is until the call has ended: what Java promises of its segments. */
@Timeout(90)
class MemoryTest extends OneChannel {

    /** The kinds of arenas; each is made by the thread that uses it. */
    private enum Kind {
        GLOBAL {
            @Override
            Arena make() {
                return Arena.global();
            }
        },
        AUTOMATIC {
            @Override
            Arena make() {
                return Arena.ofAuto();
            }
        },
        CONFINED {
            @Override
            Arena make() {
                return Arena.ofConfined();
            }
        },
        SHARED {
            @Override
            Arena make() {
                return Arena.ofShared();
            }
        };

        abstract Arena make();
    }

    static Stream<List<Object>> pairs() {
        return Stream.of(Kind.values()).flatMap(one -> Stream.of(Kind.values()).map(other -> List.of(one, other)));
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void everyKindOfMemoryCarriesEveryKindOfCall(List<Kind> kinds) throws Exception {
        Background server = Background.platform(() -> {
            MemorySegment in = kinds.get(0).make().allocate(64);
            MsgInfo info = new MsgInfo(kinds.get(1).make());
            for (int i = 0; i < 2; i++) {
                long rcvid = Neutrino.msgReceive(chid, in, 4, info);
                assertEquals(4, info.msglen());
                assertEquals(4, Neutrino.msgRead(rcvid, in.asSlice(4), 4, 4));
                assertEquals(2, Neutrino.msgWrite(rcvid, in, 2, 6));
                assertEquals(0, Neutrino.msgReply(rcvid, in.get(ValueLayout.JAVA_BYTE, 7), in, 6));
            }
        });
        Background.Body client = () -> {
            MemorySegment out = kinds.get(0).make().allocate(8);
            MemorySegment in = kinds.get(1).make().allocate(8);
            for (byte i = 0; i < 8; i++) {
                out.set(ValueLayout.JAVA_BYTE, i, (byte) (10 + i));
            }
            assertEquals(17, Neutrino.msgSend(coid, out, 8, in, 8));
            for (byte i = 0; i < 8; i++) {
                assertEquals(i < 6 ? 10 + i : 10 + i - 6, in.get(ValueLayout.JAVA_BYTE, i));
            }
        };
        Background.platform(client).endWell();
        Background.virtual(client).endWell();
        server.endWell();
    }

    /** Calls that use a segment, each of which must refuse it. */
    private void assertRefused(Class<? extends Exception> type, MemorySegment it) {
        MemorySegment good = Arena.global().allocate(8);
        assertThrows(type, () -> Neutrino.msgSend(coid, it, 8, good, 8));
        assertThrows(type, () -> Neutrino.msgSend(coid, good, 8, it, 8));
        assertThrows(type, () -> Neutrino.msgSend_r(coid, it, 8, it, 8));
        assertThrows(type, () -> Neutrino.msgSendsv(coid, it, 8, Iov.of(Arena.ofAuto(), good)));
        assertThrows(type, () -> Neutrino.msgSendvs(coid, Iov.of(Arena.ofAuto(), good), it, 8));
        assertThrows(type, () -> Neutrino.msgReceive_r(chid, it, 8, null));
        assertThrows(type, () -> Neutrino.msgReceivePulse_r(chid, it, 8));
        assertThrows(type, () -> Neutrino.msgReply_r(1, 0, it, 8));
        assertThrows(type, () -> Neutrino.msgRead_r(1, it, 8, 0));
        assertThrows(type, () -> Neutrino.msgWrite_r(1, it, 8, 0));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void closedMemoryIsRefused(boolean virtual) throws Exception {
        Background.Body body = () -> {
            for (Arena arena : List.of(Arena.ofConfined(), Arena.ofShared())) {
                MemorySegment gone = arena.allocate(64);
                MsgInfo info = new MsgInfo(arena);
                arena.close();
                assertRefused(IllegalStateException.class, gone);
                assertThrows(IllegalStateException.class, () -> Neutrino.msgReceive_r(chid, Arena.global().allocate(8), 8, info));
            }
        };
        (virtual ? Background.virtual(body) : Background.platform(body)).endWell();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void memoryConfinedToAnotherThreadIsRefused(boolean virtual) throws Exception {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment foreign = arena.allocate(64);
            Background.Body body = () -> assertRefused(WrongThreadException.class, foreign);
            (virtual ? Background.virtual(body) : Background.platform(body)).endWell();
        }
    }

    @Test
    void sharedMemoryCannotBeClosedUnderABlockedCall() throws Exception {
        MemorySegment good = Arena.global().allocate(64);
        for (boolean message : new boolean[] {true, false}) {
            Arena arena = Arena.ofShared();
            MemorySegment lent = arena.allocate(64);
            Background client = Background.platform(() -> Neutrino.msgSend(coid, message ? lent : good, 8, message ? good : lent, 8));
            client.await(ThreadState.State.SEND);
            assertThrows(IllegalStateException.class, arena::close);
            assertEquals(0, Neutrino.msgReply(Neutrino.msgReceive(chid, good, 8, null), 0, good, 8));
            client.endWell();
            arena.close();
        }
        Arena arena = Arena.ofShared();
        MemorySegment lent = arena.allocate(64);
        Background server = Background.platform(() -> Neutrino.msgReceive(chid, lent, 64, null));
        server.await(ThreadState.State.RECEIVE);
        assertThrows(IllegalStateException.class, arena::close);
        Neutrino.msgSendPulse(coid, -1, 1, 1);
        server.endWell();
        arena.close();
    }

    /** Compiled code knows that a variable is not used any more; before, everything in a frame is kept. */
    private static final int UNTIL_COMPILED = 20_000;

    private static volatile WeakReference<MemorySegment.Scope> out;
    private static volatile WeakReference<MemorySegment.Scope> in;

    private static MemorySegment watched() {
        return Arena.ofAuto().allocate(64);
    }

    /** The call has the only references. */
    private static void sendFromNowhere(int coid) {
        MemorySegment message = watched();
        MemorySegment reply = watched();
        out = new WeakReference<>(message.scope());
        in = new WeakReference<>(reply.scope());
        Neutrino.msgSend(coid, message, 8, reply, 8);
    }

    @Test
    void memoryThatNobodyElseHasStaysUntilTheCallHasEnded() throws Exception {
        AtomicLong held = new AtomicLong();
        Background server = Background.platform(() -> {
            MemorySegment buffer = Arena.global().allocate(64);
            for (int i = 0; i < UNTIL_COMPILED; i++) {
                Neutrino.msgReply(Neutrino.msgReceive(chid, buffer, 64, null), 0, buffer, 8);
            }
            held.set(Neutrino.msgReceive(chid, buffer, 64, null));
        });
        Background client = Background.platform(() -> {
            for (int i = 0; i <= UNTIL_COMPILED; i++) {
                sendFromNowhere(coid);
            }
        });
        server.endWell();
        for (int i = 0; i < 3; i++) {
            WeakReference<Object> canary = new WeakReference<>(new Object());
            Observe.until("garbage is collected", () -> {
                System.gc();
                return canary.refersTo(null);
            });
        }
        assertFalse(out.refersTo(null), "the message's memory is gone");
        assertFalse(in.refersTo(null), "the reply's memory is gone");
        Neutrino.msgReply(held.get(), 0, MemorySegment.NULL, 0);
        client.endWell();
    }

    @Test
    void anAnswerFromMemoryThatIsGoneLeavesTheMessageOpen() throws Exception {
        try (Channel channel = Channel.create(); Connection connection = channel.connect(); Message message = new Message(64)) {
            Background client = Background.platform(() -> connection.send(new byte[1], 8));
            channel.receive(message);
            Arena arena = Arena.ofShared();
            MemorySegment gone = arena.allocate(8);
            arena.close();
            assertThrows(IllegalStateException.class, () -> message.reply(0, gone));
            assertTrue(message.isOpen());
            message.fail(Errno.EAGAIN);
            assertFalse(message.isOpen());
            assertEquals(Errno.EAGAIN, client.endErrno());
        }
    }

    @Test
    void memoryOnTheHeapIsRefusedByTheDocumentedFunctions() {
        assertRefused(IllegalArgumentException.class, MemorySegment.ofArray(new byte[64]));
    }
}
