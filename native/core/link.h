/*
 * link: the socket between two processes, one for each direction of service. It carries set-up, rings and descriptors; never a message of
 * the fast path. A link knows who is at its other end as the kernel attests it, and dies with that process or with the socket.
 *
 * Owner: reference-counted; the watcher holds one reference while the link is watched, each connection and each exchange one more.
 */
#ifndef TPY_CORE_LINK_H
#define TPY_CORE_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/connection.h"
#include "core/layout.h"
#include "core/system.h"

enum tpy_say_type {
    TPY_SAY_HELLO = 1, /* client: first word */
    TPY_SAY_ATTACH,    /* client: a connection to a port */
    TPY_SAY_DETACH,    /* client: closes it */
    TPY_SAY_BIND,      /* client: an exchange for one of its threads */
    TPY_SAY_UNBIND,    /* client: that thread is gone */
    TPY_SAY_BULK,      /* client: stream memory for an exchange */
    TPY_SAY_RING,      /* client: look at this port */
    TPY_SAY_UNBLOCK,   /* client: asks to be let go */
    TPY_SAY_FDS,       /* either: descriptors that go with an offer or an answer */
    TPY_SAY_SPILL,     /* server: memory with push records */
    TPY_SAY_GONE,      /* server: the port was destroyed; with flags: the connection takes no fresh offers any more */
    TPY_SAY_DELIVER,   /* server: an event for the client's process */
    TPY_SAY_NOTIFY,    /* client: for the face, about an exchange */
    TPY_SAY_REPLY      /* server: to HELLO, ATTACH, BIND, BULK; which of them stands in tag */
};

#define TPY_BIND_FENCES 1u /* flags of BIND: the client fences the server's threads where it must know what they have stored */

#define TPY_SAY_PAYLOAD 64
struct tpy_say { /* wire format, one datagram */
    uint16_t type;
    uint16_t version;
    uint32_t request;  /* echoed by the reply */
    int32_t result;    /* reply: 0 or negative errno */
    uint32_t port;
    uint32_t connection;
    uint32_t exchange;
    uint32_t sequence;
    uint32_t thread;
    uint32_t tag;
    uint32_t flags;
    uint64_t word;
    unsigned char payload[TPY_SAY_PAYLOAD];
};

#define TPY_SAY_FDS_MAX 253

struct tpy_link;
/* Runs on the watcher for a reply without error that comes in time, before the watcher hears anything else. */
typedef void tpy_link_heard(struct tpy_link *link, const struct tpy_say *reply, void *argument);

struct tpy_link {
    int fd, pidfd;
    struct tpy_identity who;
    bool serving;        /* we are the server */
    bool greeted;        /* HELLO was exchanged */
    _Atomic bool dead;
    _Atomic bool dropped; /* we want it to end: nobody begins anything on it */
    _Atomic uint32_t references;
    struct tpy_link *next; /* in the watcher's list */
    int64_t since;

    /* client side */
    const struct tpy_node_page *page;
    pthread_mutex_t greeting; /* one HELLO; taken before requesting */
    pthread_mutex_t requesting;
    _Atomic uint32_t request, replied; /* replied: futex */
    struct tpy_lock replying; /* the watcher takes a reply, or its request gives up: one of them */
    tpy_link_heard *heard;
    void *heard_argument;
    struct tpy_say reply;
    int reply_fd;
    struct tpy_connection *connections; /* guarded by tpy_connections_lock */

    /* server side */
    struct tpy_client *clients; /* attached connections; watcher only */
    uint32_t next_client;
    uint32_t exchange_count, stream_count;
    _Atomic uint32_t descriptors; /* that came with offers and wait to be taken */
};

struct tpy_link *tpy_link_new(int fd, bool serving); /* NULL: no memory, or the peer cannot be identified; fd is closed then */
void tpy_link_retain(struct tpy_link *link);
void tpy_link_release(struct tpy_link *link);

/* Sends without blocking; 0, -EAGAIN, -EPIPE, ... Descriptors stay the caller's. */
int tpy_link_say(struct tpy_link *link, const struct tpy_say *say, const int *fds, unsigned count);
/* Receives one datagram without blocking into say; fds (room TPY_SAY_FDS_MAX) get CLOEXEC descriptors. 1, 0 none waits, -EPIPE ended, -EPROTO
 * not a message. */
int tpy_link_hear(struct tpy_link *link, struct tpy_say *say, int *fds, unsigned *count);

/* Client: says a request and waits for its reply (at most 5 s). The reply's result, or -ETIMEDOUT, -ESRCH. *fd: the descriptor that came, or -1. */
int tpy_link_request(struct tpy_link *link, struct tpy_say *say, struct tpy_say *reply, int *fd);
/* The same for one whose outcome must be known before what the server says next. */
int tpy_link_request_heard(struct tpy_link *link, struct tpy_say *say, struct tpy_say *reply, int *fd, tpy_link_heard *heard, void *argument);
/* Watcher: a reply was heard; takes the descriptors over. */
void tpy_link_replied(struct tpy_link *link, const struct tpy_say *say, const int *fds, unsigned count);
/* Watcher: the link is dead; whoever waits for a reply learns of it at once. */
void tpy_link_ended(struct tpy_link *link);

#endif
