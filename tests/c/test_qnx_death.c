/* QNX: the other side dies, destroys its channel or detaches, in every blocked state. */
#include "qnx_support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define SOON 50 /* ms in which death must be seen; the checks leave room for a loaded machine */
#define LATEST 1000

struct shared {
    _Atomic unsigned step, ended;
    int chid;
    pid_t pid;
    long result, next;
    int64_t when;
};

/* ---- The server goes; the client is a thread of the case ---- */

struct server {
    struct shared *shared;
    unsigned receives; /* messages it takes before it waits for its end */
};

static void serve(void *argument)
{
    struct server *server = argument;
    char byte;
    server->shared->chid = CHECK_SYS(ChannelCreate(0));
    server->shared->pid = getpid();
    qnx_count(&server->shared->step);
    for (unsigned i = 0; i < server->receives; i++) {
        qnx_receive(server->shared->chid, &byte, 1);
        qnx_count(&server->shared->step);
    }
    for (;;) pause();
}

static void *send_to_server(void *argument)
{
    struct shared *shared = argument;
    int coid = CHECK_SYS(ConnectAttach(0, shared->pid, shared->chid, _NTO_SIDE_CHANNEL, 0));
    shared->result = MsgSend_r(coid, "x", 1, NULL, 0);
    shared->when = qnx_now_ms();
    shared->next = MsgSend_r(coid, "x", 1, NULL, 0);
    CHECK_EQ(MsgSendPulse_r(coid, -1, 1, 1), -EBADF);
    CHECK_EQ(ConnectDetach(coid), 0);
    CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), -EBADF);
    return NULL;
}

static void server_dies(unsigned receives)
{
    struct shared *shared = qnx_share(4096);
    struct server server = {shared, receives};
    pthread_t client;
    pid_t pid = check_fork(serve, &server);
    qnx_await(&shared->step, 1);
    CHECK_EQ(pthread_create(&client, NULL, send_to_server, shared), 0);
    qnx_await(&shared->step, 1 + receives);
    qnx_await_senders(getpid(), pid, shared->chid, 1);
    int64_t start = qnx_now_ms();
    CHECK_SYS(kill(pid, SIGKILL));
    CHECK_EQ(pthread_join(client, NULL), 0);
    CHECK_EQ(shared->result, -ESRCH);
    CHECK_EQ(shared->next, -EBADF);
    CHECK_LE(shared->when - start, LATEST);
    CHECK_SYS(waitpid(pid, NULL, 0));
}

CASE(server_killed_while_send_blocked) { server_dies(0); }
CASE(server_killed_while_reply_blocked) { server_dies(1); }

CASE(death_of_a_server_is_seen_soon)
{
    /* The median of several: one may be late on a loaded machine. */
    int64_t late = 0;
    for (unsigned i = 0; i < 5; i++) {
        struct shared *shared = qnx_share(4096);
        struct server server = {shared, 1};
        pthread_t client;
        pid_t pid = check_fork(serve, &server);
        qnx_await(&shared->step, 1);
        CHECK_EQ(pthread_create(&client, NULL, send_to_server, shared), 0);
        qnx_await(&shared->step, 2);
        int64_t start = qnx_now_ms();
        CHECK_SYS(kill(pid, SIGKILL));
        CHECK_EQ(pthread_join(client, NULL), 0);
        if (shared->when - start > SOON) late++;
        CHECK_SYS(waitpid(pid, NULL, 0));
    }
    CHECK_LE(late, 2);
}

/* ---- The channel is destroyed ---- */

static void send_and_keep(int coid, void *argument)
{
    struct shared *shared = argument;
    shared->result = MsgSend_r(coid, "x", 1, NULL, 0);
    shared->next = MsgSend_r(coid, "x", 1, NULL, 0);
    qnx_count(&shared->ended);
}

QNX_CASE(channel_destroyed_while_send_blocked)
{
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_keep, shared);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    CHECK_EQ(ChannelDestroy(chid), 0);
    qnx_join(client);
    CHECK_EQ(shared->result, -ESRCH);
    CHECK_EQ(shared->next, -EBADF);
}

QNX_CASE(channel_destroyed_while_reply_blocked)
{
    char byte;
    struct _msg_info info;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_keep, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(ChannelDestroy(chid), 0);
    qnx_join(client);
    CHECK_EQ(shared->result, -ESRCH);
    CHECK_EQ(shared->next, -EBADF);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
    CHECK_ERRNO(MsgInfo(rcvid, &info), ESRCH);
}

