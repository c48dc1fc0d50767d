/*
 * lane: the client's private half of one exchange: one thread on one connection. Only that thread offers on it; the watcher may end it
 * (`over`), other threads may cancel. For the core's own use.
 */
#ifndef TPY_CORE_LANE_H
#define TPY_CORE_LANE_H

#include "core/connection.h"
#include "core/layout.h"
#include "core/link.h"
#include "core/thread_record.h"

enum tpy_connection_state { TPY_CONNECTION_FREE, TPY_CONNECTION_OPEN, TPY_CONNECTION_CLOSED, TPY_CONNECTION_GONE };

struct tpy_watch { /* on the stack of a thread that wants to know when a connection's server is gone */
    struct tpy_watch *next;
    struct tpy_thread *thread;
};

struct tpy_connection {
    _Atomic uint32_t state;
    struct tpy_watch *watches; /* guarded by tpy_connections_lock */
    uint32_t index;       /* place in the table: a thread's lanes are found by it */
    _Atomic uint32_t generation; /* tells lanes of an earlier use of the record */
    struct tpy_link *link;
    uint32_t id;          /* the server's number for it */
    uint32_t port, port_flags;
    _Atomic bool refused; /* takes no fresh offers any more; what is held goes on */
    uint64_t reply;
    struct tpy_lane *lanes; /* guarded by tpy_connections_lock */
    void (*gone)(void *);
    void *gone_argument;
    struct tpy_connection *next; /* of the link, or of the free list */
};

struct tpy_lane {
    struct tpy_shared *shared;
    struct tpy_connection *connection;
    uint32_t generation;
    struct tpy_thread *thread;
    struct tpy_link *link;
    const _Atomic uint32_t *ring; /* our port's word in the server's page */
    const _Atomic uint64_t *waits; /* and whom its receiver waits for */
    uint64_t name;                /* what that says when it is this thread */
    struct tpy_bulk *bulk;
    uint32_t sequence;   /* of the last offer */
    uint32_t posted;     /* what stands in the post word: the last one that was really made */
    uint32_t exchange;   /* the server's index */
    uint32_t oneway_put; /* one-way messages that are whole: as many as posts tell of */
    bool streaming, server_slept;
    bool fences;         /* the server counts on it: see strike.c */
    uint8_t server_cpu;  /* where the last answer came from */
    _Atomic uint32_t over; /* 0, or the errno that ends offers: ESRCH, EBADF */
    struct tpy_spin spin;
    struct iovec good_room; /* the reply room that was found writable last; iov_len 0: none */
    /* the offer in progress, for the stream */
    const struct tpy_offer *offer;
    uint64_t send_length, room, filled, applied, stream_base;
    uint64_t ring_base;  /* moves on with each large offer: lines written long ago are no longer in the other CPU's cache */
    uint32_t seek_seen;
    bool send_fault, room_fault;
    bool putting;        /* a one-way message is being put; what a signal handler puts meanwhile is told of when that is whole too */
    bool untold;         /* a signal handler has put some before our post was made: they may need another */
    /* came over the link */
    struct tpy_lock extras;
    int spill_fd;
    uint64_t spill_length;
    uint32_t spill_sequence;
    int *fds;
    uint32_t fd_count, fd_sequence;
    bool fds_announced;  /* by the last answer */
    uint32_t oneway_begun; /* one-way messages whose slots are taken */
    struct tpy_lane *next; /* of the connection */
};

extern pthread_mutex_t tpy_connections_lock;

/* Notifies the thread when (or if already) the connection is not open any more. */
void tpy_connection_watch(struct tpy_connection *connection, struct tpy_watch *watch);
void tpy_connection_unwatch(struct tpy_connection *connection, struct tpy_watch *watch);

/* The calling thread's lane on a connection, made if need be. NULL with *error. (lane.c) */
struct tpy_lane *tpy_lane_make(struct tpy_thread *thread, struct tpy_connection *connection, int *error);
static inline struct tpy_lane *tpy_lane_get(struct tpy_thread *thread, struct tpy_connection *connection, int *error)
{
    if (TPY_LIKELY(connection->index < thread->lane_capacity)) {
        struct tpy_lane *lane = thread->lanes[connection->index];
        if (TPY_LIKELY(lane && lane->generation == atomic_load_explicit(&connection->generation, memory_order_acquire))) return lane;
    }
    return tpy_lane_make(thread, connection, error);
}
/* Frees the thread's lanes on connections that were closed. By the thread itself; done at each close and each new lane. */
void tpy_lane_sweep(struct tpy_thread *thread);
/* The same before the thread goes to sleep as a receiver, once connections were buried (tpy_connection_bury). */
static inline bool tpy_lane_untidy(struct tpy_thread *thread) { return TPY_UNLIKELY(atomic_load_explicit(&thread->untidy, memory_order_relaxed)); }
void tpy_lane_tidy(struct tpy_thread *thread);
int tpy_lane_bulk(struct tpy_lane *lane); /* 0 or -errno */
void tpy_lane_drop_all(struct tpy_thread *thread);

/* The client's side of the stream (lane_stream.c): */
void tpy_lane_stream_begin(struct tpy_lane *lane);
bool tpy_lane_stream_wants(const struct tpy_lane *lane); /* a load or three */
bool tpy_lane_stream_help(struct tpy_lane *lane);        /* does what it can; true: something */
int tpy_lane_stream_end(struct tpy_lane *lane, unsigned flags); /* takes what is left; 0 or -EFAULT */

#endif
