/* QNX: events: MsgDeliverEvent, MsgVerifyEvent, MsgRegisterEvent, and timers that end in pulses. */
#include "qnx_support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

struct shared {
    _Atomic unsigned step;
    long result;
    int extra;
};

/* A client that asks for an event, gets its reply, and waits for what the event brings. */
struct ask {
    struct sigevent event;
    int stay;
};

static struct _pulse wait_for_event(int coid, bool registered, int flags)
{
    struct ask ask = {.stay = 1};
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    SIGEV_PULSE_INIT(&ask.event, self, 25, 6, 4711);
    ask.event.sigev_notify |= flags;
    if (registered) CHECK_EQ(MsgRegisterEvent(&ask.event, coid), 0);
    CHECK_EQ(MsgSend(coid, &ask, sizeof ask, NULL, 0), 0);
    CHECK_EQ(MsgSend(coid, &ask, 1, NULL, 0), 0); /* another message of the same thread */
    struct _pulse pulse = qnx_receive_pulse(chid);
    if (registered) CHECK_EQ(MsgUnregisterEvent(&ask.event), 0);
    if (registered) CHECK_ERRNO(MsgUnregisterEvent(&ask.event), ESRCH);
    return pulse;
}

static void wait_for_pulse(int coid, void *argument)
{
    (void)argument;
    struct _pulse pulse = wait_for_event(coid, false, 0);
    CHECK_EQ(pulse.code, 6);
    CHECK_EQ(pulse.value.sival_int, 4711);
    CHECK_EQ(MsgSend(coid, "done", 4, NULL, 0), 0);
}

static void finish(int chid)
{
    char word[4];
    CHECK_EQ(MsgReply(qnx_receive(chid, word, 4), 0, NULL, 0), 0);
    CHECK_MEM_EQ(word, "done", 4);
}

QNX_CASE(an_event_reaches_the_client_after_its_reply)
{
    struct ask ask, other;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, wait_for_pulse, NULL);
    rcvid_t rcvid = qnx_receive(chid, &ask, sizeof ask);
    CHECK_EQ(MsgVerifyEvent(rcvid, &ask.event), 0);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    CHECK_EQ(MsgReply(qnx_receive(chid, &other, sizeof other), 0, NULL, 0), 0);
    CHECK_EQ(MsgVerifyEvent(rcvid, &ask.event), 0);
    CHECK_EQ(MsgDeliverEvent(rcvid, &ask.event), 0);
    finish(chid);
    qnx_join(client);
}

QNX_CASE(an_event_reaches_the_client_while_it_is_blocked)
{
    struct ask ask, other;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, wait_for_pulse, NULL);
    rcvid_t rcvid = qnx_receive(chid, &ask, sizeof ask);
    CHECK_EQ(MsgDeliverEvent(rcvid, &ask.event), 0);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    CHECK_EQ(MsgReply(qnx_receive(chid, &other, sizeof other), 0, NULL, 0), 0);
    finish(chid);
    qnx_join(client);
}

static void wait_for_registered(int coid, void *argument)
{
    (void)argument;
    struct _pulse pulse = wait_for_event(coid, true, 0);
    CHECK_EQ(pulse.code, 6);
    CHECK_EQ(pulse.value.sival_int, 4711); /* what the server wrote into it does not count */
    pulse = wait_for_event(coid, true, SIGEV_FLAG_UPDATEABLE);
    CHECK_EQ(pulse.code, 6);
    CHECK_EQ(pulse.value.sival_int, 99);
    CHECK_EQ(MsgSend(coid, "done", 4, NULL, 0), 0);
}

QNX_CASE(a_registered_event_comes_as_it_was_registered)
{
    struct ask ask, other;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, wait_for_registered, NULL);
    for (unsigned i = 0; i < 2; i++) {
        rcvid_t rcvid = qnx_receive(chid, &ask, sizeof ask);
        CHECK_EQ(ask.event.sigev_notify & SIGEV_FLAG_HANDLE, SIGEV_FLAG_HANDLE);
        ask.event.sigev_value.sival_int = 99;
        ask.event.sigev_code = 77;
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
        CHECK_EQ(MsgReply(qnx_receive(chid, &other, sizeof other), 0, NULL, 0), 0);
        CHECK_EQ(MsgDeliverEvent(rcvid, &ask.event), 0);
    }
    finish(chid);
    qnx_join(client);
}

