package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.checkFilled;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.room;
import static org.tetrapylon.fluke.Scene.word;
import static org.tetrapylon.support.Observe.awaitBlocked;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.PeerProcess;

/** The idiomatic layer: conversations whose direction is a state. */
@Timeout(60)
class ConversationTest {

    private static void fails(int status, Executable call) {
        FlukeException failure = assertThrows(FlukeException.class, call);
        assertEquals(FlukeException.nameOf(status), FlukeException.nameOf(failure.status()), failure.getMessage());
        assertEquals(status < 0, failure.isInsanity());
    }

    /** The programs of docs/fluke.md. */
    @Test
    void tenLines() throws Exception {
        String name = PeerProcess.freshName();
        Thread server = Thread.ofPlatform().daemon().name("tpy-ten-lines").start(() -> {
            try (Server it = Server.named(name); Arena arena = Arena.ofConfined()) {
                it.serve(arena.allocate(4096), (conversation, request) -> request);
            } catch (InterruptedCallException end) {
                assertTrue(Thread.currentThread().isInterrupted());
            }
        });
        awaitBlocked(server);
        try (Client client = Client.open(name); Arena arena = Arena.ofConfined()) {
            MemorySegment message = arena.allocateFrom("hello!!");
            MemorySegment answer = arena.allocate(64);
            for (int i = 0; i < 10; i++) {
                assertEquals(8, client.connectSendAndReceive(message, answer));
                assertEquals("hello!!", answer.getString(0));
                assertEquals(Arrival.ENDED, client.arrival());
                assertEquals(8, client.call(message, answer));
                client.post(message);
            }
            assertEquals(Direction.NONE, client.direction());
            client.connectAndSend(message); // a client that goes away is no failure, before the answer or in the middle of it
            client.disconnect();
            assertEquals(8, client.connectSendAndReceive(arena.allocate(4096), arena.allocate(8)));
            assertEquals(Arrival.MORE_DATA, client.arrival());
            client.disconnect();
            assertEquals(8, client.connectSendAndReceive(message, answer));
        }
        server.interrupt();
        server.join();
        assertThrows(FlukeException.class, () -> Client.open(name), "closing the server has freed its name");
    }

    @Test
    void directions() throws Throwable {
        Scene.run(scene -> {
            try (Server server = Server.of(scene.set)) {
                MemorySegment in = room(10);
                assertEquals(Direction.NONE, server.direction());
                assertEquals(12, server.accept(in));
                assertEquals(Scene.ALIAS, server.alias());
                assertEquals(Direction.RECEIVER, server.direction());
                assertEquals(Arrival.WHOLE, server.arrival());
                fails(FLUKE_INSANITY_NOT_SENDER, () -> server.send(in));
                fails(FLUKE_INSANITY_NOT_SENDER, () -> server.overAndReceive(in));
                fails(FLUKE_INSANITY_NOT_SENDER, () -> server.sendAndReceive(in, in));
                fails(FLUKE_INSANITY_NOT_SENDER, () -> server.sendAndAccept(in, in));
                server.ackAndSend(filled(2, 1));
                assertEquals(Direction.SENDER, server.direction());
                fails(FLUKE_INSANITY_NOT_RECEIVER, () -> server.receive(in));
                fails(FLUKE_INSANITY_NOT_RECEIVER, () -> server.ackAndSend(in));
                fails(FLUKE_INSANITY_NOT_RECEIVER, () -> server.ackSendAndReceive(in, in));
                fails(FLUKE_INSANITY_NOT_RECEIVER, () -> server.ackSendAndAccept(in, in));
                server.send(filled(3, 2));
                assertEquals(8, server.overAndReceive(in));
                assertEquals(Direction.RECEIVER, server.direction());
                assertEquals(8, server.ackSendAndReceive(filled(4, 3), in));
                server.disconnect();
                assertEquals(Direction.NONE, server.direction());
                assertEquals(0, server.receive(in));
                assertEquals(Arrival.ENDED, server.arrival());
                fails(FLUKE_IPC_ACK_DISCONNECTED, () -> server.ackAndSend(in));
                fails(FLUKE_IPC_SEND_DISCONNECTED, () -> server.send(in));
                fails(FLUKE_IPC_OVER_DISCONNECTED, () -> server.overAndReceive(in));
                fails(FLUKE_INVALID_DEST, server::alert);
            }
        }, scene -> {
            try (Client client = Client.to(scene.dest)) {
                MemorySegment in = room(10);
                fails(FLUKE_IPC_SEND_DISCONNECTED, () -> client.send(in));
                assertEquals(20, client.connectSendAndReceive(filled(3, 0), in));
                assertEquals(Direction.RECEIVER, client.direction());
                checkFilled(in.asSlice(8), 3, 2);
                assertEquals(16, client.ackSendAndReceive(filled(2, 0), in));
                checkFilled(in, 4, 3);
                client.ackAndSend(filled(2, 0));
                assertEquals(Direction.SENDER, client.direction());
                fails(FLUKE_IPC_OVER_DISCONNECTED, () -> client.overAndReceive(in));
                assertEquals(Direction.NONE, client.direction());
            }
        });
    }

