/*
 * receive: the receiver's half of an IPC: it accepts an offer at its own port, takes what the sender's windows hold into the caller's
 * buffers, and lets the sender go, or keeps its exchange open if it called.
 */
#include <errno.h>
#include <string.h>

#include "core/errors.h"
#include "l4/directory.h"
#include "l4/times.h"
#include "l4/transfer.h"

#define PATIENCE 500000000ll /* ns beyond its page-fault time that a sender gets to come back with its pages */

struct arrival {
    struct tpy_l4_local *local;
    struct tpy_l4_result *result;
    struct tpy_receipt receipt;
    struct tpy_l4_head head;
    struct tpy_l4_incoming in;
    uint64_t source;
    uint32_t sizes[2 * TPY_L4_STRINGS];
    struct tpy_l4_extent extent[TPY_L4_EXTENTS];
    uint64_t more, strings; /* where the words from the third on, and the strings, begin in the window */
    uint32_t timeout_fault; /* our own rcv_pfault */
};

/* The sender learns `theirs`, we return `ours`; counts are zero. */
static unsigned give_up(struct arrival *it, unsigned theirs, unsigned ours)
{
    if (theirs) tpy_finish(it->receipt.exchange, it->receipt.sequence, TPY_L4_ST_SENT | theirs, NULL, 0);
    it->result->dope = ours;
    return ours;
}

/* A copy or a wait failed. */
static unsigned broken(struct arrival *it, ssize_t error)
{
    switch (error) {
    case -EFAULT: return give_up(it, L4_IPC_SERCVPFTO, L4_IPC_RERCVPFTO);
    case -TPY_ESRVRFAULT: return give_up(it, L4_IPC_SESNDPFTO, L4_IPC_RESNDPFTO);
    case -ECANCELED: return give_up(it, L4_IPC_SEABORTED, L4_IPC_REABORTED);
    case -ESRCH: /* the sender was cancelled, or is gone */
        return give_up(it, 0, tpy_l4_directory_alive(it->source) == 0 ? L4_IPC_REABORTED : L4_IPC_ENOT_EXISTENT);
    default: return give_up(it, L4_IPC_SEABORTED, L4_IPC_REABORTED);
    }
}

static ssize_t pull(struct arrival *it, uint64_t offset, void *to, size_t length)
{
    struct iovec part = {to, length};
    return tpy_l4_pull(it->local, it->receipt.exchange, it->receipt.sequence, offset, &part, 1, length);
}

/* Reads the table behind the head, of which some may be here, and checks that the window is what they say. 0 or -errno. */
static ssize_t read_table(struct arrival *it, const uint32_t *here, size_t here_count)
{
    struct tpy_l4_head *head = &it->head;
    uint64_t at = sizeof *head, end;
    if (it->receipt.received < sizeof *head || head->words < 2 || head->words > TPY_L4_WORDS || head->strings > TPY_L4_STRINGS ||
        head->room_strings > TPY_L4_STRINGS || head->extents > TPY_L4_EXTENTS)
        return -EPROTO;
    size_t count = head->strings + head->room_strings, sizes = count * sizeof it->sizes[0], extents = head->extents * sizeof it->extent[0];
    ssize_t result = 0;
    if (count <= here_count)
        for (size_t i = 0; i < count; i++) it->sizes[i] = here[i];
    else result = pull(it, at, it->sizes, sizes);
    if (result == 0) result = pull(it, at + sizes, it->extent, extents);
    if (result != 0) return result;
    it->more = at + sizes + extents;
    it->strings = end = it->more + 8ull * (head->words - 2);
    for (uint32_t i = 0; i < head->strings; i++) {
        if (it->sizes[i] > L4_STRING_MAX + 1) return -EPROTO;
        end += it->sizes[i];
    }
    bool whole = !(head->flags & (TPY_L4_PENDING | TPY_L4_FAILED | TPY_L4_ABORTED));
    return !whole || end == it->receipt.send_length ? 0 : -EPROTO;
}

