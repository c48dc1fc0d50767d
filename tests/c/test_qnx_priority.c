/*
 * QNX: priorities: what a thread's policy says of its messages, what a receiver takes over, what fixed priority and threads without a
 * real-time policy keep. The real-time cases need the right to SCHED_FIFO.
 */
#include "qnx_support.h"

#include <pthread.h>
#include <sched.h>

static bool become(int policy, int priority)
{
    struct sched_param parameter = {.sched_priority = priority};
    return sched_setscheduler(0, policy, &parameter) == 0;
}

static int runs_at(void)
{
    struct sched_param parameter;
    CHECK_SYS(sched_getparam(0, &parameter));
    return parameter.sched_priority;
}

struct sender {
    int policy, priority;
};

static void send_under_policy(int coid, void *argument)
{
    struct sender *sender = argument;
    CHECK(become(sender->policy, sender->priority));
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
    CHECK_EQ(MsgSendPulse(coid, -1, 1, sender->priority), 0);
}

QNX_CASE(real_time_priorities_count_one_to_one)
{
    static struct sender senders[] = {{SCHED_FIFO, 7}, {SCHED_RR, 33}, {SCHED_FIFO, 99}, {SCHED_RR, 1}, {SCHED_OTHER, 0}};
    char byte;
    struct _msg_info info;
    if (!become(SCHED_FIFO, 5)) SKIP("may not use SCHED_FIFO");
    CHECK(become(SCHED_OTHER, 0));
    int chid = CHECK_SYS(ChannelCreate(0));
    for (unsigned i = 0; i < 5; i++) {
        struct qnx_client *client = qnx_start(threads, chid, send_under_policy, &senders[i]);
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, &info));
        CHECK_GT(rcvid, 0);
        CHECK_EQ(info.priority, senders[i].policy == SCHED_OTHER ? 10 : senders[i].priority);
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
        CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, senders[i].priority);
        qnx_join(client);
    }
}

static void send_at_30(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(tpy_priority_set(30), 0);
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
}

QNX_CASE(a_thread_without_real_time_policy_keeps_its_own)
{
    char byte;
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_at_30, NULL);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, &info));
    CHECK_EQ(info.priority, 30);
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    CHECK_EQ(runs_at(), 0);
    CHECK_EQ(getprio(0), 10);
    CHECK_EQ(MsgCurrent(rcvid), 0);
    CHECK_EQ(tpy_priority_get(), 10);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}

struct work {
    unsigned flags;
    int chid, policy, after;
    _Atomic unsigned step;
};

static void *receive_in_real_time(void *argument)
{
    struct work *work = argument;
    struct _pulse pulse;
    char byte;
    CHECK(become(work->policy, 5));
    work->chid = CHECK_SYS(ChannelCreate(0));
    qnx_count(&work->step);
    rcvid_t first = qnx_receive(work->chid, &byte, 1);
    CHECK_EQ(runs_at(), 30);
    CHECK_EQ(sched_getscheduler(0), work->policy); /* the sender's priority, not its policy */
    CHECK_EQ(MsgReceivePulse(work->chid, &pulse, sizeof pulse, NULL), 0);
    CHECK_EQ(runs_at(), 20); /* a pulse's too */
    CHECK_EQ(MsgCurrent(first), 0);
    CHECK_EQ(runs_at(), 30); /* back to the message it works for */
    CHECK_EQ(MsgReply(first, 0, NULL, 0), 0);
    CHECK_EQ(runs_at(), 30); /* until the next receive */
    return NULL;
}

CASE(a_receiver_takes_the_priority_and_not_the_policy)
{
    if (!become(SCHED_FIFO, 5)) SKIP("may not use SCHED_FIFO");
    CHECK(become(SCHED_OTHER, 0));
    static const int policies[] = {SCHED_FIFO, SCHED_RR};
    for (unsigned i = 0; i < 2; i++) {
        pthread_t thread;
        struct work work = {.policy = policies[i]};
        CHECK_EQ(pthread_create(&thread, NULL, receive_in_real_time, &work), 0);
        qnx_await(&work.step, 1);
        int coid = CHECK_SYS(ConnectAttach(0, 0, work.chid, _NTO_SIDE_CHANNEL, 0));
        struct qnx_client *client = qnx_start(false, work.chid, send_at_30, NULL);
        qnx_await_senders(qnx_pid(client), getpid(), work.chid, 1);
        CHECK_EQ(MsgSendPulse(coid, 20, 1, 1), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        qnx_join(client);
    }
}

static void send_at_40(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(tpy_priority_set(40), 0);
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
}

/* Serves a first client, and says what it runs at once the other thread is told to look. */
static void *serve_busily(void *argument)
{
    struct work *work = argument;
    char byte;
    CHECK(become(SCHED_FIFO, 5));
    work->chid = CHECK_SYS(ChannelCreate(work->flags));
    qnx_count(&work->step);
    rcvid_t rcvid = qnx_receive(work->chid, &byte, 1);
    qnx_count(&work->step);
    qnx_await(&work->step, 3);
    if (!work->flags) /* this one is boosted, sooner or later */
        while (runs_at() < 40) delay(1);
    work->after = runs_at();
    qnx_count(&work->step);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    CHECK_EQ(MsgReply(qnx_receive(work->chid, &byte, 1), 0, NULL, 0), 0);
    return NULL;
}

/* The boost of another channel, asked for later, tells when one of this channel would have come. */
CASE(fixed_priority_switches_the_boost_off_too)
{
    pthread_t threads[2];
    struct qnx_client *first[2], *second[2];
    struct work works[2] = {{.flags = _NTO_CHF_FIXED_PRIORITY}, {.flags = 0}};
    if (!become(SCHED_FIFO, 5)) SKIP("may not use SCHED_FIFO");
    CHECK(become(SCHED_OTHER, 0));
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, serve_busily, &works[i]), 0);
        qnx_await(&works[i].step, 1);
        first[i] = qnx_start(false, works[i].chid, send_at_30, NULL);
        qnx_await(&works[i].step, 2);
        second[i] = qnx_start(false, works[i].chid, send_at_40, NULL);
        qnx_await_senders(qnx_pid(second[i]), getpid(), works[i].chid, 1);
    }
    qnx_count(&works[1].step);
    qnx_await(&works[1].step, 4);
    CHECK_EQ(works[1].after, 40);
    qnx_count(&works[0].step);
    qnx_await(&works[0].step, 4);
    CHECK_EQ(works[0].after, 5);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        qnx_join(first[i]);
        qnx_join(second[i]);
    }
}
