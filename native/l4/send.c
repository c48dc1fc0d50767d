/*
 * send: the sender's half of an IPC: an offer at the partner's port. The short form has its two words on the stack and allocates nothing;
 * the long form builds a head and a table before them. A call is the same offer with a reply window: so its caller waits for the
 * answer from the moment the partner has the message, with nothing in between.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/errors.h"
#include "core/iov.h"
#include "core/layout.h"
#include "l4/partner.h"
#include "l4/times.h"
#include "l4/transfer.h"

#define PARTS (3 + TPY_L4_STRINGS)
#define ASK_AFTER 20000000ll /* ns: how often we ask while we wait for pages */
#define TABLE (sizeof(struct tpy_l4_head) + 16 * TPY_L4_STRINGS + TPY_L4_EXTENTS * sizeof(struct tpy_l4_extent))

struct sending {
    struct tpy_l4_local *local;
    struct tpy_l4_result *result;
    struct tpy_connection *connection;
    const struct iovec *send, *reply; /* the core puts its own copies into the offer */
    struct tpy_offer offer;
    uint32_t timeout;
    bool call;
};

static unsigned failed(struct sending *sending, unsigned code)
{
    sending->result->dope = code;
    return code;
}

/* What the core said, as a code; ~0u: offer again. */
static unsigned code_of(struct sending *sending, int error)
{
    uint32_t reached = sending->offer.reached;
    switch (error) {
    case -ETIMEDOUT: return reached == TPY_REACHED_NOTHING ? L4_IPC_SETIMEOUT : L4_IPC_RETIMEOUT;
    case -ECANCELED:
        if (!tpy_l4_was_cancelled(sending->local) && reached == TPY_REACHED_NOTHING) return ~0u;
        if (reached == TPY_REACHED_ACCEPTED) return L4_IPC_SEABORTED;
        return sending->call && reached == TPY_REACHED_CONFIRMED ? L4_IPC_RECANCELED : L4_IPC_SECANCELED;
    case -ESRCH:
    case -EBADF: return L4_IPC_ENOT_EXISTENT;
    case -ERESTART: return ~0u;
    case -EFAULT: return reached == TPY_REACHED_CONFIRMED && sending->call ? L4_IPC_RESNDPFTO : L4_IPC_SERCVPFTO;
    case -TPY_ESRVRFAULT: return L4_IPC_RERCVPFTO;
    default: return L4_IPC_SEABORTED; /* a limit, or a partner that makes no sense */
    }
}

static inline int offer_once(struct sending *sending)
{
    sending->offer.send = sending->send;
    sending->offer.reply = sending->reply;
    return tpy_offer(sending->connection, &sending->offer);
}

/* Offers until it is neither interrupted by a stale cancel nor refused for a thread that had gone. 0 or a code. */
static unsigned offer(struct sending *sending)
{
    for (;;) {
        int error = offer_once(sending);
        if (TPY_LIKELY(error == 0)) return 0;
        unsigned code = code_of(sending, error);
        if (code != ~0u) return code;
    }
}

