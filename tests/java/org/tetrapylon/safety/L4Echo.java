package org.tetrapylon.safety;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.tetrapylon.l4.Ipc;
import org.tetrapylon.l4.IpcError;
import org.tetrapylon.l4.L4Exception;
import org.tetrapylon.l4.Message;
import org.tetrapylon.l4.Names;
import org.tetrapylon.l4.ThreadId;

/** By the L4 gate. A message is 'e', a number that comes back one higher, and its bytes as a string, as in gate_l4.c. */
final class L4Echo extends EchoServer {

    /** What a sender can do to the receive that has met it: break the transfer off, or die, or have no memory there. */
    private static final Set<IpcError> OF_THE_SENDER = EnumSet.of(IpcError.REABORTED, IpcError.RERCVPFTO, IpcError.RESNDPFTO, IpcError.ENOT_EXISTENT);

    L4Echo(String name) {
        java.util.concurrent.CountDownLatch registered = new java.util.concurrent.CountDownLatch(1);
        start(() -> {
            try {
                Names.register(name);
            } finally {
                registered.countDown();
            }
            serve();
        });
        try {
            registered.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void serve() {
        Message message = new Message(16, 4 * ROOM, 4 * ROOM);
        while (true) {
            try {
                Ipc.replyAndWait(message);
                message.keep().words(message.word(0), message.word(1) + 1);
            } catch (L4Exception e) {
                if (!OF_THE_SENDER.contains(e.error()) || Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                message.dismiss();
            }
        }
    }

    @Override
    void end(List<Thread> of) {
        of.forEach(Thread::interrupt);
    }

    @Override
    boolean isEnd(Throwable e) {
        return e instanceof L4Exception it && (it.error() == IpcError.RECANCELED || it.error() == IpcError.REABORTED);
    }

    /** The server's thread, and no other after it. */
    static final class Client implements Gate.Caller {

        private final ThreadId server;
        private final Message message;
        private long number;

        Client(String name) throws Gate.Gone {
            server = Names.find(name).orElseThrow(() -> new Gate.Gone(null));
            message = new Message(2, ROOM); // not before: who tries again and again would take memory faster than it is collected
        }

        @Override
        public byte[] call(byte[] bytes) throws Gate.Gone {
            try {
                Ipc.call(server, message.clear().words('e', ++number).string(MemorySegment.ofArray(bytes)));
            } catch (L4Exception e) {
                throw Gate.Gone.of(e, e.error() == IpcError.ENOT_EXISTENT);
            }
            return message.stringCount() == 1 && message.word(1) == number + 1 ? message.bytes(0) : new byte[0];
        }

        @Override
        public void close() {
            // There is nothing to close.
        }
    }
}
