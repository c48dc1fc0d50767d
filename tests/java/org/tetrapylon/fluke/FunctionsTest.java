package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.ALIAS;
import static org.tetrapylon.fluke.Scene.check;
import static org.tetrapylon.fluke.Scene.checkCame;
import static org.tetrapylon.fluke.Scene.checkFilled;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;
import static org.tetrapylon.support.Observe.awaitBlocked;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The functions of {@link FlukeIpc} at work: connections, idempotent and one-way messages, ports, port sets and names. */
@Timeout(60)
class FunctionsTest {

    @Test
    void statusesHaveTheirNames() throws Exception {
        int count = 0;
        for (Field field : FlukeIpc.class.getFields()) {
            if (!field.getName().equals("FLUKE_MIN_MSG_SIZE")) {
                assertEquals(field.getName(), FlukeException.nameOf(field.getInt(null)));
                count++;
            }
        }
        assertEquals(21, count);
        assertEquals(2, FLUKE_MIN_MSG_SIZE);
    }

    // ---- Connections

    /** A call and its answer at the least cost, again and again. */
    @Test
    void roundTrips() throws Throwable {
        Scene.run(scene -> {
            Alias alias = new Alias();
            MemorySegment in = room(8);
            Params params = new Params().receive(in);
            int status = flukeIpcSetupWaitReceive(scene.set, params, alias);
            for (int i = 0; i < 100; i++) {
                ok(status);
                checkCame(3, params);
                checkFilled(in, 3, i);
                assertEquals(ALIAS, alias.value());
                params.send(filled(4, i + 1)).receive(in);
                status = i < 99 ? flukeIpcServerAckSendWaitReceive(params, alias) : flukeIpcServerAckSend(params);
            }
            flukeIpcServerDisconnect();
        }, scene -> {
            MemorySegment in = room(8);
            Params params = new Params();
            for (int i = 0; i < 100; i++) {
                check(FLUKE_IPC_RECV_DISCONNECTED,
                        flukeIpcClientConnectSendOverReceive(scene.dest, params.send(filled(3, i)).receive(in)));
                checkCame(4, params);
                checkFilled(in, 4, i + 1);
            }
        });
    }

    @ParameterizedTest
    @EnumSource
    void everyStepByItself(Side tested) throws Throwable {
        tested.run((scene, side) -> {
            side.begin(scene);
            MemorySegment in = room(20);
            for (int i = 0; i < 20; i++) {
                Params params = new Params();
                ok(side.ackSend(params.send(filled(2, i))));
                ok(side.send(params.send(filled(1, i))));
                ok(side.send(params.send(MemorySegment.NULL)));
                ok(side.overReceive(params.receive(in)));
                checkCame(6, params);
                checkFilled(in, 6, -i);
                ok(side.ackSend(params.send(filled(2, i))));
                ok(side.sendOverReceive(params.send(filled(3, i)).receive(in)));
                checkCame(2, params);
            }
            side.disconnect();
        }, (scene, side) -> {
            MemorySegment in = room(20);
            Params params = new Params().receive(in);
            int status = side.goOver(scene, params);
            for (int i = 0; i < 20; i++) {
                ok(status);
                checkCame(3, params);
                ok(side.ackSendOverReceive(params.send(filled(6, -i)).receive(in)));
                checkCame(5, params);
                status = side.ackSendOverReceive(params.send(filled(2, i)).receive(in));
            }
            check(FLUKE_IPC_OVER_DISCONNECTED, status);
        });
    }

