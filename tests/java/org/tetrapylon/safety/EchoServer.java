package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;

/** A server in threads of this JVM that sends everything back, whatever its clients do. */
abstract class EchoServer implements AutoCloseable {

    static final int ROOM = 1 << 20;

    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean over;
    private volatile Throwable thrown;

    /** What a thread does until it is ended. */
    interface Serving {
        void run() throws Exception;
    }

    final Thread start(Serving serving) {
        Thread thread = Thread.ofPlatform().daemon().name("safety-echo").start(() -> {
            try {
                serving.run();
            } catch (Throwable e) {
                if (!over || !isEnd(e)) {
                    thrown = e;
                }
            }
        });
        threads.add(thread);
        return thread;
    }

    /** Makes the threads end. */
    abstract void end(List<Thread> of);

    /** Whether that is how one ends then. */
    abstract boolean isEnd(Throwable e);

    /** Fails if a thread of the server has failed. */
    final void check() {
        if (thrown != null) {
            throw new AssertionError("the server has ended", thrown);
        }
    }

    /** Ends it; fails if it had ended before. */
    @Override
    public final void close() {
        check();
        over = true;
        end(threads);
        for (Thread thread : threads) {
            assertTrue(Honest.join(thread), "the server does not end");
        }
        check();
    }
}
