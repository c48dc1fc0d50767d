package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.tetrapylon.ThreadState;

/** Waits for things that tell nobody: that a thread sleeps in a native call, that a condition holds. */
final class Blocked {

    static final Duration LIMIT = Duration.ofSeconds(20);

    private Blocked() {}

    /** Waits until the condition holds, and fails if it does not in time. */
    static void until(String what, BooleanSupplier condition) {
        long since = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - since > LIMIT.toNanos()) {
                fail("has not come about: " + what);
            }
            LockSupport.parkNanos(200_000);
        }
    }

    /** Waits until a platform thread, which must have a name of its own of at most 15 characters, sleeps in a call of this library. */
    static void inNative(Thread thread) {
        until(thread.getName() + " sleeps in a native call", () -> isInCall(thread) && isAsleep(thread.getName()) && isInCall(thread));
    }

    /**
     * Waits until a platform thread, named as above, is blocked in that state. From then on its message waits in its channel; a thread
     * that only sleeps may still be in the set-up before.
     */
    static void in(ThreadState.State state, Thread thread) {
        until(thread.getName() + " is in " + state, () -> {
            int number = numberOf(thread.getName());
            return number > 0 && ThreadState.of(ProcessHandle.current().pid()).stream().anyMatch(it -> it.tid() == number && it.state() == state);
        });
    }

    private static int numberOf(String name) {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            for (Path task : tasks.toList()) {
                if (Files.readString(task.resolve("comm")).equals(name + "\n")) {
                    return Integer.parseInt(task.getFileName().toString());
                }
            }
        } catch (IOException | java.io.UncheckedIOException e) {
            // A thread ended meanwhile: look again.
        }
        return 0;
    }

    private static boolean isInCall(Thread thread) {
        return Arrays.stream(thread.getStackTrace()).anyMatch(frame -> frame.getClassName().equals(Calls.class.getName()));
    }

    private static boolean isAsleep(String name) {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            for (Path task : tasks.toList()) {
                String status = Files.readString(task.resolve("status"));
                if (status.contains("Name:\t" + name + "\n")) {
                    return status.contains("State:\tS");
                }
            }
        } catch (IOException | java.io.UncheckedIOException e) {
            // A thread ended meanwhile: look again.
        }
        return false;
    }
}
