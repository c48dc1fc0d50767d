package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.core.tpy_fd_event;
import org.tetrapylon.internal.Deadline;
import org.tetrapylon.internal.Descriptor;
import org.tetrapylon.internal.FdAccess;
import org.tetrapylon.internal.FdTransfer;
import org.tetrapylon.internal.NativeLibrary;
import org.tetrapylon.internal.Sleeper;

/**
 * Waits for many endpoints, servers and other descriptors at once. What is ready stays ready until it is no more: a message
 * that is not received is reported again by the next {@link #select}. Closing an endpoint takes it out.
 *
 * <pre>{@code
 * selector.add(server, null);
 * for (;;) {
 *     selector.select(key -> {
 *         if (key.attachment() instanceof Client client) client.receive();
 *         else accept();
 *     });
 * }
 * }</pre>
 *
 * <p>Thread-safe: keys may be added and cancelled while a thread is in select, which one thread at a time can be. A select that
 * waits ends by an interrupt, by {@link #wakeup} and when the selector is closed. Nothing is allocated per event.
 */
public final class EndpointSelector implements AutoCloseable {

    private static final String CALL = "select";
    /** The epoll key of the bell; those of the keys are not negative. */
    private static final long BELL = -1;
    private static final int GENERATION = 32;

    static {
        NativeLibrary.load();
    }

    private final Fd watcher = FdAccess.own((int) FdTransfer.check("epoll_create1", tetrapylon_h.tpy_fd_watcher()));
    private final Descriptor watching = FdAccess.descriptorOf(watcher);
    private final Fd bell;
    private final MemorySegment ring = Arena.ofAuto().allocate(Long.BYTES, Long.BYTES);
    private final MemorySegment rings = Arena.ofAuto().allocate(Long.BYTES, Long.BYTES);
    private final MemorySegment events = tpy_fd_event.allocateArray(tetrapylon_h.TPY_FD_EVENTS_MAX(), Arena.ofAuto());
    private final Object selecting = new Object();
    /** By place; null for a place that is free. Its lock guards these four. */
    private final List<Key> keys = new ArrayList<>();
    private final ArrayDeque<Integer> free = new ArrayDeque<>();
    private final Map<Descriptor, Key> watched = new IdentityHashMap<>();
    private int generations;

    /** A place in the selector: what is watched, and what its owner attached. */
    public final class Key {

        private final Descriptor descriptor;
        private final Object attachment;
        private final Runnable closing = this::cancel;
        private long number;
        private int ready;
        private boolean cancelled;

        private Key(Descriptor descriptor, Object attachment) {
            this.descriptor = descriptor;
            this.attachment = attachment;
        }

        /** {@return what was attached} */
        public Object attachment() {
            return attachment;
        }

        /** {@return the events of the last select, as {@link Fd#READABLE} and so on} */
        public int ready() {
            return ready;
        }

        /** {@return whether something can be received or accepted, be it the end} */
        public boolean isReadable() {
            return (ready & (Fd.READABLE | Fd.HANGUP | Fd.ERROR | Fd.PEER_CLOSED)) != 0;
        }

        /** {@return whether a message can be sent} */
        public boolean isWritable() {
            return (ready & Fd.WRITABLE) != 0;
        }

        /**
         * Changes what is watched for.
         *
         * @param events {@link Fd#READABLE} and so on, added; 0 pauses
         */
        public void events(int events) {
            synchronized (keys) {
                if (cancelled) {
                    throw new IllegalStateException("the key has been cancelled");
                }
                if (!watching.enter()) {
                    throw new TetrapylonException(CALL, Errno.EBADF);
                }
                try {
                    FdTransfer.check("epoll_ctl", tetrapylon_h.tpy_fd_watch(watching.number(), descriptor.number(), events,
                            number));
                } finally {
                    watching.leave();
                }
            }
        }

        /** Takes it out of the selector; does nothing when it is out. */
        public void cancel() {
            synchronized (keys) {
                if (cancelled) {
                    return;
                }
                cancelled = true;
                keys.set((int) number, null);
                free.push((int) number);
                watched.remove(descriptor);
                if (watching.enter()) {
                    tetrapylon_h.tpy_fd_watch(watching.number(), descriptor.number(), 0, 0);
                    watching.leave();
                }
            }
            descriptor.forget(closing);
        }
    }

    private EndpointSelector() {
        try {
            bell = FdAccess.own((int) FdTransfer.check("eventfd", tetrapylon_h.tpy_fd_counter()));
        } catch (RuntimeException e) {
            watcher.close();
            throw e;
        }
        ring.set(tetrapylon_h.C_LONG, 0, 1);
        tetrapylon_h.tpy_fd_watch(watching.number(), bell.number(), Fd.READABLE, BELL);
    }

    /** {@return a selector that watches nothing yet} */
    public static EndpointSelector open() {
        return new EndpointSelector();
    }

    /**
     * Watches an endpoint for messages, and for its peer's end.
     *
     * @param endpoint what to watch
     * @param attachment comes back with the key
     * @return the key
     * @throws TetrapylonException EEXIST it is watched already
     */
    public Key add(Endpoint endpoint, Object attachment) {
        return add(endpoint.fd(), Fd.READABLE, attachment);
    }

