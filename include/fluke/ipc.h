/*
 * fluke/ipc.h: interprocess communication of Fluke, chapter 8 of its API: reliable half-duplex connections whose direction is reversed,
 * idempotent calls and one-way messages, to ports that are gathered in port sets. The manual page at hand is 8.14,
 * fluke_ipc_side_ack_send_over_receive; no public Fluke header survives, so the declarations are ours (docs/fluke.md tells
 * how each open point was settled).
 *
 * A thread holds at most one connection as a client and one as a server; the two know nothing of each other. Every function acts on the
 * calling thread's connections and may be called by any thread. Objects (ports, port sets, references) may be used by any thread of the
 * process that made them, also at the same time. A child after fork begins without connections, ports
 * and port sets of its own; its references stay good.
 *
 * A function returns a status (>= 0). A mistake of the caller (FLUKE_INSANITY_*, < 0) goes to the thread's trap handler if it set one
 * (fluke_thread_set_handlers) and is then returned too. A mistake changes nothing.
 */
#ifndef FLUKE_IPC_H
#define FLUKE_IPC_H

#include <stddef.h>
#include <stdint.h>

#include "tetrapylon.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int fluke_error_t;

/* ---- Statuses. The numbers are ours: none was ever published. ---------------------------------------------------------- */

#define FLUKE_SUCCESS 0
#define FLUKE_INVALID_DEST 1             /* the reference names no living port; nobody holds the name; no connection to alert */
#define FLUKE_IPC_CONNECT_INVALID_DEST 2 /* as above, when connecting, or the port was destroyed or its owner died meanwhile */
#define FLUKE_IPC_SEND_DISCONNECTED 3    /* the receiver disconnected or died before it had taken everything */
#define FLUKE_IPC_OVER_DISCONNECTED 4    /* everything was sent, but the connection ended before the peer acknowledged the reversal */
#define FLUKE_IPC_ACK_DISCONNECTED 5     /* the connection ended before the reversal */
#define FLUKE_IPC_RECV_DISCONNECTED 6    /* the sender disconnected: the normal end of a connection. The params tell what came before */
#define FLUKE_IPC_RECV_MORE_DATA 7       /* the buffers are full; receive goes on */
#define FLUKE_IPC_RECV_MORE_REFS 8       /* the references are used up; receive goes on */
/* Ours: */
#define FLUKE_IPC_INTERRUPTED 64 /* alerted or interrupted: call the same function again with the same params, and it goes on */
#define FLUKE_NAME_IN_USE 65
#define FLUKE_NAME_INVALID 66    /* empty, over 100 bytes, or with a '/' */
#define FLUKE_NO_RESOURCES 67    /* memory, descriptors, or a limit of the library: what makes an object, looks a name up, or is a thread's first to a port */

/* ---- Insanity exceptions ------------------------------------------------------------------------------------------------- */

#define FLUKE_INSANITY_NOT_RECEIVER (-1)
#define FLUKE_INSANITY_NOT_SENDER (-2)
#define FLUKE_INSANITY_NO_OBJECT (-3)        /* the pointer does not refer to an active object */
#define FLUKE_INSANITY_NOT_REF (-4)          /* the object is not a reference */
#define FLUKE_INSANITY_INVALID_OBJECT (-5)   /* not usable as it is: copied by assignment, made before a fork, destroyed meanwhile; a bad fd */
#define FLUKE_INSANITY_BUFFER_TOO_SMALL (-6) /* less than FLUKE_MIN_MSG_SIZE words after a connect or an ack */
#define FLUKE_INSANITY_BUFFER_UNALIGNED (-7) /* a buffer does not begin at a multiple of 4 bytes */
/* Ours: */
#define FLUKE_INSANITY_BAD_BUFFER (-64) /* memory that the params name cannot be read or written */

/* ---- Objects. Memory of the caller's, made and destroyed by the functions below; never copy one by assignment. -------------- */

typedef struct fluke_ref { uint64_t opaque[6]; } fluke_ref_t;   /* names a port or a descriptor, here or in another process */
typedef struct fluke_port { uint64_t opaque[4]; } fluke_port_t; /* where clients connect to */
typedef struct fluke_pset { uint64_t opaque[4]; } fluke_pset_t; /* ports that servers wait on together */
typedef struct fluke_thread fluke_thread_t;

