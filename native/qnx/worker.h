/*
 * worker: the gate's one thread of its own, started when first needed. It sends the pulses of timers when they
 * expire, and pulses to other processes for threads that must not wait for them. All signals are blocked in it.
 *
 * Owner: the process.
 */
#ifndef TPY_QNX_WORKER_H
#define TPY_QNX_WORKER_H

#include <stdint.h>

/* Has the worker send a pulse through a connection of ours. -EAGAIN too many wait, or no worker. */
int tpy_qnx_worker_pulse(int coid, int priority, int code, uint64_t value);

/*
 * Has the worker call tpy_qnx_timer_expired(token) whenever this timerfd can be read. 0 or -errno; closing the
 * descriptor ends it.
 */
int tpy_qnx_worker_watch(int fd, uint64_t token);

/* timer.c */
void tpy_qnx_timer_expired(uint64_t token);

void tpy_qnx_worker_forget(void); /* in a child after fork */
void tpy_qnx_timers_forget(void); /* timer.c */

#endif
