/*
 * receive: how a receiver gets its next message: collect, choose, accept; or wait as a scanner, or behind one (group.h).
 */
#include <limits.h>

#include "core/accept.h"
#include "core/errors.h"
#include "core/inspect.h"
#include "core/iov.h"
#include "core/lane.h"
#include "core/port_record.h"
#include "core/scan.h"
#include "core/stream.h"

#define LOOKS_MOST 4096u /* more than exchanges can be queued */

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
        if (TPY_LIKELY(tpy_accept_or_drop(exchange, filter, here, here == size || here == exchange->send_length, &receipt->committed))) {
            uint32_t serial = atomic_load_explicit(&exchange->serial, memory_order_relaxed) + 1;
            if (serial == 0) serial = 1;
            tpy_port_dequeue(port, &exchange->item);
            exchange->received = here;
            atomic_store_explicit(&exchange->serial, serial, memory_order_relaxed);
            atomic_store_explicit(&exchange->state, TPY_ACCEPTED, memory_order_relaxed);
            port->last_cpu = exchange->cpu;
            tpy_receipt_fill(receipt, exchange, serial);
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

/* Our parts fault, or we were cancelled: the offer goes back to the queue, unless its client was refused since we took it out. No port lock. */
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

/* The part of a large message beyond the inline bytes; no port lock. 1, 0 look for another, -EFAULT, -ECANCELED. */
static int receive_beyond(struct tpy_port *port, const struct iovec *parts, size_t count, struct tpy_receipt *receipt, uint64_t beyond)
{
    struct tpy_exchange *exchange = receipt->exchange;
    /* A holder is told of its offer even if the client has withdrawn that: its next call finds out, and it still holds the exchange. */
    if (!tpy_exchange_enter(exchange, receipt->sequence, false)) return receipt->flags & TPY_OFFER_CONTINUE ? 1 : 0;
    ssize_t got = tpy_exchange_copy_in(exchange, 0, parts, count);
    bool wake = false;
    int result = 1;
    if (got == -ESTALE) { /* somebody ended it meanwhile */
        tpy_lock_give(&exchange->lock);
        return receipt->flags & TPY_OFFER_CONTINUE ? 1 : 0;
    }
    if (got >= 0 && tpy_exchange_wanted(exchange)) receipt->received = exchange->received = beyond;
    else if (got == -TPY_ESRVRFAULT || got == -ECANCELED) {
        /* Not accepted after all: the handle that its holder has is good again. */
        atomic_store(&exchange->serial, receipt->sequence > 1 ? receipt->sequence - 1 : UINT32_MAX);
        atomic_store(&exchange->state, TPY_QUEUED);
        result = got == -ECANCELED ? -ECANCELED : -EFAULT;
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

/* Who waits only while a server lives hears of its end where it sleeps; the polling before is short. */
struct watching {
    struct tpy_connection *connection; /* NULL: none */
    struct tpy_watch watch;
};

static inline void watch(struct watching *watching, struct tpy_thread *thread, const struct tpy_filter *filter)
{
    watching->connection = filter ? filter->while_alive : NULL;
    watching->watch.thread = thread;
    if (TPY_UNLIKELY(watching->connection != NULL)) tpy_connection_watch(watching->connection, &watching->watch);
}

static inline void unwatch(struct watching *watching)
{
    if (TPY_UNLIKELY(watching->connection != NULL)) tpy_connection_unwatch(watching->connection, &watching->watch);
}

static inline int scan_wait(struct tpy_scan *scan, const struct tpy_filter *filter, int64_t deadline)
{
    struct watching watching;
    int64_t since;
    uint8_t cpu = TPY_LIKELY(!scan->watched) ? scan->port->last_cpu : scan->watched->only ? scan->watched->only->cpu : scan->thread->client_cpu;
    if (TPY_LIKELY(tpy_spin_for(&scan->thread->receive_spin, cpu, tpy_scan_news, scan, &since))) return 0;
    watch(&watching, scan->thread, filter);
    int result = tpy_scan_sleep(scan, cpu, deadline, since);
    unwatch(&watching);
    return result;
}

static int sleep_behind(struct tpy_port *port, struct tpy_thread *thread, const struct tpy_filter *filter, uint32_t events, int64_t deadline)
{
    struct watching watching;
    const struct tpy_inspect_thread told = tpy_inspect_told(thread);
    tpy_inspect_blocked(thread, TPY_BLOCKED_RECEIVE, 0, port->id);
    watch(&watching, thread, filter);
    int result = tpy_thread_sleep(thread, events, deadline);
    unwatch(&watching);
    tpy_inspect_ready(thread, &told);
    return result;
}

/* With the lock, given meanwhile. group: NULL for a single exchange. */
static int wait_turn(struct tpy_port *port, struct tpy_group *group, struct tpy_thread *thread, const struct tpy_filter *filter,
    const struct tpy_filter *watched, uint32_t events, int64_t deadline)
{
    struct tpy_receiver receiver = {.thread = thread, .filter = filter};
    struct tpy_scan scan = {.port = port, .receiver = &receiver, .thread = thread, .watched = watched, .events = events};
    bool scans = tpy_group_enter(port, group, &receiver);
    if (!group) {
        scan.shared = watched->only->shared;
        scan.seen = atomic_load_explicit(&tpy_entry_of(port, watched->only)->seen, memory_order_relaxed);
    }
    tpy_lock_give(&port->lock);
    int result = scans ? scan_wait(&scan, filter, deadline) : sleep_behind(port, thread, filter, events, deadline);
    tpy_lock_take(&port->lock);
    tpy_group_leave(port, group, &receiver);
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

_Atomic uint64_t *tpy_port_waits(struct tpy_port *port) { return port->waits; }

/* Gives the lock, and the use of the port if we took one. A signal that the face does not heed is no end of its waiting. */
static int done(struct tpy_port *port, bool used, int result)
{
    if (TPY_LIKELY(result != -EINTR)) tpy_port_unexpect(port);
    tpy_group_farewell(port);
    bool last = false;
    if (used) {
        last = port->users == 1; /* then for the put below, which does the rest */
        port->users -= !last;
    }
    tpy_lock_give(&port->lock);
    if (last) tpy_port_put(port);
    return result;
}

/* What is new in the posts looked at. */
struct news {
    struct tpy_entry *only; /* the one exchange that has something new; NULL: none has, or several have */
    uint64_t post;          /* its post */
    bool any;
};

__attribute__((always_inline)) static inline struct news news_of(struct tpy_port *port, const struct tpy_filter *watched)
{
    struct tpy_entry *entries = atomic_load_explicit(&port->entries, memory_order_relaxed);
    uint32_t count = atomic_load_explicit(&port->entry_count, memory_order_relaxed);
    struct news news = {.any = false};
    for (uint32_t i = 0; i < count; i++) {
        if (!tpy_watches(watched, &entries[i])) continue;
        struct tpy_shared *shared = atomic_load_explicit(&entries[i].shared, memory_order_relaxed);
        uint64_t post = atomic_load_explicit(&shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
        if (post == atomic_load_explicit(&entries[i].seen, memory_order_relaxed)) continue;
        if (news.any) return (struct news){.any = true};
        news = (struct news){&entries[i], post, true};
    }
    return news;
}

__attribute__((noinline)) static struct news news_watched(struct tpy_port *port, const struct tpy_filter *watched)
{
    if (!watched->only) return news_of(port, watched);
    struct tpy_entry *entry = tpy_entry_of(port, watched->only);
    if (!entry) return (struct news){.any = false};
    uint64_t post = atomic_load_explicit(&watched->only->shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
    bool any = post != atomic_load_explicit(&entry->seen, memory_order_relaxed);
    return (struct news){any ? entry : NULL, post, any};
}

static inline struct news look(struct tpy_port *port, const struct tpy_filter *watched)
{
    return TPY_LIKELY(!watched) ? news_of(port, NULL) : news_watched(port, watched);
}

/* The short way for the common case: nothing is queued, one exchange has a plain new offer, we may take it. What tpy_port_collect,
 * tpy_port_best and accept_offer do in three steps, in one. False: take the long way. */
static bool accept_at_once(struct tpy_port *port, const struct tpy_filter *filter, struct tpy_entry *entry, uint64_t post, const struct iovec *parts,
    size_t count, uint64_t size, struct tpy_receipt *receipt)
{
    struct tpy_exchange *exchange = entry->exchange;
    tpy_own(&exchange->shared->answer); /* we shall write there soon, and the client does not look yet (tpy_spin_let_be) */
    if (!tpy_lock_try(&exchange->lock)) return false;
    int result = tpy_accept_plain(exchange, filter, post, parts, count, size, receipt);
    if (TPY_LIKELY(result >= 0)) {
        if (TPY_LIKELY(result > 0)) port->last_cpu = exchange->cpu;
        atomic_store_explicit(&entry->seen, post, memory_order_relaxed);
        entry->used = ++port->turn;
    }
    tpy_lock_give(&exchange->lock);
    return result > 0;
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
    bool used = false; /* the port, while we have not got its lock */
    unsigned turns = 0, waits = 0;
    int waited = 0;
    uint64_t size = 0;
    struct iovec own[TPY_PARTS_OWN];
    const struct tpy_filter *watched = tpy_watched(filter);
    /* A list that cannot be read, or sums up to nonsense, is the receiver's fault; it is said when there is something to put there. */
    bool bad = tpy_iov_take(&parts, count, own) != 0 || tpy_iov_length(parts, count, &size) != 0;
    tpy_port_expect(port, filter);
    /* The client we answered last is about to post: wait.h. One on our CPU does not run while we wait, what is queued is there, and for the client of an
     * exchange that we hold we have waited. */
    bool looked = port->last_cpu == tpy_cpu() || __atomic_load_n(&port->queued, __ATOMIC_RELAXED) > 0 || (filter && filter->held);
    if (TPY_LIKELY(!looked)) {
        tpy_spin_hot(&thread->receive_spin); /* before the lock, since it may let others go first */
        tpy_spin_let_be(&thread->receive_spin);
    }
    tpy_lock_take(&port->lock);
    for (;;) {
        uint32_t events = tpy_thread_events(thread);
        /* Clients that post without end what comes to nothing keep us from sleeping, not from our deadline. */
        if (TPY_UNLIKELY(++turns % LOOKS_MOST == 0) && tpy_now() >= deadline) return done(port, used, -ETIMEDOUT);
        if (TPY_UNLIKELY(!atomic_load_explicit(&port->open, memory_order_acquire))) return done(port, used, -ESRCH);
        if (TPY_LIKELY(!port->queued && !bad)) {
            struct news news = look(port, watched);
            if (!looked) {
                tpy_spin_looked(&thread->receive_spin, news.any);
                looked = true;
            }
            if (news.only && accept_at_once(port, filter, news.only, news.post, parts, count, size, receipt)) {
                if (TPY_UNLIKELY(watched != NULL)) thread->client_cpu = news.only->exchange->cpu;
                return done(port, used, 0);
            }
        }
        bool busy = TPY_LIKELY(!watched) ? tpy_port_collect(port) : tpy_port_collect_watched(port, watched);
        if (TPY_UNLIKELY(filter && filter->only && !still_there(port, filter))) return done(port, used, -ESRCH);
        struct tpy_item *item = port->queued ? tpy_port_best(port, filter) : NULL;
        if (item && item->oneway) {
            if (bad || size < refuse_oneway_below) return done(port, used, -EFAULT);
            accept_pulse(port, (struct tpy_pulse *)item, receipt);
            return done(port, used, 0);
        }
        if (item) {
            if (bad) return done(port, used, -EFAULT);
            struct tpy_exchange *exchange = tpy_item_exchange(item);
            uint64_t beyond = size < exchange->send_length ? size : exchange->send_length;
            int result = accept_offer(port, filter, exchange, parts, count, size, receipt);
            if (result == 0) continue;
            if (result < 0) return done(port, used, result);
            if (TPY_UNLIKELY(watched != NULL)) thread->client_cpu = exchange->cpu;
            if (TPY_LIKELY(beyond <= receipt->received)) return done(port, used, 0);
            if (!used) port->users++, used = true;
            tpy_group_farewell(port);
            tpy_lock_give(&port->lock);
            result = receive_beyond(port, parts, count, receipt, beyond);
            tpy_lock_take(&port->lock);
            if (result == 0) continue;
            return done(port, used, result < 0 ? result : 0);
        }
        if (TPY_UNLIKELY(filter && filter->while_alive) && tpy_connection_alive(filter->while_alive) != 0) return done(port, used, -EHOSTDOWN);
        if (TPY_UNLIKELY(waited < 0)) return done(port, used, waited);
        if (TPY_UNLIKELY(atomic_load_explicit(&thread->cancelled, memory_order_relaxed)) && tpy_thread_uncancel(thread))
            return done(port, used, -ECANCELED);
        if (deadline <= 0 || TPY_UNLIKELY(waits % 64 == 63 && tpy_now() >= deadline)) return done(port, used, -ETIMEDOUT);
        /* Something queued that is not for us: whoever takes it must be awake. */
        if (TPY_UNLIKELY(port->queued > 0)) tpy_port_hand_over(port, false);
        if (busy) {
            tpy_lock_give(&port->lock);
            tpy_relax();
            tpy_lock_take(&port->lock);
            continue;
        }
        struct tpy_group *group = watched && watched->only ? NULL : tpy_group_of(port, watched);
        if (TPY_UNLIKELY(!group) && !watched->only) { /* no memory: then with those who look at everything */
            watched = NULL;
            continue;
        }
        if (!used) port->users++, used = true;
        waited = wait_turn(port, group, thread, filter, watched, events, deadline);
        waits++;
    }
}
