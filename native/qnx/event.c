/* event: see event.h. MsgDeliverEvent and MsgVerifyEvent. */
#include "qnx/event.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/exchange.h"
#include "core/fault.h"
#include "qnx/channel.h"
#include "qnx/local.h"
#include "qnx/pulse.h"
#include "qnx/rcvid.h"
#include "qnx/result.h"
#include "qnx/worker.h"

static int check(const struct tpy_qnx_event *event)
{
    switch (event->notify & SIGEV_TYPE_MASK) {
    case SIGEV_NONE: return 0;
    case SIGEV_SIGNAL:
    case SIGEV_SIGNAL_CODE:
    case SIGEV_SIGNAL_THREAD: return event->target < 1 || event->target > SIGRTMAX ? -EINVAL : 0;
    case SIGEV_PULSE:
        return event->target < 0 || event->code < -128 || event->code > 127 || event->priority < -1 ||
            event->priority > 255 ? -EINVAL : 0;
    default: return -EINVAL;
    }
}

int tpy_qnx_event_read(const struct sigevent *program, struct tpy_qnx_event *event)
{
    struct sigevent copy;
    if (tpy_copy(&copy, program, sizeof copy)) return -EFAULT;
    *event = (struct tpy_qnx_event){.notify = copy.sigev_notify, .target = copy.sigev_coid,
        .value = (uint64_t)(uintptr_t)copy.sigev_value.sival_ptr};
    int type = event->notify & SIGEV_TYPE_MASK;
    if (type == SIGEV_PULSE || type == SIGEV_SIGNAL_CODE || type == SIGEV_SIGNAL_THREAD) event->code = copy.sigev_code;
    if (type == SIGEV_PULSE) event->priority = copy.sigev_priority;
    if (event->notify & SIGEV_FLAG_HANDLE) {
        event->handle = (uint32_t)copy._sigev_un._pad[2];
        event->check = (uint32_t)copy._sigev_un._pad[3];
    }
    int result = check(event);
    if (result == 0 && type == SIGEV_PULSE && event->priority < 0) {
        int own = tpy_priority_get();
        event->priority = own < 0 ? TPY_QNX_PRIORITY : own;
    }
    return result;
}

/* Linux lets nobody give a signal to another thread with a code of the kernel's: one that is not negative, or SI_TKILL. */
static int code_of(const struct tpy_qnx_event *event)
{
    bool given = (event->notify & SIGEV_TYPE_MASK) != SIGEV_SIGNAL && event->code < 0 && event->code != SI_TKILL;
    return given ? event->code : SI_QUEUE;
}

static int raise_signal(const struct tpy_qnx_event *event)
{
    siginfo_t info = {.si_signo = event->target, .si_code = code_of(event)};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = (void *)(uintptr_t)event->value;
    long result = -1;
    if ((event->notify & SIGEV_TYPE_MASK) == SIGEV_SIGNAL_THREAD) {
        errno = ESRCH;
        tpy_qnx_locals_lock();
        for (struct tpy_qnx_local *local = tpy_qnx_locals(); local; local = local->next)
            if (tpy_thread_number(local->thread) == event->thread)
                result = syscall(SYS_rt_tgsigqueueinfo, getpid(), local->kernel_tid, event->target, &info);
        tpy_qnx_locals_unlock();
    } else
        result = syscall(SYS_rt_sigqueueinfo, getpid(), event->target, &info);
    return result == 0 ? 0 : -errno;
}

int tpy_qnx_event_act(const struct tpy_qnx_event *given, pid_t from)
{
    struct tpy_qnx_event event = *given;
    if (event.notify & SIGEV_FLAG_HANDLE) {
        int result = tpy_qnx_event_resolve(&event, from);
        if (result != 0) return result;
    }
    int result = check(&event), kept;
    if (result != 0) return result;
    switch (event.notify & SIGEV_TYPE_MASK) {
    case SIGEV_PULSE:
        result = tpy_qnx_pulse_send_own(event.target, event.priority, event.code, event.value);
        if (result == 1) result = tpy_qnx_worker_pulse(event.target, event.priority, event.code, event.value);
        return result;
    case SIGEV_NONE: return 0;
    default:
        kept = errno;
        result = raise_signal(&event);
        errno = kept;
        return result;
    }
}