/* Pages of the sender's strings are not there: it may bring them in our page-fault time, and comes back. 0 or a code. */
static unsigned wait_for_pages(struct arrival *it)
{
    int64_t time = tpy_l4_fault_time(it->timeout_fault), deadline = TPY_NEVER;
    struct iovec part = {&it->head, sizeof it->head};
    struct tpy_filter held = {.only = it->receipt.exchange};
    if (time != TPY_NEVER) deadline = tpy_l4_deadline(time + PATIENCE);
    int result;
    do { /* it asks while it waits, and then comes with what is missing */
        held.held = it->receipt.sequence;
        if (tpy_turn(held.only, held.held, TPY_L4_ST_GO | (int64_t)it->timeout_fault << TPY_L4_ST_FAULT_SHIFT, NULL, 0) != 0) {
            tpy_release(held.only, held.held); /* a turn that comes too late keeps the exchange */
            return broken(it, -ESRCH);
        }
        do
            result = tpy_receive(it->local->port, &held, &part, 1, 0, deadline, &it->receipt);
        while (result == -EINTR || (result == -ECANCELED && !tpy_l4_was_cancelled(it->local)));
    } while (result == 0 && (it->head.flags & TPY_L4_PENDING));
    if (result == 0) {
        if (it->head.flags & TPY_L4_ABORTED) return give_up(it, L4_IPC_SEABORTED, L4_IPC_REABORTED);
        if (it->head.flags & TPY_L4_FAILED && !(it->head.flags & TPY_L4_MAPS)) return give_up(it, L4_IPC_SERCVPFTO, L4_IPC_RERCVPFTO);
        ssize_t table = read_table(it, NULL, 0);
        return table == 0 ? 0 : broken(it, table);
    }
    tpy_release(held.only, held.held);
    if (result == -ETIMEDOUT) return give_up(it, 0, L4_IPC_RERCVPFTO);
    return result == -ECANCELED ? give_up(it, 0, L4_IPC_REABORTED) : broken(it, -ESRCH);
}

/* Flexpages. *cut is set if there is nowhere to put them. 0 or a code. */
static unsigned take_pages(struct arrival *it, bool *cut, uint64_t *flags)
{
    const struct tpy_l4_head *head = &it->head;
    uint64_t word[2 * TPY_L4_PAIRS] = {head->word[0], head->word[1]};
    struct tpy_l4_pairs pairs;
    int fds[TPY_L4_EXTENTS];
    uint32_t count = head->words < 2 * TPY_L4_PAIRS ? head->words : 2 * TPY_L4_PAIRS;
    ssize_t result = count > 2 ? pull(it, it->more, &word[2], 8ull * (count - 2)) : 0;
    if (result != 0) return broken(it, result);
    tpy_l4_pairs_read(&pairs, word, count);
    if (pairs.count == 0) return 0;
    int got = tpy_take_fds(it->receipt.exchange, it->receipt.sequence, fds, TPY_L4_EXTENTS);
    if (it->in.window == 0) { /* nowhere to put them: the words arrive, the pages do not */
        *cut = true;
        if (got > 0) tpy_l4_map_place(0, &pairs, it->extent, 0, fds, (uint32_t)got);
        return 0;
    }
    int placed = head->flags & TPY_L4_FAILED ? -EFAULT : tpy_l4_map_place(it->in.window, &pairs, it->extent, head->extents, fds, got > 0 ? (uint32_t)got : 0);
    if (placed != 0) return give_up(it, L4_IPC_SEMAPFAILED, L4_IPC_REMAPFAILED);
    *flags |= TPY_L4_FPAGE_RECEIVED;
    return 0;
}

/* Words, then strings, one buffer each, until one does not fit: one run of bytes in the sender's window. */
static unsigned take(struct arrival *it, uint32_t *words, uint32_t *strings, bool *cut)
{
    struct iovec part[1 + TPY_L4_STRINGS];
    uint32_t room = it->in.words, whole = 0, count = 1;
    uint64_t length;
    *words = it->head.words;
    if (*words > room) {
        *words = room;
        *cut = true;
    }
    part[0] = (struct iovec){it->in.more + 2, length = 8ull * (*words - 2)};
    for (; whole < it->head.strings && !*cut; whole += !*cut) {
        if (whole >= it->in.strings) {
            *cut = true;
            break;
        }
        part[count] = it->in.string[whole];
        if (it->sizes[whole] > part[count].iov_len) *cut = true;
        else part[count].iov_len = it->sizes[whole];
        length += part[count++].iov_len;
    }
    if (count > 1) {
        int64_t time = tpy_l4_fault_time(tpy_l4_tag_snd_fault(it->receipt.tag));
        int there = tpy_l4_await(&part[1], count - 1, true, time, it->receipt.exchange, it->receipt.sequence);
        if (there == -ECANCELED) tpy_l4_was_cancelled(it->local);
        if (there != 0) return broken(it, there == -ECANCELED || there == -ESRCH ? there : -TPY_ESRVRFAULT);
    }
    ssize_t got = tpy_l4_pull(it->local, it->receipt.exchange, it->receipt.sequence, it->more, part, count, length);
    if (got != 0) return broken(it, got);
    for (uint32_t i = 0; i + 1 < count; i++)
        if (tpy_l4_incoming_note(&it->in, i, part[i + 1].iov_len) != 0) return broken(it, -TPY_ESRVRFAULT);
    *strings = whole;
    return 0;
}

