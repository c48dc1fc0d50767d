/*
 * stream: windows beyond the inline part, as the server's side sees them. Pulled bytes come through the send ring that the client fills while
 * it waits, or straight from a sleeping client's memory; pushed bytes go as records into the reply ring, and, where the client does
 * not take them, into a memory object of their own (spill). No push waits longer than a moment for a client that does not run.
 */
#ifndef TPY_CORE_STREAM_H
#define TPY_CORE_STREAM_H

#include "core/exchange_record.h"

/* All with the exchange's lock; -ESTALE: given back for a visit of the watcher, and the offer is over now. `done` bytes of the parts are filled already; copies window bytes [offset + done, offset + size). Returns size
 * or -EFAULT, -TPY_ESRVRFAULT, -ESRCH; the pull -ECANCELED too. */
ssize_t tpy_stream_pull(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count, uint64_t done, uint64_t size);
ssize_t tpy_stream_push(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count, uint64_t size);
/* Hands the spill to the client; 0 or -errno. */
int tpy_stream_spill_over(struct tpy_exchange *exchange);
/* The stream words of a new sequence, when its offer is collected. */
void tpy_stream_reset(struct tpy_exchange *exchange);

/* Sets HELP in the answer word, and wakes the client if it sleeps. */
void tpy_stream_nudge(struct tpy_exchange *exchange);

/* Both sides copy at once, a chunk apart: small enough that neither waits long at the ends, large enough that telling costs little. */
#define TPY_CHUNK_LEAST (8u * 1024u)
#define TPY_CHUNK_MOST (32u * 1024u)
static inline uint64_t tpy_chunk(uint64_t length)
{
    return length / 8 < TPY_CHUNK_LEAST ? TPY_CHUNK_LEAST : length / 8 > TPY_CHUNK_MOST ? TPY_CHUNK_MOST : length / 8;
}
static inline uint64_t tpy_record_size(uint64_t length) { return sizeof(struct tpy_push_record) + ((length + 15) & ~(uint64_t)15); }

#endif
