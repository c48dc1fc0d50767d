package org.tetrapylon.support;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;

/**
 * Looks at threads and descriptors from the outside, so that a test waits for what it means and not for a time. Little
 * here has a limit of its own: a test has.
 */
public final class Observe {

    /** What a test does. */
    public interface Body {
        void run() throws Throwable;
    }

    private static final long MILLISECOND = 1_000_000;
    /** Of what is waited for by name. */
    private static final Duration LIMIT = Duration.ofSeconds(40);

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

    /** The same, and fails by this name if that does not come about. */
    public static void until(String what, BooleanSupplier condition) {
        long since = System.nanoTime();
        until(() -> {
            if (System.nanoTime() - since > LIMIT.toNanos()) {
                fail("has not come about: " + what);
            }
            return condition.getAsBoolean();
        });
    }

    /** Waits until a platform thread, which has a name of its own of at most 15 characters, is blocked in message passing. */
    public static void awaitBlocked(Thread thread) {
        until(thread.getName() + " is blocked in a call", () -> isIn(numberOf(thread), state -> state != ThreadState.State.READY));
    }

    /** Whether the thread of this number is in such a state; 0: no thread. */
    static boolean isIn(int number, Predicate<ThreadState.State> wanted) {
        try {
            return number > 0 && ThreadState.of(ProcessHandle.current().pid()).stream().anyMatch(it -> it.tid() == number && wanted.test(it.state()));
        } catch (TetrapylonException e) {
            assertEquals(Errno.ESRCH, e.errno(), e.getMessage());
            return false; // no thread of this process has used the library so far
        }
    }

    /** The kernel's number of a platform thread of this process, named as above; 0: it does not run. */
    private static int numberOf(Thread thread) {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            return tasks.filter(task -> isNamed(task, thread.getName())).mapToInt(task -> Integer.parseInt(task.getFileName().toString()))
                    .findFirst().orElse(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isNamed(Path task, String name) {
        try {
            return Files.readString(task.resolve("comm")).strip().equals(name);
        } catch (IOException e) {
            return false; // it ended meanwhile
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
