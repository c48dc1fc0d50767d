package org.tetrapylon.demo;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.Fd;
import org.tetrapylon.mm.Endpoint;
import org.tetrapylon.mm.Received;
import org.tetrapylon.mm.Server;

/** The demo's mmlib gate in Java: the same server and client as tests/demo/mm.c. */
final class Mm {

    private static final int LARGE = 300_000;
    private static final int SEND_ROOM = 200_000;
    private static final int[] SIZES = {8, 9, 64, 1000, 4096, 40_000, 65_536};

    private Mm() {}

    static void serve(String name) {
        long messages = 0;
        long bytes = 0;
        long files = 0;
        try (Server server = Server.listen(name); Received received = new Received(1); Arena arena = Arena.ofConfined()) {
            MemorySegment room = arena.allocate(Side.LARGEST);
            MemorySegment[] pieces = {room};
            Side.ready();
            try (Endpoint connection = server.accept()) {
                connection.sendRoom(SEND_ROOM);
                for (long word = 0; Side.want(word) != Side.END;) {
                    long size = connection.receive(pieces, received);
                    Side.require(size >= Long.BYTES && !received.bytesLost(), "a message of " + size + " B");
                    MemorySegment message = room.asSlice(0, size);
                    messages++;
                    bytes += size;
                    word = message.get(Side.WORD, 0);
                    boolean file = Side.want(word) == Side.FILE;
                    Side.require(received.descriptorCount() == (file ? 1 : 0), received.descriptorCount() + " descriptors came");
                    if (file) {
                        try (Fd it = received.take(0)) {
                            Side.answerFile(it, word);
                        }
                        files++;
                    }
                    Side.check("a message", message, word);
                    Side.fill(message, word + 1);
                    connection.send(message);
                }
            }
        }
        Side.did("answered " + messages + " messages of " + bytes + " B with " + files + (files == 1 ? " descriptor" : " descriptors"));
    }

    static void call(String name) {
        try (Endpoint connection = Endpoint.connect(name); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(Side.LARGEST);
            MemorySegment in = arena.allocate(Side.LARGEST);
            connection.sendRoom(SEND_ROOM);
            for (int i = 0; i < 10 * SIZES.length; i++) {
                check(connection, out.asSlice(0, SIZES[i % SIZES.length]), in, Side.word(Side.BYTES, i));
            }
            Side.did("8 B to 64 KiB");
            check(connection, out.asSlice(0, LARGE), in, Side.word(Side.BYTES, 1000));
            Side.did("300 KB in one message");
            checkFile(connection, out, in);
            Side.did("a file's descriptor");
            MemorySegment word = out.asSlice(0, Long.BYTES);
            MemorySegment answer = in.asSlice(0, Long.BYTES);
            Side.time(value -> {
                word.set(Side.WORD, 0, value);
                connection.send(word);
                connection.receive(answer);
                return answer.get(Side.WORD, 0);
            });
            check(connection, word, in, Side.word(Side.END, 0));
        }
    }

    private static void check(Endpoint connection, MemorySegment message, MemorySegment in, long word, Fd... files) {
        Side.fill(message, word);
        connection.send(new MemorySegment[] {message}, files);
        long size = connection.receive(in);
        Side.require(size == message.byteSize(), "the answer to " + message.byteSize() + " B is " + size + " B");
        Side.check("the answer", in.asSlice(0, size), word + 1);
    }

    private static void checkFile(Endpoint connection, MemorySegment out, MemorySegment in) {
        long word = Side.word(Side.FILE, 2000);
        try (Fd file = Side.file(word)) {
            check(connection, out.asSlice(0, 64), in, word, file);
            Side.checkFile(file, word + 1);
        }
    }
}
