/*
 * QNX: a client that does not want to wait any longer, by a timeout or a signal, SEND- and REPLY-blocked, with and
 * without _NTO_CHF_UNBLOCK.
 */
#include "qnx_support.h"

#include <pthread.h>
#include <signal.h>

struct shared {
    _Atomic unsigned step;
    long result, second;
    int64_t took;
    int states, milliseconds;
    pid_t pid;
};

static void on_signal(int signal) { (void)signal; }

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART, which would mean what it says */
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
}

static void send_with_timeout(int coid, void *argument)
{
    struct shared *shared = argument;
    int64_t start = qnx_now_ms();
    qnx_timeout(shared->states, shared->milliseconds);
    shared->result = MsgSend_r(coid, "x", 1, NULL, 0);
    shared->took = qnx_now_ms() - start;
    qnx_count(&shared->step);
    shared->second = MsgSend_r(coid, "y", 1, NULL, 0); /* the timeout is used up */
}

QNX_CASE(a_timeout_ends_a_send_blocked_client_at_once)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    shared->states = _NTO_TIMEOUT_SEND;
    shared->milliseconds = 30;
    for (unsigned flags = 0; flags <= _NTO_CHF_UNBLOCK; flags += _NTO_CHF_UNBLOCK) {
        atomic_store(&shared->step, 0);
        int chid = CHECK_SYS(ChannelCreate(flags));
        struct qnx_client *client = qnx_start(threads, chid, send_with_timeout, shared);
        qnx_await(&shared->step, 1);
        CHECK_EQ(shared->result, -ETIMEDOUT);
        CHECK_GE(shared->took, 29);
        CHECK_LE(shared->took, 1000);
        rcvid_t rcvid = qnx_receive(chid, &byte, 1);
        CHECK_EQ(byte, 'y'); /* the first message left the queue */
        CHECK_EQ(MsgReply(rcvid, 4, NULL, 0), 0);
        qnx_join(client);
        CHECK_EQ(shared->second, 4);
        CHECK_SYS(ChannelDestroy(chid));
    }
}

QNX_CASE(a_timeout_ends_a_reply_blocked_client_at_once)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    shared->states = _NTO_TIMEOUT_REPLY;
    shared->milliseconds = 30;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_with_timeout, shared);
    rcvid_t late = qnx_receive(chid, &byte, 1);
    qnx_await(&shared->step, 1);
    CHECK_EQ(shared->result, -ETIMEDOUT);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(byte, 'y');
    CHECK_ERRNO(MsgReply(late, 99, "late", 4), ESRCH); /* and it does not answer the next message */
    CHECK_ERRNO(MsgRead(late, &byte, 1, 0), ESRCH);
    CHECK_EQ(MsgReply(rcvid, 4, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(shared->second, 4);
}

QNX_CASE(a_late_reply_gets_esrch_without_a_next_message)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    struct _msg_info info;
    shared->states = _NTO_TIMEOUT_REPLY | _NTO_TIMEOUT_SEND;
    shared->milliseconds = 300; /* it ends sending too, so it must not be over before the server, which waits, gets to run */
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_with_timeout, shared);
    rcvid_t late = qnx_receive(chid, &byte, 1);
    CHECK_EQ(byte, 'x');
    qnx_await(&shared->step, 1);
    CHECK_ERRNO(MsgInfo(late, &info), ESRCH);
    CHECK_ERRNO(MsgReply(late, 99, "late", 4), ESRCH);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);
}

