/*
 * answer: a message to a thread that waits for it in a call. Its exchange is open at our port, so the message is the finish: it waits for
 * nobody. Only where pages of the caller's buffers are not there, or flexpages go along, must we know what became of it: then the
 * answer is a turn, and the caller's next offer tells.
 */
#include <errno.h>
#include <string.h>

#include "core/errors.h"
#include "l4/times.h"
#include "l4/transfer.h"

#define PATIENCE 1000000000ll /* ns beyond our page-fault time that a caller gets to tell what became of the answer */

struct answering {
    struct tpy_l4_local *local;
    const struct tpy_l4_caller *caller;
    const struct tpy_filter *next; /* of the receive that follows; NULL: none */
    struct tpy_l4_outgoing out;
    struct tpy_l4_head head; /* the caller's */
    struct tpy_l4_room room;
    uint32_t rooms[TPY_L4_STRINGS];
    struct tpy_l4_pairs pairs;
    struct tpy_l4_parcel parcel;
    uint64_t table[2 + TPY_L4_STRINGS + TPY_L4_EXTENTS * sizeof(struct tpy_l4_extent) / 8];
    uint32_t sizes[TPY_L4_STRINGS]; /* the same, for an answer without gaps */
};

/* Just before the step with which the caller's call returns: whoever gets the answer must find us waiting. Not earlier: meanwhile we wait for pages. */
static inline void say_waiting(const struct tpy_l4_local *local, const struct tpy_filter *next)
{
    if (next) tpy_port_expect(local->port, next);
}

static int finish_code(struct answering *it, unsigned theirs, unsigned ours)
{
    int ended = tpy_finish(it->caller->exchange, it->caller->sequence, theirs, NULL, 0);
    return ended == -ESRCH ? -1 : (int)ours;
}

/* What the caller has room for: from the head of its call, which is still in its send window. 0 or -errno. */
static int read_room(struct answering *it)
{
    struct iovec part = {&it->head, sizeof it->head};
    if (!(it->caller->kind & TPY_L4_LONG)) {
        uint32_t room = tpy_l4_caller_room(it->caller->kind);
        it->head = (struct tpy_l4_head){.words = 2, .room_words = room < 2 ? 2 : room, .flags = TPY_L4_TAKES};
        tpy_l4_room_set(&it->room, it->head.room_words, 0, false);
        return 0;
    }
    const struct tpy_l4_known *told = &it->local->known;
    if (told->exchange == it->caller->exchange && told->sequence == it->caller->sequence) {
        it->head = told->head;
        for (uint32_t i = 0; i < told->head.room_strings; i++) it->rooms[i] = told->rooms[i];
        tpy_l4_room_set(&it->room, it->head.room_words, it->head.room_strings, it->head.flags & TPY_L4_WINDOW);
        return 0;
    }
    ssize_t got = tpy_l4_pull(it->local, it->caller->exchange, it->caller->sequence, 0, &part, 1, sizeof it->head);
    if (got != 0 || it->head.room_strings > TPY_L4_STRINGS || it->head.strings > TPY_L4_STRINGS || it->head.room_words < 2 ||
        it->head.room_words > TPY_L4_WORDS)
        return got == -ESRCH ? -ESRCH : -EPROTO;
    part = (struct iovec){it->rooms, it->head.room_strings * sizeof it->rooms[0]};
    got = tpy_l4_pull(it->local, it->caller->exchange, it->caller->sequence, sizeof it->head + it->head.strings * sizeof it->rooms[0], &part, 1, part.iov_len);
    if (got != 0) return got == -ESRCH ? -ESRCH : -EPROTO;
    tpy_l4_room_set(&it->room, it->head.room_words, it->head.room_strings, it->head.flags & TPY_L4_WINDOW);
    return 0;
}

/* Which strings go, and how much of each, until one does not fit; as `touched` first elements of the message's own. */
static void plan_strings(struct answering *it, uint32_t *strings, uint32_t *touched, bool *cut)
{
    uint32_t i = 0;
    for (; i < it->out.strings && !*cut; i++) {
        struct iovec *part = &it->out.string[i];
        if (i >= it->room.strings) {
            *cut = true;
            break;
        }
        if (part->iov_len > it->rooms[i]) {
            part->iov_len = it->rooms[i];
            *cut = true;
        }
        it->table[2 + i] = it->sizes[i] = (uint32_t)part->iov_len;
        if (!*cut) ++*strings;
    }
    *touched = i;
}

/* The strings into the caller's window. 0, or -errno of the push. */
static ssize_t push_strings(struct answering *it, uint32_t touched)
{
    uint64_t at = it->room.end;
    for (uint32_t i = 0; i < touched; at += it->rooms[i++]) {
        const struct iovec *part = &it->out.string[i];
        ssize_t pushed = part->iov_len ? tpy_push(it->caller->exchange, it->caller->sequence, at, part, 1) : 0;
        if (pushed != (ssize_t)part->iov_len) return pushed < 0 ? pushed : -EPROTO;
    }
    return 0;
}

