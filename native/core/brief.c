/* brief: see brief.h. Each step is written once, in line, for both forms. What is not the common case goes on in the general functions. */
#include "core/brief.h"

#include <errno.h>

#include "core/exchange_record.h"
#include "core/iov.h"
#include "core/offer_steps.h"

#define INLINE static inline __attribute__((always_inline))
#define FLAGS_OF_TWO (TPY_OFFER_UNSIGNALLED | TPY_OFFER_STAGED)

/* Stored and loaded one by one: two that are joined in a wide register on the way come later. */
INLINE void put(void *to, uint64_t word0, uint64_t word1)
{
    volatile uint64_t *word = to;
    word[0] = word0;
    word[1] = word1;
}

INLINE void get(uint64_t word[2], const void *from)
{
    const volatile uint64_t *at = from;
    word[0] = at[0];
    word[1] = at[1];
}

/* The calling thread's lane, if it may offer there now; else the error. */
INLINE struct tpy_lane *ready_lane(struct tpy_connection *connection, unsigned flags, int *error)
{
    struct tpy_thread *thread = tpy_thread_get();
    *error = -ENOMEM;
    struct tpy_lane *lane = TPY_LIKELY(thread != NULL) ? tpy_lane_get(thread, connection, error) : NULL;
    if (TPY_UNLIKELY(!lane)) return NULL;
    *error = -EBADF;
    if (TPY_UNLIKELY(atomic_load_explicit(&lane->over, memory_order_acquire))) return NULL;
    *error = -EAGAIN; /* a signal handler in the middle of this thread's own offer */
    if (TPY_UNLIKELY(lane->offer != NULL)) return NULL;
    *error = -EBADF;
    bool refused = atomic_load_explicit(&connection->refused, memory_order_relaxed) && !(flags & TPY_OFFER_CONTINUE);
    return TPY_LIKELY(!refused) ? lane : NULL;
}

/* For the general functions: what they look at once an offer is posted. What was sent is in the exchange already, all of it. Field by field, as a string
 * instruction takes longer. */
INLINE void describe(struct tpy_offer *offer, const struct iovec *reply, unsigned flags, unsigned strike, unsigned linger)
{
    offer->send = reply; /* of the stream, which takes nothing from there */
    offer->send_parts = 0;
    offer->reply = reply;
    offer->reply_parts = reply->iov_len > 0;
    offer->deadline = TPY_NEVER;
    offer->strike = (uint8_t)strike;
    offer->linger = (uint8_t)linger;
    offer->flags = flags;
    offer->reply_within = 0;
    offer->status = 0;
    offer->length = 0;
    offer->held = 0;
    offer->struck = 0;
    offer->reached = TPY_REACHED_NOTHING;
}

/* Posts what is in the exchange: its bell. *answered: at once. The offer is described if the lane has applied push records. */
INLINE uint32_t post(struct tpy_lane *lane, uint64_t length, uint64_t room, uint8_t kind, uint8_t flags, uint32_t tag, bool *answered)
{
    struct tpy_offer_area *area = &lane->shared->offer;
    area->kind = kind;
    area->priority = tpy_thread_ranks(lane->thread);
    area->flags = flags;
    area->cpu = tpy_cpu();
    area->tag = tag;
    area->send_length = (uint32_t)length;
    area->room = (uint32_t)room;
    lane->send_length = length;
    lane->room = room;
    lane->good_room.iov_len = 0;
    lane->streaming = false;
    tpy_offer_count(lane);
    if (TPY_UNLIKELY(lane->applied != 0)) tpy_lane_stream_begin(lane);
    bool slept = tpy_offer_post(lane);
    uint32_t bell = atomic_load_explicit(lane->ring, memory_order_seq_cst);
    if (TPY_UNLIKELY(bell == TPY_RING_NOW)) tpy_offer_ring(lane);
    *answered = TPY_LIKELY(tpy_offer_look(lane, slept));
    return bell;
}

/* An answer whose bytes are in the exchange, and that says nothing else. */
INLINE void taken(struct tpy_lane *lane, const struct tpy_answer_area *from)
{
    for (unsigned i = tpy_lines_ahead(lane->send_length); i > 0; i--) tpy_own(lane->shared->offer.data + (i - 1) * TPY_LINE + TPY_DATA_LATER);
    lane->server_cpu = from->cpu;
    lane->fds_announced = false;
    atomic_signal_fence(memory_order_seq_cst); /* of an offer that a signal handler makes from here on, nothing was taken */
    lane->offer = NULL;
}

