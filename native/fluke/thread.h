/*
 * thread: what the gate keeps for each thread: its two connections, its handlers, what is pending for it, and the memory that its windows are
 * listed in. Records are never freed, only used again, so that a stale pointer to a thread can be judged.
 *
 * Owner: the thread. Fields marked "any" are read or written by others.
 */
#ifndef TPY_FLUKE_THREAD_H
#define TPY_FLUKE_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <fluke/ipc.h>

#include "core/connection.h"
#include "core/exchange.h"
#include "core/system.h"
#include "core/thread.h"

#define TPY_FLUKE_REFS 64u /* references that one offer or answer carries */

enum tpy_fluke_role { TPY_FLUKE_NONE, TPY_FLUKE_SENDER, TPY_FLUKE_RECEIVER };

/* What is pending for a thread. */
#define TPY_FLUKE_INTERRUPT 1u
#define TPY_FLUKE_CLIENT_ALERT 2u
#define TPY_FLUKE_SERVER_ALERT 4u
#define TPY_FLUKE_PSET_GONE 8u

/* A reference as it travels, beside the descriptor it may have. */
struct tpy_fluke_record {
    uint32_t names; /* enum tpy_fluke_names */
    uint32_t pid, port;
    uint32_t fd; /* its place among the descriptors */
    uint64_t key;
};

/* Where a call stood that returned FLUKE_IPC_INTERRUPTED: the same call with the same params goes on there. */
struct tpy_fluke_resume {
    const fluke_ipc_params_t *params; /* NULL: none */
    uint8_t does, stage;
};

struct tpy_fluke_client { /* this thread as a client */
    _Atomic uint8_t role;     /* any */
    bool peer_over;           /* the server waits for our ack */
    bool refs_wait;           /* the server has references for us, which come next */
    _Atomic uint32_t nonce;   /* any: tells this connection from earlier ones */
    _Atomic uint64_t link;    /* any: where the server is */
    uint32_t epoch;           /* counts connections made and ended */
    struct tpy_connection *connection;
    struct tpy_fluke_destination *destination; /* counted; kept until another is used */
    struct tpy_fluke_resume resume;
};

struct tpy_fluke_server { /* this thread as a server */
    _Atomic uint8_t role;   /* any */
    bool accepted;          /* an offer of the client's is in our hands: (exchange, serial); else serial is the turn's */
    bool refs_next;         /* the client's next offer brings references */
    uint8_t kind;           /* of the offer in our hands */
    uint32_t serial;
    struct tpy_exchange *_Atomic exchange; /* any; kept when the connection ends */
    uint32_t epoch;
    _Atomic uint32_t nonce; /* any: the client's */
    void *alias;            /* of the port the client connected to */
    pid_t pid;              /* who the client is */
    uint32_t thread;
    uint64_t words, taken;  /* the offer's data, and how much of it has been taken or dropped */
    uint64_t room;          /* bytes of the client's window */
    unsigned ref_count, ref_taken, fd_count;
    struct tpy_fluke_record records[TPY_FLUKE_REFS];
    int fds[TPY_FLUKE_REFS]; /* -1: taken */
    struct tpy_fluke_resume resume;
};

struct tpy_fluke_box;
struct tpy_fluke_parts { /* a list of parts that grows when it must, and then stays */
    struct iovec *list;
    size_t capacity;
};

struct fluke_thread {
    _Atomic bool alive;           /* any */
    bool listed;
    bool bound;                   /* a binding of another language knows the thread */
    struct tpy_thread *core;
    _Atomic unsigned pending;     /* any: TPY_FLUKE_* */
    void (*_Atomic trap)(fluke_error_t);
    void (*_Atomic interrupt)(fluke_error_t);
    void (*_Atomic client_alert)(fluke_error_t);
    void (*_Atomic server_alert)(fluke_error_t);
    struct tpy_fluke_client client;
    struct tpy_fluke_server server;
    struct tpy_fluke_pset *_Atomic pset; /* any: where it waits, or waited last; NULL: that was destroyed */
    _Atomic bool waiting;                /* any: there */
    struct { /* a call that was received and not replied to */
        struct tpy_exchange *exchange; /* NULL: none */
        uint32_t serial;
        uint64_t room;
    } call;
    struct tpy_fluke_destination *plain; /* counted: used last for an idempotent or one-way message */
    struct tpy_fluke_parts out, in;
    struct iovec only_out, only_in; /* in place of those for a single buffer */
    struct tpy_fluke_record staging[TPY_FLUKE_REFS];
    struct tpy_fluke_box *pinned[TPY_FLUKE_REFS]; /* descriptors on their way: counted */
    unsigned pinned_count;
    struct fluke_thread *next;
};

/* A reference to it goes: the calling thread does not keep it for its next call, so that who lets go of all references has no connection left. */
void tpy_fluke_thread_forget(const struct tpy_fluke_destination *destination);

extern __thread struct fluke_thread *tpy_fluke_current __attribute__((tls_model("initial-exec"), visibility("hidden")));
struct fluke_thread *tpy_fluke_thread_begin(void);
/* The calling thread's record, or NULL when the core has no number left for it. */
static inline struct fluke_thread *tpy_fluke_thread(void)
{
    struct fluke_thread *thread = tpy_fluke_current;
    return TPY_LIKELY(thread != NULL) ? thread : tpy_fluke_thread_begin();
}
/* The same, for a call that can block. What is pending must end it, even if a call of another face has used up the cancel that announced it. */
static inline struct fluke_thread *tpy_fluke_enter(void)
{
    struct fluke_thread *thread = tpy_fluke_thread();
    if (TPY_LIKELY(thread != NULL) && TPY_UNLIKELY(atomic_load_explicit(&thread->pending, memory_order_relaxed) != 0)) tpy_thread_cancel(thread->core);
    return thread;
}

/* A known thread with nothing pending. */
static inline bool tpy_fluke_unhindered(const struct fluke_thread *thread)
{
    return TPY_LIKELY(thread != NULL) && TPY_LIKELY(atomic_load_explicit(&thread->pending, memory_order_relaxed) == 0);
}

/* Makes the gate ready (fork, thread exit, alerts). Called first by everything that sets something up. */
void tpy_fluke_begin(void);

/* Hands a mistake to the trap handler and returns it. */
fluke_error_t tpy_fluke_insane(fluke_error_t error);

/* After a call of this thread was cancelled: runs the handlers. True: the call goes on; false: it returns. */
bool tpy_fluke_interrupted(struct fluke_thread *thread);
/* Threads that wait on this port set stop. */
void tpy_fluke_threads_leave(struct tpy_fluke_pset *pset);

/* Alerts: what travels, and who hears it (on the watcher). */
struct tpy_fluke_alert {
    uint32_t nonce, thread;
};
struct tpy_exchange;
void tpy_fluke_server_alerted(void *face, struct tpy_exchange *exchange, void *client, const void *payload, size_t length);

#endif
