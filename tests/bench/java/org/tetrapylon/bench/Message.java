package org.tetrapylon.bench;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/** The first eight bytes of every message, as contender.h describes them: the call's number above, the size below. */
final class Message {

    static final long STEP = 1L << 32;

    private Message() {}

    static long word(MemorySegment message) {
        return message.get(JAVA_LONG, 0);
    }

    static int size(MemorySegment message) {
        return (int) word(message);
    }

    /** Turns a request into its reply and returns its size. */
    static int answer(MemorySegment message) {
        long word = word(message);
        int size = (int) word;
        if (size < Long.BYTES || size > Contender.LARGEST) {
            throw new IllegalStateException("a request of " + size + " bytes");
        }
        message.set(JAVA_LONG, 0, word + STEP);
        return size;
    }
}
