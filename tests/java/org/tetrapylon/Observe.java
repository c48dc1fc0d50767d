package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * Looks at threads and descriptors from the outside, so that a test waits for what it means and not for a time. Nothing
 * here has a limit of its own: a test has.
 */
public final class Observe {

    /** What a test does. */
    public interface Body {
        void run() throws Throwable;
    }

    private static final long MILLISECOND = 1_000_000;

    private Observe() {}

    /** Waits until the condition holds. */
    public static void until(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            if (Thread.interrupted()) {
                throw new AssertionError("interrupted while waiting");
            }
            LockSupport.parkNanos(MILLISECOND / 4);
        }
    }

    /** The numbers of the descriptors this process has open. */
    public static TreeSet<Integer> descriptors() {
        TreeSet<Integer> numbers = new TreeSet<>();
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            files.map(file -> Integer.valueOf(file.getFileName().toString())).forEach(numbers::add);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        // The listing has one of its own, which is gone by now.
        numbers.removeIf(number -> !Files.exists(Path.of("/proc/self/fd/" + number), java.nio.file.LinkOption.NOFOLLOW_LINKS));
        return numbers;
    }

    /** What a descriptor is of: "socket:[4711]", "/memfd:name (deleted)". Empty when it is not open. */
    public static String target(int descriptor) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
        } catch (NoSuchFileException e) {
            return "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether a descriptor is closed when a program is executed. */
    public static boolean isClosedOnExec(int descriptor) {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/fdinfo/" + descriptor))) {
            String flags = lines.filter(line -> line.startsWith("flags:")).findFirst().orElseThrow();
            return (Long.parseLong(flags.substring(6).strip(), 8) & 02000000) != 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Fails, by the test's time limit, if the body leaves more descriptors open than there were. */
    public static void leavesNoDescriptors(Body body) throws Throwable {
        int before = settled();
        body.run();
        until(() -> descriptors().size() <= before);
    }

    /** Other threads of the JVM have some for a moment: the count once it stays the same. */
    private static int settled() {
        TreeSet<Integer> last = descriptors();
        for (int same = 0; same < 5; ) {
            LockSupport.parkNanos(MILLISECOND / 4);
            TreeSet<Integer> now = descriptors();
            same = now.equals(last) ? same + 1 : 0;
            last = now;
        }
        return last.size();
    }

    /** Fails unless the call throws a TetrapylonException with this error. */
    public static TetrapylonException fails(int errno, Body call) {
        TetrapylonException failure = assertThrows(TetrapylonException.class, call::run);
        assertEquals(Errno.name(errno), Errno.name(failure.errno()), failure.getMessage());
        return failure;
    }
}