TPY_PUBLIC fluke_error_t fluke_pset_create(fluke_pset_t *pset);
/* Its ports leave it. A thread that waits on it gets FLUKE_INSANITY_INVALID_OBJECT. */
TPY_PUBLIC fluke_error_t fluke_pset_destroy(fluke_pset_t *pset);

/* alias: what the server gets back for messages to this port; never looked at. */
TPY_PUBLIC fluke_error_t fluke_port_create(fluke_port_t *port, void *alias);
/* Puts the port into a port set, out of the one where it was; NULL: into none. At any time: clients that wait, wait on. */
TPY_PUBLIC fluke_error_t fluke_port_set_pset(fluke_port_t *port, fluke_pset_t *pset);
/* Clients that wait to be received get FLUKE_IPC_CONNECT_INVALID_DEST, its names are free; connections that stand go on. */
TPY_PUBLIC fluke_error_t fluke_port_destroy(fluke_port_t *port);
/* Makes ref, which exists, name the port. */
TPY_PUBLIC fluke_error_t fluke_port_reference(fluke_port_t *port, fluke_ref_t *ref);

TPY_PUBLIC fluke_error_t fluke_ref_create(fluke_ref_t *ref); /* an empty reference */
/* Makes ref, which exists, name (a dup of) a descriptor, a region or a device. FLUKE_INSANITY_INVALID_OBJECT: not an open one. */
TPY_PUBLIC fluke_error_t fluke_ref_from_fd(fluke_ref_t *ref, int fd);
/* The descriptor, which stays the reference's and is closed with it; -1: it names none. */
TPY_PUBLIC int fluke_ref_fd(const fluke_ref_t *ref);
TPY_PUBLIC fluke_error_t fluke_ref_copy(const fluke_ref_t *from, fluke_ref_t *to); /* both exist */
TPY_PUBLIC int fluke_ref_equal(const fluke_ref_t *a, const fluke_ref_t *b); /* 1: the same port, or one a copy of the other (here); else 0 */
TPY_PUBLIC fluke_error_t fluke_ref_destroy(fluke_ref_t *ref);

/* Names are per user: 1 to 100 bytes, any but '/' and NUL. A port may have several. */
TPY_PUBLIC fluke_error_t fluke_name_bind(const char *name, fluke_port_t *port);
TPY_PUBLIC fluke_error_t fluke_name_lookup(const char *name, fluke_ref_t *ref); /* makes ref, which exists, name the port */

/* ---- Parameters ------------------------------------------------------------------------------------------------------------ */

#define FLUKE_MIN_MSG_SIZE 2 /* words */

typedef struct fluke_ipc_buffer {
    size_t words; /* of 4 bytes */
    void *buf;    /* at a multiple of 4 */
} fluke_ipc_buffer_t;

/*
 * What to send, and the room to receive into. The first buffer of either stands in the structure itself, further ones in the table. A send
 * sends all buffers in turn, then the references. A receive fills the buffers in turn and overwrites the references.
 *
 * The receive fields are advanced past what came: recv_buf is the rest of the buffer being filled, recv_buf_tab and recv_buf_count the
 * buffers after it, recv_ref_tab and recv_ref_count the references left. The send fields come back as they were, but after
 * FLUKE_IPC_INTERRUPTED, when they are advanced in the same way. The tables themselves are not written.
 */
typedef struct fluke_ipc_params {
    fluke_ipc_buffer_t send_buf, *send_buf_tab;
    size_t send_buf_count; /* entries of send_buf_tab */
    fluke_ref_t **send_ref_tab;
    size_t send_ref_count;
    fluke_ipc_buffer_t recv_buf, *recv_buf_tab;
    size_t recv_buf_count; /* entries of recv_buf_tab */
    fluke_ref_t **recv_ref_tab;
    size_t recv_ref_count;
} fluke_ipc_params_t;

/* ---- Threads --------------------------------------------------------------------------------------------------------------- */

