/*
 * port: the server's half of set-up and waiting. A port collects the offers and one-way messages of every exchange bound to it,
 * orders them by priority and time, and hands them to its receivers.
 *
 * Owner: the process that created it. A port may be used by any thread. Functions return 0 or more, or a negative errno.
 * Callbacks run on the watcher thread without any lock held; they must not block.
 */
#ifndef TPY_CORE_PORT_H
#define TPY_CORE_PORT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/connection.h"
#include "core/exchange.h"

struct tpy_port;

struct tpy_port_ops {
    /* A process connects. Returns 0 and may set *client (the face's record of that connection) and *reply (told to the client), or a
     * negative errno to refuse. NULL: admit the same uid and root only. */
    int (*attach)(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t cookie, void **client, uint64_t *reply);
    /* That connection was closed or its process died, and none of its exchanges is accepted any more. */
    void (*detach)(void *face, void *client);
    /* A client that lingers (struct tpy_offer.linger) asks to be let go. */
    void (*unblock)(void *face, struct tpy_exchange *exchange, uint32_t sequence, void *client);
    /* The client of an accepted exchange died or went away; its finish will give -ESRCH. Return how long (ns, at most 1 s) the exchange
     * should linger as accepted before that. NULL: not at all. */
    int64_t (*lost)(void *face, struct tpy_exchange *exchange, uint32_t sequence, void *client);
    /* After tpy_port_destroy: nothing will call back for this port any more; `face` may be freed. From any thread. */
    void (*closed)(void *face);
    /* A client says something about its exchange (tpy_notify). */
    void (*notified)(void *face, struct tpy_exchange *exchange, void *client, const void *payload, size_t length);
    /* An offer of this priority waits and every receiver is busy. Only with TPY_PORT_BOOST in the port's flags. */
    void (*boost)(void *face, uint8_t priority);
};

#define TPY_PORT_BOOST 0x80000000u
/* Tell clients whom a receiver waits for (TPY_OFFER_NOW). For ports with one receiver at a time. */
#define TPY_PORT_WAITED 0x40000000u

/* flags: told to clients by tpy_connection_port_flags. id out: 1 to TPY_PORTS_MAX, unique in the process, recycled as late as possible. */
int tpy_port_create(const struct tpy_port_ops *ops, void *face, uint32_t flags, struct tpy_port **port, uint32_t *id);

/* Blocked clients and receivers get -ESRCH, later offers -EBADF; the record is freed when its last user leaves. */
int tpy_port_destroy(struct tpy_port *port);

/* Clients whose attach gave this record are served no more: their offers that wait get -ESRCH, later ones -EBADF. Exchanges that are held or
 * accepted go on until they end. */
void tpy_port_refuse(struct tpy_port *port, void *client);

#define TPY_KIND_ANY 255

/* Which messages a receive takes. All zero fields: any. */
struct tpy_filter {
    /* The face's own criterion for messages that are not continuations, NULL: any. A look, no calls back; with the port's lock, or, while the receiver
     * waits, without it, with a client that may be gone by now. Asked for TPY_KIND_ANY: can messages of this client be admitted at all? Those of others
     * do not wake the receiver, so tell the port when what it looks at has changed (tpy_port_look_again). Receivers with the same criterion and argument
     * take turns at waiting for the posts (group.h); the argument may be used for something else when none is left. */
    bool (*admit)(void *argument, void *client, uint8_t kind);
    void *argument;
    struct tpy_connection *while_alive; /* the receive ends with -EHOSTDOWN when this connection's server is gone and nothing admitted is queued */
    struct tpy_exchange *only; /* just this one; -ESRCH when it is no longer bound to the port */
    uint32_t held;             /* with only: held by the turn of this handle, or withdrawn by the client while accepted by it; -ESRCH when the
                                * client no longer goes along */
    pid_t pid;                 /* just this process's */
    uint32_t thread;           /* and just this thread's (its index, from 1) */
    uint32_t kinds;            /* a bit for each kind taken (1u << kind, kinds are 0 to 31); 0: all */
    /* With a unit, a power of two: the receive is also a commit (tpy_commit) of mark + received / unit, in one step with the acceptance; receipt.committed says
     * whether (a message that is not all inline is left to tpy_commit). What was withdrawn is not received then. */
    uint32_t mark_unit;
    uint64_t mark;
};

