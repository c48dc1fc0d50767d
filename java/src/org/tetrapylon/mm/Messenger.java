package org.tetrapylon.mm;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.tetrapylon.Fd;

/**
 * Sends and receives messages of every form over one connection: fills a frame, makes the call, empties the frame. Keeps one frame for
 * each direction, so that nothing is allocated for a message; threads that send at the same time get frames of their own.
 *
 * <p>Thread-safe.
 */
final class Messenger {

    private final Transfer transfer;
    private final Spare toSend = new Spare();
    private final Spare toReceive = new Spare();

    /** A frame that nobody is using, if there is one: null while a thread has it. */
    private static final class Spare {
        private static final VarHandle FRAME;

        static {
            try {
                FRAME = MethodHandles.lookup().findVarHandle(Spare.class, "frame", Frame.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        private volatile Frame frame;

        Frame take() {
            Frame spare = (Frame) FRAME.getAndSetAcquire(this, (Frame) null);
            return spare == null ? new Frame() : spare;
        }

        void put(Frame used) {
            used.release();
            FRAME.setRelease(this, used);
        }

        void drop() {
            FRAME.setRelease(this, (Frame) null);
        }
    }

    Messenger(Transfer transfer) {
        this.transfer = transfer;
    }

    /** Returns the message's size in bytes. */
    <T> long send(Form<T> form, T message, Fd[] descriptors, long deadline) {
        Frame frame = toSend.take();
        try {
            frame.clear();
            form.gather(frame, message);
            long sent = transfer.send(frame, descriptors, deadline);
            form.sent(message);
            return sent;
        } finally {
            toSend.put(frame);
        }
    }

    /** Returns how many bytes the room takes. */
    <T> long receive(Form<T> form, T room, Received received, long deadline) {
        Frame frame = toReceive.take();
        try {
            frame.clear();
            boolean copies = form.open(frame, room);
            long count = transfer.receive(frame, received, deadline);
            form.received(frame, room, count, copies);
            return count;
        } finally {
            toReceive.put(frame);
        }
    }

    /** Lets go of the frames; the connection has been closed. */
    void forget() {
        toSend.drop();
        toReceive.drop();
    }
}
