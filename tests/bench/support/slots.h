/*
 * The finest comparison there is here: contenders that differ by a few percent take turns of a millisecond on one time
 * line that all of them know beforehand, without a pause between one's turn and the next one's; who is not in turn sleeps, client and
 * server. So what the machine does at that moment, above all how deep its idle CPUs sleep, is the same for all, and there are hundreds
 * of turns to take the median of.
 */
#ifndef TPY_BENCH_SLOTS_H
#define TPY_BENCH_SLOTS_H

#include "results.h"
#include "session.h"

/* How turns are spent; times in nanoseconds. */
struct turns_plan {
    size_t size;
    uint64_t period;
    uint64_t warm;  /* untimed calls at the beginning of each turn */
    uint64_t batch; /* a turn tells the median of batches of about this long; 0: the mean */
    int rounds;     /* turns of each contender */
    int unheeded;   /* so many more, before the others, of which nothing is told */
};

/* Each session has one client. Takes turns in an order drawn anew for each round; adds the times per call to `into[i]`, and the CPU time
 * both sides used. A session that fails is ended, and adds nothing; returns how many failed. */
int slots_run(struct session *sessions[], struct result *into[], int count, const struct turns_plan *plan);

#endif
