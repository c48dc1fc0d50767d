package org.tetrapylon.bench;

import org.tetrapylon.l4.IpcResult;

/** Ours, by the L4 face, messages one way with an answer to each 256th: "l4-one-way" in contender_l4.c. */
final class L4OneWayContender extends L4SendContender {

    private static boolean isAnswered(long word) {
        return (word >>> 33 & 255) == 255; // numbers go up by two
    }

    @Override
    long answer(long client, long word, IpcResult result) {
        if (isAnswered(word)) {
            send(client, word + Message.STEP, result);
        }
        long next = receive(client, result);
        if (next != word + 2 * Message.STEP) {
            throw new IllegalStateException("a message out of its order");
        }
        return next;
    }

    @Override
    long exchange(long server, long word, IpcResult result) {
        send(server, word, result);
        return isAnswered(word) ? receive(server, result) : word + Message.STEP;
    }
}
