/*
 * client_calls: the functions of the client's side. A call with one buffer there and one back and no references goes a short way, straight from the
 * params to one offer, whose usual answer ends it. What is unusual before the offer is left to the state machine (client.c), which begins anew; what is
 * unusual after it, too, which then goes on from there.
 */
#include "core/brief.h"
#include "core/errors.h"
#include "core/fault.h"
#include "fluke/client.h"
#include "fluke/destination.h"
#include "fluke/message.h"
#include "fluke/object.h"
#include "fluke/transfer.h"

/* The connection that a reference leads to, if that is the port used last; NULL: look closer. */
static inline struct tpy_connection *used_last(const struct tpy_fluke_client *side, const fluke_ref_t *dest)
{
    struct tpy_fluke_ref ref;
    if (TPY_UNLIKELY(!side->destination || ((uintptr_t)dest & 7) || tpy_copy(&ref, dest, sizeof ref))) return NULL;
    if (TPY_UNLIKELY(ref.header.magic != TPY_FLUKE_MAGIC || ref.header.type != TPY_FLUKE_REF || ref.header.self != dest)) return NULL;
    /* The one that we keep is counted, and so the one that is meant when the pointers are equal. */
    if (TPY_UNLIKELY(ref.target.destination != side->destination)) return NULL;
    return atomic_load_explicit(&side->destination->connections[TPY_FLUKE_RELIABLE], memory_order_acquire);
}

static inline uint8_t kind_of(uint8_t does) { return does & CONNECT ? TPY_FLUKE_OVER : TPY_FLUKE_ACK | TPY_FLUKE_OVER; }
static inline uint32_t flags_of(uint8_t does) { return TPY_OFFER_ACCOUNTED | TPY_OFFER_UNSIGNALLED | (does & CONNECT ? 0 : TPY_OFFER_CONTINUE); }

/* The usual answers, which end the call; GO_ON: another one. */
static inline __attribute__((always_inline)) fluke_error_t answered(struct tpy_fluke_client *side, fluke_ipc_params_t *params, uint8_t does, int64_t status,
    bool held, uint64_t length)
{
    if (TPY_LIKELY(status == TPY_FLUKE_NOW_OVER && held)) {
        atomic_store_explicit(&side->role, TPY_FLUKE_RECEIVER, memory_order_relaxed);
        side->refs_wait = false;
        side->peer_over = true;
        tpy_fluke_received(params, length / 4);
        return FLUKE_SUCCESS;
    }
    if (TPY_LIKELY((does & CONNECT) && status == TPY_FLUKE_BYE && !held)) {
        atomic_store_explicit(&side->role, TPY_FLUKE_NONE, memory_order_relaxed);
        side->connection = NULL;
        side->epoch++;
        tpy_fluke_received(params, length / 4);
        return FLUKE_IPC_RECV_DISCONNECTED;
    }
    return GO_ON;
}

/* All but the windows. */
static void describe(struct tpy_offer *offer, struct fluke_thread *thread, uint8_t does, uint32_t nonce)
{
    offer->send_parts = offer->reply_parts = 0;
    offer->deadline = TPY_NEVER;
    offer->tag = nonce;
    offer->kind = kind_of(does);
    offer->priority = tpy_thread_priority(thread->core);
    offer->strike = TPY_STRIKE_BOTH;
    offer->linger = 0;
    offer->fd_count = 0;
    offer->flags = flags_of(does);
    offer->reply_within = 0;
    offer->mark = 0; /* for an offer that fails before it begins */
}

/* Longer messages, and those that are not all there. */
static fluke_error_t at_length(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, uint32_t nonce)
{
    const struct iovec send = {params->send_buf.buf, params->send_buf.words * 4}, reply = {params->recv_buf.buf, params->recv_buf.words * 4};
    struct tpy_offer offer;
    describe(&offer, thread, does, nonce);
    offer.send = &send;
    offer.send_parts = 1;
    offer.reply = &reply;
    offer.reply_parts = 1;
    int result = tpy_offer(thread->client.connection, &offer);
    fluke_error_t end = TPY_LIKELY(result == 0) ? answered(&thread->client, params, does, offer.status, offer.held, offer.length) : GO_ON;
    return TPY_LIKELY(end != GO_ON) ? end : tpy_fluke_client_go_on(thread, params, does, &offer, result);
}

