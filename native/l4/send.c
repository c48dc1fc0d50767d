/*
 * send: the sender's half of an IPC: an offer at the partner's port. The short form has its two words on the stack and allocates nothing;
 * the long form builds a head and a table before them. A call is the same offer with a reply window: so its caller waits for the
 * answer from the moment the partner has the message, with nothing in between.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/errors.h"
#include "l4/lengthy.h"
#include "l4/partner.h"
#include "l4/times.h"

/* What the core said, as a code; TPY_L4_AGAIN: offer again. */
static unsigned code_of(struct tpy_l4_local *local, uint32_t reached, bool call, int error)
{
    switch (error) {
    case -ETIMEDOUT: return reached == TPY_REACHED_NOTHING ? L4_IPC_SETIMEOUT : L4_IPC_RETIMEOUT;
    case -ECANCELED:
        if (!tpy_l4_was_cancelled(local) && reached == TPY_REACHED_NOTHING) return TPY_L4_AGAIN;
        if (reached == TPY_REACHED_ACCEPTED) return L4_IPC_SEABORTED;
        return call && reached == TPY_REACHED_CONFIRMED ? L4_IPC_RECANCELED : L4_IPC_SECANCELED;
    case -ESRCH:
    case -EBADF: return L4_IPC_ENOT_EXISTENT;
    case -ERESTART: return TPY_L4_AGAIN;
    case -EFAULT: return reached == TPY_REACHED_CONFIRMED && call ? L4_IPC_RESNDPFTO : L4_IPC_SERCVPFTO;
    case -TPY_ESRVRFAULT: return L4_IPC_RERCVPFTO;
    default: return L4_IPC_SEABORTED; /* a limit, or a partner that makes no sense */
    }
}

int tpy_l4_offer_once(struct tpy_l4_sending *sending)
{
    sending->offer.send = sending->send;
    sending->offer.reply = sending->reply;
    return tpy_offer(sending->connection, &sending->offer);
}

/* Offers until it is neither interrupted by a stale cancel nor refused for a thread that had gone. 0 or a code. */
static unsigned offer(struct tpy_l4_sending *sending)
{
    for (;;) {
        int error = tpy_l4_offer_once(sending);
        if (TPY_LIKELY(error == 0)) return 0;
        unsigned code = code_of(sending->local, sending->offer.reached, sending->call, error);
        if (code != TPY_L4_AGAIN) return code;
    }
}

static inline __attribute__((always_inline)) int prepare(struct tpy_l4_sending *sending, struct tpy_l4_local *local, uint64_t dest, bool call,
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

static void build_head(struct tpy_l4_lengthy *it, unsigned flags)
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
    uint32_t *sizes = (uint32_t *)(it->head + sizeof head);
    for (uint32_t i = 0; i < it->out.strings; i++) *sizes++ = (uint32_t)it->out.string[i].iov_len;
    for (uint32_t i = 0; i < it->room.strings; i++) *sizes++ = (uint32_t)it->in.string[i].iov_len;
    size_t sizes_length = (it->out.strings + it->room.strings) * sizeof *sizes;
    size_t extents_length = it->parcel.count * sizeof it->parcel.extent[0];
    memcpy(it->head, &head, sizeof head);
    if (extents_length > 0) memcpy(sizes, it->parcel.extent, extents_length);
    it->head_length = sizeof head + sizes_length + extents_length;
}

/* Which windows the next offer opens: with `strings` all of them, else head and words only. */
static void build_send(struct tpy_l4_lengthy *it, bool strings)
{
    it->send[0] = (struct iovec){it->head, it->head_length};
    it->send[1] = (struct iovec){(void *)(uintptr_t)(it->out.more + 2), (it->out.words - 2) * sizeof(l4_umword_t)};
    it->sending.send = it->send;
    it->sending.offer.send_parts = 2 + (strings ? it->out.strings : 0);
    for (uint32_t i = 0; i < it->out.strings; i++) it->send[2 + i] = it->out.string[i];
}

