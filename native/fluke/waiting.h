/* waiting: how a server thread says where it waits, and what it takes there. */
#ifndef TPY_FLUKE_WAITING_H
#define TPY_FLUKE_WAITING_H

#include "fluke/message.h"
#include "fluke/port.h"
#include "fluke/thread.h"

static inline struct tpy_filter tpy_fluke_filter(struct tpy_fluke_pset *pset)
{
    return (struct tpy_filter){.admit = tpy_fluke_admit, .argument = pset, .mark_unit = 4, .mark = TPY_FLUKE_BEGUN};
}

static inline void *tpy_fluke_alias(const struct tpy_receipt *receipt)
{
    return atomic_load_explicit(&((struct tpy_fluke_port *)receipt->client)->alias, memory_order_relaxed);
}

/* Where the thread waits, from when it says that it does: the destruction of that port set is either seen here or sees us (tpy_fluke_threads_leave has
 * the fence for both). NULL: nowhere any more. */
static inline struct tpy_fluke_pset *tpy_fluke_begin_waiting(struct fluke_thread *thread)
{
    atomic_store_explicit(&thread->waiting, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    struct tpy_fluke_pset *pset = atomic_load_explicit(&thread->pset, memory_order_acquire);
    return TPY_LIKELY(pset != NULL && atomic_load_explicit(&pset->alive, memory_order_acquire)) ? pset : NULL;
}

#endif
