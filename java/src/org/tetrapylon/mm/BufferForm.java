package org.tetrapylon.mm;

import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;

/** Messages in byte buffers, from position to limit; the position moves over what was sent or received. */
final class BufferForm {

    static final Form<ByteBuffer> ONE = new One();
    static final Form<ByteBuffer[]> MANY = new Many();

    /** Direct buffers up to this size are copied: that is faster than finding out where they lie. */
    private static final int SMALL = 256;

    private BufferForm() {}

    private static void requireWritable(ByteBuffer piece) {
        if (piece.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
    }

    /** Copies without moving the piece's position: a message that is not sent has not been read. */
    private static void copyIn(ByteBuffer copy, ByteBuffer piece) {
        int size = piece.remaining();
        copy.put(copy.position(), piece, piece.position(), size);
        copy.position(copy.position() + size);
    }

    private static final class One extends Form<ByteBuffer> {
        @Override
        void gather(Frame frame, ByteBuffer bytes) {
            if (isInPlace(bytes)) {
                frame.add(bytes);
            } else {
                copyIn(frame.copyBuffer(bytes.remaining()), bytes);
                frame.addCopy(bytes.remaining());
            }
        }

        @Override
        void sent(ByteBuffer bytes) {
            bytes.position(bytes.limit());
        }

        @Override
        boolean open(Frame frame, ByteBuffer bytes) {
            requireWritable(bytes);
            if (isInPlace(bytes)) {
                frame.add(bytes);
                return false;
            }
            frame.copy(bytes.remaining());
            frame.addCopy(bytes.remaining());
            return true;
        }

        @Override
        void received(Frame frame, ByteBuffer bytes, long count, boolean copied) {
            if (copied) {
                bytes.put(frame.copyBuffer((int) count));
            } else {
                bytes.position(bytes.position() + (int) count);
            }
        }

        private static boolean isInPlace(ByteBuffer bytes) {
            return bytes.isDirect() && bytes.remaining() > SMALL;
        }
    }

    private static final class Many extends Form<ByteBuffer[]> {
        @Override
        void gather(Frame frame, ByteBuffer[] pieces) {
            checkCount("mm_ipc_sendmsg", pieces.length);
            if (areInPlace(pieces)) {
                addAll(frame, pieces);
                return;
            }
            int total = remaining(pieces);
            ByteBuffer copy = frame.copyBuffer(total);
            for (ByteBuffer piece : pieces) {
                copyIn(copy, piece);
            }
            frame.addCopy(total);
        }

        @Override
        void sent(ByteBuffer[] pieces) {
            for (ByteBuffer piece : pieces) {
                piece.position(piece.limit());
            }
        }

        @Override
        boolean open(Frame frame, ByteBuffer[] pieces) {
            checkCount("mm_ipc_recvmsg", pieces.length);
            for (ByteBuffer piece : pieces) {
                requireWritable(piece);
            }
            if (areInPlace(pieces)) {
                addAll(frame, pieces);
                return false;
            }
            int total = remaining(pieces);
            frame.copy(total);
            frame.addCopy(total);
            return true;
        }

        @Override
        void received(Frame frame, ByteBuffer[] pieces, long count, boolean copied) {
            ByteBuffer copy = copied ? frame.copyBuffer((int) count) : null;
            int left = (int) count;
            for (int i = 0; i < pieces.length && left > 0; i++) {
                ByteBuffer piece = pieces[i];
                int size = Math.min(piece.remaining(), left);
                if (copied) {
                    piece.put(piece.position(), copy, (int) count - left, size);
                }
                piece.position(piece.position() + size);
                left -= size;
            }
        }

        private static void addAll(Frame frame, ByteBuffer[] pieces) {
            for (ByteBuffer piece : pieces) {
                frame.add(piece);
            }
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
}
