/* QNX, MsgSend and MsgReceive: statuses, sizes and shapes of messages. */
#include "qnx_support.h"

struct numbers {
    long status[5];
};

static const long statuses[] = {0, 1, 0x7fffffffffffL, -1, -77};

static void send_for_statuses(int coid, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 5; i++) {
        errno = 4321;
        CHECK_EQ(MsgSend(coid, &i, sizeof i, NULL, 0), statuses[i]);
        CHECK_EQ(errno, 4321);
    }
}

QNX_CASE(send_returns_the_status_verbatim)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_for_statuses, NULL);
    for (unsigned i = 0; i < 5; i++) {
        unsigned which;
        rcvid_t rcvid = qnx_receive(chid, &which, sizeof which);
        CHECK_EQ(which, i);
        CHECK_EQ(MsgReply(rcvid, statuses[i], NULL, 0), 0);
    }
    qnx_join(client);
}

static const size_t sizes[] = {0, 1, 7, 8, 40, 41, 56, 64, 255, 4096, 16383, 16384, 16385, 65536, 70001, 262144,
    262145, 1 << 20, (5 << 20) + 13};
#define SIZES (sizeof sizes / sizeof *sizes)

static void send_sizes(int coid, void *argument)
{
    unsigned char *out = malloc(sizes[SIZES - 1]), *in = malloc(sizes[SIZES - 1] + 8);
    (void)argument;
    for (unsigned i = 0; i < SIZES; i++) {
        qnx_fill(out, sizes[i], i);
        memset(in, 0xee, sizes[i] + 8);
        CHECK_EQ(MsgSend(coid, out, sizes[i], in, sizes[i]), (long)i);
        qnx_check_filled(in, sizes[i], i + 100);
        for (unsigned k = 0; k < 8; k++) CHECK_EQ(in[sizes[i] + k], 0xee);
    }
    free(out);
    free(in);
}

QNX_CASE(messages_of_every_size_arrive_whole_both_ways)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    unsigned char *buffer = malloc(sizes[SIZES - 1]);
    struct qnx_client *client = qnx_start(threads, chid, send_sizes, NULL);
    for (unsigned i = 0; i < SIZES; i++) {
        struct _msg_info info;
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizes[SIZES - 1], &info));
        CHECK_EQ(info.msglen, sizes[i]);
        CHECK_EQ(info.srcmsglen, sizes[i]);
        CHECK_EQ(info.dstmsglen, sizes[i]);
        qnx_check_filled(buffer, sizes[i], i);
        qnx_fill(buffer, sizes[i], i + 100);
        CHECK_EQ(MsgReply(rcvid, i, buffer, sizes[i]), 0);
    }
    qnx_join(client);
    free(buffer);
}

static void send_hundred(int coid, void *argument)
{
    char out[100], in[40];
    (void)argument;
    qnx_fill(out, sizeof out, 3);
    memset(in, 0xee, sizeof in);
    CHECK_EQ(MsgSend(coid, out, sizeof out, in, 30), 0);
    qnx_check_filled(in, 30, 9);
    for (unsigned i = 30; i < 40; i++) CHECK_EQ((unsigned char)in[i], 0xee);
    memset(in, 0xee, sizeof in);
    CHECK_EQ(MsgSend(coid, out, sizeof out, in, 30), 1);
    qnx_check_filled(in, 10, 9);
    for (unsigned i = 10; i < 40; i++) CHECK_EQ((unsigned char)in[i], 0xee);
}

