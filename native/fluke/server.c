/* server: see server.h. Here is a connection once it stands; wait.c has how it comes about. The calls themselves, and the short way of the most usual
 * ones, are in server_calls.c. */
#include "fluke/server.h"

#include <unistd.h>

#include "core/errors.h"
#include "core/port.h"
#include "fluke/held.h"
#include "fluke/message.h"
#include "fluke/port.h"
#include "fluke/transfer.h"

void tpy_fluke_server_ended(struct tpy_fluke_server *side)
{
    if (side->fd_count) tpy_fluke_close_fds(side->fds, side->fd_count);
    side->fd_count = 0;
    side->accepted = false;
    atomic_store_explicit(&side->role, TPY_FLUKE_NONE, memory_order_relaxed);
    side->epoch++;
}

void tpy_fluke_server_close(struct fluke_thread *thread)
{
    struct tpy_fluke_server *side = &thread->server;
    uint8_t role = atomic_load_explicit(&side->role, memory_order_relaxed);
    side->resume.params = NULL;
    if (role == TPY_FLUKE_NONE) return;
    /* Whether it was accepted or turned: nobody else takes what the client offers next. */
    if (side->accepted) tpy_finish(side->exchange, side->serial, role == TPY_FLUKE_SENDER ? TPY_FLUKE_BYE : TPY_FLUKE_BROKEN, NULL, 0);
    tpy_release(side->exchange, side->serial);
    tpy_fluke_server_ended(side);
}

void tpy_fluke_server_take(struct tpy_fluke_server *side, const struct tpy_receipt *receipt)
{
    uint64_t unit = receipt->kind & TPY_FLUKE_IS_REFS ? sizeof(struct tpy_fluke_record) : 4;
    side->accepted = true;
    side->serial = receipt->sequence;
    side->kind = receipt->kind;
    side->words = receipt->send_length / unit;
    side->taken = 0;
    side->room = receipt->room;
    if (TPY_UNLIKELY(receipt->kind & TPY_FLUKE_IS_REFS && !(receipt->kind & TPY_FLUKE_RECEIVE))) {
        if (side->fd_count) tpy_fluke_close_fds(side->fds, side->fd_count);
        int count = receipt->flags & TPY_OFFER_FDS ? tpy_take_fds(side->exchange, side->serial, side->fds, TPY_FLUKE_REFS) : 0;
        side->fd_count = count > 0 ? (unsigned)count : 0;
        side->ref_count = side->words < TPY_FLUKE_REFS ? (unsigned)side->words : TPY_FLUKE_REFS;
        side->ref_taken = 0;
    }
}

/* A wait for the client ended without an offer. */
static fluke_error_t no_offer(struct transfer *it, int result, fluke_error_t disconnected)
{
    struct tpy_fluke_server *side = it->side;
    if (result == -EINTR) return GO_ON;
    if (result == -ECANCELED) {
        uint32_t epoch = side->epoch;
        bool go_on = tpy_fluke_interrupted(it->thread);
        if (side->epoch != epoch) return disconnected; /* a handler did that */
        if (go_on) return GO_ON;
        return FLUKE_IPC_INTERRUPTED;
    }
    if (result == -EFAULT) return tpy_fluke_insane(FLUKE_INSANITY_BAD_BUFFER);
    if (result == -ENOMEM) return FLUKE_NO_RESOURCES;
    tpy_fluke_server_ended(side);
    return disconnected;
}

/* Data that has been copied counts, unless the client has withdrawn. */
fluke_error_t tpy_fluke_server_count(struct transfer *it, uint64_t words, bool committed)
{
    struct tpy_fluke_server *side = it->side;
    if (TPY_UNLIKELY(!committed) && tpy_fluke_commit(side, side->taken + words) != 0) {
        side->accepted = false;
        return GO_ON;
    }
    side->taken += words;
    it->came += words;
    tpy_fluke_received(it->params, words);
    return FLUKE_SUCCESS;
}