/* Where the words and strings of the answer go, from reply[2] on. Returns the strings' room. */
static uint64_t list_rooms(struct tpy_l4_lengthy *it)
{
    uint64_t bytes = 0;
    it->more = (struct iovec){it->in.more ? it->in.more + 2 : NULL, it->in.more ? (it->room.words - 2) * sizeof(l4_umword_t) : 0};
    it->reply[2] = it->more;
    for (uint32_t i = 0; i < it->room.strings; i++) {
        it->reply[3 + i] = it->in.string[i];
        bytes += it->in.string[i].iov_len;
    }
    return bytes;
}

/* What is small comes close together, and tpy_l4_take parts it; for the rest there is a window. `missing`: it is not all there to be written. */
static int build_reply(struct tpy_l4_lengthy *it, uint64_t bytes, bool missing, unsigned *flags)
{
    if (missing && it->room.strings > 0) *flags |= TPY_L4_ROOM_PENDING;
    if (!missing && it->room.end + bytes <= TPY_INLINE) {
        it->sending.offer.flags |= TPY_OFFER_TAKEN;
        it->sending.offer.take = tpy_l4_take;
        it->sending.offer.room = it->room.end + bytes;
        *flags |= TPY_L4_TAKES;
        return 0;
    }
    it->reply[0] = (struct iovec){it->sending.result->word, sizeof it->sending.result->word};
    it->reply[1] = (struct iovec){it->table, it->room.more - it->room.table};
    it->sending.reply = it->reply;
    it->sending.offer.reply_parts = 3 + it->room.strings;
    if (!(*flags & TPY_L4_ROOM_PENDING)) return 0;
    it->bounce_length = bytes;
    it->bounce = mmap(NULL, it->bounce_length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (it->bounce == MAP_FAILED) return -ENOMEM;
    char *at = it->bounce;
    for (uint32_t i = 0; i < it->room.strings; i++) {
        it->reply[3 + i].iov_base = at;
        at += it->in.string[i].iov_len;
    }
    return 0;
}

/* The receiver accepted, and waits for pages of our strings for as long as it says. */
static unsigned bring_pages(struct tpy_l4_lengthy *it)
{
    int64_t time = tpy_l4_fault_time((unsigned)(it->sending.offer.status >> TPY_L4_ST_FAULT_SHIFT) & 15);
    unsigned char *flags = &it->head[offsetof(struct tpy_l4_head, flags)];
    size_t reply_parts = it->sending.offer.reply_parts;
    *flags &= (unsigned char)~TPY_L4_PENDING;
    int brought = tpy_l4_await_held(it, it->out.string, it->out.strings, time);
    if (brought == -ESRCH) return tpy_l4_let_go(it, L4_IPC_SEABORTED);
    unsigned code = brought == 0 ? 0 : brought == -ECANCELED ? L4_IPC_SEABORTED : L4_IPC_SERCVPFTO;
    tpy_l4_go_on(it);
    if (code != 0) *flags |= code == L4_IPC_SEABORTED ? TPY_L4_ABORTED : TPY_L4_FAILED;
    build_send(it, code == 0);
    it->sending.offer.reply_parts = reply_parts;
    unsigned sent = offer(&it->sending);
    /* Cancelled again, as an interrupted Java thread is at each sleep: so the partner was not told, and must not wait for what will not come. */
    if (TPY_UNLIKELY(sent != 0)) tpy_hang_up(it->sending.connection);
    if (code != 0) return code;
    return sent == L4_IPC_ENOT_EXISTENT ? tpy_l4_let_go(it, L4_IPC_SEABORTED) : sent;
}

static unsigned send_long(struct tpy_l4_lengthy *it)
{
    unsigned flags = 0, code;
    struct tpy_l4_map_words words;
    it->parcel.count = 0;
    it->bounce = NULL;
    it->bounce_length = 0;
    it->sending.offer.kind |= TPY_L4_LONG;
    if (it->out.maps) {
        flags |= TPY_L4_MAPS;
        if (tpy_l4_map_words(&words, &it->out) != 0) return tpy_l4_failed(&it->sending, L4_IPC_SERCVPFTO);
        tpy_l4_pairs_read(&it->pairs, words.word, words.count);
        /* What cannot be mapped is told to both sides, so the receiver must get it first. */
        if (tpy_l4_map_collect(&it->pairs, &it->parcel) != 0) flags |= TPY_L4_FAILED, it->parcel.count = 0;
        it->sending.offer.fds = it->parcel.fd;
        it->sending.offer.fd_count = it->parcel.count;
    }
    bool call = it->sending.call;
    tpy_l4_room_set(&it->room, call ? it->in.words : 2, call ? it->in.strings : 0, call && it->in.window != 0);
    if (it->room.window) flags |= TPY_L4_WINDOW;
    uint64_t bytes = call ? list_rooms(it) : 0;
    int missing = tpy_pages_touch_both(it->out.string, it->out.strings, &it->reply[2], call ? 1 + it->room.strings : 0);
    if (missing & 1) flags |= TPY_L4_PENDING;
    if (call && build_reply(it, bytes, missing & 2, &flags) != 0) return tpy_l4_failed(&it->sending, L4_IPC_SEABORTED);
    build_head(it, flags);
    build_send(it, !(flags & TPY_L4_PENDING));
    if (it->out.strings > 0 || it->out.words > 2 || it->out.maps) it->sending.offer.flags |= TPY_OFFER_CONFIRMED;
    code = offer(&it->sending);
    if (code == 0 && it->sending.offer.held && (it->sending.offer.status & TPY_L4_ST_GO)) code = bring_pages(it);
    code = code != 0 ? tpy_l4_failed(&it->sending, code) : tpy_l4_outcome(it);
    if (it->bounce) munmap(it->bounce, it->bounce_length);
    return code;
}

__attribute__((noinline)) static unsigned offer_long(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0,
    uint64_t word1, bool call, void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    struct tpy_l4_lengthy it;
    if (prepare(&it.sending, local, dest, call, timeout, result) != 0) {
        result->dope = L4_IPC_ENOT_EXISTENT;
        return L4_IPC_ENOT_EXISTENT;
    }
    if (tpy_l4_outgoing_read(&it.out, send, word0, word1) != 0) return tpy_l4_failed(&it.sending, L4_IPC_SERCVPFTO);
    if (call && tpy_l4_incoming_read(&it.in, receive) != 0) return tpy_l4_failed(&it.sending, L4_IPC_RESNDPFTO);
    return send_long(&it);
}

/* The words of a short answer are where they belong. */
static unsigned short_outcome(int64_t status, uint64_t length, uint32_t room, struct tpy_l4_result *result)
{
    unsigned code = (unsigned)status & L4_IPC_ERROR_MASK;
    result->dope = code;
    if (TPY_UNLIKELY(status & TPY_L4_ST_SENT)) return code;
    if (code != 0 && code != L4_IPC_REMSGCUT) return code;
    /* It says so many words and strings: only those that came count. */
    uint64_t words = length / sizeof result->word[0];
    bool true_said = words >= 2 && words <= room && length % sizeof result->word[0] == 0 &&
                     (status & TPY_L4_ST_DOPE) >> 8 == (int64_t)tpy_l4_dope((uint32_t)words, 0, 0) >> 8;
    if (TPY_UNLIKELY(!true_said)) return (unsigned)(result->dope = L4_IPC_REABORTED);
    result->dope = tpy_l4_dope((uint32_t)words, 0, code);
    return code;
}

unsigned tpy_l4_offered(struct tpy_l4_local *local, const struct tpy_two *two, bool call, int error, struct tpy_l4_result *result)
{
    if (error == 0) return short_outcome(two->status, two->length, 2, result);
    unsigned code = code_of(local, two->reached, call, error);
    result->dope = code;
    return code;
}

/* ---- Few words ---------------------------------------------------------------------------------------------------------------- */

struct few {
    struct tpy_l4_sending sending;
    uint32_t room;
    l4_umword_t *more; /* room for those beyond the first two */
    _Alignas(16) uint64_t word[TPY_L4_FEW];
};

static int take_few(struct tpy_offer *offer, const void *answer, uint64_t length)
{
    struct few *it = (struct few *)((char *)offer - offsetof(struct few, sending.offer));
    uint64_t *two = it->sending.result->word;
    if (TPY_UNLIKELY(length < 2 * sizeof *two || length > it->room * sizeof *two)) return -EPROTO;
    for (int i = 0; i < 2; i++) two[i] = ((const volatile uint64_t *)answer)[i];
    return length == 2 * sizeof *two || tpy_copy_part(it->more, (const uint64_t *)answer + 2, length - 2 * sizeof *two) == 0 ? 0 : -EFAULT;
}

/* Words in memory, one way or both. How many are sent; 0: it is more than that. */
static inline uint32_t read_few(struct few *it, const void *send, uint64_t word0, uint64_t word1, bool call, void *receive)
{
    const l4_umword_t *more;
    bool plain = true;
    uint32_t words = tpy_l4_few(send, &more);
    it->room = call ? tpy_l4_few_room(receive, &it->more, &plain) : 0;
    if (TPY_UNLIKELY(words == 0 || !plain || it->room * sizeof it->word[0] > TPY_INLINE || (call && it->room == 0))) return 0;
    *(tpy_l4_two_words *)it->word = tpy_l4_two(word0, word1);
    /* Words that cannot be read: both sides learn of that on the long way. */
    return words == 2 || TPY_LIKELY(tpy_copy_join(&it->word[2], more, (words - 2) * sizeof it->word[0]) == 0) ? words : 0;
}

static inline void take_answer(struct few *it)
{
    it->sending.offer.flags |= TPY_OFFER_TAKEN;
    it->sending.offer.take = take_few;
    it->sending.offer.room = it->room * sizeof it->word[0];
}

/* TPY_L4_AGAIN: it is more than that. */
static unsigned offer_few(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0, uint64_t word1, bool call, void *receive,
    uint32_t timeout, struct tpy_l4_result *result)
{
    struct few it;
    uint32_t words = read_few(&it, send, word0, word1, call, receive);
    if (TPY_UNLIKELY(words == 0)) return TPY_L4_AGAIN;
    if (TPY_UNLIKELY(prepare(&it.sending, local, dest, call, timeout, result) != 0)) {
        result->dope = L4_IPC_ENOT_EXISTENT;
        return L4_IPC_ENOT_EXISTENT;
    }
    const struct iovec out = {it.word, words * sizeof it.word[0]};
    it.sending.send = &out;
    it.sending.offer.send_parts = 1;
    if (call) take_answer(&it);
    unsigned code = offer(&it.sending);
    if (TPY_UNLIKELY(code != 0)) return tpy_l4_failed(&it.sending, code);
    return short_outcome(it.sending.offer.status, it.sending.offer.length, it.room, result);
}

unsigned tpy_l4_call_few(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive,
    struct tpy_l4_result *result)
{
    struct few it;
    uint32_t words;
    if (TPY_UNLIKELY(dest == atomic_load_explicit(&local->id, memory_order_relaxed)) || (words = read_few(&it, send, word0, word1, true, receive)) == 0 ||
        TPY_UNLIKELY(prepare(&it.sending, local, dest, true, 0, result) != 0))
        return TPY_L4_AGAIN;
    const struct iovec out = {it.word, words * sizeof it.word[0]};
    it.sending.send = &out;
    it.sending.offer.send_parts = 1;
    take_answer(&it);
    tpy_l4_enter(local);
    int error = tpy_l4_offer_once(&it.sending);
    unsigned code = TPY_LIKELY(error == 0) ? short_outcome(it.sending.offer.status, it.sending.offer.length, it.room, result) : code_of(local, it.sending.offer.reached, true, error);
    if (TPY_UNLIKELY(error != 0)) result->dope = code;
    result->source = dest;
    tpy_l4_leave(local);
    return code;
}

unsigned tpy_l4_offer(struct tpy_l4_local *local, uint64_t dest, const void *send, uint64_t word0, uint64_t word1, bool call, void *receive,
    uint32_t timeout, struct tpy_l4_result *result)
{
    struct tpy_l4_sending sending;
    const tpy_l4_two_words word = tpy_l4_two(word0, word1);
    bool plain = ((uintptr_t)send & ~(uintptr_t)1) == 0 && (!call || ((uintptr_t)receive & ~(uintptr_t)1) == 0);
    if (TPY_UNLIKELY(!plain)) {
        unsigned code = offer_few(local, dest, send, word0, word1, call, receive, timeout, result);
        return code != TPY_L4_AGAIN ? code : offer_long(local, dest, send, word0, word1, call, receive, timeout, result);
    }
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
    if (TPY_UNLIKELY(code != 0)) return tpy_l4_failed(&sending, code);
    return short_outcome(sending.offer.status, sending.offer.length, 2, result);
}
