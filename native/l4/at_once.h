/*
 * at_once: IPC of two words each way, straight into the core: the common case of a client and of a server. In line, for each face of ipc.c. What turns
 * out to be anything else goes on in the functions there.
 */
#ifndef TPY_L4_AT_ONCE_H
#define TPY_L4_AT_ONCE_H

#include <errno.h>
#include <string.h>

#include "core/brief.h"
#include "l4/partner.h"
#include "l4/transfer.h"

static inline bool tpy_l4_is_nil(const void *descriptor) { return (uintptr_t)descriptor == TPY_L4_NIL; }

/* A receive from one thread alone. */
struct closed {
    struct tpy_l4_reach reach;
    struct tpy_filter filter;
};

static inline void take_only(struct closed *closed)
{
    closed->filter = (struct tpy_filter){.while_alive = closed->reach.connection, .pid = closed->reach.pid, .thread = closed->reach.thread};
}

enum came { TWO_WORDS, FEW_WORDS, TOLD, NOTHING };

/* Where two words may go at once, with or without two back: to a partner used before, who waits for no answer of ours, for as long as it takes. NULL: go
 * the long way. */
static inline __attribute__((always_inline)) struct tpy_connection *at_once(struct tpy_l4_local *local, uint64_t dest, const void *send, uint32_t timeout)
{
    if (TPY_UNLIKELY(!local || dest == 0 || ((uintptr_t)send | timeout) != 0)) return NULL;
    if (TPY_UNLIKELY(local->callers.last.id == dest || local->callers.count != 0)) return NULL;
    return tpy_l4_partner_connection(local, dest);
}

/* TWO_WORDS: the answer's are in `two`. TOLD: the result says what happened. NOTHING was done. */
static inline __attribute__((always_inline)) enum came call_at_once(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0,
    uint64_t word1, const void *receive, uint32_t timeout, struct tpy_two *two, struct tpy_l4_result *result)
{
    struct tpy_connection *connection = receive ? NULL : at_once(local, dest, send, timeout);
    if (TPY_UNLIKELY(!connection)) return NOTHING;
    two->room = TPY_TWO;
    tpy_l4_enter(local);
    int error = tpy_offer_two(connection, word0, word1, TPY_L4_CALL, local->tag, two);
    enum came came = TWO_WORDS;
    if (TPY_UNLIKELY(error != 0 || two->status != (int64_t)tpy_l4_dope(2, 0, 0) || two->length != TPY_TWO)) {
        memcpy(result->word, two->word, sizeof result->word);
        came = tpy_l4_offered(local, two, true, error, result) == TPY_L4_AGAIN ? NOTHING : TOLD;
    }
    tpy_l4_leave(local);
    return came;
}

/* A sending alone: a code, or TPY_L4_AGAIN: nothing was done. */
static inline __attribute__((always_inline)) unsigned send_at_once(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0,
    uint64_t word1, uint32_t timeout, struct tpy_l4_result *result)
{
    struct tpy_connection *connection = at_once(local, dest, send, timeout);
    if (TPY_UNLIKELY(!connection)) return TPY_L4_AGAIN;
    struct tpy_two two;
    two.room = 0;
    result->source = dest;
    tpy_l4_enter(local);
    int error = tpy_offer_two(connection, word0, word1, 0, local->tag, &two);
    unsigned code = 0;
    if (TPY_LIKELY(error == 0 && two.status == TPY_L4_ST_SENT)) result->dope = 0;
    else code = tpy_l4_offered(local, &two, false, error, result);
    tpy_l4_leave(local);
    return code;
}

/* Waits for anybody after an answer: TWO_WORDS or FEW_WORDS came from `source`, the first two of them in `words` (the dope of FEW is in the result), or
 * TOLD. Ends the IPC. */
