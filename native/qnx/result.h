/* result: the two ways in which QNX's functions tell errors. */
#ifndef TPY_QNX_RESULT_H
#define TPY_QNX_RESULT_H

#include <errno.h>

#include "core/system.h"

/* -1 and errno for a negative errno; anything else as it is. */
static inline long tpy_qnx_result(long result)
{
    if (TPY_LIKELY(result >= 0)) return result;
    errno = (int)-result;
    return -1;
}

#endif
