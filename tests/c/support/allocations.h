/* allocations: counts what is allocated on the C heap, by wrapping the C library's functions in the test program. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether they are counted: not under a sanitizer, which has functions of its own. */
bool allocations_counted(void);
uint64_t allocations_of_thread(void); /* malloc, calloc and realloc by the calling thread so far */
uint64_t allocations_of_all(void);    /* by all threads of the process */

#endif
