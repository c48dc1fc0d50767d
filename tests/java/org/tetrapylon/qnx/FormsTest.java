package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.tetrapylon.Errno;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;
import org.tetrapylon.support.Background;
import org.tetrapylon.support.Observe;

/** The errno matrix: each form of each call, with its twin, gives each error that it can give: the plain one throws it, the twin returns it. */
class FormsTest extends OneChannel {

    private static final int SIZE = 48;

    /** Native memory that is not there. */
    private final MemorySegment bad = MemorySegment.ofAddress(16).reinterpret(4096);
    private final MemorySegment message = arena.allocate(SIZE);
    private final MemorySegment room = arena.allocate(SIZE);

    private interface Send {
        long call(int coid, MemorySegment out, MemorySegment in, Arena arena);
    }

    private interface Receive {
        long call(int chid, MemorySegment in, Arena arena);
    }

    private interface Answer {
        long call(long rcvid, MemorySegment bytes, long offset, Arena arena);
    }

    /** One form; whether it is a twin. */
    private record Form<T>(String name, boolean twin, T it) {
        Form(String name, T it) {
            this(name, name.endsWith("_r"), it);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static List<Form<Send>> sends() {
        return List.of(
                new Form<>("MsgSend", (c, out, in, a) -> Neutrino.msgSend(c, out, SIZE, in, SIZE)),
                new Form<>("MsgSend_r", (c, out, in, a) -> Neutrino.msgSend_r(c, out, SIZE, in, SIZE)),
                new Form<>("MsgSendnc", (c, out, in, a) -> Neutrino.msgSendnc(c, out, SIZE, in, SIZE)),
                new Form<>("MsgSendnc_r", (c, out, in, a) -> Neutrino.msgSendnc_r(c, out, SIZE, in, SIZE)),
                new Form<>("MsgSendv", (c, out, in, a) -> Neutrino.msgSendv(c, Iov.of(a, out), Iov.of(a, in))),
                new Form<>("MsgSendv_r", (c, out, in, a) -> Neutrino.msgSendv_r(c, Iov.of(a, out), Iov.of(a, in))),
                new Form<>("MsgSendvnc", (c, out, in, a) -> Neutrino.msgSendvnc(c, Iov.of(a, out), Iov.of(a, in))),
                new Form<>("MsgSendvnc_r", (c, out, in, a) -> Neutrino.msgSendvnc_r(c, Iov.of(a, out), Iov.of(a, in))),
                new Form<>("MsgSendsv", (c, out, in, a) -> Neutrino.msgSendsv(c, out, SIZE, Iov.of(a, in))),
                new Form<>("MsgSendsv_r", (c, out, in, a) -> Neutrino.msgSendsv_r(c, out, SIZE, Iov.of(a, in))),
                new Form<>("MsgSendsvnc", (c, out, in, a) -> Neutrino.msgSendsvnc(c, out, SIZE, Iov.of(a, in))),
                new Form<>("MsgSendsvnc_r", (c, out, in, a) -> Neutrino.msgSendsvnc_r(c, out, SIZE, Iov.of(a, in))),
                new Form<>("MsgSendvs", (c, out, in, a) -> Neutrino.msgSendvs(c, Iov.of(a, out), in, SIZE)),
                new Form<>("MsgSendvs_r", (c, out, in, a) -> Neutrino.msgSendvs_r(c, Iov.of(a, out), in, SIZE)),
                new Form<>("MsgSendvsnc", (c, out, in, a) -> Neutrino.msgSendvsnc(c, Iov.of(a, out), in, SIZE)),
                new Form<>("MsgSendvsnc_r", (c, out, in, a) -> Neutrino.msgSendvsnc_r(c, Iov.of(a, out), in, SIZE)));
    }

    static List<Form<Receive>> receives() {
        return List.of(
                new Form<>("MsgReceive", (c, in, a) -> Neutrino.msgReceive(c, in, in.byteSize(), null)),
                new Form<>("MsgReceive_r", (c, in, a) -> Neutrino.msgReceive_r(c, in, in.byteSize(), null)),
                new Form<>("MsgReceivev", (c, in, a) -> Neutrino.msgReceivev(c, Iov.of(a, in), null)),
                new Form<>("MsgReceivev_r", (c, in, a) -> Neutrino.msgReceivev_r(c, Iov.of(a, in), null)),
                new Form<>("MsgReceivePulse", (c, in, a) -> Neutrino.msgReceivePulse(c, in, in.byteSize())),
                new Form<>("MsgReceivePulse_r", (c, in, a) -> Neutrino.msgReceivePulse_r(c, in, in.byteSize())),
                new Form<>("MsgReceivePulsev", (c, in, a) -> Neutrino.msgReceivePulsev(c, Iov.of(a, in))),
                new Form<>("MsgReceivePulsev_r", (c, in, a) -> Neutrino.msgReceivePulsev_r(c, Iov.of(a, in))));
    }

    private static final List<Form<Answer>> REPLIES = List.of(
            new Form<>("MsgReply", (id, bytes, offset, a) -> Neutrino.msgReply(id, 3, bytes, SIZE)),
            new Form<>("MsgReply_r", (id, bytes, offset, a) -> Neutrino.msgReply_r(id, 3, bytes, SIZE)),
            new Form<>("MsgReplyv", (id, bytes, offset, a) -> Neutrino.msgReplyv(id, 3, Iov.of(a, bytes.asSlice(0, SIZE)))),
            new Form<>("MsgReplyv_r", (id, bytes, offset, a) -> Neutrino.msgReplyv_r(id, 3, Iov.of(a, bytes.asSlice(0, SIZE)))));

    private static final List<Form<Answer>> TRANSFERS = List.of(
            new Form<>("MsgRead", (id, bytes, offset, a) -> Neutrino.msgRead(id, bytes, 8, offset)),
            new Form<>("MsgRead_r", (id, bytes, offset, a) -> Neutrino.msgRead_r(id, bytes, 8, offset)),
            new Form<>("MsgReadv", (id, bytes, offset, a) -> Neutrino.msgReadv(id, Iov.of(a, bytes.asSlice(0, 8)), offset)),
            new Form<>("MsgReadv_r", (id, bytes, offset, a) -> Neutrino.msgReadv_r(id, Iov.of(a, bytes.asSlice(0, 8)), offset)),
            new Form<>("MsgWrite", (id, bytes, offset, a) -> Neutrino.msgWrite(id, bytes, 8, offset)),
            new Form<>("MsgWrite_r", (id, bytes, offset, a) -> Neutrino.msgWrite_r(id, bytes, 8, offset)),
            new Form<>("MsgWritev", (id, bytes, offset, a) -> Neutrino.msgWritev(id, Iov.of(a, bytes.asSlice(0, 8)), offset)),
            new Form<>("MsgWritev_r", (id, bytes, offset, a) -> Neutrino.msgWritev_r(id, Iov.of(a, bytes.asSlice(0, 8)), offset)));

    private interface Call {
        long run(Arena arena);
    }

    /** What the call says, as a twin says it. */
    private static long outcome(Form<?> form, Call call) {
        try (Arena own = Arena.ofConfined()) {
            long result = call.run(own);
            assertTrue(form.twin() || result >= 0, form + " returned " + result);
            return result;
        } catch (TetrapylonException e) {
            assertTrue(!form.twin(), form + " threw " + e);
            assertEquals(form.name(), e.call());
            return -e.errno();
        }
    }

    private static void expect(long expected, Form<?> form, Call call) {
        assertEquals(expected, outcome(form, call), form.name());
    }

    // ---- MsgSend*

    /** The first byte says what the server does; it ends with a message that says none of it. */
    private Background server() {
        MemorySegment in = arena.allocate(SIZE);
        return Background.platform(() -> {
            while (true) {
                long rcvid = Neutrino.msgReceive(chid, in, SIZE, null);
                byte what = in.get(ValueLayout.JAVA_BYTE, 0);
                switch (what) {
                    case 'f' -> assertEquals(-Errno.EFAULT, Neutrino.msgReply_r(rcvid, 1, in, SIZE), "told to the server too");
                    case 's' -> assertEquals(-Errno.ESRVRFAULT, Neutrino.msgReply_r(rcvid, 1, bad, SIZE));
                    case 'e' -> Neutrino.msgError(rcvid, Errno.EIO);
                    case 't' -> Observe.until("the client gives up", () -> Neutrino.msgInfo_r(rcvid, new MsgInfo(arena)) == -Errno.ESRCH);
                    default -> Neutrino.msgReply(rcvid, 7, in, SIZE);
                }
                if (what != 'o' && what != 0) {
                    assertEquals(-Errno.ESRCH, Neutrino.msgReply_r(rcvid, 1, in, SIZE), "it is finished");
                }
                if (what == 0) {
                    return;
                }
            }
        });
    }

    private long send(Form<Send> form, char what) {
        message.set(ValueLayout.JAVA_BYTE, 0, (byte) what);
        return outcome(form, a -> form.it().call(coid, message, room, a));
    }

    @ParameterizedTest
    @MethodSource("sends")
    void errorsOfEveryFormOfSend(Form<Send> form) throws Exception {
        Background server = server();
        expect(-Errno.EBADF, form, a -> form.it().call(-1, message, room, a));
        expect(-Errno.EFAULT, form, a -> form.it().call(coid, bad.asSlice(0, SIZE), room, a));
        message.set(ValueLayout.JAVA_BYTE, 0, (byte) 'f');
        expect(-Errno.EFAULT, form, a -> form.it().call(coid, message, bad.asSlice(0, SIZE), a));
        assertEquals(-Errno.ESRVRFAULT, send(form, 's'));
        assertEquals(-Errno.EIO, send(form, 'e'));
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_REPLY, null, 2_000_000);
        assertEquals(-Errno.ETIMEDOUT, send(form, 't'));
        assertEquals(7, send(form, 'o'));
        assertEquals(7, send(form, (char) 0));
        server.endWell();
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_SEND, null, 0);
        assertEquals(-Errno.ETIMEDOUT, send(form, 'o'), "nobody receives");
        Background interrupted = Background.platform(() -> {
            Thread.currentThread().interrupt();
            assertEquals(-Errno.EINTR, send(form, 'o'));
        });
        interrupted.endWell();
        assertTrue(interrupted.wasInterruptedAtEnd());
    }

