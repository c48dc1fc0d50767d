/*
 * receive: how a receiver gets its next message: collect, choose, accept; or wait as the port's scanner, or behind it. Accepting is where the
 * server's half of docs/exchange.md meets a client that may be withdrawing.
 */
#include <limits.h>

#include "core/errors.h"
#include "core/inspect.h"
#include "core/iov.h"
#include "core/lane.h"
#include "core/port_record.h"
#include "core/scan.h"
#include "core/stream.h"

/* With both locks: the client's withdrawal or our acceptance, exactly one. */
static inline bool accept_or_drop(struct tpy_exchange *exchange, const struct tpy_filter *filter, uint64_t received, bool complete,
    uint8_t *committed)
{
    struct tpy_shared *shared = exchange->shared;
    uint32_t sequence = exchange->sequence;
    *committed = 0;
    if (filter && filter->mark_unit && complete) {
#if defined(__x86_64__)
        atomic_store_explicit(&shared->server.accepted, sequence, memory_order_relaxed); /* the commit is the fence */
#else
        atomic_exchange_explicit(&shared->server.accepted, sequence, memory_order_seq_cst);
#endif
        if (!tpy_exchange_commit(exchange, filter->mark + received / filter->mark_unit)) return false;
        *committed = 1;
        uint32_t answer = atomic_load_explicit(&shared->answer.answer, memory_order_seq_cst);
        /* It counts, even if the client is giving the offer up just now: then our answer will find that. */
        exchange->open = tpy_answer_sequence(answer) == sequence ? UINT32_MAX : tpy_answer_sequence(answer);
        return true;
    }
    atomic_exchange_explicit(&shared->server.accepted, sequence, memory_order_seq_cst);
    uint32_t answer = atomic_load_explicit(&shared->answer.answer, memory_order_seq_cst);
    for (int i = 0; i < 64 && TPY_UNLIKELY(tpy_answer_sequence(answer) == sequence); i++) {
        if (answer & (TPY_ANSWER_CANCEL | TPY_ANSWER_DONE)) return false;
        /* It asks to be let go unaccepted: yes, unless it takes that back first. */
        if (atomic_compare_exchange_weak(&shared->answer.answer, &answer, answer | TPY_ANSWER_CANCEL | TPY_ANSWER_CONFIRMED)) {
            if (answer & TPY_ANSWER_SLEEP) tpy_exchange_wake(exchange);
            return false;
        }
    }
    exchange->open = tpy_answer_sequence(answer);
    /* Loaded after the answer: if it still is this sequence, that answer was this sequence's too. */
    return tpy_post_sequence(atomic_load_explicit(&shared->offer.post, memory_order_acquire)) == sequence && exchange->open != sequence;
}

static void fill(struct tpy_receipt *receipt, struct tpy_exchange *exchange, uint32_t serial)
{
    receipt->exchange = exchange;
    receipt->sequence = serial;
    receipt->tag = exchange->tag;
    receipt->kind = exchange->kind;
    receipt->priority = exchange->priority;
    receipt->flags = exchange->flags & (TPY_OFFER_CONTINUE | TPY_OFFER_FDS);
    receipt->injected = 0;
    receipt->send_length = exchange->send_length;
    receipt->room = exchange->room;
    receipt->received = exchange->received;
    receipt->pid = exchange->link->who.pid;
    receipt->thread = exchange->thread;
    receipt->client = exchange->client->face;
}

static void give_up_offer(struct tpy_port *port, struct tpy_exchange *exchange, int error)
{
    bool wake = false;
    tpy_port_dequeue(port, &exchange->item);
    if (error) tpy_exchange_answer_error(exchange, error, &wake);
    atomic_store(&exchange->state, exchange->held && !error ? TPY_HELD : TPY_IDLE);
    if (wake) tpy_exchange_wake(exchange);
}

