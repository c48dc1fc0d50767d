/*
 * QNX: the errno matrix: each form of each call, with its twin, gives each error that it can give. A plain form returns -1 and sets errno; its
 * twin returns the negative number and leaves errno alone.
 */
#include "qnx_support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

struct args {
    int coid, chid;
    rcvid_t rcvid;
    void *out, *in; /* what is sent or written from, what is received or read into */
    size_t size, offset;
    iov_t *parts; /* in place of lists of one part made of those */
    size_t count;
};

struct pair {
    const char *name;
    long (*plain)(const struct args *);
    long (*twin)(const struct args *);
};

#define OUT a->parts ? a->parts : (iov_t[]){{a->out, a->size}}, a->parts ? a->count : 1
#define IN a->parts ? a->parts : (iov_t[]){{a->in, a->size}}, a->parts ? a->count : 1
#define PAIR(name, ...)                                                                                               \
    static long plain_##name(const struct args *a) { return name(__VA_ARGS__); }                                      \
    static long twin_##name(const struct args *a) { return name##_r(__VA_ARGS__); }
#define ENTRY(name) {#name, plain_##name, twin_##name}
#define EACH(table) const struct pair *it = (table); it < (table) + sizeof(table) / sizeof *(table); it++

PAIR(MsgSend, a->coid, a->out, a->size, a->in, a->size)
PAIR(MsgSendnc, a->coid, a->out, a->size, a->in, a->size)
PAIR(MsgSendsv, a->coid, a->out, a->size, IN)
PAIR(MsgSendsvnc, a->coid, a->out, a->size, IN)
PAIR(MsgSendvs, a->coid, OUT, a->in, a->size)
PAIR(MsgSendvsnc, a->coid, OUT, a->in, a->size)
PAIR(MsgSendv, a->coid, OUT, IN)
PAIR(MsgSendvnc, a->coid, OUT, IN)
static const struct pair sends[] = {ENTRY(MsgSend), ENTRY(MsgSendnc), ENTRY(MsgSendsv), ENTRY(MsgSendsvnc), ENTRY(MsgSendvs),
    ENTRY(MsgSendvsnc), ENTRY(MsgSendv), ENTRY(MsgSendvnc)};

PAIR(MsgReceive, a->chid, a->in, a->size, NULL)
PAIR(MsgReceivev, a->chid, IN, NULL)
PAIR(MsgReceivePulse, a->chid, a->in, a->size, NULL)
PAIR(MsgReceivePulsev, a->chid, IN, NULL)
static const struct pair receives[] = {ENTRY(MsgReceive), ENTRY(MsgReceivev), ENTRY(MsgReceivePulse), ENTRY(MsgReceivePulsev)};

PAIR(MsgReply, a->rcvid, 3, a->out, a->size)
PAIR(MsgReplyv, a->rcvid, 3, OUT)
static const struct pair replies[] = {ENTRY(MsgReply), ENTRY(MsgReplyv)};

PAIR(MsgRead, a->rcvid, a->in, a->size, a->offset)
PAIR(MsgReadv, a->rcvid, IN, a->offset)
PAIR(MsgWrite, a->rcvid, a->out, a->size, a->offset)
PAIR(MsgWritev, a->rcvid, OUT, a->offset)
static const struct pair transfers[] = {ENTRY(MsgRead), ENTRY(MsgReadv), ENTRY(MsgWrite), ENTRY(MsgWritev)};

/* What the call says, as its twin says it; errno is as it has to be. */
static long outcome(const struct pair *it, bool twin, const struct args *a)
{
    errno = 4321;
    long result = twin ? it->twin(a) : it->plain(a);
    if (twin || result != -1) {
        if (errno != 4321) check_failed(__FILE__, __LINE__, "%s%s: errno is touched: %d", it->name, twin ? "_r" : "", errno);
        return result;
    }
    return -errno;
}