    @ParameterizedTest
    @MethodSource("sends")
    void everyFormOfSendEndsWithItsChannelOrConnection(Form<Send> form) throws Exception {
        for (boolean received : new boolean[] {false, true}) {
            for (boolean detach : new boolean[] {false, true}) {
                int own = Neutrino.channelCreate(0);
                int toIt = Neutrino.connectAttach(0, 0, own, Neutrino._NTO_SIDE_CHANNEL, 0);
                Background client = Background.platform(
                        () -> assertEquals(detach ? -Errno.EBADF : -Errno.ESRCH, outcome(form, a -> form.it().call(toIt, message, room, a))));
                if (received) {
                    Neutrino.msgReceive(own, arena.allocate(64), 64, null);
                }
                client.await(received ? ThreadState.State.REPLY : ThreadState.State.SEND);
                if (detach) {
                    Neutrino.connectDetach(toIt);
                } else {
                    Neutrino.channelDestroy(own);
                }
                client.endWell();
                expect(-Errno.EBADF, form, a -> form.it().call(toIt, message, room, a));
                Neutrino.connectDetach_r(toIt);
                Neutrino.channelDestroy_r(own);
            }
        }
    }

    @Test
    void lengthsThatOverflowInEveryList() {
        MemorySegment everything = MemorySegment.ofAddress(4096).reinterpret(Long.MAX_VALUE);
        Iov huge = Iov.of(arena, everything, everything, everything);
        Iov one = Iov.of(arena, message);
        for (long result : new long[] {Neutrino.msgSendv_r(coid, huge, one), Neutrino.msgSendv_r(coid, one, huge),
                Neutrino.msgSendvnc_r(coid, huge, one), Neutrino.msgSendsv_r(coid, message, 1, huge),
                Neutrino.msgSendsvnc_r(coid, message, 1, huge), Neutrino.msgSendvs_r(coid, huge, room, 1),
                Neutrino.msgSendvsnc_r(coid, huge, room, 1)}) {
            assertEquals(-Errno.EOVERFLOW, result);
        }
        Neutrino.msgSendPulse(coid, -1, 1, 1);
        assertEquals(-Errno.EFAULT, Neutrino.msgReceivev_r(chid, huge, null));
        assertEquals(-Errno.EFAULT, Neutrino.msgReceivePulsev_r(chid, huge));
        assertEquals(0, Neutrino.msgReceive(chid, room, SIZE, null), "it was not lost");
    }

