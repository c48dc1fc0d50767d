/* QNX, pulses: contents, order, counts, errors; and the order of messages and pulses in a channel. */
#include "qnx_support.h"

#include <tetrapylon.h>

static void send_pulses(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(MsgSendPulse(coid, -1, 5, 77), 0);
    CHECK_EQ(MsgSendPulse(coid, 10, 127, -1), 0);
    CHECK_EQ(MsgSendPulse(coid, 10, -128, INT32_MIN), 0);
    CHECK_EQ(MsgSendPulsePtr(coid, 10, 0, (void *)0x123456789abcdef0), 0);
}

QNX_CASE(a_pulse_carries_its_code_and_value)
{
    int chid = CHECK_SYS(ChannelCreate(0)), scoid;
    struct qnx_client *client = qnx_start(threads, chid, send_pulses, NULL);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, 5);
    CHECK_EQ(pulse.value.sival_int, 77);
    CHECK_EQ(pulse.value.sival_long, 77);
    scoid = pulse.scoid;
    CHECK_GE(scoid, _NTO_SIDE_CHANNEL);
    pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, 127);
    CHECK_EQ(pulse.value.sival_int, -1);
    CHECK_EQ(pulse.scoid, scoid);
    pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, -128);
    CHECK_EQ(pulse.value.sival_int, INT32_MIN);
    pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, 0);
    CHECK_PTR_EQ(pulse.value.sival_ptr, (void *)0x123456789abcdef0);
    CHECK_EQ(pulse.value.sival_long, 0x123456789abcdef0);
    qnx_join(client);
    qnx_check_empty(chid);
}

static void check_pulse_errors(int coid, void *argument)
{
    (void)argument;
    CHECK_ERRNO(MsgSendPulse(coid, -1, 128, 0), EINVAL);
    CHECK_ERRNO(MsgSendPulse(coid, -1, -129, 0), EINVAL);
    CHECK_ERRNO(MsgSendPulse(coid, -2, 1, 0), EINVAL);
    CHECK_ERRNO(MsgSendPulse(coid, 256, 1, 0), EINVAL);
    CHECK_EQ(MsgSendPulsePtr_r(coid, 256, 1, NULL), -EINVAL);
    CHECK_EQ(MsgSendPulse(coid, 0, 1, 1), 0);
    CHECK_EQ(MsgSendPulse(coid, 255, 1, 2), 0);
    CHECK_EQ(ConnectDetach(coid), 0);
    CHECK_ERRNO(MsgSendPulse(coid, -1, 1, 0), EBADF);
}

QNX_CASE(pulse_errors)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, check_pulse_errors, NULL);
    qnx_join(client);
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 2);
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 1);
    qnx_check_empty(chid);
}

static void send_equal_pulses(int coid, void *argument)
{
    _Atomic unsigned *sent = argument;
    for (unsigned i = 0; i < 1000; i++) CHECK_EQ(MsgSendPulse(coid, 10, 3, 3), 0);
    qnx_count(sent);
}

QNX_CASE(equal_pulses_are_received_as_often_as_sent)
{
    _Atomic unsigned *sent = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_equal_pulses, sent);
    qnx_await(sent, 1);
    qnx_join(client);
    for (unsigned i = 0; i < 1000; i++) CHECK_EQ(qnx_receive_pulse(chid).code, 3);
    qnx_check_empty(chid);
}

static void fill_the_queue(int coid, void *argument)
{
    _Atomic unsigned *sent = argument;
    int result;
    while ((result = MsgSendPulse_r(coid, 10, 3, (int)atomic_load(sent))) == 0) qnx_count(sent);
    CHECK_EQ(result, -EAGAIN);
}

QNX_CASE(a_full_queue_gives_eagain_and_loses_nothing)
{
    _Atomic unsigned *sent = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, fill_the_queue, sent);
    qnx_join(client);
    CHECK_GE(atomic_load(sent), 1024);
    for (unsigned i = 0; i < atomic_load(sent); i++) CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, i);
    qnx_check_empty(chid);
}

CASE(a_receive_too_small_for_a_pulse)
{
    char buffer[sizeof(struct _pulse)];
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 41), 0);
    CHECK_ERRNO(MsgReceive(chid, buffer, sizeof buffer - 1, NULL), EFAULT);
    CHECK_ERRNO(MsgReceivePulse(chid, buffer, sizeof buffer - 1, NULL), EFAULT);
    CHECK_ERRNO(MsgReceive(chid, qnx_unmapped(), sizeof buffer, NULL), EFAULT);
    CHECK_ERRNO(MsgReceive(chid, qnx_at_end(8), sizeof buffer, NULL), EFAULT);
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 41); /* it was not lost */
    qnx_check_empty(chid);
}

static void send_a_byte(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(MsgSend(coid, "m", 1, NULL, 0), 0);
}

QNX_CASE(a_small_receive_takes_a_message)
{
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_a_byte, NULL);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);
}

