package org.tetrapylon.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Tells which memory outlasts a call without being held for it, so that its bare address can be passed: a segment that is passed costs 1
 * to 5 ns (its arena is held, by a way that depends on the arena's kind), an address nothing.
 *
 * <p>That is native memory of the global arena, which is never freed; of an automatic one, as long as somebody has the segment, which
 * the caller sees to with {@code Reference.reachabilityFence} after the call; and of a confined one that is this thread's and open,
 * because only this thread could close it, and it is in the call. Memory of a shared arena, of another thread's, of a closed arena and of
 * kinds that are not known here does not count: it is passed as a segment, and the JDK holds it or refuses it.
 *
 * <p>The kind of a segment's arena is the class of its scope. Those classes are the JDK's own; a JDK in which a shared arena has the same
 * class as another makes that other one unknown here.
 */
public final class Lasting {

    private static final Class<?> GLOBAL;
    private static final Class<?> AUTOMATIC;
    private static final Class<?> CONFINED;

    static {
        try (Arena confined = Arena.ofConfined(); Arena shared = Arena.ofShared()) {
            Class<?> mustBeHeld = shared.scope().getClass();
            GLOBAL = unless(mustBeHeld, Arena.global().scope().getClass());
            AUTOMATIC = unless(mustBeHeld, Arena.ofAuto().scope().getClass());
            CONFINED = unless(mustBeHeld, confined.scope().getClass());
        }
    }

    private Lasting() {}

    /** A class that no scope has, where the kind is not to be told from one that must be held. */
    private static Class<?> unless(Class<?> mustBeHeld, Class<?> kind) {
        return kind == mustBeHeld ? Lasting.class : kind;
    }

    /** {@return whether the segment's address can be used for a call of this thread, if the segment is kept reachable until its end} */
    public static boolean during(MemorySegment segment) {
        if (!segment.isNative()) {
            return false;
        }
        MemorySegment.Scope scope = segment.scope();
        Class<?> kind = scope.getClass();
        return kind == GLOBAL || kind == AUTOMATIC
                || kind == CONFINED && segment.isAccessibleBy(Thread.currentThread()) && scope.isAlive();
    }

    /** {@return whether the segment's address can be used by any thread as long as somebody has the segment: its arena cannot be closed} */
    public static boolean always(MemorySegment segment) {
        Class<?> kind = segment.scope().getClass();
        return kind == GLOBAL || kind == AUTOMATIC;
    }

    /**
     * Refuses memory that this thread must not use now, as the JDK does when it is passed.
     *
     * @throws WrongThreadException if it is confined to another thread
     * @throws IllegalStateException if its arena is closed
     */
    public static void check(MemorySegment segment) {
        if (!segment.isAccessibleBy(Thread.currentThread())) {
            throw new WrongThreadException("the memory is confined to another thread");
        }
        if (!segment.scope().isAlive()) {
            throw new IllegalStateException("the memory's arena is closed");
        }
    }
}
