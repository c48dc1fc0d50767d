/*
 * Safety: 10,000 signals a second, with and without SA_RESTART, on a client, on a server, and on both. No message is lost or doubled, EINTR comes
 * from the calls that document it and only for handlers without SA_RESTART, and a deadline stays where it was.
 */
#include "core_support.h"
#include "qnx_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

#define PERIOD 100 /* us */
#define SIGNALS check_rounds(3000, 30000)
#define LARGE 200000

struct scene {
    pid_t server;
    _Atomic int chid;
    _Atomic unsigned ready, over;
    bool client_storm, server_storm, restart;
    _Atomic unsigned client_signals, server_signals;
    unsigned long sent, answered; /* each number is sent until it is answered */
};

static _Atomic unsigned *signals; /* of this process, where others see how many there were */
static void on_signal(int signal) { (void)signal, atomic_fetch_add(signals, 1); }

static void begin_storm(bool restart, _Atomic unsigned *counted)
{
    signals = counted;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = restart ? SA_RESTART : 0};
    CHECK_SYS(sigaction(SIGALRM, &action, NULL));
    CHECK_SYS(setitimer(ITIMER_REAL, &(struct itimerval){{0, PERIOD}, {0, PERIOD}}, NULL));
}

static void end_storm(void) { CHECK_SYS(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL)); }

/* Every storm there is to be has lasted for long enough. */
static bool stormed(struct scene *scene)
{
    return (!scene->client_storm || atomic_load(&scene->client_signals) >= SIGNALS) && (!scene->server_storm || atomic_load(&scene->server_signals) >= SIGNALS);
}

/* The client: numbered messages of many sizes, some after a pause in which the server goes to sleep. */
static void send_numbers(void *argument)
{
    struct scene *scene = argument;
    static unsigned out[LARGE / 4], in[LARGE / 4];
    unsigned random = 3;
    bool may_be_interrupted = scene->client_storm && !scene->restart;
    qnx_await(&scene->ready, 1);
    if (scene->client_storm) begin_storm(scene->restart, &scene->client_signals); /* the set-up is in it, too */
    int coid = CHECK_SYS(ConnectAttach(0, scene->server, atomic_load(&scene->chid), _NTO_SIDE_CHANNEL, 0));
    for (unsigned number = 1; scene->answered < 100 || !stormed(scene); number++) {
        size_t size = number % 16 == 0 ? LARGE : core_random(&random) % 16 * 4 + 4;
        long result;
        qnx_fill(out, size, number);
        out[0] = number;
        do {
            scene->sent++;
            memset(in, 0, size);
            result = MsgSend_r(coid, out, size, in, size);
        } while (may_be_interrupted && result == -EINTR);
        CHECK_EQ(result, number);
        CHECK_MEM_EQ(in, out, size);
        scene->answered++;
        if (number % 8 == 0)
            for (int64_t end = tpy_now() + core_random(&random) % 300 * 1000; tpy_now() < end;) sched_yield();
    }
    if (scene->client_storm) end_storm();
    out[0] = UINT32_MAX;
    CHECK_EQ(MsgSend(coid, out, 4, NULL, 0), 0);
}

/* The server reads large messages in pieces. */
static void serve_numbers(void *argument)
{
    struct scene *scene = argument;
    static unsigned char buffer[LARGE];
    unsigned next = 1;
    unsigned long accepted = 0, late = 0;
    bool may_be_interrupted = scene->server_storm && !scene->restart, may_be_late = scene->client_storm && !scene->restart;
    if (scene->server_storm) begin_storm(scene->restart, &scene->server_signals);
    int chid = CHECK_SYS(ChannelCreate(0));
    atomic_store(&scene->chid, chid);
    qnx_count(&scene->ready);
    for (;;) {
        struct _msg_info info;
        unsigned number;
        rcvid_t rcvid = MsgReceive_r(chid, buffer, 40, &info);
        if (may_be_interrupted && rcvid == -EINTR) continue;
        CHECK_GT(rcvid, 0);
        memcpy(&number, buffer, sizeof number);
        if (number == UINT32_MAX) {
            CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
            break;
        }
        accepted++;
        CHECK_EQ(number, next); /* none is left out, none that was answered comes again */
        ssize_t got = 1;
        for (size_t at = (size_t)info.msglen; at < (size_t)info.srcmsglen && got > 0; at += (size_t)got) {
            size_t rest = sizeof buffer - at < 30000 ? sizeof buffer - at : 30000;
            got = MsgRead_r(rcvid, buffer + at, rest, at);
            if (got != -ESRCH || !may_be_late) CHECK_GT(got, 0); /* no EINTR: the matrix has none here */
        }
        int result = MsgReply_r(rcvid, number, buffer, (size_t)info.srcmsglen);
        if (result == -ESRCH && may_be_late) late++;
        else {
            CHECK_EQ(result, 0);
            CHECK_GT(got, 0);
            next++;
        }
    }
    if (scene->server_storm) end_storm();
    CHECK_EQ(accepted - late, scene->answered);
    if (!may_be_late) CHECK_EQ(scene->sent, scene->answered);
}

