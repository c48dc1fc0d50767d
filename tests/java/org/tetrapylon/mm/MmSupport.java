package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.Fd;

/** What the tests of mmlib's IPC share: names that no other run uses, texts as messages, numbered memory files. */
final class MmSupport {

    private static final AtomicInteger NAMES = new AtomicInteger();

    private MmSupport() {}

    static String name() {
        return "tpy-java-test-" + ProcessHandle.current().pid() + "-" + NAMES.incrementAndGet();
    }

    /** A connection of a new server, which is closed. */
    record Connection(Endpoint client, Endpoint server) implements AutoCloseable {
        static Connection open() {
            try (Server server = Server.listen(name())) {
                Endpoint client = Endpoint.connect(server.name());
                return new Connection(client, server.accept());
            }
        }

        @Override
        public void close() {
            client.close();
            server.close();
        }
    }

    static MemorySegment bytes(int size) {
        MemorySegment segment = Arena.ofAuto().allocate(Math.max(size, 1)).asSlice(0, size);
        for (int i = 0; i < size; i++) {
            segment.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + size));
        }
        return segment;
    }

    static MemorySegment room(int size) {
        return Arena.ofAuto().allocate(Math.max(size, 1)).asSlice(0, size);
    }

    static void assertSame(MemorySegment expected, MemorySegment actual) {
        assertEquals(-1, expected.mismatch(actual), "the first byte that differs");
    }

    static void say(Endpoint endpoint, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        assertEquals(bytes.length, endpoint.send(MemorySegment.ofArray(bytes)));
    }

    static String hear(Endpoint endpoint) {
        byte[] bytes = new byte[256];
        int size = (int) endpoint.receive(MemorySegment.ofArray(bytes));
        return new String(bytes, 0, size, StandardCharsets.UTF_8);
    }

    static MemorySegment[] none() {
        return new MemorySegment[0];
    }

    /** Memory files, each with its number in it. */
    static Fd[] numbered(int count) {
        Fd[] files = new Fd[count];
        for (int i = 0; i < count; i++) {
            files[i] = Fd.memfd("numbered", Integer.BYTES);
            files[i].write(MemorySegment.ofArray(new int[] {i}), 0);
        }
        return files;
    }

    static int numberIn(Fd file) {
        int[] number = {-1};
        assertEquals(Integer.BYTES, file.read(MemorySegment.ofArray(number), 0));
        return number[0];
    }

    static void closeAll(Fd... files) {
        Arrays.stream(files).forEach(Fd::close);
    }
}
