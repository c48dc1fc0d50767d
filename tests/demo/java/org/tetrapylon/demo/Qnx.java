package org.tetrapylon.demo;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.qnx.Channel;
import org.tetrapylon.qnx.Connection;
import org.tetrapylon.qnx.Message;
import org.tetrapylon.qnx.Pulse;

/** The demo's QNX gate in Java: the same server and client as tests/demo/qnx.c. */
final class Qnx {

    private static final int AT_ONCE = 65536;
    private static final int PULSES = 100;
    private static final int PULSE_CODE = 7;
    private static final int[] SIZES = {8, 9, 64, 1000, 4096, 40_000, AT_ONCE};

    private Qnx() {}

    static void serve(String name) {
        long messages = 0;
        long bytes = 0;
        long pulses = 0;
        long sum = 0;
        try (Channel channel = Channel.attach(name); Arena arena = Arena.ofConfined()) {
            MemorySegment large = arena.allocate(Side.LARGEST);
            MemorySegment told = arena.allocate(2 * Long.BYTES, Long.BYTES);
            Message message = new Message(AT_ONCE);
            Side.ready();
            while (true) {
                switch (channel.receive(message)) {
                    case Pulse.User it when it.code() == PULSE_CODE -> {
                        pulses++;
                        sum += it.value();
                    }
                    case Pulse it -> channel.handle(it);
                    case Message it -> {
                        messages++;
                        bytes += it.info().srcmsglen();
                        long word = it.buffer().get(Side.WORD, 0);
                        switch (Side.want(word)) {
                            case Side.BYTES -> answerBytes(it, large.asSlice(0, it.info().srcmsglen()), word);
                            case Side.TIME -> {
                                it.buffer().set(Side.WORD, 0, word + 1);
                                it.reply(0, (long) Long.BYTES);
                            }
                            case Side.TELL -> {
                                told.set(Side.WORD, 0, pulses);
                                told.set(Side.WORD, Long.BYTES, sum);
                                it.reply(it.info().pid(), told);
                            }
                            case Side.REFUSE -> it.fail(Errno.EPERM);
                            default -> {
                                it.reply(0);
                                Side.did("answered " + messages + " messages of " + bytes + " B and took " + pulses + " pulses");
                                return;
                            }
                        }
                    }
                }
            }
        }
    }

    /** What is longer than the server receives at once goes piece by piece while the client is blocked. */
    private static void answerBytes(Message message, MemorySegment large, long word) {
        long size = message.info().srcmsglen();
        MemorySegment bytes = message.payload();
        if (size > AT_ONCE) {
            bytes = large.copyFrom(bytes);
            for (long at = AT_ONCE; at < size;) {
                long got = message.read(at, large.asSlice(at));
                Side.require(got > 0, "nothing to read at " + at + " of " + size);
                at += got;
            }
        }
        Side.check("a message", bytes, word);
        Side.fill(bytes, word + 1);
        if (size <= AT_ONCE) {
            message.reply(size, bytes);
            return;
        }
        for (long at = 0; at < size; at += AT_ONCE) {
            long piece = Math.min(AT_ONCE, size - at);
            Side.require(message.write(at, large.asSlice(at, piece)) == piece, "no room at " + at + " of " + size);
        }
        message.reply(size);
    }

    static void call(String name) {
        try (Connection connection = Connection.open(name); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(Side.LARGEST);
            MemorySegment in = arena.allocate(Side.LARGEST);
            for (int i = 0; i < 10 * SIZES.length; i++) {
                checkBytes(connection, out, in, SIZES[i % SIZES.length], i);
            }
            Side.did("8 B to 64 KiB");
            checkBytes(connection, out, in, 300_000, 1000);
            checkBytes(connection, out, in, Side.LARGEST, 1001);
            Side.did("300 KB and 1 MB by MsgRead/Write");
            checkPulses(connection, out, in);
            Side.did(PULSES + " pulses");
            checkError(connection, out);
            Side.did("an error");
            MemorySegment word = out.asSlice(0, Long.BYTES);
            MemorySegment answer = in.asSlice(0, Long.BYTES);
            Side.time(value -> {
                word.set(Side.WORD, 0, value);
                connection.send(word, answer);
                return answer.get(Side.WORD, 0);
            });
            word.set(Side.WORD, 0, Side.word(Side.END, 0));
            connection.send(word, answer);
        }
    }

    private static void checkBytes(Connection connection, MemorySegment out, MemorySegment in, long size, int number) {
        long word = Side.word(Side.BYTES, number);
        MemorySegment message = out.asSlice(0, size);
        MemorySegment answer = in.asSlice(0, size);
        Side.fill(message, word);
        answer.fill((byte) 0);
        long status = connection.send(message, answer);
        Side.require(status == size, "a send of " + size + " B returned " + status);
        Side.check("the answer", answer, word + 1);
    }

    private static void checkPulses(Connection connection, MemorySegment out, MemorySegment in) {
        for (int i = 0; i < PULSES; i++) {
            connection.pulse(PULSE_CODE, i);
        }
        out.set(Side.WORD, 0, Side.word(Side.TELL, 0));
        long status = connection.send(out.asSlice(0, Long.BYTES), in.asSlice(0, 2 * Long.BYTES));
        Side.require(in.get(Side.WORD, 0) == PULSES && in.get(Side.WORD, Long.BYTES) == PULSES * (PULSES - 1) / 2,
                "the server took other pulses");
        Side.require(status == ProcessHandle.current().pid(), "the server was told that process " + status + " sent");
    }

    private static void checkError(Connection connection, MemorySegment out) {
        out.set(Side.WORD, 0, Side.word(Side.REFUSE, 0));
        try {
            connection.send(out.asSlice(0, Long.BYTES), MemorySegment.NULL);
        } catch (TetrapylonException e) {
            Side.require(e.errno() == Errno.EPERM, "another error came: " + e.getMessage());
            return;
        }
        throw new Side.Wrong("the server's error did not come");
    }
}
