/* QNX: the numbers and layouts that its documents and headers give, which programs may have stored or compiled in. */
#include "qnx_support.h"

#include <stddef.h>
#include <sys/dispatch.h>
#include <sys/iomsg.h>
#include <sys/netmgr.h>

CASE(constants_have_qnxs_numbers)
{
    CHECK_EQ(EOK, 0);
    CHECK_EQ(ENOREMOTE, 300);
    CHECK_EQ(ESRVRFAULT, 312);
    CHECK_EQ(_NTO_SIDE_CHANNEL, 0x40000000);
    CHECK_EQ(ND_LOCAL_NODE, 0);
    CHECK_EQ(_NTO_TIMEOUT_SEND, 1 << 4);
    CHECK_EQ(_NTO_TIMEOUT_RECEIVE, 1 << 5);
    CHECK_EQ(_NTO_TIMEOUT_REPLY, 1 << 6);
    CHECK_EQ(_PULSE_TYPE, 0);
    CHECK_EQ(_PULSE_SUBTYPE, 0);
    CHECK_EQ(_PULSE_CODE_UNBLOCK, -32);
    CHECK_EQ(_PULSE_CODE_DISCONNECT, -33);
    CHECK_EQ(_PULSE_CODE_THREADDEATH, -34);
    CHECK_EQ(_PULSE_CODE_COIDDEATH, -35);
    CHECK_EQ(_PULSE_CODE_MINAVAIL, 0);
    CHECK_EQ(_PULSE_CODE_MAXAVAIL, 127);
    CHECK_EQ(_NTO_CHF_FIXED_PRIORITY, 1);
    CHECK_EQ(_NTO_CHF_UNBLOCK, 2);
    CHECK_EQ(_NTO_CHF_THREAD_DEATH, 4);
    CHECK_EQ(_NTO_CHF_DISCONNECT, 8);
    CHECK_EQ(_NTO_CHF_NET_MSG, 0x10);
    CHECK_EQ(_NTO_CHF_SENDER_LEN, 0x20);
    CHECK_EQ(_NTO_CHF_COID_DISCONNECT, 0x40);
    CHECK_EQ(_NTO_CHF_REPLY_LEN, 0x80);
    CHECK_EQ(_NTO_COF_CLOEXEC, 1);
    CHECK_EQ(_IO_BASE, 0x100);
    CHECK_EQ(_IO_MAX, 0x1ff);
    CHECK_EQ(_IO_CONNECT, 0x100);
}

#define AT(type, member, offset, size)                                                                                \
    do {                                                                                                              \
        CHECK_EQ(offsetof(type, member), offset);                                                                     \
        CHECK_EQ(sizeof((type){0}.member), size);                                                                     \
    } while (0)

CASE(a_pulse_has_qnxs_layout)
{
    AT(struct _pulse, type, 0, 2);
    AT(struct _pulse, subtype, 2, 2);
    AT(struct _pulse, code, 4, 1);
    AT(struct _pulse, zero, 5, 3);
    AT(struct _pulse, value, 8, 8);
    AT(struct _pulse, scoid, 16, 4);
    CHECK_EQ(sizeof(union sigval), 8);
    struct _pulse pulse = {.code = -1};
    CHECK_LT(pulse.code, 0); /* signed */
}

CASE(types_are_those_of_the_documents)
{
    CHECK_EQ(_Generic((rcvid_t)0, long: 1, default: 0), 1);
    CHECK_EQ(_Generic(MsgSend(-1, NULL, 0, NULL, 0), long: 1, default: 0), 1);
    CHECK_EQ(_Generic(MsgRead(-1, NULL, 0, 0), ssize_t: 1, default: 0), 1);
    CHECK_EQ(_Generic(MsgReceive(-1, NULL, 0, NULL), rcvid_t: 1, default: 0), 1);
    struct _msg_info info = {.msglen = -1, .srcmsglen = -1, .dstmsglen = -1};
    CHECK_EQ(sizeof info.msglen + sizeof info.srcmsglen + sizeof info.dstmsglen, 24);
    CHECK_LT(info.srcmsglen, 0); /* ssize_t */
    CHECK_EQ(sizeof info.priority, 2);
    name_attach_t attach = {.dpp = NULL, .chid = 1};
    CHECK_EQ(attach.chid, 1);
    iov_t part;
    SETIOV(&part, &info, 5);
    CHECK_PTR_EQ(GETIOVBASE(&part), &info);
    CHECK_EQ(GETIOVLEN(&part), 5);
}
