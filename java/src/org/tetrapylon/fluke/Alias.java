package org.tetrapylon.fluke;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Where a function of {@link FlukeIpc} that waits for a message puts the alias of the port it came to ({@code void **alias}). Owner: who made
 * it. For one thread at a time.
 */
public final class Alias {

    private final MemorySegment memory = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);
    private final long address = memory.address();

    /** Of no port so far. */
    public Alias() {}

    /** {@return the alias of the port that the last message came to} */
    public long value() {
        return memory.get(ValueLayout.JAVA_LONG, 0);
    }

    static long addressOf(Alias alias) {
        return alias == null ? 0 : alias.address;
    }
}