/* The port was gone before the call, though the news of it had not come yet: EBADF. */
static int gone_before(struct tpy_lane *lane, const struct tpy_offer *offer, uint32_t bell, int result)
{
    return bell == TPY_RING_GONE && result == -ESRCH && tpy_strike_stage(lane, offer) == TPY_REACHED_NOTHING ? -EBADF : result;
}

INLINE void describe_brief(struct tpy_offer *offer, const struct iovec *reply, const struct tpy_connection *connection, const struct tpy_brief *brief)
{
    describe(offer, reply, brief->flags, TPY_STRIKE_BOTH, connection->port_flags & brief->lingers ? TPY_STRIKE_REPLY : 0);
    offer->struck = brief->struck;
}

int tpy_offer_brief(struct tpy_connection *connection, struct tpy_brief *brief)
{
    int result;
    brief->status = 0;
    brief->length = 0;
    brief->mark = 0;
    brief->held = 0;
    brief->struck = 0;
    struct tpy_lane *lane = ready_lane(connection, brief->flags, &result);
    if (TPY_UNLIKELY(!lane)) return result;
    if (TPY_UNLIKELY(brief->room > 4096 - ((uintptr_t)brief->reply & 4095))) return TPY_NOT_BRIEF; /* more pages than one to be tried */
    struct tpy_offer offer; /* filled in only for those who look at it */
    const struct iovec reply = {brief->reply, brief->room};
    lane->offer = &offer;
    atomic_signal_fence(memory_order_seq_cst);
    if (TPY_UNLIKELY(tpy_iov_copy(lane->shared->offer.data, brief->send, brief->send_length) != 0 ||
            (brief->room > 0 && tpy_try_byte(brief->reply) != 0))) {
        lane->offer = NULL;
        return TPY_NOT_BRIEF;
    }
    if (TPY_UNLIKELY(lane->applied != 0)) describe_brief(&offer, &reply, connection, brief);
    bool answered;
    uint32_t bell = post(lane, brief->send_length, brief->room, brief->kind, brief->flags & TPY_OFFER_CONTINUE, brief->tag, &answered);
    result = 0;
    if (TPY_UNLIKELY(!answered)) {
        describe_brief(&offer, &reply, connection, brief);
        result = tpy_offer_await(lane, &offer);
        brief->struck = offer.struck;
    }
    if (TPY_LIKELY(result == 0)) {
        const struct tpy_answer_area *from = &lane->shared->answer;
        unsigned flags = from->flags;
        int64_t status = from->status;
        uint64_t length = from->length;
        if (TPY_LIKELY((flags & ~TPY_ANSWER_HOLD) == 0 && length <= brief->room) && TPY_LIKELY(tpy_iov_copy(brief->reply, from->data, length) == 0)) {
            brief->status = status;
            brief->length = length;
            brief->held = flags != 0;
            taken(lane, from);
            return 0;
        }
        describe_brief(&offer, &reply, connection, brief);
        result = tpy_offer_finish(lane, &offer);
        brief->status = offer.status;
        brief->length = offer.length;
        brief->held = offer.held;
    }
    result = gone_before(lane, &offer, bell, result);
    if (TPY_UNLIKELY(result != 0) && (brief->flags & TPY_OFFER_ACCOUNTED)) brief->mark = tpy_strike_progress(lane);
    atomic_signal_fence(memory_order_seq_cst);
    lane->offer = NULL;
    return result;
}

INLINE void describe_two(struct tpy_offer *offer, const struct iovec *reply) { describe(offer, reply, FLAGS_OF_TWO, TPY_STRIKE_SEND, 0); }

