package org.tetrapylon.l4;

import java.lang.foreign.MemorySegment;

/**
 * Memory that can be sent as a flexpage ({@link Message#map}, {@link Message#grant}): as many bytes as a power of two, aligned to their
 * size. What is mapped is from then on the same memory on both sides; nobody may write to it during the first call that does so. What is
 * granted is here no longer: the region is closed then.
 *
 * <p>Thread-safe; whoever shares memory has to agree on who writes when.
 */
public final class Region implements AutoCloseable {

    private final Pages pages;

    private Region(long size) {
        pages = new Pages(size);
    }

    /**
     * Makes a region of zeros.
     *
     * @param size in bytes, rounded up to a power of two, at least 4,096
     * @return the region
     */
    public static Region allocate(long size) {
        return new Region(size);
    }

    /** {@return how many bytes it has} */
    public long size() {
        return pages.size();
    }

    /** {@return its memory; valid until the region is granted or closed, or an attempt to grant it has failed} */
    public MemorySegment memory() {
        return pages.view(0, pages.size(), true);
    }

    /**
     * {@return the flexpage that it is}
     *
     * @param writable whether the partner may write to it
     * @param granted whether it leaves this process
     */
    public Fpage fpage(boolean writable, boolean granted) {
        return pages.fpage(writable, granted);
    }

    /** {@return whether it is closed, or was granted away} */
    public boolean isClosed() {
        return pages.isClosed();
    }

    /**
     * Gives the memory up; others to whom it was mapped keep it.
     *
     * @throws IllegalStateException while a call uses it
     */
    @Override
    public void close() {
        pages.close();
    }

    // ---- Around a call

    void enter(boolean granted) {
        pages.enter();
        if (granted) {
            pages.endViews();
        }
    }

    void leave(boolean granted) {
        pages.leave();
        if (granted && (pages.rights(0, pages.size()) & Pages.READABLE) == 0) {
            pages.close();
        }
    }

    @Override
    public String toString() {
        return "Region[" + size() + (isClosed() ? " B, closed]" : " B]");
    }
}
