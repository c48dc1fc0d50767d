/*
 * cancel: pthread_cancel for threads that block in message passing, which is no system call the C library would end.
 *
 * The thread says in its record that it is in such a call; the canceller says that it wants to cancel, and then one
 * of the two sees the other. tpy_fence_threads makes the thread's half of that free of fences.
 */
#include <pthread.h>

#include <sys/neutrino.h>

#include "qnx/local.h"

/* A canceller may be about to end our call: let it, and take back what came too late. */
void tpy_qnx_cancel_settle(struct tpy_qnx_local *local)
{
    tpy_qnx_locals_lock();
    tpy_qnx_locals_unlock();
    tpy_thread_uncancel(local->thread);
}

int tpy_pthread_cancel(pthread_t thread)
{
    tpy_qnx_locals_lock();
    int result = (pthread_cancel)(thread);
    for (struct tpy_qnx_local *local = tpy_qnx_locals(); local && result == 0; local = local->next) {
        if (!pthread_equal(local->self, thread)) continue;
        atomic_store(&local->cancel_requested, 1);
        if (!tpy_fence_threads()) atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&local->cancellable)) tpy_thread_cancel(local->thread);
    }
    tpy_qnx_locals_unlock();
    return result;
}
