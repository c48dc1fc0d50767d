package org.tetrapylon.fluke;

import java.lang.foreign.MemorySegment;

/** What a server does with a message; see {@link Server#serve}. */
@FunctionalInterface
public interface Service {
    /**
     * Answers a message.
     *
     * @param server the server's side of the conversation: if the message is not whole ({@link Conversation#arrival}), it can receive the rest,
     *     and it can turn the conversation as often as it likes
     * @param request what came into the room so far; good until the answer is given
     * @return the last thing to send before the server disconnects, at least 8 bytes for a reliable connection; null: nothing
     */
    MemorySegment answer(Server server, MemorySegment request);
}
