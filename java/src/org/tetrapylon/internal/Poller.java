package org.tetrapylon.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.core.tpy_fd_event;

/**
 * Waits for descriptors in the place of virtual threads, so that these can be parked and hold no carrier: one daemon thread
 * on one epoll descriptor, started when first needed. A descriptor is watched until it is ready once, and then again
 * whenever a thread waits for it.
 */
final class Poller {

    private static final int WATCHER;

    /** By number. An entry stays when its descriptor is not waited for; it goes before the descriptor is closed. */
    private static Descriptor[] watched = new Descriptor[64];
    private static final Object LOCK = new Object();

    static {
        NativeLibrary.load();
        WATCHER = tetrapylon_h.tpy_fd_watcher();
        if (WATCHER < 0) {
            throw new TetrapylonException("epoll_create1", WATCHER);
        }
        Thread.ofPlatform().daemon().name("tetrapylon-poller").start(Poller::run);
    }

    private Poller() {}

    /** Watches the descriptor until one of the events is there; 0, or a negative errno. */
    static int watch(Descriptor descriptor, int events) {
        int number = descriptor.number();
        synchronized (LOCK) {
            if (number >= watched.length) {
                watched = Arrays.copyOf(watched, Math.max(number + 1, 2 * watched.length));
            }
            watched[number] = descriptor;
        }
        return tetrapylon_h.tpy_fd_watch(WATCHER, number, events | tetrapylon_h.TPY_FD_ONCE(), number);
    }

    /** Watches it no more. It must still be open: else a duplicate would keep being watched under its number. */
    static void forget(int number) {
        tetrapylon_h.tpy_fd_watch(WATCHER, number, 0, 0);
        synchronized (LOCK) {
            if (number < watched.length) {
                watched[number] = null;
            }
        }
    }

    private static Descriptor at(long number) {
        synchronized (LOCK) {
            return number < watched.length ? watched[(int) number] : null;
        }
    }

    private static void run() {
        MemorySegment events = tpy_fd_event.allocateArray(tetrapylon_h.TPY_FD_EVENTS_MAX(), Arena.global());
        for (;;) {
            int count = tetrapylon_h.tpy_fd_wait(WATCHER, events, tetrapylon_h.TPY_FD_EVENTS_MAX(), -1);
            if (count < 0 && count != -Errno.EINTR) {
                throw new TetrapylonException("epoll_wait", count);
            }
            for (int i = 0; i < count; i++) {
                MemorySegment event = tpy_fd_event.asSlice(events, i);
                Descriptor descriptor = at(tpy_fd_event.key(event));
                if (descriptor != null) {
                    descriptor.happened(tpy_fd_event.events(event));
                }
            }
        }
    }
}
