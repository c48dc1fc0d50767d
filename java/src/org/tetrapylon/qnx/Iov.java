package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.tetrapylon.generated.qnx.iovec;
import org.tetrapylon.internal.Lasting;

/**
 * A list of parts of a message ({@code iov_t[]}), which are gathered and scattered as one run of bytes. The list lies in native memory
 * and can be used for any number of calls. Parts are native segments; they are kept reachable by the list, and their arenas must stay
 * open while a call uses it.
 *
 * <p>Owner: who made it. Not to be changed while a call uses it; else thread-safe as its arena is.
 */
public final class Iov {

    private final MemorySegment list;
    private final MemorySegment[] parts;

    /**
     * Makes a list of empty parts.
     *
     * @param arena where the list lives
     * @param count how many parts it has, 0 or more
     */
    public Iov(Arena arena, int count) {
        list = arena.allocate(iovec.layout(), count);
        parts = new MemorySegment[count];
        Arrays.fill(parts, MemorySegment.NULL);
    }

    /**
     * {@return a list of these parts}
     *
     * @param arena owns the list
     * @param parts native segments
     */
    public static Iov of(Arena arena, MemorySegment... parts) {
        Iov iov = new Iov(arena, parts.length);
        for (int i = 0; i < parts.length; i++) {
            iov.set(i, parts[i]);
        }
        return iov;
    }

    /**
     * Sets a part, as SETIOV does.
     *
     * @param index which part
     * @param part a native segment, of which the list keeps address and size
     * @throws IllegalArgumentException if it lies on the Java heap
     */
    public void set(int index, MemorySegment part) {
        if (!part.isNative()) {
            throw new IllegalArgumentException("a part must lie in native memory");
        }
        Objects.checkIndex(index, parts.length);
        MemorySegment entry = iovec.asSlice(list, index);
        iovec.iov_base(entry, part);
        iovec.iov_len(entry, part.byteSize());
        parts[index] = part;
    }

    /**
     * {@return a part}
     *
     * @param index from 0
     */
    public MemorySegment get(int index) {
        return parts[index];
    }

    /** {@return how many parts the list has} */
    public int parts() {
        return parts.length;
    }

    /** {@return the native array, each part of which still has memory behind it} */
    MemorySegment list() {
        for (MemorySegment part : parts) {
            Lasting.check(part);
        }
        return list;
    }

    /** As {@link #list}, for parts that will be written. */
    MemorySegment writableList() {
        for (MemorySegment part : parts) {
            if (part.isReadOnly()) {
                throw new IllegalArgumentException("a part is read-only");
            }
        }
        return list();
    }
}
