package org.tetrapylon.demo;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.tetrapylon.l4.Ipc;
import org.tetrapylon.l4.IpcError;
import org.tetrapylon.l4.L4Exception;
import org.tetrapylon.l4.Message;
import org.tetrapylon.l4.Names;
import org.tetrapylon.l4.Region;
import org.tetrapylon.l4.ThreadId;
import org.tetrapylon.l4.Window;

/** The demo's L4 gate in Java: the same server and client as tests/demo/l4.c. */
final class L4 {

    private static final int PAGES = 65_536;
    private static final int PAGES_NUMBER = 3000;
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int[] SIZES = {8, 9, 64, 1000, 4096, 40_000, 65_536};

    private L4() {}

    static void serve(String name) {
        long messages = 0;
        long bytes = 0;
        long pages = 0;
        long cuts = 0;
        Message message = new Message(2, Side.LARGEST);
        try (Window window = Window.reserve(PAGES); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(Side.LARGEST);
            Names.register(name);
            Side.ready();
            message.window(window);
            while (true) {
                Ipc.replyAndWait(message);
                if (message.lost() != null) {
                    Side.require(message.lost() == IpcError.SEMSGCUT, "an answer was lost: " + message.lost());
                    cuts++; // the client had no room, as it wanted
                }
                Side.require(!message.isCut(), "a message was cut");
                messages++;
                long word = message.word(0);
                long size = message.word(1);
                if (message.isMapped()) {
                    MemorySegment shared = message.mapped(0);
                    Side.check("the pages", shared, Side.word(Side.FILE, PAGES_NUMBER));
                    Side.fill(shared, Side.word(Side.FILE, PAGES_NUMBER + 1));
                    pages++;
                } else if (Side.want(word) == Side.BYTES || Side.want(word) == Side.REFUSE) {
                    Side.require(message.stringCount() == 1 && message.string(0).byteSize() == size, "not a string of " + size + " B");
                    Side.check("a string", message.string(0), word);
                    bytes += size;
                    MemorySegment answer = out.asSlice(0, size);
                    Side.fill(answer, word + 1);
                    message.string(answer);
                } else if (Side.want(word) == Side.END) {
                    break;
                }
                message.words(word + 1, size);
            }
            Ipc.reply(message.words(message.word(0) + 1, cuts));
        }
        Side.did("answered " + messages + " messages with " + bytes + " B of strings, " + cuts + " of them cut, and " + pages + (pages == 1 ? " flexpage" : " flexpages"));
        Names.unregister(name);
    }

    static void call(String name) {
        ThreadId server = Names.await(name, PATIENCE);
        Message message = new Message(2, Side.LARGEST);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(Side.LARGEST);
            for (int i = 0; i < 10 * SIZES.length; i++) {
                check(server, message, out.asSlice(0, SIZES[i % SIZES.length]), i);
            }
            Side.did("strings of 8 B to 64 KiB");
            check(server, message, out.asSlice(0, 300_000), 1000);
            check(server, message, out, 1001);
            Side.did("300 KB and 1 MB");
            checkCut(server, out.asSlice(0, 1000));
            Side.did("a cut");
            checkPages(server);
            Side.did("a flexpage");
        }
        Message word = new Message();
        Side.time(value -> {
            Ipc.call(server, word.words(value, 0));
            return word.word(0);
        });
        Ipc.call(server, word.words(Side.word(Side.END, 0), 0));
        Side.require(word.word(0) == Side.word(Side.END, 1), "the last answer is wrong");
    }

    private static void check(ThreadId server, Message message, MemorySegment out, int number) {
        long word = Side.word(Side.BYTES, number);
        Side.fill(out, word);
        Ipc.call(server, message.words(word, out.byteSize()).string(out));
        Side.require(message.word(0) == word + 1 && message.stringCount() == 1 && message.string(0).byteSize() == out.byteSize(),
                "the answer to " + out.byteSize() + " B is " + message);
        Side.check("the answer", message.string(0), word + 1);
    }

    private static void checkCut(ThreadId server, MemorySegment out) {
        long word = Side.word(Side.REFUSE, 5);
        Side.fill(out, word);
        try {
            Ipc.call(server, new Message(2, 100).words(word, out.byteSize()).string(out));
        } catch (L4Exception e) {
            Side.require(e.error() == IpcError.REMSGCUT, "another error came: " + e.getMessage());
            return;
        }
        throw new Side.Wrong("a long answer was not cut");
    }

    private static void checkPages(ThreadId server) {
        try (Region region = Region.allocate(PAGES)) {
            Side.fill(region.memory(), Side.word(Side.FILE, PAGES_NUMBER));
            Ipc.call(server, new Message().map(region, true));
            Side.check("what the server has written", region.memory(), Side.word(Side.FILE, PAGES_NUMBER + 1));
        }
    }
}
