/* priority: see priority.h. */
#include "qnx/priority.h"

#include <errno.h>
#include <sched.h>

#include <sys/neutrino.h>

#include "qnx/result.h"

/* Linux's real-time priorities are 1 to 99; QNX's go to 255. */
static int clamp(int priority) { return priority < 1 ? 1 : priority > 99 ? 99 : priority; }

/* With the list's lock. */
static int run_at(struct tpy_qnx_local *local, int priority)
{
    TPY_KEEPS_ERRNO;
    struct sched_param parameter = {.sched_priority = priority};
    if (sched_setparam(local->kernel_tid, &parameter) != 0) return -errno;
    local->priority = priority;
    return 0;
}

void tpy_qnx_priority_inherit(struct tpy_qnx_local *local, struct tpy_qnx_channel *channel, uint8_t priority)
{
    int wanted = clamp(priority);
    if (channel->flags & _NTO_CHF_FIXED_PRIORITY) return;
    tpy_qnx_locals_lock();
    local->serving = channel;
    if (wanted != local->priority && run_at(local, wanted) != 0) local->realtime = false; /* not allowed after all */
    tpy_qnx_locals_unlock();
    tpy_thread_refresh(local->thread);
}

void tpy_qnx_priority_leave(struct tpy_qnx_local *local)
{
    tpy_qnx_locals_lock();
    local->serving = NULL;
    tpy_qnx_locals_unlock();
}

void tpy_qnx_boost(void *face, uint8_t priority)
{
    int wanted = clamp(priority);
    tpy_qnx_locals_lock();
    for (struct tpy_qnx_local *local = tpy_qnx_locals(); local; local = local->next)
        if (local->serving == face && local->priority < wanted) run_at(local, wanted);
    tpy_qnx_locals_unlock();
}
