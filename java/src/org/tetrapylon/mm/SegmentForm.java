package org.tetrapylon.mm;

import java.lang.foreign.MemorySegment;

/** Messages in memory segments. */
final class SegmentForm {

    static final Form<MemorySegment> ONE = new One();
    static final Form<MemorySegment[]> MANY = new Many();

    private SegmentForm() {}

    private static void requireWritable(MemorySegment piece) {
        if (piece.isReadOnly()) {
            throw new IllegalArgumentException("the memory to receive into is read-only");
        }
    }

    private static final class One extends Form<MemorySegment> {
        @Override
        void gather(Frame frame, MemorySegment bytes) {
            if (bytes.isNative()) {
                frame.add(bytes);
                return;
            }
            MemorySegment.copy(bytes, 0, frame.copy(bytes.byteSize()), 0, bytes.byteSize());
            frame.addCopy(bytes.byteSize());
        }

        @Override
        void sent(MemorySegment bytes) {}

        @Override
        boolean open(Frame frame, MemorySegment bytes) {
            requireWritable(bytes);
            if (bytes.isNative()) {
                frame.add(bytes);
                return false;
            }
            frame.copy(bytes.byteSize());
            frame.addCopy(bytes.byteSize());
            return true;
        }

        @Override
        void received(Frame frame, MemorySegment bytes, long count, boolean copied) {
            if (copied) {
                MemorySegment.copy(frame.copy(0), 0, bytes, 0, count);
            }
        }
    }

    private static final class Many extends Form<MemorySegment[]> {
        @Override
        void gather(Frame frame, MemorySegment[] pieces) {
            checkCount("mm_ipc_sendmsg", pieces.length);
            if (areInPlace(pieces)) {
                addAll(frame, pieces);
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

        @Override
        void sent(MemorySegment[] pieces) {}

        @Override
        boolean open(Frame frame, MemorySegment[] pieces) {
            checkCount("mm_ipc_recvmsg", pieces.length);
            for (MemorySegment piece : pieces) {
                requireWritable(piece);
            }
            if (areInPlace(pieces)) {
                addAll(frame, pieces);
                return false;
            }
            long total = size(pieces);
            frame.copy(total);
            frame.addCopy(total);
            return true;
        }

        @Override
        void received(Frame frame, MemorySegment[] pieces, long count, boolean copied) {
            MemorySegment copy = frame.copy(0);
            long at = 0;
            for (int i = 0; copied && i < pieces.length && at < count; i++) {
                long size = Math.min(pieces[i].byteSize(), count - at);
                MemorySegment.copy(copy, at, pieces[i], 0, size);
                at += size;
            }
        }

        private static void addAll(Frame frame, MemorySegment[] pieces) {
            for (MemorySegment piece : pieces) {
                frame.add(piece);
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
    }
}
