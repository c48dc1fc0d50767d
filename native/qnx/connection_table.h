/*
 * connection_table: the numbers by which this process knows its connections (coid) and its clients (scoid). Two
 * tables: numbers that look like file descriptors, and side channels from _NTO_SIDE_CHANNEL on; scoids are taken from
 * the second, as in QNX.
 *
 * Owner: the process. The hot path loads `handle` alone, without a lock: the core keeps the memory of a closed
 * connection readable and answers -EBADF for it. Everything else is guarded by a lock of the table.
 */
#ifndef TPY_QNX_CONNECTION_TABLE_H
#define TPY_QNX_CONNECTION_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <sys/neutrino.h>

#include "core/connection.h"
#include "core/system.h"

#define TPY_QNX_CONNECTIONS_MAX 16384u
/* Our word in a connection's set-up (struct tpy_port_ops.attach): other gates' clients do not fit our channels. */
#define TPY_QNX_TAG 0x514e5821u

struct tpy_qnx_client;

struct tpy_qnx_connection {
    struct tpy_connection *_Atomic handle; /* NULL: free, being made, or a scoid */
    struct tpy_qnx_client *client;         /* a scoid */
    bool taken;
    bool own;                              /* to a channel of this process */
    bool may_signal;                       /* pulses are allowed (as kill) */
    uint32_t generation;                   /* counts the uses of this entry */
    uint32_t flags;                        /* _NTO_COF_* */
    pid_t pid;
    int chid, scoid;
};

extern struct tpy_qnx_connection tpy_qnx_connections[2][TPY_QNX_CONNECTIONS_MAX];

/* The entry a coid names, whether in use or not; NULL beyond the tables. */
static inline struct tpy_qnx_connection *tpy_qnx_connection_entry(int coid)
{
    unsigned side = (unsigned)coid >> 30, index = (unsigned)coid & (_NTO_SIDE_CHANNEL - 1);
    if (TPY_UNLIKELY(side > 1 || index >= TPY_QNX_CONNECTIONS_MAX)) return NULL;
    return &tpy_qnx_connections[side][index];
}

/* The connection, or NULL. */
static inline struct tpy_connection *tpy_qnx_connection(int coid)
{
    struct tpy_qnx_connection *entry = tpy_qnx_connection_entry(coid);
    return TPY_LIKELY(entry != NULL) ? atomic_load_explicit(&entry->handle, memory_order_acquire) : NULL;
}

/* A copy of what a connection's entry says; its handle is not NULL. -EBADF. */
int tpy_qnx_connection_look(int coid, struct tpy_qnx_connection *copy);

/* Numbers for clients. -EAGAIN none is left. */
int tpy_qnx_side_take(struct tpy_qnx_client *client);
void tpy_qnx_side_release(int scoid);
struct tpy_qnx_client *tpy_qnx_side_client(int scoid); /* NULL: not a client's */

void tpy_qnx_connections_forget(void); /* in a child after fork */

#endif
