package org.tetrapylon.fluke;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.DescriptorHog;
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

    private final Reference[] slots = {Reference.create(), Reference.create(), Reference.create()};
    private final Reference[] own = {Reference.create(), Reference.create(), Reference.create()};
    private final Params params = new Params();

    private DescriptorHog hog;

    private FlukePeer() {}

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "serve" -> new FlukePeer().serve(arguments[1], arguments.length > 2 ? arguments[2] : null);
            case "call" -> call(arguments[1], Integer.parseInt(arguments[2]));
            case "hammer" -> hammer(arguments[1]);
            case "send", "over", "ask", "oneway", "receive", "ack" -> end(arguments[0], arguments[1]);
            case "alert" -> alert(arguments[1], Integer.parseInt(arguments[2]));
            case "devices" -> new FlukePeer().devices(arguments[1]);
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
        return params.send(out, bytes).sendReferences().receive(IN).receiveReferences(slots);
    }

    private void serve(String name, String next) throws Exception {
        try (Server server = Server.named(name); Reference below = next == null ? null : Reference.lookup(next);
                Client client = next == null ? null : Client.to(below)) {
            say("ready");
            long came = server.accept(with(OUT, 0));
            while (true) {
                if (server.arrival() == Arrival.MORE_DATA && IN.get(WORD, 0) == 'A') {
                    say("held");
                    server.ackAndSend(OUT.asSlice(0, 8));
                } else if (server.arrival() == Arrival.MORE_DATA) {
                    hold();
                }
                try {
                    came = server.arrival() == Arrival.WHOLE ? answer(server, client, next, came) : server.accept(with(OUT, 0));
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

    private long answer(Server server, Client client, String next, long bytes) throws Exception {
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
                return server.ackSendAndReceive(params.sendReferences(own[0]));
            }
            case 'd' -> {
                useDevices(number);
                openDevices(number);
                return server.ackSendAndReceive(params.sendReferences(own));
            }
            case 'r' -> {
                OUT.set(WORD, 4, descriptorsThatCame());
                if (number == 0) {
                    try (Fd file = Fd.memfd("peer", 1)) {
                        for (Reference reference : own) {
                            reference.set(file);
                        }
                    }
                }
                return server.ackSendAndReceive(params.sendReferences(own));
            }
            case 'w' -> {
                if (hog != null) {
                    hog.close();
                }
                hog = number < 0 ? null : new DescriptorHog(number);
                return server.ackSendAndReceive(params);
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
                if (client != null) {
                    askNext(client, next, OUT.asSlice(0, bytes));
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

    /** What the next server says, or how that failed. */
    private static void askNext(Client client, String next, MemorySegment out) {
        try {
            if (client.direction() == Direction.RECEIVER) {
                try {
                    client.ackSendAndReceive(out, IN);
                    return;
                } catch (FlukeException e) {
                    if (e.status() != FlukeIpc.FLUKE_IPC_ACK_DISCONNECTED) {
                        throw e;
                    }
                }
            }
            client.connectSendAndReceive(out, IN);
        } catch (FlukeException e) {
            IN.set(WORD, 4, 0xffff0000 + e.status() - 1);
            client.disconnect();
            FlukeIpc.flukeNameLookup(next, client.destination()); // perhaps there is another one by now
        }
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
        try (Arena arena = Arena.ofConfined(); Fd file = slots[0].fd(); Fd ours = Fd.memfd("peer", 0)) {
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
            own[0].set(ours);
        }
    }

    /** /dev/zero, /dev/full and a file with a number in it. */
    private void openDevices(int number) throws IOException {
        try (FileChannel zero = FileChannel.open(Path.of("/dev/zero"), READ, WRITE); FileChannel full = FileChannel.open(Path.of("/dev/full"), WRITE);
                Fd first = Fd.of(zero); Fd second = Fd.of(full); Fd file = Fd.memfd("region", 4); Arena arena = Arena.ofConfined()) {
            file.write(arena.allocateFrom(WORD, number), 0);
            own[0].set(first);
            own[1].set(second);
            own[2].set(file);
        }
    }

    /** Such came: each does what it should, and the number becomes one higher. */
    private void useDevices(int number) {
        try (Fd zero = slots[0].fd(); Fd full = slots[1].fd(); Fd file = slots[2].fd(); Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocateFrom(WORD, 1);
            boolean right = zero.read(word) == 4 && word.get(WORD, 0) == 0;
            try {
                full.write(word);
                right = false;
            } catch (TetrapylonException e) {
                right &= e.errno() == Errno.ENOSPC;
            }
            MemorySegment region = file.map(MapMode.READ_WRITE, 0, 4, arena);
            if (!right || region.get(WORD, 0) != number) {
                say("wrong: devices that do not work");
            }
            region.set(WORD, 0, number + 1);
        }
    }

    /** How many of the references that came name descriptors. They are let go of. */
    private int descriptorsThatCame() {
        int count = 0;
        for (Reference slot : slots) {
            count += slot.isFd() ? 1 : 0;
            FlukeIpc.flukeRefCreate(slot);
        }
        return count;
    }

    private void devices(String name) throws IOException {
        try (Client client = Client.open(name); Arena arena = Arena.ofConfined()) {
            openDevices(41);
            OUT.set(WORD, 0, 'd');
            OUT.set(WORD, 4, 41);
            client.connectSendAndReceive(with(OUT, 8).sendReferences(own));
            useDevices(IN.get(WORD, 4));
            try (Fd file = own[2].fd()) {
                MemorySegment word = arena.allocate(4);
                if (file.read(word, 0) != 4 || word.get(WORD, 0) != 42) {
                    say("wrong: nobody has used the file");
                }
            }
            client.disconnect();
        }
        say("ok");
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

    /** Calls without end. */
    private static void hammer(String name) {
        fill(20, 1);
        MemorySegment out = OUT.asSlice(0, 80);
        out.set(WORD, 4, 60); // of the bytes that follow
        try (Client client = Client.open(name)) {
            say("hammering");
            while (true) {
                out.set(WORD, 0, 'E');
                check(client, Arrival.WHOLE, client.connectSendAndReceive(out, IN), 80);
                client.disconnect();
                out.set(WORD, 0, 'e');
                check(client, Arrival.ENDED, client.connectSendAndReceive(out, IN), 80);
            }
        }
    }

    private static void alert(String name, int count) throws IOException {
        fill(100, 1);
        MemorySegment out = OUT.asSlice(0, 400);
        try (Client client = Client.open(name)) {
            client.connectSendAndReceive(out, IN);
            for (int i = 0; i < count; i++) {
                client.alert();
                say("alerted");
                System.in.read(); // until it is known there
                client.ackSendAndReceive(out, IN);
            }
        }
        say("ok");
    }

    private static void end(String how, String name) {
        fill(100, 1);
        MemorySegment out = OUT.asSlice(0, 400);
        try (Client client = Client.open(name)) {
            switch (how) {
                case "over" -> client.connectSendAndReceive(out, IN);
                case "ask" -> client.call(out, IN);
                case "oneway" -> client.post(out);
                case "receive", "ack" -> {
                    client.connectSendAndReceive(out, IN.asSlice(0, 8));
                    if (client.arrival() != Arrival.MORE_DATA) {
                        say("wrong: " + client.arrival());
                    }
                    if (how.equals("ack")) {
                        client.ackAndSend(out);
                    } else {
                        client.receive(IN);
                    }
                }
                default -> client.connectAndSend(out);
            }
            say("ended 0");
        } catch (FlukeException e) {
            say("ended " + e.status());
        }
    }
}
