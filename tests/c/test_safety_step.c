/*
 * Safety: death at each single instruction. The victim is stepped through its half of an exchange by ptrace and killed after n instructions,
 * for many n (each n in a soak); whoever talks with it must go on, and nothing of it may stay.
 */
#define _GNU_SOURCE
#include "core_support.h"
#include "qnx_support.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#define BUFFER 100000
#define LATEST 2000 /* ms: death is seen within 50, but the machine may be loaded */

struct victim {
    pid_t server;
    _Atomic int chid;
    size_t size;
    bool setting_up;           /* the steps begin before ConnectAttach */
    _Atomic unsigned finished; /* it came to the end of what is stepped through */
    _Atomic unsigned step;
};

/* ---- Stepping ---- */

static void be_stepped(void)
{
    CHECK_SYS(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    raise(SIGSTOP);
}

#ifdef __x86_64__
/* A repeated string instruction traps after each byte. Runs through the one it is in, if it is in one: the child is our fork, so its code is ours. */
static void leave_repetition(pid_t child, unsigned long *before)
{
    int status;
    unsigned long at = (unsigned long)ptrace(PTRACE_PEEKUSER, child, (void *)offsetof(struct user_regs_struct, rip), NULL);
    const unsigned char *code = (const unsigned char *)at;
    bool again = at == *before && code[0] == 0xf3;
    *before = at;
    if (!again) return;
    unsigned char *next = (unsigned char *)at + ((code[1] & 0xf0) == 0x40 ? 3 : 2);
    long whole;
    memcpy(&whole, next, sizeof whole);
    CHECK_SYS(ptrace(PTRACE_POKETEXT, child, next, (void *)((whole & ~0xffl) | 0xcc)));
    CHECK_SYS(ptrace(PTRACE_CONT, child, NULL, NULL));
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    CHECK_SYS(ptrace(PTRACE_POKETEXT, child, next, (void *)whole));
    CHECK_SYS(ptrace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, rip), next));
}
#else
static void leave_repetition(pid_t child, unsigned long *before) { (void)child, (void)before; }
#endif

/*
 * On one CPU both take turns without waking another one, which on a virtual machine costs several times what the instruction does. What they
 * talk with goes on beside them.
 */
static cpu_set_t share_a_cpu(pid_t child)
{
    cpu_set_t before, one;
    CHECK_SYS(sched_getaffinity(0, sizeof before, &before));
    CPU_ZERO(&one);
    CPU_SET((unsigned)CHECK_SYS(sched_getcpu()), &one);
    CHECK_SYS(sched_setaffinity(0, sizeof one, &one));
    CHECK_SYS(sched_setaffinity(child, sizeof one, &one));
    return before;
}

/* Lets the stopped child do up to that many instructions. How many it did before it was through. */
static unsigned long step(pid_t child, struct victim *victim, unsigned long most)
{
    unsigned long steps = 0, at = 0;
    int status, signal = 0;
    cpu_set_t before = share_a_cpu(child);
    for (; steps < most && !atomic_load(&victim->finished); steps++) {
        CHECK_SYS(ptrace(PTRACE_SINGLESTEP, child, NULL, (void *)(long)signal));
        CHECK_EQ(waitpid(child, &status, 0), child);
        if (!WIFSTOPPED(status)) break; /* a failed check of its own */
        signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        if (signal == 0) leave_repetition(child, &at);
    }
    CHECK_SYS(sched_setaffinity(0, sizeof before, &before));
    return steps;
}

static void await_stop(pid_t child)
{
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSTOPPED(status));
}

static void finish_off(pid_t child)
{
    int status;
    CHECK_SYS(kill(child, SIGKILL));
    do CHECK_EQ(waitpid(child, &status, 0), child);
    while (WIFSTOPPED(status));
    CHECK(WIFSIGNALED(status));
}

/* Where to kill it in round i: spread over the whole way, with the part that few samples would miss moving on from round to round. */
static unsigned long point_of(unsigned i, unsigned rounds, unsigned long length)
{
    return rounds >= length ? i : (i * length + (i * 2654435761u >> 8) % length) / rounds;
}

