/* times: the classic timeout word as nanoseconds. */
#ifndef TPY_L4_TIMES_H
#define TPY_L4_TIMES_H

#include <stdint.h>

#include "core/thread.h"

/* A length in ns: man * 4^(15 - exp) us; TPY_NEVER, or 0 for at once. */
static inline int64_t tpy_l4_time(unsigned man, unsigned exp)
{
    if (exp == 0) return TPY_NEVER;
    return (int64_t)man * ((int64_t)1 << (2 * (15 - exp))) * 1000;
}
static inline int64_t tpy_l4_send_time(uint32_t timeout) { return tpy_l4_time((timeout >> 16) & 255, (timeout >> 4) & 15); }
static inline int64_t tpy_l4_receive_time(uint32_t timeout) { return tpy_l4_time(timeout >> 24, timeout & 15); }
static inline int64_t tpy_l4_fault_time(unsigned p)
{
    return p == 15 ? 0 : tpy_l4_time(1, p);
}
/* The absolute deadline of a length that begins now. */
static inline int64_t tpy_l4_deadline(int64_t time) { return time == TPY_NEVER ? TPY_NEVER : time == 0 ? 0 : tpy_now() + time; }

#endif
