/*
 * local: what the QNX gate keeps for each thread: the timeout that is armed, whether pthread_cancel may end its call,
 * whether it runs under a real-time policy and for which channel. A thread's record is in its own thread-local memory
 * and in one list, so that other threads of the process find it (cancel, boost, signals to a thread).
 *
 * Owner: the thread. Fields marked "any" are read by others under tpy_qnx_locals_lock.
 */
#ifndef TPY_QNX_LOCAL_H
#define TPY_QNX_LOCAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/system.h"
#include "core/thread.h"

struct tpy_qnx_channel;

struct tpy_qnx_local {
    bool known;                      /* in the list */
    bool bound;                      /* a binding of another language knows this thread (tpy_msg_bind) */
    bool realtime;                   /* SCHED_FIFO or SCHED_RR when it was first seen, and allowed to change */
    int armed;                       /* states of TimerTimeout, 0: none */
    int64_t deadline;                /* of TimerTimeout */
    int64_t status;                  /* a negative one, see tpy_msg_status */
    _Atomic int cancellable;         /* any: in a call that is a cancellation point */
    _Atomic int cancel_requested;    /* any: pthread_cancel was called for it */
    struct tpy_thread *thread;       /* any */
    pthread_t self;                  /* any */
    pid_t kernel_tid;                /* any */
    int priority;                    /* any: what it runs at, real-time threads only */
    struct tpy_qnx_channel *serving; /* any: the channel it last received from */
    struct tpy_qnx_local *next;
};

extern __thread struct tpy_qnx_local tpy_qnx_local __attribute__((tls_model("initial-exec"), visibility("hidden")));
struct tpy_qnx_local *tpy_qnx_local_begin(void);

/* The calling thread's record, or NULL when the core has no number left for it. */
static inline struct tpy_qnx_local *tpy_qnx_local_get(void)
{
    return TPY_LIKELY(tpy_qnx_local.known) ? &tpy_qnx_local : tpy_qnx_local_begin();
}

/* Looks at the calling thread's scheduling policy. */
void tpy_qnx_local_policy(struct tpy_qnx_local *local);

/*
 * Makes the gate ready (handlers for fork, thread exit and delivered events). Called first by everything that sets
 * something up.
 */
void tpy_qnx_begin(void);

/*
 * In a block: pthread_cancel waits until the block is left. What the C library counts as a cancellation point (open,
 * close, send) is none of QNX's, and would leave things half done.
 */
#define TPY_QNX_SHIELDED int shield __attribute__((cleanup(tpy_qnx_unshield))) = tpy_qnx_shield()
static inline int tpy_qnx_shield(void)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}
static inline void tpy_qnx_unshield(const int *before)
{
    int ignored;
    pthread_setcancelstate(*before, &ignored);
}

void tpy_qnx_names_forget(void); /* name.c, in a child after fork */

void tpy_qnx_locals_lock(void);
void tpy_qnx_locals_unlock(void);
/* First of the list; with the lock. */
struct tpy_qnx_local *tpy_qnx_locals(void);

/*
 * Round a blocking call that is a cancellation point. Other threads use membarrier, so that plain stores suffice here
 * (cancel.c).
 */
void tpy_qnx_cancel_settle(struct tpy_qnx_local *local);
static inline int tpy_qnx_cancel_enter(struct tpy_qnx_local *local)
{
    int before = atomic_load_explicit(&local->cancellable, memory_order_relaxed); /* of the call that a signal handler interrupted */
    atomic_store_explicit(&local->cancellable, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    pthread_testcancel();
    return before;
}
static inline void tpy_qnx_cancel_leave(struct tpy_qnx_local *local, int before)
{
    atomic_store_explicit(&local->cancellable, before, memory_order_relaxed);
}

#endif
