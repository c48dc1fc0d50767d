/* The speeds Tetrapylon promises itself, as ratios within one run, each with what was measured. */
#ifndef TPY_BENCH_TARGETS_H
#define TPY_BENCH_TARGETS_H

#include <stdbool.h>

#define TARGETS_MOST 128

struct target {
    char what[96];
    double measured; /* negative: not measured in this run */
    double bound;
    double aim; /* negative: none beyond the bound */
    bool at_least;
    bool met, aimed;
    double low, high; /* an interval that holds the true value 19 times in 20; negative where there is none */
    bool control;     /* the same against itself: tells the noise, and is no target; `bound` is that of whom it controls */
    const char *unit;
};

/* Fills the table; returns how many there are. */
int targets_judge(struct target targets[TARGETS_MOST]);

#endif
