/*
 * Safety: what ends stays ended. After ChannelDestroy has returned no send and no pulse of anybody may look like one that was under way: the
 * errno matrix gives EBADF to later calls and ESRCH to those that were blocked.
 */
#include "qnx_support.h"

#include <pthread.h>
#include <sched.h>

#define ROUNDS check_rounds(2000, 20000)

static void *serve(void *argument)
{
    int chid = *(int *)argument;
    char byte;
    rcvid_t rcvid;
    while ((rcvid = MsgReceive_r(chid, &byte, 1, NULL)) != -ESRCH)
        if (rcvid > 0) CHECK_EQ(MsgReply_r(rcvid, 7, NULL, 0), 0);
    return NULL;
}

static void *send_first(void *argument)
{
    return (void *)MsgSend_r(*(int *)argument, "x", 1, NULL, 0);
}

CASE_LIMIT(a_send_after_channeldestroy_gives_ebadf, 30)
{
    static char big[100000];
    for (unsigned i = 0; i < ROUNDS; i++) {
        pthread_t server, stranger;
        void *result;
        int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
        bool used = i % 4 != 0; /* else the first send is the one that comes too late */
        if (used) {
            CHECK_EQ(pthread_create(&server, NULL, serve, &chid), 0);
            CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), 7);
            CHECK_EQ(ChannelDestroy(chid), 0);
        } else CHECK_EQ(ChannelDestroy(chid), 0);
        switch (i / 4 % 4) {
        case 0: CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), -EBADF); break;
        case 1: CHECK_EQ(MsgSendPulse_r(coid, 10, 1, 1), -EBADF); break;
        case 2: CHECK_EQ(MsgSend_r(coid, big, sizeof big, big, sizeof big), -EBADF); break;
        default: /* of a thread that has never sent there */
            CHECK_EQ(pthread_create(&stranger, NULL, send_first, &coid), 0);
            CHECK_EQ(pthread_join(stranger, &result), 0);
            CHECK_EQ((long)result, -EBADF);
        }
        CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), -EBADF);
        CHECK_EQ(ConnectDetach(coid), 0);
        if (used) CHECK_EQ(pthread_join(server, NULL), 0);
    }
}

/* A client in another process that learns by other ways that the channel is gone. */
struct told {
    _Atomic unsigned gone, tried;
    _Atomic int chid;
    pid_t server;
};

static void send_when_told(void *argument)
{
    struct told *told = argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        while (atomic_load(&told->gone) != 2 * i + 1) sched_yield();
        int coid = CHECK_SYS(ConnectAttach(0, told->server, atomic_load(&told->chid), _NTO_SIDE_CHANNEL, 0));
        CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), 7);
        atomic_store(&told->tried, 2 * i + 1);
        while (atomic_load(&told->gone) != 2 * i + 2) sched_yield();
        if (i % 2) CHECK_EQ(MsgSendPulse_r(coid, 10, 1, 1), -EBADF);
        CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), -EBADF);
        CHECK_EQ(ConnectDetach(coid), 0);
        atomic_store(&told->tried, 2 * i + 2);
    }
}

CASE_LIMIT(another_process_too_learns_at_once, 30)
{
    struct told *told = qnx_share(4096);
    char byte;
    told->server = getpid();
    pid_t client = check_fork(send_when_told, told);
    for (unsigned i = 0; i < ROUNDS; i++) {
        int chid = CHECK_SYS(ChannelCreate(0));
        atomic_store(&told->chid, chid);
        atomic_store(&told->gone, 2 * i + 1);
        CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 7, NULL, 0), 0);
        while (atomic_load(&told->tried) != 2 * i + 1) sched_yield();
        CHECK_EQ(ChannelDestroy(chid), 0);
        atomic_store(&told->gone, 2 * i + 2);
        while (atomic_load(&told->tried) != 2 * i + 2) sched_yield();
    }
    check_join(client);
}
