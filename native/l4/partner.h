/*
 * partner: threads this process has sent to or waited for: the connection to each one's port. Found by id; made at the first use, let go
 * a tenth of a second after the partner's end at most. Ids are never used again, so a record found for an id is right for as long as it exists.
 *
 * Owner: the process. Any thread finds and enters; the watcher of the core takes out. Records are never freed, only used again:
 * tpy_l4_partner_read checks the id before and after it reads.
 */
#ifndef TPY_L4_PARTNER_H
#define TPY_L4_PARTNER_H

#include <stdint.h>

#include "l4/local.h"

#define TPY_L4_GONE 1u
#define TPY_L4_GONE_LONG 2u /* a moment ago: nobody is about to use it any more */
struct tpy_l4_partner {
    _Atomic uint64_t id; /* 0: free */
    struct tpy_connection *_Atomic connection;
    _Atomic pid_t pid;
    _Atomic uint32_t thread;
    _Atomic uint32_t gone; /* 0, or TPY_L4_GONE* */
    struct tpy_l4_partner *next; /* in its chain, or free */
};

struct tpy_l4_reach {
    struct tpy_connection *connection;
    pid_t pid;
    uint32_t thread; /* the core's number of it in its process */
};

/* Slow path: finds or makes the partner. 0, -ESRCH no such thread (any more), else what set-up says. */
int tpy_l4_partner_find(struct tpy_l4_local *local, uint64_t id, struct tpy_l4_reach *reach);

static inline bool tpy_l4_partner_read(struct tpy_l4_partner *partner, uint64_t id, struct tpy_l4_reach *reach)
{
    if (atomic_load_explicit(&partner->id, memory_order_acquire) != id || atomic_load_explicit(&partner->gone, memory_order_relaxed)) return false;
    reach->connection = atomic_load_explicit(&partner->connection, memory_order_acquire);
    reach->pid = atomic_load_explicit(&partner->pid, memory_order_acquire);
    reach->thread = atomic_load_explicit(&partner->thread, memory_order_acquire);
    return atomic_load_explicit(&partner->id, memory_order_acquire) == id;
}

/* Only the connection; NULL: go the slow way. */
static inline struct tpy_connection *tpy_l4_partner_connection(const struct tpy_l4_local *local, uint64_t id)
{
    const struct tpy_l4_cached *cached = &local->cached[((id >> 10) ^ (id >> 17)) % TPY_L4_CACHED];
    if (TPY_UNLIKELY(cached->id != id)) return NULL;
    struct tpy_l4_partner *partner = cached->partner;
    if (TPY_UNLIKELY(atomic_load_explicit(&partner->gone, memory_order_relaxed))) return NULL;
    struct tpy_connection *connection = atomic_load_explicit(&partner->connection, memory_order_acquire);
    /* Set after the connection, and cleared before the record is used again. */
    return TPY_LIKELY(atomic_load_explicit(&partner->id, memory_order_acquire) == id) ? connection : NULL;
}

/* One that was found lately. */
static inline bool tpy_l4_partner_known(const struct tpy_l4_local *local, uint64_t id, struct tpy_l4_reach *reach)
{
    const struct tpy_l4_cached *cached = &local->cached[((id >> 10) ^ (id >> 17)) % TPY_L4_CACHED];
    return TPY_LIKELY(cached->id == id) && TPY_LIKELY(tpy_l4_partner_read(cached->partner, id, reach));
}

static inline int tpy_l4_partner_get(struct tpy_l4_local *local, uint64_t id, struct tpy_l4_reach *reach)
{
    return tpy_l4_partner_known(local, id, reach) ? 0 : tpy_l4_partner_find(local, id, reach);
}

void tpy_l4_partners_forget(void); /* in a child after fork */

#endif
