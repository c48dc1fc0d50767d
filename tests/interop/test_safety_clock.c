/*
 * Safety: the wall clock may be set at any time. Setting the machine's would disturb everybody on it, so this program shows that it cannot matter:
 * in this process the wall clock jumps by a year each time it is read, the library never reads it where a time is relative or monotonic, and a
 * filter kills the process when a wait of the kernel is to end at a wall-clock time.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/dispatch.h>
#include <sys/neutrino.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define TIME 60        /* ms */
#define LATEST 2000    /* ms */
#define LARGE 300000

static _Atomic unsigned readings;
static char large[LARGE], back[LARGE];

#define CHECK(condition) ((condition) ? (void)0 : (void)(fprintf(stderr, "line %d: %s does not hold, errno %d\n", __LINE__, #condition, errno), _exit(1)))

/* ---- The wall clock of this process: these take the place of the C library's for it and for the library ---- */

static void jump(struct timespec *wall)
{
    unsigned turn = atomic_fetch_add(&readings, 1);
    wall->tv_sec += turn % 2 ? 31536000 : -31536000;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, id, time);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI) jump(time);
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec wall;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &wall);
    *time = (struct timeval){wall.tv_sec, wall.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *told)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    if (told) *told = wall.tv_sec;
    return wall.tv_sec;
}

/* ---- The filter ---- */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define LOAD_LOW(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(n))
#define LOAD_HIGH(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(n) + 4)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANY_BIT(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, value, yes, no)

static void forbid_wall_clock_waits(void)
{
    struct sock_filter rules[] = {
        LOAD(nr),
        /* futex with a time (argument 3), on the wall clock by its flag */
        EQUAL(SYS_futex, 0, 8),
        LOAD_LOW(3), EQUAL(0, 0, 2), LOAD_HIGH(3), EQUAL(0, 2, 0),
        LOAD_LOW(1), ANY_BIT(FUTEX_CLOCK_REALTIME, 1, 0),
        ALLOW, KILL,
        /* futex_waitv with a time (argument 3) on another clock (argument 4) than the monotonic one */
        EQUAL(SYS_futex_waitv, 0, 8),
        LOAD_LOW(3), EQUAL(0, 0, 2), LOAD_HIGH(3), EQUAL(0, 2, 0),
        LOAD_LOW(4), EQUAL(CLOCK_MONOTONIC, 0, 1),
        ALLOW, KILL,
        /* an absolute sleep on the wall clock */
        EQUAL(SYS_clock_nanosleep, 0, 6),
        LOAD_LOW(0), EQUAL(CLOCK_REALTIME, 0, 2),
        LOAD_LOW(1), ANY_BIT(TIMER_ABSTIME, 1, 0),
        ALLOW, KILL,
        /* timers on the wall clock */
        EQUAL(SYS_timerfd_create, 1, 0), EQUAL(SYS_timer_create, 0, 2),
        LOAD_LOW(0), EQUAL(CLOCK_REALTIME, 1, 0),
        ALLOW, KILL,
    };
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* What the filter forbids kills, what it allows does not. */
static void try_filter(int what, int dies)
{
    pid_t child = fork();
    int status;
    CHECK(child >= 0);
    if (child == 0) {
        uint32_t word = 0;
        struct timespec soon = {.tv_nsec = 1000};
        struct {
            uint64_t value, address;
            uint32_t flags, reserved;
        } waiter = {0, (uintptr_t)&word, 2, 0};
        forbid_wall_clock_waits();
        switch (what) {
        case 0: syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &soon, NULL, FUTEX_BITSET_MATCH_ANY); break;
        case 1: syscall(SYS_futex_waitv, &waiter, 1, 0, &soon, CLOCK_REALTIME); break;
        case 2: syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &soon, NULL); break;
        case 3: syscall(SYS_timerfd_create, CLOCK_REALTIME, 0); break;
        case 4: syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &soon, NULL, FUTEX_BITSET_MATCH_ANY); break;
        case 5: syscall(SYS_futex_waitv, &waiter, 1, 0, &soon, CLOCK_MONOTONIC); break;
        case 6: syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &soon, NULL); break;
        case 7: syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0); break;
        default: syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0);
        }
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(dies ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS : WIFEXITED(status));
}