    /** A stream of any length goes through fixed buffers of any size; the ack drops what is left of it. */
    @ParameterizedTest
    @EnumSource
    void streams(Side tested) throws Throwable {
        int words = 700_001;
        tested.run((scene, side) -> {
            side.begin(scene);
            MemorySegment in = room(words);
            Params params = new Params().send(filled(2, 0)).receive(in.asSlice(0, 4096));
            int status = side.ackSendOverReceive(params);
            long came = params.received();
            for (int i = 1; status == FLUKE_IPC_RECV_MORE_DATA; i++) {
                long next = Math.min(i * 40_000L, in.byteSize() - came);
                status = side.receive(params.receive(in.asSlice(came, next / 8 * 4), in.asSlice(came + next / 8 * 4, next - next / 8 * 4)));
                came += params.received();
                if (came == in.byteSize() && status == FLUKE_IPC_RECV_MORE_DATA) {
                    status = side.receive(params.receive(room(4)));
                }
            }
            ok(status);
            assertEquals(4L * words, came);
            checkFilled(in, words, 5);
            check(FLUKE_IPC_RECV_MORE_DATA, side.ackSendOverReceive(params.receive(room(100))));
            ok(side.ackSend(params));
            side.disconnect();
        }, (scene, side) -> {
            MemorySegment out = filled(words, 5);
            Params params = new Params().receive(room(4));
            ok(side.goOver(scene, params));
            ok(side.ackSendOverReceive(params.send(out.asSlice(0, 8), out.asSlice(8, 800_000), out.asSlice(800_008)).receive(room(4))));
            check(FLUKE_IPC_RECV_DISCONNECTED, side.ackSendOverReceive(params.receive(room(4))));
            checkCame(2, params);
        });
    }

