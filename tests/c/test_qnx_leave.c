/* QNX: clients that leave: how soon it is seen, the default grace, what must be over before DISCONNECT comes, exec. */
#include "qnx_support.h"

#include <pthread.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define SOON 50 /* ms */

struct shared {
    _Atomic unsigned step;
    int coid;
    long result;
};

static void send_once(int coid, void *argument)
{
    (void)argument;
    MsgSend_r(coid, "x", 1, NULL, 0);
}

static void kill_client(struct qnx_client *client)
{
    CHECK_SYS(kill(qnx_pid(client), SIGKILL));
    CHECK_SYS(waitpid(qnx_pid(client), NULL, 0));
}

/* The median of several: one may be late on a loaded machine. */
CASE(a_killed_client_is_seen_soon)
{
    char byte;
    struct _msg_info info;
    int late = 0, chid = CHECK_SYS(ChannelCreate(0));
    for (unsigned i = 0; i < 7; i++) {
        struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
        rcvid_t rcvid = qnx_receive(chid, &byte, 1);
        qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
        int64_t start = qnx_now_ms();
        CHECK_SYS(kill(qnx_pid(client), SIGKILL));
        while (MsgInfo_r(rcvid, &info) == 0 && qnx_now_ms() - start < 2000) sched_yield();
        if (qnx_now_ms() - start > SOON) late++;
        CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
        CHECK_SYS(waitpid(qnx_pid(client), NULL, 0));
    }
    CHECK_LE(late, 3);
}

CASE(the_grace_is_one_second_unless_it_is_set)
{
    char byte;
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK | _NTO_CHF_DISCONNECT));
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    int64_t start = qnx_now_ms();
    kill_client(client);
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_UNBLOCK);
    CHECK_EQ(MsgInfo(rcvid, &info), 0);
    CHECK_EQ(info.flags & _NTO_MI_UNBLOCK_REQ, _NTO_MI_UNBLOCK_REQ);
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_DISCONNECT);
    CHECK_GE(qnx_now_ms() - start, 900);
    CHECK_LE(qnx_now_ms() - start, 2000);
    CHECK_ERRNO(MsgInfo(rcvid, &info), ESRCH);

    CHECK_EQ(tpy_channel_grace(chid, 0), 0); /* none: gone at once */
    client = qnx_start(false, chid, send_once, NULL);
    rcvid = qnx_receive(chid, &byte, 1);
    start = qnx_now_ms();
    kill_client(client);
    while (MsgInfo_r(rcvid, &info) == 0) CHECK_LE(qnx_now_ms() - start, 800);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
}

static void *send_on(void *argument)
{
    struct shared *shared = argument;
    shared->result = MsgSend_r(shared->coid, "x", 1, NULL, 0);
    return NULL;
}

/* One connection is detached under a message of its own; another message still waits on the second. */
static void leave_in_two_steps(int coid, void *argument)
{
    struct shared *shared = argument;
    struct _msg_info info;
    pthread_t thread;
    CHECK_EQ(ConnectServerInfo(0, coid, &info), coid);
    shared->coid = CHECK_SYS(ConnectAttach(0, info.pid, info.chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(pthread_create(&thread, NULL, send_on, shared), 0);
    qnx_await(&shared->step, 1);
    CHECK_EQ(ConnectDetach(coid), 0);
    qnx_count(&shared->step);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(shared->result, 4);
    CHECK_EQ(ConnectDetach(shared->coid), 0);
}

QNX_CASE(disconnect_comes_when_the_last_connection_and_message_are_gone)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    struct _msg_info info;
    struct _client_info who;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    struct qnx_client *client = qnx_start(threads, chid, leave_in_two_steps, shared);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, &info));
    CHECK_GT(rcvid, 0);
    qnx_count(&shared->step);
    qnx_await(&shared->step, 2);
    qnx_check_empty(chid); /* one connection is gone, the client is not */
    CHECK_EQ(ConnectClientInfo(info.scoid, &who, 0), 0);
    CHECK_EQ(MsgReply(rcvid, 4, NULL, 0), 0);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
    CHECK_EQ(pulse.scoid, info.scoid);
    CHECK_ERRNO(ConnectClientInfo(info.scoid, &who, 0), EINVAL);
    CHECK_EQ(ConnectDetach(pulse.scoid), 0);
    qnx_check_empty(chid);
    qnx_join(client);
}

/* Whether the pulse has come is seen without taking any: the scoid of the client is told no more. */
CASE(disconnect_goes_to_the_head_of_its_priority_and_not_further)
{
    static const int codes[] = {11, _PULSE_CODE_DISCONNECT, 10, 9};
    char byte;
    struct _msg_info info;
    struct _client_info who;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, &info));
    for (int priority = 9; priority <= 11; priority++) CHECK_EQ(MsgSendPulse(coid, priority, priority, 0), 0);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
    while (ConnectClientInfo_r(info.scoid, &who, 0) == 0) sched_yield();
    for (int i = 0; i < 4; i++) CHECK_EQ(qnx_receive_pulse(chid).code, codes[i]);
}

static void become_another_program(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 3);
    execl("/bin/sleep", "sleep", "60", NULL);
    _exit(8);
}

CASE(exec_ends_all_connections_and_leaves_nothing_open)
{
    char byte;
    int status;
    bool inherited[64]; /* from who started us */
    for (int fd = 0; fd < 64; fd++) inherited[fd] = fcntl(fd, F_GETFD) >= 0;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    struct qnx_client *client = qnx_start(false, chid, become_another_program, NULL);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 3, NULL, 0), 0);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
    CHECK_EQ(ConnectDetach(pulse.scoid), 0);
    CHECK_EQ(waitpid(qnx_pid(client), &status, WNOHANG), 0); /* the process lives on, and has nothing of ours */
    char path[64], target[256];
    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)qnx_pid(client), fd);
        ssize_t size = readlink(path, target, sizeof target - 1);
        target[size < 0 ? 0 : size] = 0;
        CHECK(inherited[fd] || (strstr(target, "tetrapylon") == NULL && strncmp(target, "socket:", 7) != 0));
    }
    kill_client(client);
}

CASE(a_stopped_process_can_be_looked_at)
{
    char byte;
    struct tpy_thread_state states[4];
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    CHECK_SYS(kill(qnx_pid(client), SIGSTOP));
    CHECK_SYS(waitpid(qnx_pid(client), NULL, WUNTRACED));
    CHECK_EQ(tpy_threads_of(qnx_pid(client), states, 4), 1); /* it need not do anything for it */
    CHECK_EQ(states[0].state, TPY_STATE_REPLY);
    CHECK_EQ(states[0].partner, getpid());
    CHECK_EQ(states[0].port, chid);
    CHECK_SYS(kill(qnx_pid(client), SIGCONT));
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}
