/* local: see local.h. */
#include "qnx/local.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/fork.h"
#include "core/exchange.h"
#include "qnx/channel.h"
#include "qnx/connection_table.h"
#include "qnx/event.h"
#include "qnx/rcvid.h"
#include "qnx/worker.h"

__thread struct tpy_qnx_local tpy_qnx_local __attribute__((tls_model("initial-exec"), visibility("hidden")));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_qnx_local *all;

void tpy_qnx_locals_lock(void) { pthread_mutex_lock(&lock); }
void tpy_qnx_locals_unlock(void) { pthread_mutex_unlock(&lock); }
struct tpy_qnx_local *tpy_qnx_locals(void) { return all; }

static void at_exit(struct tpy_thread *thread)
{
    tpy_qnx_channel_thread_died(thread);
    struct tpy_qnx_local *local = &tpy_qnx_local;
    if (!local->known) return;
    pthread_mutex_lock(&lock);
    for (struct tpy_qnx_local **at = &all; *at; at = &(*at)->next)
        if (*at == local) {
            *at = local->next;
            break;
        }
    local->known = false;
    pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    all = NULL;
    tpy_qnx_local = (struct tpy_qnx_local){0};
    tpy_qnx_channels_forget();
    tpy_qnx_slots_forget();
    tpy_qnx_connections_forget();
    tpy_qnx_names_forget();
    tpy_qnx_events_forget();
    tpy_qnx_worker_forget();
}

static void begin(void)
{
    tpy_at_fork_child(in_child);
    tpy_thread_at_exit(at_exit);
    tpy_on_deliver(TPY_QNX_FACE, tpy_qnx_event_arrived);
}

void tpy_qnx_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin);
    tpy_fault_arm();
}

void tpy_qnx_local_policy(struct tpy_qnx_local *local)
{
    int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    struct sched_param parameter;
    local->realtime = (policy == SCHED_FIFO || policy == SCHED_RR) && sched_getparam(0, &parameter) == 0;
    if (local->realtime) local->priority = parameter.sched_priority;
}

struct tpy_qnx_local *tpy_qnx_local_begin(void)
{
    TPY_KEEPS_ERRNO;
    tpy_qnx_begin();
    struct tpy_thread *thread = tpy_thread_self();
    if (!thread) return NULL;
    struct tpy_qnx_local *local = &tpy_qnx_local;
    local->thread = thread;
    local->self = pthread_self();
    local->kernel_tid = (pid_t)syscall(SYS_gettid);
    tpy_qnx_local_policy(local);
    pthread_mutex_lock(&lock);
    local->next = all;
    all = local;
    local->known = true;
    pthread_mutex_unlock(&lock);
    return local;
}
