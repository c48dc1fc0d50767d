/*
 * message: between the params of a call and the windows of an exchange: checks at the entry, lists of parts, how params advance, and
 * references on their way. Also the protocol of the gate: what kinds of offers there are and how they are answered.
 *
 * An offer's kind tells what the client does. Data and references travel apart: an offer with MORE is followed by one with REFS, which
 * has records of references in its send window and their descriptors beside it. In the other direction an answer REFS_FOLLOW
 * makes the client offer room for such records (RECEIVE | REFS).
 */
#ifndef TPY_FLUKE_MESSAGE_H
#define TPY_FLUKE_MESSAGE_H

#include "core/exchange.h"
#include "core/layout.h" /* TPY_OFFER_CONTINUE and TPY_OFFER_FDS */
#include "fluke/thread.h"

/* Kinds of offers, a bit each. */
#define TPY_FLUKE_OVER 0x01    /* and makes the server the sender: the reply window is open */
#define TPY_FLUKE_ACK 0x02     /* wants to become the sender first */
#define TPY_FLUKE_IS_REFS 0x04 /* the window holds references, not data */
#define TPY_FLUKE_MORE 0x08    /* references of the same message come with the next offer */
#define TPY_FLUKE_RECEIVE 0x10 /* sends nothing: only room */
#define TPY_FLUKE_CALL 0x20    /* idempotent */
#define TPY_FLUKE_ONEWAY 0x40

/* Statuses of answers. */
enum tpy_fluke_answer {
    TPY_FLUKE_TAKEN = 1,   /* everything in the send window was taken (or dropped for an ack) */
    TPY_FLUKE_PART,        /* something for the reply window, of a sender that goes on later */
    TPY_FLUKE_REFS_FOLLOW, /* the same, and references come next */
    TPY_FLUKE_FULL,        /* the window is full and the sender is not over */
    TPY_FLUKE_NOW_OVER,    /* the rest; the server waits for an ack */
    TPY_FLUKE_BYE,         /* the rest; the server disconnected as the sender */
    TPY_FLUKE_BROKEN       /* the server disconnected as the receiver */
};

/* Marks (tpy_commit): the server has begun to take this offer, and how many words or references of it. */
#define TPY_FLUKE_BEGUN (1ull << 35)
#define TPY_FLUKE_MARK_COUNT (TPY_FLUKE_BEGUN - 1)

/* What the send fields of params hold, and how much of that has gone. */
struct tpy_fluke_cargo {
    fluke_ipc_params_t *params;
    uint64_t words, sent;
    size_t refs, refs_sent;
};

#define TPY_FLUKE_WORDS_MAX (UINT64_C(1) << 34) /* a message: 64 GiB; fits into a mark */

/* The general forms of what follows: with tables and references (message.c). */
fluke_error_t tpy_fluke_load_tables(fluke_ipc_params_t *params, struct tpy_fluke_cargo *cargo);
fluke_error_t tpy_fluke_check_tables(const fluke_ipc_params_t *params);
int tpy_fluke_send_table(struct fluke_thread *thread, const struct tpy_fluke_cargo *cargo, uint64_t most, const struct iovec **parts);
int tpy_fluke_receive_table(struct fluke_thread *thread, const fluke_ipc_params_t *params, const struct iovec **parts, uint64_t *words);

static inline fluke_error_t tpy_fluke_check_buffer(const fluke_ipc_buffer_t *buffer)
{
    if (TPY_UNLIKELY((uintptr_t)buffer->buf & 3)) return FLUKE_INSANITY_BUFFER_UNALIGNED;
    return TPY_LIKELY(buffer->words <= TPY_FLUKE_WORDS_MAX) ? FLUKE_SUCCESS : FLUKE_INSANITY_BAD_BUFFER;
}

/* Checks the send fields and measures them. FLUKE_SUCCESS or an insanity. */
static inline fluke_error_t tpy_fluke_load(fluke_ipc_params_t *params, struct tpy_fluke_cargo *cargo)
{
    *cargo = (struct tpy_fluke_cargo){.params = params, .words = params->send_buf.words, .refs = params->send_ref_count};
    fluke_error_t error = tpy_fluke_check_buffer(&params->send_buf);
    if (TPY_UNLIKELY((params->send_buf_count | params->send_ref_count) != 0) && error == FLUKE_SUCCESS) error = tpy_fluke_load_tables(params, cargo);
    return error;
}