/* After a turn: the caller tells. */
static int hear_outcome(struct answering *it, int64_t time)
{
    struct tpy_l4_head told = {0};
    struct iovec part = {&told, sizeof told};
    struct tpy_filter held = {.only = it->caller->exchange, .held = it->caller->sequence};
    struct tpy_receipt receipt;
    int64_t deadline = time == TPY_NEVER ? TPY_NEVER : tpy_l4_deadline(time + PATIENCE);
    int result;
    for (;;) { /* it asks while it waits for its pages */
        do
            result = tpy_receive(it->local->port, &held, &part, 1, 0, deadline, &receipt);
        while (result == -EINTR || (result == -ECANCELED && !tpy_l4_was_cancelled(it->local)));
        if (result != 0 || !(told.flags & TPY_L4_PENDING)) break;
        held.held = receipt.sequence;
        if (tpy_turn(receipt.exchange, receipt.sequence, 0, NULL, 0) != 0) {
            tpy_release(receipt.exchange, receipt.sequence);
            return L4_IPC_ENOT_EXISTENT;
        }
    }
    if (result == 0) {
        say_waiting(it->local, it->next);
        tpy_finish(receipt.exchange, receipt.sequence, 0, NULL, 0);
        return (int)(told.word[0] & L4_IPC_ERROR_MASK);
    }
    tpy_release(held.only, held.held);
    return result == -ETIMEDOUT ? L4_IPC_SESNDPFTO : result == -ECANCELED ? L4_IPC_SEABORTED : L4_IPC_ENOT_EXISTENT;
}

/* Flexpages: our pages go as descriptors, which the parcel tells of. 0 or a code, for both as finish_code has them. */
static int give_pages(struct answering *it, bool *cut, int *theirs)
{
    struct tpy_l4_map_words first;
    *theirs = L4_IPC_RERCVPFTO;
    if (tpy_l4_map_words(&first, &it->out) != 0) return L4_IPC_SERCVPFTO;
    tpy_l4_pairs_read(&it->pairs, first.word, first.count);
    if (it->pairs.count == 0) return 0;
    if (!it->room.window) {
        *cut = true;
        return 0;
    }
    *theirs = L4_IPC_REMAPFAILED;
    if (tpy_l4_map_collect(&it->pairs, &it->parcel) == 0 &&
        tpy_give_fds(it->caller->exchange, it->caller->sequence, it->parcel.fd, it->parcel.count) == 0)
        return 0;
    return L4_IPC_SEMAPFAILED;
}

static int answer_long(struct answering *it, uint32_t timeout)
{
    struct tpy_exchange *exchange = it->caller->exchange;
    uint32_t words = it->out.words, strings = 0, touched = 0, sequence = it->caller->sequence;
    bool cut = false;
    int known = read_room(it), theirs;
    if (known != 0) return known == -ESRCH ? -1 : finish_code(it, L4_IPC_REABORTED, L4_IPC_SEABORTED);
    bool close = it->head.flags & TPY_L4_TAKES;
    if (!close) memset(it->table, 0, it->room.more); /* what is not used of it goes along */
    if (words > it->room.words) words = it->room.words, cut = true;
    it->table[0] = it->out.word[0];
    it->table[1] = it->out.word[1];
    it->parcel.count = 0;
    if (it->out.maps) {
        int code = give_pages(it, &cut, &theirs);
        if (code != 0) return finish_code(it, (unsigned)theirs, (unsigned)code);
    }
    plan_strings(it, &strings, &touched, &cut);
    if (touched > 0) {
        /* Our own pages: as long as the caller's receive page-fault time. */
        int there = tpy_l4_await(it->out.string, touched, false, tpy_l4_fault_time(tpy_l4_tag_rcv_fault(it->caller->tag)), exchange, sequence);
        if (there == -ECANCELED) {
            tpy_l4_was_cancelled(it->local);
            return finish_code(it, L4_IPC_REABORTED, L4_IPC_SEABORTED);
        }
        if (there == -ESRCH) return -1;
        if (there != 0) return finish_code(it, L4_IPC_RERCVPFTO, L4_IPC_SERCVPFTO);
        ssize_t pushed = close ? 0 : push_strings(it, touched);
        if (pushed == -ESRCH) return -1;
        if (pushed == -TPY_ESRVRFAULT) return finish_code(it, L4_IPC_RERCVPFTO, L4_IPC_SERCVPFTO);
        if (pushed != 0) return finish_code(it, L4_IPC_RESNDPFTO, L4_IPC_SESNDPFTO);
    }
    /* Two words, the table, the words: contiguous in the caller's room. Close together, the strings too. */
    uint32_t extents = it->parcel.count;
    struct iovec parts[4 + TPY_L4_STRINGS];
    size_t count = 0;
    if (close) {
        parts[count++] = (struct iovec){it->table, 16};
        parts[count++] = (struct iovec){it->sizes, touched * sizeof it->sizes[0]};
        parts[count++] = (struct iovec){it->parcel.extent, extents * sizeof it->parcel.extent[0]};
    } else {
        memcpy(&it->table[2 + it->room.strings], it->parcel.extent, extents * sizeof it->parcel.extent[0]);
        parts[count++] = (struct iovec){it->table, words > 2 || touched > 0 || extents > 0 ? it->room.more : 16};
    }
    parts[count++] = (struct iovec){(void *)(uintptr_t)(it->out.more + 2), words > 2 ? 8ull * (words - 2) : 0};
    for (uint32_t i = 0; close && i < touched; i++) parts[count++] = it->out.string[i];
    bool confirm = extents > 0 || (touched > 0 && (it->head.flags & TPY_L4_ROOM_PENDING));
    int64_t status = (int64_t)(tpy_l4_dope(words, strings, cut ? L4_IPC_REMSGCUT : 0) | (extents > 0 ? TPY_L4_FPAGE_RECEIVED : 0)) |
                     (int64_t)touched << TPY_L4_ST_TOUCHED_SHIFT | (int64_t)extents << TPY_L4_ST_EXTENTS_SHIFT | (extents > 0 ? TPY_L4_ST_MAPS : 0) |
                     (int64_t)((timeout >> 12) & 15) << TPY_L4_ST_FAULT_SHIFT | (confirm ? TPY_L4_ST_CONFIRM : 0);
    if (!confirm) say_waiting(it->local, it->next);
    int ended = confirm ? tpy_turn(exchange, sequence, status, parts, count) : tpy_finish(exchange, sequence, status, parts, count);
    if (ended == -ESRCH) return -1;
    if (ended == -EFAULT) return L4_IPC_SESNDPFTO;
    if (ended != 0) return L4_IPC_SERCVPFTO;
    int code = confirm ? hear_outcome(it, tpy_l4_fault_time((timeout >> 12) & 15)) : 0;
    if (code == 0 && extents > 0) tpy_l4_map_grant(&it->pairs);
    return code != 0 ? code : cut ? L4_IPC_SEMSGCUT : 0;
}