static void *receive_until_destroyed(void *argument)
{
    struct shared *shared = argument;
    char byte;
    CHECK_EQ(MsgReceive_r(shared->chid, &byte, 1, NULL), -ESRCH);
    CHECK_EQ(MsgReceive_r(shared->chid, &byte, 1, NULL), -ESRCH);
    return NULL;
}

CASE(channel_destroyed_while_threads_receive)
{
    pthread_t receivers[3];
    struct shared shared = {.chid = CHECK_SYS(ChannelCreate(0))};
    for (unsigned i = 0; i < 3; i++) CHECK_EQ(pthread_create(&receivers[i], NULL, receive_until_destroyed, &shared), 0);
    qnx_await_receivers(getpid(), shared.chid, 3);
    CHECK_EQ(ChannelDestroy(shared.chid), 0);
    for (unsigned i = 0; i < 3; i++) CHECK_EQ(pthread_join(receivers[i], NULL), 0);
}

/* ---- A sibling detaches ---- */

struct sibling {
    int coid, chid;
    long result;
    _Atomic unsigned step;
};

static void *send_on(void *argument)
{
    struct sibling *sibling = argument;
    sibling->result = MsgSend_r(sibling->coid, "x", 1, NULL, 0);
    return NULL;
}

static void detach_under_a_sibling(int coid, void *argument)
{
    struct sibling *sibling = argument;
    pthread_t thread;
    sibling->coid = coid;
    CHECK_EQ(pthread_create(&thread, NULL, send_on, sibling), 0);
    qnx_await(&sibling->step, 1);
    CHECK_EQ(ConnectDetach(coid), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(sibling->result, -EBADF);
    CHECK_ERRNO(ConnectDetach(coid), EINVAL);
}

QNX_CASE(detach_under_a_send_blocked_sibling)
{
    struct sibling *sibling = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, detach_under_a_sibling, sibling);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    qnx_count(&sibling->step);
    qnx_join(client);
    qnx_check_empty(chid);
}

QNX_CASE(detach_under_a_reply_blocked_sibling)
{
    char byte;
    struct sibling *sibling = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, detach_under_a_sibling, sibling);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    qnx_count(&sibling->step);
    qnx_join(client);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
}

/* ---- The client goes ---- */

static void send_once(int coid, void *argument)
{
    (void)argument;
    MsgSend_r(coid, "x", 1, NULL, 0);
}

static void other_client_is_well(int chid)
{
    char byte;
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}

static void kill_client(struct qnx_client *client)
{
    int status;
    CHECK_SYS(kill(qnx_pid(client), SIGKILL));
    CHECK_SYS(waitpid(qnx_pid(client), &status, 0));
}

CASE(client_killed_while_send_blocked)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    kill_client(client);
    delay(SOON);
    qnx_check_empty(chid); /* its message left the queue */
    other_client_is_well(chid);
}

CASE(client_killed_while_reply_blocked)
{
    char byte;
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgInfo(rcvid, &info), 0);
    kill_client(client);
    int64_t start = qnx_now_ms();
    while (MsgInfo_r(rcvid, &info) == 0) CHECK_LE(qnx_now_ms() - start, LATEST);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
    CHECK_ERRNO(MsgRead(rcvid, &byte, 1, 0), ESRCH);
    CHECK_ERRNO(MsgError(rcvid, EIO), ESRCH);
    other_client_is_well(chid);
}

CASE(client_killed_on_an_unblock_channel_gives_the_pulse_first)
{
    char byte;
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK));
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    kill_client(client);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_UNBLOCK);
    CHECK_EQ(pulse.value.sival_int, rcvid);
    CHECK_EQ(MsgInfo(rcvid, &info), 0); /* the grace: it may still be looked at */
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
    CHECK_ERRNO(MsgInfo(rcvid, &info), ESRCH);
    other_client_is_well(chid);
}

