package org.tetrapylon.fluke;

import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.tetrapylon.generated.fluke.fluke_ipc_h;

/**
 * The server's side of conversations, one after the other, with the clients of a port set.
 *
 * {@snippet :
 * try (Server server = Server.named("echo"); Arena arena = Arena.ofConfined()) {
 *     server.serve(arena.allocate(4096), (conversation, request) -> request);
 * }
 * }
 *
 * <p>{@link #accept} waits for the next client and makes the server the receiver; what a client sent may also be an idempotent message
 * ({@link #isCalled}, {@link #reply}) or a one-way message, which make no connection. For several threads each makes a server of its own on
 * the same port set.
 *
 * <p>A server ends its loop when its thread is interrupted, or another thread closes the port set.
 */
public final class Server extends Conversation {

    private final PortSet set;
    private final Port port;
    private final Alias alias = new Alias();

    private Server(PortSet set, Port port) {
        this.set = set;
        this.port = port;
    }

    /**
     * {@return a server of the ports in a set}
     *
     * @param set stays the caller's
     */
    public static Server of(PortSet set) {
        return new Server(set, null);
    }

    /**
     * {@return a server of one port of its own, with a name and the alias 0}
     *
     * @param name 1 to 100 bytes without '/'
     * @throws FlukeException FLUKE_NAME_IN_USE, FLUKE_NAME_INVALID
     */
    public static Server named(String name) {
        FlukeThread.current();
        PortSet set = PortSet.create();
        Port port = Port.create(0);
        try {
            port.moveTo(set);
            port.bind(name);
            return new Server(set, port);
        } catch (RuntimeException e) {
            port.close();
            set.close();
            throw e;
        }
    }

    /** {@return the ports that it serves} */
    public PortSet portSet() {
        return set;
    }

    /** {@return the alias of the port that the last message came to} */
    public long alias() {
        return alias.value();
    }

    /** {@return whether an idempotent message was received last that has not been replied to} */
    public boolean isCalled() {
        check();
        return (holds() & fluke_ipc_h.TPY_FLUKE_SERVER_IS_CALLED()) != 0;
    }

    // ---- Waiting

    /**
     * Ends the conversation that there is, waits for the next message and receives it; {@link #arrival} says how that ended.
     *
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     */
    public long accept(MemorySegment in) {
        return perform(Call.WAIT, MemorySegment.NULL, in);
    }

    /**
     * As {@link #accept(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public long accept(Params params) {
        return perform(Call.WAIT, params);
    }

    /**
     * As the sender: sends, disconnects, and waits as {@link #accept}.
     *
     * @param out native memory, whole words of 4 bytes
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     * @throws FlukeException FLUKE_IPC_SEND_DISCONNECTED, without waiting
     */
    public long sendAndAccept(MemorySegment out, MemorySegment in) {
        return perform(Call.SEND_WAIT, out, in);
    }

    /**
     * As {@link #sendAndAccept(MemorySegment, MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public long sendAndAccept(Params params) {
        return perform(Call.SEND_WAIT, params);
    }

    /**
     * As the receiver: becomes the sender, sends at least 8 bytes, disconnects, and waits as {@link #accept}. With a client's
     * {@link Client#connectSendAndReceive} this is a call and its answer at the least cost.
     *
     * @param out native memory, whole words of 4 bytes
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     * @throws FlukeException FLUKE_IPC_ACK_DISCONNECTED, FLUKE_IPC_SEND_DISCONNECTED, without waiting
     */
    public long ackSendAndAccept(MemorySegment out, MemorySegment in) {
        return perform(Call.ACK_SEND_WAIT, out, in);
    }

    /**
     * As {@link #ackSendAndAccept(MemorySegment, MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public long ackSendAndAccept(Params params) {
        return perform(Call.ACK_SEND_WAIT, params);
    }

    /**
     * Replies to the idempotent message that was received last; nothing happens if there is none.
     *
     * @param out native memory, whole words of 4 bytes
     */
    public void reply(MemorySegment out) {
        perform(Call.REPLY, out, MemorySegment.NULL);
    }

    /**
     * As {@link #reply(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     */
    public void reply(Params params) {
        perform(Call.REPLY, params);
    }

    /**
     * Replies, and waits as {@link #accept}.
     *
     * @param out native memory, whole words of 4 bytes
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     */
    public long replyAndAccept(MemorySegment out, MemorySegment in) {
        return perform(isOurs() ? Call.REPLY_WAIT : Call.WAIT, out, in);
    }

