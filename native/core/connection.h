/*
 * connection: the client's half of the crossing. A connection names a port of some process; each thread that offers on it owns one
 * lane (its half of an exchange), made at that thread's first offer and reused for all later ones, so an offer allocates nothing.
 *
 * Owner: the process. Handles may be used by any thread. Every function returns 0 or more, or a negative errno.
 */
#ifndef TPY_CORE_CONNECTION_H
#define TPY_CORE_CONNECTION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct tpy_connection;

/* What the kernel attests of a process at the other end, and what it told of itself when it connected. */
struct tpy_identity {
    pid_t pid;
    uid_t uid, gid; /* effective, by SO_PEERCRED */
    int pidfd;      /* owned by the core; valid while the peer is known */
    uint64_t link;  /* which link of ours leads there: a number that is never used again, unlike pids and descriptors */
};

/*
 * Connects to port `port` of process `pid` (this one included) and tells its face `tag` and `cookie` (struct tpy_port_ops.attach).
 * -ESRCH no such process or port, -EPERM the port does not admit us, -EAGAIN or -ENOMEM limits, -ETIMEDOUT the server does not
 * answer within 5 s.
 */
int tpy_connection_open(pid_t pid, uint32_t port, uint32_t tag, uint64_t cookie, struct tpy_connection **connection);

/* Ends the connection: threads blocked in an offer on it return -EBADF, later offers too. The record is freed with its last user. */
void tpy_connection_close(struct tpy_connection *connection);
/* The same, and threads that sleep in a receive wake to free what they had for offers on it, which else each does when it next makes or closes
 * something. For a face that is not used in signal handlers: one that receives in the middle of a pulse of its thread would free too much. */
void tpy_connection_bury(struct tpy_connection *connection);
/* Frees what the calling thread has for offers on connections whose server is gone: marks and descriptors of its last offers there, too. */
void tpy_lane_leave_gone(void);

/* The server's answer word given by attach (struct tpy_port_ops), its port flags, and who it is. */
uint64_t tpy_connection_reply(const struct tpy_connection *connection);
uint32_t tpy_connection_port_flags(const struct tpy_connection *connection);
struct tpy_identity tpy_connection_peer(const struct tpy_connection *connection);
/* 0 while the server lives and the port exists, else -ESRCH. */
int tpy_connection_alive(const struct tpy_connection *connection);
/* Called once from the watcher thread when the server dies or destroys the port (not on our own close). */
void tpy_connection_on_gone(struct tpy_connection *connection, void (*gone)(void *), void *argument);

/* States a deadline or a signal may strike in (struct tpy_offer.strike). */
#define TPY_STRIKE_SEND 1u    /* before the server accepted */
#define TPY_STRIKE_REPLY 2u   /* after it accepted */
#define TPY_STRIKE_BOTH 3u

#define TPY_OFFER_UNSIGNALLED 0x10000u /* signals do not end it */
/* Acceptance is not yet the end of the sending: the server says when it is (tpy_confirm). */
#define TPY_OFFER_CONFIRMED 0x20000u
/* Tell exactly how far it came (reached): a cancel then first tries to withdraw it. */
#define TPY_OFFER_STAGED 0x40000u
/* Only to a receiver that waits at this moment and takes it: else -ETIMEDOUT at once. For ports with TPY_PORT_WAITED. A receiver that sleeps
 * waits, however long its wake-up takes. */
#define TPY_OFFER_NOW 0x80000u

/* How far an offer came (struct tpy_offer.reached). */
#define TPY_REACHED_NOTHING 0u
#define TPY_REACHED_ACCEPTED 1u
#define TPY_REACHED_CONFIRMED 2u /* without TPY_OFFER_CONFIRMED acceptance counts as confirmation */

/* The server's progress is counted (tpy_commit): `mark` tells how far it was, exactly, when the offer ended. An offer that was withdrawn
 * (-EINTR, -ECANCELED, -ETIMEDOUT) leaves the exchange with its holder, if mark says that it has one: TPY_OFFER_CONTINUE goes on with it. Only
 * with TPY_STRIKE_BOTH, and not with _CONFIRMED, _STAGED or _NOW: what ends an offer before its acceptance alone does not ask for the mark. */
