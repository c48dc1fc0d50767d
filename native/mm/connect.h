/* connect: see connect.c. */
#ifndef TPY_MM_CONNECT_H
#define TPY_MM_CONNECT_H

#include <stdint.h>

/* The deadline is absolute CLOCK_MONOTONIC ns; TPY_NEVER waits without end. A descriptor of the caller's, or -errno. */
int tpy_mm_find(const char *name, int64_t deadline);

#endif
