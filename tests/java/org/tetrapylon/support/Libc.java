package org.tetrapylon.support;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The few functions of the C library that tests need and the module has no use for. */
public final class Libc {

    private static final int RLIMIT_NOFILE = 7;
    private static final int SOL_SOCKET = 1;
    private static final int SO_RCVTIMEO = 20;
    private static final MethodHandle GETRLIMIT = find("getrlimit", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle SETRLIMIT = find("setrlimit", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle SETSOCKOPT = find("setsockopt",
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));

    private Libc() {}

    private static MethodHandle find(String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(Linker.nativeLinker().defaultLookup().findOrThrow(name), descriptor);
    }

    /** A call that fails the test when it fails. */
    private interface Call {
        int run() throws Throwable;
    }

    private static void check(String name, Call call) {
        try {
            if (call.run() != 0) {
                throw new AssertionError(name + " failed");
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Runs something while this process may have so many descriptors. */
    public static void withDescriptorLimit(long limit, Runnable body) {
        long before = limitDescriptors(limit);
        try {
            body.run();
        } finally {
            limitDescriptors(before);
        }
    }

    /** From now on this process may have so many descriptors. {@return how many it could have before} */
    public static long limitDescriptors(long limit) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limits = arena.allocate(JAVA_LONG, 2);
            check("getrlimit", () -> (int) GETRLIMIT.invokeExact(RLIMIT_NOFILE, limits));
            long before = limits.getAtIndex(JAVA_LONG, 0);
            limits.setAtIndex(JAVA_LONG, 0, limit);
            check("setrlimit", () -> (int) SETRLIMIT.invokeExact(RLIMIT_NOFILE, limits));
            return before;
        }
    }

    /** Sets SO_RCVTIMEO. */
    public static void receiveTimeout(int socket, long microseconds) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment time = arena.allocate(JAVA_LONG, 2);
            time.setAtIndex(JAVA_LONG, 0, microseconds / 1_000_000);
            time.setAtIndex(JAVA_LONG, 1, microseconds % 1_000_000);
            check("setsockopt", () -> (int) SETSOCKOPT.invokeExact(socket, SOL_SOCKET, SO_RCVTIMEO, time, 16));
        }
    }
}
