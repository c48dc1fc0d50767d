package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.check;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;
import static org.tetrapylon.support.Observe.awaitBlocked;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a program can do wrong with params: it hears of it, and nothing worse happens. */
@Timeout(60)
class MisuseTest {

    @Test
    void buffers() {
        Params params = new Params();
        MemorySegment heap = MemorySegment.ofArray(new int[2]);
        assertThrows(IllegalArgumentException.class, () -> params.send(heap));
        assertThrows(IllegalArgumentException.class, () -> params.receive(heap));
        assertThrows(IllegalArgumentException.class, () -> params.send(room(2), heap));
        assertThrows(IllegalArgumentException.class, () -> params.send(room(2).asSlice(0, 7)));
        assertThrows(IllegalArgumentException.class, () -> params.receive(room(2), room(2).asSlice(0, 7)));
        assertThrows(IllegalArgumentException.class, () -> params.receive(room(2).asReadOnly()));
        assertThrows(IllegalArgumentException.class, () -> params.receive(room(2), room(2).asReadOnly()));
        assertThrows(IndexOutOfBoundsException.class, () -> params.send(room(2), 12));
        assertThrows(IndexOutOfBoundsException.class, () -> params.send(room(2), -4));
        assertThrows(NullPointerException.class, () -> params.send((MemorySegment) null));
        assertThrows(NullPointerException.class, () -> params.receive(room(2), null));
        params.send(room(2).asReadOnly());
        assertEquals(8, params.unsent());
        assertEquals(0, params.room());
    }

    @Test
    void closedAndConfinedArenas() throws Exception {
        Params params = new Params();
        MemorySegment gone;
        try (Arena arena = Arena.ofConfined()) {
            gone = arena.allocate(8);
            params.send(gone);
            assertThrows(WrongThreadException.class, () -> inAnother(() -> new Params().send(gone)));
        }
        assertThrows(IllegalStateException.class, () -> flukeIpcClientSend(params));
        assertThrows(IllegalStateException.class, () -> flukeIpcClientSend(params.send(room(2), gone)));
        assertThrows(IllegalStateException.class, () -> flukeIpcClientSend(params.send(room(2)).receive(gone)));
        check(FLUKE_IPC_SEND_DISCONNECTED, flukeIpcClientSend(params.receive(room(2))));
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

    /** Another thread cannot change params that a call uses. */
    @Test
    void paramsInUse() throws Throwable {
        Params params = new Params().receive(room(2));
        Scene.run(scene -> ok(flukeIpcSetupWaitReceive(scene.set, params, null)), scene -> {
            awaitBlocked(scene.server);
            assertThrows(IllegalStateException.class, () -> params.receive(room(2)));
            assertThrows(IllegalStateException.class, () -> params.sendReferences());
            assertThrows(IllegalStateException.class, () -> flukeIpcClientConnectSend(scene.dest, params));
            check(FLUKE_IPC_OVER_DISCONNECTED, flukeIpcClientConnectSendOverReceive(scene.dest, new Params().send(filled(2, 0))));
        });
    }

    /** Tables shrink and grow, and count what they hold now. */
    @Test
    void tables() throws Throwable {
        Params params = new Params();
        MemorySegment[] many = new MemorySegment[300];
        for (int i = 0; i < many.length; i++) {
            many[i] = filled(i % 5, i);
        }
        params.send(many);
        assertEquals(4 * 600, params.unsent());
        params.send(many[1], many[2]);
        assertEquals(12, params.unsent());
        params.send();
        assertEquals(0, params.unsent());
        Reference[] none = new Reference[70];
        params.sendReferences(none);
        assertEquals(70, params.referencesUnsent());
        params.sendReferences(none[0]);
        assertEquals(1, params.referencesUnsent());
        params.sendReferences().send(many).receive(room(600));
        Scene.run(scene -> {
            MemorySegment all = room(600);
            MemorySegment[] rooms = new MemorySegment[200];
            for (int i = 0; i < rooms.length; i++) {
                rooms[i] = all.asSlice(12L * i, 12);
            }
            Params theirs = new Params().receive(rooms);
            ok(flukeIpcSetupWaitReceive(scene.set, theirs, null));
            assertEquals(2400, theirs.received());
            long at = 0;
            for (MemorySegment part : many) {
                assertEquals(-1, all.asSlice(at, part.byteSize()).mismatch(part));
                at += part.byteSize();
            }
        }, scene -> check(FLUKE_IPC_OVER_DISCONNECTED, flukeIpcClientConnectSendOverReceive(scene.dest, params)));
    }
}
