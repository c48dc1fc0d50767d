/*
 * thread: what QNX programs ask of threads beside messages: pthread_create without a place for the id, priorities by
 * tid, ThreadCtl, delay.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <sys/neutrino.h>

#include "core/fault.h"
#include "qnx/local.h"
#include "qnx/result.h"

struct start {
    void *(*run)(void *);
    void *argument;
};

static void *begin(void *given)
{
    struct start start = *(struct start *)given;
    free(given);
    tpy_qnx_local_get(); /* known from its first moment, so that its death is told */
    return start.run(start.argument);
}

int tpy_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    pthread_t nobody_asked;
    struct start *start = malloc(sizeof *start);
    if (!start) return EAGAIN;
    *start = (struct start){run, argument};
    int result = (pthread_create)(thread ? thread : &nobody_asked, attributes, begin, start);
    if (result != 0) free(start);
    return result;
}

/* A thread whose policy has changed: what it carries and inherits follows it from now on. */
static void look_again(void)
{
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (!local) return;
    tpy_thread_refresh(local->thread);
    tpy_qnx_local_policy(local);
}

int tpy_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameter)
{
    int result = (pthread_setschedparam)(thread, policy, parameter);
    if (result == 0 && pthread_equal(thread, pthread_self())) look_again();
    return result;
}

int tpy_sched_setscheduler(pid_t process, int policy, const struct sched_param *parameter)
{
    int result = (sched_setscheduler)(process, policy, parameter);
    if (result != -1 && process == 0) look_again();
    return result;
}

pid_t tpy_gettid(void)
{
    int number = tpy_thread_number_self();
    return number < 0 ? -1 : number;
}

/* The kernel's number for a tid; 0 for the caller. -ESRCH. With the list's lock. */
static struct tpy_qnx_local *find(pid_t tid)
{
    struct tpy_qnx_local *local = tpy_qnx_locals();
    while (local && tpy_thread_number(local->thread) != (uint32_t)tid) local = local->next;
    return local;
}

static int priority_of(struct tpy_qnx_local *local) { return tpy_thread_priority(local->thread); }

int tpy_getprio(pid_t tid)
{
    struct tpy_qnx_local *self = tpy_qnx_local_get();
    if (!self) return (int)tpy_qnx_result(-EAGAIN);
    if (tid == 0) {
        look_again();
        return priority_of(self);
    }
    tpy_qnx_locals_lock();
    struct tpy_qnx_local *local = find(tid);
    int result = local ? priority_of(local) : -ESRCH;
    tpy_qnx_locals_unlock();
    return (int)tpy_qnx_result(result);
}

int tpy_setprio(pid_t tid, int priority)
{
    struct tpy_qnx_local *self = tpy_qnx_local_get();
    if (!self) return (int)tpy_qnx_result(-EAGAIN);
    if (priority < 0 || priority > 255) return (int)tpy_qnx_result(-EINVAL);
    tpy_qnx_locals_lock();
    struct tpy_qnx_local *local = tid == 0 ? self : find(tid);
    int result = local ? priority_of(local) : -ESRCH;
    if (local) {
        if (local->realtime) {
            struct sched_param parameter = {.sched_priority = priority < 1 ? 1 : priority > 99 ? 99 : priority};
            if (sched_setparam(local->kernel_tid, &parameter) != 0) result = -errno;
            else local->priority = parameter.sched_priority;
        }
        /* Under the other policies the number concerns messages only. */
        if (result >= 0) tpy_thread_set_priority(local->thread, priority);
    }
    tpy_qnx_locals_unlock();
    return (int)tpy_qnx_result(result);
}

unsigned tpy_delay(unsigned milliseconds)
{
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000}, left = {0, 0};
    if (nanosleep(&time, &left) == 0) return 0;
    return (unsigned)left.tv_sec * 1000 + (unsigned)((left.tv_nsec + 999999) / 1000000);
}

static int run_mask(uint64_t mask)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < 64; i++)
        if (mask >> i & 1) CPU_SET(i, &set);
    return sched_setaffinity(0, sizeof set, &set) != 0 ? -errno : 0;
}

static int exchange_mask(void *data)
{
    cpu_set_t set;
    unsigned wanted, had = 0;
    if (tpy_copy(&wanted, data, sizeof wanted)) return -EFAULT;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return -errno;
    for (int i = 0; i < 32; i++)
        if (CPU_ISSET(i, &set)) had |= 1u << i;
    int result = wanted ? run_mask(wanted) : 0; /* 0 asks only */
    if (result == 0 && tpy_copy(data, &had, sizeof had)) result = -EFAULT;
    return result;
}

static int exchange_name(struct _thread_name *data)
{
    struct _thread_name given;
    char had[16] = "", wanted[16] = "";
    if (tpy_copy(&given, data, sizeof given)) return -EFAULT;
    prctl(PR_GET_NAME, had);
    if (given.new_name_len > 0) {
        size_t length = (size_t)given.new_name_len < sizeof wanted ? (size_t)given.new_name_len : sizeof wanted - 1;
        memcpy(wanted, given.name_buf, length);
    }
    if (given.new_name_len >= 0) prctl(PR_SET_NAME, wanted);
    if (given.name_buf_len > 0) {
        size_t length = (size_t)given.name_buf_len < sizeof had ? (size_t)given.name_buf_len : sizeof had;
        had[length - 1] = 0;
        if (tpy_copy(data->name_buf, had, length)) return -EFAULT;
    }
    return 0;
}

int ThreadCtl_r(int command, void *data)
{
    TPY_KEEPS_ERRNO;
    tpy_qnx_begin();
    switch (command) {
    case _NTO_TCTL_IO:
    case _NTO_TCTL_IO_PRIV: return -EPERM;
    case _NTO_TCTL_RUNMASK: return run_mask((uint64_t)(uintptr_t)data);
    case _NTO_TCTL_RUNMASK_GET_AND_SET: return exchange_mask(data);
    case _NTO_TCTL_NAME: return exchange_name(data);
    default: return -EINVAL;
    }
}

int ThreadCtl(int command, void *data) { return (int)tpy_qnx_result(ThreadCtl_r(command, data)); }
