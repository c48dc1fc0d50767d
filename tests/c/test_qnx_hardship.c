/*
 * QNX under hardship: stopped clients, descriptors and mappings that must come back, absurd sizes, other users, ids
 * used while they end.
 */
#include "qnx_support.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

static unsigned mappings(void)
{
    char line[512];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps)) count++;
    fclose(maps);
    return count;
}

static void send_of_each_kind(int coid, void *argument)
{
    char *big = calloc(1, 100000);
    (void)argument;
    CHECK_EQ(MsgSend(coid, big, 100, big, 100), 0);
    CHECK_EQ(MsgSend(coid, big, 100000, big, 100000), 0);
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 1), 0);
    if (argument) kill(getpid(), SIGKILL);
    free(big);
}

static void serve_one_client(int chid, bool threads, bool die)
{
    static char buffer[100000];
    struct qnx_client *client = qnx_start(threads, chid, send_of_each_kind, die ? &client : NULL);
    bool gone = false, pulsed = false;
    while (!gone || !pulsed) {
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizeof buffer, NULL));
        struct _pulse pulse;
        memcpy(&pulse, buffer, sizeof pulse);
        if (rcvid > 0) CHECK_EQ(MsgReply(rcvid, 0, buffer, sizeof buffer), 0);
        else if (pulse.code == 1) pulsed = true;
        else {
            CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
            CHECK_EQ(ConnectDetach(pulse.scoid), 0);
            gone = true;
        }
    }
    if (die) CHECK_SYS(waitpid(qnx_pid(client), NULL, 0));
    else qnx_join(client);
}

CASE_LIMIT(clients_that_come_and_go_leave_nothing_behind, 60)
{
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    for (unsigned i = 0; i < 5; i++) serve_one_client(chid, false, i % 2);
    unsigned before = descriptors(), mapped = mappings();
    for (unsigned i = 0; i < 60; i++) serve_one_client(chid, false, i % 2);
    int64_t start = qnx_now_ms();
    while (descriptors() > before && qnx_now_ms() - start < 1000) delay(1);
    CHECK_LE(descriptors(), before);
    CHECK_LE(mappings(), mapped + 4);
}

CASE(connections_that_come_and_go_leave_nothing_behind)
{
    int chid = CHECK_SYS(ChannelCreate(_NTO_CHF_DISCONNECT));
    for (unsigned i = 0; i < 300; i++) {
        int coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
        CHECK_LE(coid, _NTO_SIDE_CHANNEL + 8); /* neither coids nor scoids pile up */
        CHECK_EQ(MsgSendPulse(coid, 10, 1, (int)i), 0);
        CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, i);
        CHECK_EQ(ConnectDetach(coid), 0);
        struct _pulse pulse = qnx_receive_pulse(chid);
        CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
        CHECK_EQ(ConnectDetach(pulse.scoid), 0);
    }
    unsigned before = descriptors(), mapped = mappings();
    for (unsigned i = 0; i < 300; i++) {
        int other = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, other, 0, 0));
        CHECK_EQ(MsgSendPulse(coid, 10, 1, (int)i), 0);
        CHECK_EQ(qnx_receive_pulse(other).value.sival_int, i);
        CHECK_EQ(ChannelDestroy(other), 0);
        CHECK_EQ(ConnectDetach(coid), 0);
    }
    int64_t start = qnx_now_ms();
    while (descriptors() > before && qnx_now_ms() - start < 1000) delay(1);
    CHECK_LE(descriptors(), before);
    CHECK_LE(mappings(), mapped + 8);
}

/* ---- A client that is stopped with its reply due ---- */

#define ROOM (1u << 20)

static void send_with_much_room(int coid, void *argument)
{
    char *room = calloc(1, ROOM);
    (void)argument;
    CHECK_EQ(MsgSend(coid, "x", 1, room, ROOM), 9);
    qnx_check_filled(room, ROOM, 7);
}

