package org.tetrapylon.demo;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.Fd;
import org.tetrapylon.fluke.Arrival;
import org.tetrapylon.fluke.Client;
import org.tetrapylon.fluke.FlukeException;
import org.tetrapylon.fluke.FlukeIpc;
import org.tetrapylon.fluke.Params;
import org.tetrapylon.fluke.Reference;
import org.tetrapylon.fluke.Server;

/** The demo's Fluke gate in Java: the same server and client as tests/demo/fluke.c. */
final class Fluke {

    private static final int LARGE = 300_000;
    private static final int[] SIZES = {8, 12, 64, 1000, 4096, 40_000, 65_536};

    private Fluke() {}

    static void serve(String name) {
        long messages = 0;
        long bytes = 0;
        long files = 0;
        try (Server server = Server.named(name); Reference file = Reference.create(); Arena arena = Arena.ofConfined()) {
            MemorySegment in = arena.allocate(Side.LARGEST, Long.BYTES);
            MemorySegment out = arena.allocate(Side.LARGEST, Long.BYTES);
            Params params = new Params();
            Side.ready();
            long size = server.accept(params.receive(in).receiveReferences(file));
            long word = 0;
            while (Side.want(word) != Side.END) {
                Side.require(server.arrival() == Arrival.WHOLE && size >= Long.BYTES, "a message of " + size + " B");
                word = in.get(Side.WORD, 0);
                messages++;
                bytes += size;
                if (Side.want(word) == Side.TIME) {
                    in.set(Side.WORD, 0, word + 1);
                    size = server.replyAndAccept(params.send(in, size).receive(in));
                    continue;
                }
                Side.check("a message", in.asSlice(0, size), word);
                if (Side.want(word) == Side.FILE) {
                    Side.require(params.referencesReceived() == 1, "no descriptor came");
                    try (Fd it = file.fd()) {
                        Side.answerFile(it, word);
                    }
                    files++;
                }
                Side.fill(out.asSlice(0, size), word + 1);
                params.send(out, size).receive(in).receiveReferences(file);
                if (Side.want(word) != Side.END) {
                    size = turn(server, params, in);
                }
            }
            server.reply(params);
        }
        Side.did("answered " + messages + " messages of " + bytes + " B with " + files + (files == 1 ? " reference" : " references"));
    }

    /** Answers and waits for this client's next message, or the next client's when this one has what it wanted. */
    private static long turn(Server server, Params params, MemorySegment in) {
        try {
            return server.ackSendAndReceive(params);
        } catch (FlukeException e) {
            Side.require(e.status() == FlukeIpc.FLUKE_IPC_OVER_DISCONNECTED, e.getMessage());
            return server.accept(params.receive(in));
        }
    }

    static void call(String name) {
        try (Client client = Client.open(name); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(Side.LARGEST, Long.BYTES);
            MemorySegment in = arena.allocate(Side.LARGEST, Long.BYTES);
            for (int i = 0; i < 10 * SIZES.length; i++) {
                check(client, out.asSlice(0, SIZES[i % SIZES.length]), in, Side.word(Side.BYTES, i));
            }
            Side.did("8 B to 64 KiB on one connection");
            check(client, out.asSlice(0, LARGE), in, Side.word(Side.BYTES, 1000));
            check(client, out, in, Side.word(Side.BYTES, 1001));
            Side.did("300 KB and 1 MB");
            checkFile(client, out, in);
            Side.did("a file's reference");
            client.disconnect();
            MemorySegment word = out.asSlice(0, Long.BYTES);
            MemorySegment answer = in.asSlice(0, Long.BYTES);
            Side.time(value -> {
                word.set(Side.WORD, 0, value);
                client.call(word, answer);
                return answer.get(Side.WORD, 0);
            });
            word.set(Side.WORD, 0, Side.word(Side.END, 0));
            client.call(word, answer);
            Side.check("the last answer", answer, Side.word(Side.END, 1));
        }
    }

    /** One message there and one back; the first opens the connection, later ones turn it. */
    private static void check(Client client, MemorySegment message, MemorySegment in, long word, Reference... references) {
        Side.fill(message, word);
        Params params = new Params().send(message).sendReferences(references).receive(in);
        long size = switch (client.direction()) {
            case RECEIVER -> client.ackSendAndReceive(params);
            default -> client.connectSendAndReceive(params);
        };
        Side.require(client.arrival() == Arrival.WHOLE && size == message.byteSize(),
                "the answer to " + message.byteSize() + " B is " + size + " B");
        Side.check("the answer", in.asSlice(0, size), word + 1);
    }

    private static void checkFile(Client client, MemorySegment out, MemorySegment in) {
        long word = Side.word(Side.FILE, 2000);
        try (Fd file = Side.file(word); Reference reference = Reference.of(file)) {
            check(client, out.asSlice(0, 64), in, word, reference);
            Side.checkFile(file, word + 1);
        }
    }
}