/* The timeout strikes only in the states it names. */
QNX_CASE(a_timeout_for_another_state_does_not_strike)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));

    shared->states = _NTO_TIMEOUT_REPLY;
    shared->milliseconds = 10;
    struct qnx_client *client = qnx_start(threads, chid, send_with_timeout, shared);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    delay(40); /* SEND-blocked beyond the deadline */
    CHECK_EQ(atomic_load(&shared->step), 0);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1); /* REPLY-blocked: the time is past: at once */
    qnx_await(&shared->step, 1);
    CHECK_EQ(shared->result, -ETIMEDOUT);
    CHECK_GE(shared->took, 40);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);

    atomic_store(&shared->step, 0);
    shared->states = _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_RECEIVE;
    client = qnx_start(threads, chid, send_with_timeout, shared);
    rcvid = qnx_receive(chid, &byte, 1);
    delay(40); /* REPLY-blocked beyond the deadline */
    CHECK_EQ(atomic_load(&shared->step), 0);
    CHECK_EQ(MsgReply(rcvid, 6, NULL, 0), 0);
    qnx_await(&shared->step, 1);
    CHECK_EQ(shared->result, 6);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);
}

QNX_CASE(with_chf_unblock_the_server_decides)
{
    char byte;
    struct _msg_info info;
    struct shared *shared = qnx_share(4096);
    shared->states = _NTO_TIMEOUT_REPLY;
    shared->milliseconds = 10;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK));
    struct qnx_client *client = qnx_start(threads, chid, send_with_timeout, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_UNBLOCK);
    CHECK_EQ(pulse.value.sival_int, rcvid);
    CHECK_EQ(pulse.value.sival_long, rcvid);
    CHECK_PTR_EQ(pulse.value.sival_ptr, (void *)rcvid);
    CHECK_EQ(MsgInfo(rcvid, &info), 0);
    CHECK_EQ(info.flags & _NTO_MI_UNBLOCK_REQ, _NTO_MI_UNBLOCK_REQ);
    CHECK_EQ(pulse.scoid, info.scoid);
    delay(20);
    CHECK_EQ(atomic_load(&shared->step), 0); /* it stays blocked */
    CHECK_EQ(MsgReply(rcvid, 55, NULL, 0), 0);
    qnx_await(&shared->step, 1);
    CHECK_EQ(shared->result, 55);
    rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgInfo(rcvid, &info), 0);
    CHECK_EQ(info.flags, 0);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}

QNX_CASE(msgerror_minus_one_gives_the_stored_reason)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    shared->states = _NTO_TIMEOUT_REPLY;
    shared->milliseconds = 10;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK));
    struct qnx_client *client = qnx_start(threads, chid, send_with_timeout, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_UNBLOCK);
    CHECK_EQ(MsgError(rcvid, -1), 0);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(shared->result, -ETIMEDOUT);
}

QNX_CASE(a_reply_takes_back_a_queued_unblock_pulse)
{
    char byte;
    struct _msg_info info;
    struct shared *shared = qnx_share(4096);
    shared->states = _NTO_TIMEOUT_REPLY;
    shared->milliseconds = 10;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK));
    struct qnx_client *client = qnx_start(threads, chid, send_with_timeout, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    do CHECK_EQ(MsgInfo(rcvid, &info), 0);
    while (!(info.flags & _NTO_MI_UNBLOCK_REQ));
    delay(5); /* the pulse follows the flag */
    CHECK_EQ(MsgReply(rcvid, 3, NULL, 0), 0);
    rcvid = qnx_receive(chid, &byte, 1); /* not the pulse */
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
    qnx_check_empty(chid);
    CHECK_EQ(shared->result, 3);
}

/* ---- Signals ---- */

static void send_under_signals(int coid, void *argument)
{
    struct shared *shared = argument;
    catch_signals();
    shared->pid = getpid();
    shared->result = MsgSend_r(coid, "x", 1, NULL, 0);
    qnx_count(&shared->step);
    shared->second = MsgSend_r(coid, "y", 1, NULL, 0);
}

CASE(a_signal_ends_a_send_blocked_client_at_once)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    for (unsigned flags = 0; flags <= _NTO_CHF_UNBLOCK; flags += _NTO_CHF_UNBLOCK) {
        atomic_store(&shared->step, 0);
        int chid = CHECK_SYS(ChannelCreate(flags));
        struct qnx_client *client = qnx_start(false, chid, send_under_signals, shared);
        qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
        CHECK_SYS(kill(qnx_pid(client), SIGUSR1));
        qnx_await(&shared->step, 1);
        CHECK_EQ(shared->result, -EINTR);
        rcvid_t rcvid = qnx_receive(chid, &byte, 1);
        CHECK_EQ(byte, 'y');
        CHECK_EQ(MsgReply(rcvid, 4, NULL, 0), 0);
        qnx_join(client);
        CHECK_EQ(shared->second, 4);
    }
}

