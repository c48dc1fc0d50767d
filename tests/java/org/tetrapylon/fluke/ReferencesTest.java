package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.check;
import static org.tetrapylon.fluke.Scene.checkCame;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel.MapMode;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.support.Observe;

/** References to ports and to descriptors; the same {@link Fd} as everywhere. */
@Timeout(60)
class ReferencesTest {

    /** Fails if the body leaves descriptors open the second time; at first the library has some to make for itself, which stay. */
    private static void leavesNoDescriptors(Observe.Body body) throws Throwable {
        body.run();
        Observe.leavesNoDescriptors(body);
    }

    /** Each of them is closed by itself, once. */
    @Test
    void descriptorsAndReferencesAreIndependent() throws Throwable {
        leavesNoDescriptors(() -> {
            Fd file = Fd.memfd("test", 16);
            Reference first = Reference.of(file);
            Fd second = first.fd();
            Reference copy = first.copy();
            assertTrue(first.namesTheSameAs(copy));
            int number = flukeRefFd(first);
            assertEquals(number, flukeRefFd(copy), "a copy shares the descriptor");
            assertTrue(Observe.isClosedOnExec(number) && Observe.isClosedOnExec(second.number()));
            file.close();
            first.close();
            assertTrue(Observe.target(number).contains("memfd:test"), "the copy holds it");
            assertEquals(16, second.size());
            first.close(); // does nothing
            check(FLUKE_INSANITY_NO_OBJECT, flukeRefDestroy(first));
            try (Reference two = Reference.of(second)) {
                assertFalse(two.namesTheSameAs(copy), "another duplicate");
                ok(flukeRefFromFd(copy, second)); // lets go of what it named
            }
            second.close();
            check(FLUKE_INSANITY_INVALID_OBJECT, flukeRefFromFd(copy, second));
            assertTrue(copy.isFd(), "a mistake changes nothing");
            copy.close();
            assertEquals(-1, flukeRefFd(copy));
            Observe.fails(Errno.EBADF, copy::fd);
            try (Fd other = Fd.memfd("other", 1)) {
                check(FLUKE_INSANITY_NO_OBJECT, flukeRefFromFd(null, other));
            }
        });
    }

    @Test
    void misuse() {
        try (Reference good = Reference.create()) {
            Reference raw = new Reference();
            check(FLUKE_INSANITY_NO_OBJECT, flukeRefCopy(raw, good));
            check(FLUKE_INSANITY_NO_OBJECT, flukeRefCopy(good, raw));
            check(FLUKE_INSANITY_NO_OBJECT, flukeRefCopy(null, good));
            check(FLUKE_INSANITY_NO_OBJECT, flukeRefCreate(null));
            check(FLUKE_INSANITY_NO_OBJECT, flukeRefDestroy(null));
            check(FLUKE_INSANITY_NO_OBJECT, flukeRefDestroy(raw));
            assertFalse(flukeRefEqual(raw, good));
            assertFalse(flukeRefEqual(null, null));
            assertEquals(-1, flukeRefFd(null));
            ok(flukeRefCopy(good, good));
            ok(flukeRefCreate(raw));
            ok(flukeRefCreate(raw)); // lets go of what it named
            ok(flukeRefDestroy(raw));
        }
    }

    /** One that is forgotten gives its descriptor back. */
    @Test
    void forgottenReferences() throws Throwable {
        leavesNoDescriptors(() -> {
            try (Fd file = Fd.memfd("test", 1)) {
                for (int i = 0; i < 50; i++) {
                    Reference.of(file);
                }
            }
            int before = Observe.descriptors().size();
            Observe.until(() -> {
                System.gc();
                return Observe.descriptors().size() <= before - 50;
            });
        });
    }