/* The calling thread; NULL when the library has no number left for it (4,096 threads). */
TPY_PUBLIC fluke_thread_t *fluke_thread_self(void);
/* Interrupts the thread's blocked call, or its next one. Any thread of the process. */
TPY_PUBLIC fluke_error_t fluke_thread_interrupt(fluke_thread_t *thread);
/*
 * NULL: none. trap: mistakes. interrupt: fluke_thread_interrupt. client_alert, server_alert: the peer of the connection this thread
 * holds as a client (as a server) alerted it. They run in the thread itself, in the middle of the call that was to block, which then goes
 * on; without a handler that call returns FLUKE_IPC_INTERRUPTED. A handler may call anything here.
 */
TPY_PUBLIC fluke_error_t fluke_thread_set_handlers(fluke_thread_t *thread, void (*trap)(fluke_error_t), void (*interrupt)(fluke_error_t),
    void (*client_alert)(fluke_error_t), void (*server_alert)(fluke_error_t));

/* ---- Idempotent messages and one-way messages: both truncate silently at the receiver's room ------------------------------- */

/* Sends and receives the reply. INVALID_DEST, IPC_CONNECT_INVALID_DEST. */
TPY_PUBLIC fluke_error_t fluke_ipc_call(fluke_ref_t *dest, fluke_ipc_params_t *params);
/* Replies to the call this thread received last; SUCCESS without effect if there is none. */
TPY_PUBLIC fluke_error_t fluke_ipc_reply(fluke_ipc_params_t *params);
/* Replies as above, then fluke_ipc_wait_receive. */
TPY_PUBLIC fluke_error_t fluke_ipc_reply_wait_receive(fluke_ipc_params_t *params, void **alias);
/* Blocks until a server receives it; at most once. INVALID_DEST, IPC_CONNECT_INVALID_DEST. */
TPY_PUBLIC fluke_error_t fluke_ipc_send(fluke_ref_t *dest, fluke_ipc_params_t *params);

/* ---- Reliable connections: the client opens ---------------------------------------------------------------------------------- */

/* Ends the connection this thread holds as a client, if any; then connects as the sender. Statuses: IPC_CONNECT_INVALID_DEST and those of
 * client_send, client_send_over_receive. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_connect_send(fluke_ref_t *dest, fluke_ipc_params_t *params);
TPY_PUBLIC fluke_error_t fluke_ipc_client_connect_send_over_receive(fluke_ref_t *dest, fluke_ipc_params_t *params);

/* ---- Reliable connections: the server waits ---------------------------------------------------------------------------------- */

/*
 * Ends the connection this thread holds as a server, if any; then waits for a message to any port of the port set and receives it. *alias (may
 * be NULL) is that port's. Reliable messages: SUCCESS, IPC_RECV_DISCONNECTED, IPC_RECV_MORE_DATA, IPC_RECV_MORE_REFS as for server_receive.
 * Idempotent and one-way ones: SUCCESS. setup_: on this port set, and from now on.
 */
TPY_PUBLIC fluke_error_t fluke_ipc_setup_wait_receive(fluke_pset_t *pset, fluke_ipc_params_t *params, void **alias);
TPY_PUBLIC fluke_error_t fluke_ipc_wait_receive(fluke_ipc_params_t *params, void **alias);
/* server_send (server_ack_send), disconnects, and waits: a server's main loop. */
TPY_PUBLIC fluke_error_t fluke_ipc_server_send_wait_receive(fluke_ipc_params_t *params, void **alias);
TPY_PUBLIC fluke_error_t fluke_ipc_server_ack_send_wait_receive(fluke_ipc_params_t *params, void **alias);

/* ---- Reliable connections, either side ----------------------------------------------------------------------------------------- */

/* The receiver becomes the sender, as soon as the peer is in an `over`; what the peer still sends until then is dropped. Then sends. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_ack_send(fluke_ipc_params_t *params);
TPY_PUBLIC fluke_error_t fluke_ipc_server_ack_send(fluke_ipc_params_t *params);
/* ack_send, then over_receive. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_ack_send_over_receive(fluke_ipc_params_t *params);
TPY_PUBLIC fluke_error_t fluke_ipc_server_ack_send_over_receive(fluke_ipc_params_t *params);
/* Alerts the thread at the other end. INVALID_DEST: no connection. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_alert(void);
TPY_PUBLIC fluke_error_t fluke_ipc_server_alert(void);
/* Ends the connection: gracefully as the sender, abnormally as the receiver. Without one: nothing. A server's also ends a call that it has not
 * replied to: the caller gets IPC_CONNECT_INVALID_DEST. */
