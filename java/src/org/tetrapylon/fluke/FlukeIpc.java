package org.tetrapylon.fluke;

import java.lang.foreign.Arena;
import org.tetrapylon.Fd;
import org.tetrapylon.generated.fluke.fluke_ipc_h;
import org.tetrapylon.internal.NativeLibrary;

/**
 * The functions of {@code fluke/ipc.h} under their documented names, for both sides; the header and chapter 8 of the Fluke API say what each
 * does. For an easier way in see {@link Client} and {@link Server}.
 *
 * <p>Conventions. A function returns a status, 0 or above; a mistake of the caller's is a FLUKE_INSANITY_, below 0, which goes to the
 * thread's trap handler if it set one and is returned then, too. No status is thrown.
 *
 * <p>{@link Thread#interrupt} ends a blocked call with {@link #FLUKE_IPC_INTERRUPTED}, and one that begins while the thread is interrupted
 * returns that at once and does nothing. The interrupt status stays set. Once it is cleared, the same function called again with the same
 * params goes on where it stopped.
 *
 * <p>A connection belongs to the thread that calls. All functions that send or receive, and those about threads, throw
 * {@link WrongThreadException} on a virtual thread; the others may be called by any. All are thread-safe.
 */
public final class FlukeIpc {

    static {
        NativeLibrary.load();
    }

    /** A status: all is well, and of a receive that the other side is over. */
    public static final int FLUKE_SUCCESS = fluke_ipc_h.FLUKE_SUCCESS();
    /** A status: the reference names no living port, nobody holds the name, or there is no connection to alert. */
    public static final int FLUKE_INVALID_DEST = fluke_ipc_h.FLUKE_INVALID_DEST();
    /** A status: as FLUKE_INVALID_DEST, when connecting, or the port was destroyed or its owner died meanwhile. */
    public static final int FLUKE_IPC_CONNECT_INVALID_DEST = fluke_ipc_h.FLUKE_IPC_CONNECT_INVALID_DEST();
    /** A status: the receiver disconnected or died before it had taken everything. */
    public static final int FLUKE_IPC_SEND_DISCONNECTED = fluke_ipc_h.FLUKE_IPC_SEND_DISCONNECTED();
    /** A status: everything was sent, but the connection ended before the peer acknowledged the reversal. */
    public static final int FLUKE_IPC_OVER_DISCONNECTED = fluke_ipc_h.FLUKE_IPC_OVER_DISCONNECTED();
    /** A status: the connection ended before the reversal. */
    public static final int FLUKE_IPC_ACK_DISCONNECTED = fluke_ipc_h.FLUKE_IPC_ACK_DISCONNECTED();
    /** A status: the sender disconnected, the normal end of a connection. The params tell what came before. */
    public static final int FLUKE_IPC_RECV_DISCONNECTED = fluke_ipc_h.FLUKE_IPC_RECV_DISCONNECTED();
    /** A status: the buffers are full; a further receive goes on. */
    public static final int FLUKE_IPC_RECV_MORE_DATA = fluke_ipc_h.FLUKE_IPC_RECV_MORE_DATA();
    /** A status: the references are used up; a further receive goes on. */
    public static final int FLUKE_IPC_RECV_MORE_REFS = fluke_ipc_h.FLUKE_IPC_RECV_MORE_REFS();
    /** A status of ours: alerted or interrupted. The same function called with the same params goes on. */
    public static final int FLUKE_IPC_INTERRUPTED = fluke_ipc_h.FLUKE_IPC_INTERRUPTED();
    /** A status of ours. */
    public static final int FLUKE_NAME_IN_USE = fluke_ipc_h.FLUKE_NAME_IN_USE();
    /** A status of ours: empty, over 100 bytes, or with a '/'. */
    public static final int FLUKE_NAME_INVALID = fluke_ipc_h.FLUKE_NAME_INVALID();
    /** A status of ours: memory, descriptors, or a limit of the library. */
    public static final int FLUKE_NO_RESOURCES = fluke_ipc_h.FLUKE_NO_RESOURCES();
    /** A mistake: this thread is not the receiver. */
    public static final int FLUKE_INSANITY_NOT_RECEIVER = fluke_ipc_h.FLUKE_INSANITY_NOT_RECEIVER();
    /** A mistake: this thread is not the sender. */
    public static final int FLUKE_INSANITY_NOT_SENDER = fluke_ipc_h.FLUKE_INSANITY_NOT_SENDER();
    /** A mistake: an object is missing, not created, or destroyed. */
    public static final int FLUKE_INSANITY_NO_OBJECT = fluke_ipc_h.FLUKE_INSANITY_NO_OBJECT();
    /** A mistake: an object is not a reference. */
    public static final int FLUKE_INSANITY_NOT_REF = fluke_ipc_h.FLUKE_INSANITY_NOT_REF();
    /** A mistake: an object that is not usable as it is; a closed descriptor. */
    public static final int FLUKE_INSANITY_INVALID_OBJECT = fluke_ipc_h.FLUKE_INSANITY_INVALID_OBJECT();
    /** A mistake: less than FLUKE_MIN_MSG_SIZE words after a connect or an ack. */
    public static final int FLUKE_INSANITY_BUFFER_TOO_SMALL = fluke_ipc_h.FLUKE_INSANITY_BUFFER_TOO_SMALL();
    /** A mistake: a buffer that does not begin at a multiple of 4 bytes. */
    public static final int FLUKE_INSANITY_BUFFER_UNALIGNED = fluke_ipc_h.FLUKE_INSANITY_BUFFER_UNALIGNED();
    /** A mistake: no params, or memory that cannot be read or written. */
    public static final int FLUKE_INSANITY_BAD_BUFFER = fluke_ipc_h.FLUKE_INSANITY_BAD_BUFFER();
    /** Words of 4 bytes that the first message of a sender has at least. */
    public static final int FLUKE_MIN_MSG_SIZE = fluke_ipc_h.FLUKE_MIN_MSG_SIZE();

