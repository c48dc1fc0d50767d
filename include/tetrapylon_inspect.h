/*
 * tetrapylon_inspect.h: what the threads of a process wait for, read from outside, without stopping it: the listing
 * that QNX's pidin gives. Included by tetrapylon.h.
 */
#ifndef TETRAPYLON_INSPECT_H
#define TETRAPYLON_INSPECT_H

#include <stdint.h>
#include <sys/types.h>

#include "tetrapylon.h"

#ifdef __cplusplus
extern "C" {
#endif

/* States, with QNX's numbers (sys/states.h). */
#define TPY_STATE_READY 2   /* runs, or waits for something else */
#define TPY_STATE_SEND 4    /* its message waits for a receiver */
#define TPY_STATE_RECEIVE 5 /* waits for messages */
#define TPY_STATE_REPLY 6   /* its message was received and not finished yet */

struct tpy_thread_state {
    int32_t tid;         /* the kernel's number of the thread */
    int32_t thread;      /* its number in message passing, from 1 */
    int32_t state;       /* TPY_STATE_* */
    int32_t partner;     /* SEND, REPLY: the server's process; else 0 */
    int32_t port;        /* SEND, REPLY: the server's port (channel); RECEIVE: its own; else 0 */
    int32_t reserved;
    int64_t nanoseconds; /* for how long it has been blocked; 0 when it is not */
};

/*
 * Tells of the threads of process pid (this one included) that have blocked in message passing so far. Fills at most
 * room states, in the order of thread numbers, and returns how many there are, which may be more. A moment, not a
 * promise: threads go on meanwhile. -ESRCH no such process, or it does not use this library; -EPERM another user's;
 * -ENOMEM. Any thread; does not block.
 */
TPY_PUBLIC int tpy_threads_of(pid_t pid, struct tpy_thread_state *states, int room);

#ifdef __cplusplus
}
#endif

#endif
