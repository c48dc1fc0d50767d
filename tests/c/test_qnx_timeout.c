/* QNX: TimerTimeout in detail: what it counts from, what takes it back; and signals whose handlers want the call to go on. */
#include "qnx_support.h"

#include <pthread.h>
#include <signal.h>

CASE(a_timeout_runs_from_the_arming)
{
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    int64_t start = qnx_now_ms();
    qnx_timeout(_NTO_TIMEOUT_RECEIVE, 1000);
    delay(900);
    CHECK_ERRNO(MsgReceive(chid, &byte, 1, NULL), ETIMEDOUT);
    CHECK_GE(qnx_now_ms() - start, 999);
    CHECK_LE(qnx_now_ms() - start, 1850); /* from the call it would be 1900 */
    start = qnx_now_ms();
    qnx_timeout(_NTO_TIMEOUT_SEND, 30);
    delay(40);
    CHECK_ERRNO(MsgSend(coid, "x", 1, NULL, 0), ETIMEDOUT); /* past already: at once */
    CHECK_LE(qnx_now_ms() - start, 900);
}

struct server {
    int chid, milliseconds;
    int64_t received;
};

static void *serve_later(void *argument)
{
    struct server *server = argument;
    char byte;
    rcvid_t rcvid = qnx_receive(server->chid, &byte, 1);
    delay((unsigned)server->milliseconds);
    CHECK_EQ(MsgReply(rcvid, 6, NULL, 0), 0);
    return NULL;
}

CASE(what_disarms_a_timeout)
{
    pthread_t thread;
    struct sigevent none;
    uint64_t time = 20000000, left;
    struct server server = {.chid = CHECK_SYS(ChannelCreate(0)), .milliseconds = 60};
    int coid = CHECK_SYS(ConnectAttach(0, 0, server.chid, _NTO_SIDE_CHANNEL, 0));
    SIGEV_NONE_INIT(&none);
    for (int i = 0; i < 4; i++) {
        qnx_timeout(_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, 20);
        switch (i) {
        case 0: CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, 0, NULL, NULL, &left), 0); break;
        case 1: CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, &none, &time, &left), 0); break;
        case 2: CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, NULL, &left), 0); break;
        default: CHECK_ERRNO(MsgSend(coid + 1, "x", 1, NULL, 0), EBADF); left = 1; /* a call that did not block */
        }
        CHECK_GT(left, 0);
        CHECK_EQ(pthread_create(&thread, NULL, serve_later, &server), 0);
        CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 6); /* 60 ms */
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, 0, NULL, NULL, &left), 0);
        CHECK_EQ(left, 0);
    }
}

static void *poll_here(void *argument)
{
    char byte;
    qnx_timeout(_NTO_TIMEOUT_RECEIVE, 1);
    CHECK_ERRNO(MsgReceive(*(int *)argument, &byte, 1, NULL), ETIMEDOUT);
    return NULL;
}

CASE(a_timeout_is_the_calling_threads_own)
{
    pthread_t thread;
    uint64_t left;
    int chid = CHECK_SYS(ChannelCreate(0));
    qnx_timeout(_NTO_TIMEOUT_RECEIVE, 3600000);
    CHECK_EQ(pthread_create(&thread, NULL, poll_here, &chid), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, 0, NULL, NULL, &left), 0);
    CHECK_GT(left, 3000ull * 1000000000);
}

/* ---- Signals ---- */

static _Atomic unsigned signals;
static void on_signal(int signal)
{
    (void)signal;
    qnx_count(&signals);
}

static void catch(int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
}

struct call {
    int chid, coid, milliseconds;
    bool receives;
    long result;
};

static void *call(void *argument)
{
    struct call *call = argument;
    char buffer[sizeof(struct _pulse)];
    if (call->milliseconds) qnx_timeout(_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_RECEIVE | _NTO_TIMEOUT_REPLY, call->milliseconds);
    call->result = call->receives ? MsgReceive_r(call->chid, buffer, sizeof buffer, NULL)
        : MsgSend_r(call->coid, "x", 1, NULL, 0);
    return NULL;
}

static void signal_and_wait(pthread_t thread)
{
    unsigned before = atomic_load(&signals);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    qnx_await(&signals, before + 1);
}

CASE(a_call_goes_on_after_a_signal_with_sa_restart)
{
    char byte;
    pthread_t thread;
    struct call it = {.chid = CHECK_SYS(ChannelCreate(0))};
    it.coid = CHECK_SYS(ConnectAttach(0, 0, it.chid, _NTO_SIDE_CHANNEL, 0));
    catch(SA_RESTART);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&thread, NULL, call, &it), 0);
        qnx_await_senders(getpid(), getpid(), it.chid, 1);
        signal_and_wait(thread);
        qnx_await_senders(getpid(), getpid(), it.chid, 1);
        rcvid_t rcvid = qnx_receive(it.chid, &byte, 1);
        qnx_await_senders(getpid(), getpid(), it.chid, 1);
        signal_and_wait(thread);
        CHECK_EQ(MsgReply(rcvid, 8, NULL, 0), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(it.result, 8);
        it.milliseconds = 3600000; /* and the second time with a timeout */
    }
    it.receives = true;
    CHECK_EQ(pthread_create(&thread, NULL, call, &it), 0);
    qnx_await_receivers(getpid(), it.chid, 1);
    signal_and_wait(thread);
    qnx_await_receivers(getpid(), it.chid, 1);
    CHECK_EQ(MsgSendPulse(it.coid, 10, 1, 1), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(it.result, 0);
}

CASE(a_signal_without_sa_restart_ends_a_call_that_has_a_timeout)
{
    pthread_t thread;
    struct call it = {.chid = CHECK_SYS(ChannelCreate(0)), .milliseconds = 3600000};
    it.coid = CHECK_SYS(ConnectAttach(0, 0, it.chid, _NTO_SIDE_CHANNEL, 0));
    catch(0);
    for (int i = 0; i < 2; i++) {
        it.receives = i;
        CHECK_EQ(pthread_create(&thread, NULL, call, &it), 0);
        if (it.receives) qnx_await_receivers(getpid(), it.chid, 1);
        else qnx_await_senders(getpid(), getpid(), it.chid, 1);
        CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(it.result, -EINTR);
    }
}