static void remember_room(const struct arrival *it)
{
    struct tpy_l4_known *known = &it->local->known;
    if (it->head.room_strings > TPY_L4_ROOMS_KNOWN || it->head.room_words < 2 || it->head.room_words > TPY_L4_WORDS) return;
    known->exchange = it->receipt.exchange;
    known->sequence = it->receipt.sequence;
    known->head = it->head;
    for (uint32_t i = 0; i < it->head.room_strings; i++) known->rooms[i] = it->sizes[it->head.strings + i];
}

/* The message is here as far as it fits: lets the sender go on. */
static unsigned conclude(struct arrival *it, uint32_t words, uint32_t strings, bool cut, uint64_t flags)
{
    struct tpy_l4_result *result = it->result;
    result->word[0] = it->head.word[0];
    result->word[1] = it->head.word[1];
    result->source = it->source;
    if (cut) {
        tpy_finish(it->receipt.exchange, it->receipt.sequence, TPY_L4_ST_SENT | L4_IPC_SEMSGCUT, NULL, 0);
        result->dope = tpy_l4_dope(words, strings, L4_IPC_REMSGCUT);
        return L4_IPC_REMSGCUT;
    }
    result->dope = tpy_l4_dope(words, strings, 0) | flags;
    int ended;
    if (it->receipt.kind & TPY_L4_CALL) {
        const struct tpy_receipt *receipt = &it->receipt;
        ended = tpy_confirm(receipt->exchange, receipt->sequence);
        remember_room(it);
        if (ended == 0 && !tpy_l4_callers_put(&it->local->callers, it->source, receipt->exchange, receipt->sequence, receipt->tag, receipt->kind))
            return broken(it, -ENOMEM);
    } else ended = tpy_finish(it->receipt.exchange, it->receipt.sequence, TPY_L4_ST_SENT, NULL, 0);
    return ended == -ESRCH ? broken(it, -ESRCH) : 0;
}

__attribute__((noinline)) static unsigned accept_long(struct tpy_l4_local *local, const struct tpy_receipt *receipt, const struct tpy_l4_start *start,
    void *receive, uint32_t timeout_fault, struct tpy_l4_result *result)
{
    struct arrival it;
    uint32_t words, strings = 0;
    uint64_t flags = 0;
    bool cut = false;
    it.local = local;
    it.result = result;
    it.receipt = *receipt;
    it.head = start->head;
    it.timeout_fault = timeout_fault;
    it.source = tpy_l4_source(receipt->client, receipt->tag);
    size_t sizes = receipt->received > sizeof it.head ? (receipt->received - sizeof it.head) / sizeof it.sizes[0] : 0;
    ssize_t table = read_table(&it, start->sizes, sizes);
    if (table == -ECANCELED) return broken(&it, table);
    if (table != 0) {
        tpy_finish_error(receipt->exchange, receipt->sequence, EPROTO);
        return TPY_L4_AGAIN;
    }
    if (tpy_l4_incoming_read(&it.in, receive) != 0) return broken(&it, -TPY_ESRVRFAULT);
    unsigned code = it.head.flags & TPY_L4_PENDING ? wait_for_pages(&it) : 0;
    if (code == 0 && (it.head.flags & TPY_L4_MAPS)) code = take_pages(&it, &cut, &flags);
    if (code == 0) code = take(&it, &words, &strings, &cut);
    return code != 0 ? code : conclude(&it, words, strings, cut, flags);
}