static inline __attribute__((always_inline)) int prepare(struct sending *sending, struct tpy_l4_local *local, uint64_t dest, bool call,
    uint32_t timeout, struct tpy_l4_result *result)
{
    struct tpy_l4_reach reach;
    if (TPY_UNLIKELY(tpy_l4_partner_get(local, dest, &reach) != 0)) return -ESRCH;
    sending->local = local;
    sending->result = result;
    sending->connection = reach.connection;
    sending->timeout = timeout;
    sending->call = call;
    sending->reply = NULL;
    /* What goes in, field by field: a structure of this size would be cleared by a string instruction, which costs 10 ns. */
    struct tpy_offer *offer = &sending->offer;
    offer->send_parts = offer->reply_parts = 0;
    offer->deadline = TPY_NEVER;
    offer->reply_within = 0;
    offer->tag = local->tag;
    offer->kind = call ? TPY_L4_CALL : 0;
    offer->priority = tpy_thread_priority(local->thread);
    offer->strike = TPY_STRIKE_SEND;
    offer->linger = 0;
    offer->fds = NULL;
    offer->fd_count = 0;
    offer->flags = TPY_OFFER_UNSIGNALLED | TPY_OFFER_STAGED;
    offer->status = 0;
    offer->length = 0;
    if (TPY_UNLIKELY(timeout != 0)) {
        int64_t time = tpy_l4_send_time(timeout);
        sending->offer.tag |= tpy_l4_tag_faults(timeout);
        if (time == 0) sending->offer.flags |= TPY_OFFER_NOW;
        else sending->offer.deadline = tpy_l4_deadline(time);
        if (call && (time = tpy_l4_receive_time(timeout)) != TPY_NEVER) sending->offer.reply_within = time > 0 ? time : 1;
    }
    return 0;
}

/* ---- Long messages ------------------------------------------------------------------------------------------------------------ */

struct lengthy {
    struct sending sending;
    struct tpy_l4_outgoing out;
    struct tpy_l4_incoming in;
    struct tpy_l4_room room;
    struct tpy_l4_pairs pairs;
    struct tpy_l4_parcel parcel;
    struct iovec send[PARTS], reply[PARTS];
    unsigned char head[TABLE];
    size_t head_length;
    uint64_t table[TPY_L4_STRINGS + TPY_L4_EXTENTS * sizeof(struct tpy_l4_extent) / 8]; /* of the answer */
    void *bounce; /* for strings whose pages are not there yet; NULL: none */
    size_t bounce_length;
};

static void build_head(struct lengthy *it, unsigned flags)
{
    struct tpy_l4_head head = {
        .word = {it->out.word[0], it->out.word[1]},
        .words = it->out.words,
        .strings = (uint8_t)it->out.strings,
        .flags = (uint8_t)flags,
        .extents = (uint8_t)it->parcel.count,
        .room_strings = (uint8_t)it->room.strings,
        .room_words = it->room.words,
    };
    uint64_t sizes[2 * TPY_L4_STRINGS];
    for (uint32_t i = 0; i < it->out.strings; i++) sizes[i] = it->out.string[i].iov_len;
    for (uint32_t i = 0; i < it->room.strings; i++) sizes[it->out.strings + i] = it->in.string[i].iov_len;
    size_t sizes_length = (it->out.strings + it->room.strings) * sizeof sizes[0];
    size_t extents_length = it->parcel.count * sizeof it->parcel.extent[0];
    memcpy(it->head, &head, sizeof head);
    memcpy(it->head + sizeof head, sizes, sizes_length);
    memcpy(it->head + sizeof head + sizes_length, it->parcel.extent, extents_length);
    it->head_length = sizeof head + sizes_length + extents_length;
}

/* Which windows the next offer opens: with `strings` all of them, else head and words only. */
static void build_send(struct lengthy *it, bool strings)
{
    it->send[0] = (struct iovec){it->head, it->head_length};
    it->send[1] = (struct iovec){(void *)(uintptr_t)(it->out.more + 2), (it->out.words - 2) * sizeof(l4_umword_t)};
    it->sending.send = it->send;
    it->sending.offer.send_parts = 2 + (strings ? it->out.strings : 0);
    for (uint32_t i = 0; i < it->out.strings; i++) it->send[2 + i] = it->out.string[i];
}

