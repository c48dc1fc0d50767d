/*
 * Memory that one server and its clients map together, for the contenders that need no kernel object besides it. The
 * server makes the file, the clients open it by its path; both touch every page before the first call.
 */
#ifndef TPY_BENCH_SHARED_REGION_H
#define TPY_BENCH_SHARED_REGION_H

#include <stddef.h>

/* Both give the mapping, or NULL with errno set. It lives as long as the process. */
void *shared_region_create(const char *path, size_t size);
void *shared_region_open(const char *path, size_t size);

#if defined(__x86_64__)
#define spin_pause() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define spin_pause() __asm__ volatile("yield")
#else
#define spin_pause() __asm__ volatile("" ::: "memory")
#endif

#endif