CASE(the_grace_of_a_killed_client_ends_by_itself)
{
    char byte;
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK | _NTO_CHF_DISCONNECT));
    CHECK_EQ(tpy_channel_grace(chid, 100000000), 0);
    CHECK_EQ(tpy_channel_grace(chid, -1), -EINVAL);
    CHECK_EQ(tpy_channel_grace(chid, 1000000001), -EINVAL);
    CHECK_EQ(tpy_channel_grace(chid + 1, 1), -EINVAL);
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    kill_client(client);
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_UNBLOCK);
    int64_t start = qnx_now_ms();
    struct _pulse pulse = qnx_receive_pulse(chid); /* not before the last message is gone */
    CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
    CHECK_GE(qnx_now_ms() - start, 50);
    CHECK_LE(qnx_now_ms() - start, LATEST);
    CHECK_ERRNO(MsgInfo(rcvid, &info), ESRCH);
    CHECK_EQ(ConnectDetach(pulse.scoid), 0);
    CHECK_ERRNO(ConnectDetach(pulse.scoid), EINVAL);
}

/* ---- DISCONNECT and COIDDEATH ---- */

static void attach_twice_and_leave(int coid, void *argument)
{
    struct shared *shared = argument;
    struct _msg_info info, other;
    CHECK_EQ(ConnectServerInfo(0, coid, &info), coid);
    int second = CHECK_SYS(ConnectAttach(0, info.pid, info.chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_NE(second, coid);
    CHECK_EQ(ConnectServerInfo(0, second, &other), second);
    CHECK_EQ(other.scoid, info.scoid); /* two coids, one scoid */
    shared->result = info.scoid;
    CHECK_EQ(MsgSend(coid, "a", 1, NULL, 0), 0);
    CHECK_EQ(MsgSend(second, "b", 1, NULL, 0), 0);
    CHECK_EQ(ConnectDetach(coid), 0);
    CHECK_EQ(MsgSend(second, "c", 1, NULL, 0), 0);
    CHECK_EQ(ConnectDetach(second), 0);
    qnx_count(&shared->step);
    if (shared->chid) pause();
}

static void disconnects(bool threads, bool stay)
{
    struct shared *shared = qnx_share(4096);
    struct _msg_info info;
    char byte;
    shared->chid = stay;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT)), coid = -1;
    struct qnx_client *client = qnx_start(threads, chid, attach_twice_and_leave, shared);
    for (unsigned i = 0; i < 3; i++) {
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, &info));
        CHECK_GT(rcvid, 0);
        CHECK_EQ(byte, "abc"[i]);
        CHECK_EQ(info.scoid, shared->result);
        if (i == 1) CHECK_NE(info.coid, coid);
        coid = info.coid;
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    }
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
    CHECK_EQ(pulse.scoid, shared->result);
    CHECK_EQ(ConnectDetach(pulse.scoid), 0);
    CHECK_ERRNO(ConnectDetach(pulse.scoid), EINVAL);
    qnx_check_empty(chid); /* once */
    if (stay) kill_client(client);
    else qnx_join(client);
}

QNX_CASE(the_last_detach_gives_disconnect) { disconnects(threads, false); }
CASE(detach_gives_disconnect_while_the_process_lives) { disconnects(false, true); }

static void leave_unfinished(int coid, void *argument)
{
    struct shared *shared = argument;
    pthread_t thread;
    struct sibling *sibling = calloc(1, sizeof *sibling);
    sibling->coid = coid;
    shared->result = coid;
    CHECK_EQ(pthread_create(&thread, NULL, send_on, sibling), 0);
    qnx_await(&shared->step, 1);
    _exit(0);
}

CASE(exit_of_a_client_gives_disconnect_at_the_head_of_its_priority)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    int coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    struct qnx_client *client = qnx_start(false, chid, leave_unfinished, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 1), 0);
    qnx_count(&shared->step);
    qnx_join(client);
    struct _msg_info info;
    while (MsgInfo_r(rcvid, &info) == 0) sched_yield();
    delay(20);
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_DISCONNECT);
    CHECK_EQ(qnx_receive_pulse(chid).code, 1);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
}

CASE(a_channel_without_disconnect_tells_nothing)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    other_client_is_well(chid);
    delay(20);
    qnx_check_empty(chid);
}

