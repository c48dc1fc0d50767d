/*
 * collect: one look at the post words of a port's exchanges. What is new is copied to the private records, once, and queued by priority and
 * time. Runs under the port's lock.
 */
#include <limits.h>

#include "core/errors.h"
#include "core/port_record.h"
#include "core/stream.h"

#define ONEWAY_QUEUED_MAX 8192u

struct pass {
    struct tpy_port *port;
    struct tpy_item *first; /* queued first in this pass, with its time still open */
    uint64_t first_stamp;   /* what its client wrote */
    uint64_t first_looked_at; /* of its exchange */
    uint64_t looked_at; /* of the exchange at hand */
    uint64_t now;
};

static uint64_t pass_time(struct pass *pass)
{
    if (pass->now == 0) pass->now = (uint64_t)tpy_now();
    return pass->now;
}

/* What is new now was not there when we last looked: a client that claims more, to get ahead, does not get it. */
static uint64_t believed(struct pass *pass, uint64_t stamp)
{
    if (stamp == 0 || stamp > pass_time(pass)) return pass_time(pass);
    uint64_t looked = pass->looked_at > pass->port->collected_at ? pass->looked_at : pass->port->collected_at;
    return stamp < looked ? looked : stamp;
}

/* The time of an offer is when its client says it began to wait; one taken at once carries no time, and needs none. */
static void queue(struct pass *pass, struct tpy_item *item, uint64_t stamp)
{
    if (pass->port->queued == 0 && !pass->first) {
        pass->first = item;
        pass->first_stamp = stamp;
        pass->first_looked_at = pass->looked_at;
        item->stamp = 0;
        tpy_port_enqueue(pass->port, item, false);
        return;
    }
    if (pass->first && pass->first->queued && pass->first->stamp == 0) {
        uint64_t looked_at = pass->looked_at;
        tpy_port_dequeue(pass->port, pass->first);
        pass->looked_at = pass->first_looked_at;
        pass->first->stamp = believed(pass, pass->first_stamp);
        pass->looked_at = looked_at;
        tpy_port_enqueue(pass->port, pass->first, false);
    }
    item->stamp = believed(pass, stamp);
    tpy_port_enqueue(pass->port, item, false);
}

static void collect_oneways(struct pass *pass, struct tpy_exchange *exchange, uint32_t put)
{
    if (put - exchange->oneway_seen > TPY_ONEWAY_SLOTS) { /* more than fit: it lies */
        exchange->oneway_seen = put;
        tpy_node_drop(exchange->link);
        return;
    }
    while (exchange->oneway_seen != put) {
        struct tpy_pulse *pulse = exchange->oneway_queued < ONEWAY_QUEUED_MAX ? tpy_port_pulse(pass->port, TPY_PULSES_MAX) : NULL;
        if (!pulse) {
            exchange->oneway_backlog = true;
            break;
        }
        struct tpy_oneway copy = exchange->shared->oneway[exchange->oneway_seen % TPY_ONEWAY_SLOTS];
        pulse->from = exchange;
        pulse->client = exchange->client->face;
        pulse->pid = exchange->link->who.pid;
        pulse->thread = exchange->thread;
        pulse->value = copy.value;
        pulse->tag = copy.tag;
        pulse->code = copy.code;
        pulse->kind = copy.kind;
        pulse->item.priority = copy.priority;
        queue(pass, &pulse->item, copy.stamp);
        exchange->oneway_seen++;
        exchange->oneway_queued++;
    }
    atomic_store_explicit(&exchange->shared->server.oneway_taken, exchange->oneway_seen, memory_order_release);
}