TPY_PUBLIC void fluke_ipc_client_disconnect(void);
TPY_PUBLIC void fluke_ipc_server_disconnect(void);
/* The sender becomes the receiver: blocks until the peer acknowledges, then receives. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_over_receive(fluke_ipc_params_t *params);
TPY_PUBLIC fluke_error_t fluke_ipc_server_over_receive(fluke_ipc_params_t *params);
/* Receives until the sender goes over (SUCCESS) or disconnects, or the room is full. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_receive(fluke_ipc_params_t *params);
TPY_PUBLIC fluke_error_t fluke_ipc_server_receive(fluke_ipc_params_t *params);
/* Blocks until the receiver has taken everything. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_send(fluke_ipc_params_t *params);
TPY_PUBLIC fluke_error_t fluke_ipc_server_send(fluke_ipc_params_t *params);
/* send, then over_receive. */
TPY_PUBLIC fluke_error_t fluke_ipc_client_send_over_receive(fluke_ipc_params_t *params);
TPY_PUBLIC fluke_error_t fluke_ipc_server_send_over_receive(fluke_ipc_params_t *params);

/* ---- Ours, for bindings of other languages ------------------------------------------------------------------------------------ */

#define TPY_FLUKE_CLIENT_IS_SENDER 1
#define TPY_FLUKE_CLIENT_IS_RECEIVER 2
#define TPY_FLUKE_SERVER_IS_SENDER 4
#define TPY_FLUKE_SERVER_IS_RECEIVER 8
#define TPY_FLUKE_SERVER_IS_CALLED 16 /* by an idempotent message that has not been replied to */
/* What the calling thread holds just now: the sum of what is true of the above. */
TPY_PUBLIC int tpy_fluke_holds(void);
/*
 * The calls above that can block, with their pointers as numbers, which some languages pass at less cost. What a call does not take is not looked at.
 * call: TPY_FLUKE_DO_..., for tpy_fluke_client that of a client_ function, or IPC_CALL or IPC_SEND; for tpy_fluke_server that of the others.
 * Both do nothing and return TPY_FLUKE_UNBOUND in a thread that has not called tpy_fluke_bind, which is how a binding hears of a thread.
 */
#define TPY_FLUKE_UNBOUND (-0x7fffffff)
TPY_PUBLIC fluke_error_t tpy_fluke_bind(void); /* FLUKE_SUCCESS, FLUKE_NO_RESOURCES */
#define TPY_FLUKE_DO_CONNECT_SEND_OVER_RECEIVE 0
#define TPY_FLUKE_DO_ACK_SEND_OVER_RECEIVE 1
#define TPY_FLUKE_DO_ACK_SEND_WAIT_RECEIVE 2
#define TPY_FLUKE_DO_CONNECT_SEND 3
#define TPY_FLUKE_DO_ACK_SEND 4
#define TPY_FLUKE_DO_OVER_RECEIVE 5
#define TPY_FLUKE_DO_RECEIVE 6
#define TPY_FLUKE_DO_SEND 7
#define TPY_FLUKE_DO_SEND_OVER_RECEIVE 8
#define TPY_FLUKE_DO_SEND_WAIT_RECEIVE 9
#define TPY_FLUKE_DO_IPC_CALL 10
#define TPY_FLUKE_DO_IPC_SEND 11
#define TPY_FLUKE_DO_IPC_SETUP_WAIT_RECEIVE 12
#define TPY_FLUKE_DO_IPC_WAIT_RECEIVE 13
#define TPY_FLUKE_DO_IPC_REPLY 14
#define TPY_FLUKE_DO_IPC_REPLY_WAIT_RECEIVE 15
TPY_PUBLIC fluke_error_t tpy_fluke_client(int call, uint64_t dest, uint64_t params);
TPY_PUBLIC fluke_error_t tpy_fluke_server(int call, uint64_t pset, uint64_t params, uint64_t alias);
/* A new descriptor, the caller's, for what the reference names; -EBADF: it names none, or a negative errno. */
TPY_PUBLIC int tpy_fluke_ref_dup(const fluke_ref_t *ref);

#ifdef __cplusplus
}
#endif

#endif
