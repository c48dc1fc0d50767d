package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.qnx.Channel;
import org.tetrapylon.qnx.Message;
import org.tetrapylon.qnx.Pulse;

/** A server in this JVM: 'h' is held, everything else is sent back. */
final class EchoServer implements AutoCloseable {

    private static final int BUFFER = 1 << 20;

    final Channel channel;
    /** The numbers of the messages that wait for their replies. */
    final ConcurrentLinkedQueue<Long> held = new ConcurrentLinkedQueue<>();
    private final Thread thread;
    private volatile Throwable thrown;

    EchoServer(String name) {
        channel = Channel.attach(name);
        thread = Thread.ofPlatform().daemon().name("safety-echo").start(this::serve);
    }

    private void serve() {
        try (Message message = new Message(BUFFER)) {
            while (true) {
                switch (channel.receive(message)) {
                    case Message it -> answer(it);
                    case Pulse.User it -> { }
                    case Pulse.Unblock it -> { }
                    case Pulse it -> channel.handle(it);
                }
            }
        } catch (Throwable e) {
            thrown = e;
        }
    }

    private void answer(Message message) {
        MemorySegment payload = message.payload();
        if (payload.byteSize() > 0 && payload.get(ValueLayout.JAVA_BYTE, 0) == 'h') {
            held.add(message.detach());
            return;
        }
        try {
            message.reply(message.length(), payload);
        } catch (TetrapylonException e) {
            // The client may have gone, or have lied about its room.
            assertTrue(e.errno() == Errno.ESRCH || e.errno() == Errno.EFAULT, e.toString());
        }
    }

    /** Ends the channel; fails if the server had ended before. */
    @Override
    public void close() {
        Throwable before = thrown;
        channel.close();
        assertTrue(Honest.join(thread), "the server does not end");
        if (before != null) {
            throw new AssertionError("the server ended early", before);
        }
        assertEquals(Errno.ESRCH, thrown instanceof TetrapylonException it ? it.errno() : 0, String.valueOf(thrown));
    }
}
