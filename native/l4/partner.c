/*
 * partner: see partner.h. Chains hang in a fixed table. A partner that is gone is only marked at first: a thread may have read its record just now, or
 * wakes from a wait for it. A moment later the watcher closes its connection, since the dead keep descriptors, and megabytes if their messages were long.
 */
#include "l4/partner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/watcher.h"
#include "l4/directory.h"

#define CHAINS 1024u
#define MOMENT 50000000ll  /* ns: a partner is kept for one at least and two at most after its end */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_l4_partner *chains[CHAINS];
static struct tpy_l4_partner *free_first, **free_last = &free_first; /* used again as late as possible */

static struct tpy_l4_partner **chain_of(uint64_t id) { return &chains[(uint32_t)(id >> 10) % CHAINS]; }

/* With the lock. The record is out of its chain. */
static void retire(struct tpy_l4_partner *partner)
{
    atomic_store(&partner->id, 0);
    tpy_connection_bury(atomic_load(&partner->connection));
    partner->next = NULL;
    *free_last = partner;
    free_last = &partner->next;
}

/* On the watcher. */
static void let_go(void)
{
    bool again = false;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < CHAINS; i++)
        for (struct tpy_l4_partner **at = &chains[i]; *at;) {
            struct tpy_l4_partner *partner = *at;
            uint32_t gone = atomic_load(&partner->gone);
            if (gone == TPY_L4_GONE_LONG) {
                *at = partner->next;
                retire(partner);
                continue;
            }
            if (gone == TPY_L4_GONE) {
                atomic_store(&partner->gone, TPY_L4_GONE_LONG);
                again = true;
            }
            at = &partner->next;
        }
    pthread_mutex_unlock(&lock);
    if (again) tpy_watcher_later(TPY_LATER_FACE, tpy_now() + MOMENT, let_go);
}

/* On the watcher, or under the lock in the thread that found a partner which was gone by then. */
static void on_gone(void *argument)
{
    struct tpy_l4_partner *partner = argument;
    atomic_store(&partner->gone, TPY_L4_GONE);
    tpy_watcher_later(TPY_LATER_FACE, tpy_now() + MOMENT, let_go);
}

static struct tpy_l4_partner *take_record(void)
{
    struct tpy_l4_partner *partner = free_first;
    if (!partner) return calloc(1, sizeof *partner);
    free_first = partner->next;
    if (!free_first) free_last = &free_first;
    return partner;
}

/* The partner in its chain, if it is still there. */
static struct tpy_l4_partner *in_chain(uint64_t id)
{
    struct tpy_l4_partner *partner = *chain_of(id);
    while (partner && (atomic_load(&partner->id) != id || atomic_load(&partner->gone) || tpy_connection_alive(atomic_load(&partner->connection)) != 0))
        partner = partner->next;
    return partner;
}

/* With the lock. NULL: no memory. */
static struct tpy_l4_partner *enter(uint64_t id, const struct tpy_l4_place *place, struct tpy_connection *connection)
{
    struct tpy_l4_partner *partner = take_record();
    if (!partner) return NULL;
    atomic_store(&partner->gone, 0);
    atomic_store(&partner->connection, connection);
    atomic_store(&partner->pid, place->pid);
    atomic_store(&partner->thread, place->thread);
    atomic_store(&partner->id, id);
    partner->next = *chain_of(id);
    *chain_of(id) = partner;
    tpy_connection_on_gone(connection, on_gone, partner);
    return partner;
}

int tpy_l4_partner_find(struct tpy_l4_local *local, uint64_t id, struct tpy_l4_reach *reach)
{
    struct tpy_l4_place place;
    struct tpy_connection *connection;
    pthread_mutex_lock(&lock);
    struct tpy_l4_partner *partner = in_chain(id);
    pthread_mutex_unlock(&lock);
    if (!partner) {
        tpy_lane_leave_gone(); /* a thread that calls one after the other keeps what it has for the last one only */
        int result = tpy_l4_directory_find(id, &place);
        /* Who we say we are is looked up by the other side; whom we mean tells a port that serves another thread by now. */
        uint64_t cookie = (id & 0xffffffffu) << 32 | (uint64_t)tpy_l4_own_site() << 11 | tpy_l4_own_task();
        if (result == 0) result = tpy_connection_open(place.pid, place.port, TPY_L4_TAG, cookie, &connection);
        if (result != 0) return result == -EBADF || result == -EPERM ? -ESRCH : result;
        pthread_mutex_lock(&lock);
        bool faster = (partner = in_chain(id)) != NULL; /* another thread was */
        if (!faster) partner = enter(id, &place, connection);
        pthread_mutex_unlock(&lock);
        if (faster || !partner) tpy_connection_close(connection);
        if (!partner) return -ENOMEM;
    }
    struct tpy_l4_cached *cached = &local->cached[((id >> 10) ^ (id >> 17)) % TPY_L4_CACHED];
    cached->id = id;
    cached->partner = partner;
    return tpy_l4_partner_read(partner, id, reach) ? 0 : -ESRCH;
}

void tpy_l4_partners_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    for (unsigned i = 0; i < CHAINS; i++) chains[i] = NULL; /* the parent's connections are not ours to close */
    free_first = NULL;
    free_last = &free_first;
}
