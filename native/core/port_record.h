/*
 * port_record: the server's private record of a port: the exchanges bound to it, the queue, the receivers that wait. For the core's own use.
 *
 * One of the waiting receivers is the scanner: it polls the post words and sleeps on them; the others sleep on their private words until
 * they are handed the role or a message. Everything but the polling is under `lock`.
 */
#ifndef TPY_CORE_PORT_RECORD_H
#define TPY_CORE_PORT_RECORD_H

#include "core/exchange_record.h"
#include "core/port.h"
#include "core/thread_record.h"

#define TPY_PORTS_MAX (TPY_RINGS - 1)

struct tpy_entry { /* one bound exchange, as the scanner polls it */
    struct tpy_shared *_Atomic shared;
    _Atomic uint64_t seen; /* its post word as last collected, without SLEEP */
    struct tpy_exchange *exchange;
    uint64_t used; /* port->turn when it last posted */
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

struct tpy_receiver { /* on the stack of a thread that waits */
    struct tpy_receiver *next;
    struct tpy_thread *thread;
    const struct tpy_filter *filter;
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
    struct tpy_thread *scanner;
    const struct tpy_filter *scanner_filter;
    struct tpy_receiver *sleepers;    /* receivers that are not the scanner */
    _Atomic uint32_t event;           /* bumped by injections and rings: the scanner looks again */
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
/* Wakes a waiting receiver, the scanner first, that takes something queued (or, with everybody, all of them). */
void tpy_port_hand_over(struct tpy_port *port, bool everybody);
/* Looks at every post once and queues what is new. True: some record was busy, look again. (collect.c) */
bool tpy_port_collect(struct tpy_port *port);
struct tpy_item *tpy_port_best(struct tpy_port *port, const struct tpy_filter *filter);
bool tpy_filter_admits(const struct tpy_filter *filter, const struct tpy_item *item);

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