static int build_reply(struct lengthy *it, bool bounce)
{
    it->reply[0] = (struct iovec){it->sending.result->word, sizeof it->sending.result->word};
    it->reply[1] = (struct iovec){it->table, it->room.more - it->room.table};
    it->reply[2] = (struct iovec){it->in.more + 2, (it->room.words - 2) * sizeof(l4_umword_t)};
    it->sending.reply = it->reply;
    it->sending.offer.reply_parts = 3 + it->room.strings;
    if (!it->in.more) it->reply[2] = (struct iovec){NULL, 0};
    for (uint32_t i = 0; i < it->room.strings; i++) {
        it->reply[3 + i] = it->in.string[i];
        it->bounce_length += it->in.string[i].iov_len;
    }
    if (!bounce) return 0;
    it->bounce = mmap(NULL, it->bounce_length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (it->bounce == MAP_FAILED) return -ENOMEM;
    char *at = it->bounce;
    for (uint32_t i = 0; i < it->room.strings; i++) {
        it->reply[3 + i].iov_base = at;
        at += it->in.string[i].iov_len;
    }
    return 0;
}

/* The offer that follows a turn. Nothing of ours ends it but the partner. */
static void go_on(struct lengthy *it)
{
    it->sending.offer.kind |= TPY_L4_GOES_ON;
    it->sending.offer.flags = (it->sending.offer.flags | TPY_OFFER_CONTINUE) & ~TPY_OFFER_NOW;
    it->sending.offer.deadline = TPY_NEVER;
    it->sending.offer.fd_count = 0;
}

/* Waits for pages of ours while the partner holds the exchange. Every now and then we ask whether it still does: it may have been cancelled.
 * 0, -EFAULT, -ETIMEDOUT, -ECANCELED, -ESRCH. */
static int await_held(struct lengthy *it, const struct iovec *parts, size_t count, int64_t time)
{
    unsigned char *flags = &it->head[offsetof(struct tpy_l4_head, flags)];
    int64_t deadline = time > TPY_NEVER - tpy_now() ? TPY_NEVER : tpy_now() + time;
    for (;;) {
        int64_t now = tpy_now(), left = deadline == TPY_NEVER ? TPY_NEVER : deadline > now ? deadline - now : 0;
        int result = tpy_l4_await(parts, count, left < ASK_AFTER ? left : ASK_AFTER, NULL, 0);
        if (result == -ECANCELED) tpy_l4_was_cancelled(it->sending.local);
        if (result != -ETIMEDOUT || left <= ASK_AFTER) return result;
        go_on(it);
        *flags |= TPY_L4_PENDING;
        it->send[0] = (struct iovec){it->head, sizeof(struct tpy_l4_head)};
        it->sending.offer.send_parts = 1;
        it->sending.offer.reply_parts = 0;
        result = offer_once(&it->sending);
        *flags &= (unsigned char)~TPY_L4_PENDING;
        if (result == -ECANCELED) {
            if (!tpy_l4_was_cancelled(it->sending.local)) continue;
            tpy_hang_up(it->sending.connection); /* the partner waits in the exchange for what will not come */
        }
        if (result != 0 || !it->sending.offer.held) return -ESRCH;
    }
}

/* The partner went while it held our exchange: cancelled, or dead. */
static unsigned let_go(struct lengthy *it, unsigned cancelled)
{
    return tpy_connection_alive(it->sending.connection) == 0 ? cancelled : L4_IPC_ENOT_EXISTENT;
}

/* The receiver accepted, and waits for pages of our strings for as long as it says. */
static unsigned bring_pages(struct lengthy *it)
{
    int64_t time = tpy_l4_fault_time((unsigned)(it->sending.offer.status >> TPY_L4_ST_FAULT_SHIFT) & 15);
    unsigned char *flags = &it->head[offsetof(struct tpy_l4_head, flags)];
    size_t reply_parts = it->sending.offer.reply_parts;
    *flags &= (unsigned char)~TPY_L4_PENDING;
    int brought = await_held(it, it->out.string, it->out.strings, time);
    if (brought == -ESRCH) return let_go(it, L4_IPC_SEABORTED);
    unsigned code = brought == 0 ? 0 : brought == -ECANCELED ? L4_IPC_SEABORTED : L4_IPC_SERCVPFTO;
    go_on(it);
    if (code != 0) *flags |= code == L4_IPC_SEABORTED ? TPY_L4_ABORTED : TPY_L4_FAILED;
    build_send(it, code == 0);
    it->sending.offer.reply_parts = reply_parts;
    unsigned sent = offer(&it->sending);
    if (code != 0) return code;
    return sent == L4_IPC_ENOT_EXISTENT ? let_go(it, L4_IPC_SEABORTED) : sent;
}

/* The answer's flexpages and strings, in our memory. 0 or the receiver's code. */
static unsigned unpack(struct lengthy *it)
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
            int fault, there = await_held(it, &part, 1, time);
            if (there == -ESRCH) code = let_go(it, L4_IPC_REABORTED);
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
        struct iovec more = it->reply[2];
        if (count > 2) tpy_iov_gather(&more, 1, 0, &words[2], (count - 2) * 8, &fault);
        tpy_l4_pairs_read(&it->pairs, words, count);
        int placed = tpy_l4_map_place(it->in.window, &it->pairs, (struct tpy_l4_extent *)&it->table[it->room.strings], extents, fds, got > 0 ? (uint32_t)got : 0);
        if (placed != 0) code = L4_IPC_REMAPFAILED;
    }
    for (unsigned i = 0; i < touched && code == 0; i++)
        if (tpy_l4_incoming_note(&it->in, i, it->table[i]) != 0) code = L4_IPC_RESNDPFTO;
    return code;
}

