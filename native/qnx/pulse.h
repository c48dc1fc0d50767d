/* pulse: putting a pulse into a channel through a connection of ours. */
#ifndef TPY_QNX_PULSE_H
#define TPY_QNX_PULSE_H

#include <stdint.h>

/* Checks and sends. priority -1: the caller's. -EBADF, -EAGAIN, -EPERM, -EINVAL. */
int tpy_qnx_pulse_send(int coid, int priority, int code, uint64_t value);

/*
 * The same from a thread that must not wait for another process (the watcher). 1: the connection leads to another
 * process, and somebody else has to send.
 */
int tpy_qnx_pulse_send_own(int coid, int priority, int code, uint64_t value);

#endif
