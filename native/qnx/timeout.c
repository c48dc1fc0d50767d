/*
 * timeout: TimerTimeout: the timeout of the calling thread's next blocking call. It lives in the thread's own record.
 */
#include <sys/neutrino.h>

#include "core/fault.h"
#include "qnx/local.h"
#include "qnx/result.h"

#define STATES (_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_RECEIVE | _NTO_TIMEOUT_REPLY)
#define SECOND 1000000000ull

/* now + nanoseconds, or TPY_NEVER where that is beyond reach. */
static int64_t later(int64_t now, uint64_t nanoseconds)
{
    return nanoseconds >= (uint64_t)(TPY_NEVER - now) ? TPY_NEVER : now + (int64_t)nanoseconds;
}

/* Absolute CLOCK_MONOTONIC from a time of clock id. */
static int64_t deadline_of(clockid_t id, int flags, uint64_t time)
{
    int64_t now = tpy_now();
    if (!(flags & TIMER_ABSTIME)) return later(now, time);
    if (id == CLOCK_MONOTONIC) return time >= (uint64_t)TPY_NEVER ? TPY_NEVER : (int64_t)time;
    struct timespec wall;
    clock_gettime(id, &wall);
    uint64_t at = (uint64_t)wall.tv_sec * SECOND + (uint64_t)wall.tv_nsec;
    return time <= at ? 0 : later(now, time - at);
}

int TimerTimeout_r(clockid_t id, int flags, const struct sigevent *event, const uint64_t *time, uint64_t *before)
{
    struct sigevent copy = {.sigev_notify = SIGEV_UNBLOCK};
    uint64_t after = 0;
    if (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC) return -EINVAL;
    if (flags & ~(((1 << 30) - 1) | TIMER_ABSTIME)) return -EINVAL;
    if (event && tpy_copy(&copy, event, sizeof copy)) return -EFAULT;
    int type = copy.sigev_notify & SIGEV_TYPE_MASK;
    if (type != SIGEV_UNBLOCK && type != SIGEV_NONE) return -EINVAL;
    if (time && tpy_copy(&after, time, sizeof after)) return -EFAULT;
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (!local) return -EAGAIN;

    if (before) {
        uint64_t left = 0;
        int64_t now = tpy_now();
        if (local->armed && local->deadline > now) left = (uint64_t)(local->deadline - now);
        if (tpy_copy(before, &left, sizeof left)) return -EFAULT;
    }
    local->armed = type == SIGEV_NONE ? 0 : flags & STATES;
    local->deadline = time ? deadline_of(id, flags, after) : 0;
    return 0;
}

int TimerTimeout(clockid_t id, int flags, const struct sigevent *event, const uint64_t *time, uint64_t *before)
{
    return (int)tpy_qnx_result(TimerTimeout_r(id, flags, event, time, before));
}

int timer_timeout_r(clockid_t id, int flags, const struct sigevent *event, const struct timespec *time,
    struct timespec *before)
{
    struct timespec given;
    uint64_t nanoseconds = 0, left = 0;
    if (time) {
        if (tpy_copy(&given, time, sizeof given)) return -EFAULT;
        if (given.tv_sec < 0 || given.tv_nsec < 0 || given.tv_nsec >= (long)SECOND) return -EINVAL;
        if (__builtin_mul_overflow((uint64_t)given.tv_sec, SECOND, &nanoseconds)) nanoseconds = UINT64_MAX;
        else if (__builtin_add_overflow(nanoseconds, (uint64_t)given.tv_nsec, &nanoseconds)) nanoseconds = UINT64_MAX;
    }
    int result = TimerTimeout_r(id, flags, event, time ? &nanoseconds : NULL, before ? &left : NULL);
    if (result == 0 && before) {
        given = (struct timespec){(time_t)(left / SECOND), (long)(left % SECOND)};
        if (tpy_copy(before, &given, sizeof given)) return -EFAULT;
    }
    return result;
}

int timer_timeout(clockid_t id, int flags, const struct sigevent *event, const struct timespec *time,
    struct timespec *before)
{
    return (int)tpy_qnx_result(timer_timeout_r(id, flags, event, time, before));
}
