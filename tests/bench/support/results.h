/*
 * What was measured so far: for each case (a group at one size) and each entry the sum of all slices, and from each
 * slice the few numbers that ratios are made of. Ratios are taken slice beside slice and then their median, so that a
 * machine that changes during the run changes both sides of each ratio. One table, owned here.
 */
#ifndef TPY_BENCH_RESULTS_H
#define TPY_BENCH_RESULTS_H

#include "histogram.h"
#include "plan.h"
#include "session.h"

#define RESULTS_ROUNDS 32
#define RESULTS_SLOTS 4096
/* What was not measured. It is never 0: a 0 would make any "at most" come true. */
#define RESULTS_NONE (-1.0)

struct round {
    double batch; /* median of batches, nanoseconds per call; of single calls where there are no batches */
    double single, rate, fairness, longest;
    double heap; /* bytes per call */
    bool disturbed; /* spinners that had no CPU of their own: no measure for anything else */
    double probe; /* cache line there and back just before and after, nanoseconds */
};

struct result {
    bool present;
    char failure[256];
    int rounds;
    struct round round[RESULTS_ROUNDS];
    struct histogram batches, singles; /* as in struct slice */
    uint64_t calls, client_cpu, server_cpu, longest, checked, wrong;
    uint64_t allocated;
    int slots, slots_runs; /* so many turns, in so many launches */
    int slots_all;         /* with those of which nothing is told */
    double slot[RESULTS_SLOTS]; /* time per call in each turn of slots.h, nanoseconds */
    uint64_t slots_cpu;         /* of both sides, from the first turn of all to the last */
};

struct idle {
    bool present;
    int group; /* of which group's processes */
    double server, client; /* CPU, microseconds per second */
};

enum field {
    FIELD_BATCH,
    FIELD_SINGLE,
    FIELD_RATE,
    FIELD_FAIRNESS,
    FIELD_LONGEST,
    FIELD_HEAP,
    FIELD_PROBE,
    FIELD_AGAINST_PROBE,
};

/* Made on first use; NULL only when there is no memory. */
struct result *results_of(int group, int size, int entry);
/* The same without making it; NULL where nothing was tried. */
const struct result *results_look(int group, int size, int entry);
/* The same if it holds at least one slice, else NULL. */
const struct result *results_find(int group, int size, int entry);
void results_add(struct result *r, const struct slice *slice, double probe, bool disturbed);
double results_slice_batch(const struct slice *slice);
double results_quantile(const struct histogram *h, double part); /* RESULTS_NONE of an empty one */

/*
 * Median over the rounds that have the field. RESULTS_NONE when fewer than half of all rounds have it, so that one lucky
 * round does not speak for a run.
 */
double results_median(const struct result *r, enum field field);
/* The same of a's field / b's field within each round; rounds in which b was disturbed do not count. */
double results_ratio(const struct result *a, const struct result *b, enum field field);
/*
 * Median of a's time / b's time over the turns of slots.h, and an interval that holds the true one 19 times in 20 if turns do not
 * depend on each other: from their order alone, whatever their distribution. RESULTS_NONE, all three, when there are too few.
 */
double results_slot_ratio(const struct result *a, const struct result *b, double *low, double *high);
double results_least(const struct result *r, enum field field);
double results_slot_cpu(const struct result *r); /* nanoseconds per turn, both processes */
double results_cpu_per_call(const struct result *r); /* nanoseconds, both processes */

struct idle *results_idle(int entry);

#endif
