/*
 * QNX: threads: cancellation points, pthread_create(NULL, ...), priorities, ThreadCtl, several receivers of one
 * channel.
 */
#include "qnx_support.h"

#include <pthread.h>
#include <sched.h>

struct work {
    int chid, coid;
    _Atomic unsigned step, cleaned;
    long result;
};

static void clean(void *argument) { qnx_count(argument); }

static void *send_cancellably(void *argument)
{
    struct work *work = argument;
    pthread_cleanup_push(clean, &work->cleaned);
    work->result = MsgSend_r(work->coid, "x", 1, NULL, 0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *send_uncancellably(void *argument)
{
    struct work *work = argument;
    pthread_cleanup_push(clean, &work->cleaned);
    work->result = MsgSendnc_r(work->coid, "x", 1, NULL, 0);
    qnx_count(&work->step);
    pthread_testcancel();
    pthread_cleanup_pop(0);
    return NULL;
}

static void *receive_cancellably(void *argument)
{
    struct work *work = argument;
    char byte;
    pthread_cleanup_push(clean, &work->cleaned);
    MsgReceive_r(work->chid, &byte, 1, NULL);
    pthread_cleanup_pop(0);
    return NULL;
}

static void check_cancelled(pthread_t thread, struct work *work)
{
    void *result;
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK_PTR_EQ(result, PTHREAD_CANCELED);
    CHECK_EQ(atomic_load(&work->cleaned), 1);
}

CASE(msgsend_is_a_cancellation_point)
{
    char byte;
    pthread_t thread;
    struct work work = {.chid = CHECK_SYS(ChannelCreate(0))};
    work.coid = CHECK_SYS(ConnectAttach(0, 0, work.chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(pthread_create(&thread, NULL, send_cancellably, &work), 0);
    qnx_await_senders(getpid(), getpid(), work.chid, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    check_cancelled(thread, &work);
    qnx_check_empty(work.chid);

    work.cleaned = 0;
    CHECK_EQ(pthread_create(&thread, NULL, send_cancellably, &work), 0);
    rcvid_t rcvid = qnx_receive(work.chid, &byte, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    check_cancelled(thread, &work);
    CHECK_ERRNO(MsgReply(rcvid, 0, NULL, 0), ESRCH);
}

CASE(msgsendnc_is_none)
{
    char byte;
    pthread_t thread;
    struct work work = {.chid = CHECK_SYS(ChannelCreate(0))};
    work.coid = CHECK_SYS(ConnectAttach(0, 0, work.chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(pthread_create(&thread, NULL, send_uncancellably, &work), 0);
    qnx_await_senders(getpid(), getpid(), work.chid, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    rcvid_t rcvid = qnx_receive(work.chid, &byte, 1);
    delay(20);
    CHECK_EQ(atomic_load(&work.step), 0);
    CHECK_EQ(MsgReply(rcvid, 12, NULL, 0), 0);
    check_cancelled(thread, &work);
    CHECK_EQ(work.result, 12);
}

CASE(msgreceive_is_a_cancellation_point)
{
    pthread_t thread;
    struct work work = {.chid = CHECK_SYS(ChannelCreate(0))};
    CHECK_EQ(pthread_create(&thread, NULL, receive_cancellably, &work), 0);
    qnx_await_receivers(getpid(), work.chid, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    check_cancelled(thread, &work);
}

CASE(cancel_on_an_unblock_channel_asks_the_server)
{
    char byte;
    pthread_t thread;
    struct work work = {.chid = CHECK_SYS(ChannelCreate(_NTO_CHF_UNBLOCK))};
    work.coid = CHECK_SYS(ConnectAttach(0, 0, work.chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(pthread_create(&thread, NULL, send_cancellably, &work), 0);
    rcvid_t rcvid = qnx_receive(work.chid, &byte, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    struct _pulse pulse = qnx_receive_pulse(work.chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_UNBLOCK);
    CHECK_EQ(MsgError(rcvid, -1), 0);
    check_cancelled(thread, &work);
}

static void *send_with_cancelling_disabled(void *argument)
{
    struct work *work = argument;
    int before;
    CHECK_EQ(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before), 0);
    work->result = MsgSend_r(work->coid, "x", 1, NULL, 0);
    return &work->result;
}

CASE(a_thread_that_disables_cancelling_gets_eintr)
{
    void *result;
    pthread_t thread;
    struct work work = {.chid = CHECK_SYS(ChannelCreate(0))};
    work.coid = CHECK_SYS(ConnectAttach(0, 0, work.chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(pthread_create(&thread, NULL, send_with_cancelling_disabled, &work), 0);
    qnx_await_senders(getpid(), getpid(), work.chid, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK_PTR_EQ(result, &work.result); /* it ended by itself */
    CHECK_EQ(work.result, -EINTR);
}

static void *send_twice_cancellably(void *argument)
{
    struct work *work = argument;
    pthread_cleanup_push(clean, &work->cleaned);
    work->result = MsgSend_r(work->coid, "x", 1, NULL, 0);
    MsgSend_r(work->coid, "y", 1, NULL, 0);
    work->result = -1;
    pthread_cleanup_pop(0);
    return NULL;
}

/* A canceller that does not include our headers calls the C library's function. */
CASE(a_plain_cancel_acts_at_the_next_call)
{
    char byte;
    pthread_t thread;
    struct work work = {.chid = CHECK_SYS(ChannelCreate(0))};
    work.coid = CHECK_SYS(ConnectAttach(0, 0, work.chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(pthread_create(&thread, NULL, send_twice_cancellably, &work), 0);
    rcvid_t rcvid = qnx_receive(work.chid, &byte, 1);
    CHECK_EQ((pthread_cancel)(thread), 0);
    CHECK_EQ(MsgReply(rcvid, 12, NULL, 0), 0);
    check_cancelled(thread, &work);
    CHECK_EQ(work.result, 12);
    qnx_check_empty(work.chid); /* the second was not sent */
}

static void *count_start(void *argument)
{
    qnx_count(argument);
    return NULL;
}

CASE(pthread_create_takes_null_for_the_thread)
{
    _Atomic unsigned started = 0;
    pthread_attr_t attributes;
    CHECK_EQ(pthread_create(NULL, NULL, count_start, &started), 0);
    qnx_await(&started, 1);
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED), 0);
    CHECK_EQ(pthread_create(NULL, &attributes, count_start, &started), 0);
    qnx_await(&started, 2);
}

CASE(priorities_by_tid)
{
    CHECK_EQ(getprio(0), 10);
    CHECK_EQ(getprio(gettid()), 10);
    CHECK_EQ(setprio(0, 30), 10);
    CHECK_EQ(getprio(0), 30);
    CHECK_EQ(setprio(gettid(), 10), 30);
    CHECK_ERRNO(getprio(3000), ESRCH);
    CHECK_ERRNO(setprio(3000, 10), ESRCH);
    CHECK_ERRNO(setprio(0, -1), EINVAL);
    CHECK_ERRNO(setprio(0, 256), EINVAL);
}

CASE(threadctl)
{
    cpu_set_t before, after;
    CHECK_SYS(sched_getaffinity(0, sizeof before, &before));
    unsigned mask = 0, first = 0;
    CHECK_EQ(ThreadCtl(_NTO_TCTL_RUNMASK_GET_AND_SET, &mask), 0); /* 0 asks */
    while (!(mask >> first & 1)) first++;
    CHECK_EQ(ThreadCtl(_NTO_TCTL_RUNMASK, (void *)(uintptr_t)(1u << first)), 0);
    CHECK_SYS(sched_getaffinity(0, sizeof after, &after));
    CHECK_EQ(CPU_COUNT(&after), 1);
    CHECK(CPU_ISSET(first, &after));
    CHECK_EQ(ThreadCtl(_NTO_TCTL_RUNMASK_GET_AND_SET, &mask), 0);
    CHECK_EQ(mask, 1u << first);

    struct _thread_name name = {.new_name_len = 6, .name_buf_len = 100, .name_buf = "first"};
    CHECK_EQ(ThreadCtl(_NTO_TCTL_NAME, &name), 0);
    name = (struct _thread_name){.new_name_len = -1, .name_buf_len = 100};
    CHECK_EQ(ThreadCtl(_NTO_TCTL_NAME, &name), 0);
    CHECK_STR_EQ(name.name_buf, "first");
    CHECK_ERRNO(ThreadCtl(_NTO_TCTL_IO, NULL), EPERM);
    CHECK_ERRNO(ThreadCtl(12345, NULL), EINVAL);
    CHECK_ERRNO(ThreadCtl(_NTO_TCTL_NAME, qnx_unmapped()), EFAULT);
    CHECK_EQ(ThreadCtl_r(_NTO_TCTL_RUNMASK_GET_AND_SET, qnx_unmapped()), -EFAULT);
}

/* ---- Several receivers ---- */

#define SERVERS 4
#define CLIENTS 6
#define ROUNDS 2000

static _Atomic unsigned served[SERVERS];

struct receiver {
    int chid;
    unsigned number;
};

static void *serve(void *argument)
{
    struct receiver *receiver = argument;
    unsigned number;
    for (;;) {
        rcvid_t rcvid = MsgReceive_r(receiver->chid, &number, sizeof number, NULL);
        if (rcvid == -ESRCH) return NULL;
        CHECK_GT(rcvid, 0);
        atomic_fetch_add(&served[receiver->number], 1);
        number = ~number;
        CHECK_EQ(MsgReply(rcvid, 3, &number, sizeof number), 0);
    }
}

static void send_rounds(int coid, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned answer;
        CHECK_EQ(MsgSend_r(coid, &i, sizeof i, &answer, sizeof answer), 3);
        CHECK_EQ(answer, ~i);
    }
}

static void several(bool threads)
{
    pthread_t servers[SERVERS];
    struct receiver receivers[SERVERS];
    struct qnx_client *clients[CLIENTS];
    int chid = CHECK_SYS(ChannelCreate(0));
    for (unsigned i = 0; i < SERVERS; i++) {
        receivers[i] = (struct receiver){chid, i};
        CHECK_EQ(pthread_create(&servers[i], NULL, serve, &receivers[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) clients[i] = qnx_start(threads, chid, send_rounds, NULL);
    for (unsigned i = 0; i < CLIENTS; i++) qnx_join(clients[i]);
    CHECK_EQ(ChannelDestroy(chid), 0);
    unsigned total = 0;
    for (unsigned i = 0; i < SERVERS; i++) {
        CHECK_EQ(pthread_join(servers[i], NULL), 0);
        total += atomic_load(&served[i]);
    }
    CHECK_EQ(total, CLIENTS * ROUNDS);
}

CASE_LIMIT(several_receivers_share_a_channel_by_processes, 60) { several(false); }
CASE_LIMIT(several_receivers_share_a_channel_by_threads, 60) { several(true); }

/* ---- Real-time threads ---- */

static void *receive_as_realtime(void *argument)
{
    struct work *work = argument;
    struct sched_param parameter = {.sched_priority = 5};
    char byte;
    if (sched_setscheduler(0, SCHED_FIFO, &parameter) != 0) {
        work->result = -errno;
        return NULL;
    }
    rcvid_t rcvid = qnx_receive(work->chid, &byte, 1);
    CHECK_SYS(sched_getparam(0, &parameter));
    work->result = parameter.sched_priority;
    CHECK_EQ(getprio(0), parameter.sched_priority);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    return NULL;
}

static void send_at_20(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(tpy_priority_set(20), 0);
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
}

static void inherits(unsigned flags, long expected)
{
    pthread_t thread;
    struct work work = {.chid = CHECK_SYS(ChannelCreate(flags))};
    struct sched_param parameter = {.sched_priority = 5}, other = {.sched_priority = 0};
    if (sched_setscheduler(0, SCHED_FIFO, &parameter) != 0) SKIP("may not use SCHED_FIFO");
    CHECK_SYS(sched_setscheduler(0, SCHED_OTHER, &other));
    CHECK_EQ(pthread_create(&thread, NULL, receive_as_realtime, &work), 0);
    struct qnx_client *client = qnx_start(false, work.chid, send_at_20, NULL);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    qnx_join(client);
    CHECK_EQ(work.result, expected);
}

CASE(a_realtime_receiver_takes_the_senders_priority) { inherits(0, 20); }
CASE(fixed_priority_switches_that_off) { inherits(_NTO_CHF_FIXED_PRIORITY, 5); }

static void send_at_40(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(tpy_priority_set(40), 0);
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
}

static void *serve_slowly(void *argument)
{
    struct work *work = argument;
    struct sched_param parameter = {.sched_priority = 5};
    char byte;
    if (sched_setscheduler(0, SCHED_FIFO, &parameter) != 0) {
        work->result = -1;
        qnx_count(&work->step);
        return NULL;
    }
    work->chid = CHECK_SYS(ChannelCreate(0));
    qnx_count(&work->step);
    rcvid_t rcvid = qnx_receive(work->chid, &byte, 1);
    CHECK_SYS(sched_getparam(0, &parameter));
    CHECK_EQ(parameter.sched_priority, 20);
    qnx_count(&work->step);
    /* Busy with the first while one of higher priority waits. */
    while (parameter.sched_priority != 40) {
        delay(1);
        CHECK_SYS(sched_getparam(0, &parameter));
    }
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    CHECK_EQ(MsgReply(qnx_receive(work->chid, &byte, 1), 0, NULL, 0), 0);
    return NULL;
}

CASE(a_waiting_client_of_higher_priority_boosts_the_server_at_once)
{
    pthread_t thread;
    struct work work = {.chid = 0};
    CHECK_EQ(pthread_create(&thread, NULL, serve_slowly, &work), 0);
    qnx_await(&work.step, 1);
    if (work.result != 0) SKIP("may not use SCHED_FIFO");
    struct qnx_client *first = qnx_start(false, work.chid, send_at_20, NULL);
    qnx_await(&work.step, 2);
    struct qnx_client *second = qnx_start(false, work.chid, send_at_40, NULL);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    qnx_join(first);
    qnx_join(second);
}