/* ---- What waits ---- */

static int64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void *echo(void *argument)
{
    int chid = *(int *)argument;
    static char buffer[LARGE];
    struct _msg_info info;
    rcvid_t rcvid;
    while ((rcvid = MsgReceive(chid, buffer, 100, &info)) >= 0) {
        if (rcvid == 0 || buffer[0] == 'h') continue; /* held for ever */
        CHECK(MsgRead(rcvid, buffer, sizeof buffer, 0) == info.srcmsglen);
        CHECK(MsgReply(rcvid, info.srcmsglen, buffer, (size_t)info.srcmsglen) == 0);
    }
    return NULL;
}

enum { RECEIVE, SEND, REPLY };

static void time_out(int how, clockid_t clock, int absolute, int chid, int coid)
{
    struct timespec now;
    uint64_t time = (uint64_t)TIME * 1000000;
    int64_t start = now_ms();
    char byte = 'h';
    if (absolute) {
        clock_gettime(clock, &now);
        time += (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    }
    CHECK(TimerTimeout(clock, _NTO_TIMEOUT_RECEIVE | _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY | (absolute ? TIMER_ABSTIME : 0), NULL, &time, NULL) == 0);
    long result = how == RECEIVE ? MsgReceive(chid, &byte, 1, NULL) : MsgSend(coid, &byte, 1, NULL, 0);
    CHECK(result == -1 && errno == ETIMEDOUT);
    CHECK(now_ms() - start >= TIME - 1);
    CHECK(now_ms() - start <= LATEST);
}

static void calls(int coid)
{
    for (int i = 0; i < 20; i++) {
        size_t size = i % 4 ? 40 : LARGE;
        memset(large, i, size);
        CHECK(MsgSend(coid, large, size, back, size) == (long)size);
        CHECK(memcmp(large, back, size) == 0);
        delay(2); /* so that both sides go to sleep */
    }
}

int main(void)
{
    pthread_t server, second;
    struct sigevent event;
    timer_t timer;
    struct _pulse pulse;
    for (int what = 0; what < 9; what++) try_filter(what, what < 4);
    forbid_wall_clock_waits();

    int quiet = ChannelCreate(0), chid = ChannelCreate(0);
    CHECK(quiet > 0 && chid > 0);
    CHECK(pthread_create(&server, NULL, echo, &chid) == 0);
    int coid = ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0), nobody = ConnectAttach(0, 0, quiet, _NTO_SIDE_CHANNEL, 0);
    CHECK(coid >= 0 && nobody >= 0);
    name_attach_t *name = name_attach(NULL, "safety-clock", 0);
    CHECK(name != NULL);
    int by_name = name_open("safety-clock", 0);
    CHECK(by_name >= 0 && name_close(by_name) == 0);

    calls(coid);
    for (clockid_t clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++) {
        time_out(RECEIVE, clock, 0, quiet, nobody);
        time_out(SEND, clock, 0, quiet, nobody);
        time_out(REPLY, clock, 0, quiet, coid);
    }
    time_out(RECEIVE, CLOCK_MONOTONIC, 1, quiet, nobody);
    time_out(REPLY, CLOCK_MONOTONIC, 1, quiet, coid);

    /* Beside a thread that receives on the same channel one waits elsewhere. */
    CHECK(pthread_create(&second, NULL, echo, &quiet) == 0);
    delay(20);
    time_out(RECEIVE, CLOCK_MONOTONIC, 0, quiet, nobody);
    time_out(RECEIVE, CLOCK_REALTIME, 0, quiet, nobody);

    int timed = ChannelCreate(0), own = ConnectAttach(0, 0, timed, _NTO_SIDE_CHANNEL, 0);
    SIGEV_PULSE_INIT(&event, own, 10, 1, 1);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, TIME * 1000000}}, NULL) == 0);
    int64_t start = now_ms();
    CHECK(MsgReceive(timed, &pulse, sizeof pulse, NULL) == 0);
    CHECK(now_ms() - start <= LATEST);

    if (atomic_load(&readings) != 0) {
        fprintf(stderr, "the wall clock was read %u times\n", atomic_load(&readings));
        return 1;
    }
    return 0;
}
