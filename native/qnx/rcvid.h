/*
 * rcvid: how a message is named: 12 bits of the exchange's index, then the low 19 bits of the count of messages it
 * has carried. Index 0 is never used, so an rcvid is at least 2^19 and fits a positive int. A number comes back after
 * 524,288 messages of one client thread.
 *
 * Owner: one slot for each exchange, written by the thread that receives, read by whoever holds an rcvid. What an
 * rcvid may still do is decided by the core, which compares the whole count under its lock.
 */
#ifndef TPY_QNX_RCVID_H
#define TPY_QNX_RCVID_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/neutrino.h>

#include "core/exchange.h"
#include "core/system.h"

#define TPY_QNX_RCVID_BITS 19
#define TPY_QNX_RCVID_MASK ((1u << TPY_QNX_RCVID_BITS) - 1)

struct tpy_qnx_client;

struct tpy_qnx_slot {
    _Alignas(64) struct tpy_exchange *_Atomic exchange; /* NULL until it was received on for the first time */
    _Atomic uint32_t serial;                /* of the message last received */
    _Atomic uint32_t since;                 /* the first serial that belongs to this client */
    struct tpy_qnx_client *_Atomic client;
    _Atomic uint32_t generation;            /* of the client's record */
    _Atomic uint32_t unblocking;            /* the serial whose unblock pulse may be queued */
    _Atomic uint32_t thread;                /* the client's */
};

extern struct tpy_qnx_slot tpy_qnx_slots[TPY_EXCHANGES_MAX];

void tpy_qnx_slots_forget(void); /* in a child after fork */

static inline rcvid_t tpy_qnx_rcvid(uint32_t index, uint32_t serial)
{
    return (rcvid_t)(index << TPY_QNX_RCVID_BITS | (serial & TPY_QNX_RCVID_MASK));
}

/* The exchange an rcvid names if its message is the last received on it, else NULL. */
static inline struct tpy_exchange *tpy_qnx_find(rcvid_t rcvid, uint32_t *serial)
{
    unsigned long index = (unsigned long)rcvid >> TPY_QNX_RCVID_BITS;
    if (TPY_UNLIKELY(index >= TPY_EXCHANGES_MAX)) return NULL;
    *serial = atomic_load_explicit(&tpy_qnx_slots[index].serial, memory_order_relaxed);
    if (TPY_UNLIKELY((*serial ^ (uint32_t)rcvid) & TPY_QNX_RCVID_MASK) || TPY_UNLIKELY(index == 0)) return NULL;
    return atomic_load_explicit(&tpy_qnx_slots[index].exchange, memory_order_relaxed);
}
static inline struct tpy_qnx_slot *tpy_qnx_slot(rcvid_t rcvid)
{
    return &tpy_qnx_slots[(unsigned long)rcvid >> TPY_QNX_RCVID_BITS];
}

#endif
