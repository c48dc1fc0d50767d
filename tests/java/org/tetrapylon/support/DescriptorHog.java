package org.tetrapylon.support;

import java.util.ArrayDeque;
import java.util.Deque;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;

/**
 * Takes all descriptors that this process may have but a few, until it is closed. What the process does meanwhile it must have done before: the
 * JVM needs descriptors to load a class, too.
 */
public final class DescriptorHog implements AutoCloseable {

    private final Deque<Fd> taken = new ArrayDeque<>();
    private final long limit;

    public DescriptorHog(int left) {
        Fd closed = Fd.memfd("hog", 1);
        closed.close();
        Observe.until(() -> isRefused(closed)); // so that all that a failure needs is loaded
        limit = Libc.limitDescriptors(Observe.descriptors().last() + 20);
        try (Fd.Pipe pipe = Fd.pipe()) {
            while (true) {
                taken.push(pipe.source().dup());
            }
        } catch (TetrapylonException e) {
            if (e.errno() != Errno.EMFILE) {
                throw e;
            }
        }
        // The pipe has left two.
        for (int i = 2; i < left; i++) {
            taken.pop().close();
        }
        for (int i = left; i < 2; i++) {
            taken.push(taken.peek().dup());
        }
    }

    private static boolean isRefused(Fd fd) {
        try (Fd _ = fd.dup()) {
            return false;
        } catch (TetrapylonException e) {
            return e.errno() == Errno.EBADF;
        }
    }

    @Override
    public void close() {
        Libc.limitDescriptors(limit);
        taken.forEach(Fd::close);
    }
}
