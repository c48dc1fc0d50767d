/*
 * observe: looks at threads, processes and descriptors from the outside, so that a test waits for what it means ("the
 * thread sleeps in accept now") and not for a time. No state of its own.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include <stdint.h>
#include <sys/types.h>

/* Waits until it sleeps in the system call of this number (SYS_accept4, ...). The thread may be any process's. */
void observe_asleep_in(pid_t thread, long system_call);
void observe_asleep_in_either(pid_t thread, long one, long other);

/* How many descriptors this process has open. */
int observe_descriptors(void);
/* The number the next new descriptor will get. */
int observe_lowest_free(void);

/* How often the thread has gone to sleep so far. */
long observe_sleeps(pid_t thread);

/* CLOCK_MONOTONIC and the calling thread's CPU time, in nanoseconds. */
int64_t observe_now(void);
int64_t observe_cpu_time(void);

#endif
