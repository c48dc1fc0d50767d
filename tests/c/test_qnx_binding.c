/* QNX, the calls for other languages (tetrapylon_binding.h): one call with its timeout and all its results; the word before a sleep. */
#include <tetrapylon_binding.h>

#include "qnx_support.h"

static void send_with_all_results(int coid, void *argument)
{
    static const long statuses[] = {0, -1, -ESRCH, 1l << 40};
    char reply[8];
    (void)argument;
    for (unsigned i = 0; i < 4; i++) {
        struct tpy_msg_answer answer = {99, 99};
        CHECK_EQ(tpy_msg_send(coid, "x", 1, reply, sizeof reply, -1, &answer), 0);
        CHECK_EQ(answer.status, statuses[i]);
        CHECK_EQ(answer.length, i);
    }
}

QNX_CASE(a_negative_status_is_no_error_and_the_length_is_told)
{
    static const long statuses[] = {0, -1, -ESRCH, 1l << 40};
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_with_all_results, NULL);
    for (unsigned i = 0; i < 4; i++) {
        char message;
        struct _msg_info info;
        rcvid_t rcvid = tpy_msg_receive(chid, &message, 1, -1, &info);
        CHECK_GT(rcvid, 0);
        CHECK_EQ(info.msglen, 1);
        CHECK_EQ(MsgReply(rcvid, statuses[i], "abcdefgh", i), 0);
    }
    qnx_join(client);
}

static void send_by_address(int coid, void *argument)
{
    char reply[8];
    struct tpy_msg_answer answer;
    uint64_t out = (uintptr_t)"x", in = (uintptr_t)reply, at = (uintptr_t)&answer;
    (void)argument;
    /* A thread that the binding does not know is told so, and nothing is sent. */
    CHECK_EQ(tpy_msg_send_at(coid, out, 1, in, sizeof reply, -1, 0), TPY_UNBOUND);
    CHECK_EQ(tpy_msg_receive_at(1, in, sizeof reply, 0, 0), TPY_UNBOUND);
    CHECK_EQ(tpy_msg_send_at(coid, out, 1, in, sizeof reply, -1, at), 0);
    CHECK_EQ(answer.length, 0);
    CHECK_EQ(tpy_msg_bind(), 0);
    CHECK_EQ(tpy_msg_send_at(coid, out, 1, in, sizeof reply, -1, 0), TPY_STATUS_TOLD);
    CHECK_EQ(tpy_msg_status(), -1);
    CHECK_EQ(tpy_msg_send_at(coid, out, 1, in, sizeof reply, -1, at), TPY_STATUS_TOLD);
    CHECK_EQ(answer.status, -ESRCH);
    CHECK_EQ(answer.length, 2);
    CHECK_EQ(tpy_msg_send_at(coid, out, 1, in, sizeof reply, -1, 0), 1l << 40);
    CHECK_EQ(memcmp(reply, "abc", 3), 0);
    CHECK_EQ(tpy_msg_send_at(coid, 8, 1, in, sizeof reply, -1, 0), -EFAULT);
    CHECK_EQ(tpy_msg_send_at(12345, out, 1, in, sizeof reply, -1, 0), -EBADF);
    CHECK_EQ(tpy_msg_send_at(coid, out, 1, in, sizeof reply, -1, 0), 5);
}

QNX_CASE(addresses_as_numbers)
{
    static const long statuses[] = {0, -1, -ESRCH, 1l << 40};
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_by_address, NULL);
    CHECK_EQ(tpy_msg_bind(), 0);
    for (unsigned i = 0; i < 4; i++) {
        char message = 0;
        struct _msg_info info;
        rcvid_t rcvid = tpy_msg_receive_at(chid, (uintptr_t)&message, 1, -1, (uintptr_t)&info);
        CHECK_GT(rcvid, 0);
        CHECK_EQ(info.msglen, 1);
        CHECK_EQ(message, 'x');
        CHECK_EQ(tpy_msg_read_at(rcvid, (uintptr_t)&message, 1, 0), 1);
        CHECK_EQ(tpy_msg_write_at(rcvid, (uintptr_t)"z", 1, 7), 1);
        CHECK_EQ(tpy_msg_receive_at(chid, 8, 1, 0, 0), -ETIMEDOUT);
        CHECK_EQ(tpy_msg_reply_at(rcvid, statuses[i], (uintptr_t)"abcdefgh", i), 0);
        CHECK_EQ(tpy_msg_reply_at(rcvid, 0, 0, 0), -ESRCH);
    }
    char byte; /* whoever cannot be read is told when a receiver looks at it */
    rcvid_t last = tpy_msg_receive_at(chid, (uintptr_t)&byte, 1, -1, 0);
    CHECK_GT(last, 0);
    CHECK_EQ(tpy_msg_reply_at(last, 5, 0, 0), 0);
    qnx_join(client);
}

CASE(timeouts_in_the_call)
{
    char buffer[64];
    struct tpy_msg_answer answer;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    CHECK_EQ(tpy_msg_receive(chid, buffer, sizeof buffer, 0, NULL), -ETIMEDOUT);
    CHECK_EQ(tpy_msg_receive(chid, buffer, sizeof buffer, 1000000, NULL), -ETIMEDOUT);
    CHECK_EQ(tpy_msg_send(coid, "x", 1, buffer, 1, 0, &answer), -ETIMEDOUT);
    CHECK_EQ(tpy_msg_send(coid, "x", 1, buffer, 1, 1000000, &answer), -ETIMEDOUT);
    CHECK_EQ(tpy_msg_send(-1, "x", 1, buffer, 1, 1000000, &answer), -EBADF);
    CHECK_EQ(tpy_msg_receive(-1, buffer, sizeof buffer, 1000000, NULL), -ESRCH);
}

static _Thread_local int words[2];
static _Thread_local int interrupt_at; /* 0: never, else in the n-th sleep */

static void on_sleep(int asleep)
{
    words[asleep]++;
    if (asleep && words[1] == interrupt_at) CHECK_EQ(tpy_thread_interrupt(tpy_thread_number_self()), 0);
}

/* The hook is called around each sleep; one that interrupts the thread keeps it from sleeping. */
CASE(the_hook_may_interrupt_the_sleep_it_announces)
{
    char buffer[64];
    struct tpy_msg_answer answer;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    CHECK_EQ(tpy_thread_on_sleep(on_sleep), 0);
    CHECK_EQ(tpy_msg_receive(chid, buffer, sizeof buffer, 20000000, NULL), -ETIMEDOUT);
    CHECK_GE(words[1], 1);
    CHECK_EQ(words[0], words[1]);
    interrupt_at = words[1] + 1;
    CHECK_EQ(tpy_msg_receive(chid, buffer, sizeof buffer, -1, NULL), -EINTR);
    interrupt_at = words[1] + 1;
    CHECK_EQ(tpy_msg_send(coid, "x", 1, buffer, 1, -1, &answer), -EINTR);
    CHECK_EQ(words[0], words[1]);
    CHECK_EQ(tpy_thread_interrupted(), 0);
    int before = words[1];
    CHECK_EQ(tpy_thread_on_sleep(NULL), 0);
    CHECK_EQ(tpy_msg_receive(chid, buffer, sizeof buffer, 20000000, NULL), -ETIMEDOUT);
    CHECK_EQ(words[1], before);
}
