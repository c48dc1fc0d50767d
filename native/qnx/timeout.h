/* timeout: the timeout that comes with a call (tetrapylon_binding.h), armed for the call that follows. */
#ifndef TPY_QNX_TIMEOUT_H
#define TPY_QNX_TIMEOUT_H

#include <stdint.h>
#include <sys/neutrino.h>

#include "core/system.h"

/* nanoseconds: from now; negative: none. 0 or a negative errno. */
static inline int tpy_qnx_timeout_arm(int states, int64_t nanoseconds)
{
    if (TPY_LIKELY(nanoseconds < 0)) return 0;
    uint64_t time = (uint64_t)nanoseconds;
    return TimerTimeout_r(CLOCK_MONOTONIC, states, NULL, &time, NULL);
}

#endif