    private FlukeIpc() {}

    // ---- One downcall for each side. Addresses are passed as numbers: a segment costs 3 ns to pass. The thread's record is looked up only when the
    // library does not know the thread yet.

    private static final int UNBOUND = fluke_ipc_h.TPY_FLUKE_UNBOUND();

    private static int client(int call, Reference dest, Params params) {
        if (FlukeThread.isInterrupted()) {
            return FLUKE_IPC_INTERRUPTED;
        }
        long address = Params.begin(params);
        int status = FLUKE_IPC_INTERRUPTED;
        try {
            do {
                status = fluke_ipc_h.tpy_fluke_client(call, FlukeObject.addressOf(dest), address);
            } while (status == UNBOUND && (status = FlukeThread.bind()) == FLUKE_SUCCESS);
        } finally {
            Params.end(params, status);
            java.lang.ref.Reference.reachabilityFence(dest);
        }
        return FlukeThread.leave(status);
    }

    private static int server(int call, PortSet pset, Params params, Alias alias) {
        if (FlukeThread.isInterrupted()) {
            return FLUKE_IPC_INTERRUPTED;
        }
        long address = Params.begin(params);
        int status = FLUKE_IPC_INTERRUPTED;
        try {
            do {
                status = fluke_ipc_h.tpy_fluke_server(call, FlukeObject.addressOf(pset), address, Alias.addressOf(alias));
            } while (status == UNBOUND && (status = FlukeThread.bind()) == FLUKE_SUCCESS);
        } finally {
            Params.end(params, status);
            java.lang.ref.Reference.reachabilityFence(pset);
            java.lang.ref.Reference.reachabilityFence(alias);
        }
        return FlukeThread.leave(status);
    }

    // ---- Objects

    /**
     * Creates a port set.
     *
     * @param pset the port set
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT, FLUKE_NO_RESOURCES
     */
    public static int flukePsetCreate(PortSet pset) {
        return pset == null ? noObject() : FlukeThread.told(pset.createHere());
    }

    /**
     * Destroys a port set: its ports leave it, and threads that wait on it get FLUKE_INSANITY_INVALID_OBJECT.
     *
     * @param pset the port set
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukePsetDestroy(PortSet pset) {
        return pset == null ? noObject() : FlukeThread.told(pset.destroyHere());
    }

    /**
     * Creates a port.
     *
     * @param port the port
     * @param alias what servers get back for messages to this port; never looked at
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT, FLUKE_NO_RESOURCES
     */
    public static int flukePortCreate(Port port, long alias) {
        return port == null ? noObject() : FlukeThread.told(port.createHere(alias));
    }

