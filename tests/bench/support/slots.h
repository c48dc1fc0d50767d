/*
 * The finest comparison there is here: contenders that differ by a few percent take turns of a millisecond on one time
 * line that all of them know beforehand, without a pause between one's turn and the next one's. So what the machine does at
 * that moment, above all how deep its idle CPUs sleep, is the same for all, and there are hundreds of turns to take the median of.
 */
#ifndef TPY_BENCH_SLOTS_H
#define TPY_BENCH_SLOTS_H

#include "results.h"
#include "session.h"

/* Each session has one client. Takes `rounds` turns each, of `period` nanoseconds, in an order drawn anew for each round; adds
 * the mean times per call to `into[i]`. A session that fails is ended, and adds nothing; returns how many failed. */
int slots_run(struct session *sessions[], struct result *into[], int count, size_t size, uint64_t period, int rounds);

#endif