CASE(a_registered_event_is_for_its_server_only)
{
    struct sigevent event;
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    pid_t parent = getpid();
    (void)parent;
    SIGEV_PULSE_INIT(&event, self, 25, 6, 1);
    CHECK_ERRNO(MsgRegisterEvent(&event, self + 5), EBADF);
    CHECK_EQ(MsgRegisterEvent(&event, self), 0); /* we are the server of that connection */
    CHECK_EQ(MsgDeliverEvent(0, &event), 0);
    CHECK_EQ(qnx_receive_pulse(chid).code, 6);
    CHECK_EQ(MsgUnregisterEvent(&event), 0);
    CHECK_ERRNO(MsgDeliverEvent(0, &event), ESRCH);
    SIGEV_PULSE_INIT(&event, self, 25, 6, 1);
    CHECK_EQ(MsgRegisterEvent(&event, -1), 0);
    CHECK_EQ(MsgDeliverEvent(0, &event), 0);
    CHECK_ERRNO(MsgUnregisterEvent(qnx_unmapped()), EFAULT);
    CHECK_ERRNO(MsgRegisterEvent(qnx_unmapped(), -1), EFAULT);
    SIGEV_UNBLOCK_INIT(&event);
    CHECK_ERRNO(MsgRegisterEvent(&event, -1), EINVAL);
    CHECK_ERRNO(MsgUnregisterEvent(&event), ESRCH);
}

static _Atomic unsigned signals, signal_value;
static _Atomic int signal_code;
static pthread_t signal_thread;
static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)context;
    signal_value = (unsigned)info->si_value.sival_int;
    signal_code = info->si_code;
    signal_thread = pthread_self();
    qnx_count(&signals);
}

static void wait_for_signal(int coid, void *argument)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct ask ask = {.stay = 0};
    (void)argument;
    atomic_store(&signals, 0);
    CHECK_SYS(sigaction(SIGUSR2, &action, NULL));
    SIGEV_SIGNAL_CODE_INIT(&ask.event, SIGUSR2, 1234, 5);
    CHECK_EQ(MsgSend(coid, &ask, sizeof ask, NULL, 0), 0);
    qnx_await(&signals, 1);
    CHECK_EQ(atomic_load(&signal_value), 1234);
    CHECK_EQ(atomic_load(&signal_code), SI_QUEUE); /* no process may give a code that is not negative */
    SIGEV_SIGNAL_THREAD_INIT(&ask.event, SIGUSR2, 77, -100);
    CHECK_EQ(MsgSend(coid, &ask, sizeof ask, NULL, 0), 0);
    qnx_await(&signals, 2);
    CHECK_EQ(atomic_load(&signal_value), 77);
    CHECK_EQ(atomic_load(&signal_code), -100);
    CHECK(pthread_equal(signal_thread, pthread_self()));
    SIGEV_SIGNAL_VALUE_INIT(&ask.event, SIGUSR2, 78);
    CHECK_EQ(MsgSend(coid, &ask, sizeof ask, NULL, 0), 0);
    qnx_await(&signals, 3);
    CHECK_EQ(atomic_load(&signal_value), 78);
    CHECK_EQ(atomic_load(&signal_code), SI_QUEUE);
    SIGEV_SIGNAL_CODE_INIT(&ask.event, SIGUSR2, 79, -99);
    CHECK_EQ(MsgSend(coid, &ask, sizeof ask, NULL, 0), 0);
    qnx_await(&signals, 4);
    CHECK_EQ(atomic_load(&signal_code), -99);
}

QNX_CASE(events_that_are_signals)
{
    struct ask ask;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, wait_for_signal, NULL);
    for (unsigned i = 0; i < 4; i++) {
        rcvid_t rcvid = qnx_receive(chid, &ask, sizeof ask);
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
        CHECK_EQ(MsgDeliverEvent(rcvid, &ask.event), 0);
    }
    qnx_join(client);
}

static void ask_and_follow(int coid, void *argument)
{
    struct shared *shared = argument;
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
    if (shared->extra) CHECK_EQ(ConnectDetach(coid), 0);
    qnx_count(&shared->step);
    if (shared->extra) pause();
}