static void expect(const struct pair *it, bool twin, const struct args *a, long expected)
{
    long result = outcome(it, twin, a);
    if (result != expected)
        check_failed(__FILE__, __LINE__, "%s%s gives %ld, not %ld", it->name, twin ? "_r" : "", result, expected);
}

/* ---- MsgSend*: the first byte says what the server does with it ---- */

static void send_each(int coid, void *argument)
{
    char message[16] = "", room[16];
    (void)argument;
    struct args good = {.coid = coid, .out = message, .in = room, .size = 16}, bad_out = good, bad_in = good, none = good;
    bad_out.out = bad_in.in = qnx_unmapped();
    none.coid = -1;
    for (int twin = 0; twin < 2; twin++)
        for (EACH(sends)) {
            expect(it, twin, &none, -EBADF);
            expect(it, twin, &bad_out, -EFAULT);
            message[0] = 'f';
            expect(it, twin, &bad_in, -EFAULT);
            message[0] = 's';
            expect(it, twin, &good, -ESRVRFAULT);
            message[0] = 'e';
            expect(it, twin, &good, -EIO);
            message[0] = 't';
            qnx_timeout(_NTO_TIMEOUT_REPLY, 2);
            expect(it, twin, &good, -ETIMEDOUT);
            message[0] = 'o';
            expect(it, twin, &good, 7);
        }
    message[0] = 'q';
    CHECK_EQ(MsgSend(coid, message, 1, NULL, 0), 7);
}

QNX_CASE(errors_of_every_form_of_send)
{
    char message[16] = "", answer[16] = "answer";
    rcvid_t late = 0;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_each, NULL);
    while (message[0] != 'q') {
        rcvid_t rcvid = qnx_receive(chid, message, sizeof message);
        if (late) CHECK_EQ(MsgReply_r(late, 1, answer, sizeof answer), -ESRCH);
        late = 0;
        switch (message[0]) {
        case 'f': CHECK_EQ(MsgReply_r(rcvid, 1, answer, sizeof answer), -EFAULT); break;
        case 's': CHECK_EQ(MsgReply_r(rcvid, 1, qnx_unmapped(), sizeof answer), -ESRVRFAULT); break;
        case 'e': CHECK_EQ(MsgError(rcvid, EIO), 0); break;
        case 't': late = rcvid; break;
        default: CHECK_EQ(MsgReply_r(rcvid, 7, answer, sizeof answer), 0);
        }
        if (strchr("fse", message[0])) CHECK_EQ(MsgReply_r(rcvid, 1, answer, sizeof answer), -ESRCH); /* it is consumed */
    }
    qnx_join(client);
}

CASE(lengths_that_overflow_in_every_list)
{
    char byte;
    iov_t parts[2] = {{&byte, SIZE_MAX / 2 + 1}, {&byte, SIZE_MAX / 2 + 1}};
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    struct args a = {.coid = coid, .chid = chid, .out = &byte, .in = &byte, .size = 1, .parts = parts, .count = 2};
    for (int twin = 0; twin < 2; twin++) {
        for (EACH(sends))
            if (strchr(it->name + 7, 'v')) expect(it, twin, &a, -EOVERFLOW);
        CHECK_EQ(MsgSendPulse(coid, 10, 1, 1), 0); /* a receive tells when there is something to put there */
        expect(&receives[1], twin, &a, -EFAULT);
        expect(&receives[3], twin, &a, -EFAULT);
        CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 1);
    }
    qnx_check_empty(chid);
}

struct blocked {
    const struct pair *it;
    bool twin;
    struct args args;
    long result;
};

static void *call(void *argument)
{
    struct blocked *blocked = argument;
    blocked->result = outcome(blocked->it, blocked->twin, &blocked->args);
    return NULL;
}

