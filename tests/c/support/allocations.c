/* allocations: see allocations.h. */
#include "allocations.h"

#include <stdatomic.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

bool allocations_counted(void) { return false; }
uint64_t allocations_of_thread(void) { return 0; }
uint64_t allocations_of_all(void) { return 0; }

#else

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static _Thread_local uint64_t own;
static _Atomic uint64_t all;

static void count(void)
{
    own++;
    atomic_fetch_add_explicit(&all, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    count();
    return __libc_realloc(memory, size);
}

bool allocations_counted(void) { return true; }
uint64_t allocations_of_thread(void) { return own; }
uint64_t allocations_of_all(void) { return atomic_load(&all); }

#endif