CASE_LIMIT(a_reply_to_a_stopped_client_does_not_block, 30)
{
    char byte, *reply = malloc(ROOM);
    int chid = CHECK_SYS(ChannelCreate(0));
    qnx_fill(reply, ROOM, 7);
    struct qnx_client *client = qnx_start(false, chid, send_with_much_room, NULL), *other;
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_SYS(kill(qnx_pid(client), SIGSTOP));
    CHECK_SYS(waitpid(qnx_pid(client), NULL, WUNTRACED));
    int64_t start = qnx_now_ms();
    CHECK_EQ(MsgReply(rcvid, 9, reply, ROOM), 0);
    CHECK_LE(qnx_now_ms() - start, 500);
    /* Meanwhile others are served. */
    other = qnx_start(false, chid, send_with_much_room, NULL);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 9, reply, ROOM), 0);
    qnx_join(other);
    CHECK_SYS(kill(qnx_pid(client), SIGCONT));
    qnx_join(client);
}

static void send_much(int coid, void *argument)
{
    char *message = malloc(ROOM);
    (void)argument;
    qnx_fill(message, ROOM, 3);
    CHECK_EQ(MsgSend(coid, message, ROOM, NULL, 0), 9);
}

static void *continue_later(void *argument)
{
    delay(100);
    CHECK_SYS(kill(*(pid_t *)argument, SIGCONT));
    return NULL;
}

CASE_LIMIT(what_a_stopped_client_sends_is_read_when_it_goes_on, 30)
{
    char byte, *message = malloc(ROOM);
    pthread_t thread;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, send_much, NULL);
    pid_t pid = qnx_pid(client);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_SYS(kill(pid, SIGSTOP));
    CHECK_SYS(waitpid(pid, NULL, WUNTRACED));
    CHECK_EQ(pthread_create(&thread, NULL, continue_later, &pid), 0);
    CHECK_EQ(MsgRead(rcvid, message, ROOM, 0), ROOM);
    qnx_check_filled(message, ROOM, 3);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(MsgReply(rcvid, 9, NULL, 0), 0);
    qnx_join(client);
}

/* ---- Absurd sizes ---- */

static const size_t absurd[] = {0, 1, INT32_MAX, (size_t)INT32_MAX + 1, UINT32_MAX, (size_t)UINT32_MAX + 1, SSIZE_MAX,
    (size_t)SSIZE_MAX + 1, SIZE_MAX};

static void send_absurd_sizes(int coid, void *argument)
{
    char byte = 0;
    (void)argument;
    for (unsigned i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        /* More than there is memory: it faults when it is read, or is refused; and nobody crashes. */
        long result = MsgSend_r(coid, &byte, absurd[i], NULL, 0);
        CHECK(result == 0 || result == -EFAULT || result == -EOVERFLOW);
        result = MsgSend_r(coid, &byte, 1, &byte, absurd[i]);
        CHECK(result == 0 || result == -EFAULT || result == -EOVERFLOW);
        result = MsgSendv_r(coid, (const iov_t *)&byte, absurd[i], NULL, 0);
        CHECK(result == 0 || result == -EFAULT || result == -EOVERFLOW || result == -EINVAL);
    }
    CHECK_EQ(MsgSend(coid, "end", 4, NULL, 0), 0);
}

QNX_CASE(absurd_sizes_harm_nobody)
{
    char buffer[4] = "";
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_absurd_sizes, NULL);
    while (strcmp(buffer, "end") != 0) {
        memset(buffer, 0, sizeof buffer);
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizeof buffer, &info));
        CHECK_LE(info.msglen, 4);
        for (unsigned i = 0; i < sizeof absurd / sizeof *absurd; i++) {
            ssize_t count = MsgRead_r(rcvid, buffer, 4, absurd[i]);
            CHECK((count >= 0 && count <= 4) || count == -EFAULT);
        }
        buffer[3] = 0;
        if (info.srcmsglen == 4) CHECK_EQ(MsgRead(rcvid, buffer, 4, 0), 4);
        CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    }
    qnx_join(client);
}

