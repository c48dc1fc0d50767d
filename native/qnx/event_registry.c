/*
 * event_registry: MsgRegisterEvent: events that only a named server may have delivered, kept here and known outside
 * by a handle.
 */
#include <pthread.h>
#include <stdbool.h>
#include <sys/random.h>

#include <sys/neutrino.h>

#include "core/fault.h"
#include "qnx/connection_table.h"
#include "qnx/event.h"
#include "qnx/local.h"
#include "qnx/result.h"

#define REGISTERED_MAX 4096u

struct registered {
    struct tpy_qnx_event event;
    uint32_t check; /* guards against handles of events that were forgotten */
    pid_t from;     /* 0: any */
    bool used;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct registered table[REGISTERED_MAX];
static uint32_t next_place, next_check;

/* With the lock. */
static struct registered *find(uint32_t handle, uint32_t check)
{
    if (handle >= REGISTERED_MAX || !table[handle].used || table[handle].check != check) return NULL;
    return &table[handle];
}

int tpy_qnx_event_resolve(struct tpy_qnx_event *event, pid_t from)
{
    int result = -ESRCH;
    pthread_mutex_lock(&lock);
    const struct registered *kept = find(event->handle, event->check);
    if (kept && kept->from && kept->from != from) result = -EPERM;
    else if (kept) {
        struct tpy_qnx_event whole = kept->event;
        if (whole.notify & SIGEV_FLAG_UPDATEABLE) whole.value = event->value;
        if (whole.notify & SIGEV_FLAG_CODE_UPDATEABLE) whole.code = event->code;
        whole.thread = event->thread;
        *event = whole;
        result = 0;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int MsgRegisterEvent_r(struct sigevent *program, int coid)
{
    TPY_KEEPS_ERRNO;
    struct tpy_qnx_event event;
    struct tpy_qnx_connection server = {.pid = 0};
    tpy_qnx_begin();
    int result = tpy_qnx_event_read(program, &event);
    if (result == 0 && coid != -1 && coid != _NTO_SIDE_CHANNEL) result = tpy_qnx_connection_look(coid, &server);
    if (result == 0 && (event.notify & SIGEV_FLAG_HANDLE)) result = -EINVAL; /* it is one already */
    if (result != 0) return result;

    struct sigevent handle;
    if (tpy_copy(&handle, program, sizeof handle)) return -EFAULT;
    result = -EAGAIN;
    pthread_mutex_lock(&lock);
    if (next_check == 0 && getrandom(&next_check, sizeof next_check, 0) != sizeof next_check)
        next_check = (uint32_t)tpy_now();
    for (uint32_t step = 0; step < REGISTERED_MAX && result != 0; step++) {
        uint32_t place = (next_place + step) % REGISTERED_MAX;
        if (table[place].used) continue;
        handle.sigev_notify |= SIGEV_FLAG_HANDLE;
        handle._sigev_un._pad[2] = (int)place;
        handle._sigev_un._pad[3] = (int)++next_check;
        result = tpy_copy(program, &handle, sizeof handle) ? -EFAULT : 0;
        if (result != 0) break;
        next_place = place + 1;
        table[place] = (struct registered){.event = event, .check = next_check, .from = server.pid, .used = true};
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int MsgRegisterEvent(struct sigevent *event, int coid) { return (int)tpy_qnx_result(MsgRegisterEvent_r(event, coid)); }

int MsgUnregisterEvent_r(const struct sigevent *program)
{
    struct sigevent handle;
    tpy_qnx_begin();
    if (tpy_copy(&handle, program, sizeof handle)) return -EFAULT;
    if (!(handle.sigev_notify & SIGEV_FLAG_HANDLE)) return -ESRCH;
    pthread_mutex_lock(&lock);
    struct registered *kept = find((uint32_t)handle._sigev_un._pad[2], (uint32_t)handle._sigev_un._pad[3]);
    if (kept) kept->used = false;
    pthread_mutex_unlock(&lock);
    return kept ? 0 : -ESRCH;
}

int MsgUnregisterEvent(const struct sigevent *event) { return (int)tpy_qnx_result(MsgUnregisterEvent_r(event)); }

void tpy_qnx_events_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    for (uint32_t i = 0; i < REGISTERED_MAX; i++)
        if (table[i].used) table[i].used = false;
    next_check = 0;
}
