/* QNX: a child after fork begins anew, in every state of its parent, and the parent does not notice. */
#include "qnx_support.h"

#include <pthread.h>
#include <sys/wait.h>

struct parent {
    int chid, coid;
    rcvid_t rcvid;
    pid_t pid;
};

static void check_nothing_is_inherited(void *argument)
{
    const struct parent *parent = argument;
    char byte;
    struct _msg_info info;
    CHECK_ERRNO(MsgSend(parent->coid, "x", 1, NULL, 0), EBADF);
    CHECK_ERRNO(MsgSendPulse(parent->coid, -1, 1, 1), EBADF);
    CHECK_ERRNO(MsgReceive(parent->chid, &byte, 1, NULL), ESRCH);
    CHECK_ERRNO(ChannelDestroy(parent->chid), EINVAL);
    CHECK_ERRNO(ConnectDetach(parent->coid), EINVAL);
    if (parent->rcvid) {
        CHECK_ERRNO(MsgReply(parent->rcvid, 0, NULL, 0), ESRCH);
        CHECK_ERRNO(MsgRead(parent->rcvid, &byte, 1, 0), ESRCH);
        CHECK_ERRNO(MsgWrite(parent->rcvid, &byte, 1, 0), ESRCH);
        CHECK_ERRNO(MsgError(parent->rcvid, EIO), ESRCH);
        CHECK_ERRNO(MsgInfo(parent->rcvid, &info), ESRCH);
    }
    /* But it can do all of it on its own: a channel, a connection to itself and one to its parent. */
    int chid = CHECK_SYS(ChannelCreate(0)), own = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSendPulse(own, 10, 3, 4), 0);
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 4);
    int up = CHECK_SYS(ConnectAttach(0, parent->pid, parent->chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSend(up, "c", 1, NULL, 0), 71);
}

static void serve_child(int chid, pid_t child)
{
    char byte;
    struct _msg_info info;
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, &info));
    CHECK_EQ(info.pid, child); /* its own pid, not its parent's */
    CHECK_EQ(byte, 'c');
    CHECK_EQ(MsgReply(rcvid, 71, NULL, 0), 0);
}

static void send_patiently(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(MsgSend(coid, "p", 1, NULL, 0), 19);
}

QNX_CASE(fork_with_a_client_reply_blocked)
{
    char byte;
    struct parent parent = {.chid = CHECK_SYS(ChannelCreate(0)), .pid = getpid()};
    parent.coid = CHECK_SYS(ConnectAttach(0, 0, parent.chid, _NTO_SIDE_CHANNEL, 0));
    struct qnx_client *client = qnx_start(threads, parent.chid, send_patiently, NULL);
    parent.rcvid = qnx_receive(parent.chid, &byte, 1);
    pid_t child = check_fork(check_nothing_is_inherited, &parent);
    serve_child(parent.chid, child);
    check_join(child);
    CHECK_EQ(MsgReply(parent.rcvid, 19, NULL, 0), 0);
    qnx_join(client);
}

QNX_CASE(fork_with_a_client_send_blocked)
{
    char byte;
    struct parent parent = {.chid = CHECK_SYS(ChannelCreate(0)), .pid = getpid()};
    parent.coid = CHECK_SYS(ConnectAttach(0, 0, parent.chid, _NTO_SIDE_CHANNEL, 0));
    struct qnx_client *client = qnx_start(threads, parent.chid, send_patiently, NULL);
    qnx_await_senders(qnx_pid(client), getpid(), parent.chid, 1);
    pid_t child = check_fork(check_nothing_is_inherited, &parent);
    CHECK_EQ(MsgReply(qnx_receive(parent.chid, &byte, 1), 19, NULL, 0), 0);
    CHECK_EQ(byte, 'p');
    serve_child(parent.chid, child);
    check_join(child);
    qnx_join(client);
}

static void *receive_one(void *argument)
{
    struct parent *parent = argument;
    char byte;
    CHECK_EQ(MsgReply(qnx_receive(parent->chid, &byte, 1), 71, NULL, 0), 0);
    return NULL;
}

CASE(fork_while_a_thread_receives)
{
    pthread_t thread;
    struct parent parent = {.chid = CHECK_SYS(ChannelCreate(0)), .pid = getpid()};
    parent.coid = CHECK_SYS(ConnectAttach(0, 0, parent.chid, 0, 0));
    CHECK_EQ(pthread_create(&thread, NULL, receive_one, &parent), 0);
    qnx_await_receivers(getpid(), parent.chid, 1);
    check_join(check_fork(check_nothing_is_inherited, &parent));
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void exit_at_once(void *argument) { (void)argument; }

CASE(a_child_that_does_nothing_ends_nothing)
{
    char byte;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    int coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    struct qnx_client *client = qnx_start(false, chid, send_patiently, NULL);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    for (unsigned i = 0; i < 10; i++) check_join(check_fork(exit_at_once, NULL));
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 1), 0);
    CHECK_EQ(qnx_receive_pulse(chid).code, 1); /* and no DISCONNECT */
    CHECK_EQ(MsgReply(rcvid, 19, NULL, 0), 0);
    qnx_join(client);
}

struct shared {
    _Atomic unsigned step;
    pid_t grandchild;
};

static void stay(void *argument)
{
    (void)argument;
    for (;;) pause();
}

static void leave_a_child_behind(int coid, void *argument)
{
    struct shared *shared = argument;
    (void)coid;
    CHECK_EQ(MsgSend(coid, "p", 1, NULL, 0), 19);
    /* The child keeps copies of all our descriptors. */
    pid_t child = fork();
    if (child == 0) stay(NULL);
    shared->grandchild = child;
    qnx_count(&shared->step);
    MsgSend_r(coid, "q", 1, NULL, 0);
}

CASE(a_dead_client_whose_child_lives_is_dead)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    struct qnx_client *client = qnx_start(false, chid, leave_a_child_behind, shared);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 19, NULL, 0), 0);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_SYS(kill(qnx_pid(client), SIGKILL));
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_DISCONNECT);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
    CHECK_SYS(kill(shared->grandchild, SIGKILL));
}

static void fork_in_a_client(int coid, void *argument)
{
    (void)argument;
    struct parent parent = {.coid = coid, .chid = 1};
    pid_t child = fork();
    if (child == 0) {
        long result = MsgSend_r(parent.coid, "x", 1, NULL, 0);
        _exit(result == -EBADF ? 0 : 1);
    }
    check_join(child);
    CHECK_EQ(MsgSend(coid, "p", 1, NULL, 0), 19);
}

CASE(the_connections_of_a_client_stay_its_own)
{
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, fork_in_a_client, NULL);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 19, NULL, 0), 0);
    CHECK_EQ(byte, 'p');
    qnx_join(client);
}

static void create_of_each_kind(void *argument)
{
    (void)argument;
    struct sigevent event;
    timer_t timer;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_THREAD_DEATH | _NTO_CHF_COID_DISCONNECT));
    int coid = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    CHECK_EQ(coid, 3); /* numbers begin anew, too */
    SIGEV_PULSE_INIT(&event, coid, 10, 1, 44);
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_SYS(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 1000000}}, NULL));
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 44);
}

CASE(a_child_may_have_what_a_process_has_once)
{
    struct sigevent event;
    timer_t timer;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_THREAD_DEATH | _NTO_CHF_COID_DISCONNECT));
    int coid = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    SIGEV_PULSE_INIT(&event, coid, 10, 1, 43);
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
    check_join(check_fork(create_of_each_kind, NULL));
    CHECK_SYS(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 1000000}}, NULL));
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 43);
}
