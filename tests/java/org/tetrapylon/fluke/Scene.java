package org.tetrapylon.fluke;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.fluke.FlukeIpc.FLUKE_SUCCESS;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A server thread with a port set, and a client thread with a reference to its port. Steps tell either how far the other has come. Fails
 * with the first failure of either thread.
 */
final class Scene {

    static final long ALIAS = 0x1234;
    static final Duration LIMIT = Duration.ofSeconds(40);
    private static final AtomicInteger COUNT = new AtomicInteger();

    /** What one of the threads does. */
    interface Body {
        void run(Scene scene) throws Throwable;
    }

    final String name = "tetrapylon-scene-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
    final PortSet set = PortSet.create();
    final Port port = Port.create(ALIAS);
    final Reference dest;
    volatile Thread server;
    volatile Thread client;
    private Throwable failure;
    private int step;

    private Scene() {
        port.moveTo(set);
        port.bind(name);
        dest = Reference.lookup(name);
    }

    /** Runs both. */
    static void run(Body server, Body client) throws Throwable {
        Scene scene = new Scene();
        try {
            scene.server = scene.thread(server);
            scene.client = scene.thread(client);
            scene.server.start();
            scene.client.start();
            for (Thread thread : new Thread[] {scene.client, scene.server}) {
                if (!thread.join(LIMIT)) {
                    scene.failed(new AssertionError(thread.getName() + " has not ended: " + Arrays.toString(thread.getStackTrace())));
                    break;
                }
            }
            synchronized (scene) {
                if (scene.failure != null) {
                    throw scene.failure;
                }
            }
        } finally {
            scene.dest.close();
            scene.port.close();
            scene.set.close();
        }
    }

    private Thread thread(Body body) {
        return Thread.ofPlatform().daemon().name("tpy-test-" + COUNT.incrementAndGet()).unstarted(() -> {
            try {
                body.run(this);
            } catch (Throwable e) {
                failed(e);
            }
        });
    }

    private synchronized void failed(Throwable e) {
        if (failure == null) {
            failure = e;
            // The other one would wait for ever.
            port.close();
            set.close();
            step = Integer.MAX_VALUE;
            notifyAll();
        }
    }

    synchronized void reach(int to) {
        step = Math.max(step, to);
        notifyAll();
    }

    synchronized void await(int wanted) throws InterruptedException {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (step < wanted) {
            long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            assertTrue(left > 0, "step " + wanted + " is not reached");
            wait(left);
        }
    }

    /** As {@link #await}, for a thread that nobody interrupts. */
    void reached(int wanted) {
        try {
            await(wanted);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    // ---- Words and statuses

    static MemorySegment room(int words) {
        return Arena.ofAuto().allocate(4L * Math.max(words, 1), 8).asSlice(0, 4L * words);
    }

    static MemorySegment filled(int words, int seed) {
        MemorySegment memory = room(words);
        for (int i = 0; i < words; i++) {
            memory.setAtIndex(ValueLayout.JAVA_INT, i, seed + i * 0x9E3779B1);
        }
        return memory;
    }

    static void checkFilled(MemorySegment memory, int words, int seed) {
        for (int i = 0; i < words; i++) {
            assertEquals(seed + i * 0x9E3779B1, word(memory, i), "word " + i + " of " + words);
        }
    }

    static int word(MemorySegment memory, int index) {
        return memory.getAtIndex(ValueLayout.JAVA_INT, index);
    }

    /** Fails with the names of the statuses. */
    static void check(int expected, int status) {
        assertEquals(FlukeException.nameOf(expected), FlukeException.nameOf(status));
    }

    static void ok(int status) {
        check(FLUKE_SUCCESS, status);
    }

    /** So many words have come. */
    static void checkCame(int words, Params params) {
        assertEquals(4L * words, params.received(), "bytes received");
    }
}