unsigned tpy_l4_take_few(const struct tpy_receipt *receipt, const struct tpy_l4_start *start, void *receive, struct tpy_l4_result *result)
{
    l4_umword_t *more;
    bool plain;
    uint32_t words = (uint32_t)(receipt->received / sizeof start->word[0]), room = tpy_l4_few_room(receive, &more, &plain);
    if (TPY_UNLIKELY(receipt->received != receipt->send_length || receipt->received % sizeof start->word[0] != 0)) {
        tpy_finish_error(receipt->exchange, receipt->sequence, EPROTO);
        return TPY_L4_AGAIN;
    }
    uint32_t fits = words < room ? words : room;
    if (TPY_UNLIKELY(room == 0 || (fits > 2 && tpy_copy_part(more, &start->word[2], (fits - 2) * sizeof start->word[0]) != 0))) {
        tpy_finish(receipt->exchange, receipt->sequence, TPY_L4_ST_SENT | L4_IPC_SESNDPFTO, NULL, 0);
        return (unsigned)(result->dope = L4_IPC_RESNDPFTO);
    }
    result->dope = tpy_l4_dope(fits, 0, 0);
    if (TPY_LIKELY(fits == words)) return 0;
    tpy_finish(receipt->exchange, receipt->sequence, TPY_L4_ST_SENT | L4_IPC_SEMSGCUT, NULL, 0);
    result->dope |= L4_IPC_REMSGCUT;
    return L4_IPC_REMSGCUT;
}

unsigned tpy_l4_accepted(struct tpy_l4_local *local, uint64_t from, int got, const struct tpy_receipt *receipt, const struct tpy_l4_start *start,
    void *receive, uint32_t timeout_fault, struct tpy_l4_result *result)
{
    const struct tpy_l4_head *head = &start->head;
    if (TPY_UNLIKELY(got != 0)) {
        if (got == -EINTR || (got == -ECANCELED && !tpy_l4_was_cancelled(local))) return TPY_L4_AGAIN;
        result->dope = got == -ETIMEDOUT ? L4_IPC_RETIMEOUT : got == -ECANCELED ? L4_IPC_RECANCELED : L4_IPC_ENOT_EXISTENT;
        return (unsigned)result->dope;
    }
    uint64_t source = tpy_l4_source(receipt->client, receipt->tag);
    unsigned kind = receipt->kind;
    if (TPY_UNLIKELY(kind > (TPY_L4_CALL | TPY_L4_LONG) || receipt->received < sizeof head->word || (from != 0 && source != from))) {
        /* Nonsense; or a thread that has the number of the one we wait for: it may try again when we are not so particular. */
        if (receipt->exchange) tpy_finish_error(receipt->exchange, receipt->sequence, from != 0 && source != from ? ERESTART : EPROTO);
        return TPY_L4_AGAIN;
    }
    if (TPY_UNLIKELY(kind & TPY_L4_LONG)) return accept_long(local, receipt, start, receive, timeout_fault, result);
    result->word[0] = head->word[0];
    result->word[1] = head->word[1];
    result->source = source;
    result->dope = tpy_l4_dope(2, 0, 0);
    if (receipt->received > sizeof head->word) {
        unsigned code = tpy_l4_take_few(receipt, start, receive, result);
        if (TPY_UNLIKELY(code != 0)) return code;
    }
    if (TPY_LIKELY(kind == TPY_L4_CALL)) {
        if (TPY_LIKELY(tpy_l4_callers_put(&local->callers, source, receipt->exchange, receipt->sequence, receipt->tag, tpy_l4_caller_kind(kind, receipt->room))))
            return 0;
        tpy_finish_error(receipt->exchange, receipt->sequence, ENOMEM);
        return TPY_L4_AGAIN;
    }
    /* A sender that gave up at this moment was not sent from: then it says so, and we wait on. */
    return tpy_finish(receipt->exchange, receipt->sequence, TPY_L4_ST_SENT, NULL, 0) != -ESRCH ? 0 : TPY_L4_AGAIN;
}

unsigned tpy_l4_accept(struct tpy_l4_local *local, uint64_t from, const struct tpy_filter *filter, void *receive, uint32_t timeout_fault,
    int64_t deadline, struct tpy_l4_result *result)
{
    struct tpy_l4_start start;
    struct tpy_receipt receipt;
    const struct iovec part = {&start, sizeof start};
    for (;;) {
        int got = tpy_receive(local->port, filter, &part, 1, 0, deadline, &receipt);
        unsigned code = tpy_l4_accepted(local, from, got, &receipt, &start, receive, timeout_fault, result);
        if (TPY_LIKELY(code != TPY_L4_AGAIN)) return code;
    }
}
