package org.tetrapylon.internal;

import java.lang.ref.Cleaner;

/**
 * Closes what was forgotten, and reports it. Whoever owns a descriptor registers; when the owner is collected with the
 * descriptor open, that is a leak.
 */
public final class Leaks {

    /** The name of the logger, level WARNING. */
    public static final String LOGGER = "org.tetrapylon.Fd";

    private static final Cleaner CLEANER = Cleaner.create();
    private static final boolean TRACE = "trace".equals(System.getProperty("tetrapylon.leaks"));

    private Leaks() {}

    /** What is left of a forgotten owner. Must not know it. */
    private record Leak(String what, Descriptor descriptor, Runnable close, Throwable made) implements Runnable {
        @Override
        public void run() {
            if (!descriptor.shut()) {
                return;
            }
            try {
                System.getLogger(LOGGER).log(System.Logger.Level.WARNING, what + " " + descriptor.number()
                        + " was never closed"
                        + (made == null ? "; -Dtetrapylon.leaks=trace shows where it came from" : ""), made);
            } finally {
                close.run();
            }
        }
    }

    /**
     * Watches an owner.
     *
     * @param owner who closes the descriptor
     * @param what what it is called in the report, before the number
     * @param descriptor once it is shut, all is well
     * @param close gives it back to the kernel; must not know the owner
     * @return to be cleaned when the descriptor has been closed
     */
    public static Cleaner.Cleanable watch(Object owner, String what, Descriptor descriptor, Runnable close) {
        return CLEANER.register(owner, new Leak(what, descriptor, close, TRACE ? new Throwable("made here") : null));
    }
}
