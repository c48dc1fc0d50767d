/* held: what a server does with the exchange it holds: it waits for its client's next offer, commits to what it has taken, and turns. */
#ifndef TPY_FLUKE_HELD_H
#define TPY_FLUKE_HELD_H

#include <errno.h>

#include "fluke/message.h"
#include "fluke/port.h"
#include "fluke/transfer.h"

/* The client's next offer; its first bytes go to the parts, and count if `unit` says in what. 0, -ESRCH, -EINTR, -ECANCELED, -ETIMEDOUT. */
static inline int tpy_fluke_next_offer(struct tpy_fluke_server *side, const struct iovec *parts, size_t count, unsigned unit, int64_t deadline,
    struct tpy_receipt *receipt)
{
    struct tpy_filter filter = {.only = side->exchange, .held = side->serial, .mark_unit = unit, .mark = TPY_FLUKE_BEGUN};
    fluke_error_t error;
    struct tpy_port *port = tpy_fluke_core_port(&error);
    int result = port ? tpy_receive(port, &filter, parts, count, 0, deadline, receipt) : -ESRCH;
    if (TPY_LIKELY(result == 0)) tpy_fluke_server_take(side, receipt);
    return result;
}

/* An answer that leaves the connection standing. It may come too late, for an offer that was withdrawn: then the next one comes all the same,
 * or the news that the client is gone. */
static inline int tpy_fluke_turn(struct tpy_fluke_server *side, enum tpy_fluke_answer status, const struct iovec *parts, size_t count)
{
    side->accepted = false;
    return tpy_turn(side->exchange, side->serial, status, parts, count);
}

static inline int tpy_fluke_commit(struct tpy_fluke_server *side, uint64_t count)
{
    return tpy_commit(side->exchange, side->serial, TPY_FLUKE_BEGUN | count);
}

#endif
