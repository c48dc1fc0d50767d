/*
 * Safety: a server that is killed and started again, by a hundred at once. One of them gets the name, clients that reconnect find it, old
 * connections say so, and no message is ever sent a second time by anything but its client.
 */
#include "qnx_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/dispatch.h>
#include <sys/wait.h>

#define RACERS 100u
#define CLIENTS 3u
#define NUMBERS 100000u /* told apart; then they come round again */
#define NAME "safety-restart"

struct scene {
    _Atomic unsigned go, tried, won, over;
    _Atomic pid_t owner;
    _Atomic unsigned answered[CLIENTS], errors[CLIENTS];
    _Atomic unsigned char seen[CLIENTS][NUMBERS], told[CLIENTS][NUMBERS];
};

struct number {
    unsigned client, number;
};

/* A server of one life: it counts what it sees where its successors do. */
static void serve(struct scene *scene, name_attach_t *name)
{
    for (;;) {
        union {
            struct number message;
            struct _pulse pulse;
        } buffer;
        struct number message;
        rcvid_t rcvid = CHECK_SYS(MsgReceive(name->chid, &buffer, sizeof buffer, NULL));
        if (rcvid == 0) {
            if (buffer.pulse.code == _PULSE_CODE_DISCONNECT) ConnectDetach(buffer.pulse.scoid);
            continue;
        }
        message = buffer.message;
        CHECK_LT(message.client, CLIENTS);
        CHECK_EQ(atomic_fetch_add(&scene->seen[message.client][message.number % NUMBERS], 1), 0);
        int result = MsgReply_r(rcvid, (long)message.number, NULL, 0);
        CHECK(result == 0 || result == -ESRCH);
    }
}

static void race(void *argument)
{
    struct scene *scene = argument;
    qnx_await(&scene->go, 1);
    name_attach_t *name = name_attach(NULL, NAME, 0);
    if (name) {
        atomic_fetch_add(&scene->won, 1);
        atomic_store(&scene->owner, getpid());
    } else CHECK_EQ(errno, EEXIST);
    qnx_count(&scene->tried);
    if (name) serve(scene, name);
}

/* What was told of the number that had this place before was seen, once. */
static void begin_number(struct scene *scene, unsigned client, unsigned number)
{
    unsigned place = number % NUMBERS;
    if (atomic_load(&scene->told[client][place])) CHECK_EQ(atomic_load(&scene->seen[client][place]), 1);
    atomic_store(&scene->told[client][place], 0);
    atomic_store(&scene->seen[client][place], 0);
}

/* Sends each number once, whatever becomes of it. */
static void send_numbers(struct scene *scene, unsigned client)
{
    unsigned number = 0;
    while (!atomic_load(&scene->over)) {
        int coid = name_open(NAME, 0);
        if (coid < 0) {
            CHECK(errno == ENOENT || errno == ESRCH || errno == ENXIO);
            sched_yield();
            continue;
        }
        long result = 0;
        while (!atomic_load(&scene->over) && result >= 0) {
            struct number message = {client, ++number};
            begin_number(scene, client, number);
            result = MsgSend_r(coid, &message, sizeof message, NULL, 0);
            if (result < 0) break;
            CHECK_EQ(result, number);
            atomic_store(&scene->told[client][number % NUMBERS], 1);
            atomic_fetch_add(&scene->answered[client], 1);
        }
        if (result < 0) {
            CHECK(result == -ESRCH || result == -EBADF);
            atomic_fetch_add(&scene->errors[client], 1);
            /* The old connection never comes to life again, though the name has. */
            struct number message = {client, ++number};
            begin_number(scene, client, number);
            CHECK_EQ(MsgSend_r(coid, &message, sizeof message, NULL, 0), -EBADF);
            CHECK_EQ(atomic_load(&scene->seen[client][number % NUMBERS]), 0);
        }
        CHECK_EQ(name_close(coid), 0);
    }
}

struct one {
    struct scene *scene;
    unsigned client;
};

static void be_client(void *argument)
{
    const struct one *one = argument;
    send_numbers(one->scene, one->client);
}

static void progress(struct scene *scene)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        for (unsigned before = atomic_load(&scene->answered[i]); atomic_load(&scene->answered[i]) < before + 5;) sched_yield();
}

CASE_LIMIT(a_hundred_racing_starts_after_each_kill, 60)
{
    struct scene *scene = qnx_share(sizeof *scene);
    pid_t racers[RACERS], clients[CLIENTS], owner = 0;
    unsigned rounds = check_rounds(6, 150);
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    for (unsigned i = 0; i < CLIENTS; i++) clients[i] = check_fork(be_client, &(struct one){scene, i});
    for (unsigned round = 0; round < rounds; round++) {
        unsigned racing = round % 3 == 2 ? RACERS : 3;
        atomic_store(&scene->go, 0);
        atomic_store(&scene->tried, 0);
        atomic_store(&scene->won, 0);
        for (unsigned i = 0; i < racing; i++) racers[i] = check_fork(race, scene);
        /* While clients are at it; the starts begin at the same moment. */
        pid_t old = owner;
        if (old) CHECK_SYS(kill(old, SIGKILL));
        if (old && round % 2) CHECK_EQ(waitpid(old, NULL, 0), old);
        qnx_count(&scene->go);
        qnx_await(&scene->tried, racing);
        if (old && round % 2 == 0) CHECK_EQ(waitpid(old, NULL, 0), old);
        /* All may have come too early for the dead one to be gone; never two. */
        CHECK_LE(atomic_load(&scene->won), 1);
        owner = atomic_load(&scene->won) ? atomic_load(&scene->owner) : 0;
        if (round % 2 || !old) CHECK_NE(owner, 0);
        for (unsigned i = 0; i < racing; i++)
            if (racers[i] != owner) check_join(racers[i]);
        if (owner) progress(scene);
    }
    atomic_store(&scene->over, 1);
    for (unsigned i = 0; i < CLIENTS; i++) {
        check_join(clients[i]);
        CHECK_GT(atomic_load(&scene->errors[i]), 0);
        for (unsigned number = 0; number < NUMBERS; number++)
            if (atomic_load(&scene->told[i][number])) CHECK_EQ(atomic_load(&scene->seen[i][number]), 1);
    }
}
