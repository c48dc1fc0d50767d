package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.qnx.Channel;
import org.tetrapylon.qnx.Connection;
import org.tetrapylon.qnx.Message;
import org.tetrapylon.qnx.Pulse;

/** By the QNX gate: 'h' is held, everything else is sent back. */
final class QnxEcho extends EchoServer {

    private final Channel channel;
    /** The numbers of the messages that wait for their replies. */
    final ConcurrentLinkedQueue<Long> held = new ConcurrentLinkedQueue<>();

    QnxEcho(String name) {
        channel = Channel.attach(name);
        start(this::serve);
    }

    private void serve() {
        try (Message message = new Message(ROOM)) {
            while (true) {
                switch (channel.receive(message)) {
                    case Message it -> answer(it);
                    case Pulse.User it -> { }
                    case Pulse.Unblock it -> { }
                    case Pulse it -> channel.handle(it);
                }
            }
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

    @Override
    void end(List<Thread> of) {
        channel.close();
    }

    @Override
    boolean isEnd(Throwable e) {
        return e instanceof TetrapylonException it && it.errno() == Errno.ESRCH;
    }

    /** A connection; once its server has gone it is none any more, even when the name has another owner. */
    static final class Client implements Gate.Caller {

        private final Connection connection;
        private boolean gone;

        Client(String name) throws Gate.Gone {
            try {
                connection = Connection.open(name);
            } catch (TetrapylonException e) {
                throw Gate.Gone.of(e, e.errno() == Errno.ENOENT || e.errno() == Errno.ESRCH || e.errno() == Errno.ENXIO);
            }
        }

        @Override
        public byte[] call(byte[] message) throws Gate.Gone {
            try {
                return connection.send(message, message.length + 1).payload();
            } catch (TetrapylonException e) {
                boolean isGone = e.errno() == Errno.EBADF || (!gone && e.errno() == Errno.ESRCH);
                gone |= isGone;
                throw Gate.Gone.of(e, isGone);
            }
        }

        @Override
        public void close() {
            connection.close();
        }
    }
}