/* The partner wants to know what became of its answer. */
static void confirm_answer(struct lengthy *it, unsigned code)
{
    struct tpy_l4_head head = {.word = {code == L4_IPC_RESNDPFTO ? L4_IPC_SESNDPFTO : code == L4_IPC_REMAPFAILED ? L4_IPC_SEMAPFAILED
                                        : code == L4_IPC_REABORTED ? L4_IPC_SEABORTED : 0}};
    memcpy(it->head, &head, sizeof head);
    go_on(it);
    it->send[0] = (struct iovec){it->head, sizeof head};
    it->sending.offer.send_parts = 1;
    it->sending.offer.reply_parts = 0;
    it->sending.offer.reply_within = 0;
    offer_once(&it->sending);
}

static unsigned outcome(struct lengthy *it)
{
    struct tpy_l4_result *result = it->sending.result;
    int64_t status = it->sending.offer.status;
    if (status & TPY_L4_ST_SENT) {
        unsigned code = (unsigned)status & L4_IPC_ERROR_MASK;
        if (code == 0 && it->out.maps) tpy_l4_map_grant(&it->pairs);
        return failed(&it->sending, code);
    }
    if (it->out.maps) tpy_l4_map_grant(&it->pairs);
    unsigned code = it->sending.offer.length >= 16 || (status & L4_IPC_ERROR_MASK) ? unpack(it) : L4_IPC_REABORTED;
    if ((status & TPY_L4_ST_CONFIRM) && it->sending.offer.held) confirm_answer(it, code);
    if (code != 0) return failed(&it->sending, code);
    code = (unsigned)status & L4_IPC_ERROR_MASK;
    result->dope = (uint64_t)(status & TPY_L4_ST_DOPE);
    if (code != 0 && code != L4_IPC_REMSGCUT) result->dope = code;
    return code;
}

