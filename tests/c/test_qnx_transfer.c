/* QNX, MsgRead and MsgWrite while the client is REPLY-blocked, and MsgInfo. */
#include "qnx_support.h"

#include <limits.h>

#define BIG (300u * 1024u + 77u)

struct sizes {
    size_t send, room;
    long status;
};

static void send_of_sizes(int coid, void *argument)
{
    struct sizes *sizes = argument;
    char *out = malloc(sizes->send + 1), *in = malloc(sizes->room + 1);
    qnx_fill(out, sizes->send, 5);
    memset(in, 0, sizes->room + 1);
    sizes->status = MsgSend_r(coid, out, sizes->send, in, sizes->room);
    if (sizes->status == 1) qnx_check_filled(in, sizes->room, 9);
    qnx_check_filled(out, sizes->send, 5);
}

static void read_and_write(bool threads, size_t size)
{
    struct sizes *sizes = qnx_share(4096);
    char *buffer = malloc(size + 100), head[16];
    *sizes = (struct sizes){size, size, 0};
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_of_sizes, sizes);
    rcvid_t rcvid = qnx_receive(chid, head, sizeof head);
    qnx_check_filled(head, sizeof head, 5);

    /* Any offset, any order, again and again; clipped; 0 past the end. */
    CHECK_EQ(MsgRead(rcvid, buffer, size, 0), (ssize_t)size);
    qnx_check_filled(buffer, size, 5);
    memset(buffer, 0, size);
    CHECK_EQ(MsgRead(rcvid, buffer + size - 40, 100, size - 40), 40);
    CHECK_EQ(MsgRead(rcvid, buffer, size - 40, 0), (ssize_t)size - 40);
    qnx_check_filled(buffer, size, 5);
    CHECK_EQ(MsgRead(rcvid, buffer, 100, size), 0);
    CHECK_EQ(MsgRead(rcvid, buffer, 100, size + 1), 0);
    CHECK_EQ(MsgRead(rcvid, buffer, 100, SIZE_MAX), 0);
    CHECK_EQ(MsgRead(rcvid, buffer, 0, 0), 0);
    CHECK_EQ(MsgRead(rcvid, buffer, SSIZE_MAX, size - 1), 1);

    iov_t parts[3];
    memset(buffer, 0, size);
    SETIOV(&parts[0], buffer + 3, 5);
    SETIOV(&parts[1], buffer + 8, 0);
    SETIOV(&parts[2], buffer + 8, size - 8);
    CHECK_EQ(MsgReadv(rcvid, parts, 3, 3), (ssize_t)size - 3);
    CHECK_EQ(MsgReadv(rcvid, parts, 0, 0), 0);
    CHECK_EQ(MsgRead(rcvid, buffer, 3, 0), 3);
    qnx_check_filled(buffer, size, 5);

    qnx_fill(buffer, size, 9);
    CHECK_EQ(MsgWrite(rcvid, buffer + size - 10, 10, size - 10), 10);
    CHECK_EQ(MsgWrite(rcvid, buffer + size - 10, 50, size - 10), 10);
    CHECK_EQ(MsgWrite(rcvid, buffer, 50, size), 0);
    CHECK_EQ(MsgWrite(rcvid, buffer, 50, SIZE_MAX - 3), 0);
    CHECK_EQ(MsgWrite(rcvid, buffer, 0, 0), 0);
    CHECK_EQ(MsgWritev(rcvid, parts, 3, 3), (ssize_t)size - 3);
    CHECK_EQ(MsgRead(rcvid, head, 16, 0), 16); /* still readable after a write */
    CHECK_EQ(MsgWrite(rcvid, buffer, 3, 0), 3);
    CHECK_EQ(MsgReply(rcvid, 1, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(sizes->status, 1);
    free(buffer);
}

QNX_CASE(small_messages_are_read_and_written_at_any_offset) { read_and_write(threads, 200); }
QNX_CASE(big_messages_are_read_and_written_at_any_offset) { read_and_write(threads, BIG); }

static void send_with_a_hole(int coid, void *argument)
{
    long *results = argument;
    char good[64], *bad = qnx_unmapped();
    iov_t out[3], in[3];
    qnx_fill(good, sizeof good, 5);
    SETIOV(&out[0], good, 32);
    SETIOV(&out[1], bad, 32);
    SETIOV(&out[2], good + 32, 32);
    SETIOV(&in[0], good, 32);
    SETIOV(&in[1], bad, 32);
    SETIOV(&in[2], good + 32, 32);
    results[0] = MsgSendv_r(coid, out, 3, in, 3);
}

QNX_CASE(faults_of_a_transfer_leave_the_client_blocked)
{
    char buffer[128];
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_with_a_hole, results);
    rcvid_t rcvid = qnx_receive(chid, buffer, 16);
    qnx_check_filled(buffer, 16, 5);
    CHECK_ERRNO(MsgRead(rcvid, buffer, 64, 0), EFAULT);
    CHECK_ERRNO(MsgRead(rcvid, buffer, 4, 40), EFAULT);
    CHECK_EQ(MsgRead(rcvid, buffer, 32, 0), 32);
    CHECK_ERRNO(MsgRead(rcvid, qnx_unmapped(), 8, 0), ESRVRFAULT);
    CHECK_ERRNO(MsgReadv(rcvid, qnx_unmapped(), 2, 0), ESRVRFAULT);
    CHECK_ERRNO(MsgWrite(rcvid, qnx_unmapped(), 8, 0), ESRVRFAULT);
    CHECK_EQ(MsgWritev_r(rcvid, qnx_unmapped(), 2, 0), -ESRVRFAULT);
    CHECK_EQ(MsgRead(rcvid, buffer, 8, 0), 8);
    CHECK_EQ(MsgReply(rcvid, 17, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(results[0], 17);
}

QNX_CASE(offsets_that_add_up_too_far)
{
    char byte;
    iov_t parts[2];
    struct sizes *sizes = qnx_share(4096);
    *sizes = (struct sizes){10, 10, 0};
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_of_sizes, sizes);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    SETIOV(&parts[0], &byte, SIZE_MAX / 2 + 1);
    SETIOV(&parts[1], &byte, SIZE_MAX / 2 + 1);
    CHECK_EQ(MsgReadv_r(rcvid, parts, 2, 0), -EOVERFLOW);
    CHECK_EQ(MsgWritev_r(rcvid, parts, 2, 0), -EOVERFLOW);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}

struct told {
    pid_t pid;
    int tid, coid, scoid;
};

static void send_twice(int coid, void *argument)
{
    struct told *told = argument;
    struct _msg_info server;
    char in[33];
    told->pid = getpid();
    told->tid = gettid();
    told->coid = coid;
    CHECK_EQ(ConnectServerInfo(0, coid, &server), coid);
    told->scoid = server.scoid;
    CHECK_EQ(MsgSend(coid, "abcde", 5, in, 33), 0);
    CHECK_EQ(MsgSend(coid, "abcde", 5, in, 33), 0);
}

QNX_CASE(info_tells_the_truth)
{
    char buffer[3];
    struct _msg_info info, again;
    struct told *told = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_twice, told);
    rcvid_t first = CHECK_SYS(MsgReceive(chid, buffer, 3, &info));
    CHECK_EQ(info.nd, ND_LOCAL_NODE);
    CHECK_EQ(info.srcnd, ND_LOCAL_NODE);
    CHECK_EQ(info.pid, qnx_pid(client));
    CHECK_EQ(info.pid, told->pid);
    CHECK_EQ(info.tid, told->tid);
    CHECK_GE(info.tid, 1);
    CHECK_EQ(info.chid, chid);
    CHECK_EQ(info.coid, told->coid);
    CHECK_EQ(info.scoid, told->scoid);
    CHECK_EQ(info.msglen, 3);
    CHECK_EQ(info.srcmsglen, 5);
    CHECK_EQ(info.dstmsglen, 33);
    CHECK_EQ(info.priority, 10);
    CHECK_EQ(info.flags, 0);
    memset(&again, 0xff, sizeof again);
    CHECK_EQ(MsgInfo(first, &again), 0);
    CHECK_MEM_EQ(&again, &info, sizeof info);
    CHECK_EQ(MsgCurrent(first), 0);
    CHECK_EQ(MsgReply(first, 0, NULL, 0), 0);
    CHECK_ERRNO(MsgInfo(first, &again), ESRCH);
    rcvid_t second = CHECK_SYS(MsgReceive(chid, buffer, 3, &again));
    CHECK_NE(first, second);
    CHECK_EQ(again.scoid, info.scoid);
    CHECK_ERRNO(MsgInfo(first, &again), ESRCH);
    CHECK_EQ(MsgReply(second, 0, NULL, 0), 0);
    qnx_join(client);
}
