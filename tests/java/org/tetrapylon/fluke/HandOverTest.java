package org.tetrapylon.fluke;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.check;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;
import static org.tetrapylon.fluke.Scene.word;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.support.Census;
import org.tetrapylon.support.DescriptorHog;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** Regions and devices that go between Java and another process, C or Java, to either side; and what comes where there are no descriptors left. */
@Timeout(90)
class HandOverTest {

    private static final int SLOTS = 3;

    /** /dev/zero, /dev/full and a file with a number in it. */
    private static Reference[] openDevices(int number) throws Exception {
        try (FileChannel zero = FileChannel.open(Path.of("/dev/zero"), READ, WRITE); FileChannel full = FileChannel.open(Path.of("/dev/full"), WRITE);
                Fd first = Fd.of(zero); Fd second = Fd.of(full); Fd file = Fd.memfd("region", 4); Arena arena = Arena.ofConfined()) {
            file.write(arena.allocateFrom(ValueLayout.JAVA_INT, number), 0);
            return new Reference[] {Reference.of(first), Reference.of(second), Reference.of(file)};
        }
    }

    /** Each does what it should. */
    private static void useDevices(Reference[] slots, int number) {
        try (Fd zero = slots[0].fd(); Fd full = slots[1].fd(); Fd file = slots[2].fd(); Arena arena = Arena.ofConfined()) {
            assertEquals("/dev/zero", Observe.target(zero.number()));
            assertEquals("/dev/full", Observe.target(full.number()));
            MemorySegment bytes = arena.allocate(100).fill((byte) 1);
            assertEquals(100, zero.read(bytes));
            assertEquals(-1, bytes.mismatch(arena.allocate(100)));
            Observe.fails(Errno.ENOSPC, () -> full.write(bytes));
            MemorySegment region = file.map(MapMode.READ_WRITE, 0, 4, arena);
            assertEquals(number, region.get(ValueLayout.JAVA_INT, 0));
            region.set(ValueLayout.JAVA_INT, 0, number + 1);
        }
    }

    private static Reference[] slots() {
        return new Reference[] {Reference.create(), Reference.create(), Reference.create()};
    }

    private static void close(Reference[] references) {
        for (Reference reference : references) {
            reference.close();
        }
    }

    private static MemorySegment message(int what, int number) {
        MemorySegment memory = filled(2, 0);
        memory.setAtIndex(ValueLayout.JAVA_INT, 0, what);
        memory.setAtIndex(ValueLayout.JAVA_INT, 1, number);
        return memory;
    }

    /** From this process as the client, and back. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void devicesToAServerAndBack(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = FlukePeer.start(language, "serve", name)) {
            peer.expect("ready");
            try (Client client = Client.open(name); Arena arena = Arena.ofConfined()) {
                Reference[] own = openDevices(41);
                Reference[] slots = slots();
                Params params = new Params().send(message('d', 41)).receive(room(4)).sendReferences(own).receiveReferences(slots);
                client.connectSendAndReceive(params);
                assertEquals(SLOTS, params.referencesReceived());
                useDevices(slots, 41);
                try (Fd file = own[2].fd()) {
                    assertEquals(42, file.map(MapMode.READ_ONLY, 0, 4, arena).get(ValueLayout.JAVA_INT, 0), "it was used there");
                }
                close(own);
                close(slots);
            }
        }
    }

    /** From a client in the other process to this one as the server, and back. */
    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void devicesToAClientAndBack(String language) throws Exception {
        String name = PeerProcess.freshName();
        try (PortSet set = PortSet.create(); Port port = Port.create(0); Arena arena = Arena.ofConfined()) {
            port.moveTo(set);
            port.bind(name);
            Reference[] slots = slots();
            MemorySegment in = room(100);
            Params params = new Params().receive(in).receiveReferences(slots);
            try (PeerProcess peer = FlukePeer.start(language, "devices", name)) {
                ok(flukeIpcSetupWaitReceive(set, params, null));
                assertEquals(SLOTS, params.referencesReceived());
                useDevices(slots, 41);
                Reference[] own = openDevices(word(in, 1));
                check(FLUKE_IPC_OVER_DISCONNECTED, flukeIpcServerAckSendOverReceive(params.send(in, 8).receive(in).sendReferences(own)));
                peer.expect("ok");
                peer.endWell();
                try (Fd file = own[2].fd()) {
                    assertEquals(42, file.map(MapMode.READ_ONLY, 0, 4, arena).get(ValueLayout.JAVA_INT, 0), "it was used there");
                }
                close(own);
            }
            close(slots);
        }
    }

    /** Three that arrive where so many can be opened: the rest arrive as empty references, nothing is left open, and the connection goes on. */
    @ParameterizedTest
    @CsvSource({"c, 2, false", "c, 0, false", "java, 2, false", "java, 0, false", "c, 2, true", "c, 0, true"})
    void wantOfDescriptors(String language, int left, boolean here) throws Exception {
        String name = PeerProcess.freshName();
        try (PeerProcess peer = FlukePeer.start(language, "serve", name)) {
            peer.expect("ready");
            try (Client client = Client.open(name); Fd file = Fd.memfd("test", 4); Reference one = Reference.of(file)) {
                Reference[] own = {one, one, one};
                Reference[] slots = slots();
                MemorySegment in = room(4);
                Params params = new Params();
                client.connectSendAndReceive(params.send(message('r', 0)).receive(in).sendReferences(own).receiveReferences(slots));
                assertEquals(SLOTS, word(in, 1), "of ours");
                assertEquals(SLOTS, arrived(slots), "of theirs");
                client.ackSendAndReceive(params.send(message('w', here ? -1 : left)).receive(in).sendReferences().receiveReferences());
                Census before = Census.take();
                if (here) {
                    client.ackSendAndReceive(params.send(message('r', 1)).receive(in).sendReferences(own).receiveReferences(slots));
                    assertEquals(SLOTS, arrived(slots));
                    try (DescriptorHog _ = new DescriptorHog(left)) {
                        client.ackSendAndReceive(params.send(message('r', 1)).receive(in).receiveReferences(slots));
                        assertEquals(SLOTS, params.referencesReceived(), "all of them have come");
                    }
                    assertEquals(left, arrived(slots));
                } else {
                    for (int i = 0; i < 2; i++) { // again: what came the first time is not still held
                        client.ackSendAndReceive(params.send(message('r', 1)).receive(in).sendReferences(own).receiveReferences(slots));
                        assertEquals(left, word(in, 1));
                        assertEquals(SLOTS, arrived(slots), "to send takes none");
                    }
                    client.ackSendAndReceive(params.send(message('w', -1)).receive(in).sendReferences().receiveReferences());
                }
                assertTrue(Census.take().isWithin(before), "the connection is as it was");
                client.ackSendAndReceive(params.send(message('r', 1)).receive(in).sendReferences(own).receiveReferences(slots));
                assertEquals(SLOTS, word(in, 1));
                assertEquals(SLOTS, arrived(slots));
                close(slots);
            }
        }
    }

    /** How many of the references name descriptors, which are usable; lets go of them. */
    private static int arrived(Reference[] slots) {
        int count = 0;
        for (Reference slot : slots) {
            if (slot.isFd()) {
                assertTrue(Observe.isClosedOnExec(flukeRefFd(slot)));
                count++;
            }
            ok(flukeRefCreate(slot));
        }
        return count;
    }
}