    /**
     * Watches a server for connections.
     *
     * @param server what to watch
     * @param attachment comes back with the key
     * @return the key
     * @throws TetrapylonException EEXIST it is watched already
     */
    public Key add(Server server, Object attachment) {
        return add(server.listener(), Fd.READABLE, attachment);
    }

    /**
     * Watches any descriptor.
     *
     * @param fd what to watch
     * @param events {@link Fd#READABLE} and so on, added
     * @param attachment comes back with the key
     * @return the key
     * @throws TetrapylonException EEXIST it is watched already; EPERM it is a file that is always ready
     */
    public Key add(Fd fd, int events, Object attachment) {
        return add(FdAccess.descriptorOf(fd), events, attachment);
    }

    private Key add(Descriptor descriptor, int events, Object attachment) {
        if (!descriptor.enter()) {
            throw new TetrapylonException("add", Errno.EBADF);
        }
        try {
            Key key = new Key(descriptor, attachment);
            synchronized (keys) {
                if (watched.containsKey(descriptor)) {
                    throw new TetrapylonException("add", Errno.EEXIST);
                }
                if (free.isEmpty()) {
                    keys.add(null);
                    free.push(keys.size() - 1);
                }
                key.number = (long) (generations++ & Integer.MAX_VALUE) << GENERATION | free.peek();
                key.events(events);
                keys.set(free.pop(), key);
                watched.put(descriptor, key);
            }
            descriptor.observe(key.closing);
            return key;
        } finally {
            descriptor.leave();
        }
    }

    /**
     * Waits until something is ready, and calls the action once for each key that is.
     *
     * @param action runs in this thread; may add and cancel keys, receive and close
     * @return for how many keys; 0 after a {@link #wakeup}
     */
    public int select(Consumer<Key> action) {
        return select(action, Deadline.NEVER);
    }

    /**
     * Waits until something is ready, and calls the action once for each key that is.
     *
     * @param timeout how long to wait; zero does not wait
     * @param action runs in this thread; may add and cancel keys, receive and close
     * @return for how many keys; 0 after a {@link #wakeup} and when the time was over
     */
    public int select(Duration timeout, Consumer<Key> action) {
        return select(action, Deadline.after(timeout));
    }

    private int select(Consumer<Key> action, long deadline) {
        synchronized (selecting) {
            if (!watching.enter()) {
                throw new TetrapylonException(CALL, Errno.EBADF);
            }
            int count;
            try {
                count = (int) FdTransfer.check(CALL, await(deadline));
            } finally {
                watching.leave();
            }
            int called = 0;
            for (int i = 0; i < count; i++) {
                // Read at offsets: a slice would be an object, which the JVM spares only once it has compiled all of this.
                long at = i * tpy_fd_event.sizeof();
                called += dispatch(events.get(tpy_fd_event.key$layout(), at + tpy_fd_event.key$offset()),
                        events.get(tpy_fd_event.events$layout(), at + tpy_fd_event.events$offset()), action);
            }
            return called;
        }
    }

    private int await(long deadline) {
        if (Thread.currentThread().isVirtual()) {
            int count = look(0);
            while (count == 0 && Deadline.left(deadline) != 0) {
                int ready = watching.await(tetrapylon_h.TPY_FD_READABLE(), deadline);
                if (ready < 0) {
                    return ready;
                }
                count = look(0);
            }
            return count;
        }
        Sleeper sleeper = Sleeper.mine();
        for (;;) {
            int count = -Errno.EINTR;
            try {
                if (sleeper.lieDown(watching)) {
                    count = look(Deadline.left(deadline));
                }
            } finally {
                sleeper.getUp();
            }
            if (count != -Errno.EINTR) {
                return count;
            }
            int reason = watching.reasonToLeave();
            if (reason != 0) {
                return reason;
            }
        }
    }

    private int look(long timeout) {
        return tetrapylon_h.tpy_fd_wait(watching.number(), events, tetrapylon_h.TPY_FD_EVENTS_MAX(), timeout);
    }

    private int dispatch(long number, int ready, Consumer<Key> action) {
        if (number == BELL) {
            Descriptor ringing = FdAccess.descriptorOf(bell);
            if (ringing.enter()) {
                tetrapylon_h.tpy_fd_read(ringing.number(), rings, Long.BYTES, tetrapylon_h.TPY_FD_NO_POSITION(), 0);
                ringing.leave();
            }
            return 0;
        }
        Key key;
        synchronized (keys) {
            key = keys.get((int) number);
            if (key == null || key.number != number) { // cancelled meanwhile, maybe by the action for another key
                return 0;
            }
        }
        key.ready = ready;
        action.accept(key);
        return 1;
    }

    /** Lets the thread that is in select, or the next one to call it, come back at once. */
    public void wakeup() {
        Descriptor ringing = FdAccess.descriptorOf(bell);
        if (ringing.enter()) {
            try {
                tetrapylon_h.tpy_fd_write(ringing.number(), ring, Long.BYTES, tetrapylon_h.TPY_FD_NO_POSITION(), 0);
            } finally {
                ringing.leave();
            }
        }
    }

    /** Closes the selector and cancels all keys; what they watched stays open. */
    @Override
    public void close() {
        watcher.close();
        bell.close();
        List<Key> left;
        synchronized (keys) {
            left = new ArrayList<>(keys);
        }
        for (Key key : left) {
            if (key != null) {
                key.cancel();
            }
        }
    }
}
