/*
 * timer: POSIX timers that end in a pulse, each a timerfd that the worker watches; all others are the C library's. A
 * timer_t of ours points into our table, which no timer_t of the C library does.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <sys/neutrino.h>

#include "core/fault.h"
#include "qnx/connection_table.h"
#include "qnx/event.h"
#include "qnx/local.h"
#include "qnx/pulse.h"
#include "qnx/result.h"
#include "qnx/worker.h"

#define TIMERS_MAX 1024u
/* Pulses sent at once for expiries that were missed; the rest count as overruns only. */
#define CATCH_UP 256u

struct timer {
    bool used;
    int fd;
    uint32_t generation;
    int overrun;
    struct tpy_qnx_event event;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct timer timers[TIMERS_MAX];

/* With the lock. NULL: not ours, or deleted. */
static struct timer *find(timer_t timer)
{
    uintptr_t offset = (uintptr_t)timer - (uintptr_t)timers;
    if (offset >= sizeof timers || offset % sizeof *timers) return NULL;
    struct timer *found = &timers[offset / sizeof *timers];
    return found->used ? found : NULL;
}

static bool ours(timer_t timer) { return (uintptr_t)timer - (uintptr_t)timers < sizeof timers; }

static int create(clockid_t id, const struct tpy_qnx_event *event, timer_t *timer)
{
    struct tpy_qnx_connection entry;
    int result = tpy_qnx_connection_look(event->target, &entry);
    if (result != 0) return result;
    int fd = timerfd_create(id, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -EAGAIN : -errno;
    result = -EAGAIN;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < TIMERS_MAX; i++) {
        struct timer *free = &timers[i];
        if (free->used) continue;
        timer_t made = free;
        result = tpy_copy(timer, &made, sizeof made) ? -EFAULT
            : tpy_qnx_worker_watch(fd, (uint64_t)(free->generation + 1) << 32 | i);
        if (result == 0)
            *free = (struct timer){.used = true, .fd = fd, .generation = free->generation + 1, .event = *event};
        break;
    }
    pthread_mutex_unlock(&lock);
    if (result != 0) close(fd);
    return result;
}

void tpy_qnx_timer_expired(uint64_t token)
{
    uint64_t expiries = 0;
    struct tpy_qnx_event event = {0};
    struct timer *timer = &timers[(uint32_t)token];
    pthread_mutex_lock(&lock);
    bool wanted = timer->used && timer->generation == (uint32_t)(token >> 32) &&
        read(timer->fd, &expiries, sizeof expiries) == sizeof expiries;
    if (wanted) event = timer->event;
    pthread_mutex_unlock(&lock);
    uint64_t sent = 0;
    for (; wanted && sent < expiries && sent < CATCH_UP; sent++) {
        int result = tpy_qnx_pulse_send_own(event.target, event.priority, event.code, event.value);
        if (result == 1) result = tpy_qnx_pulse_send(event.target, event.priority, event.code, event.value);
        if (result != 0) break;
    }
    if (!wanted) return;
    pthread_mutex_lock(&lock);
    if (timer->used && timer->generation == (uint32_t)(token >> 32)) timer->overrun = (int)(expiries - sent);
    pthread_mutex_unlock(&lock);
}

int tpy_timer_create(clockid_t id, struct sigevent *event, timer_t *timer)
{
    struct sigevent copy;
    struct tpy_qnx_event read;
    if (!event) return (timer_create)(id, NULL, timer);
    TPY_QNX_SHIELDED;
    tpy_qnx_begin();
    int result = tpy_copy(&copy, event, sizeof copy) ? -EFAULT : 0;
    if (result == 0)
        switch (copy.sigev_notify & SIGEV_TYPE_MASK) {
        case SIGEV_PULSE:
            result = tpy_qnx_event_read(event, &read);
            return (int)tpy_qnx_result(result != 0 ? result : create(id, &read, timer));
        case SIGEV_SIGNAL_CODE: copy.sigev_notify = SIGEV_SIGNAL; break;
        case SIGEV_SIGNAL_THREAD:
            copy.sigev_notify = SIGEV_THREAD_ID;
            copy._sigev_un._tid = (pid_t)syscall(SYS_gettid);
            break;
        case SIGEV_UNBLOCK:
        case SIGEV_INTR:
        case SIGEV_MEMORY: result = -EINVAL; break;
        default: break;
        }
    return result != 0 ? (int)tpy_qnx_result(result) : (timer_create)(id, &copy, timer);
}

int tpy_timer_delete(timer_t timer)
{
    if (!ours(timer)) return (timer_delete)(timer);
    TPY_QNX_SHIELDED;
    pthread_mutex_lock(&lock);
    struct timer *found = find(timer);
    if (found) {
        found->used = false;
        close(found->fd);
    }
    pthread_mutex_unlock(&lock);
    return (int)tpy_qnx_result(found ? 0 : -EINVAL);
}

int tpy_timer_settime(timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *before)
{
    if (!ours(timer)) return (timer_settime)(timer, flags, value, before);
    pthread_mutex_lock(&lock);
    struct timer *found = find(timer);
    int absolute = flags & TIMER_ABSTIME ? TFD_TIMER_ABSTIME : 0;
    int result = !found ? -EINVAL : timerfd_settime(found->fd, absolute, value, before) != 0 ? -errno : 0;
    if (result == 0) found->overrun = 0;
    pthread_mutex_unlock(&lock);
    return (int)tpy_qnx_result(result);
}

int tpy_timer_gettime(timer_t timer, struct itimerspec *value)
{
    if (!ours(timer)) return (timer_gettime)(timer, value);
    pthread_mutex_lock(&lock);
    struct timer *found = find(timer);
    int result = !found ? -EINVAL : timerfd_gettime(found->fd, value) != 0 ? -errno : 0;
    pthread_mutex_unlock(&lock);
    return (int)tpy_qnx_result(result);
}

int tpy_timer_getoverrun(timer_t timer)
{
    if (!ours(timer)) return (timer_getoverrun)(timer);
    pthread_mutex_lock(&lock);
    struct timer *found = find(timer);
    int result = found ? found->overrun : -EINVAL;
    pthread_mutex_unlock(&lock);
    return (int)tpy_qnx_result(result);
}

/* POSIX: a child has none of its parent's timers. */
void tpy_qnx_timers_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    for (uint32_t i = 0; i < TIMERS_MAX; i++) {
        if (!timers[i].used) continue;
        timers[i].used = false;
        close(timers[i].fd);
    }
}