/* ---- A client is killed ---- */

static void *echo(void *argument)
{
    int chid = *(int *)argument;
    static char buffer[BUFFER];
    struct _msg_info info;
    rcvid_t rcvid;
    while ((rcvid = MsgReceive_r(chid, buffer, sizeof buffer, &info)) != -ESRCH) {
        CHECK_GE(rcvid, 0);
        if (rcvid == 0) continue;
        int result = MsgReply_r(rcvid, info.msglen, buffer, (size_t)info.msglen);
        CHECK(result == 0 || result == -ESRCH);
    }
    return NULL;
}

static void call(int coid, size_t size, unsigned seed)
{
    static char out[BUFFER], in[BUFFER];
    qnx_fill(out, size, seed);
    memset(in, 0, size);
    CHECK_EQ(MsgSend(coid, out, size, in, size), size);
    qnx_check_filled(in, size, seed);
}

static void send_stepped(void *argument)
{
    struct victim *victim = argument;
    int coid = 0;
    if (!victim->setting_up) {
        coid = CHECK_SYS(ConnectAttach(0, victim->server, atomic_load(&victim->chid), _NTO_SIDE_CHANNEL, 0));
        call(coid, victim->size, 1);
    }
    static char message[BUFFER], reply[BUFFER];
    be_stepped();
    if (victim->setting_up) coid = CHECK_SYS(ConnectAttach(0, victim->server, atomic_load(&victim->chid), _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSend(coid, message, victim->size, reply, victim->size), victim->size);
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 1), 0);
    atomic_store(&victim->finished, 1);
    for (;;) pause();
}

static void begin_anew(void *argument)
{
    (void)argument;
    CHECK_SYS(ChannelCreate(0));
}

static unsigned files(void)
{
    unsigned count = 0;
    DIR *directory = opendir(check_directory());
    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void clients_die(size_t size, bool setting_up, unsigned usual, unsigned soak)
{
    struct victim *victim = qnx_share(sizeof *victim);
    pthread_t server;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1)); /* a set-up looks through all that is there */
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    unsigned rounds = check_rounds(usual, soak), descriptors = 0, mappings = 0;
    unsigned long length = 0;
    CHECK_EQ(pthread_create(&server, NULL, echo, &chid), 0);
    *victim = (struct victim){.server = getpid(), .size = size, .setting_up = setting_up};
    atomic_store(&victim->chid, chid);
    call(coid, BUFFER, 0);
    for (unsigned i = 0; i <= rounds; i++) {
        atomic_store(&victim->finished, 0);
        pid_t child = check_fork(send_stepped, victim);
        await_stop(child);
        unsigned long steps = step(child, victim, i == 0 ? 1000000 : point_of(i - 1, rounds, length));
        if (i == 0) length = steps; /* the first goes all the way */
        finish_off(child);
        if (i == 0) {
            CHECK_EQ(atomic_load(&victim->finished), 1);
            CHECK_GT(length, 500);
        }
        int64_t start = qnx_now_ms();
        call(coid, i % 16 == 0 ? BUFFER : 100, i);
        CHECK_LE(qnx_now_ms() - start, LATEST);
        if (i == 2) descriptors = core_descriptors(), mappings = core_mappings();
    }
    core_await_counts(descriptors, mappings);
    check_join(check_fork(begin_anew, NULL));
    CHECK_LE(files(), 4); /* the socket and the state of this process, and of one that has just ended: what the dead left was cleared away */
    CHECK_EQ(ChannelDestroy(chid), 0);
    CHECK_EQ(pthread_join(server, NULL), 0);
}

CASE_LIMIT(a_client_killed_at_any_instruction_of_a_send, 30) { clients_die(40, false, 100, 1000); }
CASE_LIMIT(a_client_killed_at_any_instruction_of_a_large_send, 30) { clients_die(BUFFER, false, 40, 500); }
CASE_LIMIT(a_client_killed_at_any_instruction_of_its_set_up, 30) { clients_die(40, true, 8, 100); }