/* ---- Other users ---- */

struct asked {
    _Atomic unsigned step;
    int chid;
    pid_t server;
    long send, pulse;
    int scoid;
};

static void ask_as_nobody(void *argument)
{
    struct asked *asked = argument;
    CHECK_SYS(setgroups(0, NULL));
    CHECK_SYS(setgid(65534));
    CHECK_SYS(setuid(65534));
    int coid = CHECK_SYS(ConnectAttach(0, asked->server, asked->chid, _NTO_SIDE_CHANNEL, 0));
    asked->pulse = MsgSendPulse_r(coid, 10, 1, 1);
    asked->send = MsgSend_r(coid, "x", 1, NULL, 0);
}

CASE(another_user_may_send_where_it_is_admitted_but_not_signal)
{
    char byte;
    struct _msg_info info;
    struct _client_info who;
    struct asked *asked = qnx_share(4096);
    if (geteuid() != 0) SKIP("needs root to become another user");
    asked->chid = CHECK_SYS(ChannelCreate(0));
    asked->server = getpid();
    CHECK_EQ(tpy_channel_admit(asked->chid, TPY_ADMIT_ALL), 0);
    pid_t client = check_fork(ask_as_nobody, asked);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(asked->chid, &byte, 1, &info));
    CHECK_GT(rcvid, 0); /* no pulse came */
    CHECK_EQ(ConnectClientInfo(info.scoid, &who, TPY_CRED_GROUPS), 0);
    CHECK_EQ(who.cred.euid, 65534);
    CHECK_EQ(who.cred.ruid, 65534);
    CHECK_EQ(who.cred.egid, 65534);
    CHECK_EQ(who.cred.ngroups, 0);
    CHECK_EQ(MsgReply(rcvid, 3, NULL, 0), 0);
    check_join(client);
    CHECK_EQ(asked->send, 3);
    CHECK_EQ(asked->pulse, -EPERM);
}

static void serve_as_nobody(void *argument)
{
    struct asked *asked = argument;
    struct sigevent event;
    char byte;
    CHECK_SYS(setgid(65534));
    CHECK_SYS(setuid(65534));
    asked->chid = CHECK_SYS(ChannelCreate(0));
    qnx_count(&asked->step);
    rcvid_t rcvid = qnx_receive(asked->chid, &byte, 1);
    SIGEV_PULSE_INIT(&event, _NTO_SIDE_CHANNEL, 10, 1, 1);
    asked->pulse = MsgDeliverEvent_r(rcvid, &event);
    CHECK_EQ(MsgReply(rcvid, 5, NULL, 0), 0);
}

CASE(a_server_may_not_deliver_events_to_another_user)
{
    struct asked *asked = qnx_share(4096);
    if (geteuid() != 0) SKIP("needs root to become another user");
    pid_t server = check_fork(serve_as_nobody, asked);
    qnx_await(&asked->step, 1);
    int coid = CHECK_SYS(ConnectAttach(0, server, asked->chid, _NTO_SIDE_CHANNEL, 0)); /* root is admitted */
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 5);
    check_join(server);
    CHECK_EQ(asked->pulse, -EPERM);
}

/* ---- Ids that end while they are used ---- */

static _Atomic bool over;
static _Atomic int current;

static void *send_on_current(void *argument)
{
    (void)argument;
    while (!atomic_load(&over)) {
        long result = MsgSend_r(atomic_load(&current), "x", 1, NULL, 0);
        CHECK(result == 7 || result == -EBADF || result == -ESRCH);
    }
    return NULL;
}

