/* QNX, signal handlers that send pulses and messages on a connection in the middle of whose calls they come: between any two steps. Nothing is lost, nothing
 * comes twice, and nobody is taken for a liar. */
#include "observe.h"
#include "qnx_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define ALARMS 4000
#define OUTER 1 /* codes of pulses */
#define INNER 2
#define TOLD 3  /* its value: how many of INNER there were */
#define LAST 4  /* and how many of OUTER */

static int shared_coid;
static volatile unsigned alarms;
static unsigned inner_pulses, inner_messages;

/* A pulse more of this code; where the ring is full, later. */
static void pulse(int code, unsigned value)
{
    int result;
    while ((result = MsgSendPulse_r(shared_coid, -1, code, (int)value)) == -EAGAIN) sched_yield();
    CHECK_EQ(result, 0);
}

/* A message whose answer must be its own. False: the thread was in the middle of another. */
static bool message(unsigned value)
{
    unsigned answer = 0;
    long status = MsgSend_r(shared_coid, &value, sizeof value, &answer, sizeof answer);
    if (status == -EAGAIN) return false;
    CHECK_EQ(status, 0);
    CHECK_EQ(answer, value + 1);
    return true;
}

static void send_pulse(int number)
{
    (void)number;
    alarms++;
    /* Not where the ring is full: who was interrupted may be just about to post what fills it. */
    int result = MsgSendPulse_r(shared_coid, -1, INNER, (int)inner_pulses);
    if (result == 0) inner_pulses++;
    else CHECK_EQ(result, -EAGAIN);
}

static void send_message(int number)
{
    (void)number;
    alarms++;
    if (message(0x40000000u + inner_messages)) inner_messages++;
}

static void start_alarms(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    const struct itimerval often = {{0, 30}, {0, 30}};
    CHECK_SYS(sigaction(SIGALRM, &action, NULL));
    CHECK_SYS(setitimer(ITIMER_REAL, &often, NULL));
}

static void end_alarms(unsigned outer)
{
    const struct itimerval never = {0};
    CHECK_SYS(setitimer(ITIMER_REAL, &never, NULL));
    pulse(TOLD, inner_pulses);
    pulse(LAST, outer);
}

static void pulses_into_messages(int coid, void *argument)
{
    (void)argument;
    shared_coid = coid;
    CHECK(message(0));
    start_alarms(send_pulse);
    for (unsigned i = 1; alarms < ALARMS; i++) CHECK(message(i));
    end_alarms(0);
}

/* How many pulses were sent while such alarms came. */
static unsigned pulses_under(int coid, void (*handler)(int))
{
    unsigned sent = 0;
    shared_coid = coid;
    CHECK(message(0));
    start_alarms(handler);
    while (alarms < ALARMS) pulse(OUTER, sent++);
    return sent;
}

static void pulses_into_pulses(int coid, void *argument)
{
    (void)argument;
    end_alarms(pulses_under(coid, send_pulse));
}

static void messages_into_pulses(int coid, void *argument)
{
    (void)argument;
    end_alarms(pulses_under(coid, send_message));
    CHECK(inner_messages > ALARMS / 2);
}

/* Each kind must come whole and in its order. */
static void serve(void (*run)(int, void *))
{
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, run, NULL);
    unsigned outer = 0, inner = 0, told = UINT32_MAX;
    int64_t last[2] = {-1, -1};
    for (bool over = false; !over;) {
        union {
            struct _pulse pulse;
            unsigned value;
        } got;
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &got, sizeof got, NULL));
        if (rcvid > 0) {
            unsigned from = got.value >= 0x40000000u;
            CHECK_EQ((int64_t)(got.value & 0x3fffffffu), last[from] + 1);
            last[from]++;
            got.value++;
            CHECK_EQ(MsgReply_r(rcvid, 0, &got.value, sizeof got.value), 0);
            continue;
        }
        unsigned value = (unsigned)got.pulse.value.sival_int;
        switch (got.pulse.code) {
        case OUTER: CHECK_EQ(value, outer); outer++; break;
        case INNER: CHECK_EQ(value, inner); inner++; break;
        case TOLD: told = value; break;
        case LAST: CHECK_EQ(value, outer); over = true; break;
        default: CHECK(false);
        }
    }
    CHECK_EQ(inner, told);
    qnx_join(client);
    qnx_check_empty(chid);
}

