/* client: see client.h. The calls themselves, and the short way of the most usual ones, are in client_calls.c. */
#include "fluke/client.h"

#include <string.h>

#include "core/errors.h"
#include "fluke/destination.h"
#include "fluke/message.h"
#include "fluke/object.h"
#include "fluke/transfer.h"

struct client_transfer {
    struct fluke_thread *thread;
    struct tpy_fluke_client *side;
    fluke_ipc_params_t *params;
    uint8_t does;
    enum stage stage;
    struct tpy_fluke_cargo cargo;
    uint8_t kind;       /* of the offer */
    uint64_t offered;   /* words or references in it */
    unsigned fd_count;
    uint64_t came;      /* words received by this call */
    struct tpy_offer offer;
    struct iovec staging;
    int fds[TPY_FLUKE_REFS];
};

static void ended(struct tpy_fluke_client *side)
{
    atomic_store_explicit(&side->role, TPY_FLUKE_NONE, memory_order_relaxed);
    side->connection = NULL;
    side->epoch++;
}

void tpy_fluke_client_close(struct fluke_thread *thread)
{
    struct tpy_fluke_client *side = &thread->client;
    side->resume.params = NULL;
    if (atomic_load_explicit(&side->role, memory_order_relaxed) == TPY_FLUKE_NONE) return;
    tpy_hang_up(side->connection);
    ended(side);
}

struct tpy_fluke_destination *tpy_fluke_dest(const fluke_ref_t *dest, struct tpy_fluke_destination **kept, fluke_error_t *error)
{
    const struct tpy_fluke_ref *ref = (const struct tpy_fluke_ref *)dest;
    *error = tpy_fluke_object_check(dest, TPY_FLUKE_REF);
    if (TPY_UNLIKELY(*error != FLUKE_SUCCESS)) return NULL;
    /* The one that we keep is counted, and so the one that is meant when the pointers are equal. */
    if (TPY_UNLIKELY(*kept != ref->target.destination || !*kept)) {
        void *target;
        enum tpy_fluke_names names = tpy_fluke_ref_get(dest, &target);
        if (names != TPY_FLUKE_NAMES_PORT) {
            tpy_fluke_target_release(names, target);
            *error = FLUKE_INVALID_DEST;
            return NULL;
        }
        if (*kept) tpy_fluke_destination_release(*kept);
        *kept = target;
    }
    return *kept;
}

/* What it means that the connection has ended, where we stand. */
static fluke_error_t disconnected(const struct client_transfer *it)
{
    switch (it->stage) {
    case TO_CONNECT: return FLUKE_IPC_CONNECT_INVALID_DEST;
    case TO_ACK: return FLUKE_IPC_ACK_DISCONNECTED;
    case DATA:
    case REFS: return FLUKE_IPC_SEND_DISCONNECTED;
    case GO_OVER: return FLUKE_IPC_OVER_DISCONNECTED;
    default: return FLUKE_IPC_RECV_DISCONNECTED;
    }
}

/* The next offer. FLUKE_SUCCESS, or no memory. */
static inline fluke_error_t compose(struct client_transfer *it)
{
    struct tpy_offer *offer = &it->offer;
    struct tpy_fluke_cargo *cargo = &it->cargo;
    uint64_t words;
    int count = 0;
    offer->send_parts = offer->reply_parts = 0;
    offer->fd_count = 0;
    offer->mark = 0; /* for an offer that fails before it begins */
    it->kind = 0;
    it->offered = 0;
    switch (it->stage) {
    case TO_CONNECT:
    case TO_ACK:
    case DATA:
        if (it->stage == TO_ACK) it->kind = TPY_FLUKE_ACK;
        if (cargo->refs > cargo->refs_sent) it->kind |= TPY_FLUKE_MORE;
        else if (it->does & OVER) it->kind |= TPY_FLUKE_OVER;
        it->offered = cargo->words - cargo->sent;
        count = tpy_fluke_send_parts(it->thread, cargo, it->offered, &offer->send);
        offer->send_parts = (size_t)count;
        break;
    case REFS:
        it->offered = tpy_fluke_pack(it->thread, cargo, TPY_FLUKE_REFS, it->fds, &it->fd_count);
        it->kind = TPY_FLUKE_IS_REFS;
        if (cargo->refs > cargo->refs_sent + it->offered) it->kind |= TPY_FLUKE_MORE;
        else if (it->does & OVER) it->kind |= TPY_FLUKE_OVER;
        it->staging = (struct iovec){it->thread->staging, it->offered * sizeof *it->thread->staging};
        offer->send = &it->staging;
        offer->send_parts = 1;
        offer->fds = it->fds;
        offer->fd_count = it->fd_count;
        break;
    case GO_OVER: it->kind = TPY_FLUKE_OVER; break;
    default:
        it->kind = TPY_FLUKE_RECEIVE;
        if (it->side->refs_wait) {
            size_t room = it->params->recv_ref_count;
            if (room > TPY_FLUKE_REFS) room = TPY_FLUKE_REFS;
            it->kind |= TPY_FLUKE_IS_REFS;
            it->staging = (struct iovec){it->thread->staging, room * sizeof *it->thread->staging};
            offer->reply = &it->staging;
            offer->reply_parts = 1;
        }
    }
    if (count >= 0 && (it->kind == TPY_FLUKE_RECEIVE || (it->kind & TPY_FLUKE_OVER))) {
        count = tpy_fluke_receive_parts(it->thread, it->params, &offer->reply, &words);
        offer->reply_parts = (size_t)count;
    }
    offer->kind = it->kind;
    offer->flags = TPY_OFFER_ACCOUNTED | TPY_OFFER_UNSIGNALLED | (it->stage == TO_CONNECT ? 0 : TPY_OFFER_CONTINUE);
    return TPY_LIKELY(count >= 0) ? FLUKE_SUCCESS : FLUKE_NO_RESOURCES;
}

