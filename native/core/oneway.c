/*
 * oneway: the client's one-way messages: a ring of slots, and a count in the word that posts its offers. A program sends them from signal handlers, too,
 * that come in the middle of whatever its thread does on the same lane. So a slot is taken in one step, the count only tells of slots that are whole, and
 * the word is changed only from what it was when the lane was looked at. Handlers nest, so that flags do where threads would need more: what comes while a
 * message is being put, or an offer posted, leaves its telling to that.
 */
#include "core/offer_steps.h"

#define TRIES 64 /* of a compare-and-swap against a server that keeps changing the word: an honest one sets one bit now and then */

/* old: what is likely to stand there. It is not looked at first: the server does that all the time, and the line would come twice. */
static void post_again(struct tpy_lane *lane, uint64_t old)
{
    _Atomic uint64_t *word = &lane->shared->offer.post;
    for (int i = 0; i < TRIES; i++) {
        atomic_signal_fence(memory_order_seq_cst); /* what it was, then what it is to become */
        if (atomic_compare_exchange_strong(word, &old, (uint64_t)lane->oneway_put << 32 | (uint64_t)lane->posted << 1)) break;
    }
    if (old & TPY_POST_SLEEP) tpy_futex_wake(word, INT_MAX);
    if (atomic_load(lane->ring) != TPY_RING_NO) tpy_offer_ring(lane);
}

void tpy_offer_post_again(struct tpy_lane *lane)
{
    lane->untold = false;
    post_again(lane, atomic_load(&lane->shared->offer.post));
}

/* The next slot, of which nobody else of this thread has a part; false: all wait to be taken. */
static bool take_slot(struct tpy_lane *lane, uint32_t *slot)
{
    *slot = __atomic_load_n(&lane->oneway_begun, __ATOMIC_RELAXED);
    do
        if (*slot - atomic_load_explicit(&lane->shared->server.oneway_taken, memory_order_acquire) >= TPY_ONEWAY_SLOTS) return false;
    while (!__atomic_compare_exchange_n(&lane->oneway_begun, slot, *slot + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

int tpy_oneway(struct tpy_connection *connection, uint8_t kind, uint8_t priority, int16_t code, uint64_t value, uint32_t tag)
{
    struct tpy_thread *thread = tpy_thread_get();
    int error = -ENOMEM;
    struct tpy_lane *lane = thread ? tpy_lane_get(thread, connection, &error) : NULL;
    if (!lane) return error;
    if (atomic_load(&lane->over) || atomic_load(lane->ring) == TPY_RING_GONE) return -EBADF;
    const volatile bool *putting = &lane->putting;
    const volatile uint32_t *begun = &lane->oneway_begun, *posted = &lane->posted;
    bool inner = *putting;
    lane->putting = true;
    atomic_signal_fence(memory_order_seq_cst);
    uint32_t slot;
    bool room = take_slot(lane, &slot);
    if (TPY_LIKELY(room))
        lane->shared->oneway[slot % TPY_ONEWAY_SLOTS] =
            (struct tpy_oneway){.value = value, .stamp = (uint64_t)tpy_now(), .tag = tag, .code = code, .priority = priority, .kind = kind};
    if (inner) return room ? 0 : -EAGAIN;
    uint32_t before = lane->oneway_put;
    for (;;) {
        atomic_signal_fence(memory_order_seq_cst);
        lane->oneway_put = *begun; /* whoever took one of them since has put it */
        atomic_signal_fence(memory_order_seq_cst);
        lane->putting = false;
        atomic_signal_fence(memory_order_seq_cst);
        if (TPY_LIKELY(*begun == lane->oneway_put)) break;
        lane->putting = true;
    }
    if (TPY_UNLIKELY(lane->oneway_put == before)) {
        /* Nobody receives just now, but the messages can be moved out of the ring for a while. */
        tpy_offer_ring(lane);
        return -EAGAIN;
    }
    if (TPY_UNLIKELY(lane->offer && lane->posted != lane->sequence)) lane->untold = true;
    else post_again(lane, (uint64_t)before << 32 | (uint64_t)*posted << 1);
    return room ? 0 : -EAGAIN;
}
