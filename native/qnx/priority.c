/* priority: see priority.h. Also what a program may ask and say of priorities. */
#include "qnx/priority.h"

#include <errno.h>
#include <sched.h>

#include <sys/neutrino.h>
#include <tetrapylon_binding.h>

#include "qnx/result.h"

/* Linux's real-time priorities are 1 to 99; QNX's go to 255. */
static int clamp(int priority) { return priority < 1 ? 1 : priority > 99 ? 99 : priority; }

/* With the list's lock. */
static int run_at(struct tpy_qnx_local *local, int priority)
{
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

int tpy_priority_set(int priority)
{
    if (priority < -1 || priority > 255) return -EINVAL;
    struct tpy_thread *thread = tpy_thread_self();
    if (!thread) return -EAGAIN;
    tpy_thread_set_priority(thread, priority);
    if (priority < 0) tpy_thread_refresh(thread);
    return 0;
}

int tpy_priority_get(void)
{
    struct tpy_thread *thread = tpy_thread_self();
    return thread ? tpy_thread_priority(thread) : -EAGAIN;
}

int tpy_thread_number_self(void)
{
    struct tpy_thread *thread = tpy_thread_self();
    return thread ? (int)tpy_thread_number(thread) : -EAGAIN;
}

int tpy_thread_interrupt(int number)
{
    struct tpy_thread *thread = number > 0 ? tpy_thread_by_number((uint32_t)number) : NULL;
    if (!thread) return -ESRCH;
    tpy_thread_cancel(thread);
    return 0;
}

int tpy_thread_on_sleep(void (*hook)(int))
{
    struct tpy_thread *thread = tpy_thread_self();
    if (!thread) return -EAGAIN;
    tpy_thread_set_on_sleep(thread, hook);
    return 0;
}

int tpy_thread_interrupted(void)
{
    struct tpy_thread *thread = tpy_thread_self();
    return thread ? tpy_thread_uncancel(thread) : 0;
}
