/*
 * withheld: memory whose last page a pager of the test's own keeps from everybody, the kernel included, until it is told otherwise.
 */
#ifndef WITHHELD_H
#define WITHHELD_H

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

/* More than the rings take ahead, so that the last page is not touched before the transfer is well under way. */
#define WITHHELD_SIZE ((size_t)4 << 20)

struct withheld {
    char *memory;
    int fd;
    pthread_t pager;
    _Atomic unsigned *faulted, *provide;
};

/* Skips the case where such a thing is not allowed. */
void withheld_check(void);
/* Filled by `fill` but for the last page, which is so once it is provided. The pager counts `faulted` up when somebody has touched that page, and
 * provides it when `provide` is at least 1 (withheld_count, or the like of a gate's tests). */
struct withheld *withheld_memory(void (*fill)(void *memory, size_t size, unsigned seed), unsigned seed, _Atomic unsigned *faulted, _Atomic unsigned *provide);
/* Adds 1 to a word that processes may share, and wakes who waits for it; waits until it is not 0. */
void withheld_count(_Atomic unsigned *word);
void withheld_await(_Atomic unsigned *word);
void withheld_end(struct withheld *withheld);

#endif
