package org.tetrapylon.fluke;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.tetrapylon.Fd;
import org.tetrapylon.support.PeerProcess;

/** The Java counterpart of tests/interop/fluke_peer.c, a process of its own, by the idiomatic layer. */
public final class FlukePeer {

    /** Starts a peer in that language, "c" or "java". */
    static PeerProcess start(String language, Object... arguments) throws IOException {
        return PeerProcess.start("fluke_peer", FlukePeer.class, language, arguments);
    }

    private static final int ROOM = 100_000;
    private static final int PIECE = 1000;
    private static final int HALF = 16;
    private static final int[] SIZES = {2, 3, 14, 15, 16, 1000, 16384, 50001};
    private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT;

    private static final MemorySegment IN = Arena.global().allocate(4L * ROOM, 8);
    private static final MemorySegment OUT = Arena.global().allocate(4L * ROOM, 8);

    private final Reference slot = Reference.create();
    private final Reference own = Reference.create();
    private final Params params = new Params();

    private FlukePeer() {}

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "serve" -> new FlukePeer().serve(arguments[1], arguments.length > 2 ? arguments[2] : null);
            case "call" -> call(arguments[1], Integer.parseInt(arguments[2]));
            case "send", "over" -> end(arguments[0].equals("over"), arguments[1]);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void say(String what) {
        System.out.println(what);
        System.out.flush();
    }

    private static void fill(int words, int seed) {
        for (int i = 0; i < words; i++) {
            OUT.setAtIndex(WORD, i, seed + i * 0x9E3779B1);
        }
    }

    private Params with(MemorySegment out, long bytes) {
        return params.send(out, bytes).sendReferences().receive(IN).receiveReferences(slot);
    }

    private void serve(String name, String next) throws Exception {
        try (Server server = Server.named(name); Client client = next == null ? null : Client.open(next)) {
            say("ready");
            long came = server.accept(with(OUT, 0));
            while (true) {
                if (server.arrival() == Arrival.MORE_DATA) {
                    hold();
                }
                try {
                    came = server.arrival() == Arrival.WHOLE ? answer(server, client, came) : server.accept(with(OUT, 0));
                } catch (FlukeException e) {
                    say("gone " + e.status());
                    came = server.accept(with(OUT, 0));
                }
            }
        }
    }

    private static void hold() throws InterruptedException {
        say("held");
        Thread.currentThread().join();
    }

    private long answer(Server server, Client client, long bytes) throws Exception {
        int what = IN.get(WORD, 0);
        int number = IN.get(WORD, 4);
        MemorySegment.copy(IN, 0, OUT, 0, bytes);
        with(OUT, bytes);
        switch (what) {
            case 'e' -> {
                return server.ackSendAndAccept(params);
            }
            case 'E' -> {
                return server.ackSendAndReceive(params);
            }
            case 'c' -> {
                return server.replyAndAccept(params);
            }
            case 'o' -> {
                say("oneway " + number);
                return server.accept(params);
            }
            case 's' -> {
                stream(server, number);
                return server.accept(with(OUT, 0));
            }
            case 'f' -> {
                answerFile(number);
                return server.ackSendAndReceive(params.sendReferences(own));
            }
            case 'a' -> {
                server.alert();
                say("alerted");
                Thread.currentThread().join();
            }
            case 'h' -> hold();
            case 'p' -> {
                server.ackAndSend(params);
                hold();
            }
            case 'k' -> Runtime.getRuntime().halt(9);
            case 'n' -> {
                MemorySegment out = OUT.asSlice(0, bytes);
                if (client != null && client.direction() == Direction.RECEIVER) {
                    client.ackSendAndReceive(out, IN);
                } else if (client != null) {
                    client.connectSendAndReceive(out, IN);
                }
                OUT.set(WORD, 4, IN.get(WORD, 4) + 1);
                return server.ackSendAndReceive(with(OUT, bytes));
            }
            case 'q' -> {
                server.ackAndSend(params);
                server.close();
                System.exit(0);
            }
            default -> say("unknown " + what);
        }
        throw new IllegalStateException("not to be reached");
    }

    private static void stream(Server server, int count) {
        for (int at = 0; at < count; at += PIECE) {
            int here = Math.min(PIECE, count - at);
            fill(here, count + at * 0x9E3779B1);
            MemorySegment piece = OUT.asSlice(0, 4L * here);
            if (at == 0) {
                server.ackAndSend(piece);
            } else {
                server.send(piece);
            }
        }
        server.disconnect();
    }

    private void answerFile(int number) {
        try (Arena arena = Arena.ofConfined(); Fd file = slot.fd(); Fd ours = Fd.memfd("peer", 0)) {
            MemorySegment bytes = arena.allocate(HALF);
            if (file.read(bytes, 0) != HALF) {
                say("no file");
            }
            for (int i = 0; i < HALF; i++) {
                bytes.set(ValueLayout.JAVA_BYTE, i, (byte) (bytes.get(ValueLayout.JAVA_BYTE, i) + 1));
            }
            file.write(bytes, HALF);
            bytes.set(WORD, 0, number);
            ours.write(bytes.asSlice(0, 4), 0);
            own.set(ours);
        }
    }

    private static void check(Client client, Arrival expected, long came, long bytes) {
        if (client.arrival() != expected || came != bytes || IN.asSlice(0, bytes).mismatch(OUT.asSlice(0, bytes)) >= 0) {
            say("wrong: " + client.arrival() + ", bytes " + came);
            System.exit(1);
        }
    }

    private static void call(String name, int count) {
        try (Client client = Client.open(name)) {
            for (int i = 0; i < count; i++) {
                int words = SIZES[i % SIZES.length];
                fill(words, i);
                MemorySegment out = OUT.asSlice(0, 4L * words);
                out.set(WORD, 0, 'E');
                check(client, Arrival.WHOLE, client.connectSendAndReceive(out, IN), out.byteSize());
                check(client, Arrival.WHOLE, client.ackSendAndReceive(out, IN), out.byteSize());
                client.disconnect();
                out.set(WORD, 0, 'c');
                check(client, Arrival.WHOLE, client.call(out, IN), out.byteSize());
                out.set(WORD, 0, 'e');
                check(client, Arrival.ENDED, client.connectSendAndReceive(out, IN), out.byteSize());
            }
        }
        say("ok " + count);
    }

    private static void end(boolean over, String name) {
        fill(100, 1);
        MemorySegment out = OUT.asSlice(0, 400);
        try (Client client = Client.open(name)) {
            if (over) {
                client.connectSendAndReceive(out, IN);
            } else {
                client.connectAndSend(out);
            }
            say("ended 0");
        } catch (FlukeException e) {
            say("ended " + e.status());
        }
    }
}
