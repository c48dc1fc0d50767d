package org.tetrapylon.support;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;

/** Something that a thread of its own does beside the test; what it throws is kept for the test to look at. */
public final class Background {

    /** What the thread does. */
    public interface Body {
        void run() throws Exception;
    }

    private static final AtomicInteger COUNT = new AtomicInteger();

    private final Thread thread;
    /** The kernel's, of a platform thread that runs; else 0. */
    private volatile int number;
    private volatile Throwable thrown;
    private volatile boolean interruptedAtEnd;

    private Background(Body body, boolean virtual) {
        Runnable runnable = () -> {
            try {
                if (!virtual) {
                    number = Integer.parseInt(Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString());
                }
                body.run();
            } catch (Throwable e) {
                thrown = e;
            }
            interruptedAtEnd = Thread.currentThread().isInterrupted();
        };
        String name = "tpy-test-" + COUNT.incrementAndGet();
        thread = virtual ? Thread.ofVirtual().name(name).unstarted(runnable)
                : Thread.ofPlatform().daemon().name(name).unstarted(runnable);
        thread.start();
    }

    public static Background platform(Body body) {
        return new Background(body, false);
    }

    public static Background virtual(Body body) {
        return new Background(body, true);
    }

    public Thread thread() {
        return thread;
    }

    public boolean wasInterruptedAtEnd() {
        return interruptedAtEnd;
    }

    /** Waits until it is blocked in that state: from then on its message, if it has one, waits in its channel. */
    public void await(ThreadState.State state) {
        Observe.until(thread.getName() + " is in " + state, () -> Observe.isIn(number, it -> it == state));
    }

    /** Waits until it is blocked in message passing. */
    public void awaitBlocked() {
        Observe.until(thread.getName() + " is blocked in a call", () -> Observe.isIn(number, it -> it != ThreadState.State.READY));
    }

    /** Waits until it has slept for a while on end: then it waits for something that no list shows. */
    public void awaitQuiet() {
        int[] quiet = {0};
        Observe.until(() -> (quiet[0] = isAsleep() ? quiet[0] + 1 : 0) > 15);
    }

    /** Whether it sleeps, in whatever. */
    public boolean isAsleep() {
        try {
            String stat = number == 0 ? ") R" : Files.readString(Path.of("/proc/self/task/" + number + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) == 'S';
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits for its end. {@return what it threw} */
    public Throwable end() throws InterruptedException {
        assertTrue(thread.join(Duration.ofSeconds(30)), "the thread has not ended");
        return thrown;
    }

    /** Waits for its end; what it threw is the test's failure. */
    public void endWell() throws InterruptedException {
        Throwable it = end();
        if (it instanceof Error error) {
            throw error;
        }
        assertNull(it, () -> Arrays.toString(it.getStackTrace()));
    }

    /** Waits for its end by a TetrapylonException. {@return its errno} */
    public int endErrno() throws InterruptedException {
        return assertInstanceOf(TetrapylonException.class, end()).errno();
    }
}