    @Test
    void serverSendWaits() throws Throwable {
        Scene.run(scene -> {
            Params params = new Params().receive(room(4));
            ok(flukeIpcSetupWaitReceive(scene.set, params, null));
            ok(flukeIpcServerAckSend(params.send(filled(2, 1))));
            Alias alias = new Alias();
            ok(flukeIpcServerSendWaitReceive(params.send(filled(3, 2)).receive(room(4)), alias));
            assertEquals(ALIAS, alias.value());
            checkCame(2, params);
            check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcWaitReceive(params.receive(room(4)), null));
            checkCame(3, params);
        }, scene -> {
            MemorySegment in = room(6);
            Params params = new Params().send(filled(2, 0)).receive(in);
            check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcClientConnectSendOverReceive(scene.dest, params));
            checkCame(5, params);
            checkFilled(in, 2, 1);
            checkFilled(in.asSlice(8), 3, 2);
            // The wait that follows breaks this one; a new connect breaks the old one.
            check(FLUKE_IPC_OVER_DISCONNECTED, flukeIpcClientConnectSendOverReceive(scene.dest, params.receive(room(4))));
            ok(flukeIpcClientConnectSend(scene.dest, params.send(filled(3, 0))));
            flukeIpcClientDisconnect();
        });
    }

    // ---- Idempotent and one-way messages

    @Test
    void calls() throws Throwable {
        Scene.run(scene -> {
            MemorySegment in = room(8);
            Params params = new Params().receive(in);
            Alias alias = new Alias();
            ok(flukeIpcSetupWaitReceive(scene.set, params, alias));
            for (int i = 0; i < 50; i++) {
                checkCame(Math.min(8, i + 1), params); // truncates silently
                checkFilled(in, Math.min(8, i + 1), i);
                assertEquals(16, fluke());
                ok(flukeIpcReplyWaitReceive(params.send(filled(6, -i)).receive(in), alias));
                assertEquals(ALIAS, alias.value());
            }
            ok(flukeIpcReply(params));
            assertEquals(0, fluke());
            ok(flukeIpcReply(params)); // nobody's
            ok(flukeIpcWaitReceive(params.receive(in), null)); // one-way: nothing to reply to
            checkCame(2, params);
            assertEquals(0, fluke());
            ok(flukeIpcReplyWaitReceive(params.receive(in), null));
            flukeIpcServerDisconnect(); // the call that was not replied to ends
            scene.await(1);
        }, scene -> {
            MemorySegment in = room(4);
            Params params = new Params();
            for (int i = 0; i <= 50; i++) {
                ok(flukeIpcCall(scene.dest, params.send(filled(i + 1, i)).receive(in)));
                checkCame(4, params);
                checkFilled(in, 4, Math.min(-i, 0) + (i == 50 ? 1 : 0));
            }
            ok(flukeIpcSend(scene.dest, params.send(filled(2, 1))));
            check(FLUKE_IPC_CONNECT_INVALID_DEST, flukeIpcCall(scene.dest, params.receive(in)));
            scene.reach(1);
        });
    }

    private static int fluke() {
        return org.tetrapylon.generated.fluke.fluke_ipc_h.tpy_fluke_holds();
    }

    /** A thread holds a connection as a client and one as a server, and calls others meanwhile. */
    @Test
    void bothSidesAtOnce() throws Throwable {
        try (PortSet set = PortSet.create(); Port port = Port.create(9); Reference back = port.reference()) {
            port.moveTo(set);
            Scene.run(scene -> {
                Params params = new Params().receive(room(4));
                ok(flukeIpcSetupWaitReceive(scene.set, params, null));
                assertEquals(8, fluke());
                Params other = new Params().send(filled(2, 3)).receive(room(4));
                ok(flukeIpcClientConnectSendOverReceive(back, other));
                assertEquals(8 + 2, fluke());
                ok(flukeIpcServerAckSend(params.send(filled(2, 1))));
                ok(flukeIpcClientAckSend(other));
                assertEquals(4 + 1, fluke());
                flukeIpcClientDisconnect();
                assertEquals(4, fluke());
                flukeIpcServerDisconnect();
                assertEquals(0, fluke());
            }, scene -> {
                ok(flukeIpcClientConnectSend(scene.dest, new Params().send(filled(2, 0))));
                Thread over = Thread.ofPlatform().start(() -> {
                    Params params = new Params().receive(room(4));
                    ok(flukeIpcSetupWaitReceive(set, params, null));
                    check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcServerAckSendOverReceive(params.send(filled(2, 0)).receive(room(4))));
                });
                Params params = new Params().receive(room(4));
                check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcClientOverReceive(params));
                over.join();
            });
        }
    }

    // ---- Ports, port sets and names

    /** Clients that wait move along with their port. */
    @Test
    void aPortMoves() throws Throwable {
        Scene.run(scene -> {
            try (PortSet other = PortSet.create()) {
                ok(flukePortSetPset(scene.port, null));
                scene.reach(1);
                awaitBlocked(scene.client);
                Thread there = Thread.ofPlatform().daemon().name("tpy-there").start(() -> {
                    Params params = new Params().receive(room(4));
                    ok(flukeIpcSetupWaitReceive(other, params, null));
                    check(FLUKE_INSANITY_INVALID_OBJECT, flukeIpcServerAckSendWaitReceive(params.send(filled(2, 7)), null));
                });
                awaitBlocked(there);
                ok(flukePortSetPset(scene.port, other));
                scene.await(2);
                awaitBlocked(scene.client);
                awaitBlocked(there);
                ok(flukePortSetPset(scene.port, scene.set));
                Params params = new Params().receive(room(4));
                ok(flukeIpcSetupWaitReceive(scene.set, params, null));
                ok(flukeIpcServerAckSend(params.send(filled(2, 8))));
                flukeIpcServerDisconnect();
                ok(flukePsetDestroy(other)); // the thread that waits there hears of it
                there.join();
                check(FLUKE_INSANITY_NO_OBJECT, flukePsetDestroy(other));
                check(FLUKE_INSANITY_NO_OBJECT, flukePortSetPset(scene.port, other));
            }
        }, scene -> {
            MemorySegment in = room(4);
            scene.await(1);
            for (int i = 7; i < 9; i++) {
                Params params = new Params().send(filled(2, 0)).receive(in);
                if (i == 8) {
                    ok(flukePortSetPset(scene.port, null));
                    scene.reach(2);
                }
                check(FLUKE_IPC_RECV_DISCONNECTED, flukeIpcClientConnectSendOverReceive(scene.dest, params));
                checkFilled(in, 2, i);
            }
        });
    }

    /** Many clients lose nothing while their port moves to and fro between two sets, each of which has servers. */
    @Test
    void aPortMovesUnderACrowd() throws Throwable {
        List<Thread> servers = new ArrayList<>();
        PortSet[] sets = {PortSet.create(), PortSet.create()};
        Port port = Port.create(0);
        Reference reference = port.reference();
        for (int i = 0; i < 4; i++) {
            PortSet set = sets[i % 2];
            servers.add(Thread.ofPlatform().daemon().start(() -> {
                MemorySegment in = room(4);
                Params params = new Params().receive(in);
                int status = flukeIpcSetupWaitReceive(set, params, null);
                while (status == FLUKE_SUCCESS) {
                    in.set(java.lang.foreign.ValueLayout.JAVA_INT, 0, Scene.word(in, 0) + 1);
                    status = flukeIpcServerAckSendWaitReceive(params.send(in, 8).receive(in), null);
                }
                check(FLUKE_INSANITY_INVALID_OBJECT, status);
            }));
        }
        List<Thread> clients = new ArrayList<>();
        int[] answered = new int[4];
        for (int i = 0; i < answered.length; i++) {
            int index = i;
            clients.add(Thread.ofPlatform().daemon().start(() -> {
                MemorySegment in = room(2);
                for (int call = 0; call < 300; call++) {
                    check(FLUKE_IPC_RECV_DISCONNECTED,
                            flukeIpcClientConnectSendOverReceive(reference, new Params().send(filled(2, call)).receive(in)));
                    assertEquals(call + 1, Scene.word(in, 0));
                    answered[index]++;
                }
            }));
        }
        for (int i = 0; clients.stream().anyMatch(Thread::isAlive); i++) {
            port.moveTo(i % 3 == 2 ? null : sets[i % 2]);
            Thread.yield();
        }
        for (int count : answered) {
            assertEquals(300, count);
        }
        for (PortSet set : sets) {
            set.close();
        }
        for (Thread server : servers) {
            assertTrue(server.join(Scene.LIMIT), "a server goes on waiting");
        }
        port.close();
        reference.close();
    }

    @Test
    void names() throws Throwable {
        Scene.run(scene -> { }, scene -> {
            try (Port other = Port.create(1); Reference found = Reference.create(); Reference own = other.reference()) {
                String name = scene.name + " another";
                check(FLUKE_NAME_IN_USE, flukeNameBind(scene.name, other));
                ok(flukeNameBind(name, other));
                ok(flukeNameBind(name + " too", other));
                ok(flukeNameLookup(name, found));
                assertTrue(flukeRefEqual(found, own));
                assertFalse(flukeRefEqual(found, scene.dest));
                for (String bad : new String[] {"", "a/b", "x".repeat(101), "a\0b", null}) {
                    check(FLUKE_NAME_INVALID, flukeNameBind(bad, other));
                    check(FLUKE_NAME_INVALID, flukeNameLookup(bad, found));
                }
                ok(flukePortDestroy(other));
                check(FLUKE_INVALID_DEST, flukeNameLookup(name, found));
                assertTrue(flukeRefEqual(found, own), "a failed lookup changes nothing");
                ok(flukeNameBind(name, scene.port)); // free at once
                check(FLUKE_INSANITY_NO_OBJECT, flukePortDestroy(other));
                check(FLUKE_INSANITY_NO_OBJECT, flukePortReference(other, found));
                check(FLUKE_INSANITY_NO_OBJECT, flukePortReference(scene.port, null));
                check(FLUKE_INSANITY_NO_OBJECT, flukeNameBind("x", other));
                check(FLUKE_INSANITY_NO_OBJECT, flukeNameLookup(name, null));
                ok(flukePortCreate(other, 2)); // the memory can be used again
                ok(flukePortCreate(other, 3));
                check(FLUKE_INSANITY_NO_OBJECT, flukePsetCreate(null));
                check(FLUKE_INSANITY_NO_OBJECT, flukePortCreate(null, 0));
                check(FLUKE_INSANITY_NO_OBJECT, flukePsetDestroy(null));
            }
        });
    }
}
