package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.room;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.support.Allocations;

/** A call and its answer allocate nothing on the Java heap, on either side. */
@Timeout(90)
class AllocationTest {

    private interface Serving {
        void run(PortSet set) throws Exception;
    }

    private interface Clients {
        Allocations.Client of(Reference dest);
    }

    /** Runs the pair until one stretch of calls has allocated nothing on both sides. */
    private static void assertNothingAllocated(Serving serving, Clients clients) throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        PortSet set = PortSet.create();
        Port port = Port.create(7);
        port.moveTo(set);
        Thread server = Thread.ofPlatform().daemon().start(() -> {
            try {
                serving.run(set);
            } catch (FlukeException end) {
                assertEquals(FLUKE_INSANITY_INVALID_OBJECT, end.status());
            } catch (Throwable e) {
                thrown.set(e);
            }
        });
        long least;
        try (Reference dest = port.reference()) {
            least = Allocations.least(server, clients.of(dest));
        }
        flukeIpcClientDisconnect();
        set.close();
        port.close();
        assertTrue(server.join(Scene.LIMIT));
        assertEquals(null, thrown.get());
        Allocations.assertNone(least);
    }

    private static void checkAnswer(MemorySegment in, long number) {
        if (in.get(ValueLayout.JAVA_LONG, 0) != number + 1) {
            throw new AssertionError("wrong answer");
        }
    }

    private static void addOne(MemorySegment message) {
        message.set(ValueLayout.JAVA_LONG, 0, message.get(ValueLayout.JAVA_LONG, 0) + 1);
    }

    /** Connect and answer; with a table of buffers and a reference, too. */
    @Test
    void documentedFunctions() throws Exception {
        assertNothingAllocated(set -> {
            MemorySegment in = room(4);
            Alias alias = new Alias();
            Params params = new Params().receive(in);
            int status = flukeIpcSetupWaitReceive(set, params, alias);
            while (status == FLUKE_SUCCESS) {
                addOne(in);
                params.send(in, 8).receive(in);
                status = flukeIpcServerAckSendWaitReceive(params, alias);
            }
        }, dest -> {
            MemorySegment out = room(4);
            MemorySegment in = room(4);
            Params params = new Params();
            return number -> {
                out.set(ValueLayout.JAVA_LONG, 0, number);
                check(flukeIpcClientConnectSendOverReceive(dest, params.send(out, 8).receive(in, 12)));
                checkAnswer(in, number);
            };
        });
    }

    private static void check(int status) {
        if (status != FLUKE_IPC_RECV_DISCONNECTED) {
            throw new AssertionError(FlukeException.nameOf(status));
        }
    }

    /** Reversals on a connection that stays open, through tables of buffers. */
    @Test
    void reversals() throws Exception {
        MemorySegment[] parts = {room(1), room(1)};
        assertNothingAllocated(set -> {
            MemorySegment in = room(4);
            Params params = new Params().receive(in);
            int status = flukeIpcSetupWaitReceive(set, params, null);
            while (status == FLUKE_SUCCESS) {
                addOne(in);
                params.send(in, 8).receive(in);
                status = flukeIpcServerAckSendOverReceive(params);
            }
        }, dest -> {
            MemorySegment in = room(4);
            Params params = new Params();
            Scene.check(FLUKE_SUCCESS, flukeIpcClientConnectSendOverReceive(dest, params.send(parts).receive(in)));
            return number -> {
                parts[0].set(ValueLayout.JAVA_INT, 0, (int) number);
                if (flukeIpcClientAckSendOverReceive(params.send(parts).receive(in)) != FLUKE_SUCCESS) {
                    throw new AssertionError("ended");
                }
                checkAnswer(in, number);
            };
        });
    }

    @Test
    void conversations() throws Exception {
        assertNothingAllocated(set -> {
            try (Server server = Server.of(set)) {
                MemorySegment in = room(4);
                MemorySegment out = in.asSlice(0, 8);
                server.accept(in);
                while (true) {
                    addOne(in);
                    if (server.isCalled()) {
                        server.replyAndAccept(out, in);
                    } else {
                        server.ackSendAndAccept(out, in);
                    }
                }
            }
        }, dest -> {
            Client client = Client.to(dest);
            MemorySegment out = room(2);
            MemorySegment in = room(4);
            byte[] heap = new byte[16];
            MemorySegment onHeap = MemorySegment.ofArray(heap);
            return number -> {
                out.set(ValueLayout.JAVA_LONG, 0, number);
                client.connectSendAndReceive(out, in);
                checkAnswer(in, number);
                client.call(out, onHeap);
                if (heap[0] != (byte) (number + 1)) {
                    throw new AssertionError("wrong answer");
                }
            };
        });
    }
}