static inline __attribute__((always_inline)) enum came wait_at_once(struct tpy_l4_local *local, void *receive, uint32_t timeout, uint64_t words[2],
    uint64_t *source, struct tpy_l4_result *result)
{
    struct tpy_l4_caller *last = &local->callers.last;
    struct tpy_l4_start start;
    struct tpy_receipt receipt;
    const struct iovec in = {&start, sizeof start};
    int got = tpy_receive(local->port, NULL, &in, 1, 0, TPY_NEVER, &receipt);
    unsigned code = 0;
    if (TPY_LIKELY(got == 0 && receipt.kind == TPY_L4_CALL && receipt.received >= sizeof start.head.word)) {
        bool two = receipt.received == sizeof start.head.word;
        if (two || TPY_LIKELY((code = tpy_l4_take_few(&receipt, &start, receive, result)) == 0)) {
            *source = tpy_l4_source(receipt.client, receipt.tag);
            words[0] = start.head.word[0];
            words[1] = start.head.word[1];
            last->id = *source; /* empty since we answered */
            last->exchange = receipt.exchange;
            last->sequence = receipt.sequence;
            last->tag = receipt.tag;
            last->kind = tpy_l4_caller_kind(TPY_L4_CALL, receipt.room);
            tpy_l4_leave(local);
            return two ? TWO_WORDS : FEW_WORDS;
        }
        result->word[0] = start.head.word[0];
        result->word[1] = start.head.word[1];
        result->source = tpy_l4_source(receipt.client, receipt.tag);
    } else code = tpy_l4_accepted(local, 0, got, &receipt, &start, receive, (timeout >> 8) & 15, result);
    if (TPY_UNLIKELY(code == TPY_L4_AGAIN)) tpy_l4_accept(local, 0, NULL, receive, (timeout >> 8) & 15, TPY_NEVER, result);
    tpy_l4_leave(local);
    return TOLD;
}

/* Waits for one thread, for as long as it takes: TWO_WORDS came; TOLD; or NOTHING was done. */
static inline __attribute__((always_inline)) enum came receive_at_once(struct tpy_l4_local *local, uint64_t from, void *receive, uint32_t timeout,
    uint64_t words[2], struct tpy_l4_result *result)
{
    struct closed closed;
    if (TPY_UNLIKELY(!local || from == 0 || ((uintptr_t)receive | timeout) != 0 || !tpy_l4_partner_known(local, from, &closed.reach))) return NOTHING;
    take_only(&closed);
    struct tpy_l4_start start;
    struct tpy_receipt receipt;
    const struct iovec in = {&start, sizeof start};
    tpy_l4_enter(local);
    int got = tpy_receive(local->port, &closed.filter, &in, 1, 0, TPY_NEVER, &receipt);
    if (TPY_LIKELY(got == 0 && receipt.kind == 0 && receipt.received == sizeof start.head.word && tpy_l4_source(receipt.client, receipt.tag) == from) &&
        TPY_LIKELY(tpy_finish_none(receipt.exchange, receipt.sequence, TPY_L4_ST_SENT) != -ESRCH)) { /* ESRCH: it gave up at this moment */
        words[0] = start.head.word[0];
        words[1] = start.head.word[1];
        tpy_l4_leave(local);
        return TWO_WORDS;
    }
    result->dope = 0;
    if (tpy_l4_accepted(local, from, got, &receipt, &start, receive, 0, result) == TPY_L4_AGAIN)
        tpy_l4_accept(local, from, &closed.filter, receive, 0, TPY_NEVER, result);
    tpy_l4_leave(local);
    return TOLD;
}

/* The same for a server: TWO_WORDS came from `source`, or TOLD, or NOTHING was done, not even the answer. */
static inline __attribute__((always_inline)) enum came serve_at_once(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0,
    uint64_t word1, void *receive, uint32_t timeout, uint64_t words[2], uint64_t *source, struct tpy_l4_result *result)
{
    struct tpy_l4_caller *last = &local->callers.last;
    if (TPY_UNLIKELY(!local || dest == 0 || last->id != dest || send != L4_IPC_SHORT_MSG || tpy_l4_is_nil(receive) || (timeout & 15) != 0)) return NOTHING;
    tpy_l4_enter(local);
    last->id = 0;
    atomic_store_explicit(local->waits, TPY_WAITS_ANYBODY, memory_order_release); /* whoever gets the answer must find us waiting in turn */
    int ended = tpy_finish_two(last->exchange, last->sequence, (int64_t)tpy_l4_dope(2, 0, 0), word0, word1);
    if (TPY_UNLIKELY(ended != 0)) {
        tpy_port_unexpect(local->port);
        if (ended != -ESRCH) result->dope = ended == -EFAULT ? L4_IPC_SESNDPFTO : L4_IPC_SERCVPFTO;
        tpy_l4_leave(local);
        return ended == -ESRCH ? NOTHING : TOLD; /* it waits no more: an ordinary send */
    }
    return wait_at_once(local, receive, timeout, words, source, result);
}

#endif