    /**
     * Puts a port into a port set, out of the one where it was, at any time: clients that wait, wait on.
     *
     * @param port the port
     * @param pset null: none
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT, FLUKE_INSANITY_INVALID_OBJECT
     */
    public static int flukePortSetPset(Port port, PortSet pset) {
        try {
            return FlukeThread.told(fluke_ipc_h.fluke_port_set_pset(FlukeObject.memoryOf(port), FlukeObject.memoryOf(pset)));
        } finally {
            java.lang.ref.Reference.reachabilityFence(port);
            java.lang.ref.Reference.reachabilityFence(pset);
        }
    }

    /**
     * Destroys a port: clients that wait to be received get FLUKE_IPC_CONNECT_INVALID_DEST, its names are free; connections that stand go on.
     *
     * @param port the port
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukePortDestroy(Port port) {
        return port == null ? noObject() : FlukeThread.told(port.destroyHere());
    }

    /**
     * Makes a reference name the port.
     *
     * @param port the port
     * @param ref the reference
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukePortReference(Port port, Reference ref) {
        try {
            return FlukeThread.told(fluke_ipc_h.fluke_port_reference(FlukeObject.memoryOf(port), FlukeObject.memoryOf(ref)));
        } finally {
            java.lang.ref.Reference.reachabilityFence(port);
            java.lang.ref.Reference.reachabilityFence(ref);
        }
    }

    /**
     * Creates an empty reference.
     *
     * @param ref the reference
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukeRefCreate(Reference ref) {
        return ref == null ? noObject() : FlukeThread.told(ref.createHere());
    }

    /**
     * Makes a reference name a descriptor, by a duplicate of it.
     *
     * @param ref the reference
     * @param fd stays the caller's
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_INVALID_OBJECT the descriptor is closed, FLUKE_INSANITY_NO_OBJECT, FLUKE_NO_RESOURCES
     */
    public static int flukeRefFromFd(Reference ref, Fd fd) {
        return FlukeThread.told(Reference.fromFd(ref, fd));
    }

    /**
     * {@return the number of the descriptor that a reference names, which stays the reference's; -1: it names none} For a descriptor of one's
     * own see {@link Reference#fd}.
     *
     * @param ref the reference
     */
    public static int flukeRefFd(Reference ref) {
        try {
            return fluke_ipc_h.fluke_ref_fd(FlukeObject.memoryOf(ref));
        } finally {
            java.lang.ref.Reference.reachabilityFence(ref);
        }
    }

    /**
     * Makes a reference name what another one does.
     *
     * @param from what is copied
     * @param to a reference that exists
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukeRefCopy(Reference from, Reference to) {
        try {
            return FlukeThread.told(fluke_ipc_h.fluke_ref_copy(FlukeObject.memoryOf(from), FlukeObject.memoryOf(to)));
        } finally {
            java.lang.ref.Reference.reachabilityFence(from);
            java.lang.ref.Reference.reachabilityFence(to);
        }
    }

    /**
     * {@return whether both name the same port, or one is a copy of the other}
     *
     * @param a one reference
     * @param b another one
     */
    public static boolean flukeRefEqual(Reference a, Reference b) {
        try {
            return fluke_ipc_h.fluke_ref_equal(FlukeObject.memoryOf(a), FlukeObject.memoryOf(b)) != 0;
        } finally {
            java.lang.ref.Reference.reachabilityFence(a);
            java.lang.ref.Reference.reachabilityFence(b);
        }
    }

    /**
     * Destroys a reference, with its descriptor if it names one.
     *
     * @param ref the reference
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukeRefDestroy(Reference ref) {
        return ref == null ? noObject() : FlukeThread.told(ref.destroyHere());
    }

    /** The library says it, so that the trap handler hears of it. */
    private static int noObject() {
        return FlukeThread.told(fluke_ipc_h.fluke_ref_destroy(FlukeObject.memoryOf(null)));
    }

    // ---- Names