    // ---- MsgReceive*

    @ParameterizedTest
    @MethodSource("receives")
    void errorsOfEveryFormOfReceive(Form<Receive> form) throws Exception {
        expect(-Errno.ESRCH, form, a -> form.it().call(chid + 500, room, a));
        Neutrino.timerTimeout(Neutrino.CLOCK_MONOTONIC, Neutrino._NTO_TIMEOUT_RECEIVE, null, 1_000_000);
        expect(-Errno.ETIMEDOUT, form, a -> form.it().call(chid, room, a));
        Neutrino.msgSendPulse(coid, 10, 1, 1);
        expect(-Errno.EFAULT, form, a -> form.it().call(chid, bad.asSlice(0, 64), a));
        expect(-Errno.EFAULT, form, a -> form.it().call(chid, room.asSlice(0, Neutrino.pulseSize() - 1), a));
        expect(0, form, a -> form.it().call(chid, room, a));
        Background interrupted = Background.platform(() -> {
            Thread.currentThread().interrupt();
            expect(-Errno.EINTR, form, a -> form.it().call(chid, room, a));
        });
        interrupted.endWell();
        assertTrue(interrupted.wasInterruptedAtEnd());
        Background blocked = Background.platform(() -> expect(-Errno.EINTR, form, a -> form.it().call(chid, room, a)));
        blocked.await(ThreadState.State.RECEIVE);
        blocked.thread().interrupt();
        blocked.endWell();
        int other = Neutrino.channelCreate(0);
        Background receiver = Background.platform(() -> expect(-Errno.ESRCH, form, a -> form.it().call(other, room, a)));
        receiver.await(ThreadState.State.RECEIVE);
        Neutrino.channelDestroy(other);
        receiver.endWell();
    }

