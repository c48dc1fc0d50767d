package org.tetrapylon.l4;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.Fd;

/**
 * A piece of address space, aligned to its size, in which flexpages lie. It always has some memory behind it, except where it was granted
 * away. Access is by views, which end before a call may change what lies there: to touch pages that are gone or read-only would end the JVM.
 *
 * <p>Thread-safe.
 */
final class Pages implements AutoCloseable {

    static final int READABLE = 1;
    static final int WRITABLE = 2;

    private static final int FEWEST_BITS = 12;
    private static final int MOST_BITS = 40;
    private static final int CLOSED = Integer.MIN_VALUE;

    private final Arena ground = Arena.ofShared();
    private final long address;
    private final int bits;
    /** Calls that need the addresses; {@link #CLOSED}: there will be none. */
    private final AtomicInteger users = new AtomicInteger();
    private volatile Arena views;

    /** size: rounded up to a power of two of at least a page. */
    Pages(long size) {
        if (size < 1 || size > 1L << MOST_BITS) {
            throw new IllegalArgumentException("not a size for flexpages: " + size);
        }
        bits = Math.max(FEWEST_BITS, 64 - Long.numberOfLeadingZeros(size - 1));
        try (Fd memory = Fd.memfd("tetrapylon-l4", 2 * size())) {
            // Private: what is shared later is shared by the library, page by page, and nothing beside it.
            address = (memory.map(MapMode.PRIVATE, 0, 2 * size(), ground).address() + size() - 1) & -size();
        } catch (RuntimeException | Error e) {
            ground.close();
            throw e;
        }
    }

    long size() {
        return 1L << bits;
    }

    Fpage fpage(boolean writable, boolean granted) {
        return Fpage.of(address, bits, writable, granted);
    }

    /** Memory from here on; it ends with the next {@link #endViews}. */
    synchronized MemorySegment view(long offset, long size, boolean writable) {
        if (isClosed()) {
            throw closed();
        }
        if (views == null) {
            views = Arena.ofShared();
        }
        MemorySegment view = MemorySegment.ofAddress(address + offset).reinterpret(size, views, null);
        return writable ? view : view.asReadOnly();
    }

    /** All views made so far are no longer valid. */
    void endViews() {
        if (views != null) {
            synchronized (this) {
                if (views != null) {
                    views.close();
                    views = null;
                }
            }
        }
    }

    /** A call begins that needs the addresses. */
    void enter() {
        if (users.incrementAndGet() < 0) {
            users.decrementAndGet();
            throw closed();
        }
    }

    void leave() {
        users.decrementAndGet();
    }

    private static IllegalStateException closed() {
        return new IllegalStateException("the pages are closed, or were granted away");
    }

    boolean isClosed() {
        return users.get() < 0;
    }

    /** Gives the addresses back. Throws while a call uses them. */
    @Override
    public synchronized void close() {
        if (isClosed()) {
            return;
        }
        if (!users.compareAndSet(0, CLOSED)) {
            throw new IllegalStateException("a call uses the pages");
        }
        endViews();
        ground.close();
    }

    /** What can be done with all of these bytes, as the kernel has it: whatever a sender says. */
    int rights(long offset, long size) {
        long from = address + offset;
        long to = from + size;
        int rights = READABLE | WRITABLE;
        long next = from;
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1)) {
                int dash = line.indexOf('-');
                int space = line.indexOf(' ', dash);
                long begin = Long.parseUnsignedLong(line, 0, dash, 16);
                long end = Long.parseUnsignedLong(line, dash + 1, space, 16);
                if (Long.compareUnsigned(end, next) <= 0) {
                    continue;
                }
                if (Long.compareUnsigned(begin, next) > 0 || next == to) {
                    break;
                }
                rights &= (line.charAt(space + 1) == 'r' ? READABLE : 0) | (line.charAt(space + 2) == 'w' ? WRITABLE : 0);
                next = Long.compareUnsigned(end, to) < 0 ? end : to;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the list of mappings cannot be read", e);
        }
        return next == to ? rights : 0;
    }
}
