package org.tetrapylon.fluke;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.internal.NativeLibrary;

/**
 * An object of the Fluke API in native memory: a port, a port set or a reference. The constructors of the kinds give the memory alone, for
 * the functions of {@link FlukeIpc} that create and destroy what is in it; their static methods give one that is created. A function that
 * is given one which is not created, or destroyed, returns FLUKE_INSANITY_NO_OBJECT.
 *
 * <p>Owner: who made it; closing destroys it, once. Thread-safe.
 */
public abstract sealed class FlukeObject implements AutoCloseable permits Port, PortSet, Reference {

    static {
        NativeLibrary.load();
    }

    /** The native object; it knows its own address, and lives as long as this object. */
    final MemorySegment memory;
    private final long address;

    FlukeObject(long size) {
        memory = Arena.ofAuto().allocate(size, Long.BYTES);
        address = memory.address();
    }

    /** {@return the memory of an object that may be null} */
    static MemorySegment memoryOf(FlukeObject object) {
        return object == null ? MemorySegment.NULL : object.memory;
    }

    /** {@return the address of an object that may be null} */
    static long addressOf(FlukeObject object) {
        return object == null ? 0 : object.address;
    }

    /** Destroys it; does nothing if it is not created. */
    @Override
    public abstract void close();
}
