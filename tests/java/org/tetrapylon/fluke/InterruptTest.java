package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Thread.interrupt, Fluke's interrupts and alerts, handlers in Java, and calls that go on exactly where they stopped. */
@Timeout(60)
class InterruptTest {

    /** Interrupts this thread, in the way of Java or of Fluke, when the step is reached and it sleeps in a call. */
    private static Thread interruptor(boolean byJava, Scene scene, int step) {
        Thread target = Thread.currentThread();
        FlukeThread self = flukeThreadSelf();
        return Thread.ofPlatform().daemon().start(() -> {
            scene.reached(step);
            awaitBlocked(target);
            if (byJava) {
                target.interrupt();
            } else {
                ok(flukeThreadInterrupt(self));
            }
        });
    }

    /** The call is interrupted: its status says so, and after Thread.interrupt the thread's own. */
    private static void interrupted(boolean byJava, Scene scene, int step, IntSupplier call) throws InterruptedException {
        Thread interruptor = interruptor(byJava, scene, step);
        check(FLUKE_IPC_INTERRUPTED, call.getAsInt());
        assertEquals(byJava, Thread.interrupted(), "the interrupt status stays set");
        interruptor.join();
    }

    // ---- Calls go on where they stopped

    @ParameterizedTest
    @EnumSource
    void inTheSend(Side tested) throws Throwable {
        for (boolean byJava : new boolean[] {true, false}) {
            tested.run((scene, side) -> {
                side.begin(scene);
                MemorySegment out = filled(100, 7);
                MemorySegment in = room(9);
                Params params = new Params().send(out.asSlice(0, 40), out.asSlice(40, 80), out.asSlice(120)).receive(in);
                interrupted(byJava, scene, 1, () -> side.ackSendOverReceive(params));
                assertEquals(4 * 75, params.unsent());
                checkCame(0, params);
                scene.reach(3);
                ok(side.ackSendOverReceive(params)); // the ack and 25 words are done
                checkCame(2, params);
                side.disconnect();
            }, (scene, side) -> {
                MemorySegment in = room(101);
                Params params = new Params().receive(in.asSlice(0, 100));
                check(FLUKE_IPC_RECV_MORE_DATA, side.goOver(scene, params));
                scene.reach(1);
                scene.await(3);
                ok(side.receive(params.receive(in.asSlice(100))));
                checkCame(75, params);
                checkFilled(in, 100, 7);
                check(FLUKE_IPC_OVER_DISCONNECTED, side.ackSendOverReceive(params.send(filled(2, 0)).receive(room(2))));
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void inTheReceive(Side tested) throws Throwable {
        for (boolean byJava : new boolean[] {true, false}) {
            tested.run((scene, side) -> {
                side.begin(scene);
                MemorySegment in = room(9);
                Params params = new Params().send(filled(2, 0)).receive(in);
                interrupted(byJava, scene, 1, () -> side.ackSendOverReceive(params));
                assertEquals(0, params.unsent());
                assertTrue(params.received() == 0 || params.received() == 12);
                scene.reach(3);
                ok(side.ackSendOverReceive(params));
                checkCame(5, params);
                checkFilled(in, 5, 8);
                assertEquals(0, params.unsent(), "as it was given to this call");
                side.disconnect();
            }, (scene, side) -> {
                ok(side.goOver(scene, new Params().receive(room(9))));
                scene.reach(1);
                MemorySegment out = filled(5, 8);
                ok(side.ackSend(new Params().send(out, 12)));
                scene.await(3);
                check(FLUKE_IPC_OVER_DISCONNECTED, side.sendOverReceive(new Params().send(out.asSlice(12)).receive(room(2))));
            });
        }
    }

    /** Each function that blocks, called by itself. */
    @ParameterizedTest
    @EnumSource
    void everyStep(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            side.begin(scene);
            Params params = new Params().send(filled(8, 0)).receive(room(9));
            interrupted(true, scene, 0, () -> side.ackSend(params));
            scene.reach(1);
            ok(side.ackSend(params));
            interrupted(true, scene, 0, () -> side.overReceive(params));
            scene.reach(2);
            ok(side.overReceive(params));
            params.receive(room(4));
            ok(side.ackSend(params.send(filled(2, 0))));
            params.send(filled(10, 0));
            interrupted(true, scene, 0, () -> side.sendOverReceive(params));
            scene.reach(3);
            check(FLUKE_IPC_RECV_MORE_DATA, side.sendOverReceive(params));
            params.receive(room(20));
            interrupted(true, scene, 0, () -> side.receive(params));
            scene.reach(4);
            check(FLUKE_IPC_RECV_DISCONNECTED, side.receive(params));
            checkCame(6, params);
        }, (scene, side) -> {
            Params params = new Params().receive(room(4));
            check(FLUKE_IPC_RECV_MORE_DATA, side.goOver(scene, params));
            scene.await(1);
            ok(side.receive(params.receive(room(8))));
            scene.await(2);
            check(FLUKE_IPC_RECV_MORE_DATA, side.ackSendOverReceive(params.send(filled(2, 0)).receive(room(2))));
            scene.await(3);
            ok(side.receive(params.receive(room(10))));
            ok(side.ackSend(params.send(filled(4, 0))));
            scene.await(4);
            ok(side.send(params.send(filled(6, 0))));
            side.disconnect();
        });
    }

    @Test
    void connectsAndWaits() throws Throwable {
        Scene.run(scene -> {
            MemorySegment in = room(4);
            Params params = new Params().receive(in);
            interrupted(true, scene, 0, () -> flukeIpcSetupWaitReceive(scene.set, params, null));
            interrupted(false, scene, 0, () -> flukeIpcWaitReceive(params, null));
            interrupted(true, scene, 0, () -> flukeIpcReplyWaitReceive(params, null));
            scene.reach(1);
            scene.await(2);
            ok(flukeIpcSetupWaitReceive(scene.set, params, null));
            checkCame(3, params);
            checkFilled(in, 3, 21);
            ok(flukeIpcServerAckSendWaitReceive(params.send(in, 8).receive(in), null)); // the call
            ok(flukeIpcReply(params));
        }, scene -> {
            Params params = new Params().send(filled(3, 21)).receive(room(4));
            scene.await(1);
            for (boolean byJava : new boolean[] {true, false}) {
                interrupted(byJava, scene, 0, () -> flukeIpcClientConnectSend(scene.dest, params));
                interrupted(byJava, scene, 0, () -> flukeIpcClientConnectSendOverReceive(scene.dest, params));
                interrupted(byJava, scene, 0, () -> flukeIpcCall(scene.dest, params));
                interrupted(byJava, scene, 0, () -> flukeIpcSend(scene.dest, params));
            }
            assertEquals(12, params.unsent());
            scene.reach(2);
            check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcClientConnectSendOverReceive(scene.dest, params));
            checkCame(2, params);
            ok(flukeIpcCall(scene.dest, params.receive(room(4))));
        });
    }

    /** What is there already is not interrupted; what would begin while the thread is interrupted does nothing. */
    @Test
    void aThreadThatIsInterruptedAlready() throws Throwable {
        Scene.run(scene -> {
            Params params = new Params().receive(room(4));
            Thread.currentThread().interrupt();
            check(FLUKE_IPC_INTERRUPTED, flukeIpcSetupWaitReceive(scene.set, params, null));
            check(FLUKE_IPC_INTERRUPTED, flukeIpcServerReceive(params));
            assertTrue(Thread.interrupted());
            ok(flukeIpcSetupWaitReceive(scene.set, params, null));
            check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcServerAckSendOverReceive(params.send(room(2)).receive(room(3))));
        }, scene -> {
            Params params = new Params().send(filled(2, 0)).receive(room(2));
            Thread.currentThread().interrupt();
            check(FLUKE_IPC_INTERRUPTED, flukeIpcClientConnectSendOverReceive(scene.dest, params));
            assertTrue(Thread.interrupted());
            ok(flukeIpcClientConnectSendOverReceive(scene.dest, params));
            Thread.currentThread().interrupt();
            check(FLUKE_IPC_INTERRUPTED, flukeIpcClientAckSend(params.send(filled(2, 0))));
            assertTrue(Thread.interrupted());
            ok(flukeIpcClientAckSend(params));
            flukeIpcClientDisconnect();
        });
    }