/* References in our hands go to the reference objects, as far as there are some. */
static fluke_error_t hand_out(struct transfer *it)
{
    struct tpy_fluke_server *side = it->side;
    unsigned count = side->ref_count - side->ref_taken;
    if (count > it->params->recv_ref_count) count = (unsigned)it->params->recv_ref_count;
    if (count > 0 && tpy_fluke_commit(side, side->ref_taken + count) != 0) {
        side->accepted = false;
        return GO_ON;
    }
    for (; count > 0; count--) tpy_fluke_unpack(it->params, &side->records[side->ref_taken++], side->fds, side->fd_count);
    side->taken = side->ref_taken;
    return side->ref_taken < side->ref_count ? FLUKE_IPC_RECV_MORE_REFS : FLUKE_SUCCESS;
}

/* Goes on taking the offer in our hands. */
static fluke_error_t take_more(struct transfer *it)
{
    struct tpy_fluke_server *side = it->side;
    const struct iovec *parts;
    uint64_t words;
    int count = tpy_fluke_receive_parts(it->thread, it->params, &parts, &words);
    if (count < 0) return FLUKE_NO_RESOURCES;
    if (words == 0) return FLUKE_IPC_RECV_MORE_DATA;
    ssize_t got = tpy_pull(side->exchange, side->serial, side->taken * 4, parts, (size_t)count);
    if (got == -TPY_ESRVRFAULT) return tpy_fluke_insane(FLUKE_INSANITY_BAD_BUFFER);
    if (got == -EFAULT) { /* the client's memory */
        tpy_finish_error(side->exchange, side->serial, EFAULT);
        tpy_fluke_server_ended(side);
        return FLUKE_IPC_RECV_DISCONNECTED;
    }
    if (got == -ECANCELED) return no_offer(it, (int)got, FLUKE_IPC_RECV_DISCONNECTED);
    if (got < 0) {
        side->accepted = false;
        return GO_ON;
    }
    return tpy_fluke_server_count(it, (uint64_t)got / 4, false);
}

fluke_error_t tpy_fluke_server_receive(struct transfer *it)
{
    struct tpy_fluke_server *side = it->side;
    it->stage = TO_RECEIVE;
    for (;;) {
        fluke_error_t error = FLUKE_SUCCESS;
        if (TPY_LIKELY(!side->accepted)) {
            const struct iovec *parts, records = {side->records, sizeof side->records};
            struct tpy_receipt receipt;
            uint64_t words = 0;
            int count = 1;
            if (TPY_UNLIKELY(side->refs_next)) parts = &records;
            else count = tpy_fluke_receive_parts(it->thread, it->params, &parts, &words);
            if (TPY_UNLIKELY(count < 0)) return FLUKE_NO_RESOURCES;
            /* Room that this call has filled: the answer is what the client does just now. */
            bool filled = it->came > 0 && words == 0 && !side->refs_next;
            int result = tpy_fluke_next_offer(side, parts, (size_t)count, side->refs_next ? 0 : 4, filled ? 0 : TPY_NEVER, &receipt);
            if (TPY_UNLIKELY(result == -ETIMEDOUT)) return FLUKE_IPC_RECV_MORE_DATA;
            if (TPY_UNLIKELY(result != 0)) {
                error = no_offer(it, result, FLUKE_IPC_RECV_DISCONNECTED);
                if (error == GO_ON) continue;
                return error;
            }
            if (TPY_UNLIKELY(side->refs_next != ((side->kind & TPY_FLUKE_IS_REFS) != 0) || side->kind & TPY_FLUKE_RECEIVE)) {
                tpy_fluke_server_close(it->thread); /* not what an honest client does */
                return FLUKE_IPC_RECV_DISCONNECTED;
            }
            if (TPY_LIKELY(receipt.received > 0) && !side->refs_next) error = tpy_fluke_server_count(it, receipt.received / 4, receipt.committed);
            if (TPY_UNLIKELY(error == GO_ON)) continue;
        }
        if (TPY_UNLIKELY(side->kind & TPY_FLUKE_IS_REFS)) error = hand_out(it);
        else if (TPY_UNLIKELY(side->taken < side->words)) {
            error = take_more(it);
            if (error == FLUKE_SUCCESS && side->taken < side->words) error = FLUKE_IPC_RECV_MORE_DATA;
        }
        if (TPY_UNLIKELY(error == GO_ON)) continue;
        if (TPY_UNLIKELY(error != FLUKE_SUCCESS)) return error;
        if (TPY_LIKELY(side->kind & TPY_FLUKE_OVER)) return FLUKE_SUCCESS;
        side->refs_next = side->kind & TPY_FLUKE_MORE;
        tpy_fluke_turn(side, TPY_FLUKE_TAKEN, NULL, 0);
    }
}

