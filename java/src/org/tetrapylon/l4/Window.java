package org.tetrapylon.l4;

import java.lang.foreign.MemorySegment;

/**
 * Where flexpages go that are received: a piece of address space of as many bytes as a power of two, aligned to its size. A smaller flexpage lands
 * where its sender says, modulo the size of the window; of a larger one the part that its sender names. Later ones replace what they cover.
 *
 * <p>Thread-safe, but for one message at a time.
 */
public final class Window implements AutoCloseable {

    private final Pages pages;
    private final MemorySegment descriptor;

    private Window(long size) {
        pages = new Pages(size);
        Fpage all = pages.fpage(true, false);
        descriptor = L4.L4_IPC_MAPMSG(all.address(), all.bits());
    }

    /**
     * Reserves address space.
     *
     * @param size in bytes, rounded up to a power of two, at least 4,096
     * @return the window
     */
    public static Window reserve(long size) {
        return new Window(size);
    }

    /** {@return how many bytes it has} */
    public long size() {
        return pages.size();
    }

    /** {@return the flexpage that it is, as {@link MsgBuffer#window(long)} takes it} */
    public Fpage fpage() {
        return pages.fpage(true, false);
    }

    /**
     * {@return the receive descriptor for two words and flexpages into it} A receive of {@link L4} does not end what {@link #mapped}
     * has given: nobody may touch that any more.
     */
    public MemorySegment descriptor() {
        return descriptor;
    }

    /**
     * {@return the memory that a flexpage has brought, read-only unless the kernel lets this process write there} Valid until the window is used for
     * another receive, or closed. If the sender cuts its file, access to what is gone throws InternalError.
     *
     * @param base where it goes, as it came
     * @param fpage the flexpage as it came
     */
    public MemorySegment mapped(long base, Fpage fpage) {
        if (fpage.bits() < L4.L4_PAGESHIFT || fpage.bits() > 46) {
            throw new IllegalArgumentException("not a flexpage: " + fpage);
        }
        long theirs = 1L << fpage.bits();
        boolean smaller = theirs < size();
        long offset = smaller ? base & (size() - 1) & -theirs : 0;
        long length = smaller ? theirs : size();
        return pages.view(offset, length, (pages.rights(offset, length) & Pages.WRITABLE) != 0);
    }

    /**
     * Gives the address space up, and with it what is mapped there.
     *
     * @throws IllegalStateException while a call uses it
     */
    @Override
    public void close() {
        pages.close();
    }

    // ---- Around a call

    void enter() {
        pages.enter();
        pages.endViews();
    }

    void leave() {
        pages.leave();
    }

    @Override
    public String toString() {
        return "Window[" + size() + (pages.isClosed() ? " B, closed]" : " B]");
    }
}
