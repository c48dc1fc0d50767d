/* two: see two.h. What is not the common case goes on in the general functions. */
#include "core/two.h"

#include <errno.h>

#include "core/exchange_record.h"
#include "core/offer_steps.h"

/* Stored and loaded one by one: two that are joined in a wide register on the way come later. */
static inline void put(void *to, uint64_t word0, uint64_t word1)
{
    volatile uint64_t *word = to;
    word[0] = word0;
    word[1] = word1;
}

static inline void get(uint64_t word[2], const void *from)
{
    const volatile uint64_t *at = from;
    word[0] = at[0];
    word[1] = at[1];
}

/* For the general functions: what they look at once an offer is posted. What was sent is in the exchange already, all of it. Field by field, as a string
 * instruction takes longer. */
static inline void describe(struct tpy_offer *offer, const struct iovec *reply)
{
    offer->send = reply; /* of the stream, which takes nothing from there */
    offer->send_parts = 0;
    offer->reply = reply;
    offer->reply_parts = reply->iov_len > 0;
    offer->deadline = TPY_NEVER;
    offer->strike = TPY_STRIKE_SEND;
    offer->linger = 0;
    offer->flags = TPY_OFFER_UNSIGNALLED | TPY_OFFER_STAGED;
    offer->reply_within = 0;
    offer->status = 0;
    offer->length = 0;
    offer->held = 0;
    offer->struck = 0;
    offer->reached = TPY_REACHED_NOTHING;
}

int tpy_offer_two(struct tpy_connection *connection, uint64_t word0, uint64_t word1, uint8_t kind, uint32_t tag, struct tpy_two *answer)
{
    struct tpy_thread *thread = tpy_thread_get();
    int error = -ENOMEM;
    struct tpy_lane *lane = TPY_LIKELY(thread != NULL) ? tpy_lane_get(thread, connection, &error) : NULL;
    answer->reached = TPY_REACHED_NOTHING;
    if (TPY_UNLIKELY(!lane)) return error;
    if (TPY_UNLIKELY(atomic_load_explicit(&lane->over, memory_order_acquire))) return -EBADF;
    if (TPY_UNLIKELY(lane->offer != NULL)) return -EAGAIN; /* a signal handler in the middle of this thread's own offer */
    if (TPY_UNLIKELY(atomic_load_explicit(&connection->refused, memory_order_relaxed))) return -EBADF;
    struct tpy_offer offer; /* filled in only for those who look at it */
    const struct iovec reply = {answer->word, answer->room};
    struct tpy_offer_area *area = &lane->shared->offer;
    lane->offer = &offer;
    atomic_signal_fence(memory_order_seq_cst);
    put(area->data, word0, word1);
    area->kind = kind;
    area->priority = tpy_thread_ranks(thread);
    area->flags = 0;
    area->cpu = tpy_cpu();
    area->tag = tag;
    area->send_length = TPY_TWO;
    area->room = (uint32_t)answer->room;
    lane->send_length = TPY_TWO;
    lane->room = answer->room;
    lane->good_room.iov_len = 0;
    lane->streaming = false;
    tpy_offer_count(lane);
    lane->posted = lane->sequence;
    if (TPY_UNLIKELY(lane->applied != 0)) {
        describe(&offer, &reply);
        tpy_lane_stream_begin(lane);
    }
    bool slept = tpy_offer_post(lane);
    uint32_t bell = atomic_load_explicit(lane->ring, memory_order_seq_cst);
    if (TPY_UNLIKELY(bell == TPY_RING_NOW)) tpy_offer_ring(lane);
    int result = 0;
    if (TPY_UNLIKELY(!tpy_offer_look(lane, slept))) {
        describe(&offer, &reply);
        result = tpy_offer_await(lane, &offer);
    }
    if (TPY_LIKELY(result == 0)) {
        const struct tpy_answer_area *from = &lane->shared->answer;
        answer->reached = TPY_REACHED_CONFIRMED;
        answer->status = from->status;
        answer->length = from->length;
        if (TPY_LIKELY(from->flags == 0 && answer->length == answer->room)) {
            get(answer->word, from->data);
            lane->server_cpu = from->cpu;
            lane->fds_announced = false;
            lane->offer = NULL;
            return 0;
        }
        describe(&offer, &reply);
        result = tpy_offer_finish(lane, &offer);
        answer->status = offer.status;
        answer->length = offer.length;
    } else answer->reached = offer.reached;
    if (TPY_UNLIKELY(bell == TPY_RING_GONE) && result == -ESRCH && tpy_strike_stage(lane, &offer) == TPY_REACHED_NOTHING) result = -EBADF;
    lane->offer = NULL;
    return result;
}

static inline __attribute__((always_inline)) int finish(struct tpy_exchange *exchange, uint32_t serial, int64_t status, uint64_t length, uint64_t word0,
    uint64_t word1)
{
    if (TPY_LIKELY(exchange && atomic_load_explicit(&exchange->serial, memory_order_relaxed) == serial)) {
        bool wake = false;
        tpy_lock_take(&exchange->lock);
        bool ours = atomic_load_explicit(&exchange->serial, memory_order_relaxed) == serial &&
                    atomic_load_explicit(&exchange->state, memory_order_relaxed) == TPY_ACCEPTED;
        bool plain = exchange->room >= length && !(exchange->flags & TPY_OFFER_FAULT) && !exchange->pushed && !exchange->fds_given && !exchange->fds &&
                     exchange->spill_fd < 0;
        if (TPY_LIKELY(ours && plain)) {
            struct tpy_answer_area *answer = &exchange->shared->answer;
            if (length > 0) put(answer->data, word0, word1);
            answer->flags = 0;
            answer->cpu = tpy_cpu();
            answer->status = status;
            answer->length = length;
            if (TPY_LIKELY(tpy_exchange_publish(exchange, &wake) == 0)) {
                exchange->unblock_requested = false;
                atomic_store_explicit(&exchange->state, TPY_IDLE, memory_order_release);
                tpy_lock_give(&exchange->lock);
                if (TPY_UNLIKELY(wake)) tpy_exchange_wake(exchange);
                return 0;
            }
        }
        tpy_lock_give(&exchange->lock);
    }
    /* Not so, or not in time: the general form finds that too, and says what it is. */
    const uint64_t word[2] = {word0, word1};
    const struct iovec part = {(void *)(uintptr_t)word, length};
    return tpy_finish(exchange, serial, status, &part, length > 0);
}

int tpy_finish_two(struct tpy_exchange *exchange, uint32_t serial, int64_t status, uint64_t word0, uint64_t word1)
{
    return finish(exchange, serial, status, TPY_TWO, word0, word1);
}

int tpy_finish_none(struct tpy_exchange *exchange, uint32_t serial, int64_t status) { return finish(exchange, serial, status, 0, 0, 0); }