/* ---- A server is killed ---- */

static void receive_stepped(void *argument)
{
    struct victim *victim = argument;
    static char buffer[BUFFER];
    int chid = CHECK_SYS(ChannelCreate(0));
    atomic_store(&victim->chid, chid);
    qnx_count(&victim->step);
    for (unsigned i = 0; i < 2; i++) {
        struct _msg_info info;
        if (i == 1) be_stepped();
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizeof buffer, &info));
        CHECK_EQ(MsgReply(rcvid, info.msglen, buffer, (size_t)info.msglen), 0);
    }
    atomic_store(&victim->finished, 1);
    for (;;) pause();
}

struct caller {
    struct victim *victim;
    pid_t server;
    _Atomic unsigned round, warm, over;
    long result;
};

/* Calls each victim twice: once so that all is set up, once while it is stepped. */
static void *call_victims(void *argument)
{
    struct caller *caller = argument;
    static char out[BUFFER], in[BUFFER];
    unsigned random = 5;
    for (unsigned round = 1;; round++) {
        qnx_await(&caller->round, round);
        if (caller->server == 0) return NULL;
        size_t size = caller->victim->size;
        int coid = CHECK_SYS(ConnectAttach(0, caller->server, atomic_load(&caller->victim->chid), _NTO_SIDE_CHANNEL, 0));
        call(coid, size, round);
        qnx_count(&caller->warm);
        /* Sometimes the server waits already, sometimes not. */
        for (int64_t end = tpy_now() + core_random(&random) % 8 * 100000; tpy_now() < end;) sched_yield();
        qnx_fill(out, size, round + 1);
        memset(in, 0, size);
        caller->result = MsgSend_r(coid, out, size, in, size);
        if (caller->result == (long)size) qnx_check_filled(in, size, round + 1);
        else CHECK(caller->result == -ESRCH || caller->result == -EBADF); /* it may have died before the call */
        CHECK_EQ(ConnectDetach(coid), 0);
        qnx_count(&caller->over);
    }
}

static void servers_die(size_t size, unsigned usual, unsigned soak)
{
    struct victim *victim = qnx_share(sizeof *victim);
    struct caller caller = {.victim = victim};
    pthread_t client;
    unsigned rounds = check_rounds(usual, soak), descriptors = 0, mappings = 0, answered = 0, refused = 0;
    unsigned long length = 0;
    CHECK_EQ(pthread_create(&client, NULL, call_victims, &caller), 0);
    for (unsigned i = 0; i <= rounds; i++) {
        *victim = (struct victim){.size = size};
        caller.server = check_fork(receive_stepped, victim);
        qnx_await(&victim->step, 1);
        qnx_count(&caller.round);
        await_stop(caller.server);
        qnx_await(&caller.warm, i + 1);
        unsigned long steps = step(caller.server, victim, i == 0 ? 1000000 : point_of(i - 1, rounds, length));
        if (i == 0) length = steps;
        int64_t start = qnx_now_ms();
        finish_off(caller.server);
        qnx_await(&caller.over, i + 1);
        CHECK_LE(qnx_now_ms() - start, LATEST);
        if (caller.result < 0) refused++;
        else answered++;
        if (i == 2) descriptors = core_descriptors(), mappings = core_mappings();
    }
    CHECK_GT(length, 500);
    CHECK_GT(answered, 0);
    CHECK_GT(refused, rounds / 4);
    core_await_counts(descriptors, mappings);
    caller.server = 0;
    qnx_count(&caller.round);
    CHECK_EQ(pthread_join(client, NULL), 0);
}

CASE_LIMIT(a_server_killed_at_any_instruction_of_receive_and_reply, 30) { servers_die(40, 100, 1000); }
CASE_LIMIT(a_server_killed_at_any_instruction_of_a_large_reply, 30) { servers_die(BUFFER, 40, 400); }