    /** A memory file, a pipe and a port go there; both are used there. */
    @ParameterizedTest
    @EnumSource
    void handedOver(Side tested) throws Throwable {
        try (PortSet set = PortSet.create(); Port port = Port.create(3)) {
            port.moveTo(set);
            tested.run((scene, side) -> {
                side.begin(scene);
                try (Reference memory = Reference.create(); Reference sink = Reference.create(); Reference back = Reference.create();
                        Reference unused = Reference.create(); Arena arena = Arena.ofConfined()) {
                    Params params = new Params().send(filled(2, 0)).receive(room(4)).receiveReferences(memory, sink, back, unused);
                    ok(side.ackSendOverReceive(params));
                    assertEquals(3, params.referencesReceived());
                    assertEquals(1, params.referenceRoom());
                    try (Fd file = memory.fd(); Fd pipe = sink.fd()) {
                        file.map(MapMode.READ_WRITE, 0, 8, arena).set(ValueLayout.JAVA_LONG, 0, 4711);
                        pipe.write(filled(1, 9));
                    }
                    ok(flukeIpcSend(back, params.send(filled(2, 1))));
                }
                side.disconnect();
            }, (scene, side) -> {
                try (Fd file = Fd.memfd("test", 8); Fd.Pipe pipe = Fd.pipe(); Reference memory = Reference.of(file);
                        Reference sink = Reference.of(pipe.sink()); Reference own = port.reference(); Arena arena = Arena.ofConfined()) {
                    ok(side.goOver(scene, new Params().receive(room(4))));
                    // Taken by the same thread that waits on the set: the one-way message comes when the connection is over.
                    Params params = new Params().send(filled(3, 0)).receive(room(4)).sendReferences(memory, sink, own);
                    Thread receiver = Thread.ofPlatform().start(() -> ok(flukeIpcSetupWaitReceive(set, new Params().receive(room(2)), null)));
                    check(FLUKE_IPC_OVER_DISCONNECTED, side.ackSendOverReceive(params));
                    receiver.join();
                    MemorySegment bytes = arena.allocate(8);
                    assertEquals(4, pipe.source().read(bytes));
                    assertEquals(9, bytes.get(ValueLayout.JAVA_INT, 0));
                    file.read(bytes, 0);
                    assertEquals(4711, bytes.get(ValueLayout.JAVA_LONG, 0));
                }
            });
        }
    }

    /** More than go at once, into slots that are given piece by piece. */
    @ParameterizedTest
    @EnumSource
    void many(Side tested) throws Throwable {
        int count = 150;
        leavesNoDescriptors(() -> tested.run((scene, side) -> {
            side.begin(scene);
            Reference[] slots = new Reference[count];
            for (int i = 0; i < count; i++) {
                slots[i] = Reference.create();
            }
            Params params = new Params().send(filled(2, 0)).receive(room(4)).receiveReferences(slots[0], slots[1]);
            check(FLUKE_IPC_RECV_MORE_REFS, side.ackSendOverReceive(params));
            checkCame(3, params);
            int got = 2;
            for (int next = 1, status = FLUKE_IPC_RECV_MORE_REFS; status == FLUKE_IPC_RECV_MORE_REFS; next = next * 3 + 1) {
                int here = Math.min(next, count - got);
                Reference[] some = new Reference[here];
                System.arraycopy(slots, got, some, 0, here);
                status = side.receive(params.receiveReferences(some));
                got += params.referencesReceived();
            }
            assertEquals(count, got);
            for (int i = 0; i < count; i++) {
                assertEquals(i % 3 != 0, slots[i].isFd(), "reference " + i);
                slots[i].close();
            }
            side.disconnect();
        }, (scene, side) -> {
            try (Fd file = Fd.memfd("test", 8); Reference memory = Reference.of(file)) {
                Reference[] all = new Reference[count];
                for (int i = 0; i < count; i++) {
                    all[i] = i % 3 == 0 ? scene.dest : memory;
                }
                ok(side.goOver(scene, new Params().receive(room(4))));
                check(FLUKE_IPC_OVER_DISCONNECTED,
                        side.ackSendOverReceive(new Params().send(filled(3, 0)).receive(room(4)).sendReferences(all)));
            }
        }));
    }

