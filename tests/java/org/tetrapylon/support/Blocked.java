package org.tetrapylon.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * A call that blocks, in a thread of its own, platform or virtual. The test waits until it really sleeps: a virtual thread
 * then is parked, a platform thread sleeps in the kernel.
 */
public final class Blocked<T> {

    /** The two kinds of threads, for parameterized tests. */
    public enum Kind { PLATFORM, VIRTUAL }

    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final Thread thread;
    private volatile String kernelThread;
    /** Whether the thread had its interrupt status when it came back. */
    private volatile boolean interrupted;

    private Blocked(Kind kind, Callable<T> call) {
        Runnable body = () -> {
            try {
                if (kind == Kind.PLATFORM) {
                    kernelThread = Files.readSymbolicLink(Path.of("/proc/thread-self")).toString();
                }
                T value = call.call();
                interrupted = Thread.currentThread().isInterrupted();
                result.complete(value);
            } catch (Throwable e) {
                interrupted = Thread.currentThread().isInterrupted();
                result.completeExceptionally(e);
            }
        };
        thread = kind == Kind.PLATFORM ? Thread.ofPlatform().daemon().start(body) : Thread.ofVirtual().start(body);
    }

    /** Starts it and waits until it sleeps. */
    public static <T> Blocked<T> in(Kind kind, Callable<T> call) {
        Blocked<T> blocked = new Blocked<>(kind, call);
        Observe.until(() -> blocked.result.isDone() || blocked.isAsleep());
        return blocked;
    }

    /** A platform thread is looked at in /proc: the kernel tells "S" and the system call it is in, with a waiting one's number. */
    private boolean isAsleep() {
        Thread.State state = thread.getState();
        if (thread.isVirtual()) {
            return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
        }
        if (kernelThread == null) {
            return false;
        }
        try {
            String call = Files.readString(Path.of("/proc", kernelThread, "syscall")).split(" ")[0];
            return SystemCalls.WAITING.contains(call.strip());
        } catch (IOException e) {
            return false;
        }
    }

    public Thread thread() {
        return thread;
    }

    public boolean isDone() {
        return result.isDone();
    }

    public boolean cameBackInterrupted() {
        return interrupted;
    }

    /** Waits for its end; returns its value or throws what it threw. */
    public T join() throws Throwable {
        try {
            return result.get();
        } catch (ExecutionException e) {
            throw e.getCause();
        }
    }
}
