package org.tetrapylon.mm;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;

/**
 * Puts a caller's memory into a frame before a call, and what came out of it after: in place where all of it is native and
 * the pieces are few, else through the frame's copy. Allocates nothing.
 */
final class Pieces {

    /** Direct buffers up to this size are copied: that is faster than finding out where they lie. */
    static final int SMALL = 256;

    private Pieces() {}

    static void requireWritable(MemorySegment piece) {
        if (piece.isReadOnly()) {
            throw new IllegalArgumentException("the memory to receive into is read-only");
        }
    }

    private static void checkCount(String call, int count) {
        if (count > Frame.PIECES_MAX) {
            throw new TetrapylonException(call, Errno.EMSGSIZE, count + " pieces");
        }
    }

    // ---- Segments ----

    static void gather(Frame frame, MemorySegment heapPiece) {
        MemorySegment.copy(heapPiece, 0, frame.copy(heapPiece.byteSize()), 0, heapPiece.byteSize());
        frame.addCopy(heapPiece.byteSize());
    }

    static void gather(Frame frame, MemorySegment[] pieces) {
        checkCount("mm_ipc_sendmsg", pieces.length);
        if (areInPlace(pieces)) {
            for (MemorySegment piece : pieces) {
                frame.add(piece);
            }
            return;
        }
        long total = size(pieces);
        MemorySegment copy = frame.copy(total);
        long at = 0;
        for (MemorySegment piece : pieces) {
            MemorySegment.copy(piece, 0, copy, at, piece.byteSize());
            at += piece.byteSize();
        }
        frame.addCopy(total);
    }

    /** Returns whether the message will have to be scattered. */
    static boolean open(Frame frame, MemorySegment[] pieces) {
        checkCount("mm_ipc_recvmsg", pieces.length);
        for (MemorySegment piece : pieces) {
            requireWritable(piece);
        }
        if (areInPlace(pieces)) {
            for (MemorySegment piece : pieces) {
                frame.add(piece);
            }
            return false;
        }
        long total = size(pieces);
        frame.copy(total);
        frame.addCopy(total);
        return true;
    }

    static void scatter(Frame frame, MemorySegment[] pieces, long count) {
        MemorySegment copy = frame.copy(0);
        long at = 0;
        for (int i = 0; i < pieces.length && at < count; i++) {
            long size = Math.min(pieces[i].byteSize(), count - at);
            MemorySegment.copy(copy, at, pieces[i], 0, size);
            at += size;
        }
    }

    private static boolean areInPlace(MemorySegment[] pieces) {
        if (pieces.length > Frame.PIECES) {
            return false;
        }
        for (MemorySegment piece : pieces) {
            if (!piece.isNative()) {
                return false;
            }
        }
        return true;
    }

    private static long size(MemorySegment[] pieces) {
        long total = 0;
        for (MemorySegment piece : pieces) {
            total = Math.addExact(total, piece.byteSize());
        }
        return total;
    }

    // ---- Buffers ----

    static void gather(Frame frame, ByteBuffer piece) {
        if (isInPlace(piece)) {
            frame.add(piece);
        } else {
            copyIn(frame.copyBuffer(piece.remaining()), piece);
            frame.addCopy(piece.remaining());
        }
    }

    static void gather(Frame frame, ByteBuffer[] pieces) {
        checkCount("mm_ipc_sendmsg", pieces.length);
        if (areInPlace(pieces)) {
            for (ByteBuffer piece : pieces) {
                frame.add(piece);
            }
            return;
        }
        int total = remaining(pieces);
        ByteBuffer copy = frame.copyBuffer(total);
        for (ByteBuffer piece : pieces) {
            copyIn(copy, piece);
        }
        frame.addCopy(total);
    }

    /** Copies without moving the piece's position: a message that is not sent has not been read. */
    private static void copyIn(ByteBuffer copy, ByteBuffer piece) {
        int size = piece.remaining();
        copy.put(copy.position(), piece, piece.position(), size);
        copy.position(copy.position() + size);
    }

    /** Returns whether the message will have to be copied out. */
    static boolean open(Frame frame, ByteBuffer piece) {
        requireWritable(piece);
        if (isInPlace(piece)) {
            frame.add(piece);
            return false;
        }
        frame.copy(piece.remaining());
        frame.addCopy(piece.remaining());
        return true;
    }

    /** Returns whether the message will have to be scattered from the copy. */
    static boolean open(Frame frame, ByteBuffer[] pieces) {
        checkCount("mm_ipc_recvmsg", pieces.length);
        for (ByteBuffer piece : pieces) {
            requireWritable(piece);
        }
        if (areInPlace(pieces)) {
            for (ByteBuffer piece : pieces) {
                frame.add(piece);
            }
            return false;
        }
        int total = remaining(pieces);
        frame.copy(total);
        frame.addCopy(total);
        return true;
    }

    static void scatter(Frame frame, ByteBuffer[] pieces, long count, boolean copies) {
        ByteBuffer copy = copies ? frame.copyBuffer((int) count) : null;
        int left = (int) count;
        for (int i = 0; i < pieces.length && left > 0; i++) {
            ByteBuffer piece = pieces[i];
            int size = Math.min(piece.remaining(), left);
            if (copies) {
                piece.put(piece.position(), copy, (int) count - left, size);
            }
            piece.position(piece.position() + size);
            left -= size;
        }
    }

    private static void requireWritable(ByteBuffer piece) {
        if (piece.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
    }

    private static boolean isInPlace(ByteBuffer piece) {
        return piece.isDirect() && piece.remaining() > SMALL;
    }

    private static boolean areInPlace(ByteBuffer[] pieces) {
        if (pieces.length > Frame.PIECES) {
            return false;
        }
        int total = 0;
        for (ByteBuffer piece : pieces) {
            if (!piece.isDirect()) {
                return false;
            }
            total |= piece.remaining();
        }
        return total > SMALL;
    }

    private static int remaining(ByteBuffer[] pieces) {
        int total = 0;
        for (ByteBuffer piece : pieces) {
            total = Math.addExact(total, piece.remaining());
        }
        return total;
    }
}
