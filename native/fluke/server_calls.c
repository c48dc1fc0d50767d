/*
 * server_calls: the functions of the server's side on a connection that stands. A call that answers a client whose whole message is in our hands, with one
 * buffer there and one back and no references, goes a short way: one answer, straight from the params, and one receive, whose usual message ends the
 * call. Whatever else there is or comes is left to the state machine (server.c, wait.c), which begins anew or goes on from there.
 */
#include "core/brief.h"
#include "core/errors.h"
#include "fluke/message.h"
#include "fluke/port.h"
#include "fluke/server.h"
#include "fluke/transfer.h"
#include "fluke/waiting.h"

/* Everything the client sent has been received, it is over and has room for all these words. */
static inline bool may_answer(const struct tpy_fluke_server *side, uint64_t words)
{
    return side->accepted && (side->kind & (TPY_FLUKE_OVER | TPY_FLUKE_IS_REFS)) == TPY_FLUKE_OVER && side->taken == side->words &&
        words <= side->room / 4 && side->fd_count == 0 && !side->resume.params;
}

/* The next message on the connection, after an answer that reversed it. */
static inline __attribute__((always_inline)) fluke_error_t receive_next(struct fluke_thread *thread, fluke_ipc_params_t *params, const uint8_t does)
{
    struct tpy_fluke_server *side = &thread->server;
    const struct tpy_filter filter = {.only = side->exchange, .held = side->serial, .mark_unit = 4, .mark = TPY_FLUKE_BEGUN};
    const struct iovec part = {params->recv_buf.buf, params->recv_buf.words * 4};
    struct tpy_receipt receipt;
    int result = tpy_receive_held(&filter, &part, 1, &receipt);
    if (TPY_UNLIKELY(result != 0)) result = tpy_receive(atomic_load_explicit(&tpy_fluke_core, memory_order_relaxed), &filter, &part, 1, 0, TPY_NEVER, &receipt);
    if (TPY_UNLIKELY(result != 0 || receipt.kind != (TPY_FLUKE_ACK | TPY_FLUKE_OVER) || !receipt.committed ||
            receipt.received != receipt.send_length))
        return tpy_fluke_server_turned(thread, params, does, result, &receipt);
    side->accepted = true;
    side->serial = receipt.sequence;
    side->kind = TPY_FLUKE_OVER;
    side->words = side->taken = receipt.received / 4;
    side->room = receipt.room;
    side->refs_next = false;
    tpy_fluke_received(params, receipt.received / 4);
    return FLUKE_SUCCESS;
}

/* The next client, after an answer that disconnected. */
static inline __attribute__((always_inline)) fluke_error_t wait_next(struct fluke_thread *thread, fluke_ipc_params_t *params, const uint8_t does, void **alias)
{
    struct tpy_fluke_server *side = &thread->server;
    if (TPY_UNLIKELY(thread->call.exchange != NULL)) tpy_fluke_call_drop(thread);
    struct tpy_fluke_pset *pset = tpy_fluke_begin_waiting(thread);
    if (TPY_UNLIKELY(!pset)) {
        atomic_store_explicit(&thread->waiting, false, memory_order_relaxed);
        return tpy_fluke_insane(FLUKE_INSANITY_INVALID_OBJECT);
    }
    struct tpy_port *port = atomic_load_explicit(&tpy_fluke_core, memory_order_relaxed);
    const struct tpy_filter filter = tpy_fluke_filter(pset);
    const struct iovec part = {params->recv_buf.buf, params->recv_buf.words * 4};
    struct tpy_receipt receipt;
    int result = tpy_receive(port, &filter, &part, 1, 0, TPY_NEVER, &receipt);
    if (TPY_UNLIKELY(result != 0 || !receipt.exchange || receipt.kind != TPY_FLUKE_OVER || !receipt.committed || receipt.received != receipt.send_length))
        return tpy_fluke_server_waited(thread, params, does, alias, port, pset, result, &receipt);
    atomic_store_explicit(&thread->waiting, false, memory_order_relaxed);
    atomic_store_explicit(&side->exchange, receipt.exchange, memory_order_relaxed);
    side->alias = tpy_fluke_alias(&receipt);
    if (alias) *alias = side->alias;
    side->serial = receipt.sequence;
    side->accepted = true;
    side->refs_next = false;
    side->kind = TPY_FLUKE_OVER;
    side->words = side->taken = receipt.received / 4;
    side->room = receipt.room;
    side->pid = receipt.pid;
    side->thread = receipt.thread;
    side->epoch++;
    atomic_store_explicit(&side->nonce, receipt.tag, memory_order_relaxed);
    atomic_store_explicit(&side->role, TPY_FLUKE_RECEIVER, memory_order_release);
    tpy_fluke_received(params, receipt.received / 4);
    return FLUKE_SUCCESS;
}

