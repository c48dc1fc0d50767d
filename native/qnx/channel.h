/*
 * channel: the process's channels and the client processes that are connected to them. A channel is a port of the
 * core under the same number; a client process has one record (scoid) for each channel, however many connections it
 * makes.
 *
 * Owner: the process. Records of both kinds are never freed, only used again as late as possible, so that a pointer
 * to one can always be read. `lock` (channel.c) guards what changes; the hot path reads `port` and the client's
 * numbers without it.
 */
#ifndef TPY_QNX_CHANNEL_H
#define TPY_QNX_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/port.h"
#include "core/system.h"
#include "core/thread.h"

#define TPY_QNX_CHANNELS_MAX 1024u

/* Kinds of items in a port (struct tpy_offer.kind). */
#define TPY_QNX_MESSAGE 0
#define TPY_QNX_PULSE 1

/* Priority of pulses that no thread sends: QNX's default. */
#define TPY_QNX_PRIORITY 10

struct tpy_qnx_channel {
    struct tpy_port *port;
    int chid;
    unsigned flags;      /* _NTO_CHF_* */
    bool open;
    _Atomic int admit;   /* TPY_ADMIT_* */
    _Atomic long grace;  /* ns */
    unsigned users;      /* open, and one for each client record */
    struct tpy_qnx_client *clients;
    struct tpy_qnx_channel *next_free;
};

struct tpy_qnx_client { /* one client process of one channel */
    struct tpy_qnx_channel *channel;
    int chid;
    int scoid;
    pid_t pid;
    uid_t uid;
    gid_t gid;
    uint64_t cookie;       /* what that process tells itself apart with */
    uint32_t generation;   /* counts the uses of this record */
    _Atomic unsigned connections; /* 0: gone; the scoid stays until the server ends it */
    uint64_t link;         /* the core's number for the way to it */
    bool died;             /* it did not detach, it died, or let its connection to us go */
    struct tpy_qnx_client *next;
};

extern struct tpy_qnx_channel *_Atomic tpy_qnx_channel_table[TPY_QNX_CHANNELS_MAX];

/* The open channel, or NULL. */
static inline struct tpy_qnx_channel *tpy_qnx_channel(int chid)
{
    if (TPY_UNLIKELY((unsigned)chid >= TPY_QNX_CHANNELS_MAX)) return NULL;
    return atomic_load_explicit(&tpy_qnx_channel_table[chid], memory_order_acquire);
}

/* A pulse from ourselves into one of our channels. scoid: what it carries as the sender. */
int tpy_qnx_channel_pulse(struct tpy_qnx_channel *channel, int priority, int code, uint64_t value, int scoid,
    bool first);

/* For ConnectDetach of a server: ends a scoid whose client has gone. -EINVAL if it is not one. */
int tpy_qnx_client_end(int scoid);
/* Copies the record of a connected client. -EINVAL. */
int tpy_qnx_client_look(int scoid, struct tpy_qnx_client *copy);

/* A server of ours is gone: pulse COIDDEATH, if a channel asks for it. */
void tpy_qnx_channel_coid_died(int coid);
void tpy_qnx_channel_thread_died(struct tpy_thread *thread);

void tpy_qnx_channels_forget(void); /* in a child after fork */

/* Unblock requests and clients that died (unblock.c). */
void tpy_qnx_unblock(void *face, struct tpy_exchange *exchange, uint32_t serial, void *client);
int64_t tpy_qnx_lost(void *face, struct tpy_exchange *exchange, uint32_t serial, void *client);
/* A client waits with this priority and all receivers are busy (priority.c). */
void tpy_qnx_boost(void *face, uint8_t priority);

#endif