CASE(a_signal_ends_a_reply_blocked_client_at_once)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, send_under_signals, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    CHECK_SYS(kill(qnx_pid(client), SIGUSR1));
    qnx_await(&shared->step, 1);
    CHECK_EQ(shared->result, -EINTR);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);
}

CASE(with_chf_unblock_a_signal_only_asks)
{
    char byte;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK));
    struct qnx_client *client = qnx_start(false, chid, send_under_signals, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    qnx_await_senders(qnx_pid(client), getpid(), chid, 1);
    CHECK_SYS(kill(qnx_pid(client), SIGUSR1));
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_UNBLOCK);
    CHECK_EQ(pulse.value.sival_int, rcvid);
    CHECK_EQ(MsgError(rcvid, -1), 0);
    qnx_await(&shared->step, 1);
    CHECK_EQ(shared->result, -EINTR);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 0, NULL, 0), 0);
    qnx_join(client);
}

struct receiver {
    int chid;
    rcvid_t result;
    _Atomic unsigned done;
};

static void *receive_here(void *argument)
{
    struct receiver *receiver = argument;
    char byte;
    receiver->result = MsgReceive_r(receiver->chid, &byte, 1, NULL);
    qnx_count(&receiver->done);
    return NULL;
}

CASE(a_signal_ends_a_receive)
{
    pthread_t thread;
    struct receiver receiver = {.chid = CHECK_SYS(ChannelCreate(0))};
    catch_signals();
    CHECK_EQ(pthread_create(&thread, NULL, receive_here, &receiver), 0);
    qnx_await_receivers(getpid(), receiver.chid, 1);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(receiver.result, -EINTR);
}

