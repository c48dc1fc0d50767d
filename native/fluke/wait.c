/* wait: how a server gets its next client: a connection, a call or a one-way message to a port of its port set. */
#include <string.h>

#include "core/errors.h"
#include "fluke/port.h"
#include "fluke/server.h"
#include "fluke/transfer.h"
#include "fluke/waiting.h"

#define REFS_PATIENCE 1000000000ll /* ns that the references of an idempotent or one-way message may take */

void tpy_fluke_call_drop(struct fluke_thread *thread)
{
    if (thread->call.exchange) tpy_finish_error(thread->call.exchange, thread->call.serial, ESRCH);
    thread->call.exchange = NULL;
}

/* The references of an idempotent or one-way message, in the offer that follows its data. False: they did not come. */
static bool plain_refs(struct fluke_thread *thread, fluke_ipc_params_t *params, struct tpy_port *port, struct tpy_receipt *receipt)
{
    struct iovec records = {thread->staging, sizeof thread->staging};
    struct tpy_filter filter = {.only = receipt->exchange, .held = receipt->sequence};
    int64_t deadline = tpy_now() + REFS_PATIENCE;
    int fds[TPY_FLUKE_REFS], fd_count = 0, result;
    if (tpy_turn(receipt->exchange, receipt->sequence, TPY_FLUKE_TAKEN, NULL, 0) != 0) return false;
    do
        result = tpy_receive(port, &filter, &records, 1, 0, deadline, receipt);
    while (result == -EINTR);
    if (result != 0) {
        tpy_release(filter.only, filter.held);
        return false;
    }
    if (receipt->flags & TPY_OFFER_FDS) fd_count = tpy_take_fds(receipt->exchange, receipt->sequence, fds, TPY_FLUKE_REFS);
    if (fd_count < 0) fd_count = 0;
    bool good = tpy_commit(receipt->exchange, receipt->sequence, TPY_FLUKE_BEGUN | receipt->received / sizeof(struct tpy_fluke_record)) == 0;
    for (uint64_t i = 0; good && i < receipt->received / sizeof(struct tpy_fluke_record) && params->recv_ref_count > 0; i++)
        tpy_fluke_unpack(params, &thread->staging[i], fds, (unsigned)fd_count);
    tpy_fluke_close_fds(fds, (unsigned)fd_count);
    return good;
}

/* An idempotent or one-way message: what there is no room for is dropped. False: its sender has withdrawn it. */
static bool plain(struct fluke_thread *thread, fluke_ipc_params_t *params, struct tpy_port *port, struct tpy_receipt *receipt)
{
    uint8_t kind = receipt->kind;
    fluke_ipc_params_t before = *params;
    uint64_t mark = TPY_FLUKE_BEGUN | (receipt->send_length / 4 & TPY_FLUKE_MARK_COUNT);
    if (TPY_UNLIKELY(!receipt->committed) && tpy_commit(receipt->exchange, receipt->sequence, mark) != 0) return false;
    tpy_fluke_received(params, receipt->received / 4);
    if (kind & TPY_FLUKE_MORE && !plain_refs(thread, params, port, receipt)) {
        *params = before;
        return false;
    }
    if (kind & TPY_FLUKE_CALL) {
        thread->call.exchange = receipt->exchange;
        thread->call.serial = receipt->sequence;
        thread->call.room = receipt->room;
    } else
        tpy_finish(receipt->exchange, receipt->sequence, TPY_FLUKE_BYE, NULL, 0);
    return true;
}

/* A client has connected. */
static fluke_error_t welcome(struct transfer *it, const struct tpy_receipt *receipt)
{
    struct tpy_fluke_server *side = it->side;
    atomic_store_explicit(&side->exchange, receipt->exchange, memory_order_relaxed);
    tpy_fluke_server_take(side, receipt);
    if (TPY_UNLIKELY(tpy_fluke_server_count(it, receipt->received / 4, receipt->committed) != FLUKE_SUCCESS)) return GO_ON; /* it has withdrawn */
    side->refs_next = false;
    side->pid = receipt->pid;
    side->thread = receipt->thread;
    side->epoch++;
    atomic_store_explicit(&side->nonce, receipt->tag, memory_order_relaxed);
    atomic_store_explicit(&side->role, TPY_FLUKE_RECEIVER, memory_order_release);
    return tpy_fluke_server_receive(it);
}

