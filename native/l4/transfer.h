/*
 * transfer: the steps of an IPC that both halves use. Each returns an error code of the documented kind (0, or L4_IPC_E...).
 *
 * Layers inside the gate: ipc.c (the documented functions) over send.c, answer.c and receive.c, these over message, map, partner, callers.
 */
#ifndef TPY_L4_TRANSFER_H
#define TPY_L4_TRANSFER_H

#include <l4/sys/ipc.h>

#include "core/connection.h"
#include "core/exchange.h"
#include "core/pages.h"
#include "core/port.h"
#include "core/brief.h"
#include "l4/callers.h"
#include "l4/local.h"
#include "l4/map.h"
#include "l4/message.h"
#include "l4/wire.h"

/* Sends to dest, and with `call` receives the answer. out and in are the descriptors (in: L4's NIL if not a call). */
unsigned tpy_l4_offer(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0, uint64_t word1, bool call, void *receive,
    uint32_t timeout, struct tpy_l4_result *result);

/* Answers a caller that waits for us. -1: it does not wait any more; else a code. next: the filter of the receive that follows at once (all zero:
 * open), for which we count as waiting when the caller returns; NULL: none follows. */
int tpy_l4_answer(struct tpy_l4_local *local, const struct tpy_l4_caller *caller, const struct tpy_filter *next, const void *send, uint64_t word0,
    uint64_t word1, uint32_t timeout, struct tpy_l4_result *result);

/* Receives from anybody (from 0), or from the one thread. `filter` is NULL or names it. timeout_fault: the
 * rcv_pfault of our timeout word. */
unsigned tpy_l4_accept(struct tpy_l4_local *local, uint64_t from, const struct tpy_filter *filter, void *receive, uint32_t timeout_fault,
    int64_t deadline, struct tpy_l4_result *result);

/* What came of one tpy_receive into the head. TPY_L4_AGAIN: nothing, wait on. */
#define TPY_L4_AGAIN (~0u)
unsigned tpy_l4_accepted(struct tpy_l4_local *local, uint64_t from, int got, const struct tpy_receipt *receipt, const struct tpy_l4_start *start,
    void *receive, uint32_t timeout_fault, struct tpy_l4_result *result);

/* As tpy_l4_answer, of few words (message.h) to a caller that is not LONG. */
int tpy_l4_answer_few(struct tpy_l4_local *local, const struct tpy_l4_caller *caller, const struct tpy_filter *next, uint64_t word0, uint64_t word1,
    const l4_umword_t *more, uint32_t words);
/* A call of few words, with room for words only, and no time bounds. TPY_L4_AGAIN: it is something else, or was not made. */
unsigned tpy_l4_call_few(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive,
    struct tpy_l4_result *result);

/* The words of a short message beyond the first two, which the result has already. 0, or what is to be returned. */
unsigned tpy_l4_take_few(const struct tpy_receipt *receipt, const struct tpy_l4_start *start, void *receive, struct tpy_l4_result *result);

/* What came of a tpy_offer_two, unless all went well: a code, or TPY_L4_AGAIN: it was not made. */
unsigned tpy_l4_offered(struct tpy_l4_local *local, const struct tpy_two *two, bool call, int error, struct tpy_l4_result *result);

/* ---- Shared parts --------------------------------------------------------------------------------------------------------------- */

/* Pages that do not come: 0, or what the core says (-EFAULT, -ETIMEDOUT, -ECANCELED). time: ns, 0 at once, TPY_NEVER. With an exchange:
 * -ESRCH when its client does not want it any more. */
int tpy_l4_await(const struct iovec *parts, size_t count, bool write, int64_t time, struct tpy_exchange *exchange, uint32_t sequence);
/* tpy_pull, of a message that is at least as long as that: 0 or -errno. A cancel that was meant for an earlier IPC does not end it. */
ssize_t tpy_l4_pull(struct tpy_l4_local *local, struct tpy_exchange *exchange, uint32_t sequence, uint64_t offset, const struct iovec *parts, size_t count,
    uint64_t length);
/* Are all pages of the strings there, to be read, or with `write` to be written? */
static inline bool tpy_l4_present(const struct iovec *parts, size_t count, bool write) { return tpy_pages_touch(parts, count, write) == 0; }

/* The layout of the reply window of a call. */
struct tpy_l4_room {
    uint32_t words, strings;
    bool window;
    uint64_t table, extents, more, end; /* offsets: sizes, extents, words from the third on, first string */
};
static inline void tpy_l4_room_set(struct tpy_l4_room *room, uint32_t words, uint32_t strings, bool window)
{
    room->words = words;
    room->strings = strings;
    room->window = window;
    room->table = 16;
    room->extents = room->table + 8ull * strings;
    room->more = room->extents + (window ? TPY_L4_EXTENTS * sizeof(struct tpy_l4_extent) : 0);
    room->end = room->more + 8ull * (words - 2);
}

/* The words of a flexpage message, as far as flexpages can stand in them. */
struct tpy_l4_map_words {
    uint32_t count;
    uint64_t word[2 * TPY_L4_PAIRS];
};
int tpy_l4_map_words(struct tpy_l4_map_words *words, const struct tpy_l4_outgoing *out);

#endif
