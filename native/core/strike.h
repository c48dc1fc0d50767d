/*
 * strike: how a client's offer ends before its answer: by a deadline, a signal, a cancel or a close. The lane's half of docs/exchange.md that
 * is not on the fast path.
 */
#ifndef TPY_CORE_STRIKE_H
#define TPY_CORE_STRIKE_H

#include "core/lane.h"

/* What a waiting offer may be struck by; the thread's own. */
struct tpy_strike_wait {
    int64_t deadline;
    bool lingering;
    bool replying; /* confirmed: the deadline is that of reply_within */
};

static inline bool tpy_lane_is_done(const struct tpy_lane *lane, uint32_t answer)
{
    return tpy_answer_sequence(answer) == lane->sequence && (answer & TPY_ANSWER_DONE);
}

/* A sequence that is no offer (a hang-up): nobody can accept what stands in the exchange as that. Before its post. */
void tpy_strike_void(struct tpy_lane *lane);
/* Gives the offer up whatever its state. False: the answer came first. */
bool tpy_strike_cancel(struct tpy_lane *lane);
/* Gives it up only if it has not been accepted. 1 given up, 0 accepted, -1 the answer came first. */
int tpy_strike_withdraw(struct tpy_lane *lane);
/* How far the offer has come: TPY_REACHED_... */
uint32_t tpy_strike_stage(const struct tpy_lane *lane, const struct tpy_offer *offer);
/* The server's last commit of an accounted offer. */
uint64_t tpy_strike_progress(const struct tpy_lane *lane);
/* Deadline (ETIMEDOUT), signal (EINTR) or cancel (ECANCELED). True: the offer is over, *result says how; false: go on waiting, or look: it may be
 * answered. */
bool tpy_strike(struct tpy_lane *lane, struct tpy_offer *offer, struct tpy_strike_wait *wait, int reason, int *result);

#endif