/* A wait has ended. GO_ON: wait again. */
static fluke_error_t waited(struct transfer *it, struct tpy_port *port, struct tpy_fluke_pset *pset, int result, struct tpy_receipt *receipt)
{
    struct fluke_thread *thread = it->thread;
    if (TPY_UNLIKELY(result == -EINTR)) return GO_ON;
    if (TPY_UNLIKELY(result == -ECANCELED)) {
        bool go_on = tpy_fluke_interrupted(thread);
        if (atomic_load(&thread->pset) != pset) return tpy_fluke_insane(FLUKE_INSANITY_INVALID_OBJECT);
        return go_on ? GO_ON : FLUKE_IPC_INTERRUPTED;
    }
    if (TPY_UNLIKELY(result == -EFAULT)) return tpy_fluke_insane(FLUKE_INSANITY_BAD_BUFFER);
    if (TPY_UNLIKELY(result != 0)) return FLUKE_NO_RESOURCES;
    if (TPY_UNLIKELY(!receipt->exchange)) return GO_ON; /* no message of ours */
    void *alias = tpy_fluke_alias(receipt);
    fluke_error_t error = GO_ON;
    if (TPY_UNLIKELY(receipt->kind & (TPY_FLUKE_CALL | TPY_FLUKE_ONEWAY))) {
        if (plain(thread, it->params, port, receipt)) error = FLUKE_SUCCESS;
    } else if (TPY_UNLIKELY(receipt->kind & (TPY_FLUKE_ACK | TPY_FLUKE_RECEIVE | TPY_FLUKE_IS_REFS)))
        tpy_finish_error(receipt->exchange, receipt->sequence, EPROTO);
    else {
        it->side->alias = alias;
        error = welcome(it, receipt);
    }
    if (error != GO_ON && it->alias) *it->alias = alias;
    return error;
}

static fluke_error_t wait_on(struct transfer *it, struct tpy_port *port, struct tpy_fluke_pset *pset)
{
    const struct tpy_filter filter = tpy_fluke_filter(pset);
    fluke_error_t error;
    do {
        const struct iovec *parts;
        struct tpy_receipt receipt;
        uint64_t words;
        int count = tpy_fluke_receive_parts(it->thread, it->params, &parts, &words);
        if (TPY_UNLIKELY(count < 0)) return FLUKE_NO_RESOURCES;
        error = waited(it, port, pset, tpy_receive(port, &filter, parts, (size_t)count, 0, TPY_NEVER, &receipt), &receipt);
    } while (error == GO_ON);
    return error;
}

fluke_error_t tpy_fluke_wait(struct transfer *it)
{
    struct fluke_thread *thread = it->thread;
    fluke_error_t error = FLUKE_NO_RESOURCES;
    struct tpy_port *port = tpy_fluke_core_port(&error);
    if (TPY_UNLIKELY(!port)) return error;
    tpy_fluke_server_close(thread);
    if (TPY_UNLIKELY(thread->call.exchange != NULL)) tpy_fluke_call_drop(thread);
    it->stage = TO_WAIT;
    it->came = 0;
    struct tpy_fluke_pset *pset = tpy_fluke_begin_waiting(thread);
    error = TPY_LIKELY(pset != NULL) ? wait_on(it, port, pset) : tpy_fluke_insane(FLUKE_INSANITY_INVALID_OBJECT);
    atomic_store_explicit(&thread->waiting, false, memory_order_relaxed);
    return error;
}

fluke_error_t tpy_fluke_server_waited(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, void **alias, struct tpy_port *port,
    struct tpy_fluke_pset *pset, int result, struct tpy_receipt *receipt)
{
    struct transfer it = {.thread = thread, .side = &thread->server, .params = params, .alias = alias, .does = does, .stage = TO_WAIT,
        .cargo = {.params = params, .words = params->send_buf.words, .sent = params->send_buf.words}};
    fluke_error_t error = waited(&it, port, pset, result, receipt);
    if (error == GO_ON) error = wait_on(&it, port, pset);
    atomic_store_explicit(&thread->waiting, false, memory_order_relaxed);
    return tpy_fluke_server_done(&it, error);
}

