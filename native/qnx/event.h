/*
 * event: delivering events to other processes and to our own. A server sends what an event says to the client's
 * process, whose watcher does it there: so a pulse goes through the client's own connection, and a signal comes from
 * itself.
 *
 * Owner: the process owns the table of registered events (registry in event_registry.c).
 */
#ifndef TPY_QNX_EVENT_H
#define TPY_QNX_EVENT_H

#include <stdint.h>
#include <sys/neutrino.h>

#include "core/connection.h"

/* Our number among the faces of tpy_deliver. */
#define TPY_QNX_FACE 0

struct tpy_qnx_event { /* wire format: what is sent to the client's process */
    int32_t notify;   /* SIGEV_*, with flags */
    int32_t target;   /* coid or signal */
    int32_t code;
    int32_t priority; /* 0 to 255 */
    uint32_t thread;  /* for SIGEV_SIGNAL_THREAD: the thread that sent the message */
    uint32_t handle;  /* of a registered event */
    uint32_t check;
    uint32_t reserved;
    uint64_t value;
};

/*
 * Fills an event from what a program wrote, which may be anything; a pulse of priority -1 gets the caller's. -EFAULT,
 * -EINVAL.
 */
int tpy_qnx_event_read(const struct sigevent *program, struct tpy_qnx_event *event);

/* Does what an event says, in this process; from: who had it delivered. -EBADF, -EAGAIN, -ESRCH, -EPERM. */
int tpy_qnx_event_act(const struct tpy_qnx_event *event, pid_t from);

/* On the watcher: another process had this delivered to us. */
void tpy_qnx_event_arrived(const struct tpy_identity *from, const void *payload, size_t length);

/*
 * Puts the registered event in place of its handle, with what may be updated. -ESRCH none, -EPERM not from this
 * process.
 */
int tpy_qnx_event_resolve(struct tpy_qnx_event *event, pid_t from);

void tpy_qnx_events_forget(void); /* in a child after fork */

#endif
