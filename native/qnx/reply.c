/* reply: what a server does with a message it has received: MsgReply, MsgError, MsgRead, MsgWrite. */
#include <sys/neutrino.h>
#include <tetrapylon_binding.h>

#include "core/brief.h"
#include "core/errors.h"
#include "core/iov.h"
#include "core/port.h"
#include "qnx/channel.h"
#include "qnx/local.h"
#include "qnx/rcvid.h"
#include "qnx/reason.h"
#include "qnx/result.h"
#include "qnx/unblock.h"

_Static_assert(ESRVRFAULT == TPY_ESRVRFAULT, "one number for one error");

static inline int finished(rcvid_t rcvid, uint32_t serial, int result)
{
    if (TPY_UNLIKELY(atomic_load_explicit(&tpy_qnx_slot(rcvid)->unblocking, memory_order_relaxed) == serial))
        tpy_qnx_unblock_retract(rcvid, serial);
    return result;
}

/* Inlined into each of its forms, as calls between exported functions are not. */
static inline __attribute__((always_inline)) int reply(rcvid_t rcvid, long status, const iov_t *riov, size_t rparts)
{
    uint32_t serial;
    struct tpy_exchange *exchange = tpy_qnx_find(rcvid, &serial);
    if (TPY_UNLIKELY(!exchange)) return -ESRCH;
    return finished(rcvid, serial, tpy_finish(exchange, serial, status, riov, rparts));
}

static inline __attribute__((always_inline)) int reply_part(rcvid_t rcvid, long status, const void *message, size_t bytes)
{
    const iov_t part = {(void *)message, bytes};
    uint32_t serial;
    struct tpy_exchange *exchange = tpy_qnx_find(rcvid, &serial);
    if (TPY_UNLIKELY(!exchange)) return -ESRCH;
    return finished(rcvid, serial,
        TPY_LIKELY(bytes < TPY_BRIEF) ? tpy_finish_brief(exchange, serial, status, message, bytes) : tpy_finish(exchange, serial, status, &part, 1));
}

int MsgReplyv_r(rcvid_t rcvid, long status, const iov_t *riov, size_t rparts) { return reply(rcvid, status, riov, rparts); }

int MsgReplyv(rcvid_t rcvid, long status, const iov_t *riov, size_t rparts)
{
    return (int)tpy_qnx_result(reply(rcvid, status, riov, rparts));
}

int MsgReply_r(rcvid_t rcvid, long status, const void *message, size_t bytes)
{
    return reply_part(rcvid, status, message, bytes);
}

int MsgReply(rcvid_t rcvid, long status, const void *message, size_t bytes)
{
    return (int)tpy_qnx_result(reply_part(rcvid, status, message, bytes));
}

int tpy_msg_reply_at(rcvid_t rcvid, long status, uint64_t message, size_t bytes)
{
    return reply_part(rcvid, status, (const void *)(uintptr_t)message, bytes);
}

int MsgError_r(rcvid_t rcvid, int error)
{
    uint32_t serial;
    struct tpy_exchange *exchange = tpy_qnx_find(rcvid, &serial);
    if (!exchange) return -ESRCH;
    if (error == EOK) return finished(rcvid, serial, tpy_finish(exchange, serial, 0, NULL, 0));
    if (error < 0) error = TPY_QNX_STORED_REASON;
    else if (error == ECANCELED) error = TPY_QNX_SERVER_CANCELED;
    return finished(rcvid, serial, tpy_finish_error(exchange, serial, error));
}

int MsgError(rcvid_t rcvid, int error) { return (int)tpy_qnx_result(MsgError_r(rcvid, error)); }

/* No cancellation point: a pthread_cancel that was meant for the call before does not end it. */
static bool cancel_was_for_another(void)
{
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    return local && atomic_load(&local->cancel_requested);
}

ssize_t MsgReadv_r(rcvid_t rcvid, const iov_t *riov, size_t rparts, size_t offset)
{
    uint32_t serial;
    struct tpy_exchange *exchange = tpy_qnx_find(rcvid, &serial);
    if (!exchange) return -ESRCH;
    ssize_t got;
    do
        got = tpy_pull(exchange, serial, offset, riov, rparts);
    while (TPY_UNLIKELY(got == -ECANCELED) && cancel_was_for_another());
    return TPY_UNLIKELY(got == -ECANCELED) ? -EINTR : got;
}

ssize_t MsgReadv(rcvid_t rcvid, const iov_t *riov, size_t rparts, size_t offset)
{
    return tpy_qnx_result(MsgReadv_r(rcvid, riov, rparts, offset));
}

ssize_t MsgRead_r(rcvid_t rcvid, void *message, size_t bytes, size_t offset)
{
    const iov_t part = {message, bytes};
    return MsgReadv_r(rcvid, &part, 1, offset);
}

ssize_t MsgRead(rcvid_t rcvid, void *message, size_t bytes, size_t offset)
{
    return tpy_qnx_result(MsgRead_r(rcvid, message, bytes, offset));
}

ssize_t MsgWritev_r(rcvid_t rcvid, const iov_t *iov, size_t parts, size_t offset)
{
    uint32_t serial;
    struct tpy_exchange *exchange = tpy_qnx_find(rcvid, &serial);
    return exchange ? tpy_push(exchange, serial, offset, iov, parts) : -ESRCH;
}

ssize_t MsgWritev(rcvid_t rcvid, const iov_t *iov, size_t parts, size_t offset)
{
    return tpy_qnx_result(MsgWritev_r(rcvid, iov, parts, offset));
}

ssize_t MsgWrite_r(rcvid_t rcvid, const void *message, size_t bytes, size_t offset)
{
    const iov_t part = {(void *)message, bytes};
    return MsgWritev_r(rcvid, &part, 1, offset);
}

ssize_t MsgWrite(rcvid_t rcvid, const void *message, size_t bytes, size_t offset)
{
    return tpy_qnx_result(MsgWrite_r(rcvid, message, bytes, offset));
}

ssize_t tpy_msg_read_at(rcvid_t rcvid, uint64_t message, size_t bytes, size_t offset)
{
    return MsgRead_r(rcvid, (void *)(uintptr_t)message, bytes, offset);
}

ssize_t tpy_msg_write_at(rcvid_t rcvid, uint64_t message, size_t bytes, size_t offset)
{
    return MsgWrite_r(rcvid, (void *)(uintptr_t)message, bytes, offset);
}
