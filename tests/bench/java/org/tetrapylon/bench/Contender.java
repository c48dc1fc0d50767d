package org.tetrapylon.bench;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * One way to carry a call between two processes: the Java counterpart of {@code struct contender} in contender.h.
 *
 * <p>The role owns the buffers, the clock and the checks; a contender owns its endpoint. One thread calls. Addresses are
 * the same words as those of the C contender of the same name, so that either language can stand on either side.
 */
interface Contender {

    /** The largest message, in bytes; every buffer is as long. */
    int LARGEST = 1 << 20;

    /**
     * Makes the endpoint reachable, says its address, and answers calls with {@link Message#answer} until the process is
     * killed.
     *
     * @param endpoint a path of its own in a private folder
     * @param clients  so many will connect
     * @param message  native memory for a request and its reply
     */
    void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) throws Exception;

    /** Connects a client whose calls carry {@code request} there and fill {@code reply}; both are native memory. */
    Client connect(String address, int index, MemorySegment request, MemorySegment reply) throws Exception;

    /** A connected client. */
    interface Client {
        /** Carries the first {@code size} bytes of the request and brings back as many. */
        void call(int size) throws Exception;
    }
}