CASE(delivery_to_those_who_left)
{
    char byte;
    struct sigevent event;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    SIGEV_PULSE_INIT(&event, _NTO_SIDE_CHANNEL, 10, 1, 1);
    struct qnx_client *client = qnx_start(false, chid, ask_and_follow, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(qnx_receive_pulse(chid).code, _PULSE_CODE_DISCONNECT);
    CHECK_ERRNO(MsgDeliverEvent(rcvid, &event), ESRCH); /* dead */
    CHECK_ERRNO(MsgVerifyEvent(rcvid, &event), ESRCH);

    shared->extra = 1;
    client = qnx_start(false, chid, ask_and_follow, shared);
    rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
    CHECK_ERRNO(MsgDeliverEvent(rcvid, &event), EBADF); /* detached, but alive */
    CHECK_EQ(ConnectDetach(pulse.scoid), 0);
    CHECK_ERRNO(MsgDeliverEvent(rcvid, &event), EBADF);
    CHECK_SYS(kill(qnx_pid(client), SIGKILL));
    CHECK_SYS(waitpid(qnx_pid(client), NULL, 0));
    CHECK_ERRNO(MsgDeliverEvent(rcvid, &event), ESRCH);
}

CASE(delivery_errors)
{
    struct sigevent event, none[6];
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    SIGEV_PULSE_INIT(&none[0], self, 256, 1, 1);
    SIGEV_PULSE_INIT(&none[1], self, 10, 128, 1);
    SIGEV_SIGNAL_INIT(&none[2], 0);
    SIGEV_SIGNAL_INIT(&none[3], 1000);
    none[4].sigev_notify = SIGEV_INTR;
    none[5].sigev_notify = 0x77;
    for (unsigned i = 0; i < 6; i++) {
        CHECK_ERRNO(MsgDeliverEvent(0, &none[i]), EINVAL);
        CHECK_ERRNO(MsgVerifyEvent(0, &none[i]), EINVAL);
    }
    SIGEV_PULSE_INIT(&event, self, 10, 1, 31);
    CHECK_EQ(MsgVerifyEvent(0, &event), 0);
    CHECK_ERRNO(MsgVerifyEvent(1 << 19, &event), ESRCH);
    CHECK_ERRNO(MsgDeliverEvent((7 << 19) + 3, &event), ESRCH);
    CHECK_ERRNO(MsgDeliverEvent(-1, &event), ESRCH);
    CHECK_ERRNO(MsgDeliverEvent(0, qnx_unmapped()), EFAULT);
    CHECK_EQ(MsgDeliverEvent_r(0, qnx_unmapped()), -EFAULT);
    CHECK_EQ(MsgDeliverEvent(0, &event), 0); /* to ourselves */
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 31);
    SIGEV_PULSE_INIT(&event, self + 9, 10, 1, 31);
    CHECK_ERRNO(MsgDeliverEvent(0, &event), EBADF);
    SIGEV_NONE_INIT(&event);
    CHECK_EQ(MsgDeliverEvent(0, &event), 0);
    qnx_check_empty(chid);
}

/* ---- Timers ---- */

CASE(a_timer_sends_pulses)
{
    struct sigevent event;
    struct itimerspec when = {{0, 0}, {0, 20000000}}, left;
    timer_t timer;
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    SIGEV_PULSE_INIT(&event, self, SIGEV_PULSE_PRIO_INHERIT, _PULSE_CODE_MINAVAIL + 2, 55);
    clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
    for (unsigned i = 0; i < 2; i++) {
        CHECK_SYS(timer_create(clocks[i], &event, &timer));
        int64_t start = qnx_now_ms();
        CHECK_SYS(timer_settime(timer, 0, &when, NULL));
        CHECK_SYS(timer_gettime(timer, &left));
        CHECK_GT(left.it_value.tv_nsec, 0);
        struct _pulse pulse = qnx_receive_pulse(chid);
        CHECK_GE(qnx_now_ms() - start, 19);
        CHECK_EQ(pulse.code, _PULSE_CODE_MINAVAIL + 2);
        CHECK_EQ(pulse.value.sival_int, 55);
        CHECK_EQ(timer_getoverrun(timer), 0);
        CHECK_SYS(timer_delete(timer));
        CHECK_ERRNO(timer_delete(timer), EINVAL);
        CHECK_ERRNO(timer_settime(timer, 0, &when, NULL), EINVAL);
        qnx_check_empty(chid);
    }
}

CASE(a_periodic_timer_goes_on_until_it_is_disarmed)
{
    struct sigevent event;
    struct itimerspec when = {{0, 2000000}, {0, 2000000}}, never = {{0, 0}, {0, 0}}, before;
    timer_t timer;
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    SIGEV_PULSE_INIT(&event, self, 10, 1, 9);
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_SYS(timer_settime(timer, 0, &when, NULL));
    for (unsigned i = 0; i < 20; i++) CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 9);
    CHECK_SYS(timer_settime(timer, 0, &never, &before));
    CHECK_EQ(before.it_interval.tv_nsec, 2000000);
    delay(5);
    struct _pulse pulse;
    do CHECK_SYS(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, NULL, NULL));
    while (MsgReceive_r(chid, &pulse, sizeof pulse, NULL) == 0);
    delay(10);
    qnx_check_empty(chid);
}

