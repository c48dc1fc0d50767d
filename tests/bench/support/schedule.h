/*
 * How long and how often each kind of case is measured, in the quick mode and in the full one. Only numbers and order; who
 * takes the slices is bench.c.
 */
#ifndef TPY_BENCH_SCHEDULE_H
#define TPY_BENCH_SCHEDULE_H

#include "session.h"
#include "slots.h"

struct schedule {
    bool full;
    int rounds, many_rounds;
    uint64_t slice, many_slice, paced_slice; /* one slice of each kind of group */
    int launches, turns; /* of datagrams: launches, and turns of each contender in each of them, after its slices */
    int gate_launches, gate_java_launches;      /* of the gates: in C, and in Java only the first of them */
    int gate_rounds, gate_turns;                /* of slices in the first launch, and of turns in each */
    uint64_t turn;
    uint64_t warm_first_c, warm_first_java, warm_c, warm_java;
    uint64_t idle;
    unsigned limit; /* seconds, for the whole run */
};

extern const struct schedule schedule_quick, schedule_full;

/* So many times the group's processes are started anew, because where a process happens to lie in memory makes a difference too. */
int schedule_launches(const struct schedule *schedule, const struct group *group);
/* Whether one in Java, which starts slowly, takes part in this launch. */
bool schedule_takes_java(const struct schedule *schedule, const struct group *group, int launch);
/* Rounds of slices, and turns of each contender after them, in one launch. Launches are counted from 0; there may be none of either. */
int schedule_rounds(const struct schedule *schedule, const struct group *group, size_t size, int launch);
struct turns_plan schedule_turns(const struct schedule *schedule, const struct group *group, size_t size);
/* How long a contender in Java calls at first, so that what it runs is compiled. */
uint64_t schedule_warm_java(const struct schedule *schedule, const struct group *group);
struct slice_plan schedule_slice(const struct schedule *schedule, const struct group *group, size_t size);

#endif
