/*
 * thread: what the core knows of a thread that calls in: its number in the process, the priority its messages carry, its private wake
 * word. Records are made at a thread's first call, recycled after its exit, never freed. A child after fork starts anew.
 */
#ifndef TPY_CORE_THREAD_H
#define TPY_CORE_THREAD_H

#include <stdint.h>
#include <sys/types.h>

struct tpy_thread;

#define TPY_NEVER INT64_MAX
#define TPY_THREADS_MAX 4096u

/* The calling thread's record, or NULL when there is no memory or no number left (4096 threads). */
struct tpy_thread *tpy_thread_self(void);
uint32_t tpy_thread_number(const struct tpy_thread *thread); /* from 1; recycled after exit */
struct tpy_thread *tpy_thread_by_number(uint32_t number);    /* NULL: no such living thread */
/* 0 to 255: SCHED_FIFO and SCHED_RR count 1:1, SCHED_OTHER as 10, or what tpy_thread_set_priority said. Cached: see tpy_thread_refresh. */
uint8_t tpy_thread_priority(struct tpy_thread *thread);
void tpy_thread_set_priority(struct tpy_thread *thread, int priority); /* -1: by scheduling policy again */
void tpy_thread_refresh(struct tpy_thread *thread);                    /* looks at the policy again */
/* Ends the thread's blocking call, or the next one, with -ECANCELED. Any thread may call. */
void tpy_thread_cancel(struct tpy_thread *thread);
/* Takes back a cancel that no call has consumed; 1 if there was one. By the thread itself. */
int tpy_thread_uncancel(struct tpy_thread *thread);
/* Calls hook(1) before each sleep of the thread and hook(0) after it; NULL: no more. By the thread itself. */
void tpy_thread_set_on_sleep(struct tpy_thread *thread, void (*hook)(int));
/* Runs at the exit of each thread that has a record (faces keep per-thread state). At most 8 handlers. */
void tpy_thread_at_exit(void (*handler)(struct tpy_thread *));

/* Absolute CLOCK_MONOTONIC ns. */
int64_t tpy_now(void);

#endif
