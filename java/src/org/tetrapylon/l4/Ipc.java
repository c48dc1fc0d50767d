package org.tetrapylon.l4;

import java.time.Duration;
import org.tetrapylon.internal.NativeLibrary;

/**
 * L4 IPC as Java programs use it. A server:
 *
 * {@snippet :
 * Names.register("adder");
 * Message message = new Message();
 * while (true) {
 *     Ipc.replyAndWait(message); // the first time there is nobody to answer
 *     message.words(message.word(0) + message.word(1), 0);
 * }
 * }
 *
 * A client:
 *
 * {@snippet :
 * ThreadId adder = Names.await("adder", Duration.ofSeconds(1));
 * Message message = Message.of(40, 2);
 * Ipc.call(adder, message);
 * System.out.println(message.word(0)); // 42
 * }
 *
 * <p>A failed call throws {@link L4Exception} with the documented error; {@link Thread#interrupt} ends a call with RECANCELED or SECANCELED and
 * leaves the interrupt status set. Where anybody may send ({@link #await}, {@link #replyAndWait}), a message that does not fit
 * is no failure: {@link Message#isCut} tells.
 *
 * <p>Messages go from thread to thread. A virtual thread can {@link #call} and {@link #send}, under an id that it borrows for as long as that takes;
 * receiving throws WrongThreadException there. Nothing is allocated on the Java heap by a call of a platform thread.
 */
public final class Ipc {

    static {
        NativeLibrary.load();
    }

    private Ipc() {}

    // ---- Clients

    /**
     * Sends the message to a thread, and receives its answer into the same.
     *
     * @param to the partner
     * @param message what is sent; gets the answer, too, unless another message is given for that
     */
    public static void call(ThreadId to, Message message) {
        call(to, message, message, Timeout.NEVER);
    }

    /**
     * As {@link #call(ThreadId, Message)}; so long for the partner to take it, and so long for the answer.
     *
     * @param to the partner
     * @param message what is sent; gets the answer, too, unless another message is given for that
     * @param timeout how long to wait for the partner to take it, and how long for the answer
     */
    public static void call(ThreadId to, Message message, Duration timeout) {
        call(to, message, message, Timeout.within(timeout));
    }

    /**
     * Sends a message to a thread, and receives its answer into another, or the same.
     *
     * @param to the partner
     * @param message what is sent; gets the answer, too, unless another message is given for that
     * @param answer gets what is received
     * @param timeout how long to wait for the partner to take it, and how long for the answer
     */
    public static void call(ThreadId to, Message message, Message answer, Timeout timeout) {
        int code;
        if (message.isShort() && answer.isShort()) {
            code = Calls.call(to.raw(), L4.L4_IPC_SHORT_MSG, message.raw0(), message.raw1(), L4.L4_IPC_SHORT_MSG, timeout.word(),
                    answer.result());
        } else {
            code = callLong(to.raw(), message, answer, timeout.word());
        }
        answer.received(code);
        check("l4_ipc_call", code);
    }

    private static int callLong(long to, Message message, Message answer, int timeout) {
        answer.beginReceive();
        try {
            message.beginSend();
            try {
                return Calls.call(to, message.sending(), message.raw0(), message.raw1(), answer.receiving(), timeout, answer.result());
            } finally {
                message.endSend();
            }
        } finally {
            answer.endReceive();
        }
    }

    /**
     * Sends the message to a thread. Returns when it has it.
     *
     * @param to the partner
     * @param message what is sent
     */
    public static void send(ThreadId to, Message message) {
        send(to, message, Timeout.NEVER);
    }

    /**
     * As {@link #send(ThreadId, Message)}; so long for the partner to take it.
     *
     * @param to the partner
     * @param message what is sent
     * @param timeout how long to wait for the partner to take it
     */
    public static void send(ThreadId to, Message message, Duration timeout) {
        send(to, message, Timeout.within(timeout));
    }

    /**
     * As {@link #send(ThreadId, Message)}, with a timeout.
     *
     * @param to the partner
     * @param message what is sent
     * @param timeout how long to wait for the partner to take it
     */
    public static void send(ThreadId to, Message message, Timeout timeout) {
        check("l4_ipc_send", send(to.raw(), message, timeout.word()));
    }

    private static int send(long to, Message message, int timeout) {
        message.beginSend();
        try {
            return Calls.send(to, message.sending(), message.raw0(), message.raw1(), timeout, message.result());
        } finally {
            message.endSend();
        }
    }

    /**
     * Receives from one thread; others stay queued.
     *
     * @param from whose message is taken
     * @param message gets what is received
     */
    public static void receive(ThreadId from, Message message) {
        receive(from, message, Timeout.NEVER);
    }

    /**
     * As {@link #receive(ThreadId, Message)}; waits so long.
     *
     * @param from whose message is taken
     * @param message gets what is received
     * @param timeout how long to wait for a message
     */
    public static void receive(ThreadId from, Message message, Duration timeout) {
        receive(from, message, Timeout.within(timeout));
    }