    /** Also with idempotent messages, both ways, and one-way ones; what there is no slot for is dropped and closed. */
    @Test
    void withCalls() throws Throwable {
        leavesNoDescriptors(() -> Scene.run(scene -> {
            try (Fd file = Fd.memfd("reply", 8); Reference out = Reference.of(file); Reference slot = Reference.create()) {
                Params params = new Params().receive(room(4)).receiveReferences(slot);
                ok(flukeIpcSetupWaitReceive(scene.set, params, null));
                for (int i = 0; i < 20; i++) {
                    assertEquals(1, params.referencesReceived());
                    assertTrue(Observe.target(flukeRefFd(slot)).contains("memfd:call"));
                    params.send(filled(2, 0)).sendReferences(out, out, out).receive(room(4)).receiveReferences(slot);
                    ok(flukeIpcReplyWaitReceive(params, null));
                }
                assertTrue(Observe.target(flukeRefFd(slot)).contains("memfd:oneway"));
            }
        }, scene -> {
            try (Fd file = Fd.memfd("call", 8); Reference out = Reference.of(file); Reference slot = Reference.create()) {
                Params params = new Params().send(filled(2, 0)).sendReferences(out, out);
                for (int i = 0; i < 20; i++) {
                    ok(flukeIpcCall(scene.dest, params.receive(room(4)).receiveReferences(slot)));
                    assertEquals(1, params.referencesReceived());
                    assertTrue(Observe.target(flukeRefFd(slot)).contains("memfd:reply"));
                }
                try (Fd other = Fd.memfd("oneway", 1)) {
                    out.set(other);
                }
                ok(flukeIpcSend(scene.dest, params));
            }
        }));
    }

    /** References may be given something else, copied and destroyed by other threads while they are sent and connected to. */
    @Test
    void changedMeanwhile() throws Throwable {
        leavesNoDescriptors(ReferencesTest::changeMeanwhile);
    }

    private static void changeMeanwhile() throws Throwable {
        AtomicInteger calls = new AtomicInteger();
        Scene.run(scene -> {
            try (Reference one = Reference.create(); Reference two = Reference.create()) {
                Params params = new Params().receive(room(4)).receiveReferences(one, two);
                ok(flukeIpcSetupWaitReceive(scene.set, params, null));
                for (int status = FLUKE_SUCCESS; status == FLUKE_SUCCESS; ) {
                    if (one.isFd()) {
                        assertTrue(Observe.target(flukeRefFd(one)).contains("memfd:mine"), "a descriptor that is somebody else's");
                    }
                    params.send(filled(2, 0)).receive(room(4)).receiveReferences(one, two);
                    status = flukeIpcServerAckSendWaitReceive(params, null);
                    check(status < 0 ? FLUKE_INSANITY_INVALID_OBJECT : FLUKE_SUCCESS, status); // the set is closed at the end
                }
            }
        }, scene -> {
            try (Reference sent = Reference.create(); Reference dest = scene.dest.copy(); Fd file = Fd.memfd("mine", 8)) {
                Thread changer = Thread.ofPlatform().daemon().start(() -> {
                    for (int i = 0; calls.get() < 1_000; i++) {
                        switch (i % 4) {
                            case 0 -> flukeRefFromFd(sent, file);
                            case 1 -> flukeRefCopy(scene.dest, sent);
                            case 2 -> flukeRefCreate(sent);
                            default -> flukeRefCopy(scene.dest, dest);
                        }
                        if (i % 3 == 0) {
                            flukeRefDestroy(sent);
                        }
                    }
                });
                MemorySegment in = room(4);
                Params params = new Params();
                while (calls.get() < 1_000) {
                    params.send(filled(2, 0)).receive(in).sendReferences(sent);
                    int status = flukeIpcClientConnectSendOverReceive(dest, params);
                    check(status < 0 ? FLUKE_INSANITY_NO_OBJECT : FLUKE_IPC_RECV_DISCONNECTED, status);
                    if (status > 0) {
                        calls.incrementAndGet();
                    }
                }
                changer.join();
                scene.set.close();
            }
        });
    }
}
