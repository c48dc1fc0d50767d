/*
 * accept: how an offer becomes a receiver's, where the server's half of docs/exchange.md meets a client that may be withdrawing. All of it with the
 * exchange's lock. For the receives of the core (receive.c, receive_held.c).
 */
#ifndef TPY_CORE_ACCEPT_H
#define TPY_CORE_ACCEPT_H

#include "core/inspect.h"
#include "core/iov.h"
#include "core/port_record.h"

/* With the exchange's lock: the client's withdrawal or our acceptance, exactly one. */
static inline bool tpy_accept_or_drop(struct tpy_exchange *exchange, const struct tpy_filter *filter, uint64_t received, bool complete,
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
        if (!tpy_exchange_commit(exchange, filter->mark + (received >> __builtin_ctz(filter->mark_unit)))) return false;
        *committed = 1;
        uint32_t answer = atomic_load_explicit(&shared->answer.answer, memory_order_seq_cst);
        /* It counts, even if the client is giving the offer up just now: then our answer will find that. */
        exchange->open = tpy_answer_sequence(answer) == sequence ? UINT32_MAX : tpy_answer_sequence(answer);
        return true;
    }
    if (TPY_LIKELY(exchange->fenced)) {
        atomic_store_explicit(&shared->server.accepted, sequence, memory_order_release);
        atomic_signal_fence(memory_order_seq_cst);
    } else atomic_exchange_explicit(&shared->server.accepted, sequence, memory_order_seq_cst);
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

static inline void tpy_receipt_fill(struct tpy_receipt *receipt, struct tpy_exchange *exchange, uint32_t serial)
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

/* Does the filter take a new offer of this exchange on the short way? With the exchange's lock. */
static inline bool tpy_filter_takes_at_once(const struct tpy_filter *filter, const struct tpy_exchange *exchange, uint8_t state, uint8_t flags, uint8_t kind)
{
    flags &= (uint8_t)~TPY_OFFER_CONFIRM; /* that comes later */
    if (TPY_LIKELY(!filter)) return flags == 0 && state == TPY_IDLE;
    if (filter->kinds) return false;
    if (filter->only)
        return !filter->pid && !filter->thread && flags == TPY_OFFER_CONTINUE && state == TPY_HELD && filter->only == exchange &&
               filter->held == atomic_load_explicit(&exchange->serial, memory_order_relaxed);
    return flags == 0 && state == TPY_IDLE && !atomic_load_explicit(&exchange->client->refused, memory_order_relaxed) &&
           (!filter->pid || filter->pid == exchange->link->who.pid) && (!filter->thread || filter->thread == exchange->thread) &&
           (!filter->admit || filter->admit(filter->argument, exchange->client->face, kind));
}

/* A plain new offer that its post announces, all inline, which the filter may take: 1 it is accepted, 0 its client has withdrawn it, -1 it is not
 * plain or not for us, and nothing was changed. */
static inline int tpy_accept_plain(struct tpy_exchange *exchange, const struct tpy_filter *filter, uint64_t post, const struct iovec *parts, size_t count,
    uint64_t size, struct tpy_receipt *receipt)
{
    const struct tpy_offer_area *offer = &exchange->shared->offer;
    uint32_t sequence = tpy_post_sequence(post);
    uint8_t state = atomic_load_explicit(&exchange->state, memory_order_relaxed), flags = offer->flags, kind = offer->kind;
    uint32_t send_length = offer->send_length;
    uint64_t here = send_length < size ? send_length : size;
    int fault;
    bool plain = tpy_filter_takes_at_once(filter, exchange, state, flags, kind) && (uint32_t)(post >> 32) == exchange->oneway_seen &&
                 sequence != exchange->sequence && sequence != 0 && send_length <= TPY_INLINE && exchange->spill_fd < 0 && !exchange->fds;
    if (TPY_UNLIKELY(!plain || (here > 0 && tpy_iov_scatter(parts, count, 0, offer->data + tpy_data_at(send_length), here, &fault) < here))) return -1;
    exchange->kind = kind;
    exchange->priority = offer->priority;
    exchange->flags = flags;
    exchange->cpu = offer->cpu;
    exchange->tag = offer->tag;
    exchange->send_length = send_length;
    exchange->room = offer->room;
    for (unsigned i = tpy_lines_ahead(exchange->room); i > 0; i--) tpy_own(exchange->shared->answer.data + TPY_DATA_LATER + (i - 1) * TPY_LINE);
    exchange->received = here;
    exchange->sequence = sequence;
    exchange->held = exchange->pushed = exchange->streaming = exchange->unblock_requested = false;
    exchange->fault_at = exchange->room_fault_at = TPY_NOWHERE;
    bool accepted = tpy_accept_or_drop(exchange, filter, here, true, &receipt->committed);
    if (TPY_LIKELY(accepted)) {
        uint32_t serial = atomic_load_explicit(&exchange->serial, memory_order_relaxed) + 1;
        if (serial == 0) serial = 1;
        atomic_store_explicit(&exchange->serial, serial, memory_order_relaxed);
        tpy_receipt_fill(receipt, exchange, serial);
        tpy_inspect_accepted(exchange);
    }
    atomic_store_explicit(&exchange->state, accepted ? TPY_ACCEPTED : flags & TPY_OFFER_CONTINUE ? TPY_HELD : TPY_IDLE, memory_order_relaxed);
    return accepted;
}

#endif