    /**
     * Gives a port a name, one of perhaps several.
     *
     * @param name 1 to 100 bytes, any but '/' and NUL
     * @param port the port
     * @return FLUKE_SUCCESS, FLUKE_NAME_IN_USE, FLUKE_NAME_INVALID, FLUKE_NO_RESOURCES, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukeNameBind(String name, Port port) {
        try (Arena arena = Arena.ofConfined()) {
            return FlukeThread.told(fluke_ipc_h.fluke_name_bind(Reference.nameIn(arena, name),
                    FlukeObject.memoryOf(port)));
        } finally {
            java.lang.ref.Reference.reachabilityFence(port);
        }
    }

    /**
     * Makes a reference name the port that has a name.
     *
     * @param name 1 to 100 bytes, any but '/' and NUL
     * @param ref the reference
     * @return FLUKE_SUCCESS, FLUKE_INVALID_DEST nobody holds the name, FLUKE_NAME_INVALID, FLUKE_NO_RESOURCES, FLUKE_INSANITY_NO_OBJECT
     */
    public static int flukeNameLookup(String name, Reference ref) {
        try (Arena arena = Arena.ofConfined()) {
            return FlukeThread.told(fluke_ipc_h.fluke_name_lookup(Reference.nameIn(arena, name),
                    FlukeObject.memoryOf(ref)));
        } finally {
            java.lang.ref.Reference.reachabilityFence(ref);
        }
    }

    // ---- Threads

    /** {@return the calling thread; null when the library has no number left for it} */
    public static FlukeThread flukeThreadSelf() {
        FlukeThread self = FlukeThread.current();
        return self.record().address() == 0 ? null : self;
    }

    /**
     * Interrupts a thread's blocked call, or its next one that would block.
     *
     * @param thread a thread of this process
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT the thread has ended
     */
    public static int flukeThreadInterrupt(FlukeThread thread) {
        return thread == null || !thread.isAlive() ? noObject()
                : FlukeThread.told(fluke_ipc_h.fluke_thread_interrupt(thread.record()));
    }

    /**
     * Sets what a thread does at a mistake, when it is interrupted ({@link #flukeThreadInterrupt}, not {@link Thread#interrupt}), and when the
     * peer of the connection that it holds as a client, or as a server, alerts it. Handlers run in that thread, in the middle of the call that
     * was to block, which then goes on; without a handler that call returns FLUKE_IPC_INTERRUPTED. What a handler throws comes out of
     * the call. null: none.
     *
     * @param thread a thread of this process
     * @param trap for mistakes of the caller, the FLUKE_INSANITY_ exceptions
     * @param interrupt for {@link #flukeThreadInterrupt}
     * @param clientAlert for alerts from the server of the thread's connection
     * @param serverAlert for alerts from the client of the thread's connection
     * @return FLUKE_SUCCESS, FLUKE_INSANITY_NO_OBJECT the thread has ended
     */
    public static int flukeThreadSetHandlers(FlukeThread thread, Handler trap, Handler interrupt, Handler clientAlert,
            Handler serverAlert) {
        return thread == null || !thread.isAlive() ? noObject()
                : FlukeThread.told(thread.setHandlers(trap, interrupt, clientAlert, serverAlert));
    }

    // ---- Idempotent messages and one-way messages: both truncate silently at the receiver's room

