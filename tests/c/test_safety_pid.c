/*
 * Safety: process numbers prove nothing. A number that is in use again, by a client or by a server, and numbers of other pid namespaces never
 * lead to the wrong process, nor make anything old good again.
 */
#include "core_support.h"
#include "qnx_support.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/dispatch.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LATEST 1000 /* ms */

/* ---- A namespace of our own, in which we may choose numbers ---- */

static void write_text(const char *path, const char *text)
{
    int fd = (int)CHECK_SYS(open(path, O_WRONLY | O_CLOEXEC));
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Children of this process begin a pid namespace; as root, or as root of a user namespace in which our user is itself. */
static bool leave_namespace(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWPID) == 0) return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) return false;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", uid, uid);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    write_text("/proc/self/gid_map", map);
    return true;
}

struct body {
    void (*run)(void *);
    void *argument;
    bool left;
};

/* As check_fork, which a namespace's first process cannot use: it does not see its parent. */
static pid_t fork_init(void (*run)(void *), void *argument)
{
    pid_t child = fork();
    CHECK_GE(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(argument);
        _exit(0);
    }
    return child;
}

/* Uses up one number. */
static __attribute__((noinline)) pid_t spend_number(void)
{
    pid_t child = vfork();
    if (child == 0) _exit(0);
    CHECK_GT(child, 0);
    waitpid(child, NULL, 0);
    return child;
}

/*
 * A child under a number that is free. Where that may not be chosen it waits until the numbers come round to it; where there are too many for
 * that, the child gets another number, and the rest of the case still holds.
 */
static pid_t fork_as(pid_t number, void (*run)(void *), void *argument)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number, .set_tid_size = 1};
    char most[32] = "";
    long child;
    while ((child = syscall(SYS_clone3, &arguments, sizeof arguments)) < 0 && errno == EEXIST) sched_yield();
    if (child == 0) { /* fork()'s handlers have not run: nobody may have used the library here before */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(argument);
        _exit(0);
    }
    if (child > 0) return (pid_t)child;
    int fd = open("/proc/sys/kernel/pid_max", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, most, sizeof most - 1) > 0 && atoi(most) <= 65536)
        while (spend_number() + 1 != number) {}
    else printf("# process numbers cannot be chosen here, and there are too many to wait for one\n");
    if (fd >= 0) close(fd);
    return check_fork(run, argument);
}

/*
 * The case's first process only starts and kills others and has never used the library, so that clone3 is as good as fork. Where pids may be
 * chosen by nobody, the numbers are gone round.
 */
struct scene {
    _Atomic pid_t server;
    _Atomic int chid;
    _Atomic unsigned step, held;
    _Atomic pid_t client;
    int payload;
};

static void await(_Atomic unsigned *word, unsigned value) { qnx_await(word, value); }

/* ---- A client's number comes back ---- */

static void hold_and_answer(void *argument)
{
    struct scene *scene = argument;
    struct _msg_info first, second;
    union {
        char byte;
        struct _pulse pulse;
    } buffer;
    struct sigevent event;
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    atomic_store(&scene->chid, chid);
    atomic_store(&scene->server, getpid());
    qnx_count(&scene->step); /* 1 */
    rcvid_t old = CHECK_SYS(MsgReceive(chid, &buffer, sizeof buffer, &first));
    CHECK_GT(old, 0);
    qnx_count(&scene->step); /* 2: now it is killed, and another one gets its number */
    rcvid_t young = CHECK_SYS(MsgReceive(chid, &buffer, sizeof buffer, &second));
    bool told = young == 0;
    if (told) {
        CHECK_EQ(buffer.pulse.code, _PULSE_CODE_DISCONNECT);
        CHECK_EQ(buffer.pulse.scoid, first.scoid);
        young = CHECK_SYS(MsgReceive(chid, &buffer, sizeof buffer, &second));
    }
    CHECK_GT(young, 0);
    CHECK_EQ(second.pid, atomic_load(&scene->client));
    CHECK_NE(first.scoid, second.scoid); /* another client */
    CHECK_NE(old, young);
    if (!told) CHECK_EQ(qnx_receive_pulse(chid).scoid, first.scoid);
    SIGEV_SIGNAL_INIT(&event, SIGKILL);
    CHECK_ERRNO(MsgDeliverEvent(old, &event), ESRCH); /* it would have met the young one */
    CHECK_ERRNO(MsgReply(old, 1, NULL, 0), ESRCH);
    CHECK_ERRNO(MsgRead(old, &buffer, 1, 0), ESRCH);
    CHECK_EQ(MsgReply(young, 2, NULL, 0), 0);
}