/* The connection stands, or is reversed: we are the sender. */
static inline void begun(struct client_transfer *it)
{
    if (it->stage > TO_ACK) return;
    atomic_store_explicit(&it->side->role, TPY_FLUKE_SENDER, memory_order_relaxed);
    it->stage = DATA;
}

/* Everything in the offer has gone: where that brings us. True: the send is done. */
static bool gone(struct client_transfer *it)
{
    struct tpy_fluke_cargo *cargo = &it->cargo;
    begun(it);
    if (it->stage == REFS) cargo->refs_sent += it->offered;
    else if (it->stage == DATA) cargo->sent += it->offered;
    if (cargo->refs > cargo->refs_sent) it->stage = REFS;
    else if (it->does & OVER) it->stage = GO_OVER;
    else return true;
    return false;
}

/* An offer ended without an answer: counts what the server has taken of it. True: that was everything, and the call is done. */
static bool account(struct client_transfer *it)
{
    uint64_t mark = it->offer.mark, count = mark & TPY_FLUKE_MARK_COUNT;
    if (!(mark & TPY_FLUKE_BEGUN) || it->stage >= GO_OVER) return false;
    if (count >= it->offered) return gone(it);
    begun(it);
    if (it->stage == REFS) it->cargo.refs_sent += count;
    else it->cargo.sent += count;
    return false;
}

/* References came. */
static void take_refs(struct client_transfer *it)
{
    uint64_t count = it->offer.length / sizeof *it->thread->staging;
    int fds[TPY_FLUKE_REFS], fd_count = tpy_offer_take_fds(it->side->connection, fds, TPY_FLUKE_REFS);
    if (fd_count < 0) fd_count = 0;
    for (uint64_t i = 0; i < count && it->params->recv_ref_count > 0; i++)
        tpy_fluke_unpack(it->params, &it->thread->staging[i], fds, (unsigned)fd_count);
    tpy_fluke_close_fds(fds, (unsigned)fd_count);
}

/* The server has answered. */
static inline fluke_error_t answered(struct client_transfer *it)
{
    struct tpy_fluke_client *side = it->side;
    int64_t status = it->offer.status;
    bool room = it->kind & (TPY_FLUKE_OVER | TPY_FLUKE_RECEIVE);
    /* What an honest server says: a held exchange, but for the two goodbyes; the rest only where we offered room. */
    if (TPY_UNLIKELY(status < TPY_FLUKE_TAKEN || status > TPY_FLUKE_BROKEN || it->offer.held != (status < TPY_FLUKE_BYE) ||
            (status == TPY_FLUKE_TAKEN ? room : status < TPY_FLUKE_BYE && !room))) {
        tpy_hang_up(side->connection);
        status = TPY_FLUKE_BROKEN;
    }
    if (TPY_UNLIKELY(status == TPY_FLUKE_BROKEN || (status == TPY_FLUKE_BYE && (!room || (it->kind & TPY_FLUKE_ACK))))) {
        it->offer.mark = tpy_offer_mark(side->connection);
        if (status == TPY_FLUKE_BROKEN || !(it->offer.mark & TPY_FLUKE_BEGUN)) { /* not in answer to what we sent */
            account(it);
            ended(side);
            return disconnected(it);
        }
    }
    if (status == TPY_FLUKE_TAKEN) return gone(it) ? FLUKE_SUCCESS : GO_ON;

    if (it->stage != TO_RECEIVE) { /* our over was acknowledged */
        gone(it);
        it->stage = TO_RECEIVE;
        atomic_store_explicit(&side->role, TPY_FLUKE_RECEIVER, memory_order_relaxed);
        side->refs_wait = side->peer_over = false;
    }
    if (TPY_UNLIKELY(it->kind & TPY_FLUKE_IS_REFS && it->kind & TPY_FLUKE_RECEIVE)) {
        take_refs(it);
        side->refs_wait = false;
    } else {
        it->came += it->offer.length / 4;
        tpy_fluke_received(it->params, it->offer.length / 4);
    }
    switch (status) {
    case TPY_FLUKE_BYE: ended(side); return FLUKE_IPC_RECV_DISCONNECTED;
    case TPY_FLUKE_NOW_OVER: side->peer_over = true; return FLUKE_SUCCESS;
    case TPY_FLUKE_FULL: return FLUKE_IPC_RECV_MORE_DATA;
    case TPY_FLUKE_REFS_FOLLOW:
        side->refs_wait = true;
        return it->params->recv_ref_count > 0 ? GO_ON : FLUKE_IPC_RECV_MORE_REFS;
    default: return it->came > 0 && tpy_fluke_room(it->params) == 0 ? FLUKE_IPC_RECV_MORE_DATA : GO_ON;
    }
}

