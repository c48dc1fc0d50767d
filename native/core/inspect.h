/*
 * inspect: what each thread of this process waits for, written where other processes of the same user can read it without stopping us: a file
 * of fixed layout in the runtime directory, `PID.NAMESPACE.state`. Written with plain stores; a reader sees a moment, not a promise.
 *
 * A client writes that it is blocked on an exchange; whether the server has accepted it (REPLY) or not (SEND) the server's file tells.
 */
#ifndef TPY_CORE_INSPECT_H
#define TPY_CORE_INSPECT_H

#include "core/exchange_record.h"
#include "core/thread_record.h"

enum tpy_blocked { TPY_READY, TPY_BLOCKED_OFFER, TPY_BLOCKED_RECEIVE };

struct tpy_inspect_thread {
    uint32_t tid;      /* the kernel's number; 0: none */
    uint32_t state;    /* enum tpy_blocked */
    uint32_t partner;  /* OFFER: the server's process */
    uint32_t port;     /* OFFER: the server's port, RECEIVE: our own */
    uint32_t exchange; /* OFFER: the server's index */
    uint32_t sequence;
    int64_t since;     /* CLOCK_MONOTONIC ns */
};

struct tpy_inspect_accepted {
    uint32_t pid, thread, sequence, port;
};

struct tpy_inspect {
    uint32_t version, pid;
    uint32_t threads, exchanges; /* sizes of the tables below */
    struct tpy_inspect_thread thread[TPY_THREADS_MAX + 1];
    struct tpy_inspect_accepted accepted[TPY_EXCHANGES_MAX];
};

extern struct tpy_inspect *tpy_inspect_own; /* never NULL: a private dummy where no file can be made */
void tpy_inspect_begin(void);
void tpy_inspect_end(void);

void tpy_inspect_blocked_on(struct tpy_thread *thread, enum tpy_blocked state, uint32_t partner, uint32_t port, uint32_t exchange, uint32_t sequence);
static inline void tpy_inspect_blocked(struct tpy_thread *thread, enum tpy_blocked state, uint32_t partner, uint32_t port)
{
    tpy_inspect_blocked_on(thread, state, partner, port, 0, 0);
}
/* What stands there before, and comes back after: READY, or where a signal handler interrupted the thread, which the kernel sends back to sleep there. */
static inline struct tpy_inspect_thread tpy_inspect_told(const struct tpy_thread *thread) { return tpy_inspect_own->thread[thread->number]; }
static inline void tpy_inspect_ready(struct tpy_thread *thread, const struct tpy_inspect_thread *told)
{
    struct tpy_inspect_thread *own = &tpy_inspect_own->thread[thread->number];
    if (TPY_UNLIKELY(told->state != TPY_READY)) *own = *told;
    else own->state = TPY_READY;
    if (TPY_UNLIKELY(thread->on_sleep)) thread->on_sleep(0);
}
/* The thread ends: its number may be another's next. */
static inline void tpy_inspect_gone(struct tpy_thread *thread) { tpy_inspect_own->thread[thread->number].tid = 0; }
static inline void tpy_inspect_accepted(struct tpy_exchange *exchange)
{
    tpy_inspect_own->accepted[exchange->index].sequence = exchange->sequence;
}
/* Who an exchange belongs to, told once at its binding. */
void tpy_inspect_bound(struct tpy_exchange *exchange, uint32_t port);

#endif