void tpy_qnx_event_arrived(const struct tpy_identity *from, const void *payload, size_t length)
{
    struct tpy_qnx_event event;
    if (length < sizeof event) return; /* not ours: a peer of another version, or a liar */
    memcpy(&event, payload, sizeof event);
    tpy_qnx_event_act(&event, from->pid);
}

/*
 * The client an rcvid belongs or belonged to. 0, -ESRCH never received from it or its process is gone, -EBADF it
 * detached.
 */
static int client_of(rcvid_t rcvid, struct tpy_qnx_client *client)
{
    unsigned long index = (unsigned long)rcvid >> TPY_QNX_RCVID_BITS;
    if (index == 0 || index >= TPY_EXCHANGES_MAX) return -ESRCH;
    struct tpy_qnx_slot *slot = &tpy_qnx_slots[index];
    uint32_t serial = atomic_load_explicit(&slot->serial, memory_order_acquire), since = atomic_load(&slot->since);
    uint32_t age = (serial - (uint32_t)rcvid) & TPY_QNX_RCVID_MASK;
    const struct tpy_qnx_client *record = atomic_load(&slot->client);
    if (!record || age > serial - since) return -ESRCH;
    *client = *record;
    uint32_t uses = client->generation - atomic_load(&slot->generation);
    if (uses == 0 && atomic_load(&client->connections) > 0) return 0;
    /*
     * It has left. Its record tells how until another client gets it (channel.c counts once when it leaves and once
     * then).
     */
    if (uses > 1 || client->died) return -ESRCH;
    return tpy_client_linked(client->pid, client->link) ? -EBADF : -ESRCH;
}

int MsgVerifyEvent_r(rcvid_t rcvid, const struct sigevent *event)
{
    TPY_KEEPS_ERRNO;
    TPY_QNX_SHIELDED;
    struct tpy_qnx_event read;
    struct tpy_qnx_client client;
    tpy_qnx_begin();
    int result = tpy_qnx_event_read(event, &read);
    return result != 0 || rcvid == 0 ? result : client_of(rcvid, &client);
}

int MsgVerifyEvent(rcvid_t rcvid, const struct sigevent *event)
{
    return (int)tpy_qnx_result(MsgVerifyEvent_r(rcvid, event));
}

int MsgDeliverEvent_r(rcvid_t rcvid, const struct sigevent *event)
{
    TPY_KEEPS_ERRNO;
    TPY_QNX_SHIELDED;
    struct tpy_qnx_event read;
    struct tpy_qnx_client client;
    tpy_qnx_begin();
    int result = tpy_qnx_event_read(event, &read);
    if (result != 0) return result;
    if (rcvid == 0) {
        int self = tpy_thread_number_self();
        read.thread = self > 0 ? (uint32_t)self : 0;
        return tpy_qnx_event_act(&read, getpid());
    }
    result = client_of(rcvid, &client);
    if (result != 0) return result;
    if (geteuid() != 0 && client.uid != geteuid() && client.uid != getuid()) return -EPERM;
    if ((read.notify & SIGEV_TYPE_MASK) == SIGEV_NONE) return 0;
    read.thread = atomic_load(&tpy_qnx_slot(rcvid)->thread);
    if (client.pid == getpid()) return tpy_qnx_event_act(&read, client.pid);
    return tpy_deliver(client.pid, client.link, TPY_QNX_FACE, &read, sizeof read);
}

int MsgDeliverEvent(rcvid_t rcvid, const struct sigevent *event)
{
    return (int)tpy_qnx_result(MsgDeliverEvent_r(rcvid, event));
}