/* Replies to the call received last. References go in an offer of their own that the client makes for them. */
static void reply(struct fluke_thread *thread, struct tpy_fluke_cargo *cargo)
{
    struct tpy_exchange *exchange = thread->call.exchange;
    uint32_t serial = thread->call.serial;
    const struct iovec *parts;
    thread->call.exchange = NULL;
    if (!exchange) return;
    uint64_t room = thread->call.room / 4;
    int count = tpy_fluke_send_parts(thread, cargo, cargo->words < room ? cargo->words : room, &parts);
    if (count < 0) {
        tpy_finish_error(exchange, serial, ENOMEM);
        return;
    }
    if (cargo->refs == 0) {
        tpy_finish(exchange, serial, TPY_FLUKE_BYE, parts, (size_t)count);
        return;
    }
    struct tpy_filter filter = {.only = exchange, .held = serial};
    struct tpy_receipt receipt;
    fluke_error_t none;
    if (tpy_turn(exchange, serial, TPY_FLUKE_REFS_FOLLOW, parts, (size_t)count) != 0) return;
    int fds[TPY_FLUKE_REFS], result;
    int64_t deadline = tpy_now() + REFS_PATIENCE;
    do
        result = tpy_receive(tpy_fluke_core_port(&none), &filter, NULL, 0, 0, deadline, &receipt);
    while (result == -EINTR);
    if (result != 0) {
        tpy_release(exchange, serial);
        return;
    }
    uint64_t slots = receipt.room / sizeof(struct tpy_fluke_record);
    unsigned fd_count, packed = tpy_fluke_pack(thread, cargo, slots < TPY_FLUKE_REFS ? (unsigned)slots : TPY_FLUKE_REFS, fds, &fd_count);
    struct iovec records = {thread->staging, packed * sizeof *thread->staging};
    if (fd_count && tpy_give_fds(exchange, receipt.sequence, fds, fd_count) != 0) records.iov_len = 0;
    tpy_fluke_unpin(thread);
    tpy_finish(exchange, receipt.sequence, TPY_FLUKE_BYE, &records, 1);
}

static fluke_error_t wait(uint8_t does, fluke_pset_t *object, fluke_ipc_params_t *params, void **alias)
{
    struct transfer it = {.thread = tpy_fluke_enter(), .params = params, .alias = alias, .does = does, .stage = TO_WAIT, .cargo.params = params};
    fluke_error_t error = FLUKE_SUCCESS;
    struct tpy_fluke_pset *pset = NULL;
    if (TPY_UNLIKELY(!it.thread)) return FLUKE_NO_RESOURCES;
    it.side = &it.thread->server;
    bool resumes = tpy_fluke_server_resumes(&it);
    if (does & SETUP) pset = tpy_fluke_pset_of(object, &error);
    if (TPY_UNLIKELY(error == FLUKE_SUCCESS && !params)) error = FLUKE_INSANITY_BAD_BUFFER;
    if (error == FLUKE_SUCCESS && does & REPLY) error = tpy_fluke_load(params, &it.cargo);
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && does & WAIT) error = tpy_fluke_check_room(params);
    if (TPY_UNLIKELY(error != FLUKE_SUCCESS)) return tpy_fluke_insane(error);
    if (TPY_UNLIKELY(resumes && it.stage == TO_RECEIVE)) {
        if (alias) *alias = it.side->alias;
        return tpy_fluke_server_done(&it, tpy_fluke_server_receive(&it));
    }
    if (does & REPLY && !resumes) {
        reply(it.thread, &it.cargo);
        it.cargo.sent = it.cargo.words;
        it.cargo.refs_sent = it.cargo.refs;
    }
    if (!(does & WAIT)) return FLUKE_SUCCESS;
    if (does & SETUP) atomic_store(&it.thread->pset, pset);
    return tpy_fluke_server_done(&it, tpy_fluke_wait(&it));
}

fluke_error_t fluke_ipc_setup_wait_receive(fluke_pset_t *pset, fluke_ipc_params_t *params, void **alias)
{
    return wait(SETUP | WAIT, pset, params, alias);
}
fluke_error_t fluke_ipc_wait_receive(fluke_ipc_params_t *params, void **alias) { return wait(WAIT, NULL, params, alias); }
fluke_error_t fluke_ipc_reply(fluke_ipc_params_t *params) { return wait(REPLY, NULL, params, NULL); }
fluke_error_t fluke_ipc_reply_wait_receive(fluke_ipc_params_t *params, void **alias) { return wait(REPLY | WAIT, NULL, params, alias); }
