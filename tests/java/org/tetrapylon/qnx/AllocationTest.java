package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.Errno;
import org.tetrapylon.support.Allocations;
import org.tetrapylon.support.Background;

/** A call and its answer allocate nothing on the Java heap, on either side. */
@Timeout(90)
class AllocationTest {

    private interface Server {
        void answer(Message message);
    }

    /** Runs the pair until one stretch of calls has allocated nothing on both sides. */
    private static void assertNothingAllocated(Channel channel, Allocations.Client client, Server answer) throws Exception {
        AtomicBoolean running = new AtomicBoolean(true);
        Background server = Background.platform(() -> {
            Message message = new Message(4096);
            while (running.get()) {
                if (channel.receive(message) instanceof Message it) {
                    answer.answer(it);
                }
            }
        });
        long least = Allocations.least(server.thread(), client);
        running.set(false);
        channel.close();
        int errno = server.end() == null ? Errno.ESRCH : server.endErrno();
        assertEquals(Errno.ESRCH, errno);
        Allocations.assertNone(least);
    }

    @Test
    void segments() throws Exception {
        Channel channel = Channel.create();
        try (Connection connection = channel.connect(); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(64);
            MemorySegment in = arena.allocate(64);
            assertNothingAllocated(channel, number -> {
                out.set(ValueLayout.JAVA_LONG, 0, number);
                if (connection.send(out, in) != number || in.get(ValueLayout.JAVA_LONG, 0) != number) {
                    throw new AssertionError("wrong answer");
                }
            }, message -> message.reply(message.buffer().get(ValueLayout.JAVA_LONG, 0), message.length()));
        }
    }

    @Test
    void byteBuffers() throws Exception {
        Channel channel = Channel.create();
        try (Connection connection = channel.connect()) {
            ByteBuffer out = ByteBuffer.allocate(64);
            ByteBuffer in = ByteBuffer.allocateDirect(64);
            assertNothingAllocated(channel, number -> {
                out.clear().putLong(0, number);
                in.clear();
                if (connection.send(out, in) != 3 || in.getLong(0) != number) {
                    throw new AssertionError("wrong answer");
                }
            }, message -> message.reply(3, message.byteBuffer()));
        }
    }

    @Test
    void documentedFunctions() throws Exception {
        Channel channel = Channel.create();
        try (Connection connection = channel.connect(); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(64);
            MemorySegment in = arena.allocate(64);
            int coid = connection.coid();
            assertNothingAllocated(channel, number -> {
                out.set(ValueLayout.JAVA_LONG, 0, number);
                if (Neutrino.msgSend(coid, out, 8, in, 8) != number) {
                    throw new AssertionError("wrong answer");
                }
            }, message -> Neutrino.msgReply(message.detach(), message.buffer().get(ValueLayout.JAVA_LONG, 0), message.buffer(), 8));
        }
    }
}