    /** What does not fit is read on; heap segments are copied. */
    @Test
    void continuing() throws Throwable {
        Scene.run(scene -> {
            try (Server server = Server.of(scene.set); Fd file = Fd.memfd("test", 4); Reference reference = Reference.of(file)) {
                byte[] in = new byte[40];
                assertEquals(40, server.accept(MemorySegment.ofArray(in)));
                assertEquals(Arrival.MORE_DATA, server.arrival());
                byte[] rest = new byte[12];
                assertEquals(8, server.receive(MemorySegment.ofArray(rest)));
                assertEquals(Arrival.WHOLE, server.arrival());
                assertEquals(47, rest[7]);
                server.sendAndAccept(afterAck(server, reference), MemorySegment.NULL);
            } catch (InterruptedCallException end) {
                scene.reach(9);
            }
        }, scene -> {
            try (Client client = Client.to(scene.dest); Reference first = Reference.create(); Reference second = Reference.create()) {
                byte[] out = new byte[48];
                for (int i = 0; i < out.length; i++) {
                    out[i] = (byte) i;
                }
                int[] in = new int[4];
                assertEquals(16, client.connectSendAndReceive(MemorySegment.ofArray(out), MemorySegment.ofArray(in)));
                assertEquals(Arrival.MORE_DATA, client.arrival());
                assertEquals(1, in[0]);
                Params params = new Params().receive(room(7)).receiveReferences(first);
                assertEquals(12, client.receive(params));
                assertEquals(Arrival.MORE_REFERENCES, client.arrival());
                assertEquals(1, params.referencesReceived());
                assertEquals(8, client.receive(params.receive(room(4)).receiveReferences(second)));
                assertEquals(Arrival.ENDED, client.arrival());
                assertTrue(first.isFd() && second.isFd());
                awaitBlocked(scene.server);
                scene.server.interrupt();
                scene.await(9);
            }
        });
    }

    private static MemorySegment afterAck(Server server, Reference reference) {
        server.ackAndSend(new Params().send(filled(7, 1)).sendReferences(reference, reference));
        return filled(2, 5);
    }