static void send_one(void *argument)
{
    struct scene *scene = argument;
    atomic_store(&scene->client, getpid());
    int coid = CHECK_SYS(ConnectAttach(0, atomic_load(&scene->server), atomic_load(&scene->chid), _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 2);
}

static void clients_with_one_number(void *argument)
{
    struct scene *scene = argument;
    pid_t server = check_fork(hold_and_answer, scene);
    await(&scene->step, 1);
    pid_t first = check_fork(send_one, scene);
    await(&scene->step, 2);
    CHECK_SYS(kill(first, SIGKILL));
    CHECK_EQ(waitpid(first, NULL, 0), first);
    check_join(fork_as(first, send_one, scene));
    check_join(server);
}

/* ---- A server's number comes back ---- */

static void serve_number(void *argument)
{
    struct scene *scene = argument;
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0));
    atomic_store(&scene->chid, chid);
    atomic_store(&scene->server, getpid());
    qnx_count(&scene->step);
    for (;;) {
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, NULL));
        CHECK_EQ(byte, 'n'); /* what was meant for its forerunner never comes here */
        CHECK_EQ(MsgReply(rcvid, 6, NULL, 0), 0);
    }
}

static void outlive_servers(void *argument)
{
    struct scene *scene = argument;
    pid_t server = atomic_load(&scene->server);
    int chid = atomic_load(&scene->chid), old = CHECK_SYS(ConnectAttach(0, server, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSend(old, "n", 1, NULL, 0), 6);
    qnx_count(&scene->step); /* 2: it is killed; 3: another one has its number, and its channel's */
    await(&scene->step, 3);
    CHECK_EQ(atomic_load(&scene->chid), chid);
    /* At once, so perhaps before the death is known here; then for ever. */
    long result = MsgSend_r(old, "o", 1, NULL, 0);
    CHECK(result == -ESRCH || result == -EBADF);
    int coid;
    int64_t start = qnx_now_ms();
    while ((coid = ConnectAttach(0, atomic_load(&scene->server), chid, _NTO_SIDE_CHANNEL, 0)) < 0) {
        CHECK_EQ(errno, ESRCH); /* as long as the number is known as that of the dead one */
        CHECK_LE(qnx_now_ms() - start, LATEST);
    }
    CHECK_EQ(MsgSend(coid, "n", 1, NULL, 0), 6);
    CHECK_EQ(MsgSend_r(old, "o", 1, NULL, 0), -EBADF);
    CHECK_EQ(MsgSendPulse_r(old, 10, 1, 1), -EBADF);
    CHECK_EQ(ConnectDetach(old), 0);
    CHECK_EQ(MsgSend(coid, "n", 1, NULL, 0), 6);
}

static void servers_with_one_number(void *argument)
{
    struct scene *scene = argument;
    pid_t first = check_fork(serve_number, scene);
    await(&scene->step, 1);
    pid_t client = check_fork(outlive_servers, scene);
    await(&scene->step, 2);
    CHECK_SYS(kill(first, SIGKILL));
    CHECK_EQ(waitpid(first, NULL, 0), first);
    pid_t second = fork_as(first, serve_number, scene);
    check_join(client);
    CHECK_SYS(kill(second, SIGKILL));
    CHECK_EQ(waitpid(second, NULL, 0), second);
}

static void run_rounds(void *argument)
{
    const struct body *body = argument;
    for (unsigned i = 0; i < (body->left ? check_rounds(10, 200) : 1); i++) check_join(check_fork(body->run, qnx_share(sizeof(struct scene))));
}

static void with_chosen_numbers(void *argument)
{
    struct body *body = argument;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    body->left = leave_namespace(); /* if not: the numbers of this namespace come round, too */
    check_join(fork_init(run_rounds, body));
}

CASE_LIMIT(a_client_with_the_number_of_a_dead_one, 30) { check_join(check_fork(with_chosen_numbers, &(struct body){clients_with_one_number, NULL, false})); }

CASE_LIMIT(a_server_with_the_number_of_a_dead_one, 30) { check_join(check_fork(with_chosen_numbers, &(struct body){servers_with_one_number, NULL, false})); }

/* ---- Namespaces ---- */

#define NAME "safety-namespaces"

static void serve_named(void *argument)
{
    struct scene *scene = argument;
    name_attach_t *name = name_attach(NULL, NAME, 0);
    CHECK(name != NULL);
    atomic_store(&scene->chid, name->chid);
    atomic_store(&scene->server, getpid()); /* as it is called in there */
    qnx_count(&scene->step);
    for (;;) {
        union {
            char byte;
            struct _pulse pulse;
        } buffer;
        rcvid_t rcvid = CHECK_SYS(MsgReceive(name->chid, &buffer, sizeof buffer, NULL));
        if (rcvid == 0) ConnectDetach(buffer.pulse.scoid);
        else CHECK_EQ(MsgReply(rcvid, 8, NULL, 0), 0);
    }
}

static void meet(void *argument)
{
    struct scene *scene = argument;
    int coid = CHECK_SYS(name_open(NAME, 0));
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 8);
    coid = CHECK_SYS(ConnectAttach(0, atomic_load(&scene->server), atomic_load(&scene->chid), _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 8);
}

/* By its name it is not there, and by its number neither: neither as it is called in its own namespace, nor as it is in ours. */
static void miss(void *argument)
{
    struct scene *scene = argument;
    CHECK_ERRNO(name_open(NAME, 0), ENOENT);
    CHECK_ERRNO(ConnectAttach(0, atomic_load(&scene->server), atomic_load(&scene->chid), _NTO_SIDE_CHANNEL, 0), ESRCH);
    if (scene->payload) CHECK_ERRNO(ConnectAttach(0, scene->payload, atomic_load(&scene->chid), _NTO_SIDE_CHANNEL, 0), ESRCH);
}

/* Runs something in a namespace below ours that begins with it. */
static void run_below(void *argument)
{
    const struct body *body = argument;
    CHECK(leave_namespace());
    check_join(fork_init(body->run, body->argument));
}

static pid_t below(void (*run)(void *), void *argument) { return check_fork(run_below, &(struct body){run, argument, true}); }

/* Both in one namespace below: they meet. The server is not that namespace's init, so that it ends with it. */
static void both(void *argument)
{
    struct scene *scene = argument;
    pid_t server = check_fork(serve_named, scene);
    await(&scene->step, 1);
    check_join(check_fork(meet, scene));
    CHECK_SYS(kill(server, SIGKILL));
    CHECK_EQ(waitpid(server, NULL, 0), server);
}

static void serve_below_and_miss(struct scene *scene)
{
    /* The one that waits in run_below is ours, its child below is not; its number in our namespace is told by /proc. */
    pid_t above = below(serve_named, scene);
    char path[64], text[32] = "";
    await(&scene->step, 1);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", above, above);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0) scene->payload = atoi(text);
    if (fd >= 0) close(fd);
    CHECK_GT(scene->payload, 0);
    struct pollfd server = {.fd = (int)CHECK_SYS(syscall(SYS_pidfd_open, scene->payload, 0)), .events = POLLIN};
    check_join(check_fork(miss, scene)); /* from above */
    scene->payload = 0;
    check_join(below(miss, scene)); /* from beside */
    CHECK_SYS(kill(above, SIGKILL));
    CHECK_EQ(waitpid(above, NULL, 0), above);
    CHECK_EQ(poll(&server, 1, 20000), 1); /* it dies of that, a little later; until then the name is its own */
    close(server.fd);
}

/* Nobody may make namespaces here: then at least the address of each process names its own. */
static void check_addresses(void)
{
    char path[300];
    struct stat space;
    CHECK_SYS(ChannelCreate(0));
    CHECK_SYS(stat("/proc/self/ns/pid", &space));
    snprintf(path, sizeof path, "%s/%d.%lu", check_directory(), getpid(), (unsigned long)space.st_ino);
    CHECK_SYS(access(path, F_OK));
}

static void try_namespace(void *argument)
{
    *(bool *)argument = leave_namespace();
}

CASE_LIMIT(namespaces_keep_apart_what_has_the_same_number, 30)
{
    bool *may = qnx_share(sizeof *may);
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    check_join(check_fork(try_namespace, may));
    if (!*may) {
        check_addresses();
        return;
    }
    check_join(below(both, qnx_share(sizeof(struct scene))));
    serve_below_and_miss(qnx_share(sizeof(struct scene)));
    /* A server of ours, clients below. */
    struct scene *scene = qnx_share(sizeof *scene);
    pid_t server = check_fork(serve_named, scene);
    await(&scene->step, 1);
    scene->payload = 0;
    check_join(below(miss, scene));
    check_join(check_fork(meet, scene));
    CHECK_SYS(kill(server, SIGKILL));
    CHECK_EQ(waitpid(server, NULL, 0), server);
}