CASE(an_absolute_timer)
{
    struct sigevent event;
    struct itimerspec when = {{0, 0}, {0, 0}};
    timer_t timer;
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    SIGEV_PULSE_INIT(&event, self, 10, 1, 9);
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &when.it_value));
    when.it_value.tv_sec -= 1; /* past: at once */
    CHECK_SYS(timer_settime(timer, TIMER_ABSTIME, &when, NULL));
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 9);
}

static _Atomic unsigned threads_started;
static void on_timer(union sigval value)
{
    (void)value;
    qnx_count(&threads_started);
}

CASE(other_timers_are_the_c_librarys)
{
    struct sigevent event;
    struct itimerspec when = {{0, 0}, {0, 1000000}};
    timer_t timer;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    SIGEV_SIGNAL_VALUE_INIT(&event, SIGUSR1, 66);
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_SYS(timer_settime(timer, 0, &when, NULL));
    qnx_await(&signals, 1);
    CHECK_EQ(atomic_load(&signal_value), 66);
    CHECK_EQ(timer_getoverrun(timer), 0);
    CHECK_SYS(timer_delete(timer));
    SIGEV_THREAD_INIT(&event, on_timer, NULL, NULL);
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_SYS(timer_settime(timer, 0, &when, NULL));
    qnx_await(&threads_started, 1);
    CHECK_SYS(timer_delete(timer));
    SIGEV_UNBLOCK_INIT(&event);
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    SIGEV_PULSE_INIT(&event, 3, 10, 1, 1);
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EBADF);
    SIGEV_PULSE_INIT(&event, 3, 300, 1, 1);
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, qnx_unmapped(), &timer), EFAULT);
}

static void wait_for_foreign_pulse(int coid, void *argument)
{
    /* A timer whose pulse goes to another process. */
    struct sigevent event;
    struct itimerspec when = {{0, 0}, {0, 1000000}};
    timer_t timer;
    struct shared *shared = argument;
    SIGEV_PULSE_INIT(&event, coid, 10, 8, 321);
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_SYS(timer_settime(timer, 0, &when, NULL));
    qnx_await(&shared->step, 1);
}

QNX_CASE(a_timer_may_send_to_another_process)
{
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, wait_for_foreign_pulse, shared);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, 8);
    CHECK_EQ(pulse.value.sival_int, 321);
    qnx_count(&shared->step);
    qnx_join(client);
}

CASE(delivery_to_a_stopped_client_never_blocks)
{
    char byte;
    struct sigevent event;
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT)), result = 0;
    SIGEV_PULSE_INIT(&event, _NTO_SIDE_CHANNEL, 10, 1, 1);
    struct qnx_client *client = qnx_start(false, chid, ask_and_follow, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_SYS(kill(qnx_pid(client), SIGSTOP));
    CHECK_SYS(waitpid(qnx_pid(client), NULL, WUNTRACED));
    for (unsigned i = 0; i < 100000 && result == 0; i++) result = MsgDeliverEvent_r(rcvid, &event);
    CHECK_EQ(result, -EAGAIN);
    CHECK_SYS(kill(qnx_pid(client), SIGCONT));
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}

static void deliver_what_comes(void *argument)
{
    struct shared *shared = argument;
    struct sigevent event;
    shared->extra = CHECK_SYS(ChannelCreate(0));
    qnx_count(&shared->step);
    for (;;) {
        rcvid_t rcvid = qnx_receive(shared->extra, &event, sizeof event);
        CHECK_EQ(MsgDeliverEvent(rcvid, &event), 0);
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    }
}

