/* See schedule.h. */
#include "schedule.h"

#include "clock.h"

#define MANY_BATCH_MOST 50
#define SHORT_BATCH 10000 /* nanoseconds */
#define UNHEEDED_TURNS 20

const struct schedule schedule_quick = {
    .rounds = 3, .slice = 30 * MILLISECOND, .paced_slice = 150 * MILLISECOND,
    .many_rounds = 1, .many_slice = 1000 * MILLISECOND,
    .launches = 1, .turns = 300, .turn = MILLISECOND, .gate_launches = 3, .gate_java_launches = 1,
    .gate_rounds = 3, .gate_turns = 200,
    .warm_first_c = 10 * MILLISECOND, .warm_first_java = 500 * MILLISECOND, .warm_c = 5 * MILLISECOND,
    .warm_java = 80 * MILLISECOND, .idle = 200 * MILLISECOND, .limit = 360,
};
const struct schedule schedule_full = {
    .full = true,
    .rounds = 10, .slice = 100 * MILLISECOND, .paced_slice = 300 * MILLISECOND,
    .many_rounds = 3, .many_slice = 1600 * MILLISECOND,
    .launches = 3, .turns = 400, .turn = MILLISECOND, .gate_launches = 8, .gate_java_launches = 3,
    .gate_rounds = 2, .gate_turns = 300,
    .warm_first_c = 50 * MILLISECOND, .warm_first_java = 1500 * MILLISECOND, .warm_c = 10 * MILLISECOND,
    .warm_java = 200 * MILLISECOND, .idle = 500 * MILLISECOND, .limit = 1500,
};

static bool is_many(const struct group *group)
{
    return group->kind & (KIND_CLIENTS | KIND_PAIRS);
}

int schedule_launches(const struct schedule *schedule, const struct group *group)
{
    if (group->kind == KIND_GATES)
        return schedule->gate_launches;
    return group->kind == KIND_DATAGRAMS ? schedule->launches : 1;
}

bool schedule_takes_java(const struct schedule *schedule, const struct group *group, int launch)
{
    return group->kind != KIND_GATES || launch < schedule->gate_java_launches;
}

/*
 * A turn's first calls wake both sides, which takes some 0.1 to 0.2 ms. What the gates are compared by is the exchange while both are
 * awake: so their timing begins later, and a turn tells the median of short batches: what the host takes away, 20 to 150 us at a time,
 * spoils only the batches it falls into.
 */
struct turns_plan schedule_turns(const struct schedule *schedule, const struct group *group, size_t size)
{
    struct turns_plan plan = {.size = size, .period = schedule->turn, .warm = schedule->turn / 10};
    if (group->kind == KIND_DATAGRAMS)
        plan.rounds = schedule->turns;
    if (group->kind == KIND_GATES && size == 8) {
        plan.warm = schedule->turn / 5;
        plan.batch = SHORT_BATCH;
        plan.rounds = schedule->gate_turns;
        plan.unheeded = UNHEEDED_TURNS;
    }
    return plan;
}

int schedule_rounds(const struct schedule *schedule, const struct group *group, size_t size, int launch)
{
    if (group->kind == KIND_GATES)
        return launch ? 0 : schedule->gate_rounds;
    if (group->kind == KIND_DATAGRAMS)
        return (schedule->rounds + schedule->launches - 1) / schedule->launches;
    if (is_many(group))
        return size == 8 ? schedule->many_rounds : 1;
    return schedule->rounds;
}

/*
 * The JVM counts calls, not time: of datagrams between two CPUs there are some twenty thousand a second. Between one gate and another
 * a tenth is at stake, and half a second (120,000 calls on one CPU) was not enough to tell: L4 then took 1.14 of QNX, later 1.02.
 */
uint64_t schedule_warm_java(const struct schedule *schedule, const struct group *group)
{
    const uint64_t enough = 1500 * MILLISECOND;
    if (group->kind == KIND_GATES)
        return 1000 * MILLISECOND;
    return group->kind == KIND_DATAGRAMS && schedule->warm_first_java < enough ? enough : schedule->warm_first_java;
}

/*
 * Where several clients compete a slice is as long as many of the scheduler's turns, or else the fairness would be that of
 * one turn; and batches are short, since one who meets its server only once a turn would spend the slice in one.
 */
struct slice_plan schedule_slice(const struct schedule *schedule, const struct group *group, size_t size)
{
    if (group->kind & (KIND_PACED | KIND_PINNED_PACED))
        return (struct slice_plan){.size = size, .single_time = schedule->paced_slice, .pace = 1000};
    if (is_many(group))
        return (struct slice_plan){.size = size,
                                   .batch_time = schedule->many_slice / 2,
                                   .single_time = schedule->many_slice / 2,
                                   .most = MANY_BATCH_MOST};
    return (struct slice_plan){
        .size = size, .batch_time = schedule->slice * 6 / 10, .single_time = schedule->slice * 4 / 10};
}