CASE(a_pulse_from_a_handler_comes_between_messages) { serve(pulses_into_messages); }
CASE(a_pulse_from_a_handler_comes_between_pulses) { serve(pulses_into_pulses); }
CASE(a_message_from_a_handler_comes_between_pulses) { serve(messages_into_pulses); }

/* ---- A handler that sleeps in a call of its own, and the kernel goes on with the sleep that it interrupted. ------------------------------------------ */

static int handler_coid, interrupted_coid, interrupted_chid;
static pid_t interrupted;
static _Atomic unsigned handled;

static void send_slowly(int number)
{
    (void)number;
    CHECK_EQ(MsgSend_r(handler_coid, NULL, 0, NULL, 0), 0);
    qnx_count(&handled);
}

static void handle_slowly(void)
{
    struct sigaction action = {.sa_handler = send_slowly, .sa_flags = SA_RESTART};
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
}

/* The thread sleeps in its own call when the handler begins and when this returns, and in between in that of the handler. */
static void interrupt(pthread_t thread, int handler_chid)
{
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    qnx_await_senders(getpid(), getpid(), handler_chid, 1);
    rcvid_t rcvid = qnx_receive(handler_chid, NULL, 0);
    CHECK_EQ(MsgReply_r(rcvid, 0, NULL, 0), 0);
    qnx_await(&handled, 1);
    observe_asleep_in_either(interrupted, SYS_futex_waitv, SYS_futex);
}

static void *send_until_closed(void *argument)
{
    (void)argument;
    interrupted = (pid_t)syscall(SYS_gettid); /* gettid() is QNX's */
    CHECK_EQ(MsgSend_r(interrupted_coid, NULL, 0, NULL, 0), -EBADF);
    return NULL;
}

static void *send_until_cancelled(void *argument)
{
    (void)argument;
    interrupted = (pid_t)syscall(SYS_gettid); /* gettid() is QNX's */
    MsgSend_r(interrupted_coid, NULL, 0, NULL, 0);
    CHECK(false);
    return NULL;
}

static void *receive_until_destroyed(void *argument)
{
    (void)argument;
    interrupted = (pid_t)syscall(SYS_gettid); /* gettid() is QNX's */
    CHECK_EQ(MsgReceive_r(interrupted_chid, NULL, 0, NULL), -ESRCH);
    return NULL;
}

static void a_sleep_is_interrupted(void *(*run)(void *), bool sends, void (*end)(pthread_t))
{
    pthread_t thread;
    int handler_chid = CHECK_SYS(ChannelCreate(0));
    interrupted_chid = CHECK_SYS(ChannelCreate(0));
    handler_coid = CHECK_SYS(ConnectAttach(ND_LOCAL_NODE, 0, handler_chid, _NTO_SIDE_CHANNEL, 0));
    interrupted_coid = CHECK_SYS(ConnectAttach(ND_LOCAL_NODE, 0, interrupted_chid, _NTO_SIDE_CHANNEL, 0));
    handle_slowly();
    CHECK_EQ(pthread_create(&thread, NULL, run, NULL), 0);
    if (sends) qnx_await_senders(getpid(), getpid(), interrupted_chid, 1);
    else qnx_await_receivers(getpid(), interrupted_chid, 1);
    interrupt(thread, handler_chid);
    /* As others see it, too. */
    if (sends) qnx_await_senders(getpid(), getpid(), interrupted_chid, 1);
    else qnx_await_receivers(getpid(), interrupted_chid, 1);
    end(thread);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void detach(pthread_t thread)
{
    (void)thread;
    CHECK_EQ(ConnectDetach(interrupted_coid), 0);
}

static void cancel(pthread_t thread) { CHECK_EQ(pthread_cancel(thread), 0); }

static void destroy(pthread_t thread)
{
    (void)thread;
    CHECK_EQ(ChannelDestroy(interrupted_chid), 0);
}

CASE(a_send_goes_on_after_a_handler_that_slept_and_learns_of_its_end) { a_sleep_is_interrupted(send_until_closed, true, detach); }
CASE(a_send_goes_on_after_a_handler_that_slept_and_can_be_cancelled) { a_sleep_is_interrupted(send_until_cancelled, true, cancel); }
CASE(a_receive_goes_on_after_a_handler_that_slept_and_learns_of_its_end) { a_sleep_is_interrupted(receive_until_destroyed, false, destroy); }
