/*
 * exchange_record: the server's private record of one exchange, the half that decides (docs/exchange.md). For the core's own use.
 *
 * Locks: a port's lock before an exchange's. Fields from `state` on are guarded by `lock`; entering and leaving the queue needs the port's
 * lock too.
 */
#ifndef TPY_CORE_EXCHANGE_RECORD_H
#define TPY_CORE_EXCHANGE_RECORD_H

#include "core/exchange.h"
#include "core/layout.h"
#include "core/link.h"
#include "core/node.h"
#include "core/system.h"

enum tpy_exchange_state {
    TPY_FREE,     /* no client */
    TPY_IDLE,     /* between messages */
    TPY_QUEUED,   /* an offer waits in the port's queue */
    TPY_ACCEPTED, /* a receiver has it; the handle is (this, serial) */
    TPY_HELD,     /* answered by a turn; the client's next offer comes to its holder */
    TPY_ORPHAN    /* accepted, the client is gone, and the face asked for a grace */
};

/* Something in a port's queue: an offer (inside its record) or a one-way message (struct tpy_pulse). */
struct tpy_item {
    struct tpy_item *next, *before;
    uint64_t stamp;
    uint8_t priority;
    bool oneway;
    bool queued;
};

struct tpy_exchange {
    _Alignas(64) struct tpy_lock lock;
    _Atomic uint8_t state;
    _Atomic bool ending;  /* its client goes: transfers end */
    _Atomic uint32_t visited; /* futex, private: the watcher wants in, or is in: a transfer waits outside */
    uint8_t kind, priority, flags, cpu;
    bool held;            /* the queued offer is the continuation of a turn */
    bool fenced;          /* its client fences our threads before it takes an offer for not accepted */
    bool unblock_requested;
    bool pushed;          /* push records were written for this sequence */
    _Atomic uint32_t serial; /* counts acceptances, never 0: the handle's second half */
    uint32_t sequence;    /* the client's, as last seen */
    uint32_t open;        /* the answer word's sequence while this one is unanswered */
    uint32_t tag;
    uint64_t send_length, room, received;
    uint64_t fault_at, room_fault_at;
    struct tpy_shared *shared; /* address space of the record for good; backed by zero pages while FREE */
    struct tpy_bulk *bulk;     /* NULL until the client asks for it */
    struct tpy_port *port;
    struct tpy_client *client;
    struct tpy_link *link;
    uint32_t thread;
    uint32_t index;       /* of this record */
    uint32_t entry;       /* its place in the port's list */
    uint32_t oneway_seen; /* one-way messages taken from the ring */
    uint32_t oneway_queued;
    struct tpy_item item;
    uint64_t looked_at;   /* CLOCK_MONOTONIC ns, beside the port's collected_at: what it had posted before had been collected */
    uint64_t push_head;   /* reply stream: bytes produced in this sequence */
    uint64_t taken;       /* send stream: window offset up to which the client may overwrite */
    uint64_t ring_base;   /* as the client said, made sense of */
    bool streaming;       /* the stream words were set up for this sequence */
    int spill_fd;         /* push records the ring had no room for; -1: none */
    uint64_t spill_length;
    int *fds;             /* came with the offer fd_sequence */
    uint32_t fd_count;
    _Atomic uint32_t fd_sequence; /* futex, private */
    bool fds_given;       /* descriptors for this sequence's answer were sent */
    bool oneway_backlog;  /* more wait in the ring than we queue at once */
    int64_t grace;        /* ORPHAN: when it ends */
    struct tpy_exchange *next_of_client;
};

/* The record with its lock held if the handle names an accepted exchange, else NULL. */
struct tpy_exchange *tpy_exchange_enter(struct tpy_exchange *exchange, uint32_t serial, bool orphan_too);

/* Publishes an answer for exchange->sequence (header and data are written). With the lock; *wake: call tpy_exchange_wake after giving it.
 * 0, or -ESRCH: the client had given up. */
int tpy_exchange_publish(struct tpy_exchange *exchange, bool *wake);
static inline void tpy_exchange_wake(struct tpy_exchange *exchange) { tpy_futex_wake(&exchange->shared->answer.answer, 1); }
/* Answers the current sequence with an error, whether queued or accepted. With the lock. */
void tpy_exchange_answer_error(struct tpy_exchange *exchange, int error, bool *wake);
/* Commits a mark for the current sequence, with the lock. False: the client has withdrawn it. */
bool tpy_exchange_commit(struct tpy_exchange *exchange, uint64_t mark);
/* Is the current sequence still wanted by the client? A load or two. */
bool tpy_exchange_wanted(struct tpy_exchange *exchange);
/* The copies behind receive, pull and push; with the lock. */
ssize_t tpy_exchange_copy_in(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count);
ssize_t tpy_exchange_copy_out(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count);
void tpy_exchange_close_fds(struct tpy_exchange *exchange, uint32_t from); /* those beyond the first `from`, and forgets all */
void tpy_exchange_drop_extras(struct tpy_exchange *exchange); /* fds and spill of the sequence that ended */

/* Finds a free record, backs it with a new memory object (*fd) and enters it as IDLE. -EAGAIN none left. */
int tpy_exchange_allocate(struct tpy_exchange **exchange, int *fd);
/* Back to FREE; the caller has taken it out of its port. */
void tpy_exchange_free(struct tpy_exchange *exchange);

#endif