/* It ended without an answer. */
static fluke_error_t unanswered(struct client_transfer *it, int result)
{
    struct tpy_fluke_client *side = it->side;
    bool done = account(it);
    if (result == -EINTR || result == -ECANCELED) {
        uint32_t epoch = side->epoch;
        if (result == -EINTR) return done ? FLUKE_SUCCESS : GO_ON;
        bool go_on = tpy_fluke_interrupted(it->thread);
        if (done) return FLUKE_SUCCESS;
        if (side->epoch != epoch) return disconnected(it); /* a handler disconnected, or connected elsewhere */
        if (go_on) return GO_ON;
        if (it->stage == TO_CONNECT) ended(side);
        tpy_fluke_unload(&it->cargo);
        side->resume = (struct tpy_fluke_resume){it->params, it->does, (uint8_t)it->stage};
        return FLUKE_IPC_INTERRUPTED;
    }
    if (result != -ESRCH && result != -EBADF) tpy_hang_up(side->connection);
    ended(side);
    if (result == -ESRCH || result == -EBADF) return disconnected(it);
    return result == -EFAULT ? tpy_fluke_insane(FLUKE_INSANITY_BAD_BUFFER) : FLUKE_NO_RESOURCES;
}

/* The offer has returned: what that means. GO_ON: another one. */
static inline fluke_error_t returned(struct client_transfer *it, int result)
{
    if (TPY_UNLIKELY(it->thread->pinned_count != 0)) tpy_fluke_unpin(it->thread);
    return TPY_LIKELY(result == 0) ? answered(it) : unanswered(it, result);
}

static fluke_error_t go_on(struct client_transfer *it)
{
    struct tpy_fluke_client *side = it->side;
    for (;;) {
        if (TPY_UNLIKELY(it->stage == TO_RECEIVE && side->peer_over)) return FLUKE_SUCCESS;
        if (TPY_UNLIKELY(it->stage == TO_RECEIVE && side->refs_wait && it->params->recv_ref_count == 0)) return FLUKE_IPC_RECV_MORE_REFS;
        if (TPY_UNLIKELY(it->stage == DATA && it->cargo.words == it->cargo.sent && it->cargo.refs == it->cargo.refs_sent)) {
            if (!(it->does & OVER)) return FLUKE_SUCCESS; /* nothing to send */
            it->stage = GO_OVER;
        }
        fluke_error_t error = compose(it);
        if (TPY_UNLIKELY(error != FLUKE_SUCCESS)) return error;
        error = returned(it, tpy_offer(side->connection, &it->offer));
        if (error != GO_ON) return error;
    }
}

static inline fluke_error_t run(struct client_transfer *it)
{
    it->offer.deadline = TPY_NEVER;
    it->offer.strike = TPY_STRIKE_BOTH;
    it->offer.linger = 0;
    it->offer.reply_within = 0;
    it->offer.tag = atomic_load_explicit(&it->side->nonce, memory_order_relaxed);
    it->offer.priority = tpy_thread_priority(it->thread->core);
    it->came = 0;
    return go_on(it);
}

