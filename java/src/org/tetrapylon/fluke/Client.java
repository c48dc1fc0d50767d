package org.tetrapylon.fluke;

import java.lang.foreign.MemorySegment;
import org.tetrapylon.generated.fluke.fluke_ipc_h;

/**
 * The client's side of conversations with one port.
 *
 * {@snippet :
 * try (Client client = Client.open("echo"); Arena arena = Arena.ofConfined()) {
 *     MemorySegment message = arena.allocateFrom("hello!!");
 *     MemorySegment answer = arena.allocate(64);
 *     client.connectSendAndReceive(message, answer);
 *     System.out.println(answer.getString(0));
 * }
 * }
 *
 * <p>Connecting makes the client the sender. A thread holds one connection as a client: connecting ends the one that it holds, this object's
 * or another one's. Closing disconnects.
 */
public final class Client extends Conversation {

    private final Reference destination;
    private final boolean owns;

    private Client(Reference destination, boolean owns) {
        this.destination = destination;
        this.owns = owns;
    }

    /**
     * {@return a client of the port that a reference names; not connected yet}
     *
     * @param destination stays the caller's
     */
    public static Client to(Reference destination) {
        return new Client(destination, false);
    }

    /**
     * {@return a client of the port that has a name; not connected yet}
     *
     * @param name 1 to 100 bytes without '/'
     * @throws FlukeException FLUKE_INVALID_DEST nobody holds the name, FLUKE_NAME_INVALID
     */
    public static Client open(String name) {
        FlukeThread.current();
        return new Client(Reference.lookup(name), true);
    }

    /** {@return what it connects to} */
    public Reference destination() {
        return destination;
    }

    /**
     * Connects as the sender and sends at least 8 bytes.
     *
     * @param out native memory, whole words of 4 bytes
     * @throws FlukeException FLUKE_IPC_CONNECT_INVALID_DEST the port is gone, FLUKE_IPC_SEND_DISCONNECTED
     */
    public void connectAndSend(MemorySegment out) {
        perform(Call.CONNECT_SEND, out, MemorySegment.NULL);
    }

    /**
     * As {@link #connectAndSend(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     */
    public void connectAndSend(Params params) {
        perform(Call.CONNECT_SEND, params);
    }

    /**
     * Connects, sends at least 8 bytes, becomes the receiver and receives.
     *
     * @param out native memory, whole words of 4 bytes
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     * @throws FlukeException FLUKE_IPC_CONNECT_INVALID_DEST, FLUKE_IPC_SEND_DISCONNECTED, FLUKE_IPC_OVER_DISCONNECTED
     */
    public long connectSendAndReceive(MemorySegment out, MemorySegment in) {
        return perform(Call.CONNECT_SEND_OVER_RECEIVE, out, in);
    }

    /**
     * As {@link #connectSendAndReceive(MemorySegment, MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public long connectSendAndReceive(Params params) {
        return perform(Call.CONNECT_SEND_OVER_RECEIVE, params);
    }

    /**
     * Sends an idempotent message and receives the reply; a connection stays as it is. What there is no room for, there or here, is
     * dropped.
     *
     * @param out native memory, whole words of 4 bytes
     * @param in native memory for what comes, whole words of 4 bytes
     * @return the bytes that came
     * @throws FlukeException FLUKE_INVALID_DEST, FLUKE_IPC_CONNECT_INVALID_DEST
     */
    public long call(MemorySegment out, MemorySegment in) {
        return perform(Call.IDEMPOTENT, out, in);
    }

    /**
     * As {@link #call(MemorySegment, MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the bytes that came
     */
    public long call(Params params) {
        return perform(Call.IDEMPOTENT, params);
    }

    /**
     * Sends a one-way message, which is received at most once: blocks until it is. A connection stays as it is.
     *
     * @param out native memory, whole words of 4 bytes
     * @throws FlukeException FLUKE_INVALID_DEST, FLUKE_IPC_CONNECT_INVALID_DEST
     */
    public void post(MemorySegment out) {
        perform(Call.ONE_WAY, out, MemorySegment.NULL);
    }

    /**
     * As {@link #post(MemorySegment)}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     */
    public void post(Params params) {
        perform(Call.ONE_WAY, params);
    }

    @Override
    int make(Call call, Params params) {
        return switch (call) {
            case CONNECT_SEND -> FlukeIpc.flukeIpcClientConnectSend(destination, params);
            case CONNECT_SEND_OVER_RECEIVE -> FlukeIpc.flukeIpcClientConnectSendOverReceive(destination, params);
            case IDEMPOTENT -> FlukeIpc.flukeIpcCall(destination, params);
            case ONE_WAY -> FlukeIpc.flukeIpcSend(destination, params);
            case SEND -> FlukeIpc.flukeIpcClientSend(params);
            case SEND_OVER_RECEIVE -> FlukeIpc.flukeIpcClientSendOverReceive(params);
            case OVER_RECEIVE -> FlukeIpc.flukeIpcClientOverReceive(params);
            case RECEIVE -> FlukeIpc.flukeIpcClientReceive(params);
            case ACK_SEND -> FlukeIpc.flukeIpcClientAckSend(params);
            case ACK_SEND_OVER_RECEIVE -> FlukeIpc.flukeIpcClientAckSendOverReceive(params);
            default -> throw new AssertionError(call);
        };
    }

    @Override
    String nameOf(Call call) {
        return switch (call) {
            case IDEMPOTENT -> "fluke_ipc_call";
            case ONE_WAY -> "fluke_ipc_send";
            default -> "fluke_ipc_" + side() + "_" + call.name().toLowerCase(java.util.Locale.ROOT);
        };
    }

    @Override
    String side() {
        return "client";
    }

    @Override
    Conversation holder(FlukeThread thread) {
        return thread.client;
    }

    @Override
    void hold(FlukeThread thread, Conversation holder) {
        thread.client = holder;
    }

    @Override
    void end() {
        FlukeIpc.flukeIpcClientDisconnect();
    }

    @Override
    int senderBit() {
        return fluke_ipc_h.TPY_FLUKE_CLIENT_IS_SENDER();
    }

    @Override
    int receiverBit() {
        return fluke_ipc_h.TPY_FLUKE_CLIENT_IS_RECEIVER();
    }

    @Override
    int sendAlert() {
        return FlukeIpc.flukeIpcClientAlert();
    }

    @Override
    public void close() {
        boolean first = !isClosed();
        super.close();
        if (first && owns) {
            destination.close();
        }
    }
}
