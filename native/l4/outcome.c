/*
 * outcome: what comes back to who sent more than two words: the answer of a call, the code of a send; and the turns in between, in which one
 * side waits for pages of the other.
 */
#include "l4/lengthy.h"

#include <errno.h>
#include <string.h>

#include "core/errors.h"
#include "core/fault.h"
#include "core/iov.h"
#include "l4/times.h"

#define ASK_AFTER 20000000ll /* ns: how often we ask while we wait for pages */

void tpy_l4_go_on(struct tpy_l4_lengthy *it)
{
    it->sending.offer.kind |= TPY_L4_GOES_ON;
    it->sending.offer.flags = (it->sending.offer.flags | TPY_OFFER_CONTINUE) & ~TPY_OFFER_NOW;
    it->sending.offer.deadline = TPY_NEVER;
    it->sending.offer.fd_count = 0;
}

/* Every now and then we ask whether the partner still holds it: it may have been cancelled. */
int tpy_l4_await_held(struct tpy_l4_lengthy *it, const struct iovec *parts, size_t count, int64_t time)
{
    unsigned char *flags = &it->head[offsetof(struct tpy_l4_head, flags)];
    int64_t deadline = time > TPY_NEVER - tpy_now() ? TPY_NEVER : tpy_now() + time;
    for (;;) {
        int64_t now = tpy_now(), left = deadline == TPY_NEVER ? TPY_NEVER : deadline > now ? deadline - now : 0;
        int result = tpy_pages_await(parts, count, now + (left < ASK_AFTER ? left : ASK_AFTER));
        if (result == -ECANCELED) tpy_l4_was_cancelled(it->sending.local);
        if (result != -ETIMEDOUT || left <= ASK_AFTER) return result;
        tpy_l4_go_on(it);
        *flags |= TPY_L4_PENDING;
        it->send[0] = (struct iovec){it->head, sizeof(struct tpy_l4_head)};
        it->sending.offer.send_parts = 1;
        it->sending.offer.reply_parts = 0;
        result = tpy_l4_offer_once(&it->sending);
        *flags &= (unsigned char)~TPY_L4_PENDING;
        if (result == -ECANCELED) {
            if (!tpy_l4_was_cancelled(it->sending.local)) continue;
            tpy_hang_up(it->sending.connection); /* the partner waits in the exchange for what will not come */
        }
        if (result != 0 || !it->sending.offer.held) return -ESRCH;
    }
}

unsigned tpy_l4_let_go(struct tpy_l4_lengthy *it, unsigned cancelled)
{
    return tpy_connection_alive(it->sending.connection) == 0 ? cancelled : L4_IPC_ENOT_EXISTENT;
}

/* The parts of an answer, one behind the other. */
struct parcelled {
    const unsigned char *at;
    uint64_t left;
    bool faulted;
};

static bool cut_off(struct parcelled *from, void *to, uint64_t length)
{
    if (length > from->left) return false;
    if (length > 0 && tpy_copy(to, from->at, length) != 0) from->faulted = true;
    from->at += length;
    from->left -= length;
    return true;
}

/* The memory is the partner's too: what is checked has been copied. */
int tpy_l4_take(struct tpy_offer *offer, const void *answer, uint64_t length)
{
    struct tpy_l4_lengthy *it = (struct tpy_l4_lengthy *)((char *)offer - offsetof(struct tpy_l4_lengthy, sending.offer));
    unsigned touched = (unsigned)(offer->status >> TPY_L4_ST_TOUCHED_SHIFT) & 63, extents = (unsigned)(offer->status >> TPY_L4_ST_EXTENTS_SHIFT) & 31;
    uint64_t words = (uint64_t)(offer->status & TPY_L4_ST_DOPE) >> 13 & TPY_L4_WORDS;
    struct parcelled from = {answer, length, false};
    if (touched > it->room.strings || extents > (it->room.window ? TPY_L4_EXTENTS : 0) || words > it->room.words) return -EPROTO;
    uint32_t sizes[TPY_L4_STRINGS];
    bool whole = cut_off(&from, it->sending.result->word, sizeof it->sending.result->word) && cut_off(&from, sizes, touched * sizeof sizes[0]) &&
                 cut_off(&from, &it->table[it->room.strings], extents * sizeof(struct tpy_l4_extent)) &&
                 cut_off(&from, it->more.iov_base, words > 2 ? 8 * (words - 2) : 0);
    for (unsigned i = 0; i < touched && whole; i++)
        whole = (it->table[i] = sizes[i]) <= it->in.string[i].iov_len && cut_off(&from, it->in.string[i].iov_base, sizes[i]);
    return !whole ? -EPROTO : from.faulted ? -EFAULT : 0;
}