/* With the port's lock, taken and given by the caller. 1: the receipt is filled; 0: look for another; -EFAULT the receiver's parts. */
static int accept_offer(struct tpy_port *port, const struct tpy_filter *filter, struct tpy_exchange *exchange, const struct iovec *parts,
    size_t count, uint64_t size, struct tpy_receipt *receipt)
{
    int result = 1, fault;
    tpy_lock_take(&exchange->lock);
    /* Only the inline part here: the rest may take time, and others wait for this port. */
    uint64_t whole = tpy_inline_part(exchange->send_length), here = whole < size ? whole : size;
    if (result == 1 && here > 0) {
        if (TPY_UNLIKELY((exchange->flags & TPY_OFFER_FAULT) && here > exchange->fault_at)) {
            give_up_offer(port, exchange, EFAULT);
            result = 0;
        } else if (tpy_iov_scatter(parts, count, 0, exchange->shared->offer.data + tpy_data_at(whole), here, &fault) < here) result = -EFAULT;
    }
    if (result == 1) {
        if (TPY_LIKELY(accept_or_drop(exchange, filter, here, here == size || here == exchange->send_length, &receipt->committed))) {
            uint32_t serial = atomic_load_explicit(&exchange->serial, memory_order_relaxed) + 1;
            if (serial == 0) serial = 1;
            tpy_port_dequeue(port, &exchange->item);
            exchange->received = here;
            atomic_store_explicit(&exchange->serial, serial, memory_order_relaxed);
            atomic_store_explicit(&exchange->state, TPY_ACCEPTED, memory_order_relaxed);
            port->last_cpu = exchange->cpu;
            fill(receipt, exchange, serial);
            tpy_inspect_accepted(exchange);
            if (TPY_UNLIKELY((exchange->flags & (TPY_OFFER_NOTIFY | TPY_OFFER_CONFIRM)) == TPY_OFFER_NOTIFY)) tpy_stream_nudge(exchange);
        } else {
            give_up_offer(port, exchange, 0);
            result = 0;
        }
    }
    tpy_lock_give(&exchange->lock);
    return result;
}

static void accept_pulse(struct tpy_port *port, struct tpy_pulse *pulse, struct tpy_receipt *receipt)
{
    *receipt = (struct tpy_receipt){.tag = pulse->tag, .kind = pulse->kind, .priority = pulse->item.priority, .injected = pulse->injected,
        .code = pulse->code, .value = pulse->value, .pid = pulse->pid, .thread = pulse->thread, .client = pulse->client};
    struct tpy_exchange *from = pulse->from;
    tpy_port_dequeue(port, &pulse->item);
    tpy_port_pulse_free(port, pulse);
    /* Its exchange may serve another port by now; then there is no backlog of ours in it. */
    if (from && from->port == port && from->oneway_queued > 0) {
        from->oneway_queued--;
        if (from->oneway_backlog) {
            from->oneway_backlog = false;
            atomic_store(&atomic_load(&port->entries)[from->entry].seen, UINT64_MAX);
        }
    }
}

/* Our parts fault: the offer goes back to the queue, unless its client was refused since we took it out. No port lock. */
static void go_back(struct tpy_port *port, struct tpy_exchange *exchange)
{
    bool wake = false;
    tpy_lock_take(&port->lock);
    tpy_lock_take(&exchange->lock);
    bool back = atomic_load(&exchange->state) == TPY_QUEUED && exchange->port == port && !exchange->item.queued;
    if (back && atomic_load(&exchange->client->refused) && !exchange->held) {
        tpy_exchange_answer_error(exchange, ESRCH, &wake);
        atomic_store(&exchange->state, TPY_IDLE);
    } else if (back) tpy_port_enqueue(port, &exchange->item, false);
    tpy_lock_give(&exchange->lock);
    tpy_lock_give(&port->lock);
    if (wake) tpy_exchange_wake(exchange);
}

/* The part of a large message beyond the inline bytes; no port lock. 1, 0 look for another, -EFAULT. */
static int receive_beyond(struct tpy_port *port, const struct iovec *parts, size_t count, struct tpy_receipt *receipt, uint64_t beyond)
{
    struct tpy_exchange *exchange = receipt->exchange;
    /* A holder is told of its offer even if the client has withdrawn that: its next call finds out, and it still holds the exchange. */
    if (!tpy_exchange_enter(exchange, receipt->sequence, false)) return receipt->flags & TPY_OFFER_CONTINUE ? 1 : 0;
    ssize_t got = tpy_exchange_copy_in(exchange, 0, parts, count);
    bool wake = false;
    int result = 1;
    if (got >= 0 && tpy_exchange_wanted(exchange)) receipt->received = exchange->received = beyond;
    else if (got == -TPY_ESRVRFAULT) {
        /* Not accepted after all: the handle that its holder has is good again. */
        atomic_store(&exchange->serial, receipt->sequence > 1 ? receipt->sequence - 1 : UINT32_MAX);
        atomic_store(&exchange->state, TPY_QUEUED);
        result = -EFAULT;
    } else if (got == -EFAULT || !exchange->held) {
        if (got == -EFAULT) tpy_exchange_answer_error(exchange, EFAULT, &wake);
        atomic_store(&exchange->state, TPY_IDLE);
        result = 0;
    }
    tpy_lock_give(&exchange->lock);
    if (wake) tpy_exchange_wake(exchange);
    if (result < 0) go_back(port, exchange);
    return result;
}