CASE(channel_destroyed_or_connection_detached_under_every_form_of_send)
{
    char byte = 'x';
    pthread_t thread;
    for (int round = 0; round < 8; round++)
        for (EACH(sends)) {
            bool twin = round & 1, received = round & 2, detach = round & 4;
            int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
            struct blocked blocked = {it, twin, {.coid = coid, .out = &byte, .in = &byte, .size = 1}, 0};
            CHECK_EQ(pthread_create(&thread, NULL, call, &blocked), 0);
            if (received) qnx_receive(chid, &byte, 1);
            else qnx_await_senders(getpid(), getpid(), chid, 1);
            CHECK_EQ(detach ? ConnectDetach(coid) : ChannelDestroy(chid), 0);
            CHECK_EQ(pthread_join(thread, NULL), 0);
            if (blocked.result != (detach ? -EBADF : -ESRCH))
                check_failed(__FILE__, __LINE__, "%s gives %ld, round %d", it->name, blocked.result, round);
            expect(it, twin, &blocked.args, -EBADF);
        }
}

/* ---- EINTR: a signal every few ms ---- */

static void on_alarm(int signal) { (void)signal; }

static void alarm_often(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 2000}, {0, 2000}};
    CHECK_SYS(sigaction(SIGALRM, &action, NULL));
    CHECK_SYS(setitimer(ITIMER_REAL, &often, NULL));
}

CASE(a_signal_ends_every_form)
{
    char buffer[64];
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    struct args a = {.coid = coid, .chid = chid, .out = buffer, .in = buffer, .size = sizeof buffer};
    alarm_often();
    for (int twin = 0; twin < 2; twin++) {
        for (EACH(sends)) expect(it, twin, &a, -EINTR);
        for (EACH(receives)) expect(it, twin, &a, -EINTR);
    }
}

static void hold_each(int coid, void *argument)
{
    char buffer[16] = "";
    (void)argument;
    struct args a = {.coid = coid, .out = buffer, .in = buffer, .size = sizeof buffer};
    alarm_often();
    for (int twin = 0; twin < 2; twin++)
        for (EACH(sends)) {
            long result;
            do result = outcome(it, twin, &a); /* until it was received before the signal came */
            while (result == -EINTR && buffer[0]++ < 20);
            CHECK_EQ(result, -EINTR);
            buffer[0] = 0;
        }
}

CASE(a_signal_ends_every_form_of_send_that_was_received)
{
    struct _msg_info info;
    char buffer[16];
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT)), received = 0;
    struct qnx_client *client = qnx_start(false, chid, hold_each, NULL);
    rcvid_t rcvid;
    while ((rcvid = MsgReceive(chid, buffer, sizeof buffer, NULL)) > 0) {
        while (MsgInfo_r(rcvid, &info) == 0) sched_yield();
        CHECK_ERRNO(MsgReply(rcvid, 5, NULL, 0), ESRCH);
        received++;
    }
    CHECK_GE(received, 16); /* every form at least once */
    qnx_join(client);
}

/* ---- MsgReceive* ---- */

CASE(errors_of_every_form_of_receive)
{
    char buffer[sizeof(struct _pulse)];
    pthread_t thread;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    struct args good = {.chid = chid, .in = buffer, .size = sizeof buffer}, bad = good, small = good, none = good;
    bad.in = qnx_unmapped();
    small.size--;
    none.chid = chid + 1;
    for (int twin = 0; twin < 2; twin++)
        for (EACH(receives)) {
            expect(it, twin, &none, -ESRCH);
            qnx_timeout(_NTO_TIMEOUT_RECEIVE, 1);
            expect(it, twin, &good, -ETIMEDOUT);
            CHECK_EQ(MsgSendPulse(coid, 10, 1, 1), 0);
            expect(it, twin, &bad, -EFAULT);
            expect(it, twin, &small, -EFAULT);
            expect(it, twin, &good, 0); /* it was not lost */
            int other = CHECK_SYS(ChannelCreate(0));
            struct blocked blocked = {it, twin, good, 0};
            blocked.args.chid = other;
            CHECK_EQ(pthread_create(&thread, NULL, call, &blocked), 0);
            qnx_await_receivers(getpid(), other, 1);
            CHECK_EQ(ChannelDestroy(other), 0);
            CHECK_EQ(pthread_join(thread, NULL), 0);
            CHECK_EQ(blocked.result, -ESRCH);
        }
}

