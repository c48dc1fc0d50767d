package org.tetrapylon.l4;

/**
 * A flexpage: pages of memory, as many as a power of two, aligned to their size.
 *
 * @param raw the number that stands in a message
 */
public record Fpage(long raw) {

    /** No flexpage. */
    public static final Fpage NONE = new Fpage(0);

    /**
     * {@return the flexpage at an address}
     *
     * @param address its first byte
     * @param bits the logarithm of its size in bytes, 12 and up
     * @param writable whether who gets it may write to it
     * @param granted whether it leaves its sender
     */
    public static Fpage of(long address, int bits, boolean writable, boolean granted) {
        return new Fpage(L4.l4Fpage(address, bits, writable ? L4.L4_FPAGE_RW : L4.L4_FPAGE_RO,
                granted ? L4.L4_FPAGE_GRANT : L4.L4_FPAGE_MAP));
    }

    /** {@return its first byte} */
    public long address() {
        return raw & L4.L4_PAGEMASK;
    }

    /** {@return the logarithm of its size in bytes} */
    public int bits() {
        return (int) (raw >>> 2) & 127;
    }

    /** {@return whether its sender lets others write to it} */
    public boolean isWritable() {
        return L4.l4IpcIsFpageWritable(raw);
    }

    /** {@return whether it leaves its sender} */
    public boolean isGranted() {
        return L4.l4IpcIsFpageGranted(raw);
    }

    @Override
    public String toString() {
        return "Fpage[0x" + Long.toHexString(address()) + ", 2^" + bits() + (isWritable() ? ", rw" : ", ro") + (isGranted() ? ", grant]" : "]");
    }
}
