/*
 * priority: receivers run at the priority of what they receive, where they run under SCHED_FIFO or SCHED_RR. For all
 * others the order of messages is by priority, and nothing is inherited.
 */
#ifndef TPY_QNX_PRIORITY_H
#define TPY_QNX_PRIORITY_H

#include "qnx/channel.h"
#include "qnx/local.h"

/* The calling real-time thread has received this from the channel. */
void tpy_qnx_priority_inherit(struct tpy_qnx_local *local, struct tpy_qnx_channel *channel, uint8_t priority);

/* It goes back to wait: whoever waits at the channel it served no longer concerns it. */
void tpy_qnx_priority_leave(struct tpy_qnx_local *local);

#endif
