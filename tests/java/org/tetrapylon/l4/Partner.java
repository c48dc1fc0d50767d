package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.Observe;
import org.tetrapylon.ThreadState;

/** A thread of this process at the other end; what it throws is kept for the test to look at. */
final class Partner {

    interface Body {
        void run() throws Exception;
    }

    private static final AtomicInteger COUNT = new AtomicInteger();

    private final CountDownLatch known = new CountDownLatch(1);
    private final Thread thread;
    private volatile ThreadId id = ThreadId.NIL;
    private volatile int tid;
    private volatile Throwable thrown;
    private volatile boolean interruptedAtEnd;

    private Partner(Body body, boolean virtual) {
        Runnable runnable = () -> {
            try {
                if (!virtual) {
                    id = ThreadId.self();
                    tid = Integer.parseInt(Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString());
                }
                known.countDown();
                body.run();
            } catch (Throwable e) {
                thrown = e;
            }
            known.countDown();
            interruptedAtEnd = Thread.currentThread().isInterrupted();
        };
        String name = "tpy-l4-" + COUNT.incrementAndGet();
        thread = virtual ? Thread.ofVirtual().name(name).unstarted(runnable) : Thread.ofPlatform().daemon().name(name).unstarted(runnable);
        thread.start();
    }

    /** Starts a thread that has its id when this returns. */
    static Partner start(Body body) throws InterruptedException {
        Partner partner = new Partner(body, false);
        assertTrue(partner.known.await(20, TimeUnit.SECONDS), "the thread does not start");
        return partner;
    }

    static Partner virtual(Body body) {
        return new Partner(body, true);
    }

    ThreadId id() {
        return id;
    }

    Thread thread() {
        return thread;
    }

    boolean wasInterruptedAtEnd() {
        return interruptedAtEnd;
    }

    /** Waits until it sleeps in a receive. */
    void awaitReceiving() {
        awaitState(ThreadState.State.RECEIVE);
    }

    /** Waits until it sleeps with a message that nobody has taken. */
    void awaitSending() {
        awaitState(ThreadState.State.SEND);
    }

    /** Waits until it sleeps in a call that was taken. */
    void awaitAnswer() {
        awaitState(ThreadState.State.REPLY);
    }

    private void awaitState(ThreadState.State state) {
        Observe.until(() -> ThreadState.of(ProcessHandle.current().pid()).stream().anyMatch(it -> it.tid() == tid && it.state() == state));
    }

    /** Waits until it has slept for a while on end: then it waits for something that no list shows. */
    void awaitQuiet() {
        int[] quiet = {0};
        Observe.until(() -> (quiet[0] = isAsleep() ? quiet[0] + 1 : 0) > 15);
    }

    boolean isAsleep() {
        try {
            String stat = Files.readString(Path.of("/proc/self/task/" + tid + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) == 'S';
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits for its end. {@return what it threw} */
    Throwable end() throws InterruptedException {
        assertTrue(thread.join(Duration.ofSeconds(30)), "the thread has not ended");
        return thrown;
    }

    void endWell() throws InterruptedException {
        Throwable it = end();
        if (it instanceof Error error) {
            throw error;
        }
        assertNull(it, () -> java.util.Arrays.toString(it.getStackTrace()));
    }
}