    /**
     * As {@link #receive(ThreadId, Message)}, with a timeout.
     *
     * @param from whose message is taken
     * @param message gets what is received
     * @param timeout how long to wait for a message
     */
    public static void receive(ThreadId from, Message message, Timeout timeout) {
        int code;
        message.beginReceive();
        try {
            code = Calls.receive(from.raw(), message.receiving(), timeout.word(), message.result());
        } finally {
            message.endReceive();
        }
        message.received(code);
        check("l4_ipc_receive", code);
    }

    // ---- Servers

    /**
     * Waits for a message of any thread.
     *
     * @param message gets what is received, and its sender
     */
    public static void await(Message message) {
        await(message, Timeout.NEVER);
    }

    /**
     * As {@link #await(Message)}; waits so long.
     *
     * @param message gets what is received, and its sender
     * @param timeout how long to wait for a message
     */
    public static void await(Message message, Duration timeout) {
        await(message, Timeout.within(timeout));
    }

    /**
     * As {@link #await(Message)}, with a timeout.
     *
     * @param message gets what is received, and its sender
     * @param timeout how long to wait for a message
     */
    public static void await(Message message, Timeout timeout) {
        message.lost(null);
        check("l4_ipc_wait", awaitAny(message, timeout.word()));
    }

    private static int awaitAny(Message message, int timeout) {
        int code;
        message.beginReceive();
        try {
            code = Calls.await(message.receiving(), timeout, message.result());
        } finally {
            message.endReceive();
        }
        message.received(code);
        return code == L4.L4_IPC_REMSGCUT ? 0 : code;
    }

    /**
     * Answers the message's sender with what is in it now, and waits for the next message, of any thread, into the same. The answer goes to
     * who waits for it or not at all; if it could not be delivered, {@link Message#lost} tells, and the next message is waited for all the same.
     * A message without a sender is not answered.
     *
     * @param message the answer to its sender; then gets the next message and its sender
     */
    public static void replyAndWait(Message message) {
        replyAndWait(message, Timeout.SERVER);
    }

    /**
     * As {@link #replyAndWait(Message)}; waits so long for the next message.
     *
     * @param message the answer to its sender; then gets the next message and its sender
     * @param timeout how long to wait for the next message
     */
    public static void replyAndWait(Message message, Duration timeout) {
        replyAndWait(message, Timeout.SERVER.receiving(timeout));
    }

    /**
     * As {@link #replyAndWait(Message)}, with a timeout.
     *
     * @param message the answer to its sender; then gets the next message and its sender
     * @param timeout how long to wait for the partner to take the answer, and how long for the next message
     */
    public static void replyAndWait(Message message, Timeout timeout) {
        long to = message.rawSender();
        message.lost(null);
        if (L4.l4IsNilId(to)) {
            check("l4_ipc_wait", awaitAny(message, timeout.word()));
            return;
        }
        int code;
        if (message.isShort()) {
            code = Calls.replyAndWait(to, L4.L4_IPC_SHORT_MSG, message.raw0(), message.raw1(), L4.L4_IPC_SHORT_MSG, timeout.word(),
                    message.result());
        } else {
            code = replyAndWaitLong(to, message, timeout.word());
        }
        message.received(code);
        if (code != 0 && code != L4.L4_IPC_REMSGCUT) {
            answerLost(message, code, timeout.word());
        }
    }

    private static int replyAndWaitLong(long to, Message message, int timeout) {
        message.beginReceive();
        try {
            message.beginSend();
            try {
                return Calls.replyAndWait(to, message.sending(), message.raw0(), message.raw1(), message.receiving(), timeout,
                        message.result());
            } finally {
                message.endSend();
            }
        } finally {
            message.endReceive();
        }
    }

    /** What failed was the answer, so that nothing has been waited for; or the waiting. */
    private static void answerLost(Message message, int code, int timeout) {
        IpcError error = IpcError.of(code);
        message.dismiss();
        if (!error.isSending() || error == IpcError.SECANCELED) {
            throw new L4Exception("l4_ipc_reply_and_wait", error);
        }
        message.clear();
        message.lost(error);
        check("l4_ipc_wait", awaitAny(message, timeout));
    }

    /**
     * Answers the message's sender with what is in it now, and waits for nothing.
     *
     * @param message the answer; it goes to the thread that the message came from
     * @throws L4Exception SETIMEOUT it does not wait for an answer, ENOT_EXISTENT it is gone, SEMSGCUT it has too little room
     */
    public static void reply(Message message) {
        long to = message.rawSender();
        message.dismiss();
        check("l4_ipc_send", send(to, message, L4.L4_IPC_SEND_TIMEOUT_0));
    }

    /**
     * Sleeps.
     *
     * @param time how long
     * @throws L4Exception RECANCELED if it is interrupted or cancelled
     */
    public static void sleep(Duration time) {
        int code = Calls.sleep(Timeout.of(null, time).word());
        if (code != L4.L4_IPC_RETIMEOUT) {
            check("l4_ipc_sleep", code);
        }
    }

    private static void check(String call, int code) {
        if (code != 0) {
            throw new L4Exception(call, IpcError.of(code));
        }
    }
}