/* What a receiver gets. A one-way message has exchange == NULL. */
struct tpy_receipt {
    struct tpy_exchange *exchange;
    uint32_t sequence;    /* with exchange: the handle for tpy_pull, tpy_push, tpy_finish */
    uint32_t tag;
    uint8_t kind, priority;
    uint8_t flags;        /* TPY_OFFER_CONTINUE, TPY_OFFER_FDS */
    uint8_t injected;     /* one-way put by tpy_port_inject */
    uint8_t committed;    /* as filter.mark asked */
    int16_t code;         /* one-way */
    uint64_t value;       /* one-way */
    uint64_t send_length; /* bytes the client offers */
    uint64_t room;        /* bytes it has room for */
    uint64_t received;    /* bytes copied to the receiver's parts */
    pid_t pid;
    uint32_t thread;      /* index of the client's thread in its process, from 1 */
    void *client;         /* the face's record from attach; NULL: injected. Of a one-way message the client may be gone by now:
                           * faces keep such records readable */
};

/*
 * Accepts the first message by priority, then time, that the filter admits, and copies its first bytes to the parts.
 * Blocks until the deadline (absolute CLOCK_MONOTONIC ns; 0 polls; TPY_NEVER). -ESRCH port destroyed, -ETIMEDOUT, -EINTR signal,
 * -ECANCELED tpy_thread_cancel, -EFAULT the parts cannot be written (the message stays queued). A one-way message fills
 * no parts: the face writes it. With refuse_oneway_below bytes of room in the parts a one-way message that comes first gives -EFAULT and
 * stays queued. A client whose own part faults gets -EFAULT and the receive goes on with the next.
 */
int tpy_receive(struct tpy_port *port, const struct tpy_filter *filter, const struct iovec *parts, size_t count, size_t refuse_oneway_below,
    int64_t deadline, struct tpy_receipt *receipt);

/* As tpy_receive with this filter, which names just a held exchange (only, held, and perhaps a mark), but takes only an offer that comes within moments,
 * and that is plain; -EAGAIN: it did not, use tpy_receive. Cheaper by the port's lock. Not for ports with TPY_PORT_WAITED or TPY_PORT_BOOST. */
int tpy_receive_held(const struct tpy_filter *filter, const struct iovec *parts, size_t count, struct tpy_receipt *receipt);

/* With TPY_PORT_WAITED: the calling thread is about to receive with this filter, and counts as waiting from now on; so a client that is answered
 * before that receive finds it waiting. The next tpy_receive on the port ends it, or tpy_port_unexpect. One that ends with -EINTR leaves it as it is:
 * receive again, or tpy_port_unexpect. */
void tpy_port_expect(struct tpy_port *port, const struct tpy_filter *filter);
void tpy_port_unexpect(struct tpy_port *port);
/* The word that these two write, for a face that says many times that it takes anybody's: store TPY_WAITS_ANYBODY with release order. */
_Atomic uint64_t *tpy_port_waits(struct tpy_port *port);

/* Puts a one-way message into our own port's queue: first = at the head of its priority. -ENOMEM limits. key lets tpy_port_retract find it. */
int tpy_port_inject(struct tpy_port *port, uint8_t kind, uint8_t priority, int16_t code, uint64_t value, uint32_t tag, int first);
/* Takes back a queued injected message with this code and value; 1 if it was there, else 0. */
int tpy_port_retract(struct tpy_port *port, int16_t code, uint64_t value);

/* Every waiting receiver looks at the queue again. */
void tpy_port_look_again(struct tpy_port *port);

#endif
