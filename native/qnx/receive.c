/* receive: MsgReceive and its forms, MsgReceivePulse, and the table behind rcvids. */
#include <string.h>

#include <sys/neutrino.h>
#include <tetrapylon_binding.h>

#include "core/fault.h"
#include "core/iov.h"
#include "core/port.h"
#include "qnx/channel.h"
#include "qnx/local.h"
#include "qnx/priority.h"
#include "qnx/rcvid.h"
#include "qnx/result.h"
#include "qnx/timeout.h"

struct tpy_qnx_slot tpy_qnx_slots[TPY_EXCHANGES_MAX];

void tpy_qnx_slots_forget(void)
{
    for (unsigned i = 0; i < TPY_EXCHANGES_MAX; i++)
        if (atomic_load_explicit(&tpy_qnx_slots[i].exchange, memory_order_relaxed))
            memset(&tpy_qnx_slots[i], 0, sizeof tpy_qnx_slots[i]);
}

static const struct tpy_filter pulses_only = {.kinds = 1u << TPY_QNX_PULSE};

static rcvid_t take_message(const struct tpy_receipt *receipt, struct _msg_info *info)
{
    uint32_t index = tpy_exchange_index(receipt->exchange), serial = receipt->sequence;
    struct tpy_qnx_client *client = receipt->client;
    struct tpy_qnx_slot *slot = &tpy_qnx_slots[index];
    if (TPY_UNLIKELY(atomic_load_explicit(&slot->client, memory_order_relaxed) != client ||
            atomic_load_explicit(&slot->generation, memory_order_relaxed) != client->generation)) {
        atomic_store_explicit(&slot->client, client, memory_order_relaxed);
        atomic_store_explicit(&slot->generation, client->generation, memory_order_relaxed);
        atomic_store_explicit(&slot->since, serial, memory_order_relaxed);
        atomic_store_explicit(&slot->exchange, receipt->exchange, memory_order_relaxed);
    }
    atomic_store_explicit(&slot->thread, receipt->thread, memory_order_relaxed);
    atomic_store_explicit(&slot->serial, serial, memory_order_release);
    if (info) {
        struct _msg_info told = {
            .pid = receipt->pid,
            .tid = (int32_t)receipt->thread,
            .chid = client->chid,
            .scoid = client->scoid,
            .coid = (int32_t)receipt->tag,
            .msglen = (ssize_t)receipt->received,
            .srcmsglen = (ssize_t)receipt->send_length,
            .dstmsglen = (ssize_t)receipt->room,
        };
        int32_t priority = receipt->priority; /* and no flags: one word, as it is copied */
        memcpy(&told.priority, &priority, sizeof priority);
        tpy_copy_words(info, &told, sizeof told);
    }
    return tpy_qnx_rcvid(index, serial);
}

static int take_pulse(struct tpy_qnx_channel *channel, const struct tpy_receipt *receipt, const iov_t *parts,
    size_t count)
{
    struct _pulse pulse;
    const struct tpy_qnx_client *client = receipt->client;
    int fault = 0;
    memset(&pulse, 0, sizeof pulse);
    pulse.type = _PULSE_TYPE;
    pulse.subtype = _PULSE_SUBTYPE;
    pulse.code = (int8_t)receipt->code;
    memcpy(&pulse.value, &receipt->value, sizeof pulse.value);
    pulse.scoid = receipt->injected ? (int32_t)receipt->tag : client ? client->scoid : -1;
    if (TPY_LIKELY(tpy_iov_scatter(parts, count, 0, &pulse, sizeof pulse, &fault) == sizeof pulse)) return 0;
    /* Nobody may lose a pulse because of a bad buffer: back to where it was. */
    tpy_qnx_channel_pulse(channel, receipt->priority, receipt->code, receipt->value, pulse.scoid, true);
    return -EFAULT;
}