static inline int scan_wait(struct tpy_scan *scan, int64_t deadline)
{
    int64_t since;
    if (TPY_LIKELY(tpy_spin_for(&scan->thread->receive_spin, scan->port->last_cpu, tpy_scan_news, scan, &since))) return 0;
    return tpy_scan_sleep(scan, deadline, since);
}

/* With the lock, when a receiver goes: those who stay must not sleep through what they could take. */
static void leave(struct tpy_port *port)
{
    bool busy = false;
    if (TPY_LIKELY(!port->sleepers && !port->scanner)) {
        /* Nobody stays; where the face wants to hear of urgent offers meanwhile, clients that wait ring. */
        if (TPY_UNLIKELY(port->flags & TPY_PORT_BOOST)) tpy_port_ring(port, TPY_RING_LATER);
        return;
    }
    if (!port->scanner) {
        tpy_port_ring(port, TPY_RING_LATER);
        atomic_thread_fence(memory_order_seq_cst);
        busy = tpy_port_collect(port);
    }
    if (port->queued) tpy_port_hand_over(port, false);
    if (busy) tpy_thread_notify(port->sleepers->thread); /* it becomes the scanner and looks again */
}

struct own_scan { /* of a receiver that is not the scanner and waits for one exchange */
    struct tpy_thread *thread;
    struct tpy_shared *shared;
    uint64_t seen;
    uint32_t events;
};