/* Becomes the sender: drops what the client sends until it is over. */
static inline fluke_error_t acknowledge(struct transfer *it)
{
    struct tpy_fluke_server *side = it->side;
    for (;;) {
        if (TPY_UNLIKELY(!side->accepted)) {
            struct tpy_receipt receipt;
            int result = tpy_fluke_next_offer(side, NULL, 0, 0, TPY_NEVER, &receipt);
            if (result != 0) {
                fluke_error_t error = no_offer(it, result, FLUKE_IPC_ACK_DISCONNECTED);
                if (error == GO_ON) continue;
                return error;
            }
        }
        if (TPY_UNLIKELY(side->fd_count)) {
            tpy_fluke_close_fds(side->fds, side->fd_count);
            side->fd_count = 0;
        }
        if (TPY_LIKELY(side->kind & TPY_FLUKE_OVER)) {
            if (TPY_UNLIKELY(side->taken < side->words) && tpy_fluke_commit(side, side->words) != 0) {
                side->accepted = false;
                continue;
            }
            break;
        }
        tpy_fluke_turn(side, TPY_FLUKE_TAKEN, NULL, 0);
    }
    side->refs_next = false;
    atomic_store_explicit(&side->role, TPY_FLUKE_SENDER, memory_order_relaxed);
    it->stage = DATA;
    it->untold = true;
    return FLUKE_SUCCESS;
}

/* Some of the references, to a client that has offered room for them. */
static fluke_error_t send_refs(struct transfer *it, bool *last)
{
    struct tpy_fluke_server *side = it->side;
    struct tpy_fluke_cargo *cargo = &it->cargo;
    uint64_t room = side->room / sizeof(struct tpy_fluke_record);
    int fds[TPY_FLUKE_REFS];
    unsigned fd_count, count = tpy_fluke_pack(it->thread, cargo, room < TPY_FLUKE_REFS ? (unsigned)room : TPY_FLUKE_REFS, fds, &fd_count);
    struct iovec records = {it->thread->staging, count * sizeof *it->thread->staging};
    *last = cargo->refs == cargo->refs_sent + count;
    enum tpy_fluke_answer status = !*last ? TPY_FLUKE_REFS_FOLLOW : it->ending;
    int result = fd_count ? tpy_give_fds(side->exchange, side->serial, fds, fd_count) : 0;
    tpy_fluke_unpin(it->thread);
    if (TPY_UNLIKELY(result != 0 && result != -ESRCH)) return FLUKE_NO_RESOURCES;
    if (result == 0 && *last && it->ending == TPY_FLUKE_BYE) result = tpy_finish(side->exchange, side->serial, status, &records, 1);
    else if (result == 0) result = tpy_fluke_turn(side, status, &records, 1);
    side->accepted = false;
    if (result == 0) cargo->refs_sent += count;
    else *last = false;
    return FLUKE_SUCCESS;
}

