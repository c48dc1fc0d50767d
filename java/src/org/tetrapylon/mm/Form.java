package org.tetrapylon.mm;

import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;

/**
 * One form in which a caller gives the memory of a message, a segment or buffer or many: how it goes into a frame before the
 * call, and what came out of the frame after it. Memory is used in place where all of it is native and the pieces are few, else it goes
 * through the frame's copy. Has no state and allocates nothing.
 *
 * @param <T> what the caller gives
 */
abstract class Form<T> {

    /** Fills the frame with a message to send. */
    abstract void gather(Frame frame, T message);

    /** The message has been sent. */
    abstract void sent(T message);

    /** Prepares the frame to receive. Returns whether the message will have to be copied out of it. */
    abstract boolean open(Frame frame, T room);

    /** So many bytes have been received, into the frame's copy or into the room itself. */
    abstract void received(Frame frame, T room, long count, boolean copied);

    static void checkCount(String call, int count) {
        if (count > Frame.PIECES_MAX) {
            throw new TetrapylonException(call, Errno.EMSGSIZE, count + " pieces");
        }
    }
}
