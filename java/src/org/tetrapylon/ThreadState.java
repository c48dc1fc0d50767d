package org.tetrapylon;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.core.tpy_thread_state;
import org.tetrapylon.internal.NativeLibrary;

/**
 * What a thread of a process waits for in message passing, read from outside and without stopping it: the listing that QNX's
 * {@code pidin} gives. A moment, not a promise: threads go on meanwhile.
 *
 * @param tid the kernel's number of the thread
 * @param thread its number in message passing, from 1
 * @param state what it does
 * @param partner SEND, REPLY: the server's process; else 0
 * @param port SEND, REPLY: the server's channel; RECEIVE: its own; else 0
 * @param blocked for how long
 */
public record ThreadState(int tid, int thread, State state, int partner, int port, Duration blocked) {

    /** What a thread does. */
    public enum State {
        /** Runs, or waits for something else. */
        READY,
        /** Its message waits for a receiver. */
        SEND,
        /** Waits for messages. */
        RECEIVE,
        /** Its message was received and is not finished yet. */
        REPLY;

        private static State of(int number) {
            if (number == tetrapylon_h.TPY_STATE_SEND()) {
                return SEND;
            }
            if (number == tetrapylon_h.TPY_STATE_RECEIVE()) {
                return RECEIVE;
            }
            return number == tetrapylon_h.TPY_STATE_REPLY() ? REPLY : READY;
        }
    }

    /**
     * {@return the threads of a process that have blocked in message passing so far, by their numbers}
     *
     * @param pid the process, this one included
     * @throws TetrapylonException ESRCH no such process, or it does not use this library; EPERM another user's
     */
    public static List<ThreadState> of(long pid) {
        NativeLibrary.load();
        int room = 64;
        while (true) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment states = tpy_thread_state.allocateArray(room, arena);
                int count = tetrapylon_h.tpy_threads_of((int) pid, states, room);
                if (count < 0) {
                    throw Errno.exception("tpy_threads_of", count);
                }
                if (count <= room) {
                    return read(states, count);
                }
                room = count + 16;
            }
        }
    }

    private static List<ThreadState> read(MemorySegment states, int count) {
        List<ThreadState> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            MemorySegment state = tpy_thread_state.asSlice(states, i);
            all.add(new ThreadState(tpy_thread_state.tid(state), tpy_thread_state.thread(state),
                    State.of(tpy_thread_state.state(state)), tpy_thread_state.partner(state), tpy_thread_state.port(state),
                    Duration.ofNanos(tpy_thread_state.nanoseconds(state))));
        }
        return List.copyOf(all);
    }
}
