package org.tetrapylon.l4;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.opentest4j.TestAbortedException;

/** Pages that nobody provides (userfaultfd): whoever touches them waits until they are provided or gone. */
final class Withheld implements AutoCloseable {

    private static final long SYS_USERFAULTFD = System.getProperty("os.arch").equals("aarch64") ? 282 : 323;
    private static final long O_CLOEXEC = 0x80000;
    /** Faults of the program's own code, not of the kernel's: that much every user may withhold. */
    private static final long USER_MODE_ONLY = 1;
    private static final long UFFDIO_API = 0xc018aa3fL;
    private static final long UFFDIO_REGISTER = 0xc020aa00L;
    private static final long UFFDIO_COPY = 0xc028aa03L;
    private static final int PROT_READ_WRITE = 3;
    private static final int MADV_DONTNEED = 4;
    private static final long FAULT = 32; // struct uffd_msg
    private static final int MAP_PRIVATE_ANONYMOUS = 0x22;

    private static final MethodHandle SYSCALL = find("syscall", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG), 1);
    private static final MethodHandle IOCTL = find("ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS), 2);
    private static final MethodHandle CLOSE = find("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT), 1);
    private static final MethodHandle MMAP =
            find("mmap", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG), 6);
    private static final MethodHandle MADVISE = find("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT), 3);
    private static final MethodHandle READ = find("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG), 3);
    private static final MethodHandle MUNMAP = find("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG), 2);

    private final int fd;
    private final long address;
    private final long size;

    private static MethodHandle find(String name, FunctionDescriptor descriptor, int fixed) {
        Linker linker = Linker.nativeLinker();
        MemorySegment symbol = linker.defaultLookup().findOrThrow(name);
        return fixed == descriptor.argumentLayouts().size() ? linker.downcallHandle(symbol, descriptor)
                : linker.downcallHandle(symbol, descriptor, Linker.Option.firstVariadicArg(fixed));
    }

    /** Skips the test where userfaultfd is not allowed. */
    Withheld(long size) {
        this(size, USER_MODE_ONLY);
    }

    /** All of it is there until it is taken away ({@link #takeAway}), then from the kernel's own accesses too; only some users may withhold that. */
    static Withheld filled(long size, int seed) {
        Withheld it = new Withheld(size, 0);
        it.provide(seed);
        return it;
    }

    private Withheld(long size, long mode) {
        this.size = size;
        try (Arena arena = Arena.ofConfined()) {
            fd = (int) (long) SYSCALL.invokeExact(SYS_USERFAULTFD, O_CLOEXEC | mode);
            if (fd < 0) {
                throw new TestAbortedException("userfaultfd is not allowed here");
            }
            check((int) IOCTL.invokeExact(fd, UFFDIO_API, arena.allocateFrom(JAVA_LONG, 0xAA, 0, 0)));
            address = (long) MMAP.invokeExact(0L, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
            check(address == -1 ? -1 : 0);
            check((int) IOCTL.invokeExact(fd, UFFDIO_REGISTER, arena.allocateFrom(JAVA_LONG, address, size, 1, 0)));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static void check(int result) {
        if (result != 0) {
            throw new AssertionError("a system call failed");
        }
    }

    /** The memory. Nobody in Java may touch it before it is provided. */
    MemorySegment memory() {
        return MemorySegment.ofAddress(address).reinterpret(size);
    }

    void takeAway(long offset, long length) {
        try {
            check((int) MADVISE.invokeExact(address + offset, length, MADV_DONTNEED));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Waits until somebody has touched what is not there. */
    void awaitTouch() {
        try (Arena arena = Arena.ofConfined()) {
            if ((long) READ.invokeExact(fd, arena.allocate(FAULT), FAULT) != FAULT) {
                throw new AssertionError("no fault can be read");
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    void provide(int seed) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(size);
            L4Peer.fill(bytes, seed);
            check((int) IOCTL.invokeExact(fd, UFFDIO_COPY, arena.allocateFrom(JAVA_LONG, address, bytes.address(), size, 0, 0)));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        try {
            check((int) MUNMAP.invokeExact(address, size));
            check((int) CLOSE.invokeExact(fd));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