QNX_CASE(the_smaller_side_decides_how_much_is_copied)
{
    char buffer[200];
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_hundred, NULL);

    memset(buffer, 0xee, sizeof buffer);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, 24, &info));
    qnx_check_filled(buffer, 24, 3);
    CHECK_EQ((unsigned char)buffer[24], 0xee);
    CHECK_EQ(info.msglen, 24);
    CHECK_EQ(info.srcmsglen, 100);
    CHECK_EQ(info.dstmsglen, 30);
    qnx_fill(buffer, 200, 9);
    CHECK_EQ(MsgReply(rcvid, 0, buffer, 200), 0); /* more than there is room for: dropped silently */

    memset(buffer, 0xee, sizeof buffer);
    rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizeof buffer, &info));
    qnx_check_filled(buffer, 100, 3);
    CHECK_EQ((unsigned char)buffer[100], 0xee);
    CHECK_EQ(info.msglen, 100);
    qnx_fill(buffer, 10, 9);
    CHECK_EQ(MsgReply(rcvid, 1, buffer, 10), 0);
    qnx_join(client);
}

static void cut(iov_t *parts, unsigned count, char *memory, size_t size)
{
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t length = i + 1 == count ? size - at : (size - at) * (i % 3) / 5;
        SETIOV(&parts[i], memory + at, length);
        at += length;
    }
}

static void send_parts(int coid, void *argument)
{
    char out[1000], in[1000];
    iov_t send[7], reply[5];
    (void)argument;
    for (unsigned form = 0; form < 8; form++) {
        qnx_fill(out, sizeof out, form);
        memset(in, 0, sizeof in);
        cut(send, 7, out, sizeof out);
        cut(reply, 5, in, sizeof in);
        long status = -1;
        switch (form) {
        case 0: status = MsgSendv(coid, send, 7, reply, 5); break;
        case 1: status = MsgSendsv(coid, out, sizeof out, reply, 5); break;
        case 2: status = MsgSendvs(coid, send, 7, in, sizeof in); break;
        case 3: status = MsgSendnc(coid, out, sizeof out, in, sizeof in); break;
        case 4: status = MsgSendvnc(coid, send, 7, reply, 5); break;
        case 5: status = MsgSendsvnc(coid, out, sizeof out, reply, 5); break;
        case 6: status = MsgSendvsnc(coid, send, 7, in, sizeof in); break;
        case 7: status = MsgSendv_r(coid, send, 7, reply, 5); break;
        }
        CHECK_EQ(status, (long)form);
        qnx_check_filled(in, sizeof in, form + 50);
    }
}

QNX_CASE(part_boundaries_of_both_sides_are_independent)
{
    char buffer[1000];
    iov_t parts[11];
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_parts, NULL);
    for (unsigned form = 0; form < 8; form++) {
        memset(buffer, 0, sizeof buffer);
        cut(parts, 11, buffer, sizeof buffer);
        rcvid_t rcvid = CHECK_SYS(MsgReceivev(chid, parts, 11, NULL));
        qnx_check_filled(buffer, sizeof buffer, form);
        qnx_fill(buffer, sizeof buffer, form + 50);
        CHECK_EQ(MsgReplyv(rcvid, form, parts, 11), 0);
    }
    qnx_join(client);
}

#define MANY 65536u

static void send_many_parts(int coid, void *argument)
{
    char *out = malloc(3 * MANY), *in = malloc(3 * MANY);
    iov_t *send = malloc(MANY * sizeof *send), *reply = malloc(MANY * sizeof *reply);
    (void)argument;
    qnx_fill(out, 3 * MANY, 1);
    for (unsigned i = 0; i < MANY; i++) {
        SETIOV(&send[i], out + 3 * i, 3);
        SETIOV(&reply[i], in + 3 * i, 3);
    }
    CHECK_EQ(MsgSendv(coid, send, MANY, reply, MANY), 12);
    qnx_check_filled(in, 3 * MANY, 2);
}

QNX_CASE(lists_may_have_65536_parts)
{
    char *buffer = malloc(3 * MANY);
    iov_t *parts = malloc(MANY * sizeof *parts);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_many_parts, NULL);
    for (unsigned i = 0; i < MANY; i++) SETIOV(&parts[i], buffer + 3 * i, 3);
    rcvid_t rcvid = CHECK_SYS(MsgReceivev(chid, parts, MANY, NULL));
    qnx_check_filled(buffer, 3 * MANY, 1);
    qnx_fill(buffer, 3 * MANY, 2);
    CHECK_EQ(MsgReplyv(rcvid, 12, parts, MANY), 0);
    qnx_join(client);
}