/* does: ACK and SEND, and then OVER and RECEIVE, or WAIT. Who holds a connection has the process's port of the core. */
static inline __attribute__((always_inline)) fluke_error_t at_once(fluke_ipc_params_t *params, const uint8_t does, void **alias)
{
    struct fluke_thread *thread = tpy_fluke_current;
    if (TPY_UNLIKELY(!tpy_fluke_unhindered(thread) || !tpy_fluke_is_plain(params))) return tpy_fluke_server_transfer(params, does, alias);
    struct tpy_fluke_server *side = &thread->server;
    const uint64_t length = params->send_buf.words * 4;
    if (TPY_UNLIKELY(atomic_load_explicit(&side->role, memory_order_relaxed) != TPY_FLUKE_RECEIVER || !may_answer(side, params->send_buf.words)))
        return tpy_fluke_server_transfer(params, does, alias);
    int result;
    if (TPY_LIKELY(length < TPY_BRIEF)) {
        result = does & WAIT ? tpy_finish_brief(side->exchange, side->serial, TPY_FLUKE_BYE, params->send_buf.buf, length)
                             : tpy_turn_brief(side->exchange, side->serial, TPY_FLUKE_NOW_OVER, params->send_buf.buf, length);
    } else {
        const struct iovec part = {params->send_buf.buf, length};
        result = does & WAIT ? tpy_finish(side->exchange, side->serial, TPY_FLUKE_BYE, &part, 1)
                             : tpy_turn(side->exchange, side->serial, TPY_FLUKE_NOW_OVER, &part, 1);
    }
    if (TPY_UNLIKELY(result != 0)) return tpy_fluke_server_sent(thread, params, does, alias, result);
    side->accepted = false;
    if (!(does & WAIT)) return receive_next(thread, params, does);
    atomic_store_explicit(&side->role, TPY_FLUKE_NONE, memory_order_relaxed);
    side->epoch++;
    return wait_next(thread, params, does, alias);
}

fluke_error_t fluke_ipc_server_ack_send_wait_receive(fluke_ipc_params_t *params, void **alias) { return at_once(params, ACK | SEND | WAIT, alias); }

fluke_error_t fluke_ipc_server_ack_send_over_receive(fluke_ipc_params_t *params) { return at_once(params, ACK | SEND | OVER | RECEIVE, NULL); }

fluke_error_t fluke_ipc_server_ack_send(fluke_ipc_params_t *params) { return tpy_fluke_server_transfer(params, ACK | SEND, NULL); }

fluke_error_t fluke_ipc_server_over_receive(fluke_ipc_params_t *params) { return tpy_fluke_server_transfer(params, OVER | RECEIVE, NULL); }

fluke_error_t fluke_ipc_server_receive(fluke_ipc_params_t *params) { return tpy_fluke_server_transfer(params, RECEIVE, NULL); }

fluke_error_t fluke_ipc_server_send(fluke_ipc_params_t *params) { return tpy_fluke_server_transfer(params, SEND, NULL); }

fluke_error_t fluke_ipc_server_send_over_receive(fluke_ipc_params_t *params)
{
    return tpy_fluke_server_transfer(params, SEND | OVER | RECEIVE, NULL);
}

fluke_error_t fluke_ipc_server_send_wait_receive(fluke_ipc_params_t *params, void **alias)
{
    return tpy_fluke_server_transfer(params, SEND | WAIT, alias);
}

void fluke_ipc_server_disconnect(void)
{
    struct fluke_thread *thread = tpy_fluke_thread();
    if (!thread) return;
    tpy_fluke_server_close(thread);
    tpy_fluke_call_drop(thread);
}

fluke_error_t fluke_ipc_server_alert(void)
{
    struct fluke_thread *thread = tpy_fluke_thread();
    if (!thread || atomic_load(&thread->server.role) == TPY_FLUKE_NONE) return FLUKE_INVALID_DEST;
    struct tpy_fluke_server *side = &thread->server;
    struct tpy_fluke_alert alert = {.nonce = atomic_load(&side->nonce), .thread = side->thread};
    /* By the client's own link: another process may have its number by now. */
    uint64_t link = tpy_exchange_link(side->exchange, side->serial);
    int result = link ? tpy_deliver(side->pid, link, TPY_FLUKE_FACE, &alert, sizeof alert) : -ESRCH;
    return result == 0 ? FLUKE_SUCCESS : result == -EAGAIN ? FLUKE_NO_RESOURCES : FLUKE_INVALID_DEST;
}