static void storm_on(bool client, bool server, bool restart)
{
    struct scene *scene = qnx_share(sizeof *scene);
    scene->client_storm = client, scene->server_storm = server, scene->restart = restart;
    (void)client;
    pid_t serving = check_fork(serve_numbers, scene);
    scene->server = serving;
    pid_t sending = check_fork(send_numbers, scene);
    check_join(sending);
    check_join(serving);
}

CASE_LIMIT(a_storm_on_the_client, 20) { storm_on(true, false, false); }
CASE_LIMIT(a_storm_on_the_client_with_restart, 20) { storm_on(true, false, true); }
CASE_LIMIT(a_storm_on_the_server, 20) { storm_on(false, true, false); }
CASE_LIMIT(a_storm_on_the_server_with_restart, 20) { storm_on(false, true, true); }
CASE_LIMIT(a_storm_on_both, 20) { storm_on(true, true, false); }
CASE_LIMIT(a_storm_on_both_with_restart, 20) { storm_on(true, true, true); }

/* ---- Deadlines ---- */

#define TIME 80 /* ms */
#define LATEST 2000

enum blocked { RECEIVING, SENDING, REPLYING };

struct late {
    enum blocked how;
    bool restart;
    int chid, coid;
};

static void *wait_in_the_storm(void *argument)
{
    struct late *late = argument;
    sigset_t alarm;
    char byte = 0;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &alarm, NULL), 0);
    for (int i = 0; i < 3; i++) {
        int64_t start = qnx_now_ms();
        qnx_timeout(_NTO_TIMEOUT_RECEIVE | _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, TIME);
        long result = late->how == RECEIVING ? MsgReceive_r(late->chid, &byte, 1, NULL) : MsgSend_r(late->coid, &byte, 1, NULL, 0);
        int64_t took = qnx_now_ms() - start;
        CHECK_EQ(result, late->restart ? -ETIMEDOUT : -EINTR);
        if (late->restart) CHECK_GE(took, TIME);
        CHECK_LE(took, LATEST);
    }
    return NULL;
}

static void *receive_only(void *argument)
{
    char byte;
    rcvid_t rcvid;
    while ((rcvid = MsgReceive_r(*(int *)argument, &byte, 1, NULL)) != -ESRCH) CHECK_GE(rcvid, 0);
    return NULL;
}

static void wait_of_each_kind(bool restart)
{
    pthread_t other, waiter;
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &alarm, NULL), 0); /* only who waits is meant */
    static _Atomic unsigned counted;
    begin_storm(restart, &counted);
    for (int two = 0; two < 2; two++) { /* alone on the channel, and beside a thread that received there before */
        for (enum blocked how = RECEIVING; how <= REPLYING; how++) {
            struct late late = {how, restart, CHECK_SYS(ChannelCreate(0)), 0};
            late.coid = CHECK_SYS(ConnectAttach(0, 0, late.chid, _NTO_SIDE_CHANNEL, 0));
            bool receiver = how == REPLYING || (how == RECEIVING && two);
            if (how == SENDING && two) continue;
            if (receiver) {
                CHECK_EQ(pthread_create(&other, NULL, receive_only, &late.chid), 0);
                qnx_await_receivers(getpid(), late.chid, 1);
            }
            CHECK_EQ(pthread_create(&waiter, NULL, wait_in_the_storm, &late), 0);
            CHECK_EQ(pthread_join(waiter, NULL), 0);
            CHECK_EQ(ChannelDestroy(late.chid), 0);
            if (receiver) CHECK_EQ(pthread_join(other, NULL), 0);
            CHECK_EQ(ConnectDetach(late.coid), 0);
        }
    }
    end_storm();
}

CASE_LIMIT(a_deadline_stays_where_it_was_in_a_storm, 20) { wait_of_each_kind(true); }
CASE(each_blocked_call_ends_with_eintr_in_a_storm_without_restart) { wait_of_each_kind(false); }

/* ---- Set-up ---- */

struct started {
    _Atomic unsigned ready, signals;
    _Atomic int chid;
};

static void set_up_in_the_storm(void *argument)
{
    struct started *started = argument;
    char message[LARGE];
    begin_storm(true, &started->signals);
    int chid = CHECK_SYS(ChannelCreate(0)), own = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSendPulse(own, 10, 1, 1), 0);
    CHECK_EQ(qnx_receive_pulse(chid).code, 1);
    atomic_store(&started->chid, chid);
    qnx_count(&started->ready);
    rcvid_t rcvid = MsgReceive_r(chid, message, sizeof message, NULL);
    CHECK_GT(rcvid, 0);
    CHECK_EQ(MsgReply(rcvid, 5, message, sizeof message), 0);
    end_storm();
}

CASE_LIMIT(what_is_set_up_in_a_storm_is_whole, 20)
{
    static char message[LARGE];
    for (unsigned i = 0; i < check_rounds(20, 300); i++) {
        struct started *started = qnx_share(sizeof *started);
        pid_t child = check_fork(set_up_in_the_storm, started);
        qnx_await(&started->ready, 1);
        qnx_await_receivers(child, atomic_load(&started->chid), 1); /* others can see where it is blocked */
        int coid = CHECK_SYS(ConnectAttach(0, child, atomic_load(&started->chid), _NTO_SIDE_CHANNEL, 0));
        CHECK_EQ(MsgSend(coid, message, sizeof message, message, sizeof message), 5);
        check_join(child);
        CHECK_EQ(ConnectDetach(coid), 0);
    }
}