QNX_CASE(msgreceivepulse_leaves_messages_alone)
{
    struct _pulse pulse;
    struct _msg_info info;
    iov_t parts[2];
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    struct qnx_client *client = qnx_start(threads, chid, send_a_byte, NULL);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    qnx_timeout(_NTO_TIMEOUT_RECEIVE, 20);
    CHECK_ERRNO(MsgReceivePulse(chid, &pulse, sizeof pulse, NULL), ETIMEDOUT);
    CHECK_EQ(MsgSendPulse(coid, 5, 9, 8), 0); /* behind the message */
    memset(&info, 0x77, sizeof info);
    CHECK_EQ(MsgReceivePulse(chid, &pulse, sizeof pulse, &info), 0);
    CHECK_EQ(pulse.code, 9);
    CHECK_EQ(MsgSendPulse(coid, 5, 11, 8), 0);
    SETIOV(&parts[0], &pulse, 5);
    SETIOV(&parts[1], (char *)&pulse + 5, sizeof pulse - 5);
    CHECK_EQ(MsgReceivePulsev(chid, parts, 2, NULL), 0);
    CHECK_EQ(pulse.code, 11);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);
    CHECK_ERRNO(MsgReceivePulse(chid + 1, &pulse, sizeof pulse, NULL), ESRCH);
}

CASE(info_is_left_alone_by_a_pulse)
{
    struct _pulse pulse;
    struct _msg_info info, before;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    memset(&info, 0x77, sizeof info);
    before = info;
    CHECK_EQ(MsgSendPulse(coid, 5, 9, 8), 0);
    CHECK_EQ(MsgReceive(chid, &pulse, sizeof pulse, &info), 0);
    CHECK_MEM_EQ(&info, &before, sizeof info);
}

/* ---- Order ---- */

struct sender {
    int priority, number;
};

static void send_with_priority(int coid, void *argument)
{
    struct sender *sender = argument;
    CHECK_EQ(tpy_priority_set(sender->priority), 0);
    CHECK_EQ(tpy_priority_get(), sender->priority);
    CHECK_EQ(MsgSend(coid, &sender->number, sizeof sender->number, NULL, 0), 0);
}

QNX_CASE(the_queue_is_ordered_by_priority_then_by_time)
{
    static struct sender senders[] = {{10, 0}, {20, 1}, {10, 2}, {63, 3}, {20, 4}, {0, 5}, {255, 6}};
    static const int order[] = {6, 3, 1, 4, 0, 2, 5};
    struct qnx_client *clients[7];
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(0)), number;
    for (unsigned i = 0; i < 7; i++) {
        clients[i] = qnx_start(threads, chid, send_with_priority, &senders[i]);
        qnx_await_senders(qnx_pid(clients[i]), getpid(), chid, threads ? i + 1 : 1);
    }
    for (unsigned i = 0; i < 7; i++) {
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &number, sizeof number, &info));
        CHECK_GT(rcvid, 0);
        CHECK_EQ(number, order[i]);
        CHECK_EQ(info.priority, senders[number].priority);
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    }
    for (unsigned i = 0; i < 7; i++) qnx_join(clients[i]);
}

CASE(messages_and_pulses_share_the_queue)
{
    static struct sender low = {15, 1}, high = {25, 2};
    union {
        int number;
        struct _pulse pulse;
    } got;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSendPulse(coid, 20, 1, 1), 0);
    CHECK_EQ(MsgSendPulse(coid, 10, 2, 2), 0);
    CHECK_EQ(MsgSendPulse(coid, 30, 3, 3), 0);
    CHECK_EQ(MsgSendPulse(coid, 20, 4, 4), 0);
    struct qnx_client *first = qnx_start(false, chid, send_with_priority, &low);
    qnx_await_senders(qnx_pid(first), getpid(), chid, 1);
    struct qnx_client *second = qnx_start(false, chid, send_with_priority, &high);
    qnx_await_senders(qnx_pid(second), getpid(), chid, 1);
    static const int codes[] = {3, 0, 1, 4, 0, 2}, numbers[] = {0, 2, 0, 0, 1, 0};
    for (unsigned i = 0; i < 6; i++) {
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &got, sizeof got, NULL));
        if (codes[i]) {
            CHECK_EQ(rcvid, 0);
            CHECK_EQ(got.pulse.code, codes[i]);
        } else {
            CHECK_GT(rcvid, 0);
            CHECK_EQ(got.number, numbers[i]);
            CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
        }
    }
    qnx_join(first);
    qnx_join(second);
}

CASE(a_pulse_of_priority_minus_one_has_the_callers)
{
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSendPulse(coid, 11, 1, 0), 0);
    CHECK_EQ(MsgSendPulse(coid, -1, 2, 0), 0); /* 10, QNX's default */
    CHECK_EQ(tpy_priority_set(50), 0);
    CHECK_EQ(MsgSendPulse(coid, -1, 3, 0), 0);
    CHECK_EQ(tpy_priority_set(-1), 0);
    CHECK_EQ(tpy_priority_get(), 10);
    CHECK_EQ(qnx_receive_pulse(chid).code, 3);
    CHECK_EQ(qnx_receive_pulse(chid).code, 1);
    CHECK_EQ(qnx_receive_pulse(chid).code, 2);
    CHECK_EQ(tpy_priority_set(256), -EINVAL);
    CHECK_EQ(tpy_priority_set(-2), -EINVAL);
}