/* Some of the data was sent: what came of that. */
static fluke_error_t data_sent(struct transfer *it, int result, uint64_t words, bool *last)
{
    struct tpy_fluke_server *side = it->side;
    side->accepted = false;
    if (TPY_LIKELY(result == 0)) {
        it->cargo.sent += words;
        it->untold = false;
    } else *last = false;
    if (TPY_UNLIKELY(result == -TPY_ESRVRFAULT || result == -EFAULT)) { /* the exchange is over */
        tpy_fluke_server_ended(side);
        return result == -EFAULT ? FLUKE_IPC_SEND_DISCONNECTED : tpy_fluke_insane(FLUKE_INSANITY_BAD_BUFFER);
    }
    return result == -ENOMEM ? FLUKE_NO_RESOURCES : FLUKE_SUCCESS;
}

/* Some of the data. */
static inline fluke_error_t send_data(struct transfer *it, bool *last)
{
    struct tpy_fluke_server *side = it->side;
    struct tpy_fluke_cargo *cargo = &it->cargo;
    const struct iovec *parts;
    uint64_t room = side->room / 4, left = cargo->words - cargo->sent, here = left < room ? left : room;
    int count = tpy_fluke_send_parts(it->thread, cargo, here, &parts), result;
    if (TPY_UNLIKELY(count < 0)) return FLUKE_NO_RESOURCES;
    enum tpy_fluke_answer status = it->ending;
    if (TPY_UNLIKELY(here < left)) status = TPY_FLUKE_FULL;
    else if (TPY_UNLIKELY(cargo->refs > cargo->refs_sent)) status = TPY_FLUKE_REFS_FOLLOW;
    else if (status == TPY_FLUKE_PART && here == room) status = TPY_FLUKE_FULL;
    *last = here == left && cargo->refs == cargo->refs_sent;
    if (status == TPY_FLUKE_BYE) result = tpy_finish(side->exchange, side->serial, status, parts, (size_t)count);
    else result = tpy_fluke_turn(side, status, parts, (size_t)count);
    return data_sent(it, result, here, last);
}

/* Sends everything, and ends as it->ending says. */
static fluke_error_t send(struct transfer *it, bool last)
{
    struct tpy_fluke_server *side = it->side;
    while (!last) {
        fluke_error_t error;
        if (TPY_UNLIKELY(!side->accepted)) {
            struct tpy_receipt receipt;
            int result = tpy_fluke_next_offer(side, NULL, 0, 0, TPY_NEVER, &receipt);
            bool sent = it->cargo.words == it->cargo.sent && it->cargo.refs == it->cargo.refs_sent;
            if (result != 0) {
                /* A client that was gone before our first answer never saw the reversal. */
                error = no_offer(it, result, it->untold ? FLUKE_IPC_ACK_DISCONNECTED
                    : sent && it->ending == TPY_FLUKE_NOW_OVER ? FLUKE_IPC_OVER_DISCONNECTED : FLUKE_IPC_SEND_DISCONNECTED);
                if (error == GO_ON) continue;
                return error;
            }
            it->untold = false; /* it goes on as one that waits for us, or wants to be the sender itself */
        }
        if (TPY_UNLIKELY(side->kind & TPY_FLUKE_ACK)) return FLUKE_SUCCESS; /* the client wants to send: it has no use for the rest */
        bool for_refs = (side->kind & TPY_FLUKE_RECEIVE) && (side->kind & TPY_FLUKE_IS_REFS);
        error = TPY_UNLIKELY(for_refs) ? send_refs(it, &last) : send_data(it, &last);
        if (TPY_UNLIKELY(error != FLUKE_SUCCESS)) return error;
    }
    return FLUKE_SUCCESS;
}

/* A wait for the client's ack has ended (result), or an offer was in our hands already (receipt NULL). GO_ON: wait again. */
static fluke_error_t over_came(struct transfer *it, int result, const struct tpy_receipt *receipt)
{
    struct tpy_fluke_server *side = it->side;
    if (TPY_UNLIKELY(result != 0)) return no_offer(it, result, FLUKE_IPC_OVER_DISCONNECTED);
    if (TPY_UNLIKELY(!(side->kind & TPY_FLUKE_ACK))) { /* it was interrupted before it knew, or knows nothing yet */
        tpy_fluke_turn(side, TPY_FLUKE_NOW_OVER, NULL, 0);
        return GO_ON;
    }
    /* The reversal counts, too. */
    fluke_error_t error = tpy_fluke_server_count(it, receipt ? receipt->received / 4 : 0, receipt && receipt->committed);
    if (TPY_UNLIKELY(error == GO_ON)) return GO_ON;
    atomic_store_explicit(&side->role, TPY_FLUKE_RECEIVER, memory_order_relaxed);
    side->kind &= (uint8_t)~TPY_FLUKE_ACK;
    side->refs_next = false;
    return tpy_fluke_server_receive(it);
}

