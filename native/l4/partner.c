/* partner: see partner.h. Chains hang in a fixed table; a partner whose connection is gone leaves when any one is next looked for. */
#include "l4/partner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "l4/directory.h"

#define CHAINS 1024u
#define SWEEP_AT 64u /* new partners between two looks for gone ones */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_l4_partner *chains[CHAINS];
static struct tpy_l4_partner *free_first, **free_last = &free_first; /* used again as late as possible */
static unsigned made;
static _Atomic bool some_gone; /* since the last sweep */

static struct tpy_l4_partner **chain_of(uint64_t id) { return &chains[(uint32_t)(id >> 10) % CHAINS]; }

/* On the watcher: only a mark, since others may be sending just now. */
static void on_gone(void *argument)
{
    struct tpy_l4_partner *partner = argument;
    atomic_store(&partner->gone, 1);
    atomic_store(&some_gone, true);
}

/* With the lock. The record is out of its chain. */
static void retire(struct tpy_l4_partner *partner)
{
    atomic_store(&partner->id, 0);
    tpy_connection_close(atomic_load(&partner->connection));
    partner->next = NULL;
    *free_last = partner;
    free_last = &partner->next;
}

static void sweep(void)
{
    for (unsigned i = 0; i < CHAINS; i++)
        for (struct tpy_l4_partner **at = &chains[i]; *at;) {
            struct tpy_l4_partner *partner = *at;
            if (!atomic_load(&partner->gone) && tpy_connection_alive(atomic_load(&partner->connection)) == 0) {
                at = &partner->next;
                continue;
            }
            *at = partner->next;
            retire(partner);
        }
}

static struct tpy_l4_partner *take_record(void)
{
    struct tpy_l4_partner *partner = free_first;
    if (!partner) return calloc(1, sizeof *partner);
    free_first = partner->next;
    if (!free_first) free_last = &free_first;
    return partner;
}

/* The partner in its chain, if it is still there; one that is gone is taken out. */
static struct tpy_l4_partner *in_chain(uint64_t id)
{
    for (struct tpy_l4_partner **at = chain_of(id); *at; at = &(*at)->next) {
        struct tpy_l4_partner *partner = *at;
        if (atomic_load(&partner->id) != id) continue;
        if (!atomic_load(&partner->gone) && tpy_connection_alive(atomic_load(&partner->connection)) == 0) return partner;
        *at = partner->next;
        retire(partner);
        return NULL;
    }
    return NULL;
}

int tpy_l4_partner_find(struct tpy_l4_local *local, uint64_t id, struct tpy_l4_reach *reach)
{
    struct tpy_l4_place place;
    struct tpy_connection *connection;
    pthread_mutex_lock(&lock);
    /* The dead keep descriptors, and megabytes if their messages were long. */
    if (atomic_exchange(&some_gone, false)) sweep();
    struct tpy_l4_partner *partner = in_chain(id);
    pthread_mutex_unlock(&lock);
    if (!partner) {
        int result = tpy_l4_directory_find(id, &place);
        /* Who we say we are is looked up by the other side; whom we mean tells a port that serves another thread by now. */
        uint64_t cookie = (id & 0xffffffffu) << 32 | (uint64_t)tpy_l4_own_site() << 11 | tpy_l4_own_task();
        if (result == 0) result = tpy_connection_open(place.pid, place.port, TPY_L4_TAG, cookie, &connection);
        if (result != 0) return result == -EBADF || result == -EPERM ? -ESRCH : result;
        pthread_mutex_lock(&lock);
        partner = in_chain(id);
        if (partner) tpy_connection_close(connection); /* another thread was faster */
        else if ((partner = take_record()) != NULL) {
            if (++made % SWEEP_AT == 0) sweep();
            atomic_store(&partner->gone, 0);
            atomic_store(&partner->connection, connection);
            atomic_store(&partner->pid, place.pid);
            atomic_store(&partner->thread, place.thread);
            atomic_store(&partner->id, id);
            partner->next = *chain_of(id);
            *chain_of(id) = partner;
            tpy_connection_on_gone(connection, on_gone, partner);
        } else tpy_connection_close(connection);
        pthread_mutex_unlock(&lock);
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