/* Checks the receive fields. */
static inline fluke_error_t tpy_fluke_check_room(const fluke_ipc_params_t *params)
{
    fluke_error_t error = tpy_fluke_check_buffer(&params->recv_buf);
    if (TPY_UNLIKELY((params->recv_buf_count | params->recv_ref_count) != 0) && error == FLUKE_SUCCESS) error = tpy_fluke_check_tables(params);
    return error;
}

/* Params of one good buffer each way and no references, with enough to send for a connect or an ack. NULL is none. */
static inline bool tpy_fluke_is_plain(const fluke_ipc_params_t *params)
{
    if (TPY_UNLIKELY(!params)) return false;
    size_t tables = params->send_buf_count | params->send_ref_count | params->recv_buf_count | params->recv_ref_count;
    uintptr_t astray = ((uintptr_t)params->send_buf.buf | (uintptr_t)params->recv_buf.buf) & 3;
    return TPY_LIKELY((tables | astray) == 0 && params->send_buf.words - FLUKE_MIN_MSG_SIZE <= TPY_FLUKE_WORDS_MAX - FLUKE_MIN_MSG_SIZE &&
        params->recv_buf.words <= TPY_FLUKE_WORDS_MAX);
}

/* The words not yet sent, at most `most` of them, as parts that stay until the next call; returns how many parts, or -1 no memory. */
static inline int tpy_fluke_send_parts(struct fluke_thread *thread, const struct tpy_fluke_cargo *cargo, uint64_t most, const struct iovec **parts)
{
    if (TPY_UNLIKELY(cargo->params->send_buf_count != 0)) return tpy_fluke_send_table(thread, cargo, most, parts);
    uint64_t left = cargo->words - cargo->sent;
    thread->only_out = (struct iovec){(char *)cargo->params->send_buf.buf + cargo->sent * 4, (left < most ? left : most) * 4};
    *parts = &thread->only_out;
    return 1;
}

/* The receive buffers as parts, and their words. */
static inline int tpy_fluke_receive_parts(struct fluke_thread *thread, const fluke_ipc_params_t *params, const struct iovec **parts, uint64_t *words)
{
    if (TPY_UNLIKELY(params->recv_buf_count != 0)) return tpy_fluke_receive_table(thread, params, parts, words);
    *words = params->recv_buf.words;
    thread->only_in = (struct iovec){params->recv_buf.buf, *words * 4};
    *parts = &thread->only_in;
    return 1;
}

/* Words of room left. */
uint64_t tpy_fluke_room(const fluke_ipc_params_t *params);
/* Advances the receive buffers past words that came. */
void tpy_fluke_received_table(fluke_ipc_params_t *params, uint64_t words);
static inline void tpy_fluke_received(fluke_ipc_params_t *params, uint64_t words)
{
    if (TPY_UNLIKELY(words > params->recv_buf.words)) {
        tpy_fluke_received_table(params, words);
        return;
    }
    params->recv_buf.buf = (char *)params->recv_buf.buf + words * 4;
    params->recv_buf.words -= words;
}
/* Advances the send fields past what has gone: for a call that returns interrupted. */
void tpy_fluke_unload(const struct tpy_fluke_cargo *cargo);

/* The next references of the cargo, at most `most`: records to thread->staging, descriptors to fds. They stay open until tpy_fluke_unpin. */
unsigned tpy_fluke_pack(struct fluke_thread *thread, const struct tpy_fluke_cargo *cargo, unsigned most, int *fds, unsigned *fd_count);
void tpy_fluke_unpin(struct fluke_thread *thread);
/* Gives the next receive reference of params what a record names; the descriptor is taken over (fds[i] = -1). */
void tpy_fluke_unpack(fluke_ipc_params_t *params, const struct tpy_fluke_record *record, int *fds, unsigned fd_count);
void tpy_fluke_close_fds(int *fds, unsigned count);

#endif