    /**
     * Sends an idempotent message and receives the reply.
     *
     * @param dest a reference to a port
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS, FLUKE_INVALID_DEST, FLUKE_IPC_CONNECT_INVALID_DEST the port or its owner is gone
     */
    public static int flukeIpcCall(Reference dest, Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_IPC_CALL(), dest, params);
    }

    /**
     * Replies to the call that this thread received last; nothing happens if there is none.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS
     */
    public static int flukeIpcReply(Params params) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_IPC_REPLY(), null, params, null);
    }

    /**
     * Replies, then waits as {@link #flukeIpcWaitReceive}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @param alias gets the alias of the port that the message came to; may be null
     * @return that of the wait
     */
    public static int flukeIpcReplyWaitReceive(Params params, Alias alias) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_IPC_REPLY_WAIT_RECEIVE(), null, params, alias);
    }

    /**
     * Sends a one-way message: blocks until a server receives it, at most once.
     *
     * @param dest a reference to a port
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS, FLUKE_INVALID_DEST, FLUKE_IPC_CONNECT_INVALID_DEST
     */
    public static int flukeIpcSend(Reference dest, Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_IPC_SEND(), dest, params);
    }

    // ---- Reliable connections: the client opens

    /**
     * Ends the connection that this thread holds as a client, if any; then connects as the sender, and sends.
     *
     * @param dest a reference to a port
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_IPC_CONNECT_INVALID_DEST, or that of {@link #flukeIpcClientSend}
     */
    public static int flukeIpcClientConnectSend(Reference dest, Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_CONNECT_SEND(), dest, params);
    }

    /**
     * Connects and sends as {@link #flukeIpcClientConnectSend}, then reverses the connection and receives.
     *
     * @param dest a reference to a port
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_IPC_CONNECT_INVALID_DEST, or that of {@link #flukeIpcClientSendOverReceive}
     */
    public static int flukeIpcClientConnectSendOverReceive(Reference dest, Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_CONNECT_SEND_OVER_RECEIVE(), dest, params);
    }

    // ---- Reliable connections: the server waits

    /**
     * Ends the connection that this thread holds as a server, if any; then waits for a message to any port of a port set, on which this thread
     * waits from now on, and receives it.
     *
     * @param pset the port set
     * @param params what to send and the room to receive into; moved on past what came
     * @param alias that of the port; may be null
     * @return as {@link #flukeIpcServerReceive}; FLUKE_INSANITY_INVALID_OBJECT the port set was destroyed meanwhile
     */
    public static int flukeIpcSetupWaitReceive(PortSet pset, Params params, Alias alias) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_IPC_SETUP_WAIT_RECEIVE(), pset, params, alias);
    }

    /**
     * As {@link #flukeIpcSetupWaitReceive}, on the port set where this thread waited last.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @param alias gets the alias of the port that the message came to; may be null
     * @return as there
     */
    public static int flukeIpcWaitReceive(Params params, Alias alias) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_IPC_WAIT_RECEIVE(), null, params, alias);
    }

    /**
     * Sends as {@link #flukeIpcServerSend}, disconnects, and waits for the next message.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @param alias gets the alias of the port that the message came to; may be null
     * @return the first that is not FLUKE_SUCCESS, or that of the wait
     */
    public static int flukeIpcServerSendWaitReceive(Params params, Alias alias) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_SEND_WAIT_RECEIVE(), null, params, alias);
    }

    /**
     * Reverses the connection, sends, disconnects, and waits for the next message: a server's main loop.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @param alias gets the alias of the port that the message came to; may be null
     * @return the first that is not FLUKE_SUCCESS, or that of the wait
     */
    public static int flukeIpcServerAckSendWaitReceive(Params params, Alias alias) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_ACK_SEND_WAIT_RECEIVE(), null, params, alias);
    }

    // ---- Reliable connections, either side

    /**
     * On the connection that this thread holds as a client: the receiver becomes the sender, as soon as the server is over; what that
     * still sends until then is dropped. Then sends.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS, FLUKE_IPC_ACK_DISCONNECTED, FLUKE_IPC_SEND_DISCONNECTED
     */
    public static int flukeIpcClientAckSend(Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_ACK_SEND(), null, params);
    }

    /**
     * As {@link #flukeIpcClientAckSend}, then as {@link #flukeIpcClientOverReceive}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the first that is not FLUKE_SUCCESS, or that of the receive
     */
    public static int flukeIpcClientAckSendOverReceive(Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_ACK_SEND_OVER_RECEIVE(), null, params);
    }

    /**
     * Alerts the thread at the other end of the connection that this thread holds as a client.
     *
     * @return FLUKE_SUCCESS, FLUKE_INVALID_DEST there is no connection, FLUKE_NO_RESOURCES
     */
    public static int flukeIpcClientAlert() {
        FlukeThread.current();
        return fluke_ipc_h.fluke_ipc_client_alert();
    }

    /** Ends the connection that this thread holds as a client: gracefully as the sender, abnormally as the receiver. Without one: nothing. */
    public static void flukeIpcClientDisconnect() {
        FlukeThread.current();
        fluke_ipc_h.fluke_ipc_client_disconnect();
    }

    /**
     * On the connection that this thread holds as a client: the sender becomes the receiver: blocks until the server acknowledges, then
     * receives.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_IPC_OVER_DISCONNECTED, or that of the receive
     */
    public static int flukeIpcClientOverReceive(Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_OVER_RECEIVE(), null, params);
    }

    /**
     * On the connection that this thread holds as a client: receives until the server is over or disconnects, or the room is full.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS the server is over, FLUKE_IPC_RECV_DISCONNECTED, FLUKE_IPC_RECV_MORE_DATA, FLUKE_IPC_RECV_MORE_REFS
     */
    public static int flukeIpcClientReceive(Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_RECEIVE(), null, params);
    }

    /**
     * On the connection that this thread holds as a client: blocks until the server has taken everything.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS, FLUKE_IPC_SEND_DISCONNECTED
     */
    public static int flukeIpcClientSend(Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_SEND(), null, params);
    }

    /**
     * As {@link #flukeIpcClientSend}, then as {@link #flukeIpcClientOverReceive}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the first that is not FLUKE_SUCCESS, or that of the receive
     */
    public static int flukeIpcClientSendOverReceive(Params params) {
        return client(fluke_ipc_h.TPY_FLUKE_DO_SEND_OVER_RECEIVE(), null, params);
    }

    /**
     * On the connection that this thread holds as a server: the receiver becomes the sender, as soon as the client is over; what that
     * still sends until then is dropped. Then sends.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS, FLUKE_IPC_ACK_DISCONNECTED, FLUKE_IPC_SEND_DISCONNECTED
     */
    public static int flukeIpcServerAckSend(Params params) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_ACK_SEND(), null, params, null);
    }

    /**
     * As {@link #flukeIpcServerAckSend}, then as {@link #flukeIpcServerOverReceive}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the first that is not FLUKE_SUCCESS, or that of the receive
     */
    public static int flukeIpcServerAckSendOverReceive(Params params) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_ACK_SEND_OVER_RECEIVE(), null, params, null);
    }

    /**
     * Alerts the thread at the other end of the connection that this thread holds as a server.
     *
     * @return FLUKE_SUCCESS, FLUKE_INVALID_DEST there is no connection, FLUKE_NO_RESOURCES
     */
    public static int flukeIpcServerAlert() {
        FlukeThread.current();
        return fluke_ipc_h.fluke_ipc_server_alert();
    }

    /** Ends the connection that this thread holds as a server: gracefully as the sender, abnormally as the receiver. Without one: nothing. */
    public static void flukeIpcServerDisconnect() {
        FlukeThread.current();
        fluke_ipc_h.fluke_ipc_server_disconnect();
    }

    /**
     * On the connection that this thread holds as a server: the sender becomes the receiver: blocks until the client acknowledges, then
     * receives.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_IPC_OVER_DISCONNECTED, or that of the receive
     */
    public static int flukeIpcServerOverReceive(Params params) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_OVER_RECEIVE(), null, params, null);
    }

    /**
     * On the connection that this thread holds as a server: receives until the client is over or disconnects, or the room is full.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS the client is over, FLUKE_IPC_RECV_DISCONNECTED, FLUKE_IPC_RECV_MORE_DATA, FLUKE_IPC_RECV_MORE_REFS
     */
    public static int flukeIpcServerReceive(Params params) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_RECEIVE(), null, params, null);
    }

    /**
     * On the connection that this thread holds as a server: blocks until the client has taken everything.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return FLUKE_SUCCESS, FLUKE_IPC_SEND_DISCONNECTED
     */
    public static int flukeIpcServerSend(Params params) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_SEND(), null, params, null);
    }

    /**
     * As {@link #flukeIpcServerSend}, then as {@link #flukeIpcServerOverReceive}.
     *
     * @param params what to send and the room to receive into; moved on past what came
     * @return the first that is not FLUKE_SUCCESS, or that of the receive
     */
    public static int flukeIpcServerSendOverReceive(Params params) {
        return server(fluke_ipc_h.TPY_FLUKE_DO_SEND_OVER_RECEIVE(), null, params, null);
    }
}
