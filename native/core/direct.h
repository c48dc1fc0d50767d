/*
 * direct: a transfer's server reads its client's memory by itself: of a client that sleeps, or has not moved for a while. A page of the client's
 * that a pager keeps away would hold the reader in the kernel, where nothing ends it; so who reads asks first whether the pages are there, and
 * leaves those that are not to a helper (pages.h).
 *
 * Owner: the thread that transfers.
 */
#ifndef TPY_CORE_DIRECT_H
#define TPY_CORE_DIRECT_H

#include "core/exchange_record.h"
#include "core/pages.h"

struct tpy_seen { /* addresses of the client's whose pages were there at the last look */
    uint64_t from, to;
};
struct tpy_direct {
    int pagemap;               /* of the client; -1: not opened yet, -2: it tells nothing */
    struct tpy_seen list, bytes;
    struct tpy_pages_job *job; /* a helper brings what lies from `missing` on */
    uint64_t missing;          /* or has just brought it */
};
#define TPY_DIRECT_BEGIN {.pagemap = -1}

/* As tpy_stream_pull; *done goes on with what has been copied. -EPERM, -ENOSYS: not allowed here; -EAGAIN: a page is away, and this thread is notified when it has come: ask again. */
ssize_t tpy_direct_pull(struct tpy_direct *direct, struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count, uint64_t *done,
    uint64_t size);
void tpy_direct_end(struct tpy_direct *direct);

#endif
