/* gate_qnx: see gate.h. A message is the bytes as they are. */
#include "gate.h"

#include <sys/dispatch.h>
#include <sys/neutrino.h>

#include "harm.h"

static int connection = -1;
static name_attach_t *attached;
static rcvid_t current;

static bool qnx_open(const char *name)
{
    connection = name_open(name, 0);
    CHECK(connection >= 0 || errno == ENOENT || errno == ESRCH || errno == ENXIO);
    return connection >= 0;
}

static long qnx_call(const unsigned char *message, size_t size, unsigned char *answer, size_t room)
{
    static bool gone;
    long status = MsgSend_r(connection, message, size, answer, room);
    CHECK(status >= 0 || status == -EBADF || (!gone && status == -ESRCH));
    gone = status == -ESRCH; /* from then on there is no connection */
    return status < 0 ? -1 : status;
}

static void qnx_close(void) { CHECK(name_close(connection) == 0); }

static void qnx_attach(const char *name)
{
    attached = name_attach(NULL, name, 0);
    CHECK(attached != NULL);
}

static size_t qnx_next(unsigned char *message, size_t room)
{
    for (;;) {
        struct _msg_info info;
        current = MsgReceive(attached->chid, message, room, &info);
        if (current > 0) return (size_t)info.msglen;
        CHECK(current == 0);
        struct _pulse *pulse = (struct _pulse *)message;
        if (pulse->code == _PULSE_CODE_DISCONNECT) ConnectDetach(pulse->scoid);
        if (pulse->code == _PULSE_CODE_UNBLOCK) MsgError((rcvid_t)pulse->value.sival_ptr, EINTR);
    }
}

static void qnx_answer(const void *answer, size_t size) { MsgReply(current, (long)size, answer, size); }

static void qnx_strike(unsigned number, unsigned char *bytes, size_t size)
{
    uint64_t soon = 1000000;
    TimerTimeout_r(CLOCK_MONOTONIC, _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, NULL, &soon, NULL);
    MsgSend_r(connection, bytes, size, bytes, size);
    if (number % 8 == 0) MsgSendPulse_r(connection, -1, 1, 1);
}

const struct gate gate_qnx = {"qnx", qnx_open, qnx_call, qnx_close, qnx_attach, qnx_next, qnx_answer, qnx_strike, NULL};