    /**
     * As {@link #replyAndAccept(MemorySegment, MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public long replyAndAccept(Params params) {
        return perform(isOurs() ? Call.REPLY_WAIT : Call.WAIT, params);
    }

    /**
     * Serves one client after the other until the thread is interrupted. Clients that go away in the middle are no failure.
     *
     * @param room native memory that messages are received into
     * @param service answers each message
     * @throws org.tetrapylon.InterruptedCallException the thread was interrupted while it waited
     */
    public void serve(MemorySegment room, Service service) {
        long came = accept(room);
        while (true) {
            came = next(service.answer(this, room.asSlice(0, came)), room);
        }
    }

    private long next(MemorySegment answer, MemorySegment room) {
        int holds = answer == null ? 0 : holds();
        try {
            if ((holds & fluke_ipc_h.TPY_FLUKE_SERVER_IS_RECEIVER()) != 0) {
                return ackSendAndAccept(answer, room);
            } else if ((holds & fluke_ipc_h.TPY_FLUKE_SERVER_IS_SENDER()) != 0) {
                return sendAndAccept(answer, room);
            } else if ((holds & fluke_ipc_h.TPY_FLUKE_SERVER_IS_CALLED()) != 0) {
                return replyAndAccept(answer, room);
            }
        } catch (FlukeException e) {
            if (e.status() != FlukeIpc.FLUKE_IPC_ACK_DISCONNECTED && e.status() != FlukeIpc.FLUKE_IPC_SEND_DISCONNECTED) {
                throw e;
            }
        }
        return accept(room);
    }

    // ---- For Conversation

    @Override
    int make(Call call, Params params) {
        return switch (call) {
            // Set up each time: another server of this thread may have waited elsewhere. It costs next to nothing.
            case WAIT -> FlukeIpc.flukeIpcSetupWaitReceive(set, params, alias);
            case REPLY_WAIT -> FlukeIpc.flukeIpcReplyWaitReceive(params, alias);
            case SEND_WAIT -> FlukeIpc.flukeIpcServerSendWaitReceive(params, alias);
            case ACK_SEND_WAIT -> FlukeIpc.flukeIpcServerAckSendWaitReceive(params, alias);
            case REPLY -> FlukeIpc.flukeIpcReply(params);
            case SEND -> FlukeIpc.flukeIpcServerSend(params);
            case SEND_OVER_RECEIVE -> FlukeIpc.flukeIpcServerSendOverReceive(params);
            case OVER_RECEIVE -> FlukeIpc.flukeIpcServerOverReceive(params);
            case RECEIVE -> FlukeIpc.flukeIpcServerReceive(params);
            case ACK_SEND -> FlukeIpc.flukeIpcServerAckSend(params);
            case ACK_SEND_OVER_RECEIVE -> FlukeIpc.flukeIpcServerAckSendOverReceive(params);
            default -> throw new AssertionError(call);
        };
    }

    @Override
    String nameOf(Call call) {
        return switch (call) {
            case WAIT -> "fluke_ipc_setup_wait_receive";
            case REPLY -> "fluke_ipc_reply";
            case REPLY_WAIT -> "fluke_ipc_reply_wait_receive";
            case SEND_WAIT, ACK_SEND_WAIT -> "fluke_ipc_server_" + call.name().toLowerCase(Locale.ROOT) + "_receive";
            default -> "fluke_ipc_server_" + call.name().toLowerCase(Locale.ROOT);
        };
    }

    @Override
    String side() {
        return "server";
    }

    @Override
    Conversation holder(FlukeThread thread) {
        return thread.server;
    }

    @Override
    void hold(FlukeThread thread, Conversation holder) {
        thread.server = holder;
    }

    @Override
    void end() {
        FlukeIpc.flukeIpcServerDisconnect();
    }

    @Override
    int senderBit() {
        return fluke_ipc_h.TPY_FLUKE_SERVER_IS_SENDER();
    }

    @Override
    int receiverBit() {
        return fluke_ipc_h.TPY_FLUKE_SERVER_IS_RECEIVER();
    }

    @Override
    int sendAlert() {
        return FlukeIpc.flukeIpcServerAlert();
    }

    /** Disconnects, and destroys the port and port set that {@link #named} made. */
    @Override
    public void close() {
        boolean first = !isClosed();
        super.close();
        if (first && port != null) {
            port.close();
            set.close();
        }
    }
}