/* ---- MsgReply*, MsgError, MsgRead*, MsgWrite* ---- */

#define PIECE 48
#define REPLY_ROUNDS (2 * 2 * (int)(sizeof replies / sizeof *replies))

/* In turns a message and room without fault, and both with a part that is not there. */
static void send_with_and_without_a_hole(int coid, void *argument)
{
    char good[PIECE], *bad = qnx_unmapped();
    (void)argument;
    for (int round = 0; round < REPLY_ROUNDS; round++) {
        iov_t parts[2] = {{good, PIECE - 16}, {round % 2 ? bad : good + PIECE - 16, 16}};
        memset(good, 'g', sizeof good);
        CHECK_EQ(MsgSendv_r(coid, parts, 2, parts, 2), round % 2 ? -EFAULT : -ESRVRFAULT);
    }
}

static void transfer_in_every_form(struct args good, bool hole)
{
    struct args none = good, bad = good, tail = good, at_end = good, past = good;
    none.rcvid = 77;
    bad.out = bad.in = qnx_unmapped();
    tail.offset = PIECE - 3;
    at_end.offset = PIECE;
    past.offset = SIZE_MAX - 3;
    for (int twin = 0; twin < 2; twin++)
        for (EACH(transfers)) {
            expect(it, twin, &none, -ESRCH);
            expect(it, twin, &bad, -ESRVRFAULT);
            expect(it, twin, &tail, hole ? -EFAULT : 3); /* clipped */
            expect(it, twin, &at_end, 0);
            expect(it, twin, &past, 0);
            expect(it, twin, &good, 8); /* the client stays blocked, whatever came */
        }
}

QNX_CASE(errors_of_every_form_of_transfer_and_reply)
{
    char buffer[PIECE];
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_with_and_without_a_hole, NULL);
    for (int round = 0; round < REPLY_ROUNDS; round++) {
        bool hole = round % 2, twin = round >= REPLY_ROUNDS / 2;
        rcvid_t rcvid = qnx_receive(chid, buffer, 16);
        struct args good = {.rcvid = rcvid, .out = buffer, .in = buffer, .size = 8}, bad = good;
        transfer_in_every_form(good, hole);
        good.size = bad.size = PIECE;
        bad.out = qnx_unmapped();
        expect(&replies[round / 2 % 2], twin, hole ? &good : &bad, hole ? -EFAULT : -ESRVRFAULT);
        for (EACH(replies)) expect(it, twin, &good, -ESRCH); /* it is consumed */
        for (EACH(transfers)) expect(it, twin, &good, -ESRCH);
        CHECK_EQ(MsgError_r(rcvid, EIO), -ESRCH);
    }
    qnx_join(client);
}

/* ---- The others ---- */

#define TWINS(call, twin, error)                                                                                      \
    do {                                                                                                              \
        CHECK_ERRNO(call, error);                                                                                     \
        errno = 4321;                                                                                                 \
        CHECK_EQ(twin, -(error));                                                                                     \
        CHECK_EQ(errno, 4321);                                                                                        \
    } while (0)