CASE(another_process_cannot_deliver_a_registered_event)
{
    struct sigevent event;
    struct shared *first = qnx_share(4096), *second = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    pid_t servers[2] = {check_fork(deliver_what_comes, first), check_fork(deliver_what_comes, second)};
    qnx_await(&first->step, 1);
    qnx_await(&second->step, 1);
    int right = CHECK_SYS(ConnectAttach(0, servers[0], first->extra, _NTO_SIDE_CHANNEL, 0)),
        wrong = CHECK_SYS(ConnectAttach(0, servers[1], second->extra, _NTO_SIDE_CHANNEL, 0));
    SIGEV_PULSE_INIT(&event, self, 10, 5, 1);
    CHECK_EQ(MsgRegisterEvent(&event, right), 0);
    CHECK_ERRNO(MsgDeliverEvent(0, &event), EPERM); /* not we ourselves either */
    CHECK_EQ(MsgSend(wrong, &event, sizeof event, NULL, 0), 0);
    CHECK_EQ(MsgSend(right, &event, sizeof event, NULL, 0), 0);
    CHECK_EQ(qnx_receive_pulse(chid).code, 5);
    delay(20);
    qnx_check_empty(chid); /* one came, not two */
    CHECK_EQ(MsgUnregisterEvent(&event), 0);
    SIGEV_PULSE_INIT(&event, self, 10, 6, 1);
    CHECK_EQ(MsgRegisterEvent(&event, -1), 0); /* for any server */
    CHECK_EQ(MsgSend(wrong, &event, sizeof event, NULL, 0), 0);
    CHECK_EQ(qnx_receive_pulse(chid).code, 6);
}

static void deliver_to_the_case(int coid, void *argument)
{
    struct sigevent event;
    struct shared *shared = argument;
    SIGEV_PULSE_INIT(&event, coid, 12, 9, 8);
    CHECK_EQ(MsgDeliverEvent(0, &event), 0);
    qnx_await(&shared->step, 1);
}

QNX_CASE(an_event_may_lead_to_another_process)
{
    struct shared *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, deliver_to_the_case, shared);
    struct _pulse pulse = qnx_receive_pulse(chid);
    CHECK_EQ(pulse.code, 9);
    CHECK_EQ(pulse.value.sival_int, 8);
    qnx_count(&shared->step);
    qnx_join(client);
}

/* ---- What the client cannot do, the server does not hear of ---- */

static void wait_for_the_right_one(int coid, void *argument)
{
    struct ask ask = {.stay = 0};
    (void)argument;
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    SIGEV_PULSE_INIT(&ask.event, self + 100, 10, 1, 1); /* a connection that it does not have */
    CHECK_EQ(MsgSend(coid, &ask, sizeof ask, NULL, 0), 0);
    SIGEV_PULSE_INIT(&ask.event, self, 10, 2, 2);
    CHECK_EQ(MsgSend(coid, &ask, sizeof ask, NULL, 0), 0);
    CHECK_EQ(qnx_receive_pulse(chid).code, 2);
    qnx_check_empty(chid);
}

CASE(a_pulse_on_a_connection_the_client_does_not_have_is_dropped_there)
{
    struct ask ask;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, wait_for_the_right_one, NULL);
    for (unsigned i = 0; i < 2; i++) {
        rcvid_t rcvid = qnx_receive(chid, &ask, sizeof ask);
        CHECK_EQ(MsgDeliverEvent(rcvid, &ask.event), 0);
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    }
    qnx_join(client);
}

CASE(what_no_event_may_be)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    static const int kinds[] = {SIGEV_INTR, SIGEV_MEMORY, SIGEV_UNBLOCK, SIGEV_THREAD, 0x7f};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        event.sigev_notify = kinds[i];
        CHECK_ERRNO(MsgDeliverEvent(0, &event), EINVAL);
        CHECK_ERRNO(MsgVerifyEvent(0, &event), EINVAL);
        CHECK_ERRNO(MsgRegisterEvent(&event, -1), EINVAL);
    }
}

CASE(the_value_and_code_of_a_registered_event_change_only_where_it_says_so)
{
    static const int flags[] = {0, SIGEV_FLAG_UPDATEABLE, SIGEV_FLAG_CODE_UPDATEABLE, SIGEV_FLAG_UPDATEABLE | SIGEV_FLAG_CODE_UPDATEABLE};
    int chid = CHECK_SYS(ChannelCreate(0)), self = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    for (unsigned i = 0; i < 4; i++) {
        struct sigevent event;
        SIGEV_PULSE_INIT(&event, self, 10, 1, 1);
        event.sigev_notify |= flags[i];
        CHECK_EQ(MsgRegisterEvent(&event, self), 0);
        event.sigev_value.sival_int = 2;
        event.sigev_code = 2;
        event.sigev_coid = self + 9;
        CHECK_EQ(MsgDeliverEvent(0, &event), 0);
        struct _pulse pulse = qnx_receive_pulse(chid);
        CHECK_EQ(pulse.value.sival_int, flags[i] & SIGEV_FLAG_UPDATEABLE ? 2 : 1);
        CHECK_EQ(pulse.code, flags[i] & SIGEV_FLAG_CODE_UPDATEABLE ? 2 : 1);
        CHECK_EQ(MsgUnregisterEvent(&event), 0);
    }
}