static inline bool own_news(void *argument)
{
    struct own_scan *own = argument;
    uint64_t post = atomic_load_explicit(&own->shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
    return post != own->seen || tpy_thread_events(own->thread) != own->events;
}

static int wait_turn(struct tpy_port *port, struct tpy_thread *thread, const struct tpy_filter *filter, uint32_t events, int64_t deadline)
{
    int result;
    port->users++;
    struct tpy_watch watch = {.thread = thread};
    if (TPY_UNLIKELY(filter && filter->while_alive)) tpy_connection_watch(filter->while_alive, &watch);
    if (!port->scanner) {
        struct tpy_scan scan = {port, thread, events};
        port->scanner = thread;
        port->scanner_filter = filter;
        tpy_port_ring(port, TPY_RING_NO);
        tpy_lock_give(&port->lock);
        result = scan_wait(&scan, deadline);
        tpy_lock_take(&port->lock);
        port->scanner = NULL;
        tpy_port_ring(port, TPY_RING_NO);
    } else {
        struct tpy_receiver receiver = {port->sleepers, thread, filter}, **at;
        struct own_scan own = {.thread = thread, .events = events};
        port->sleepers = &receiver;
        if (filter && filter->only && filter->only->port == port) {
            own.shared = filter->only->shared;
            own.seen = atomic_load_explicit(&atomic_load(&port->entries)[filter->only->entry].seen, memory_order_relaxed);
        }
        tpy_lock_give(&port->lock);
        int64_t since = 0;
        /* Who waits for one exchange looks at that itself for a while; the scanner may be busy with others. */
        if (own.shared && tpy_spin_for(&thread->receive_spin, filter->only->cpu, own_news, &own, &since)) result = 0;
        else {
            tpy_inspect_blocked(thread, TPY_BLOCKED_RECEIVE, 0, port->id);
            result = tpy_thread_sleep(thread, events, deadline);
            tpy_inspect_ready(thread);
            if (own.shared) tpy_spin_slept(&thread->receive_spin, since);
        }
        tpy_lock_take(&port->lock);
        for (at = &port->sleepers; *at != &receiver; at = &(*at)->next) {}
        *at = receiver.next;
    }
    if (TPY_UNLIKELY(filter && filter->while_alive)) tpy_connection_unwatch(filter->while_alive, &watch);
    return result == -ETIMEDOUT || result == -EINTR ? result : 0;
}

/* Hints, so plain stores: a client that offers on a stale one looks again until it is accepted. */
static uint64_t waited_for(const struct tpy_filter *filter)
{
    if (filter->admit || filter->only || filter->kinds || !filter->pid != !filter->thread) return TPY_WAITS_CHOSEN;
    return filter->pid ? (uint64_t)filter->pid << 32 | filter->thread : TPY_WAITS_ANYBODY;
}

void tpy_port_expect(struct tpy_port *port, const struct tpy_filter *filter)
{
    if (port->waits) atomic_store_explicit(port->waits, filter ? waited_for(filter) : TPY_WAITS_ANYBODY, memory_order_release);
}

void tpy_port_unexpect(struct tpy_port *port)
{
    if (port->waits) atomic_store_explicit(port->waits, TPY_WAITS_NOBODY, memory_order_release);
}

/* Gives the lock and the uses taken by `waits`. A signal that the face does not heed is no end of its waiting. */
static int done(struct tpy_port *port, unsigned waits, int result)
{
    if (TPY_LIKELY(result != -EINTR)) tpy_port_unexpect(port);
    leave(port);
    bool last = false;
    if (waits > 0) {
        port->users -= waits;
        last = port->users == 0;
        if (last) port->users = 1; /* for the put below, which does the rest */
    }
    tpy_lock_give(&port->lock);
    if (last) tpy_port_put(port);
    return result;
}

/* The only exchange with news, if just one has some; *news is its post. */
static struct tpy_entry *only_news(struct tpy_port *port, uint64_t *news)
{
    struct tpy_entry *entries = atomic_load_explicit(&port->entries, memory_order_relaxed), *found = NULL;
    uint32_t count = atomic_load_explicit(&port->entry_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        struct tpy_shared *shared = atomic_load_explicit(&entries[i].shared, memory_order_relaxed);
        uint64_t post = atomic_load_explicit(&shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
        if (post == atomic_load_explicit(&entries[i].seen, memory_order_relaxed)) continue;
        if (found) return NULL;
        found = &entries[i];
        *news = post;
    }
    return found;
}

/* Does the filter take a new offer of this exchange on the short way? With the exchange's lock. */
static inline bool takes_at_once(const struct tpy_filter *filter, const struct tpy_exchange *exchange, uint8_t state, uint8_t flags, uint8_t kind)
{
    if (TPY_LIKELY(!filter)) return flags == 0 && state == TPY_IDLE;
    if (filter->pid | (pid_t)(filter->thread | filter->kinds) || filter->while_alive) return false;
    if (filter->only)
        return flags == TPY_OFFER_CONTINUE && state == TPY_HELD && filter->only == exchange &&
               filter->held == atomic_load_explicit(&exchange->serial, memory_order_relaxed);
    return flags == 0 && state == TPY_IDLE && !atomic_load_explicit(&exchange->client->refused, memory_order_relaxed) &&
           (!filter->admit || filter->admit(filter->argument, exchange->client->face, kind));
}

/* The short way for the common case: nothing is queued, one exchange has a plain new offer, we may take it. What tpy_port_collect,
 * tpy_port_best and accept_offer do in three steps, in one. False: take the long way; nothing was changed. */
static bool accept_at_once(struct tpy_port *port, const struct tpy_filter *filter, struct tpy_entry *entry, uint64_t post, const struct iovec *parts,
    size_t count, uint64_t size, struct tpy_receipt *receipt)
{
    struct tpy_exchange *exchange = entry->exchange;
    const struct tpy_offer_area *offer = &exchange->shared->offer;
    uint32_t sequence = tpy_post_sequence(post);
    tpy_own(&exchange->shared->answer); /* we shall write there soon, and the client does not look yet (tpy_spin_let_be) */
    if (!tpy_lock_try(&exchange->lock)) return false;
    uint8_t state = atomic_load_explicit(&exchange->state, memory_order_relaxed), flags = offer->flags, kind = offer->kind;
    uint32_t send_length = offer->send_length;
    uint64_t here = send_length < size ? send_length : size;
    int fault;
    bool plain = takes_at_once(filter, exchange, state, flags, kind) && (uint32_t)(post >> 32) == exchange->oneway_seen &&
                 sequence != exchange->sequence && sequence != 0 && send_length <= TPY_INLINE && exchange->spill_fd < 0 && !exchange->fds;
    if (TPY_UNLIKELY(!plain || (here > 0 && tpy_iov_scatter(parts, count, 0, offer->data + tpy_data_at(send_length), here, &fault) < here))) {
        tpy_lock_give(&exchange->lock);
        return false;
    }
    exchange->kind = kind;
    exchange->priority = offer->priority;
    exchange->flags = flags;
    exchange->cpu = offer->cpu;
    exchange->tag = offer->tag;
    exchange->send_length = send_length;
    exchange->room = offer->room;
    exchange->received = here;
    exchange->sequence = sequence;
    exchange->held = exchange->pushed = exchange->streaming = exchange->unblock_requested = false;
    exchange->fault_at = exchange->room_fault_at = TPY_NOWHERE;
    bool accepted = accept_or_drop(exchange, filter, here, true, &receipt->committed);
    if (TPY_LIKELY(accepted)) {
        uint32_t serial = atomic_load_explicit(&exchange->serial, memory_order_relaxed) + 1;
        if (serial == 0) serial = 1;
        atomic_store_explicit(&exchange->serial, serial, memory_order_relaxed);
        port->last_cpu = exchange->cpu;
        fill(receipt, exchange, serial);
        tpy_inspect_accepted(exchange);
    }
    atomic_store_explicit(&exchange->state, accepted ? TPY_ACCEPTED : flags ? TPY_HELD : TPY_IDLE, memory_order_relaxed);
    atomic_store_explicit(&entry->seen, post, memory_order_relaxed);
    entry->used = ++port->turn;
    tpy_lock_give(&exchange->lock);
    return accepted;
}

/* Can what the filter names still come? */
static bool still_there(struct tpy_port *port, const struct tpy_filter *filter)
{
    struct tpy_exchange *only = filter->only;
    uint8_t state = atomic_load(&only->state);
    if (only->port != port || state == TPY_FREE) return false;
    return !filter->held || (atomic_load(&only->serial) == filter->held && (state == TPY_HELD || state == TPY_ACCEPTED || (state == TPY_QUEUED && only->held)));
}

int tpy_receive(struct tpy_port *port, const struct tpy_filter *filter, const struct iovec *parts, size_t count, size_t refuse_oneway_below,
    int64_t deadline, struct tpy_receipt *receipt)
{
    struct tpy_thread *thread = tpy_thread_get();
    if (TPY_UNLIKELY(!thread)) return -ENOMEM;
    unsigned waits = 0;
    int waited = 0;
    uint64_t size = 0;
    struct iovec own[TPY_PARTS_OWN];
    /* A list that cannot be read, or sums up to nonsense, is the receiver's fault; it is said when there is something to put there. */
    bool bad = tpy_iov_take(&parts, count, own) != 0 || tpy_iov_length(parts, count, &size) != 0;
    tpy_port_expect(port, filter);
    tpy_lock_take(&port->lock);
    for (;;) {
        uint32_t events = tpy_thread_events(thread);
        if (TPY_UNLIKELY(!atomic_load_explicit(&port->open, memory_order_acquire))) return done(port, waits, -ESRCH);
        if (TPY_LIKELY(!port->queued && !bad)) {
            uint64_t post;
            struct tpy_entry *entry = only_news(port, &post);
            if (entry && accept_at_once(port, filter, entry, post, parts, count, size, receipt)) return done(port, waits, 0);
        }
        bool busy = tpy_port_collect(port);
        if (TPY_UNLIKELY(filter && filter->only && !still_there(port, filter))) return done(port, waits, -ESRCH);
        struct tpy_item *item = port->queued ? tpy_port_best(port, filter) : NULL;
        if (item && item->oneway) {
            if (bad || size < refuse_oneway_below) return done(port, waits, -EFAULT);
            accept_pulse(port, (struct tpy_pulse *)item, receipt);
            return done(port, waits, 0);
        }
        if (item) {
            if (bad) return done(port, waits, -EFAULT);
            struct tpy_exchange *exchange = tpy_item_exchange(item);
            uint64_t beyond = size < exchange->send_length ? size : exchange->send_length;
            int result = accept_offer(port, filter, exchange, parts, count, size, receipt);
            if (result == 0) continue;
            if (result < 0) return done(port, waits, result);
            if (TPY_LIKELY(beyond <= receipt->received)) return done(port, waits, 0);
            port->users++, waits++; /* while we have not got the lock */
            leave(port);
            tpy_lock_give(&port->lock);
            result = receive_beyond(port, parts, count, receipt, beyond);
            tpy_lock_take(&port->lock);
            if (result == 0) continue;
            return done(port, waits, result < 0 ? result : 0);
        }
        if (TPY_UNLIKELY(filter && filter->while_alive) && tpy_connection_alive(filter->while_alive) != 0) return done(port, waits, -EHOSTDOWN);
        if (TPY_UNLIKELY(waited < 0)) return done(port, waits, waited);
        if (TPY_UNLIKELY(atomic_load_explicit(&thread->cancelled, memory_order_relaxed)) && tpy_thread_uncancel(thread))
            return done(port, waits, -ECANCELED);
        if (deadline <= 0) return done(port, waits, -ETIMEDOUT);
        /* Something queued that is not for us: whoever takes it must be awake. */
        if (TPY_UNLIKELY(port->queued > 0)) tpy_port_hand_over(port, false);
        if (busy) {
            tpy_lock_give(&port->lock);
            tpy_relax();
            tpy_lock_take(&port->lock);
            continue;
        }
        waited = wait_turn(port, thread, filter, events, deadline);
        waits++;
    }
}