static unsigned send_long(struct lengthy *it)
{
    unsigned flags = 0, code;
    struct tpy_l4_map_words words;
    it->parcel.count = 0;
    it->bounce = NULL;
    it->bounce_length = 0;
    it->sending.offer.kind |= TPY_L4_LONG;
    if (it->out.maps) {
        flags |= TPY_L4_MAPS;
        if (tpy_l4_map_words(&words, &it->out) != 0) return failed(&it->sending, L4_IPC_SERCVPFTO);
        tpy_l4_pairs_read(&it->pairs, words.word, words.count);
        /* What cannot be mapped is told to both sides, so the receiver must get it first. */
        if (tpy_l4_map_collect(&it->pairs, &it->parcel) != 0) flags |= TPY_L4_FAILED, it->parcel.count = 0;
        it->sending.offer.fds = it->parcel.fd;
        it->sending.offer.fd_count = it->parcel.count;
    }
    if (it->out.strings > 0 && !tpy_l4_present(it->out.string, it->out.strings)) flags |= TPY_L4_PENDING;
    bool room_pending = it->sending.call && it->in.strings > 0 && !tpy_l4_present(it->in.string, it->in.strings);
    if (room_pending) flags |= TPY_L4_ROOM_PENDING;
    tpy_l4_room_set(&it->room, it->sending.call ? it->in.words : 2, it->sending.call ? it->in.strings : 0, it->sending.call && it->in.window != 0);
    if (it->room.window) flags |= TPY_L4_WINDOW;
    if (it->sending.call && build_reply(it, room_pending) != 0) return failed(&it->sending, L4_IPC_SEABORTED);
    build_head(it, flags);
    build_send(it, !(flags & TPY_L4_PENDING));
    if (it->out.strings > 0 || it->out.words > 2 || it->out.maps) it->sending.offer.flags |= TPY_OFFER_CONFIRMED;
    code = offer(&it->sending);
    if (code == 0 && it->sending.offer.held && (it->sending.offer.status & TPY_L4_ST_GO)) code = bring_pages(it);
    code = code != 0 ? failed(&it->sending, code) : outcome(it);
    if (it->bounce) munmap(it->bounce, it->bounce_length);
    return code;
}

__attribute__((noinline)) static unsigned offer_long(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0,
    uint64_t word1, bool call, void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    struct lengthy it;
    if (prepare(&it.sending, local, dest, call, timeout, result) != 0) {
        result->dope = L4_IPC_ENOT_EXISTENT;
        return L4_IPC_ENOT_EXISTENT;
    }
    if (tpy_l4_outgoing_read(&it.out, send, word0, word1) != 0) return failed(&it.sending, L4_IPC_SERCVPFTO);
    if (call && tpy_l4_incoming_read(&it.in, receive) != 0) return failed(&it.sending, L4_IPC_RESNDPFTO);
    return send_long(&it);
}

unsigned tpy_l4_offer(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0, uint64_t word1, bool call, void *receive,
    uint32_t timeout, struct tpy_l4_result *result)
{
    struct sending sending;
    const tpy_l4_two_words word = tpy_l4_two(word0, word1);
    bool plain = ((uintptr_t)send & ~(uintptr_t)1) == 0 && (!call || ((uintptr_t)receive & ~(uintptr_t)1) == 0);
    if (TPY_UNLIKELY(!plain)) return offer_long(local, dest, send, word0, word1, call, receive, timeout, result);
    if (TPY_UNLIKELY(prepare(&sending, local, dest, call, timeout, result) != 0)) {
        result->dope = L4_IPC_ENOT_EXISTENT;
        return L4_IPC_ENOT_EXISTENT;
    }
    const struct iovec out = {(void *)(uintptr_t)&word, sizeof word}, in = {result->word, sizeof result->word};
    sending.send = &out;
    sending.offer.send_parts = 1;
    sending.reply = &in;
    sending.offer.reply_parts = call ? 1 : 0;
    unsigned code = offer(&sending);
    if (TPY_UNLIKELY(code != 0)) return failed(&sending, code);
    if (TPY_UNLIKELY(sending.offer.status & TPY_L4_ST_SENT)) return failed(&sending, (unsigned)sending.offer.status & L4_IPC_ERROR_MASK);
    code = (unsigned)sending.offer.status & L4_IPC_ERROR_MASK;
    if (TPY_UNLIKELY(sending.offer.length < sizeof result->word && code == 0)) return failed(&sending, L4_IPC_REABORTED);
    result->dope = code != 0 && code != L4_IPC_REMSGCUT ? code : (uint64_t)(sending.offer.status & TPY_L4_ST_DOPE);
    return code;
}
