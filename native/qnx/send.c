/* send: MsgSend and its forms. All are one offer on a connection; nothing is locked or allocated on the way. */
#include <limits.h>
#include <sys/neutrino.h>
#include <tetrapylon_binding.h>

#include "core/brief.h"
#include "qnx/channel.h"
#include "qnx/connection_table.h"
#include "qnx/local.h"
#include "qnx/reason.h"
#include "qnx/result.h"
#include "qnx/timeout.h"

/* What an offer came to, as the gate says it. struck: what the server was told when the caller was struck in its reply state. */
static inline int told(int result, int struck)
{
    if (TPY_LIKELY(result == 0)) return 0;
    if (result == -TPY_QNX_STORED_REASON) return struck == ETIMEDOUT ? -ETIMEDOUT : -EINTR;
    if (result == -ECANCELED) return -EINTR;
    return result == -TPY_QNX_SERVER_CANCELED ? -ECANCELED : result;
}

/* Any parts, within any time. */
static int send_any(struct tpy_qnx_local *local, struct tpy_connection *connection, int coid, const iov_t *siov, size_t sparts, const iov_t *riov,
    size_t rparts, int armed, long *status, uint64_t *length)
{
    struct tpy_offer offer; /* field by field: cleared as a whole by a string instruction it would take longer than all the rest of this */
    int result;
    offer.send = siov;
    offer.send_parts = sparts;
    offer.reply = riov;
    offer.reply_parts = rparts;
    offer.deadline = TPY_NEVER;
    offer.tag = (uint32_t)coid;
    offer.kind = TPY_QNX_MESSAGE;
    offer.priority = tpy_thread_priority(local->thread);
    offer.strike = TPY_STRIKE_BOTH;
    offer.linger = tpy_connection_port_flags(connection) & _NTO_CHF_UNBLOCK ? TPY_STRIKE_REPLY : 0;
    offer.fds = NULL;
    offer.fd_count = 0;
    offer.flags = 0;
    offer.reply_within = 0;
    offer.status = 0; /* for an offer that fails */
    offer.length = 0;
    offer.struck = 0;
    if (TPY_UNLIKELY(armed & (_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY))) {
        offer.deadline = local->deadline;
        offer.strike = (armed & _NTO_TIMEOUT_SEND ? TPY_STRIKE_SEND : 0) | (armed & _NTO_TIMEOUT_REPLY ? TPY_STRIKE_REPLY : 0);
    }
    do
        result = tpy_offer(connection, &offer);
    while (TPY_UNLIKELY(result == -ERESTART));
    *status = (long)offer.status;
    if (length) *length = offer.length;
    return told(result, offer.struck);
}

/* One short part each way, for as long as it takes. TPY_NOT_BRIEF: nothing was done. */
static inline __attribute__((always_inline)) int send_brief(struct tpy_connection *connection, int coid, const iov_t *out, const iov_t *in, long *status,
    uint64_t *length)
{
    struct tpy_brief brief;
    brief.send = out->iov_base;
    brief.send_length = out->iov_len;
    brief.reply = in->iov_base;
    brief.room = in->iov_len;
    brief.tag = (uint32_t)coid;
    brief.kind = TPY_QNX_MESSAGE;
    brief.flags = 0;
    brief.lingers = _NTO_CHF_UNBLOCK;
    int result = tpy_offer_brief(connection, &brief);
    *status = (long)brief.status;
    if (length) *length = brief.length;
    return TPY_LIKELY(result >= 0) ? result : result == -ERESTART ? TPY_NOT_BRIEF : told(result, brief.struck);
}

/* 0 and *status, or a negative errno. own: the parts are one each way, in variables of ours. */
static inline __attribute__((always_inline)) int send(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts, bool own,
    bool cancellation_point, long *status, uint64_t *length)
{
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (TPY_UNLIKELY(!local)) return -EAGAIN;
    int cancellable = 0;
    if (cancellation_point) cancellable = tpy_qnx_cancel_enter(local);
    else if (TPY_UNLIKELY(atomic_load_explicit(&local->cancel_requested, memory_order_relaxed)))
        tpy_qnx_cancel_settle(local);

    int armed = local->armed;
    struct tpy_connection *connection = tpy_qnx_connection(coid);
    int result;
    if (TPY_LIKELY(connection != NULL)) {
        bool brief = own && siov->iov_len < TPY_BRIEF && riov->iov_len < TPY_BRIEF && !(armed & (_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY));
        result = TPY_LIKELY(brief) ? send_brief(connection, coid, siov, riov, status, length) : TPY_NOT_BRIEF;
        if (TPY_UNLIKELY(result == TPY_NOT_BRIEF))
            result = send_any(local, connection, coid, siov, sparts, riov, rparts, armed, status, length);
    } else
        result = -EBADF;
    if (TPY_UNLIKELY(armed)) local->armed = 0;
    if (cancellation_point) {
        tpy_qnx_cancel_leave(local, cancellable);
        if (TPY_UNLIKELY(result == -EINTR)) pthread_testcancel();
    }
    return result;
}

