/* pulse: see pulse.h. MsgSendPulse, MsgSendPulsePtr. */
#include "qnx/pulse.h"

#include <sys/neutrino.h>

#include "qnx/channel.h"
#include "qnx/connection_table.h"
#include "qnx/local.h"
#include "qnx/result.h"

static int check(int priority, int code)
{
    return code < -128 || code > 127 || priority < -1 || priority > 255 ? -EINVAL : 0;
}

int tpy_qnx_pulse_send(int coid, int priority, int code, uint64_t value)
{
    struct tpy_connection *connection = tpy_qnx_connection(coid);
    if (TPY_UNLIKELY(!connection)) return -EBADF;
    if (TPY_UNLIKELY(check(priority, code) != 0)) return -EINVAL;
    if (TPY_UNLIKELY(!tpy_qnx_connection_entry(coid)->may_signal)) return -EPERM;
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (TPY_UNLIKELY(!local)) return -EAGAIN;
    if (priority < 0) priority = tpy_thread_priority(local->thread);
    int result = tpy_oneway(connection, TPY_QNX_PULSE, (uint8_t)priority, (int16_t)code, value, (uint32_t)coid);
    return result == -ESRCH ? -EBADF : result == -ENOMEM ? -EAGAIN : result;
}

int tpy_qnx_pulse_send_own(int coid, int priority, int code, uint64_t value)
{
    struct tpy_qnx_connection entry;
    int result = tpy_qnx_connection_look(coid, &entry);
    if (result == 0) result = check(priority, code);
    if (result != 0) return result;
    if (!entry.own) return 1;
    struct tpy_qnx_channel *channel = tpy_qnx_channel(entry.chid);
    if (!channel || (entry.flags & _NTO_COF_DEAD)) return -EBADF;
    result = tpy_qnx_channel_pulse(channel, priority < 0 ? TPY_QNX_PRIORITY : priority, code, value, entry.scoid,
        false);
    return result == -ENOMEM ? -EAGAIN : result == -ESRCH ? -EBADF : result;
}

int MsgSendPulse_r(int coid, int priority, int code, int value)
{
    return tpy_qnx_pulse_send(coid, priority, code, (uint64_t)(int64_t)value);
}

int MsgSendPulse(int coid, int priority, int code, int value)
{
    return (int)tpy_qnx_result(MsgSendPulse_r(coid, priority, code, value));
}

int MsgSendPulsePtr_r(int coid, int priority, int code, void *value)
{
    return tpy_qnx_pulse_send(coid, priority, code, (uint64_t)(uintptr_t)value);
}

int MsgSendPulsePtr(int coid, int priority, int code, void *value)
{
    return (int)tpy_qnx_result(MsgSendPulsePtr_r(coid, priority, code, value));
}