    /** An interrupted call can be resumed; nothing else can be done meanwhile but to give it up. */
    @Test
    void resume() throws Throwable {
        Scene.run(scene -> {
            try (Server server = Server.of(scene.set)) {
                byte[] in = new byte[400];
                assertThrows(IllegalStateException.class, server::resume);
                assertThrows(InterruptedCallException.class, () -> server.accept(MemorySegment.ofArray(in)));
                assertTrue(Thread.interrupted());
                assertTrue(server.isInterrupted());
                assertThrows(IllegalStateException.class, () -> server.receive(room(3)));
                scene.reach(1);
                assertEquals(40, server.resume());
                assertEquals(9, in[39]);
                assertFalse(server.isInterrupted());
                MemorySegment room = room(80);
                assertEquals(320, server.ackSendAndAccept(filled(2, 0), room));
                assertEquals(Arrival.MORE_DATA, server.arrival());
                scene.reach(3);
                scene.await(4);
                assertEquals(80, server.receive(room));
                assertEquals(Arrival.WHOLE, server.arrival());
                server.ackAndSend(filled(2, 6));
            }
        }, scene -> {
            try (Client client = Client.to(scene.dest)) {
                awaitBlocked(scene.server);
                scene.server.interrupt();
                scene.await(1);
                byte[] out = new byte[40];
                out[39] = 9;
                client.connectSendAndReceive(MemorySegment.ofArray(out), room(3));
                Thread self = Thread.currentThread();
                Thread interruptor = Thread.ofPlatform().start(() -> {
                    scene.reached(3);
                    awaitBlocked(self);
                    self.interrupt();
                });
                int[] in = new int[3];
                assertThrows(InterruptedCallException.class, () -> client.connectSendAndReceive(filled(100, 4), MemorySegment.ofArray(in)));
                Thread.interrupted();
                interruptor.join();
                self.interrupt();
                assertThrows(IllegalStateException.class, () -> client.send(room(2)));
                assertThrows(InterruptedCallException.class, client::resume, "the status is still set");
                assertTrue(Thread.interrupted());
                assertEquals(Direction.SENDER, client.direction());
                scene.reach(4);
                assertEquals(8, client.resume());
                assertEquals(Arrival.ENDED, client.arrival());
                assertEquals(6, in[0]);
            }
        });
    }

    /** One thread holds one connection a side: who connects anew has it. */
    @Test
    void objectsOfOneThread() throws Throwable {
        Scene.run(scene -> {
            try (Server server = Server.of(scene.set); PortSet none = PortSet.create(); Server other = Server.of(none)) {
                MemorySegment in = room(4);
                server.accept(in);
                assertEquals(Direction.NONE, other.direction());
                fails(FLUKE_IPC_ACK_DISCONNECTED, () -> other.ackAndSend(in));
                other.disconnect();
                assertEquals(Direction.RECEIVER, server.direction());
                assertThrows(WrongThreadException.class, () -> inAnother(() -> server.receive(in)));
                assertThrows(WrongThreadException.class, () -> inAnother(server::close));
                fails(FLUKE_INSANITY_BUFFER_UNALIGNED, () -> other.accept(in.asSlice(1, 4)));
                assertEquals(Direction.RECEIVER, server.direction(), "a mistake changes nothing");
                assertEquals(8, server.accept(in)); // ends the first
                Runnable close = server::close;
                close.run();
                close.run();
                assertThrows(IllegalStateException.class, () -> server.accept(in));
            }
        }, scene -> {
            try (Client client = Client.to(scene.dest); Client other = Client.to(scene.dest)) {
                MemorySegment in = room(4);
                fails(FLUKE_IPC_OVER_DISCONNECTED, () -> client.connectSendAndReceive(filled(2, 0), in));
                client.connectAndSend(filled(2, 0));
                assertEquals(Direction.SENDER, client.direction());
                assertEquals(Direction.NONE, other.direction());
                fails(FLUKE_INSANITY_BUFFER_TOO_SMALL, () -> other.connectAndSend(room(1)));
                assertEquals(Direction.SENDER, client.direction());
                fails(FLUKE_IPC_OVER_DISCONNECTED, () -> client.overAndReceive(in));
            }
        });
    }

    private static void inAnother(Runnable call) throws Throwable {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread.ofPlatform().start(() -> {
            try {
                call.run();
            } catch (Throwable e) {
                thrown.set(e);
            }
        }).join();
        if (thrown.get() != null) {
            throw thrown.get();
        }
    }