    // ---- Handlers

    @ParameterizedTest
    @EnumSource
    void withAHandlerTheCallGoesOn(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            AtomicInteger code = new AtomicInteger();
            side.begin(scene);
            ok(flukeThreadSetHandlers(flukeThreadSelf(), null, it -> {
                code.set(it);
                scene.reach(2);
            }, null, null));
            Params params = new Params().send(filled(5, 0)).receive(room(9));
            Thread interruptor = interruptor(false, scene, 1);
            ok(side.ackSendOverReceive(params));
            interruptor.join();
            check(FLUKE_IPC_INTERRUPTED, code.get());
            checkCame(2, params);
            assertEquals(20, params.unsent());
            assertFalse(Thread.interrupted());
            side.disconnect();
        }, (scene, side) -> {
            Params params = new Params().receive(room(3));
            check(FLUKE_IPC_RECV_MORE_DATA, side.goOver(scene, params));
            scene.reach(1);
            scene.await(2);
            ok(side.receive(params.receive(room(6))));
            checkCame(2, params);
            check(FLUKE_IPC_OVER_DISCONNECTED, side.ackSendOverReceive(params.send(filled(2, 0)).receive(room(2))));
        });
    }

    /** The peer's alert handler runs, for the side it holds; without one its call is interrupted. */
    @ParameterizedTest
    @EnumSource
    void alerts(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            AtomicInteger asClient = new AtomicInteger();
            AtomicInteger asServer = new AtomicInteger();
            ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, it -> {
                asClient.incrementAndGet();
                scene.reach(1);
            }, it -> {
                asServer.incrementAndGet();
                scene.reach(1);
            }));
            side.begin(scene);
            Params params = new Params().send(filled(2, 0)).receive(room(9));
            ok(side.ackSendOverReceive(params));
            assertEquals(side == Side.CLIENT ? 1 : 0, asClient.get());
            assertEquals(side == Side.SERVER ? 1 : 0, asServer.get());
            ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, null, null));
            params.receive(room(9));
            check(FLUKE_IPC_INTERRUPTED, side.ackSendOverReceive(params));
            assertEquals(0, params.unsent());
            assertFalse(Thread.interrupted());
            scene.reach(2);
            ok(side.ackSendOverReceive(params));
            assertEquals(1, asClient.get() + asServer.get());
            side.disconnect();
        }, (scene, side) -> {
            Params params = new Params().receive(room(9));
            ok(side.goOver(scene, params));
            awaitBlocked(side.other(scene));
            ok(side.alert());
            scene.await(1);
            ok(side.ackSendOverReceive(params.send(filled(2, 0)).receive(room(9))));
            awaitBlocked(side.other(scene));
            ok(side.alert());
            scene.await(2);
            check(FLUKE_IPC_OVER_DISCONNECTED, side.ackSendOverReceive(params.receive(room(9))));
        });
    }

    /** A handler may call what it likes, but not with the params of the call. */
    @ParameterizedTest
    @EnumSource
    void aHandlerThatDisconnects(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            AtomicReference<RuntimeException> refused = new AtomicReference<>();
            side.begin(scene);
            Params params = new Params().send(filled(100, 0)).receive(room(9));
            ok(flukeThreadSetHandlers(flukeThreadSelf(), null, it -> {
                refused.set(assertThrows(IllegalStateException.class, () -> params.send(MemorySegment.NULL)));
                assertThrows(IllegalStateException.class, () -> side.receive(params));
                side.disconnect();
            }, null, null));
            Thread interruptor = interruptor(false, scene, 1);
            check(FLUKE_IPC_SEND_DISCONNECTED, side.ackSendOverReceive(params));
            interruptor.join();
            assertNotNull(refused.get());
            params.send(MemorySegment.NULL);
            scene.reach(2);
        }, (scene, side) -> {
            Params params = new Params().receive(room(3));
            check(FLUKE_IPC_RECV_MORE_DATA, side.goOver(scene, params));
            scene.reach(1);
            scene.await(2);
            check(FLUKE_IPC_RECV_DISCONNECTED, side.receive(params.receive(room(100))));
        });
    }

    /** An exception cannot pass through the library: it ends the call, and comes out of it in Java. */
    @ParameterizedTest
    @EnumSource
    void aHandlerThatThrows(Side tested) throws Throwable {
        Throwable[] kinds = {new IllegalArgumentException("by the handler"), new AssertionError("by the handler")};
        for (Throwable thrown : kinds) {
            tested.run((scene, side) -> {
                side.begin(scene);
                Handler throwing = it -> InterruptTest.<RuntimeException>sneak(thrown);
                ok(flukeThreadSetHandlers(flukeThreadSelf(), throwing, throwing, throwing, throwing));
                Params params = new Params().send(filled(100, 4)).receive(room(9));
                Thread interruptor = interruptor(false, scene, 1);
                assertSame(thrown, assertThrows(Throwable.class, () -> side.ackSendOverReceive(params)));
                interruptor.join();
                assertEquals(4 * 97, params.unsent(), "the call was interrupted and can be called again");
                assertSame(thrown, assertThrows(Throwable.class, () -> side.send(null)), "a mistake");
                assertSame(thrown, assertThrows(Throwable.class, () -> flukeRefCreate(null)), "a mistake of another kind");
                ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, null, null));
                scene.reach(2);
                // The mistakes in between have made the library forget the interrupted call: the rest goes as a call of its own.
                check(FLUKE_IPC_RECV_DISCONNECTED, side.sendOverReceive(params));
            }, (scene, side) -> {
                Params params = new Params().receive(room(3));
                check(FLUKE_IPC_RECV_MORE_DATA, side.goOver(scene, params));
                scene.reach(1);
                scene.await(2);
                ok(side.receive(params.receive(room(100))));
                checkCame(97, params);
                ok(side.ackSend(params.send(filled(2, 0))));
                side.disconnect();
            });
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable it) throws T {
        throw (T) it;
    }

    // ---- Odd targets

    @Test
    void threadsThatAreNone() throws Exception {
        check(FLUKE_INSANITY_NO_OBJECT, flukeThreadInterrupt(null));
        check(FLUKE_INSANITY_NO_OBJECT, flukeThreadSetHandlers(null, null, null, null, null));
        AtomicReference<FlukeThread> gone = new AtomicReference<>();
        Thread.ofPlatform().start(() -> gone.set(flukeThreadSelf())).join();
        check(FLUKE_INSANITY_NO_OBJECT, flukeThreadInterrupt(gone.get()));
        check(FLUKE_INSANITY_NO_OBJECT, flukeThreadSetHandlers(gone.get(), null, null, null, null));
        assertSame(flukeThreadSelf(), flukeThreadSelf());
    }

    /** A connection belongs to a platform thread; objects belong to nobody. */
    @Test
    void virtualThreadsAreRefused() throws Exception {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread.ofVirtual().start(() -> {
            try {
                Params params = new Params();
                assertThrows(WrongThreadException.class, FlukeIpc::flukeThreadSelf);
                assertThrows(WrongThreadException.class, () -> flukeIpcClientReceive(params));
                assertThrows(WrongThreadException.class, () -> flukeIpcServerReceive(params));
                assertThrows(WrongThreadException.class, FlukeIpc::flukeIpcClientDisconnect);
                assertThrows(WrongThreadException.class, () -> Server.named("never"));
                try (PortSet set = PortSet.create(); Port port = Port.create(1); Reference reference = port.reference()) {
                    port.moveTo(set);
                    assertThrows(WrongThreadException.class, () -> Client.to(reference));
                    check(FLUKE_INSANITY_NO_OBJECT, flukePortDestroy(null));
                }
            } catch (Throwable e) {
                failure.set(e);
            }
        }).join();
        assertEquals(null, failure.get());
    }

    /** Interrupts of both kinds and alerts at any moment lose nothing, and none is left behind. */
    @Test
    void aRainOfInterrupts() throws Throwable {
        int turns = 1_000;
        Scene.run(scene -> {
            Params params = new Params().receive(room(400));
            int status = again(() -> flukeIpcSetupWaitReceive(scene.set, params, null));
            AtomicInteger alerts = new AtomicInteger();
            ok(flukeThreadSetHandlers(flukeThreadSelf(), null, null, null, it -> alerts.incrementAndGet()));
            MemorySegment in = room(400);
            params.receive(in);
            ok(status);
            for (int i = 0; i < turns; i++) {
                params.send(filled(i % 300 + 2, i)).receive(in);
                status = again(() -> flukeIpcServerAckSendOverReceive(params));
                check(i + 1 < turns ? FLUKE_SUCCESS : FLUKE_IPC_OVER_DISCONNECTED, status);
                if (status == FLUKE_SUCCESS) {
                    checkCame(i % 200 + 2, params);
                    checkFilled(in, i % 200 + 2, -i);
                }
            }
            scene.reach(1);
        }, scene -> {
            Thread self = Thread.currentThread();
            FlukeThread fluke = flukeThreadSelf();
            Thread rain = Thread.ofPlatform().daemon().start(() -> {
                for (int i = 0; self.isAlive(); i++) {
                    if (i % 3 == 0) {
                        self.interrupt();
                    } else {
                        flukeThreadInterrupt(fluke);
                    }
                    scene.server.interrupt();
                    java.util.concurrent.locks.LockSupport.parkNanos(20_000);
                }
            });
            MemorySegment in = room(400);
            Params params = new Params().send(filled(2, 0)).receive(in);
            ok(again(() -> flukeIpcClientConnectSendOverReceive(scene.dest, params)));
            for (int i = 0; i < turns - 1; i++) {
                checkCame(i % 300 + 2, params);
                checkFilled(in, i % 300 + 2, i);
                params.send(filled(i % 200 + 2, -i)).receive(in);
                if (i % 16 == 0) {
                    flukeIpcClientAlert();
                }
                ok(again(() -> flukeIpcClientAckSendOverReceive(params)));
            }
            flukeIpcClientDisconnect();
            Thread.interrupted();
            assertTrue(rain.isAlive());
        });
    }

    private static int again(IntSupplier call) {
        int status;
        do {
            Thread.interrupted();
            status = call.getAsInt();
        } while (status == FLUKE_IPC_INTERRUPTED);
        return status;
    }
}