/* Everything is sent and the client knows that we are over: waits for its ack, which brings its data. */
static fluke_error_t over(struct transfer *it)
{
    struct tpy_fluke_server *side = it->side;
    fluke_error_t error;
    it->stage = GO_OVER;
    do {
        const struct iovec *parts;
        struct tpy_receipt receipt;
        uint64_t words;
        if (TPY_LIKELY(!side->accepted)) {
            int count = tpy_fluke_receive_parts(it->thread, it->params, &parts, &words);
            if (TPY_UNLIKELY(count < 0)) return FLUKE_NO_RESOURCES;
            error = over_came(it, tpy_fluke_next_offer(side, parts, (size_t)count, 4, TPY_NEVER, &receipt), &receipt);
        } else
            error = over_came(it, 0, NULL);
    } while (error == GO_ON);
    return error;
}

static fluke_error_t disconnected(const struct transfer *it)
{
    switch (it->stage) {
    case TO_ACK: return FLUKE_IPC_ACK_DISCONNECTED;
    case DATA: return FLUKE_IPC_SEND_DISCONNECTED;
    case GO_OVER: return FLUKE_IPC_OVER_DISCONNECTED;
    default: return FLUKE_IPC_RECV_DISCONNECTED;
    }
}

/* Everything is sent: what the call does then. */
static inline fluke_error_t after_sending(struct transfer *it)
{
    if (it->does & WAIT) { /* the finish was the disconnect, unless the client's ack made it needless */
        if (TPY_UNLIKELY(it->side->accepted)) tpy_fluke_server_close(it->thread);
        else tpy_fluke_server_ended(it->side);
        it->stage = TO_WAIT;
        return tpy_fluke_wait(it);
    }
    return it->does & OVER ? over(it) : FLUKE_SUCCESS;
}

static inline enum tpy_fluke_answer ending_of(uint8_t does)
{
    return does & OVER ? TPY_FLUKE_NOW_OVER : does & WAIT ? TPY_FLUKE_BYE : TPY_FLUKE_PART;
}

static inline fluke_error_t work(struct transfer *it)
{
    fluke_error_t error = FLUKE_SUCCESS;
    it->ending = ending_of(it->does);
    if (it->stage == TO_ACK) error = acknowledge(it);
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && it->stage == DATA)
        error = send(it, it->ending == TPY_FLUKE_PART && it->cargo.words == it->cargo.sent && it->cargo.refs == it->cargo.refs_sent);
    if (TPY_UNLIKELY(error != FLUKE_SUCCESS)) return error;
    if (TPY_UNLIKELY(it->stage == TO_RECEIVE)) {
        if (it->alias) *it->alias = it->side->alias;
        return tpy_fluke_server_receive(it);
    }
    return after_sending(it);
}

bool tpy_fluke_server_resumes(struct transfer *it)
{
    struct tpy_fluke_resume *resume = &it->side->resume;
    if (TPY_LIKELY(resume->params == NULL)) return false;
    bool resumes = resume->params == it->params && resume->does == it->does;
    if (resumes) it->stage = resume->stage;
    resume->params = NULL;
    return resumes;
}

fluke_error_t tpy_fluke_server_done(struct transfer *it, fluke_error_t error)
{
    if (TPY_LIKELY(error != FLUKE_IPC_INTERRUPTED)) return error;
    if (it->does & (SEND | REPLY)) tpy_fluke_unload(&it->cargo);
    /* In the middle of the next client's message already: it goes on with that one. */
    if (it->stage == TO_WAIT && atomic_load(&it->side->role) != TPY_FLUKE_NONE) it->stage = TO_RECEIVE;
    it->side->resume = (struct tpy_fluke_resume){it->params, it->does, (uint8_t)it->stage};
    return error;
}

