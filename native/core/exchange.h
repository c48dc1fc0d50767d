/*
 * exchange: the server's half of one client thread's exchange: the private state machine that decides (docs/exchange.md). Records are
 * static in number, found by a small index, and never freed, so that a stale or forged handle is answered, not followed.
 *
 * A handle is (exchange, sequence). Any thread of the server may use it; operations on one exchange are serialised.
 */
#ifndef TPY_CORE_EXCHANGE_H
#define TPY_CORE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct tpy_exchange;

/* Exchanges a process can serve at once: client threads times ports. */
#define TPY_EXCHANGES_MAX 4096u

/* Index 0 to TPY_EXCHANGES_MAX - 1 and back; NULL beyond. */
uint32_t tpy_exchange_index(const struct tpy_exchange *exchange);
struct tpy_exchange *tpy_exchange_at(uint32_t index);
/* Sequences have 27 bits and grow by one with each message of that client thread on that port. */

/*
 * Copies bytes of the client's send window, from offset on, to the parts. Returns the count, clipped to the window; 0 past its end.
 * -ESRCH not accepted (any more), -EFAULT the client's part cannot be read, -ESRVRFAULT (TPY_ESRVRFAULT) our own part
 * cannot be written, -ECANCELED tpy_thread_cancel while it waits for the client. The exchange stays accepted whatever comes back.
 */
ssize_t tpy_pull(struct tpy_exchange *exchange, uint32_t sequence, uint64_t offset, const struct iovec *parts, size_t count);
/* Copies the parts into the client's reply window at offset; the client has them when its offer returns. As tpy_pull, but no cancel ends it: it
 * does not wait for a client that does not run, and for none at all while one is pending. */
ssize_t tpy_push(struct tpy_exchange *exchange, uint32_t sequence, uint64_t offset, const struct iovec *parts, size_t count);

/* Tells a client that asked for it (TPY_OFFER_CONFIRMED) that all it sent is here. 0 or -ESRCH. */
int tpy_confirm(struct tpy_exchange *exchange, uint32_t sequence);

/*
 * Ends the exchange: pushes the parts at 0 and lets the client return status. Never blocks. Exactly one finish succeeds. 0 or
 * -ESRCH (not accepted, already finished, the client gave up or is gone), -EFAULT the client's room faults (where that is known),
 * TPY_ESRVRFAULT our parts fault: either way the exchange is over, and the client gets the same error.
 */
int tpy_finish(struct tpy_exchange *exchange, uint32_t sequence, int64_t status, const struct iovec *parts, size_t count);
/* Ends it with a positive errno that the client's offer returns negated. */
int tpy_finish_error(struct tpy_exchange *exchange, uint32_t sequence, int error);
/* As tpy_finish, but the exchange stays ours: the client's next offer (TPY_OFFER_CONTINUE) comes only to a receive that filters for it. So it does
 * when the turn comes too late (-ESRCH), for an offer that the client has withdrawn but whose exchange it keeps. */
int tpy_turn(struct tpy_exchange *exchange, uint32_t sequence, int64_t status, const struct iovec *parts, size_t count);
/*
 * Says how far the server is with this offer: a number of the face's, below 2^36, that an offer with TPY_OFFER_ACCOUNTED finds in `mark` however
 * it ends. 0, or -ESRCH: the client has withdrawn the offer (or is gone), and what was done since the last commit does not count.
 */
int tpy_commit(struct tpy_exchange *exchange, uint32_t sequence, uint64_t mark);
/* Gives up an exchange held since tpy_turn: the client's next TPY_OFFER_CONTINUE, or the one already waiting, gets -ESRCH. */
void tpy_release(struct tpy_exchange *exchange, uint32_t sequence);

/* Descriptors that came with the offer: takes them over (CLOEXEC), returns how many, at most room; surplus ones are closed. */
int tpy_take_fds(struct tpy_exchange *exchange, uint32_t sequence, int *fds, uint32_t room);
/* Sends descriptors that arrive with the finish. */
int tpy_give_fds(struct tpy_exchange *exchange, uint32_t sequence, const int *fds, uint32_t count);

struct tpy_exchange_info {
    pid_t pid;
    uid_t uid, gid;
    uint32_t thread;
    uint32_t tag;
    uint8_t kind, priority;
    uint64_t send_length, room, received;
    void *client;
    struct tpy_port *port;
    int unblock_requested;
};
/* 0, or -ESRCH unless accepted. */
int tpy_exchange_info(struct tpy_exchange *exchange, uint32_t sequence, struct tpy_exchange_info *info);
/* The link to the client that the holder of this handle serves, accepted or held (tpy_identity.link); 0: it is no longer good. */
uint64_t tpy_exchange_link(struct tpy_exchange *exchange, uint32_t sequence);
/* Sends a payload (at most 64 bytes) to the handler that a client process registered with tpy_on_deliver. link: tpy_identity.link, so that it never
 * reaches another process that has its pid now; 0: any of that pid. -ESRCH when there is none. Never blocks: -EAGAIN. */
int tpy_deliver(pid_t pid, uint64_t link, uint64_t face, const void *payload, size_t length);
/* Whether that link lives. */
bool tpy_client_linked(pid_t pid, uint64_t link);
/* Runs on the watcher, no lock held. face 0 to 7. */
struct tpy_identity;
void tpy_on_deliver(uint64_t face, void (*handler)(const struct tpy_identity *from, const void *payload, size_t length));

#endif