__attribute__((noinline)) static int answer_slowly(struct tpy_l4_local *local, const struct tpy_l4_caller *caller, const struct tpy_filter *next, const void *send,
    uint64_t word0, uint64_t word1, uint32_t timeout)
{
    struct answering it;
    it.local = local;
    it.caller = caller;
    it.next = next;
    if (tpy_l4_outgoing_read(&it.out, send, word0, word1) != 0) return finish_code(&it, L4_IPC_RERCVPFTO, L4_IPC_SERCVPFTO);
    return answer_long(&it, timeout);
}

/* To a short call. */
int tpy_l4_answer_few(struct tpy_l4_local *local, const struct tpy_l4_caller *caller, const struct tpy_filter *next, uint64_t word0, uint64_t word1,
    const l4_umword_t *more, uint32_t words)
{
    _Alignas(16) uint64_t word[TPY_L4_FEW];
    uint32_t room = tpy_l4_caller_room(caller->kind), fits = words < room ? words : room < 2 ? 2 : room;
    const struct iovec part = {word, fits * sizeof word[0]};
    unsigned cut = fits < words ? L4_IPC_REMSGCUT : 0;
    *(tpy_l4_two_words *)word = tpy_l4_two(word0, word1);
    if (fits > 2 && TPY_UNLIKELY(tpy_copy_join(&word[2], more, (fits - 2) * sizeof word[0]) != 0)) {
        int ended = tpy_finish(caller->exchange, caller->sequence, L4_IPC_RERCVPFTO, NULL, 0);
        return ended == -ESRCH ? -1 : L4_IPC_SERCVPFTO;
    }
    say_waiting(local, next);
    int ended = tpy_finish(caller->exchange, caller->sequence, (int64_t)tpy_l4_dope(fits, 0, cut), &part, 1);
    return ended == 0 ? (cut ? L4_IPC_SEMSGCUT : 0) : ended == -ESRCH ? -1 : ended == -EFAULT ? L4_IPC_SESNDPFTO : L4_IPC_SERCVPFTO;
}

int tpy_l4_answer(struct tpy_l4_local *local, const struct tpy_l4_caller *caller, const struct tpy_filter *next, const void *send, uint64_t word0,
    uint64_t word1, uint32_t timeout, struct tpy_l4_result *result)
{
    int code;
    const l4_umword_t *more;
    uint32_t words;
    if (TPY_LIKELY(((uintptr_t)send & ~(uintptr_t)1) == 0)) {
        const tpy_l4_two_words word = tpy_l4_two(word0, word1);
        const struct iovec part = {(void *)(uintptr_t)&word, sizeof word};
        say_waiting(local, next);
        int ended = tpy_finish(caller->exchange, caller->sequence, (int64_t)tpy_l4_dope(2, 0, 0), &part, 1);
        code = ended == 0 ? 0 : ended == -ESRCH ? -1 : ended == -EFAULT ? L4_IPC_SESNDPFTO : L4_IPC_SERCVPFTO;
    } else if (!(caller->kind & TPY_L4_LONG) && (words = tpy_l4_few(send, &more)) != 0) code = tpy_l4_answer_few(local, caller, next, word0, word1, more, words);
    else code = answer_slowly(local, caller, next, send, word0, word1, timeout);
    if (code >= 0) result->dope = (unsigned)code;
    return code;
}
