package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.check;
import static org.tetrapylon.fluke.Scene.checkCame;
import static org.tetrapylon.fluke.Scene.checkFilled;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;
import static org.tetrapylon.support.Observe.awaitBlocked;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.Fd;

/** Page 8.14: every return code and every insanity exception, for the client and for the server. */
@Timeout(60)
class AckSendOverReceiveTest {

    // ---- Return codes

    @ParameterizedTest
    @EnumSource
    void success(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            side.begin(scene);
            MemorySegment in = room(9);
            Params params = new Params().send(filled(5, 1)).receive(in);
            ok(side.ackSendOverReceive(params));
            checkCame(4, params);
            assertEquals(20, params.room());
            checkFilled(in, 4, 2);
            assertEquals(20, params.unsent(), "only the receive fields are modified");
            // The other side is ready to reverse again.
            check(FLUKE_IPC_RECV_DISCONNECTED, side.ackSendOverReceive(params));
        }, (scene, side) -> {
            MemorySegment in = room(5);
            Params params = new Params().receive(in);
            ok(side.goOver(scene, params));
            checkFilled(in, 5, 1);
            ok(side.ackSendOverReceive(params.send(filled(4, 2)).receive(in)));
            ok(side.ackSend(params.send(filled(2, 1)).receive(MemorySegment.NULL)));
            side.disconnect();
        });
    }

    @ParameterizedTest
    @EnumSource
    void withoutAConnection(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            Params params = new Params().send(filled(2, 0)).receive(room(2));
            check(FLUKE_IPC_ACK_DISCONNECTED, side.ackSendOverReceive(params));
            check(FLUKE_IPC_ACK_DISCONNECTED, side.ackSend(params));
            check(FLUKE_IPC_OVER_DISCONNECTED, side.overReceive(params));
            check(FLUKE_IPC_RECV_DISCONNECTED, side.receive(params));
            check(FLUKE_IPC_SEND_DISCONNECTED, side.send(params));
            check(FLUKE_IPC_SEND_DISCONNECTED, side.sendOverReceive(params));
            check(FLUKE_INVALID_DEST, side.alert());
            side.disconnect();
            if (side == Side.SERVER) {
                check(FLUKE_IPC_SEND_DISCONNECTED, flukeIpcServerSendWaitReceive(params, null));
                check(FLUKE_IPC_ACK_DISCONNECTED, flukeIpcServerAckSendWaitReceive(params, null));
                ok(flukeIpcReply(params));
            }
        }, (scene, side) -> { });
    }

    /** The sender disconnects, before the ack and while it waits. */
    @ParameterizedTest
    @EnumSource
    void ackDisconnected(Side tested) throws Throwable {
        for (boolean waits : new boolean[] {false, true}) {
            tested.run((scene, side) -> {
                side.begin(scene);
                Params params = new Params().send(filled(3, 0)).receive(room(2));
                check(FLUKE_IPC_RECV_MORE_DATA, side.ackSendOverReceive(params));
                if (!waits) {
                    scene.await(1);
                }
                params.receive(room(2));
                check(FLUKE_IPC_ACK_DISCONNECTED, side.ackSendOverReceive(params));
                check(FLUKE_IPC_ACK_DISCONNECTED, side.ackSendOverReceive(params));
                checkCame(0, params);
            }, (scene, side) -> {
                Params params = new Params().receive(room(5));
                ok(side.goOver(scene, params));
                ok(side.ackSend(params.send(filled(2, 0))));
                if (waits) {
                    awaitBlocked(side.other(scene));
                }
                side.disconnect();
                scene.reach(1);
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void sendDisconnected(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            side.begin(scene);
            Params params = new Params().send(filled(100, 0)).receive(room(3));
            check(FLUKE_IPC_SEND_DISCONNECTED, side.ackSendOverReceive(params));
            checkCame(0, params);
        }, (scene, side) -> {
            check(FLUKE_IPC_RECV_MORE_DATA, side.goOver(scene, new Params().receive(room(5))));
            side.disconnect();
        });
    }

    @ParameterizedTest
    @EnumSource
    void overDisconnected(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            side.begin(scene);
            Params params = new Params().send(filled(4, 0)).receive(room(3));
            check(FLUKE_IPC_OVER_DISCONNECTED, side.ackSendOverReceive(params));
            checkCame(0, params);
        }, (scene, side) -> {
            ok(side.goOver(scene, new Params().receive(room(5))));
            side.disconnect();
        });
    }

    /** Into one buffer and then another, and into a table. */
    @ParameterizedTest
    @EnumSource
    void moreData(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            side.begin(scene);
            MemorySegment in = room(17);
            Params params = new Params().send(filled(4, 0)).receive(in.asSlice(0, 12));
            check(FLUKE_IPC_RECV_MORE_DATA, side.ackSendOverReceive(params));
            checkCame(3, params);
            assertEquals(0, params.room());
            params.receive(in.asSlice(12, 8), in.asSlice(20, 0), in.asSlice(20, 20));
            check(FLUKE_IPC_RECV_MORE_DATA, side.receive(params));
            checkCame(7, params);
            params.receive(in.asSlice(40, 4), in.asSlice(44, 12), in.asSlice(56, 12));
            ok(side.receive(params));
            checkCame(5, params);
            assertEquals(8, params.room(), "of the last buffer");
            checkFilled(in, 15, 3);
            side.disconnect();
        }, (scene, side) -> {
            ok(side.goOver(scene, new Params().receive(room(5))));
            MemorySegment out = filled(15, 3);
            // From three buffers, one of them empty.
            Params params = new Params().send(out.asSlice(0, 16), out.asSlice(16, 0), out.asSlice(16, 44)).receive(room(5));
            check(FLUKE_IPC_OVER_DISCONNECTED, side.ackSendOverReceive(params));
        });
    }

    @ParameterizedTest
    @EnumSource
    void moreReferences(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            Reference[] slots = {Reference.create(), Reference.create(), Reference.create()};
            side.begin(scene);
            Params params = new Params().send(filled(4, 0)).receive(room(7)).receiveReferences(slots[0], slots[1]);
            check(FLUKE_IPC_RECV_MORE_REFS, side.ackSendOverReceive(params));
            checkCame(3, params);
            assertEquals(2, params.referencesReceived());
            assertEquals(0, params.referenceRoom());
            assertTrue(slots[0].isFd());
            assertFalse(slots[1].isFd());
            ok(side.receive(params.receiveReferences(slots[2])));
            assertEquals(1, params.referencesReceived());
            assertTrue(slots[2].isFd());
            checkCame(3, params);
            side.disconnect();
            for (Reference slot : slots) {
                slot.close();
            }
        }, (scene, side) -> {
            try (Fd file = Fd.memfd("test", 8); Reference fd = Reference.of(file); Reference empty = Reference.create()) {
                ok(side.goOver(scene, new Params().receive(room(5))));
                Params params = new Params().send(filled(3, 0)).receive(room(5)).sendReferences(fd, empty, fd);
                check(FLUKE_IPC_OVER_DISCONNECTED, side.ackSendOverReceive(params));
                assertEquals(3, params.referencesUnsent());
            }
        });
    }

    @ParameterizedTest
    @EnumSource
    void receiveDisconnected(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            side.begin(scene);
            MemorySegment in = room(7);
            Params params = new Params().send(filled(4, 0)).receive(in);
            check(FLUKE_IPC_RECV_DISCONNECTED, side.ackSendOverReceive(params));
            checkCame(3, params);
            checkFilled(in, 3, 3);
            check(FLUKE_IPC_RECV_DISCONNECTED, side.receive(params));
        }, (scene, side) -> {
            ok(side.goOver(scene, new Params().receive(room(5))));
            MemorySegment out = filled(3, 3);
            ok(side.ackSend(new Params().send(out, 8)));
            ok(side.send(new Params().send(out.asSlice(8))));
            side.disconnect();
        });
    }

    // ---- Insanity exceptions: each leaves the connection as it was

    /** The mistake goes to the handler if there is one, and is returned. */
    private static void insane(int expected, ToIntFunction<Params> call, Params params) {
        AtomicInteger trapped = new AtomicInteger();
        long unsent = params == null ? 0 : params.unsent();
        ok(flukeThreadSetHandlers(flukeThreadSelf(), trapped::set, null, null, null));
        check(expected, call.applyAsInt(params));
        check(expected, trapped.getAndSet(0));
        ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, null, null));
        check(expected, call.applyAsInt(params));
        assertEquals(0, trapped.get());
        if (params != null) {
            assertEquals(unsent, params.unsent());
            assertEquals(0, params.received());
        }
    }

    @ParameterizedTest
    @EnumSource
    void insanity(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            MemorySegment out = filled(5, 0);
            MemorySegment in = room(5);
            Params params = new Params();
            side.begin(scene);

            insane(FLUKE_INSANITY_BUFFER_TOO_SMALL, side::ackSendOverReceive, params.send(out, 4).receive(in));
            insane(FLUKE_INSANITY_BUFFER_TOO_SMALL, side::ackSend, params);
            insane(FLUKE_INSANITY_BUFFER_TOO_SMALL, side::ackSendOverReceive, params.send(MemorySegment.NULL));
            for (int off = 1; off < 4; off++) {
                insane(FLUKE_INSANITY_BUFFER_UNALIGNED, side::ackSendOverReceive, params.send(out.asSlice(off, 12)).receive(in));
                insane(FLUKE_INSANITY_BUFFER_UNALIGNED, side::ackSendOverReceive, params.send(out, 12).receive(in.asSlice(off, 12)));
            }
            insane(FLUKE_INSANITY_BUFFER_UNALIGNED, side::ackSendOverReceive,
                    params.receive(in.asSlice(0, 8), MemorySegment.NULL, in.asSlice(9, 4)));
            insane(FLUKE_INSANITY_BUFFER_UNALIGNED, side::ackSendOverReceive,
                    params.send(out.asSlice(0, 8), MemorySegment.NULL, out.asSlice(9, 4)).receive(in));

            Reference good = Reference.create();
            Reference destroyed = Reference.create();
            destroyed.close();
            Reference moved = new Reference();
            moved.memory.copyFrom(good.memory);
            params.send(out, 12).receive(in);
            FlukeObject[][] wrong = {{null}, {new Reference()}, {destroyed}, {scene.port}, {scene.set}, {moved}};
            int[] codes = {FLUKE_INSANITY_NO_OBJECT, FLUKE_INSANITY_NO_OBJECT, FLUKE_INSANITY_NO_OBJECT, FLUKE_INSANITY_NOT_REF,
                FLUKE_INSANITY_NOT_REF, FLUKE_INSANITY_INVALID_OBJECT};
            for (int i = 0; i < wrong.length; i++) {
                insane(codes[i], side::ackSendOverReceive, params.receiveReferences(good, wrong[i][0]).sendReferences());
                insane(codes[i], side::ackSendOverReceive, params.receiveReferences().sendReferences(good, wrong[i][0]));
            }
            params.sendReferences();
            insane(FLUKE_INSANITY_BAD_BUFFER, side::ackSendOverReceive, null);

            // The receiver may not send; then, as the sender, it may not receive or ack.
            params.send(out, 8).receive(in);
            insane(FLUKE_INSANITY_NOT_SENDER, side::send, params);
            insane(FLUKE_INSANITY_NOT_SENDER, side::overReceive, params);
            insane(FLUKE_INSANITY_NOT_SENDER, side::sendOverReceive, params);
            if (side == Side.SERVER) {
                insane(FLUKE_INSANITY_NOT_SENDER, it -> flukeIpcServerSendWaitReceive(it, null), params);
            }
            ok(side.ackSend(params));
            insane(FLUKE_INSANITY_NOT_RECEIVER, side::ackSendOverReceive, params);
            insane(FLUKE_INSANITY_NOT_RECEIVER, side::ackSend, params);
            insane(FLUKE_INSANITY_NOT_RECEIVER, side::receive, params);
            if (side == Side.SERVER) {
                insane(FLUKE_INSANITY_NOT_RECEIVER, it -> flukeIpcServerAckSendWaitReceive(it, null), params);
            }
            insane(FLUKE_INSANITY_BUFFER_UNALIGNED, side::send, params.send(out.asSlice(2, 8)));
            insane(FLUKE_INSANITY_BAD_BUFFER, side::send, null);
            ok(side.send(params.send(out, 4)));
            side.disconnect();
        }, (scene, side) -> {
            Params params = new Params().receive(room(8));
            check(FLUKE_IPC_RECV_DISCONNECTED, side.goOver(scene, params));
            checkCame(3, params);
        });
    }

    /** Memory that is not there: the library copes with it, and the JVM too. */
    @ParameterizedTest
    @EnumSource
    void badMemory(Side tested) throws Throwable {
        MemorySegment nowhere = MemorySegment.ofAddress(1 << 20).reinterpret(4096);
        for (boolean sends : new boolean[] {true, false}) {
            tested.run((scene, side) -> {
                side.begin(scene);
                Params params = sends ? new Params().send(nowhere).receive(room(3)) : new Params().send(filled(3, 0)).receive(nowhere);
                check(FLUKE_INSANITY_BAD_BUFFER, side.ackSendOverReceive(params));
                side.disconnect();
            }, (scene, side) -> {
                Params params = new Params().receive(room(1 << 12));
                if (side.goOver(scene, params) == FLUKE_SUCCESS) {
                    side.ackSend(params.send(filled(3, 0)));
                }
                side.disconnect();
            });
        }
    }

    /** Also what a wait and a connect are given is looked at first. */
    @Test
    void insanityOfConnectsAndWaits() throws Throwable {
        Scene.run(scene -> {
            Params params = new Params();
            Alias alias = new Alias();
            insane(FLUKE_INSANITY_INVALID_OBJECT, it -> flukeIpcWaitReceive(it, alias), params.receive(room(2))); // no set so far
            insane(FLUKE_INSANITY_BUFFER_UNALIGNED, it -> flukeIpcSetupWaitReceive(scene.set, it, alias),
                    params.receive(room(3).asSlice(1, 8)));
            insane(FLUKE_INSANITY_NO_OBJECT, it -> flukeIpcSetupWaitReceive(null, it, alias), params.receive(room(2)));
            insane(FLUKE_INSANITY_NO_OBJECT, it -> flukeIpcSetupWaitReceive(new PortSet(), it, alias), params);
            insane(FLUKE_INSANITY_NOT_REF, it -> flukeIpcSetupWaitReceive(scene.set, it, alias), params.receiveReferences(scene.port));
            insane(FLUKE_INSANITY_BAD_BUFFER, it -> flukeIpcSetupWaitReceive(scene.set, it, alias), null);
            params.receiveReferences();
            insane(FLUKE_INSANITY_BUFFER_UNALIGNED, it -> flukeIpcReply(it), params.send(room(3).asSlice(1, 8)));
            insane(FLUKE_INSANITY_BAD_BUFFER, it -> flukeIpcReplyWaitReceive(it, alias), null);
            scene.reach(1);
        }, scene -> {
            Params params = new Params().receive(room(2));
            for (ToIntFunction<Params> call : List.<ToIntFunction<Params>>of(
                    it -> flukeIpcClientConnectSend(scene.dest, it), it -> flukeIpcClientConnectSendOverReceive(scene.dest, it))) {
                insane(FLUKE_INSANITY_BUFFER_TOO_SMALL, call, params.send(room(1)));
                insane(FLUKE_INSANITY_BUFFER_UNALIGNED, call, params.send(room(3).asSlice(2, 8)));
                insane(FLUKE_INSANITY_NO_OBJECT, call, params.send(room(2)).sendReferences(new Reference()));
                insane(FLUKE_INSANITY_NOT_REF, call, params.sendReferences(scene.set));
                insane(FLUKE_INSANITY_BAD_BUFFER, call, null);
                params.sendReferences();
            }
            insane(FLUKE_INSANITY_NO_OBJECT, it -> flukeIpcClientConnectSend(null, it), params);
            insane(FLUKE_INSANITY_NO_OBJECT, it -> flukeIpcClientConnectSend(new Reference(), it), params);
            insane(FLUKE_INSANITY_BUFFER_UNALIGNED, it -> flukeIpcCall(scene.dest, it), params.receive(room(3).asSlice(2, 8)));
            insane(FLUKE_INSANITY_NO_OBJECT, it -> flukeIpcSend(null, it), params.receive(MemorySegment.NULL));
            try (Reference empty = Reference.create()) {
                check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcClientConnectSend(empty, params));
                check(FLUKE_INVALID_DEST, flukeIpcCall(empty, params));
                check(FLUKE_INVALID_DEST, flukeIpcSend(empty, params));
            }
            scene.await(1);
            scene.port.close();
            check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcClientConnectSend(scene.dest, params));
            check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcCall(scene.dest, params));
            check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcSend(scene.dest, params));
        });
    }
}
