/*
 * thread_record: the record behind thread.h, for the core's own use. The wake word counts events: a thread reads it, looks at everything
 * it waits for, and sleeps only while the word is still the same.
 */
#ifndef TPY_CORE_THREAD_RECORD_H
#define TPY_CORE_THREAD_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/system.h"
#include "core/thread.h"
#include "core/wait.h"

struct tpy_lane;

struct tpy_thread {
    _Alignas(64) _Atomic uint32_t events; /* futex, private */
    _Atomic uint32_t cancelled;
    _Atomic uint32_t asleep;     /* 1 while it sleeps on events: wakers may skip the system call otherwise */
    uint32_t number;
    _Atomic bool alive;
    int16_t priority_set;        /* -1: by policy */
    uint8_t priority_policy;
    _Atomic bool untidy;         /* has lanes to free: tpy_lane_tidy */
    struct tpy_lane **lanes;     /* by connection index; owned by this thread */
    uint32_t lane_capacity;
    struct tpy_spin receive_spin; /* as a receiver, on whatever port */
    uint8_t client_cpu;          /* where the last client ran whose message it took with a filter */
    void (*on_sleep)(int);       /* tpy_thread_on_sleep; by the thread itself */
    _Atomic uint32_t touching;   /* odd in the middle of tpy_pages_touch (touch.c) */
    uint32_t touching_seen;      /* by the watcher, when it last looked */
    _Atomic pid_t tid;           /* once it has touched */
    struct tpy_thread *next_toucher;
};

/* Counts an event and wakes the thread if it sleeps. Any thread. */
static inline void tpy_thread_notify(struct tpy_thread *thread)
{
    atomic_fetch_add_explicit(&thread->events, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&thread->asleep, memory_order_seq_cst)) tpy_futex_wake_private(&thread->events, 1);
}
static inline uint32_t tpy_thread_events(struct tpy_thread *thread)
{
    return atomic_load_explicit(&thread->events, memory_order_acquire);
}

/* Round a sleep. A signal handler may come in its middle that sleeps in a call of its own, and the kernel goes on with ours after that: so it is put back as
 * it was. By the thread itself. */
static inline uint32_t tpy_thread_sleeps(struct tpy_thread *thread) { return atomic_exchange(&thread->asleep, 1); }
static inline void tpy_thread_slept(struct tpy_thread *thread, uint32_t before) { atomic_store(&thread->asleep, before); }

/* Sleeps on the private word alone until an event after `events`, or the deadline. By the thread itself. As tpy_futex_wait_private. */
static inline int tpy_thread_sleep(struct tpy_thread *thread, uint32_t events, int64_t deadline)
{
    uint32_t before = tpy_thread_sleeps(thread);
    int result = tpy_futex_wait_private((void *)&thread->events, events, deadline);
    tpy_thread_slept(thread, before);
    return result;
}

/* The same where no other process is to see it: the program's own hook is told (tpy_thread_on_sleep). */
static inline int tpy_thread_sleep_told(struct tpy_thread *thread, uint32_t events, int64_t deadline)
{
    if (thread->on_sleep) thread->on_sleep(1);
    int result = tpy_thread_sleep(thread, events, deadline);
    if (thread->on_sleep) thread->on_sleep(0);
    return result;
}

/* tpy_thread_priority, in line. */
static inline uint8_t tpy_thread_ranks(const struct tpy_thread *thread)
{
    return thread->priority_set >= 0 ? (uint8_t)thread->priority_set : thread->priority_policy;
}

/* Sees a cancel, and takes it: for waits other than the sleeps above. By the thread itself. */
static inline bool tpy_thread_cancelled(struct tpy_thread *thread)
{
    return TPY_UNLIKELY(atomic_load_explicit(&thread->cancelled, memory_order_relaxed)) && tpy_thread_uncancel(thread);
}

extern __thread struct tpy_thread *tpy_thread_current __attribute__((tls_model("initial-exec"), visibility("hidden")));
struct tpy_thread *tpy_thread_begin(void);
static inline struct tpy_thread *tpy_thread_get(void)
{
    struct tpy_thread *thread = tpy_thread_current;
    return TPY_LIKELY(thread != NULL) ? thread : tpy_thread_begin();
}
/* Set by the lanes' layer: gives up all lanes of a thread that exits. */
void tpy_thread_on_lanes(void (*drop)(struct tpy_thread *));

#endif