    // ---- MsgReply*, MsgError, MsgRead*, MsgWrite*

    /** A client whose message and room have 16 bytes at the end that are not there, if so asked. */
    private Background client(boolean hole, int expected) {
        MemorySegment last = hole ? bad.asSlice(0, 16) : message.asSlice(SIZE - 16);
        MemorySegment lastRoom = hole ? bad.asSlice(0, 16) : room.asSlice(SIZE - 16);
        return Background.platform(() -> assertEquals(expected, Neutrino.msgSendv_r(coid, Iov.of(arena, message.asSlice(0, SIZE - 16), last),
                Iov.of(arena, room.asSlice(0, SIZE - 16), lastRoom))));
    }

    static Stream<List<Object>> repliesWithAndWithoutHole() {
        return REPLIES.stream().flatMap(form -> Stream.of(List.of((Object) form, false), List.of((Object) form, true)));
    }

    @ParameterizedTest
    @MethodSource("repliesWithAndWithoutHole")
    @SuppressWarnings("unchecked")
    void errorsOfEveryFormOfReplyAndTransfer(List<Object> which) throws Exception {
        Form<Answer> reply = (Form<Answer>) which.get(0);
        boolean hole = (boolean) which.get(1);
        MemorySegment own = arena.allocate(64);
        Background client = client(hole, hole ? -Errno.EFAULT : -Errno.ESRVRFAULT);
        long rcvid = Neutrino.msgReceive(chid, own, 16, null);
        for (Form<Answer> form : TRANSFERS) {
            expect(-Errno.ESRCH, form, a -> form.it().call(77, own, 0, a));
            expect(-Errno.ESRVRFAULT, form, a -> form.it().call(rcvid, bad, 0, a));
            expect(hole ? -Errno.EFAULT : 3, form, a -> form.it().call(rcvid, own, SIZE - 3, a));
            expect(0, form, a -> form.it().call(rcvid, own, SIZE, a));
            expect(0, form, a -> form.it().call(rcvid, own, Long.MAX_VALUE, a));
            expect(8, form, a -> form.it().call(rcvid, own, 0, a));
        }
        expect(-Errno.ESRCH, reply, a -> reply.it().call(77, own, 0, a));
        expect(hole ? -Errno.EFAULT : -Errno.ESRVRFAULT, reply, a -> reply.it().call(rcvid, hole ? own : bad, 0, a));
        client.endWell();
        Stream.concat(REPLIES.stream(), TRANSFERS.stream())
                .forEach(form -> expect(-Errno.ESRCH, form, a -> form.it().call(rcvid, own, 0, a)));
        assertEquals(-Errno.ESRCH, Neutrino.msgError_r(rcvid, Errno.EIO));
        assertEquals(-Errno.ESRCH, Neutrino.msgInfo_r(rcvid, new MsgInfo(arena)));
    }

    @Test
    void lengthsThatOverflowInTransfersAndReplies() throws Exception {
        MemorySegment everything = MemorySegment.ofAddress(4096).reinterpret(Long.MAX_VALUE);
        Iov huge = Iov.of(arena, everything, everything, everything);
        Background client = client(false, -Errno.EOVERFLOW);
        long rcvid = Neutrino.msgReceive(chid, arena.allocate(64), 16, null);
        assertEquals(-Errno.EOVERFLOW, Neutrino.msgReadv_r(rcvid, huge, 0));
        assertEquals(-Errno.EOVERFLOW, Neutrino.msgWritev_r(rcvid, huge, 0));
        assertEquals(-Errno.EOVERFLOW, Neutrino.msgReplyv_r(rcvid, 0, huge));
        client.endWell();
    }

    @Test
    void anInterruptIsAnExceptionOfItsOwn() throws Exception {
        Background blocked = Background.platform(() -> Neutrino.msgSend(coid, message, SIZE, room, SIZE));
        blocked.await(ThreadState.State.SEND);
        blocked.thread().interrupt();
        assertInstanceOf(InterruptedCallException.class, blocked.end());
        assertThrows(TetrapylonException.class, () -> Neutrino.msgSend(-1, message, SIZE, room, SIZE));
    }
}