fluke_error_t tpy_fluke_server_transfer(fluke_ipc_params_t *params, uint8_t does, void **alias)
{
    static const enum stage first[] = {[ACK] = TO_ACK, [SEND] = DATA, [OVER] = GO_OVER, [RECEIVE] = TO_RECEIVE};
    struct transfer it;
    it.thread = tpy_fluke_enter();
    if (TPY_UNLIKELY(!it.thread)) return FLUKE_NO_RESOURCES;
    struct tpy_fluke_server *side = it.side = &it.thread->server;
    it.params = params;
    it.does = does;
    it.alias = alias;
    it.came = 0;
    it.untold = false;
    it.stage = first[does & -does];
    tpy_fluke_server_resumes(&it);
    fluke_error_t error = FLUKE_SUCCESS;
    if (TPY_LIKELY(it.stage != TO_WAIT)) {
        uint8_t role = atomic_load_explicit(&side->role, memory_order_relaxed);
        if (TPY_UNLIKELY(role == TPY_FLUKE_NONE)) return disconnected(&it);
        uint8_t needed = it.stage == TO_ACK || it.stage == TO_RECEIVE ? TPY_FLUKE_RECEIVER : TPY_FLUKE_SENDER;
        if (TPY_UNLIKELY(role != needed))
            return tpy_fluke_insane(needed == TPY_FLUKE_RECEIVER ? FLUKE_INSANITY_NOT_RECEIVER : FLUKE_INSANITY_NOT_SENDER);
    }
    it.cargo = (struct tpy_fluke_cargo){.params = params};
    if (TPY_UNLIKELY(!params)) error = FLUKE_INSANITY_BAD_BUFFER;
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && (does & SEND)) error = tpy_fluke_load(params, &it.cargo);
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && (does & (RECEIVE | WAIT))) error = tpy_fluke_check_room(params);
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && it.stage == TO_ACK && TPY_UNLIKELY(it.cargo.words < FLUKE_MIN_MSG_SIZE))
        error = FLUKE_INSANITY_BUFFER_TOO_SMALL;
    if (TPY_UNLIKELY(error != FLUKE_SUCCESS)) return tpy_fluke_insane(error);
    return tpy_fluke_server_done(&it, work(&it));
}

/* A call that acks, with all that it sends, which is one buffer, has come to its first result elsewhere. */
static struct transfer begun(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, void **alias)
{
    atomic_store_explicit(&thread->server.role, TPY_FLUKE_SENDER, memory_order_relaxed);
    return (struct transfer){.thread = thread, .side = &thread->server, .params = params, .alias = alias, .does = does, .stage = DATA,
        .ending = ending_of(does), .cargo = {.params = params, .words = params->send_buf.words}, .untold = true};
}

fluke_error_t tpy_fluke_server_sent(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, void **alias, int result)
{
    struct transfer it = begun(thread, params, does, alias);
    bool last = true;
    it.side->refs_next = false;
    fluke_error_t error = data_sent(&it, result, it.cargo.words, &last);
    if (error == FLUKE_SUCCESS) error = send(&it, last);
    return tpy_fluke_server_done(&it, error == FLUKE_SUCCESS ? after_sending(&it) : error);
}

fluke_error_t tpy_fluke_server_turned(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, int result, const struct tpy_receipt *receipt)
{
    struct transfer it = begun(thread, params, does, NULL);
    it.cargo.sent = it.cargo.words;
    it.untold = false;
    it.stage = GO_OVER;
    if (result == 0) tpy_fluke_server_take(it.side, receipt);
    fluke_error_t error = over_came(&it, result, receipt);
    return tpy_fluke_server_done(&it, error == GO_ON ? over(&it) : error);
}