CASE(interrupt_ends_a_receive_from_another_thread)
{
    struct receiver receiver = {.chid = CHECK_SYS(ChannelCreate(0))};
    pthread_t thread;
    int found = 0;
    CHECK_EQ(pthread_create(&thread, NULL, receive_here, &receiver), 0);
    qnx_await_receivers(getpid(), receiver.chid, 1);
    for (int number = 1; number < 10; number++)
        if (number != tpy_thread_number_self() && tpy_thread_interrupt(number) == 0) found++;
    CHECK_GE(found, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(receiver.result, -EINTR);
    CHECK_EQ(tpy_thread_interrupt(0), -ESRCH);
    CHECK_EQ(tpy_thread_interrupt(-3), -ESRCH);
    CHECK_EQ(tpy_thread_interrupt(4000), -ESRCH);
    CHECK_EQ(tpy_thread_interrupted(), 0);
    CHECK_EQ(tpy_thread_interrupt(tpy_thread_number_self()), 0);
    CHECK_EQ(tpy_thread_interrupted(), 1);
    CHECK_EQ(tpy_thread_interrupted(), 0);
}

/* ---- TimerTimeout itself ---- */

CASE(timeouts_of_a_receive)
{
    struct _pulse pulse;
    uint64_t time = 20 * 1000000, left = 1;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    int64_t start = qnx_now_ms();
    CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, &time, &left), 0);
    CHECK_EQ(left, 0);
    CHECK_ERRNO(MsgReceive(chid, &pulse, sizeof pulse, NULL), ETIMEDOUT);
    CHECK_GE(qnx_now_ms() - start, 19);
    CHECK_LE(qnx_now_ms() - start, 1000);

    /* It is one shot, and a call that does not block uses it up as well. */
    CHECK_EQ(TimerTimeout(CLOCK_REALTIME, _NTO_TIMEOUT_RECEIVE, NULL, &time, &left), 0);
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 1), 0);
    CHECK_EQ(MsgReceive(chid, &pulse, sizeof pulse, NULL), 0);
    CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, 0, NULL, NULL, &left), 0);
    CHECK_EQ(left, 0);

    /* What was left of an armed one; 0 disarms. */
    time = 3600ull * 1000000000;
    CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, &time, NULL), 0);
    CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, 0, NULL, NULL, &left), 0);
    CHECK_GT(left, 3590ull * 1000000000);
    CHECK_LE(left, time);

    /* NULL polls. */
    qnx_check_empty(chid);
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 7), 0);
    CHECK_EQ(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, NULL, NULL), 0);
    CHECK_EQ(MsgReceive(chid, &pulse, sizeof pulse, NULL), 0);
    CHECK_EQ(pulse.value.sival_int, 7);

    /* Absolute time, on either clock, and time that is past. */
    struct timespec now;
    for (int clock = 0; clock < 2; clock++) {
        clockid_t id = clock ? CLOCK_REALTIME : CLOCK_MONOTONIC;
        CHECK_SYS(clock_gettime(id, &now));
        time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 20000000;
        start = qnx_now_ms();
        CHECK_EQ(TimerTimeout(id, _NTO_TIMEOUT_RECEIVE | TIMER_ABSTIME, NULL, &time, NULL), 0);
        CHECK_ERRNO(MsgReceive(chid, &pulse, sizeof pulse, NULL), ETIMEDOUT);
        CHECK_GE(qnx_now_ms() - start, 18);
        time -= 1000000000;
        CHECK_EQ(TimerTimeout(id, _NTO_TIMEOUT_RECEIVE | TIMER_ABSTIME, NULL, &time, NULL), 0);
        CHECK_ERRNO(MsgReceive(chid, &pulse, sizeof pulse, NULL), ETIMEDOUT);
    }

    struct timespec spec = {0, 10000000}, spec_left;
    CHECK_EQ(timer_timeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, &spec, &spec_left), 0);
    CHECK_ERRNO(MsgReceive(chid, &pulse, sizeof pulse, NULL), ETIMEDOUT);
    spec.tv_nsec = 1000000000;
    CHECK_ERRNO(timer_timeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, &spec, NULL), EINVAL);
}

CASE(timeout_arguments)
{
    struct sigevent event;
    uint64_t time = 1;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct _pulse pulse;
    CHECK_ERRNO(TimerTimeout(77, _NTO_TIMEOUT_RECEIVE, NULL, &time, NULL), EINVAL);
    CHECK_ERRNO(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, qnx_unmapped(), NULL), EFAULT);
    CHECK_ERRNO(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, qnx_unmapped(), &time, NULL), EFAULT);
    CHECK_ERRNO(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, &time, qnx_unmapped()), EFAULT);
    SIGEV_PULSE_INIT(&event, 1, 10, 1, 1);
    CHECK_EQ(TimerTimeout_r(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, &event, &time, NULL), -EINVAL);
    SIGEV_UNBLOCK_INIT(&event);
    CHECK_EQ(TimerTimeout_r(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, &event, &time, NULL), 0);
    CHECK_ERRNO(MsgReceive(chid, &pulse, sizeof pulse, NULL), ETIMEDOUT);
}

static void *answer_later(void *argument)
{
    int chid = *(int *)argument;
    char byte;
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    delay(30);
    CHECK_EQ(MsgReply(rcvid, 8, NULL, 0), 0);
    return NULL;
}

CASE(a_poll_of_send_takes_nothing_from_a_later_one)
{
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    pthread_t thread;
    CHECK_SYS(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, NULL, NULL, NULL));
    CHECK_ERRNO(MsgSend(coid, "x", 1, NULL, 0), ETIMEDOUT);
    qnx_check_empty(chid);
    CHECK_EQ(pthread_create(&thread, NULL, answer_later, &chid), 0);
    CHECK_EQ(MsgSend(coid, "y", 1, NULL, 0), 8);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}
