/*
 * port_record: the server's private record of a port: the exchanges bound to it, the queue, the receivers that wait. For the core's own use.
 *
 * Who of the waiting receivers polls which post words and sleeps on them, and who is handed what: group.h. Everything but the polling is under
 * `lock`.
 */
#ifndef TPY_CORE_PORT_RECORD_H
#define TPY_CORE_PORT_RECORD_H

#include "core/exchange_record.h"
#include "core/group.h"
#include "core/port.h"
#include "core/thread_record.h"

#define TPY_PORTS_MAX (TPY_RINGS - 1)

struct tpy_entry { /* one bound exchange, as scanners poll it */
    struct tpy_shared *_Atomic shared;
    _Atomic uint64_t seen; /* its post word as last collected, without SLEEP */
    struct tpy_exchange *exchange;
    uint64_t used; /* port->turn when it last posted */
    void *_Atomic face; /* its client's */
};

struct tpy_pulse { /* a queued one-way message */
    struct tpy_item item;
    struct tpy_exchange *from; /* NULL: injected, or its client is gone */
    bool injected;
    void *client;
    uint64_t value;
    uint32_t tag, thread;
    pid_t pid;
    int16_t code;
    uint8_t kind;
};

struct tpy_port {
    _Alignas(64) struct tpy_lock lock;
    _Atomic bool open;
    uint32_t id, flags;
    struct tpy_entry *_Atomic entries;
    _Atomic uint32_t entry_count;
    uint32_t entry_capacity;
    _Atomic uint64_t *waits;          /* our word in the node page with TPY_PORT_WAITED, else NULL */
    uint64_t turn;
    uint64_t collected_at;            /* CLOCK_MONOTONIC ns: a time at which everything posted before had been collected */
    uint64_t occupied[4];             /* priorities with something queued */
    struct tpy_item heads[256];       /* rings, one a priority */
    uint32_t queued;
    struct tpy_group everything;      /* receivers that look at all exchanges; then the other groups, used and unused */
    struct tpy_receiver *holders;     /* receivers that look at a single one each */
    uint32_t waiting;                 /* how many receivers wait */
    uint32_t short_of_words, later;   /* how many of the receivers, and of the groups, are in that state */
    uint8_t last_cpu;                 /* where the last client ran */
    struct tpy_item *free_pulses;
    uint32_t pulse_count;
    uint32_t ring;                    /* what our word in the node page says */
    const struct tpy_port_ops *ops;
    void *face;
    uint32_t users;                   /* waiting threads, clients, the table itself: recycled at 0; guarded by lock */
    struct tpy_entry *retired[24];    /* outgrown lists: a scanner may still read them */
    unsigned retired_count;
    struct tpy_client *clients;       /* watcher only */
    struct tpy_port *next;            /* in the list of free records, or of those being closed */
};

/* The open port with this id, with one more user, or NULL. */
struct tpy_port *tpy_port_get(uint32_t id);
void tpy_port_put(struct tpy_port *port);

void tpy_port_ring(struct tpy_port *port, uint32_t ring); /* with the lock: sets our word in the node page */

/* With the port's lock held: */
void tpy_port_enqueue(struct tpy_port *port, struct tpy_item *item, bool first);
void tpy_port_dequeue(struct tpy_port *port, struct tpy_item *item);
/* NULL: no memory, or more than `most`: clients' messages leave room for our own. */
#define TPY_PULSES_MAX 65536u
struct tpy_pulse *tpy_port_pulse(struct tpy_port *port, uint32_t most);
void tpy_port_pulse_free(struct tpy_port *port, struct tpy_pulse *pulse);
int tpy_port_bind(struct tpy_port *port, struct tpy_exchange *exchange);
void tpy_port_unbind(struct tpy_port *port, struct tpy_exchange *exchange);
/* Wakes all scanners that take something queued, or, if there are none, another receiver that does (or, with everybody, all of them). (group.c) */
void tpy_port_hand_over(struct tpy_port *port, bool everybody);
/* Looks at every post once and queues what is new. True: some record was busy, look again. (collect.c) */
bool tpy_port_collect(struct tpy_port *port);
bool tpy_port_collect_watched(struct tpy_port *port, const struct tpy_filter *watched); /* of these exchanges */
struct tpy_item *tpy_port_best(struct tpy_port *port, const struct tpy_filter *filter);
bool tpy_filter_admits(const struct tpy_filter *filter, const struct tpy_item *item);

/* Is this one of the exchanges that a receive looks at? Without the lock the answer may be old: whoever changes it has the receivers look again. */
static inline bool tpy_watches(const struct tpy_filter *watched, const struct tpy_entry *entry)
{
    return !watched || watched->admit(watched->argument, atomic_load_explicit(&entry->face, memory_order_relaxed), TPY_KIND_ANY);
}
/* The entry of the one exchange that such a receive looks at; NULL: it is no longer bound. With the lock. */
static inline struct tpy_entry *tpy_entry_of(struct tpy_port *port, const struct tpy_exchange *only)
{
    return only->port == port ? &atomic_load_explicit(&port->entries, memory_order_relaxed)[only->entry] : NULL;
}

/* The group of receives that look at this (not at a single exchange); NULL: no memory for another one. */
static inline struct tpy_group *tpy_group_of(struct tpy_port *port, const struct tpy_filter *watched)
{
    return TPY_LIKELY(!watched) ? &port->everything : tpy_group_find(port, watched);
}
/* A receiver begins to wait and ends: in its group, or with NULL for a single exchange. True: it is to scan. */
static inline bool tpy_group_enter(struct tpy_port *port, struct tpy_group *group, struct tpy_receiver *receiver)
{
    port->waiting++;
    if (TPY_UNLIKELY(!group || group->scanner || group->later)) return tpy_group_enter_slowly(port, group, receiver);
    group->scanner = receiver;
    return true;
}
static inline void tpy_group_leave(struct tpy_port *port, struct tpy_group *group, struct tpy_receiver *receiver)
{
    port->waiting--;
    if (TPY_LIKELY(group && group->scanner == receiver && !receiver->short_of_words)) group->scanner = NULL;
    else tpy_group_leave_slowly(port, group, receiver);
}
/* A receiver goes, whether or not it has waited: those who stay must not sleep through what they could take. */
static inline void tpy_group_farewell(struct tpy_port *port)
{
    if (TPY_UNLIKELY((port->waiting | port->later) != 0 || (port->flags & TPY_PORT_BOOST))) tpy_group_farewell_slowly(port);
}

static inline struct tpy_exchange *tpy_item_exchange(const struct tpy_item *item)
{
    return (struct tpy_exchange *)((uintptr_t)item - offsetof(struct tpy_exchange, item));
}

/* A connection as the server sees it; watcher only, but for `face`. */
struct tpy_client {
    struct tpy_client *next;         /* of the same link */
    struct tpy_client *next_of_port;
    struct tpy_link *link;
    struct tpy_port *port;
    uint32_t id;
    void *face;
    struct tpy_exchange *exchanges;  /* next_of_client */
    _Atomic bool refused;            /* takes no fresh offers any more */
    uint32_t orphans;                /* exchanges kept for a grace; the record waits for them */
    bool closing;
};

#endif