CASE(death_of_a_server_gives_coiddeath)
{
    struct shared *shared = qnx_share(4096);
    struct server server = {shared, 0};
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_COID_DISCONNECT));
    pid_t pid = check_fork(serve, &server);
    qnx_await(&shared->step, 1);
    int coid = CHECK_SYS(ConnectAttach(0, pid, shared->chid, _NTO_SIDE_CHANNEL, 0));
    int other = CHECK_SYS(ConnectAttach(0, pid, shared->chid, 0, 0));
    int detached = CHECK_SYS(ConnectAttach(0, pid, shared->chid, 0, 0));
    CHECK_EQ(ConnectDetach(detached), 0);
    CHECK_SYS(kill(pid, SIGKILL));
    struct _pulse first = qnx_receive_pulse(chid), second = qnx_receive_pulse(chid);
    CHECK_EQ(first.code, _PULSE_CODE_COIDDEATH);
    CHECK_EQ(second.code, _PULSE_CODE_COIDDEATH);
    CHECK_EQ(first.scoid, -1);
    CHECK((first.value.sival_int == coid && second.value.sival_int == other) ||
        (first.value.sival_int == other && second.value.sival_int == coid));
    CHECK_EQ(first.value.sival_long, first.value.sival_int);
    qnx_check_empty(chid); /* none for what was detached before */
    CHECK_ERRNO(MsgSend(coid, "x", 1, NULL, 0), EBADF);
    CHECK_EQ(CHECK_SYS(ConnectFlags(0, coid, 0, 0)) & _NTO_COF_DEAD, _NTO_COF_DEAD);
    CHECK_EQ(ConnectDetach(coid), 0);
    CHECK_EQ(ConnectDetach(other), 0);
    CHECK_SYS(waitpid(pid, NULL, 0));
}

CASE(channeldestroy_gives_coiddeath_too)
{
    int watch = CHECK_SYS(ChannelCreate(_NTO_CHF_COID_DISCONNECT)), chid = CHECK_SYS(ChannelCreate(0));
    int coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(ChannelDestroy(chid), 0);
    struct _pulse pulse = qnx_receive_pulse(watch);
    CHECK_EQ(pulse.code, _PULSE_CODE_COIDDEATH);
    CHECK_EQ(pulse.value.sival_int, coid);
    CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), -EBADF);
}

/* ---- Threads ---- */

static void *nothing(void *argument) { return argument; }
static void *tell_number(void *argument)
{
    *(int *)argument = gettid();
    return NULL;
}

CASE(death_of_a_thread_gives_threaddeath)
{
    int number = 0;
    pthread_t thread;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_THREAD_DEATH));
    CHECK_EQ(pthread_create(&thread, NULL, tell_number, &number), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_THREADDEATH);
    CHECK_EQ(pulse.value.sival_int, number);
    CHECK_EQ(pulse.scoid, -1);
    /* Also of a thread that never used message passing, and without a place for its id. */
    CHECK_EQ(pthread_create(NULL, NULL, nothing, NULL), 0);
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_THREADDEATH);
}

/* ---- Random moments ---- */

static void send_for_ever(int coid, void *argument)
{
    char out[3000], in[3000];
    (void)argument;
    memset(out, 1, sizeof out);
    for (size_t size = 1;; size = size * 7 % 2999 + 1) {
        long result = MsgSend_r(coid, out, size, in, size);
        if (result != (long)size) check_failed(__FILE__, __LINE__, "a reply of %ld to %zu bytes", result, size);
    }
}

CASE_LIMIT(clients_killed_at_random_moments_harm_nobody, 60)
{
    char buffer[3000];
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    unsigned answered = 0;
    for (unsigned round = 0; round < check_rounds(40, 1000); round++) {
        struct qnx_client *victim = qnx_start(false, chid, send_for_ever, NULL);
        struct _msg_info info;
        unsigned mercy = 1 + round * 37 % 400;
        bool killed = false, gone = false;
        while (!gone) {
            rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizeof buffer, &info));
            if (rcvid == 0) {
                struct _pulse pulse;
                memcpy(&pulse, buffer, sizeof pulse);
                CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
                CHECK_EQ(ConnectDetach(pulse.scoid), 0);
                gone = true;
                continue;
            }
            CHECK_EQ(info.pid, qnx_pid(victim));
            int result = MsgReply_r(rcvid, info.srcmsglen, buffer, (size_t)info.msglen);
            CHECK(result == 0 || (killed && result == -ESRCH));
            answered++;
            if (!killed && answered % 401 == mercy) {
                CHECK_SYS(kill(qnx_pid(victim), SIGKILL));
                killed = true;
            }
        }
        CHECK_SYS(waitpid(qnx_pid(victim), NULL, 0));
    }
    qnx_check_empty(chid);
    other_client_is_well(chid);
}
