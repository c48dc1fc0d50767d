/*
 * offer_steps: what an offer does after its window is in place, for its forms (offer.c, brief.c): it is posted, its answer is looked for once, waited
 * for, and taken.
 */
#ifndef TPY_CORE_OFFER_STEPS_H
#define TPY_CORE_OFFER_STEPS_H

#include <limits.h>

#include "core/lane.h"
#include "core/strike.h"

/* The sequence of the lane's next offer. */
static inline void tpy_offer_count(struct tpy_lane *lane)
{
    lane->sequence = (lane->sequence + 1) & TPY_SEQUENCE_MASK;
    if (TPY_UNLIKELY(lane->sequence == 0)) lane->sequence = 1;
}

/* Tells of one-way messages, and of the last offer once more. A signal handler may come in between and post too. (oneway.c) */
void tpy_offer_post_again(struct tpy_lane *lane);

/* Posts the offer that was counted last, and tells whether a receiver sleeps on it, as the old word says. From the count until it is posted a signal
 * handler's one-way message leaves its post to us: what it posted between our look at the lane and our exchange would be taken back by that. */
static inline bool tpy_offer_post(struct tpy_lane *lane)
{
    _Atomic uint64_t *word = &lane->shared->offer.post;
    uint64_t old = atomic_exchange_explicit(word, (uint64_t)lane->oneway_put << 32 | (uint64_t)lane->sequence << 1, memory_order_seq_cst);
    lane->posted = lane->sequence;
    atomic_signal_fence(memory_order_seq_cst);
    if (TPY_UNLIKELY(lane->untold)) tpy_offer_post_again(lane);
    if (TPY_LIKELY(!(old & TPY_POST_SLEEP))) return false;
    tpy_futex_wake(word, INT_MAX); /* receivers with different filters may sleep on it */
    return true;
}

/* The first look for the answer, at a server that is awake on another CPU, after the time in which none can have come (wait.h). */
static inline bool tpy_offer_look(struct tpy_lane *lane, bool server_slept)
{
    struct tpy_shared *shared = lane->shared;
    lane->server_slept = server_slept;
    if (TPY_UNLIKELY(lane->streaming || server_slept || lane->server_cpu == tpy_cpu())) return false;
    tpy_spin_let_be(&lane->spin);
    tpy_own(&shared->offer); /* the server has read it by now, and does not look again before it is likely to be written */
    bool found = tpy_lane_is_done(lane, atomic_load_explicit(&shared->answer.answer, memory_order_acquire));
    tpy_spin_looked(&lane->spin, found);
    if (TPY_LIKELY(found)) tpy_spin_hot(&lane->spin);
    return found;
}

/* After that: until answered (0) or given up (the error). */
int tpy_offer_await(struct tpy_lane *lane, struct tpy_offer *offer);
/* What the answer says, and its bytes. */
int tpy_offer_finish(struct tpy_lane *lane, struct tpy_offer *offer);
/* Tells the server's watcher to look. False: the socket is full, try again later. */
bool tpy_offer_ring(struct tpy_lane *lane);

#endif