int tpy_offer_two(struct tpy_connection *connection, uint64_t word0, uint64_t word1, uint8_t kind, uint32_t tag, struct tpy_two *answer)
{
    int result;
    answer->reached = TPY_REACHED_NOTHING;
    struct tpy_lane *lane = ready_lane(connection, FLAGS_OF_TWO, &result);
    if (TPY_UNLIKELY(!lane)) return result;
    struct tpy_offer offer; /* filled in only for those who look at it */
    const struct iovec reply = {answer->word, answer->room};
    lane->offer = &offer;
    atomic_signal_fence(memory_order_seq_cst);
    put(lane->shared->offer.data, word0, word1);
    if (TPY_UNLIKELY(lane->applied != 0)) describe_two(&offer, &reply);
    bool answered;
    uint32_t bell = post(lane, TPY_TWO, answer->room, kind, 0, tag, &answered);
    result = 0;
    if (TPY_UNLIKELY(!answered)) {
        describe_two(&offer, &reply);
        result = tpy_offer_await(lane, &offer);
    }
    if (TPY_LIKELY(result == 0)) {
        const struct tpy_answer_area *from = &lane->shared->answer;
        answer->reached = TPY_REACHED_CONFIRMED;
        answer->status = from->status;
        answer->length = from->length;
        if (TPY_LIKELY(from->flags == 0 && answer->length == answer->room)) {
            get(answer->word, from->data);
            taken(lane, from);
            return 0;
        }
        describe_two(&offer, &reply);
        result = tpy_offer_finish(lane, &offer);
        answer->status = offer.status;
        answer->length = offer.length;
    } else answer->reached = offer.reached;
    result = gone_before(lane, &offer, bell, result);
    atomic_signal_fence(memory_order_seq_cst);
    lane->offer = NULL;
    return result;
}

/* The two forms of an answer: `from` of its length, or NULL and two words. flags: TPY_ANSWER_HOLD for a turn. */
INLINE int finish(struct tpy_exchange *exchange, uint32_t serial, int64_t status, uint8_t flags, uint64_t length, const void *from, uint64_t word0,
    uint64_t word1)
{
    if (TPY_LIKELY(exchange && atomic_load_explicit(&exchange->serial, memory_order_relaxed) == serial)) {
        bool wake = false;
        tpy_lock_take(&exchange->lock);
        bool ours = atomic_load_explicit(&exchange->serial, memory_order_relaxed) == serial &&
                    atomic_load_explicit(&exchange->state, memory_order_relaxed) == TPY_ACCEPTED;
        bool plain = exchange->room >= length && !(exchange->flags & TPY_OFFER_FAULT) && !exchange->pushed && !exchange->fds_given && !exchange->fds &&
                     exchange->spill_fd < 0;
        struct tpy_answer_area *answer = &exchange->shared->answer;
        if (TPY_LIKELY(ours && plain) && (!from || TPY_LIKELY(tpy_iov_copy(answer->data, from, length) == 0))) {
            if (!from && length > 0) put(answer->data, word0, word1);
            answer->flags = flags;
            answer->cpu = tpy_cpu();
            answer->status = status;
            answer->length = length;
            if (TPY_LIKELY(tpy_exchange_publish(exchange, &wake) == 0)) {
                exchange->unblock_requested = false;
                atomic_store_explicit(&exchange->state, flags ? TPY_HELD : TPY_IDLE, memory_order_release);
                tpy_lock_give(&exchange->lock);
                if (TPY_UNLIKELY(wake)) tpy_exchange_wake(exchange);
                return 0;
            }
        }
        tpy_lock_give(&exchange->lock);
    }
    /* Not so, or not in time: the general form finds that too, and says what it is. */
    const uint64_t word[2] = {word0, word1};
    const struct iovec part = {(void *)(uintptr_t)(from ? from : word), length};
    return flags ? tpy_turn(exchange, serial, status, &part, length > 0) : tpy_finish(exchange, serial, status, &part, length > 0);
}

int tpy_finish_brief(struct tpy_exchange *exchange, uint32_t serial, int64_t status, const void *from, uint64_t length)
{
    return finish(exchange, serial, status, 0, length, length > 0 ? from : &length, 0, 0);
}

int tpy_turn_brief(struct tpy_exchange *exchange, uint32_t serial, int64_t status, const void *from, uint64_t length)
{
    return finish(exchange, serial, status, TPY_ANSWER_HOLD, length, length > 0 ? from : &length, 0, 0);
}

int tpy_finish_two(struct tpy_exchange *exchange, uint32_t serial, int64_t status, uint64_t word0, uint64_t word1)
{
    return finish(exchange, serial, status, 0, TPY_TWO, NULL, word0, word1);
}

int tpy_finish_none(struct tpy_exchange *exchange, uint32_t serial, int64_t status) { return finish(exchange, serial, status, 0, 0, NULL, 0, 0); }