static void *serve_current(void *argument)
{
    int chid = *(int *)argument;
    char byte;
    rcvid_t rcvid;
    while ((rcvid = MsgReceive_r(chid, &byte, 1, NULL)) != -ESRCH) {
        CHECK_GT(rcvid, 0);
        int result = MsgReply_r(rcvid, 7, NULL, 0);
        CHECK(result == 0 || result == -ESRCH);
    }
    return NULL;
}

CASE_LIMIT(attach_and_detach_under_the_senders, 30)
{
    pthread_t senders[2], server;
    int chid = CHECK_SYS(ChannelCreate(0));
    atomic_store(&current, -1);
    CHECK_EQ(pthread_create(&server, NULL, serve_current, &chid), 0);
    for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_create(&senders[i], NULL, send_on_current, NULL), 0);
    for (unsigned i = 0; i < 300; i++) {
        int coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
        atomic_store(&current, coid);
        if (i % 3 == 0) delay(1);
        CHECK_EQ(ConnectDetach(coid), 0);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_join(senders[i], NULL), 0);
    CHECK_EQ(ChannelDestroy(chid), 0);
    CHECK_EQ(pthread_join(server, NULL), 0);
}

static void *receive_on_current(void *argument)
{
    char byte;
    (void)argument;
    while (!atomic_load(&over)) {
        rcvid_t rcvid = MsgReceive_r(atomic_load(&current), &byte, 1, NULL);
        CHECK(rcvid == -ESRCH || rcvid > 0);
        if (rcvid > 0) {
            int result = MsgReply_r(rcvid, 7, NULL, 0);
            CHECK(result == 0 || result == -ESRCH);
        }
    }
    return NULL;
}

CASE_LIMIT(create_and_destroy_under_the_receivers, 30)
{
    pthread_t receivers[2];
    atomic_store(&current, -1);
    for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_create(&receivers[i], NULL, receive_on_current, NULL), 0);
    for (unsigned i = 0; i < 300; i++) {
        int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
        atomic_store(&current, chid);
        if (i % 3 == 0) {
            CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), 7);
        }
        CHECK_EQ(ChannelDestroy(chid), 0);
        CHECK_EQ(ConnectDetach(coid), 0);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_join(receivers[i], NULL), 0);
}

/* A signal storm: every call ends with its result or with EINTR, and none is lost. */
static void on_storm(int signal) { (void)signal; }

static void *storm(void *argument)
{
    pid_t target = *(pid_t *)argument;
    while (!atomic_load(&over)) {
        kill(target, SIGUSR1);
        nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    return NULL;
}

static void send_in_the_storm(int coid, void *argument)
{
    _Atomic unsigned *ready = argument;
    struct sigaction action = {.sa_handler = on_storm};
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    qnx_count(ready);
    for (unsigned i = 0; i < 2000;) {
        unsigned answer = 0;
        long result = MsgSend_r(coid, &i, sizeof i, &answer, sizeof answer);
        if (result == -EINTR) continue;
        CHECK_EQ(result, 7);
        CHECK_EQ(answer, ~i);
        i++;
    }
}

CASE_LIMIT(a_storm_of_signals, 30)
{
    pthread_t thread;
    unsigned number = 0;
    int chid = CHECK_SYS(ChannelCreate(0));
    _Atomic unsigned *ready = qnx_share(4096);
    struct qnx_client *client = qnx_start(false, chid, send_in_the_storm, ready);
    pid_t pid = qnx_pid(client);
    qnx_await(ready, 1);
    CHECK_EQ(pthread_create(&thread, NULL, storm, &pid), 0);
    do {
        rcvid_t rcvid = qnx_receive(chid, &number, sizeof number);
        unsigned answer = ~number;
        int result = MsgReply_r(rcvid, 7, &answer, sizeof answer);
        CHECK(result == 0 || result == -ESRCH);
        if (result != 0) number = 0;
    } while (number != 1999);
    atomic_store(&over, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_SYS(TimerTimeout(CLOCK_MONOTONIC, 0, NULL, NULL, NULL));
    qnx_join(client);
}