#define TPY_OFFER_ACCOUNTED 0x100000u

/* No reply window: `take` puts the answer where it belongs, which is of `room` bytes at most (and they of TPY_INLINE). It reads from memory that the
 * server can still write to; `status` is set. It returns 0, or a negative errno, which the offer gives then. */
#define TPY_OFFER_TAKEN 0x200000u

struct tpy_offer {
    /* in */
    const struct iovec *send;  /* the send window, gathered; parts are read only when the server pulls them */
    size_t send_parts;
    const struct iovec *reply; /* the reply window, scattered */
    size_t reply_parts;
    int64_t deadline;          /* absolute CLOCK_MONOTONIC ns, or TPY_NEVER; in the past: strikes at once */
    uint32_t tag;              /* seen by the server */
    uint8_t kind;              /* the face's; seen by the server */
    uint8_t priority;
    uint8_t strike;            /* states in which the deadline ends the offer */
    uint8_t linger;            /* states in which deadline, signal or cancel do not end the offer, but ask the server (ops.unblock) */
    const int *fds;            /* descriptors to go with it */
    uint32_t fd_count;
    uint32_t flags;            /* TPY_OFFER_CONTINUE, _UNSIGNALLED, _CONFIRMED, _STAGED, _NOW, or 0 */
    int (*take)(struct tpy_offer *offer, const void *answer, uint64_t length); /* with TPY_OFFER_TAKEN */
    uint64_t room;
    int64_t reply_within;      /* ns from the confirmation (TPY_REACHED_CONFIRMED) until -ETIMEDOUT, whatever strike says; 0: any time */
    /* out */
    int64_t status;            /* the server's, when the result is 0 */
    uint64_t length;           /* bytes written to the reply window by the finish */
    uint32_t held;             /* 1: the server holds the exchange: go on with TPY_OFFER_CONTINUE */
    int struck;                /* ETIMEDOUT or EINTR: why a lingering offer asked the server; else 0 */
    uint64_t mark;             /* with TPY_OFFER_ACCOUNTED, on a failure: the server's last commit, 0 if there was none (else tpy_offer_mark) */
    uint32_t reached;          /* TPY_REACHED_*; on a failure exact only with TPY_OFFER_STAGED */
};

/*
 * Offers and blocks until the server finishes. 0, or: the error the server finished with (tpy_finish_error), -EBADF closed here, or the
 * server had died or destroyed the port before the call, -ESRCH it did so meanwhile, -ETIMEDOUT, -EINTR signal, -ECANCELED tpy_thread_cancel, -EFAULT a part that was needed
 * could not be accessed, -EOVERFLOW the sum of a window's parts, -EAGAIN or -ENOMEM limits (first offer of a thread).
 */
int tpy_offer(struct tpy_connection *connection, struct tpy_offer *offer);

/* The server's last commit (tpy_commit) of the calling thread's last offer, however that ended; 0: none. */
uint64_t tpy_offer_mark(struct tpy_connection *connection);

/* Ends the hold of the calling thread's exchange, if any server thread holds it, without waiting: that thread's receive, turn, pull and push give
 * -ESRCH. A fresh offer does the same. 0, or -EBADF. */
int tpy_hang_up(struct tpy_connection *connection);

/* Says something (at most 64 bytes) to the server about the calling thread's exchange (struct tpy_port_ops.notified). Never blocks. 0, -EBADF no
 * exchange yet or the server is gone, -EAGAIN. */
int tpy_notify(struct tpy_connection *connection, const void *payload, size_t length);

/* Descriptors that came with the last answer (tpy_give_fds) to this thread on this connection: takes them over. Returns how many. */
int tpy_offer_take_fds(struct tpy_connection *connection, int *fds, uint32_t room);

/* Puts a one-way message and does not block. -EAGAIN: TPY_ONEWAY_SLOTS of this thread wait already. -EBADF, -ESRCH as above. */
int tpy_oneway(struct tpy_connection *connection, uint8_t kind, uint8_t priority, int16_t code, uint64_t value, uint32_t tag);

#endif