fluke_error_t tpy_fluke_client_go_on(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, const struct tpy_offer *offer, int result)
{
    struct client_transfer it = {
        .thread = thread,
        .side = &thread->client,
        .params = params,
        .does = does,
        .stage = does & CONNECT ? TO_CONNECT : TO_ACK,
        .cargo = {.params = params, .words = params->send_buf.words},
        .kind = offer->kind,
        .offered = params->send_buf.words,
        .offer = *offer,
    };
    fluke_error_t error = returned(&it, result);
    return error == GO_ON ? go_on(&it) : error;
}

static inline fluke_error_t check(struct client_transfer *it)
{
    fluke_error_t error = FLUKE_SUCCESS;
    it->cargo = (struct tpy_fluke_cargo){.params = it->params};
    if (TPY_UNLIKELY(!it->params)) return FLUKE_INSANITY_BAD_BUFFER;
    if (it->does & SEND) error = tpy_fluke_load(it->params, &it->cargo);
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && (it->does & RECEIVE)) error = tpy_fluke_check_room(it->params);
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && it->stage <= TO_ACK && TPY_UNLIKELY(it->cargo.words < FLUKE_MIN_MSG_SIZE))
        error = FLUKE_INSANITY_BUFFER_TOO_SMALL;
    return error;
}

/* Where a call begins: at its first stage, or where it was interrupted. */
static inline enum stage begin_at(struct tpy_fluke_client *side, const fluke_ipc_params_t *params, uint8_t does)
{
    static const enum stage first[] = {[CONNECT] = TO_CONNECT, [ACK] = TO_ACK, [SEND] = DATA, [OVER] = GO_OVER, [RECEIVE] = TO_RECEIVE};
    enum stage stage = first[does & -does];
    if (TPY_UNLIKELY(side->resume.params != NULL)) {
        if (side->resume.params == params && side->resume.does == does) stage = side->resume.stage;
        side->resume.params = NULL;
    }
    return stage;
}

static inline fluke_error_t connect(struct client_transfer *it, const fluke_ref_t *dest)
{
    struct tpy_fluke_client *side = it->side;
    fluke_error_t error = check(it);
    int result = 0;
    /* A mistake must change nothing: the old connection ends only now. */
    if (TPY_LIKELY(error == FLUKE_SUCCESS)) error = tpy_fluke_object_check(dest, TPY_FLUKE_REF);
    if (TPY_UNLIKELY(error != FLUKE_SUCCESS)) return tpy_fluke_insane(error);
    tpy_fluke_client_close(it->thread);
    struct tpy_fluke_destination *destination = tpy_fluke_dest(dest, &side->destination, &error);
    if (TPY_UNLIKELY(!destination)) return FLUKE_IPC_CONNECT_INVALID_DEST;
    side->connection = tpy_fluke_destination_connect(destination, TPY_FLUKE_RELIABLE, &result);
    if (TPY_UNLIKELY(!side->connection)) {
        tpy_fluke_destination_release(side->destination);
        side->destination = NULL;
        return tpy_fluke_no_connection(result);
    }
    atomic_store_explicit(&side->link, atomic_load(&destination->link), memory_order_relaxed);
    side->epoch++;
    side->peer_over = side->refs_wait = false;
    atomic_store_explicit(&side->role, TPY_FLUKE_SENDER, memory_order_relaxed); /* the server may alert us before it answers */
    uint32_t nonce = atomic_load_explicit(&side->nonce, memory_order_relaxed);
    atomic_store_explicit(&side->nonce, nonce + 1, memory_order_relaxed);
    return run(it);
}

fluke_error_t tpy_fluke_client_transfer(fluke_ipc_params_t *params, uint8_t does, const fluke_ref_t *dest)
{
    struct client_transfer it;
    it.thread = tpy_fluke_enter();
    if (TPY_UNLIKELY(!it.thread)) return FLUKE_NO_RESOURCES;
    struct tpy_fluke_client *side = it.side = &it.thread->client;
    it.params = params;
    it.does = does;
    it.stage = begin_at(side, params, does);
    if (it.stage == TO_CONNECT) return connect(&it, dest);

    uint8_t role = atomic_load_explicit(&side->role, memory_order_relaxed);
    if (TPY_UNLIKELY(role == TPY_FLUKE_NONE)) return disconnected(&it);
    uint8_t needed = it.stage == TO_ACK || it.stage == TO_RECEIVE ? TPY_FLUKE_RECEIVER : TPY_FLUKE_SENDER;
    if (TPY_UNLIKELY(role != needed))
        return tpy_fluke_insane(needed == TPY_FLUKE_RECEIVER ? FLUKE_INSANITY_NOT_RECEIVER : FLUKE_INSANITY_NOT_SENDER);
    fluke_error_t error = check(&it);
    return TPY_LIKELY(error == FLUKE_SUCCESS) ? run(&it) : tpy_fluke_insane(error);
}