static inline long or_errno(int result, long status)
{
    if (TPY_LIKELY(result == 0)) return status;
    errno = -result;
    return -1;
}

static inline long or_negative(int result, long status) { return TPY_LIKELY(result == 0) ? status : result; }

/* One function and its three twins: parameters, the first arguments of send, and how the parts are made. */
#define FORMS(name, parameters, parts, siov, sparts, riov, rparts, own)                                               \
    long name parameters                                                                                              \
    {                                                                                                                 \
        long status = 0;                                                                                              \
        parts;                                                                                                        \
        int result = send(coid, siov, sparts, riov, rparts, own, true, &status, NULL);                                \
        return or_errno(result, status);                                                                              \
    }                                                                                                                 \
    long name##_r parameters                                                                                          \
    {                                                                                                                 \
        long status = 0;                                                                                              \
        parts;                                                                                                        \
        int result = send(coid, siov, sparts, riov, rparts, own, true, &status, NULL);                                \
        return or_negative(result, status);                                                                           \
    }                                                                                                                 \
    long name##nc parameters                                                                                          \
    {                                                                                                                 \
        long status = 0;                                                                                              \
        parts;                                                                                                        \
        int result = send(coid, siov, sparts, riov, rparts, own, false, &status, NULL);                               \
        return or_errno(result, status);                                                                              \
    }                                                                                                                 \
    long name##nc_r parameters                                                                                        \
    {                                                                                                                 \
        long status = 0;                                                                                              \
        parts;                                                                                                        \
        int result = send(coid, siov, sparts, riov, rparts, own, false, &status, NULL);                               \
        return or_negative(result, status);                                                                           \
    }

#define SEND_PART const iov_t out = {(void *)message, bytes}
#define REPLY_PART const iov_t in = {reply, room}

FORMS(MsgSend, (int coid, const void *message, size_t bytes, void *reply, size_t room),
      SEND_PART; REPLY_PART, &out, 1, &in, 1, true)
FORMS(MsgSendsv, (int coid, const void *message, size_t bytes, const iov_t *riov, size_t rparts),
      SEND_PART, &out, 1, riov, rparts, false)
FORMS(MsgSendvs, (int coid, const iov_t *siov, size_t sparts, void *reply, size_t room),
      REPLY_PART, siov, sparts, &in, 1, false)
FORMS(MsgSendv, (int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts),
      (void)0, siov, sparts, riov, rparts, false)

/* ---- For bindings of other languages (tetrapylon_binding.h). Calls between exported functions would not be inlined. */

static inline __attribute__((always_inline)) int send_told(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts, bool own,
    int64_t nanoseconds, struct tpy_msg_answer *answer)
{
    int result = tpy_qnx_timeout_arm(_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, nanoseconds);
    if (TPY_UNLIKELY(result != 0)) return result;
    long status = 0;
    uint64_t length = 0;
    result = send(coid, siov, sparts, riov, rparts, own, false, &status, &length);
    *answer = (struct tpy_msg_answer){status, length};
    return result;
}

int tpy_msg_sendv(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts, int64_t nanoseconds,
    struct tpy_msg_answer *answer)
{
    return send_told(coid, siov, sparts, riov, rparts, false, nanoseconds, answer);
}

int tpy_msg_send(int coid, const void *message, size_t bytes, void *reply, size_t room, int64_t nanoseconds, struct tpy_msg_answer *answer)
{
    SEND_PART;
    REPLY_PART;
    return send_told(coid, &out, 1, &in, 1, true, nanoseconds, answer);
}

int64_t tpy_msg_send_at(int coid, uint64_t message, size_t bytes, uint64_t reply, size_t room, int64_t nanoseconds, uint64_t answer)
{
    const iov_t out = {(void *)(uintptr_t)message, bytes}, in = {(void *)(uintptr_t)reply, room};
    struct tpy_msg_answer told;
    if (answer == 0 && TPY_UNLIKELY(!tpy_qnx_local.bound)) return TPY_UNBOUND;
    int result = send_told(coid, &out, 1, &in, 1, true, nanoseconds, &told);
    if (answer != 0) *(struct tpy_msg_answer *)(uintptr_t)answer = told;
    if (TPY_UNLIKELY(result != 0)) return result;
    if (TPY_LIKELY(told.status >= 0)) return told.status;
    tpy_qnx_local.status = told.status;
    return TPY_STATUS_TOLD;
}

int64_t tpy_msg_status(void) { return tpy_qnx_local.status; }

int tpy_msg_bind(void)
{
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (!local) return -EAGAIN;
    local->bound = true;
    return 0;
}