CASE(every_other_twin_leaves_errno_alone)
{
    struct _msg_info info;
    struct _client_info client;
    struct sigevent event;
    struct timespec time = {0, 1000000000};
    uint64_t one = 1;
    SIGEV_NONE_INIT(&event);
    TWINS(ChannelCreate(_NTO_CHF_ASYNC), ChannelCreate_r(_NTO_CHF_ASYNC), EINVAL);
    TWINS(ChannelDestroy(77), ChannelDestroy_r(77), EINVAL);
    TWINS(ConnectAttach(3, 0, 1, 0, 0), ConnectAttach_r(3, 0, 1, 0, 0), ENOREMOTE);
    TWINS(ConnectDetach(77), ConnectDetach_r(77), EINVAL);
    TWINS(ConnectFlags(0, 77, 0, 0), ConnectFlags_r(0, 77, 0, 0), EINVAL);
    TWINS(ConnectServerInfo(0, -1, &info), ConnectServerInfo_r(0, -1, &info), EINVAL);
    TWINS(ConnectClientInfo(77, &client, 0), ConnectClientInfo_r(77, &client, 0), EINVAL);
    TWINS(MsgError(77, EIO), MsgError_r(77, EIO), ESRCH);
    TWINS(MsgInfo(77, &info), MsgInfo_r(77, &info), ESRCH);
    TWINS(MsgCurrent(77), MsgCurrent_r(77), ESRCH);
    TWINS(MsgSendPulse(77, 1, 1, 1), MsgSendPulse_r(77, 1, 1, 1), EBADF);
    TWINS(MsgSendPulsePtr(77, 1, 1, NULL), MsgSendPulsePtr_r(77, 1, 1, NULL), EBADF);
    TWINS(MsgDeliverEvent(77, &event), MsgDeliverEvent_r(77, &event), ESRCH);
    TWINS(MsgVerifyEvent(77, &event), MsgVerifyEvent_r(77, &event), ESRCH);
    TWINS(MsgUnregisterEvent(&event), MsgUnregisterEvent_r(&event), ESRCH);
    TWINS(MsgRegisterEvent(&event, 77), MsgRegisterEvent_r(&event, 77), EBADF);
    TWINS(TimerTimeout(77, 0, NULL, &one, NULL), TimerTimeout_r(77, 0, NULL, &one, NULL), EINVAL);
    TWINS(timer_timeout(CLOCK_MONOTONIC, 0, NULL, &time, NULL), timer_timeout_r(CLOCK_MONOTONIC, 0, NULL, &time, NULL), EINVAL);
    TWINS(ThreadCtl(77, NULL), ThreadCtl_r(77, NULL), EINVAL);
}

/* ---- Twins that succeed: also where they set things up, sleep, and move much ---- */

static void send_with_an_errno(int coid, void *argument)
{
    size_t size = 300000;
    char *memory = calloc(1, size);
    (void)argument;
    for (int i = 0; i < 20; i++) {
        errno = 4321;
        CHECK_EQ(MsgSend_r(coid, memory, size, memory, size), 9);
        CHECK_EQ(errno, 4321);
        CHECK_EQ(MsgSendPulse_r(coid, 10, 1, 1), 0);
        CHECK_EQ(errno, 4321);
    }
}

QNX_CASE(twins_that_succeed_leave_errno_alone_too)
{
    size_t size = 300000;
    char *memory = calloc(1, size);
    struct _msg_info info;
    struct sigevent event;
    errno = 4321;
    int chid = CHECK_OK(ChannelCreate_r(0)), coid = CHECK_OK(ConnectAttach_r(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(errno, 4321);
    struct qnx_client *client = qnx_start(threads, chid, send_with_an_errno, NULL);
    for (int i = 0; i < 20; i++) {
        errno = 4321;
        rcvid_t rcvid = CHECK_OK(MsgReceive_r(chid, memory, 64, &info));
        CHECK_EQ(errno, 4321);
        if (i % 2) qnx_await_senders(qnx_pid(client), getpid(), chid, 1); /* asleep: others ways are taken */
        errno = 4321;
        CHECK_EQ(MsgRead_r(rcvid, memory, size, 0), (ssize_t)size);
        CHECK_EQ(MsgWrite_r(rcvid, memory, size, 0), (ssize_t)size);
        SIGEV_SIGNAL_INIT(&event, SIGCONT);
        CHECK_EQ(MsgDeliverEvent_r(rcvid, &event), 0);
        CHECK_EQ(MsgReply_r(rcvid, 9, memory, size), 0);
        CHECK_EQ(MsgReceivePulse_r(chid, memory, 64, NULL), 0);
        CHECK_EQ(errno, 4321);
    }
    qnx_join(client);
    errno = 4321;
    CHECK_EQ(ConnectDetach_r(coid), 0);
    CHECK_EQ(ChannelDestroy_r(chid), 0);
    CHECK_EQ(errno, 4321);
}
