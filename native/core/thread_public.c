/*
 * thread_public: what a program may ask and say of its threads, whichever face they use (tetrapylon.h): priority, interrupts, the word
 * before a sleep. All state is in the thread's record, which thread.h keeps.
 */
#include <errno.h>
#include <stddef.h>

#include <tetrapylon.h>

#include "core/thread.h"

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
