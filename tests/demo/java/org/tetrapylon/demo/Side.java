package org.tetrapylon.demo;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.LongUnaryOperator;
import org.tetrapylon.Fd;

/**
 * What the gates' programs share: messages whose bytes both sides can compute, what is said to the demo, and the clock. The same as
 * tests/demo/support/side.h, where it is described.
 */
final class Side {

    static final int LARGEST = 1_000_000;
    static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

    static final int BYTES = 0;
    static final int TIME = 1;
    static final int TELL = 2;
    static final int REFUSE = 3;
    static final int FILE = 4;
    static final int END = 5;

    private static final int FILE_SIZE = 100_000;
    private static final int TRIPS = 100_000;
    /** More than in C: the compiler has to see the loop first. */
    private static final int WARM_UP = 20_000;
    private static final long LONGEST = 1_500_000_000;

    private Side() {}

    /** The answer is not the one that must come. */
    static final class Wrong extends RuntimeException {
        private static final long serialVersionUID = 1;

        Wrong(String what) {
            super(what);
        }
    }

    static long word(int want, int number) {
        return (long) want << 32 | number;
    }

    static int want(long word) {
        return (int) (word >>> 32);
    }

    private static long piece(long word, long index) {
        long x = (word & 0xffff_ffffL) * 0x9E3779B97F4A7C15L + index;
        x = (x ^ x >>> 29) * 0xBF58476D1CE4E5B9L;
        return x ^ x >>> 32;
    }

    /** Writes the word, then the bytes made from its number. */
    static void fill(MemorySegment message, long word) {
        message.set(WORD, 0, word);
        long at = Long.BYTES;
        for (; at + Long.BYTES <= message.byteSize(); at += Long.BYTES) {
            message.set(WORD, at, piece(word, at));
        }
        for (long from = at; at < message.byteSize(); at++) {
            message.set(ValueLayout.JAVA_BYTE, at, (byte) (piece(word, from) >>> 8 * (at - from)));
        }
    }

    /** Throws unless the message is just that. */
    static void check(String what, MemorySegment message, long word) {
        boolean same = message.get(WORD, 0) == word;
        long at = Long.BYTES;
        for (; same && at + Long.BYTES <= message.byteSize(); at += Long.BYTES) {
            same = message.get(WORD, at) == piece(word, at);
        }
        for (long from = at; same && at < message.byteSize(); at++) {
            same = message.get(ValueLayout.JAVA_BYTE, at) == (byte) (piece(word, from) >>> 8 * (at - from));
        }
        require(same, what + " of " + message.byteSize() + " B has other bytes");
    }

    static void require(boolean right, String otherwise) {
        if (!right) {
            throw new Wrong(otherwise);
        }
    }

    private static void write(Fd file, long word) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment content = arena.allocate(FILE_SIZE);
            fill(content, word);
            require(file.write(content, 0) == FILE_SIZE, "the file took less");
        }
    }

    /** A memory file with just these bytes. */
    static Fd file(long word) {
        Fd file = Fd.memfd("demo", FILE_SIZE);
        write(file, word);
        return file;
    }

    static void checkFile(Fd file, long word) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment content = arena.allocate(FILE_SIZE);
            require(file.read(content, 0) == FILE_SIZE, "the file is short");
            check("the file", content, word);
        }
    }

    /** Checks the file and writes the answer into it. */
    static void answerFile(Fd file, long word) {
        checkFile(file, word);
        write(file, word + 1);
    }

    static void ready() {
        System.out.println("ready");
    }

    static void did(String what) {
        System.out.println("did " + what);
    }

    /** Makes 8 B round trips for a while and says how long they take. */
    static void time(LongUnaryOperator trip) {
        long[] times = new long[TRIPS];
        int count = 0;
        long begin = System.nanoTime();
        long before = begin;
        for (int i = -WARM_UP; i < TRIPS && before - begin < LONGEST; i++) {
            // Where trips are slow, half of the time is for warming up.
            if (i < 0 && before - begin > LONGEST / 2) {
                i = 0;
            }
            long word = word(TIME, i + WARM_UP);
            long answer = trip.applyAsLong(word);
            long after = System.nanoTime();
            if (answer != word + 1) {
                throw new Wrong("the answer to " + Long.toHexString(word) + " is " + Long.toHexString(answer));
            }
            if (i >= 0) {
                times[count++] = after - before;
            }
            before = after;
        }
        Arrays.sort(times, 0, count);
        System.out.println("times " + times[count / 2] + " " + times[(int) (count * 99L / 100)] + " " + count);
    }
}