static void collect_offer(struct pass *pass, struct tpy_exchange *exchange, uint32_t sequence)
{
    struct tpy_shared *shared = exchange->shared;
    const struct tpy_offer_area *offer = &shared->offer;
    uint8_t state = atomic_load_explicit(&exchange->state, memory_order_relaxed);
    bool holder = state == TPY_HELD || state == TPY_ACCEPTED || (state == TPY_QUEUED && exchange->held);
    /* An offer we still had queued or accepted was given up: the client has gone on. */
    if (state == TPY_QUEUED) tpy_port_dequeue(pass->port, &exchange->item);
    if (TPY_UNLIKELY(exchange->spill_fd >= 0 || (exchange->fds && atomic_load(&exchange->fd_sequence) != sequence)))
        tpy_exchange_drop_extras(exchange);
    exchange->sequence = sequence;
    exchange->kind = offer->kind;
    exchange->priority = offer->priority;
    exchange->flags = offer->flags;
    exchange->cpu = offer->cpu;
    exchange->tag = offer->tag;
    exchange->send_length = offer->send_length;
    exchange->room = offer->room;
    exchange->pushed = exchange->streaming = exchange->unblock_requested = exchange->fds_given = false;
    exchange->open = tpy_answer_sequence(atomic_load_explicit(&shared->answer.answer, memory_order_acquire));
    exchange->fault_at = exchange->room_fault_at = TPY_NOWHERE;
    if (TPY_UNLIKELY(exchange->flags & (TPY_OFFER_LONG | TPY_OFFER_FAULT | TPY_OFFER_STREAM | TPY_OFFER_CONTINUE))) {
        if (exchange->flags & TPY_OFFER_LONG) {
            exchange->send_length = shared->client.send_length;
            exchange->room = shared->client.room;
        }
        if (exchange->send_length > INT64_MAX) exchange->send_length = INT64_MAX;
        if (exchange->room > INT64_MAX) exchange->room = INT64_MAX;
        if (exchange->flags & TPY_OFFER_FAULT) {
            exchange->fault_at = atomic_load(&shared->client.fault_at);
            exchange->room_fault_at = shared->client.room_fault_at;
        }
        if (exchange->flags & TPY_OFFER_STREAM) tpy_stream_reset(exchange);
    }
    /* A holder that waits for just this exchange learns from it that the client no longer goes along. */
    if (TPY_UNLIKELY(holder && !(exchange->flags & TPY_OFFER_CONTINUE))) tpy_port_hand_over(pass->port, true);
    exchange->held = holder && (exchange->flags & TPY_OFFER_CONTINUE);
    if (TPY_UNLIKELY(exchange->flags & TPY_OFFER_HANGUP)) { /* nobody waits for an answer */
        exchange->held = false;
        atomic_store(&exchange->state, TPY_IDLE);
        return;
    }
    bool refused = atomic_load_explicit(&exchange->client->refused, memory_order_relaxed) && !exchange->held;
    if (TPY_UNLIKELY(refused || (!exchange->held && (exchange->flags & TPY_OFFER_CONTINUE)))) { /* nobody holds it any more */
        bool wake = false;
        atomic_store(&exchange->state, TPY_IDLE);
        tpy_exchange_answer_error(exchange, ESRCH, &wake);
        if (wake) tpy_exchange_wake(exchange);
        return;
    }
    atomic_store_explicit(&exchange->state, TPY_QUEUED, memory_order_relaxed);
    exchange->item.priority = exchange->priority;
    uint64_t stamp = atomic_load_explicit(&shared->client.stamp_for, memory_order_acquire) == sequence ? shared->client.stamp : 0;
    queue(pass, &exchange->item, stamp);
}

/* True: its record was busy. */
__attribute__((always_inline)) static inline bool collect(struct pass *pass, struct tpy_entry *entry)
{
    struct tpy_shared *shared = atomic_load_explicit(&entry->shared, memory_order_relaxed);
    uint64_t post = atomic_load_explicit(&shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
    if (post == atomic_load_explicit(&entry->seen, memory_order_relaxed)) return false;
    struct tpy_exchange *exchange = entry->exchange;
    if (!tpy_lock_try(&exchange->lock)) return true; /* some thread is finishing it: soon */
    uint8_t state = atomic_load_explicit(&exchange->state, memory_order_relaxed);
    if (state != TPY_FREE && state != TPY_ORPHAN) {
        uint32_t sequence = tpy_post_sequence(post);
        pass->looked_at = exchange->looked_at;
        if (TPY_UNLIKELY((uint32_t)(post >> 32) != exchange->oneway_seen)) collect_oneways(pass, exchange, (uint32_t)(post >> 32));
        if (sequence != exchange->sequence && sequence != 0) collect_offer(pass, exchange, sequence);
    }
    atomic_store_explicit(&entry->seen, post, memory_order_relaxed);
    entry->used = ++pass->port->turn;
    tpy_lock_give(&exchange->lock);
    return false;
}

__attribute__((noinline)) static bool collect_one(struct tpy_port *port, struct tpy_entry *entry)
{
    struct pass pass = {.port = port};
    return entry && collect(&pass, entry);
}

__attribute__((always_inline)) static inline bool collect_all(struct tpy_port *port, const struct tpy_filter *watched)
{
    struct pass pass = {.port = port};
    struct tpy_entry *entries = atomic_load_explicit(&port->entries, memory_order_relaxed);
    uint32_t count = atomic_load_explicit(&port->entry_count, memory_order_relaxed);
    bool busy = false;
    for (uint32_t i = 0; i < count; i++)
        if (tpy_watches(watched, &entries[i]) && TPY_UNLIKELY(collect(&pass, &entries[i]))) busy = true;
    if (TPY_LIKELY(pass.now == 0)) return busy;
    if (!watched) port->collected_at = pass.now;
    for (uint32_t i = 0; watched && i < count; i++)
        if (tpy_watches(watched, &entries[i])) entries[i].exchange->looked_at = pass.now;
    return busy;
}

bool tpy_port_collect(struct tpy_port *port) { return collect_all(port, NULL); }

bool tpy_port_collect_watched(struct tpy_port *port, const struct tpy_filter *watched)
{
    if (!watched) return tpy_port_collect(port);
    return watched->only ? collect_one(port, tpy_entry_of(port, watched->only)) : collect_all(port, watched);
}