/* The answer's flexpages and strings, in our memory. 0 or the receiver's code. */
static unsigned unpack(struct tpy_l4_lengthy *it)
{
    int64_t status = it->sending.offer.status;
    unsigned touched = (unsigned)(status >> TPY_L4_ST_TOUCHED_SHIFT) & 63, extents = (unsigned)(status >> TPY_L4_ST_EXTENTS_SHIFT) & 31;
    uint64_t dope = (uint64_t)(status & TPY_L4_ST_DOPE);
    int fds[TPY_L4_EXTENTS];
    unsigned code = 0;
    if (touched > it->room.strings) touched = it->room.strings;
    if (it->bounce) {
        /* The partner's time for our pages. */
        int64_t time = tpy_l4_fault_time((unsigned)(status >> TPY_L4_ST_FAULT_SHIFT) & 15);
        const char *from = it->bounce;
        for (unsigned i = 0; i < touched && code == 0; from += it->in.string[i++].iov_len) {
            struct iovec part = {it->in.string[i].iov_base, it->table[i] < it->in.string[i].iov_len ? it->table[i] : it->in.string[i].iov_len};
            int fault, there = tpy_l4_await_held(it, &part, 1, time);
            if (there == -ESRCH) code = tpy_l4_let_go(it, L4_IPC_REABORTED);
            else if (there == -ECANCELED) code = L4_IPC_REABORTED;
            else if (there != 0 || tpy_iov_scatter(&part, 1, 0, from, part.iov_len, &fault) < part.iov_len) code = L4_IPC_RESNDPFTO;
        }
    }
    if (status & TPY_L4_ST_MAPS && code == 0) {
        uint64_t words[2 * TPY_L4_PAIRS] = {it->sending.result->word[0], it->sending.result->word[1]};
        uint32_t count = (uint32_t)(dope >> 13) & TPY_L4_WORDS;
        if (count > it->room.words) count = it->room.words;
        if (count > 2 * TPY_L4_PAIRS) count = 2 * TPY_L4_PAIRS;
        int fault, got = tpy_offer_take_fds(it->sending.connection, fds, TPY_L4_EXTENTS);
        if (count > 2) tpy_iov_gather(&it->more, 1, 0, &words[2], (count - 2) * 8, &fault);
        tpy_l4_pairs_read(&it->pairs, words, count);
        int placed = tpy_l4_map_place(it->in.window, &it->pairs, (struct tpy_l4_extent *)&it->table[it->room.strings], extents, fds, got > 0 ? (uint32_t)got : 0);
        if (placed != 0) code = L4_IPC_REMAPFAILED;
    }
    for (unsigned i = 0; i < touched && code == 0; i++)
        if (tpy_l4_incoming_note(&it->in, i, it->table[i]) != 0) code = L4_IPC_RESNDPFTO;
    return code;
}

/* The partner wants to know what became of its answer. */
static void confirm_answer(struct tpy_l4_lengthy *it, unsigned code)
{
    struct tpy_l4_head head = {.word = {code == L4_IPC_RESNDPFTO ? L4_IPC_SESNDPFTO : code == L4_IPC_REMAPFAILED ? L4_IPC_SEMAPFAILED
                                        : code == L4_IPC_REABORTED ? L4_IPC_SEABORTED : 0}};
    memcpy(it->head, &head, sizeof head);
    tpy_l4_go_on(it);
    it->send[0] = (struct iovec){it->head, sizeof head};
    it->sending.offer.send_parts = 1;
    it->sending.offer.reply_parts = 0;
    it->sending.offer.reply_within = 0;
    int error;
    do error = tpy_l4_offer_once(&it->sending);
    while (error == -ECANCELED && !tpy_l4_was_cancelled(it->sending.local));
    if (error != 0) tpy_hang_up(it->sending.connection); /* it was not told: it must not wait for that */
}

unsigned tpy_l4_outcome(struct tpy_l4_lengthy *it)
{
    struct tpy_l4_result *result = it->sending.result;
    int64_t status = it->sending.offer.status;
    if (status & TPY_L4_ST_SENT) {
        unsigned code = (unsigned)status & L4_IPC_ERROR_MASK;
        if (code == 0 && it->out.maps) tpy_l4_map_grant(&it->pairs);
        return tpy_l4_failed(&it->sending, code);
    }
    if (it->out.maps) tpy_l4_map_grant(&it->pairs);
    uint64_t dope = (uint64_t)(status & TPY_L4_ST_DOPE);
    /* No more than there is room for, whatever it says. */
    bool fits = (dope >> 13) <= it->room.words && ((dope >> 8) & 31) <= it->room.strings;
    unsigned code = fits && (it->sending.offer.length >= 16 || (status & L4_IPC_ERROR_MASK)) ? unpack(it) : L4_IPC_REABORTED;
    if ((status & TPY_L4_ST_CONFIRM) && it->sending.offer.held) confirm_answer(it, code);
    if (code != 0) return tpy_l4_failed(&it->sending, code);
    code = (unsigned)status & L4_IPC_ERROR_MASK;
    result->dope = dope;
    if (code != 0 && code != L4_IPC_REMSGCUT) result->dope = code;
    return code;
}