    /** Several threads serve one port set; closing it ends them. */
    @Test
    void manyServers() throws Exception {
        PortSet set = PortSet.create();
        Port port = Port.create(5);
        port.moveTo(set);
        Thread[] servers = new Thread[3];
        AtomicReference<Throwable> wrong = new AtomicReference<>();
        for (int i = 0; i < servers.length; i++) {
            servers[i] = Thread.ofPlatform().daemon().start(() -> {
                try (Server server = Server.of(set)) {
                    server.serve(room(10), (conversation, request) -> {
                        request.set(ValueLayout.JAVA_INT, 0, word(request, 0) + (int) conversation.alias());
                        return request;
                    });
                } catch (FlukeException end) {
                    assertEquals(FLUKE_INSANITY_INVALID_OBJECT, end.status());
                } catch (Throwable e) {
                    wrong.set(e);
                }
            });
        }
        Thread[] clients = new Thread[4];
        for (int i = 0; i < clients.length; i++) {
            clients[i] = Thread.ofPlatform().daemon().start(() -> {
                try (Reference reference = port.reference(); Client client = Client.to(reference)) {
                    MemorySegment in = room(4);
                    for (int call = 0; call < 200; call++) {
                        assertEquals(8, client.connectSendAndReceive(filled(2, call), in));
                        assertEquals(call + 5, word(in, 0));
                        client.call(filled(2, call), in);
                        assertEquals(call + 5, word(in, 0));
                    }
                } catch (Throwable e) {
                    wrong.set(e);
                }
            });
        }
        for (Thread client : clients) {
            assertTrue(client.join(Scene.LIMIT), "a client hangs");
        }
        set.close();
        for (Thread server : servers) {
            assertTrue(server.join(Scene.LIMIT), "a server goes on");
        }
        assertEquals(null, wrong.get());
        port.close();
    }

    /** Three servers of one process, each a client of the next, on connections that stay open. */
    @Test
    void aChainOfThreads() throws Throwable {
        String name = PeerProcess.freshName();
        Thread[] links = new Thread[3];
        AtomicReference<Throwable> wrong = new AtomicReference<>();
        for (int i = 2; i >= 0; i--) {
            int index = i;
            links[i] = Thread.ofPlatform().daemon().name("tpy-link-" + i).start(() -> {
                try (Server server = Server.named(name + index); Client next = index == 2 ? null : Client.open(name + (index + 1))) {
                    MemorySegment in = room(4);
                    MemorySegment below = room(4);
                    MemorySegment out = in.asSlice(0, 8);
                    server.accept(in);
                    while (server.arrival() == Arrival.WHOLE) {
                        out.set(ValueLayout.JAVA_INT, 0, word(out, 0) + (1 << 8 * index));
                        if (next != null && next.direction() == Direction.NONE) {
                            next.connectSendAndReceive(out, below);
                        } else if (next != null) {
                            next.ackSendAndReceive(out, below);
                        }
                        server.ackSendAndReceive(next == null ? out : below.asSlice(0, 8), in);
                    }
                } catch (FlukeException end) {
                    if (end.status() != FLUKE_IPC_OVER_DISCONNECTED) {
                        wrong.set(end);
                    }
                } catch (Throwable e) {
                    wrong.set(e);
                }
            });
            awaitBlocked(links[i]);
        }
        try (Client client = Client.open(name + 0)) {
            MemorySegment in = room(4);
            client.connectSendAndReceive(filled(2, 0), in);
            for (int i = 1; i < 50; i++) {
                assertEquals(0x010101 * i, word(in, 0));
                client.ackSendAndReceive(in.asSlice(0, 8), in);
            }
        }
        for (Thread link : links) {
            assertTrue(link.join(Scene.LIMIT), "a server of the chain goes on");
        }
        assertEquals(null, wrong.get());
    }

    @Test
    void exceptionsTellBoth() {
        FlukeException failure = assertThrows(FlukeException.class, () -> Client.open("nobody holds this"));
        assertEquals(FLUKE_INVALID_DEST, failure.status());
        assertEquals(Errno.ENXIO, failure.errno());
        assertEquals("fluke_name_lookup", failure.call());
        assertTrue(failure.getMessage().endsWith("FLUKE_INVALID_DEST"), failure.getMessage());
        assertThrows(FlukeException.class, () -> Server.named("a/b"));
        try (Reference empty = Reference.create()) {
            assertEquals(Errno.EBADF, assertThrows(TetrapylonException.class, empty::fd).errno());
        }
    }
}
