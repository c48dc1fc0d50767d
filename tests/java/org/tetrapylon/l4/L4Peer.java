package org.tetrapylon.l4;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import org.tetrapylon.support.PeerProcess;

/** The Java end of the tests between processes: the same program as tests/interop/l4_peer.c, where its commands are described. */
public final class L4Peer {

    /** Starts a peer in that language, "c" or "java". */
    static PeerProcess start(String language, Object... arguments) throws IOException {
        return PeerProcess.start("l4_peer", L4Peer.class, language, arguments);
    }

    static final int WORDS = 16;
    static final int STRINGS = 2;
    static final int ROOM = 4 << 20;
    static final int PAGES = 16_384;
    static final int[] SIZES = {1, 8, 57, 4096, 4097, 65_536, 300_001, ROOM};

    private L4Peer() {}

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "serve" -> serve(arguments[1]);
            case "call" -> call(arguments[1], Integer.parseInt(arguments[2]));
            case "hang" -> hang(arguments[1]);
            case "hammer" -> hammer(arguments[1]);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static void fill(MemorySegment bytes, int seed) {
        for (long i = 0; i < bytes.byteSize(); i++) {
            bytes.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 7 + seed));
        }
    }

    static boolean isFilled(MemorySegment bytes, int seed) {
        for (long i = 0; i < bytes.byteSize(); i++) {
            if (bytes.get(ValueLayout.JAVA_BYTE, i) != (byte) (i * 7 + seed)) {
                return false;
            }
        }
        return true;
    }

    static Message message() {
        return new Message(WORDS, ROOM, ROOM).window(Window.reserve(PAGES));
    }

    private static void serve(String name) throws Exception {
        Names.register(name);
        say("ready " + ProcessHandle.current().pid() + " " + ThreadId.self().raw());
        Message message = message();
        while (true) {
            Ipc.replyAndWait(message);
            if (message.lost() != null) {
                say("lost " + message.lost().code());
            }
            if (message.isCut()) {
                say("cut " + message.wordCount() + " " + message.stringCount());
                message.dismiss();
            } else if (message.word(0) == 'q') {
                Ipc.reply(message);
                return;
            } else {
                answer(message);
            }
        }
    }

    private static void answer(Message message) throws Exception {
        if (message.isMapped()) {
            MemorySegment pages = message.mapped(0);
            boolean right = isFilled(pages, 1);
            fill(pages, 2);
            message.words(right ? 1 : 0, 0);
            return;
        }
        switch ((int) message.word(0)) {
            case 'e' -> message.keep().words('e', message.word(1) + 1);
            case 'h' -> {
                say("held");
                message.dismiss();
            }
            case 'w' -> { // receives nothing any more
                say("held");
                java.util.concurrent.locks.LockSupport.park(message);
                throw new IllegalStateException("woken");
            }
            case 'm' -> {
                Region mine = Region.allocate(PAGES);
                fill(mine.memory(), 3);
                boolean writable = (message.word(1) & 1) != 0;
                boolean granted = (message.word(1) & 2) != 0;
                message.words(0, 0);
                if (granted) {
                    message.grant(mine, writable);
                } else {
                    message.map(mine, writable);
                }
            }
            case 'k' -> new ProcessBuilder("kill", "-9", Long.toString(ProcessHandle.current().pid())).start().waitFor();
            default -> message.words(0, 0);
        }
    }

    /** Calls so often, with messages of many shapes. {@return what was wrong, or null} */
    static String check(ThreadId server, int count) {
        Message message = message();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment[] sent = {arena.allocate(ROOM), arena.allocate(ROOM)};
            for (int i = 0; i < count; i++) {
                int words = 2 + i % (WORDS - 1);
                int strings = i % (STRINGS + 1);
                message.clear().words('e', i);
                for (int k = 2; k < words; k++) {
                    message.word(k, i * 100L + k);
                }
                for (int k = 0; k < strings; k++) {
                    MemorySegment bytes = sent[k].asSlice(0, SIZES[(i + k) % SIZES.length]);
                    fill(bytes, i + k);
                    message.string(bytes);
                }
                Ipc.call(server, message);
                boolean right = message.wordCount() == words && message.stringCount() == strings && message.word(0) == 'e'
                        && message.word(1) == i + 1;
                for (int k = 2; k < words; k++) {
                    right &= message.word(k) == i * 100L + k;
                }
                for (int k = 0; k < strings; k++) {
                    right &= message.string(k).byteSize() == SIZES[(i + k) % SIZES.length] && isFilled(message.string(k), i + k);
                }
                if (!right) {
                    return "wrong " + i + " " + message;
                }
            }
        }
        return null;
    }

    private static void call(String name, int count) {
        String wrong = check(Names.await(name, Duration.ofSeconds(10)), count);
        say(wrong == null ? "ok " + count : wrong);
    }

    private static void hang(String name) {
        ThreadId server = Names.await(name, Duration.ofSeconds(10));
        say("calling");
        try {
            Ipc.call(server, Message.of('h', 0));
            say("ended 0");
        } catch (L4Exception e) {
            say("ended " + e.error().code());
        }
    }

    private static void hammer(String name) {
        ThreadId server = Names.await(name, Duration.ofSeconds(10));
        Message message = new Message();
        say("hammering");
        try {
            for (long i = 0;; i++) {
                Ipc.call(server, message.words('e', i));
                if (message.word(1) != i + 1) {
                    say("wrong " + i);
                    System.exit(1);
                }
            }
        } catch (L4Exception e) {
            say("ended " + e.error().code());
        }
    }
}
