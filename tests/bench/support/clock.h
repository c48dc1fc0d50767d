/* The benchmark's one clock: CLOCK_MONOTONIC in nanoseconds, the same count that Java's System.nanoTime() reads. */
#ifndef TPY_BENCH_CLOCK_H
#define TPY_BENCH_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

#define MILLISECOND UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static inline uint64_t clock_of(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t))
        return 0;
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_now(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

static inline void clock_sleep_until(uint64_t when)
{
    struct timespec t = {.tv_sec = (time_t)(when / SECOND), .tv_nsec = (long)(when % SECOND)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

#endif