static void send_overflow(int coid, void *argument)
{
    char byte = 0;
    iov_t parts[2];
    (void)argument;
    SETIOV(&parts[0], &byte, SIZE_MAX / 2 + 1);
    SETIOV(&parts[1], &byte, SIZE_MAX / 2 + 1);
    CHECK_ERRNO(MsgSendv(coid, parts, 2, NULL, 0), EOVERFLOW);
    CHECK_ERRNO(MsgSendv(coid, NULL, 0, parts, 2), EOVERFLOW);
    CHECK_EQ(MsgSendv_r(coid, parts, 2, NULL, 0), -EOVERFLOW);
    /* The connection is as good as before. */
    CHECK_EQ(MsgSend(coid, &byte, 1, &byte, 1), 5);
}

QNX_CASE(lengths_that_overflow_are_told)
{
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_overflow, NULL);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 5, &byte, 1), 0);
    qnx_join(client);
}

CASE(send_on_what_is_no_connection)
{
    char byte = 0;
    int none[] = {-1, 0, 3, 77, 16384, 1 << 29, _NTO_SIDE_CHANNEL, _NTO_SIDE_CHANNEL + 5, _NTO_SIDE_CHANNEL + 16384,
        INT32_MAX, INT32_MIN};
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        CHECK_ERRNO(MsgSend(none[i], &byte, 1, NULL, 0), EBADF);
        errno = 4321;
        CHECK_EQ(MsgSend_r(none[i], &byte, 1, NULL, 0), -EBADF);
        CHECK_EQ(MsgSendnc_r(none[i], &byte, 1, NULL, 0), -EBADF);
        CHECK_EQ(MsgSendPulse_r(none[i], -1, 1, 1), -EBADF);
        CHECK_EQ(errno, 4321);
    }
}

static void send_rounds(int coid, void *argument)
{
    unsigned rounds = *(unsigned *)argument;
    for (unsigned i = 0; i < rounds; i++) {
        unsigned answer = 0;
        CHECK_EQ(MsgSend(coid, &i, sizeof i, &answer, sizeof answer), 0);
        CHECK_EQ(answer, i + 1);
    }
}

QNX_CASE(a_hundred_thousand_round_trips)
{
    static unsigned rounds = 100000;
    static bool seen[1 << 19];
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_rounds, &rounds);
    for (unsigned i = 0; i < rounds; i++) {
        unsigned number;
        rcvid_t rcvid = qnx_receive(chid, &number, sizeof number);
        CHECK_EQ(number, i);
        CHECK(!seen[rcvid & 0x7ffff]); /* no number comes back before all have been used */
        seen[rcvid & 0x7ffff] = true;
        number++;
        CHECK_EQ(MsgReply(rcvid, 0, &number, sizeof number), 0);
    }
    qnx_join(client);
}

static void send_once_each(int coid, void *argument)
{
    _Atomic unsigned *done = argument;
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
    qnx_count(done);
}

QNX_CASE(twenty_clients_one_after_another_and_at_once)
{
    struct qnx_client *clients[20];
    _Atomic unsigned *done = qnx_share(sizeof *done);
    rcvid_t rcvids[20];
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0));
    for (unsigned i = 0; i < 20; i++) clients[i] = qnx_start(threads, chid, send_once_each, done);
    for (unsigned i = 0; i < 20; i++) {
        rcvids[i] = qnx_receive(chid, &byte, 1);
        for (unsigned k = 0; k < i; k++) CHECK_NE(rcvids[k], rcvids[i]);
    }
    CHECK_EQ(atomic_load(done), 0);
    for (unsigned i = 0; i < 20; i++) CHECK_EQ(MsgReply(rcvids[(i * 7 + 3) % 20], 0, NULL, 0), 0); /* any order */
    for (unsigned i = 0; i < 20; i++) qnx_join(clients[i]);
    CHECK_EQ(atomic_load(done), 20);
}