static inline __attribute__((always_inline)) rcvid_t receive(
    int chid, const iov_t *parts, size_t count, struct _msg_info *info, const struct tpy_filter *filter,
    bool cancellation_point)
{
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (TPY_UNLIKELY(!local)) return -EAGAIN;
    int cancellable = 0;
    if (cancellation_point) cancellable = tpy_qnx_cancel_enter(local);
    else if (TPY_UNLIKELY(atomic_load_explicit(&local->cancel_requested, memory_order_relaxed)))
        tpy_qnx_cancel_settle(local);

    struct tpy_qnx_channel *channel = tpy_qnx_channel(chid);
    rcvid_t result = -ESRCH;
    if (TPY_LIKELY(channel != NULL)) {
        struct tpy_receipt receipt;
        int64_t deadline = TPY_UNLIKELY(local->armed & _NTO_TIMEOUT_RECEIVE) ? local->deadline : TPY_NEVER;
        if (TPY_UNLIKELY(local->realtime)) tpy_qnx_priority_leave(local);
        /* A bad info must be found out before a message is taken, not after. */
        if (info && TPY_UNLIKELY(tpy_copy(info, info, sizeof *info))) result = -EFAULT;
        else result = tpy_receive(channel->port, filter, parts, count, sizeof(struct _pulse), deadline, &receipt);
        if (TPY_LIKELY(result == 0)) {
            if (receipt.exchange) result = take_message(&receipt, info);
            else result = take_pulse(channel, &receipt, parts, count);
            if (TPY_UNLIKELY(local->realtime)) tpy_qnx_priority_inherit(local, channel, receipt.priority);
        } else if (result == -ECANCELED)
            result = -EINTR;
    }
    if (TPY_UNLIKELY(local->armed)) local->armed = 0;
    if (cancellation_point) {
        tpy_qnx_cancel_leave(local, cancellable);
        if (TPY_UNLIKELY(result == -EINTR)) pthread_testcancel();
    }
    return result;
}

rcvid_t MsgReceivev_r(int chid, const iov_t *riov, size_t rparts, struct _msg_info *info)
{
    return receive(chid, riov, rparts, info, NULL, true);
}

rcvid_t MsgReceivev(int chid, const iov_t *riov, size_t rparts, struct _msg_info *info)
{
    return tpy_qnx_result(receive(chid, riov, rparts, info, NULL, true));
}

rcvid_t MsgReceive_r(int chid, void *message, size_t bytes, struct _msg_info *info)
{
    const iov_t part = {message, bytes};
    return receive(chid, &part, 1, info, NULL, true);
}

rcvid_t MsgReceive(int chid, void *message, size_t bytes, struct _msg_info *info)
{
    const iov_t part = {message, bytes};
    return tpy_qnx_result(receive(chid, &part, 1, info, NULL, true));
}

int MsgReceivePulsev_r(int chid, const iov_t *piov, size_t parts, struct _msg_info *info)
{
    (void)info; /* a pulse tells nothing through it */
    return (int)receive(chid, piov, parts, NULL, &pulses_only, true);
}

int MsgReceivePulsev(int chid, const iov_t *piov, size_t parts, struct _msg_info *info)
{
    return (int)tpy_qnx_result(MsgReceivePulsev_r(chid, piov, parts, info));
}

int MsgReceivePulse_r(int chid, void *pulse, size_t bytes, struct _msg_info *info)
{
    const iov_t part = {pulse, bytes};
    return MsgReceivePulsev_r(chid, &part, 1, info);
}

int MsgReceivePulse(int chid, void *pulse, size_t bytes, struct _msg_info *info)
{
    return (int)tpy_qnx_result(MsgReceivePulse_r(chid, pulse, bytes, info));
}

/* ---- For bindings of other languages (tetrapylon_binding.h) */

static inline __attribute__((always_inline)) rcvid_t receive_within(int chid, const iov_t *parts, size_t count, int64_t nanoseconds,
    struct _msg_info *info)
{
    int result = tpy_qnx_timeout_arm(_NTO_TIMEOUT_RECEIVE, nanoseconds);
    return TPY_LIKELY(result == 0) ? receive(chid, parts, count, info, NULL, false) : result;
}

rcvid_t tpy_msg_receivev(int chid, const iov_t *riov, size_t rparts, int64_t nanoseconds, struct _msg_info *info)
{
    return receive_within(chid, riov, rparts, nanoseconds, info);
}

rcvid_t tpy_msg_receive(int chid, void *message, size_t bytes, int64_t nanoseconds, struct _msg_info *info)
{
    const iov_t part = {message, bytes};
    return receive_within(chid, &part, 1, nanoseconds, info);
}

rcvid_t tpy_msg_receive_at(int chid, uint64_t message, size_t bytes, int64_t nanoseconds, uint64_t info)
{
    const iov_t part = {(void *)(uintptr_t)message, bytes};
    if (TPY_UNLIKELY(!tpy_qnx_local.bound)) return TPY_UNBOUND;
    return receive_within(chid, &part, 1, nanoseconds, (struct _msg_info *)(uintptr_t)info);
}
