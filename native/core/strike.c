/* strike: see strike.h. The word that decides is the answer word; the tables are in docs/exchange.md. */
#include "core/strike.h"

#include <errno.h>

#define STORES_ARRIVE 1000000 /* ns: a store waits for one line to come, well below a microsecond */

/* The answer word to n|bits unless the server answers first (false). *replaced: what stood there. */
static bool mark(struct tpy_lane *lane, uint32_t bits, uint32_t *replaced)
{
    _Atomic uint32_t *word = &lane->shared->answer.answer;
    uint32_t now = atomic_load(word);
    for (int i = 0; i < 1000; i++) { /* a server that changes the word without end ends up as one that did not answer */
        if (tpy_lane_is_done(lane, now)) return false;
        if (atomic_compare_exchange_weak(word, &now, lane->sequence << TPY_ANSWER_SHIFT | bits)) break;
    }
    *replaced = now & ~(TPY_ANSWER_SLEEP | TPY_ANSWER_HELP);
    return true;
}

/* No commit counts from here on. */
static void close_progress(struct tpy_lane *lane)
{
    _Atomic uint64_t *word = &lane->shared->server.progress;
    uint64_t now = atomic_load(word);
    for (int i = 0; i < 1000; i++) {
        bool begun = now >> TPY_PROGRESS_SHIFT == lane->sequence;
        uint64_t closed = (begun ? now : (uint64_t)lane->sequence << TPY_PROGRESS_SHIFT) | TPY_PROGRESS_CLOSED;
        if (atomic_compare_exchange_weak(word, &now, closed)) break;
    }
}

uint64_t tpy_strike_progress(const struct tpy_lane *lane)
{
    uint64_t word = atomic_load_explicit(&lane->shared->server.progress, memory_order_acquire);
    return word >> TPY_PROGRESS_SHIFT == lane->sequence ? word & TPY_PROGRESS_MARK : 0;
}

static bool cancel(struct tpy_lane *lane, uint32_t *replaced)
{
    if (TPY_UNLIKELY(lane->offer->flags & (TPY_OFFER_ACCOUNTED | TPY_OFFER_CONFIRMED))) close_progress(lane);
    return mark(lane, TPY_ANSWER_CANCEL, replaced);
}

bool tpy_strike_cancel(struct tpy_lane *lane)
{
    uint32_t replaced;
    return cancel(lane, &replaced);
}

void tpy_strike_void(struct tpy_lane *lane)
{
    uint32_t replaced;
    close_progress(lane);
    mark(lane, TPY_ANSWER_CANCEL, &replaced);
}

/* The server stores what it accepts without a fence of its own. A kernel that made one when the lane was bound and now does not (a filter for system
 * calls was put up since) leaves us to wait until no store can still be on its way. */
static void fence_server(const struct tpy_lane *lane)
{
    if (!lane->fences || tpy_fence_peers()) return;
    for (int64_t until = tpy_now() + STORES_ARRIVE; tpy_now() < until;) tpy_relax();
}

static int withdraw(struct tpy_lane *lane, uint32_t *before)
{
    struct tpy_shared *shared = lane->shared;
    uint32_t replaced, asking = lane->sequence << TPY_ANSWER_SHIFT | TPY_ANSWER_CONFIRMED, now = asking;
    if (atomic_load(&shared->server.accepted) == lane->sequence) return tpy_lane_is_done(lane, atomic_load(&shared->answer.answer)) ? -1 : 0;
    if (!mark(lane, TPY_ANSWER_CONFIRMED, &replaced)) return -1;
    *before = replaced;
    fence_server(lane);
    if (atomic_load_explicit(&shared->server.accepted, memory_order_seq_cst) != lane->sequence) {
        atomic_compare_exchange_strong(&shared->answer.answer, &now, lane->sequence << TPY_ANSWER_SHIFT | TPY_ANSWER_CANCEL);
        return 1;
    }
    /* Both saw each other: whoever changes the word now decides. */
    if (atomic_compare_exchange_strong(&shared->answer.answer, &now, replaced)) return 0;
    return now & TPY_ANSWER_CANCEL ? 1 : -1;
}

/* Gives it up only if it has not been accepted. 1 given up, 0 accepted, -1 the answer came first. */
int tpy_strike_withdraw(struct tpy_lane *lane)
{
    uint32_t replaced;
    return withdraw(lane, &replaced);
}

/* What a strike comes to. The word it replaced may have said that nobody holds the exchange any more: nobody would say so again. */
static int outcome(const struct tpy_offer *offer, int reason, uint32_t replaced)
{
    bool released = (replaced & TPY_ANSWER_RELEASED) == TPY_ANSWER_RELEASED;
    return released && (offer->flags & TPY_OFFER_CONTINUE) ? -ESRCH : -reason;
}

/* How far the offer has come. */
uint32_t tpy_strike_stage(const struct tpy_lane *lane, const struct tpy_offer *offer)
{
    const struct tpy_server_line *server = &lane->shared->server;
    if (atomic_load_explicit(&server->accepted, memory_order_seq_cst) != lane->sequence) return TPY_REACHED_NOTHING;
    bool confirmed = !(offer->flags & TPY_OFFER_CONFIRMED) || tpy_strike_progress(lane) != 0;
    return confirmed ? TPY_REACHED_CONFIRMED : TPY_REACHED_ACCEPTED;
}

/* Deadline, signal or cancel. True: the offer is over, *result says how; false: go on waiting (or look: it may be answered). */
bool tpy_strike(struct tpy_lane *lane, struct tpy_offer *offer, struct tpy_strike_wait *wait, int reason, int *result)
{
    unsigned states = reason != ETIMEDOUT ? TPY_STRIKE_BOTH : wait->replying ? TPY_STRIKE_REPLY : offer->strike;
    unsigned ends = states & ~offer->linger & TPY_STRIKE_BOTH;
    uint32_t replaced = 0;
    if (ends == TPY_STRIKE_BOTH && !(offer->flags & TPY_OFFER_STAGED)) {
        if (!cancel(lane, &replaced)) return false;
        *result = outcome(offer, reason, replaced);
        return true;
    }
    int given_up = 0;
    if (ends & TPY_STRIKE_SEND) given_up = withdraw(lane, &replaced);
    else if (atomic_load(&lane->shared->server.accepted) != lane->sequence) {
        /* Not accepted, and this state is not struck. A deadline strikes once it is: the server then tells us (TPY_OFFER_NOTIFY). */
        if (reason == ETIMEDOUT) wait->deadline = TPY_NEVER;
        return false;
    }
    if (given_up == 1) {
        *result = outcome(offer, reason, replaced);
        return true;
    }
    if (given_up < 0) return false;
    if (ends & TPY_STRIKE_REPLY) {
        if (!tpy_strike_cancel(lane)) return false;
        offer->reached = tpy_strike_stage(lane, offer); /* after it: no confirmation counts from there on */
        *result = -reason;
        return true;
    }
    if (states & offer->linger & TPY_STRIKE_REPLY && !wait->lingering) {
        struct tpy_say say = {.type = TPY_SAY_UNBLOCK, .version = TPY_WIRE_VERSION, .exchange = lane->exchange, .sequence = lane->sequence};
        offer->struck = reason;
        wait->lingering = true;
        tpy_link_say(lane->link, &say, NULL, 0);
    }
    if (reason == ETIMEDOUT) wait->deadline = TPY_NEVER;
    return false;
}