/* does: CONNECT or ACK, SEND, OVER and RECEIVE. */
static inline __attribute__((always_inline)) fluke_error_t at_once(fluke_ipc_params_t *params, const uint8_t does, const fluke_ref_t *dest)
{
    struct fluke_thread *thread = tpy_fluke_current;
    if (TPY_UNLIKELY(!tpy_fluke_unhindered(thread) || !tpy_fluke_is_plain(params))) return tpy_fluke_client_transfer(params, does, dest);
    struct tpy_fluke_client *side = &thread->client;
    uint8_t role = atomic_load_explicit(&side->role, memory_order_relaxed);
    if (TPY_UNLIKELY(side->resume.params || role != (does & CONNECT ? TPY_FLUKE_NONE : TPY_FLUKE_RECEIVER)))
        return tpy_fluke_client_transfer(params, does, dest);
    uint32_t nonce = atomic_load_explicit(&side->nonce, memory_order_relaxed);
    if (does & CONNECT) {
        struct tpy_connection *connection = used_last(side, dest);
        if (TPY_UNLIKELY(!connection)) return tpy_fluke_client_transfer(params, does, dest);
        side->connection = connection;
        side->epoch++;
        side->peer_over = side->refs_wait = false;
        atomic_store_explicit(&side->role, TPY_FLUKE_SENDER, memory_order_relaxed); /* the server may alert us before it answers */
        atomic_store_explicit(&side->nonce, ++nonce, memory_order_relaxed);
    }
    if (TPY_UNLIKELY((params->send_buf.words | params->recv_buf.words) * 4 >= TPY_BRIEF)) return at_length(thread, params, does, nonce);
    struct tpy_brief brief;
    brief.send = params->send_buf.buf;
    brief.send_length = params->send_buf.words * 4;
    brief.reply = params->recv_buf.buf;
    brief.room = params->recv_buf.words * 4;
    brief.tag = nonce;
    brief.kind = kind_of(does);
    brief.flags = flags_of(does);
    brief.lingers = 0;
    int result = tpy_offer_brief(side->connection, &brief);
    if (TPY_LIKELY(result == 0)) {
        fluke_error_t end = answered(side, params, does, brief.status, brief.held, brief.length);
        if (TPY_LIKELY(end != GO_ON)) return end;
    }
    if (result == TPY_NOT_BRIEF) return at_length(thread, params, does, nonce);
    struct tpy_offer offer;
    describe(&offer, thread, does, nonce);
    offer.status = brief.status;
    offer.length = brief.length;
    offer.held = brief.held;
    offer.mark = brief.mark;
    return tpy_fluke_client_go_on(thread, params, does, &offer, result);
}

fluke_error_t fluke_ipc_client_connect_send_over_receive(fluke_ref_t *dest, fluke_ipc_params_t *params)
{
    return at_once(params, CONNECT | SEND | OVER | RECEIVE, dest);
}

fluke_error_t fluke_ipc_client_ack_send_over_receive(fluke_ipc_params_t *params) { return at_once(params, ACK | SEND | OVER | RECEIVE, NULL); }

fluke_error_t fluke_ipc_client_connect_send(fluke_ref_t *dest, fluke_ipc_params_t *params)
{
    return tpy_fluke_client_transfer(params, CONNECT | SEND, dest);
}

fluke_error_t fluke_ipc_client_ack_send(fluke_ipc_params_t *params) { return tpy_fluke_client_transfer(params, ACK | SEND, NULL); }

fluke_error_t fluke_ipc_client_over_receive(fluke_ipc_params_t *params) { return tpy_fluke_client_transfer(params, OVER | RECEIVE, NULL); }

fluke_error_t fluke_ipc_client_receive(fluke_ipc_params_t *params) { return tpy_fluke_client_transfer(params, RECEIVE, NULL); }

fluke_error_t fluke_ipc_client_send(fluke_ipc_params_t *params) { return tpy_fluke_client_transfer(params, SEND, NULL); }

fluke_error_t fluke_ipc_client_send_over_receive(fluke_ipc_params_t *params)
{
    return tpy_fluke_client_transfer(params, SEND | OVER | RECEIVE, NULL);
}

void fluke_ipc_client_disconnect(void)
{
    struct fluke_thread *thread = tpy_fluke_thread();
    if (thread) tpy_fluke_client_close(thread);
}

fluke_error_t fluke_ipc_client_alert(void)
{
    struct fluke_thread *thread = tpy_fluke_thread();
    if (!thread || atomic_load(&thread->client.role) == TPY_FLUKE_NONE) return FLUKE_INVALID_DEST;
    struct tpy_fluke_alert alert = {.nonce = atomic_load(&thread->client.nonce)};
    int result = tpy_notify(thread->client.connection, &alert, sizeof alert);
    return result == 0 ? FLUKE_SUCCESS : result == -EAGAIN ? FLUKE_NO_RESOURCES : FLUKE_INVALID_DEST;
}
