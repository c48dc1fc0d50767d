/* plain: idempotent and one-way messages from the client's side. They go by a connection of their own, so that a reliable one to the same port
 * stays as it is. */
#include "core/errors.h"
#include "fluke/client.h"
#include "fluke/destination.h"
#include "fluke/message.h"
#include "fluke/transfer.h"

#define FLAGS (TPY_OFFER_ACCOUNTED | TPY_OFFER_UNSIGNALLED)

struct plain {
    struct fluke_thread *thread;
    struct tpy_connection *connection;
    struct tpy_fluke_cargo cargo;
    struct tpy_offer offer;
    struct iovec staging;
    int fds[TPY_FLUKE_REFS];
    unsigned fd_count;
};

/* The references of the message, in an offer of their own; there is room for as many as one offer carries. */
static int offer_refs(struct plain *it, uint8_t kind, const struct iovec *reply, size_t reply_parts)
{
    unsigned count = tpy_fluke_pack(it->thread, &it->cargo, TPY_FLUKE_REFS, it->fds, &it->fd_count);
    it->staging = (struct iovec){it->thread->staging, count * sizeof *it->thread->staging};
    it->offer.send = &it->staging;
    it->offer.send_parts = 1;
    it->offer.reply = reply;
    it->offer.reply_parts = reply_parts;
    it->offer.fds = it->fds;
    it->offer.fd_count = it->fd_count;
    it->offer.kind = kind | TPY_FLUKE_IS_REFS;
    it->offer.flags = FLAGS | TPY_OFFER_CONTINUE;
    int result = tpy_offer(it->connection, &it->offer);
    tpy_fluke_unpin(it->thread);
    return result;
}

/* The reply has references for us. */
static int take_refs(struct plain *it, fluke_ipc_params_t *params)
{
    size_t room = params->recv_ref_count < TPY_FLUKE_REFS ? params->recv_ref_count : TPY_FLUKE_REFS;
    it->staging = (struct iovec){it->thread->staging, room * sizeof *it->thread->staging};
    it->offer.send_parts = 0;
    it->offer.reply = &it->staging;
    it->offer.reply_parts = 1;
    it->offer.fd_count = 0;
    it->offer.kind = TPY_FLUKE_CALL | TPY_FLUKE_IS_REFS | TPY_FLUKE_RECEIVE;
    it->offer.flags = FLAGS | TPY_OFFER_CONTINUE;
    int result = tpy_offer(it->connection, &it->offer), fds[TPY_FLUKE_REFS];
    if (result != 0) return result;
    int fd_count = tpy_offer_take_fds(it->connection, fds, TPY_FLUKE_REFS);
    if (fd_count < 0) fd_count = 0;
    for (uint64_t i = 0; i < it->offer.length / sizeof *it->thread->staging && params->recv_ref_count > 0; i++)
        tpy_fluke_unpack(params, &it->thread->staging[i], fds, (unsigned)fd_count);
    tpy_fluke_close_fds(fds, (unsigned)fd_count);
    return 0;
}

/* One try: 0, or a negative errno. */
static int message(struct plain *it, fluke_ipc_params_t *params, uint8_t kind)
{
    const struct iovec *reply = NULL;
    uint64_t words;
    int parts = tpy_fluke_send_parts(it->thread, &it->cargo, it->cargo.words, &it->offer.send), room = 0;
    if (parts >= 0 && kind == TPY_FLUKE_CALL) room = tpy_fluke_receive_parts(it->thread, params, &reply, &words);
    if (parts < 0 || room < 0) return -ENOMEM;
    bool refs = it->cargo.refs > 0;
    it->offer.send_parts = (size_t)parts;
    it->offer.reply = reply;
    it->offer.reply_parts = refs ? 0 : (size_t)room;
    it->offer.fd_count = 0;
    it->offer.kind = refs ? kind | TPY_FLUKE_MORE : kind;
    it->offer.flags = FLAGS;
    int result = tpy_offer(it->connection, &it->offer);
    if (TPY_UNLIKELY(refs && result == 0)) {
        if (!it->offer.held) return -ESRCH;
        result = offer_refs(it, kind, reply, (size_t)room);
        if (result == -ECANCELED || result == -EINTR) tpy_hang_up(it->connection);
    }
    if (TPY_LIKELY(result == 0) && kind == TPY_FLUKE_CALL) {
        tpy_fluke_received(params, it->offer.length / 4);
        if (TPY_UNLIKELY(it->offer.status == TPY_FLUKE_REFS_FOLLOW && it->offer.held)) result = take_refs(it, params);
    }
    return result;
}

static fluke_error_t plain(fluke_ref_t *dest, fluke_ipc_params_t *params, uint8_t kind)
{
    struct plain it;
    int result = 0;
    it.thread = tpy_fluke_enter();
    if (TPY_UNLIKELY(!it.thread)) return FLUKE_NO_RESOURCES;
    fluke_error_t error = params ? tpy_fluke_load(params, &it.cargo) : FLUKE_INSANITY_BAD_BUFFER;
    if (TPY_LIKELY(error == FLUKE_SUCCESS) && kind == TPY_FLUKE_CALL) error = tpy_fluke_check_room(params);
    struct tpy_fluke_destination *destination = TPY_LIKELY(error == FLUKE_SUCCESS) ? tpy_fluke_dest(dest, &it.thread->plain, &error) : NULL;
    if (TPY_UNLIKELY(!destination)) return error < 0 ? tpy_fluke_insane(error) : error;
    it.connection = tpy_fluke_destination_connect(destination, TPY_FLUKE_PLAIN, &result);
    if (TPY_UNLIKELY(!it.connection)) return tpy_fluke_no_connection(result);
    it.offer.deadline = TPY_NEVER;
    it.offer.strike = TPY_STRIKE_BOTH;
    it.offer.linger = 0;
    it.offer.reply_within = 0;
    it.offer.mark = 0;
    it.offer.tag = 0;
    it.offer.priority = tpy_thread_priority(it.thread->core);
    for (;;) {
        fluke_ipc_params_t before = *params;
        result = message(&it, params, kind);
        if (TPY_LIKELY(result == 0)) return FLUKE_SUCCESS;
        *params = before;
        switch (result) {
        case -EBADF:
        case -ESRCH: return FLUKE_IPC_CONNECT_INVALID_DEST;
        case -EFAULT: return tpy_fluke_insane(FLUKE_INSANITY_BAD_BUFFER);
        case -EINTR:
        case -ECANCELED:
            /* One that was taken is not sent twice. */
            if (kind == TPY_FLUKE_ONEWAY && (it.offer.mark & TPY_FLUKE_BEGUN) && !(it.offer.kind & TPY_FLUKE_MORE)) return FLUKE_SUCCESS;
            if (result == -ECANCELED && !tpy_fluke_interrupted(it.thread)) return FLUKE_IPC_INTERRUPTED;
            break;
        default: return FLUKE_NO_RESOURCES;
        }
    }
}

fluke_error_t fluke_ipc_call(fluke_ref_t *dest, fluke_ipc_params_t *params) { return plain(dest, params, TPY_FLUKE_CALL); }
fluke_error_t fluke_ipc_send(fluke_ref_t *dest, fluke_ipc_params_t *params) { return plain(dest, params, TPY_FLUKE_ONEWAY); }
