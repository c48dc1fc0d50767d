/*
 * Receivers of one port whose filters have a criterion of the face: each looks at the exchanges of its own group and is woken by their posts. A
 * receiver is held up in a signal handler in the middle of its wait, where the kernel finds a busy one: only what is its own may wait for it.
 */
#define _GNU_SOURCE
#include "core_support.h"
#include "observe.h"
#include "tetrapylon_inspect.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define SOON (tpy_now() + 2000 * MS) /* of what must not last */
#define GROUPS 3
#define HOMES 64
#define NOBODYS (-1)

/* A client names its home when it connects; the home is in a group, or in none. */
struct home {
    _Atomic int group;
};
static struct home homes[HOMES];

static int attach(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t cookie, void **client, uint64_t *reply)
{
    (void)face, (void)who, (void)cookie, (void)reply;
    *client = &homes[tag];
    return 0;
}

static bool admit(void *argument, void *client, uint8_t kind)
{
    (void)kind;
    return client && atomic_load(&((struct home *)client)->group) == (int)(intptr_t)argument;
}

static const struct tpy_port_ops ops = {.attach = attach};

static struct tpy_port *groups_port(uint32_t *id)
{
    struct tpy_port *port;
    CHECK_OK(tpy_port_create(&ops, NULL, 0, &port, id));
    return port;
}

static void move(struct tpy_port *port, int home, int group)
{
    atomic_store(&homes[home].group, group);
    tpy_port_look_again(port);
}

static struct tpy_filter filter_of(int group) { return (struct tpy_filter){.admit = admit, .argument = (void *)(intptr_t)group}; }

/* A server's thread: receives from its group, or from anybody, and echoes, until the port goes. With patience (ns) it receives again and again. */
struct server {
    struct tpy_port *port;
    int group; /* NOBODYS: no filter */
    int64_t patience;
    bool keeps; /* what it gets it does not answer before it may */
    sem_t may, got;
    pthread_t thread;
    _Atomic pid_t tid;
    _Atomic unsigned served;
};

static void *serve(void *argument)
{
    struct server *server = argument;
    unsigned random = (unsigned)(uintptr_t)server;
    char buffer[64];
    atomic_store(&server->tid, (pid_t)syscall(SYS_gettid));
    for (;;) {
        struct iovec part = {buffer, sizeof buffer};
        struct tpy_receipt receipt;
        struct tpy_filter filter = filter_of(server->group);
        int64_t deadline = server->patience ? tpy_now() + core_random(&random) % server->patience : TPY_NEVER;
        int result = tpy_receive(server->port, server->group == NOBODYS ? NULL : &filter, &part, 1, 0, deadline, &receipt);
        if (result == -ESRCH) return NULL;
        if (result == -EINTR || result == -ETIMEDOUT) continue;
        CHECK_EQ(result, 0);
        if (!receipt.exchange) continue;
        if (server->keeps) {
            sem_post(&server->got);
            while (sem_wait(&server->may) != 0) {}
        }
        atomic_fetch_add(&server->served, 1);
        part.iov_len = receipt.received;
        result = tpy_finish(receipt.exchange, receipt.sequence, (int64_t)receipt.received, &part, 1);
        CHECK(result == 0 || result == -ESRCH);
    }
}

static void begin(struct server *server, struct tpy_port *port, int group)
{
    server->port = port;
    server->group = group;
    CHECK_SYS(sem_init(&server->may, 0, 0));
    CHECK_SYS(sem_init(&server->got, 0, 0));
    CHECK_EQ(pthread_create(&server->thread, NULL, serve, server), 0);
    while (!atomic_load(&server->tid)) sched_yield();
}

/* It waits for messages and is asleep, not just held up by a lock for a moment. */
static void await_waiting(pid_t tid)
{
    struct tpy_thread_state states[64];
    for (bool waiting = false; !waiting; sched_yield()) {
        int count = tpy_threads_of(getpid(), states, 64);
        for (int i = 0; i < count && i < 64; i++) waiting |= states[i].tid == tid && states[i].state == TPY_STATE_RECEIVE;
    }
    observe_asleep_in_either(tid, SYS_futex_waitv, SYS_futex);
}

/* Begins, and is asleep as the one who waits for its group's posts, or behind that one. */
static void begin_asleep(struct server *server, struct tpy_port *port, int group)
{
    begin(server, port, group);
    await_waiting(atomic_load(&server->tid));
}

/* ---- a receiver that is held up ---- */

static _Atomic bool released, inside;

static void hold_up(int signal)
{
    (void)signal;
    atomic_store(&inside, true);
    while (!atomic_load(&released)) sched_yield();
    atomic_store(&inside, false);
}

/* It sleeps on the posts it looks at, and from now until release() it does not run, with its wait as it stands. */
static void hold(pthread_t thread, pid_t tid)
{
    struct sigaction action = {.sa_handler = hold_up};
    await_waiting(tid);
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    atomic_store(&released, false);
    atomic_store(&inside, false);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    while (!atomic_load(&inside)) sched_yield();
}

/* Returns when it goes on: the next one that is held up would hold up this one again. */
static void release(void)
{
    atomic_store(&released, true);
    while (atomic_load(&inside)) sched_yield();
}

static void end(struct tpy_port *port, struct server *servers, int count)
{
    CHECK_OK(tpy_port_destroy(port));
    for (int i = 0; i < count; i++) CHECK_EQ(pthread_join(servers[i].thread, NULL), 0);
}

static struct tpy_connection *connect_home(uint32_t id, unsigned home)
{
    struct tpy_connection *connection;
    CHECK_OK(tpy_connection_open(getpid(), id, home, 0, &connection));
    return connection;
}

/* One call within two seconds. */
static int call_soon(struct tpy_connection *connection)
{
    uint32_t question = 4711, answer = 0;
    struct iovec send = {&question, sizeof question}, reply = {&answer, sizeof answer};
    struct tpy_offer offer = {.send = &send, .send_parts = 1, .reply = &reply, .reply_parts = 1, .deadline = SOON, .strike = TPY_STRIKE_BOTH, .priority = 10};
    int result = tpy_offer(connection, &offer);
    if (result == 0) CHECK_EQ(answer, question);
    return result;
}

static void *calls_once(void *connection)
{
    CHECK_OK(call_soon(connection));
    return NULL;
}

/* More at once than one sleep can wait for. */
static void many_threads_call(struct tpy_connection *connection)
{
    pthread_t threads[24];
    for (int i = 0; i < 24; i++) CHECK_EQ(pthread_create(&threads[i], NULL, calls_once, connection), 0);
    for (int i = 0; i < 24; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

CASE(a_receiver_that_is_held_up_holds_up_no_other_group)
{
    uint32_t id;
    struct tpy_port *port = groups_port(&id);
    struct server servers[2] = {0};
    for (int i = 0; i < 2; i++) {
        atomic_store(&homes[i].group, i);
        begin_asleep(&servers[i], port, i);
    }
    hold(servers[0].thread, servers[0].tid); /* the first to wait */
    struct tpy_connection *connection = connect_home(id, 1); /* a client that comes now */
    CHECK_OK(call_soon(connection));
    await_waiting(servers[1].tid);
    CHECK_OK(call_soon(connection));
    many_threads_call(connection);
    for (int i = 0; i < 2000; i++) CHECK_OK(call_soon(connection));
    release();
    struct tpy_connection *other = connect_home(id, 0);
    CHECK_OK(call_soon(other));
    hold(servers[1].thread, servers[1].tid);
    for (int i = 0; i < 100; i++) CHECK_OK(call_soon(other));
    release();
    end(port, servers, 2);
    tpy_connection_close(connection);
    tpy_connection_close(other);
}

struct member { /* a client's thread that calls as often as it is told */
    struct tpy_connection *connection;
    pthread_t thread;
    sem_t calls, called;
    _Atomic bool over;
};

static void *calls_when_told(void *argument)
{
    struct member *member = argument;
    for (;;) {
        while (sem_wait(&member->calls) != 0) {}
        if (atomic_load(&member->over)) return NULL;
        CHECK_OK(call_soon(member->connection));
        sem_post(&member->called);
    }
}

static void tell(struct member *member)
{
    sem_post(&member->calls);
    while (sem_wait(&member->called) != 0) {}
}

/* Of more posts than one sleep can wait for those used longest ago ring: the right one is woken, while another group's does not run. */
CASE(a_post_that_wakes_nobody_by_itself_rings)
{
    enum { MEMBERS = 24 };
    uint32_t id;
    struct tpy_port *port = groups_port(&id);
    struct server servers[2] = {0};
    static struct member members[MEMBERS];
    atomic_store(&homes[1].group, 1);
    for (int i = 0; i < 2; i++) begin_asleep(&servers[i], port, i);
    for (int i = 0; i < MEMBERS; i++) {
        members[i].connection = connect_home(id, 1);
        CHECK_SYS(sem_init(&members[i].calls, 0, 0));
        CHECK_SYS(sem_init(&members[i].called, 0, 0));
        CHECK_EQ(pthread_create(&members[i].thread, NULL, calls_when_told, &members[i]), 0);
        tell(&members[i]);
    }
    hold(servers[0].thread, servers[0].tid);
    for (int i = 0; i < 2 * MEMBERS; i++) {
        await_waiting(servers[1].tid);
        tell(&members[i % MEMBERS]);
    }
    release();
    for (int i = 0; i < MEMBERS; i++) {
        atomic_store(&members[i].over, true);
        sem_post(&members[i].calls);
        CHECK_EQ(pthread_join(members[i].thread, NULL), 0);
        tpy_connection_close(members[i].connection);
    }
    end(port, servers, 2);
}

/* Filters without a criterion are a group too, which looks at everything. */
CASE(one_that_looks_at_everything_is_not_needed_by_others)
{
    uint32_t id;
    struct tpy_port *port = groups_port(&id);
    struct server servers[2] = {0};
    atomic_store(&homes[1].group, 1);
    begin_asleep(&servers[0], port, NOBODYS);
    begin_asleep(&servers[1], port, 1);
    struct tpy_connection *connection = connect_home(id, 1);
    hold(servers[0].thread, servers[0].tid);
    for (int i = 0; i < 200; i++) CHECK_OK(call_soon(connection));
    release();
    hold(servers[1].thread, servers[1].tid); /* both sleep on the same posts */
    for (int i = 0; i < 200; i++) CHECK_OK(call_soon(connection));
    release();
    end(port, servers, 2);
    tpy_connection_close(connection);
}

CASE(a_client_that_is_moved_while_it_waits_is_taken_at_once)
{
    uint32_t id;
    struct tpy_port *port = groups_port(&id);
    struct server servers[2] = {0};
    pthread_t client;
    atomic_store(&homes[2].group, NOBODYS);
    for (int i = 0; i < 2; i++) begin_asleep(&servers[i], port, i);
    struct tpy_connection *connection = connect_home(id, 2);
    for (int to = 1; to >= 0; to--) { /* the second time out of a group whose receiver does not run: it has not looked yet */
        hold(servers[!to].thread, servers[!to].tid);
        CHECK_EQ(pthread_create(&client, NULL, calls_once, connection), 0);
        if (to == 1)
            while (!core_queued(port)) sched_yield();
        await_waiting(servers[to].tid);
        move(port, 2, to);
        CHECK_EQ(pthread_join(client, NULL), 0);
        release();
    }
    end(port, servers, 2);
    tpy_connection_close(connection);
}

/* Who leaves takes its group's wait along; those behind it are found by the client, whoever begins to wait in other groups meanwhile, or had left there. */
CASE(one_behind_a_receiver_that_left_is_found)
{
    uint32_t id;
    struct tpy_port *port = groups_port(&id);
    struct server servers[5] = {0}; /* two of each group; the first of each keeps what it gets; the last one comes later */
    struct tpy_connection *connections[2];
    pthread_t clients[2];
    for (int i = 0; i < 4; i++) {
        atomic_store(&homes[i / 2].group, i / 2);
        servers[i].keeps = i % 2 == 0;
        begin_asleep(&servers[i], port, i / 2);
    }
    for (int i = 0; i < 2; i++) {
        connections[i] = connect_home(id, (unsigned)i);
        CHECK_EQ(pthread_create(&clients[i], NULL, calls_once, connections[i]), 0);
        while (sem_wait(&servers[2 * i].got) != 0) {} /* it has left, and is busy */
        await_waiting(servers[2 * i + 1].tid);
    }
    begin_asleep(&servers[4], port, 1);
    CHECK_OK(call_soon(connections[0]));
    await_waiting(servers[1].tid);
    for (int i = 0; i < 200; i++) CHECK_OK(call_soon(connections[i % 2]));
    for (int i = 0; i < 2; i++) {
        servers[2 * i].keeps = false;
        sem_post(&servers[2 * i].may);
        CHECK_EQ(pthread_join(clients[i], NULL), 0);
    }
    end(port, servers, 5);
    for (int i = 0; i < 2; i++) tpy_connection_close(connections[i]);
}

/* ---- who holds an exchange ---- */

struct conversation {
    struct tpy_port *port;
    pthread_t thread;
    _Atomic pid_t tid;
};

/* Takes one offer, turns it, and waits for the next ones of that client, until that hangs up. */
static void *holds(void *argument)
{
    struct conversation *it = argument;
    struct tpy_filter any = filter_of(0);
    struct tpy_receipt receipt;
    atomic_store(&it->tid, (pid_t)syscall(SYS_gettid));
    CHECK_EQ(tpy_receive(it->port, &any, NULL, 0, 0, SOON, &receipt), 0);
    for (;;) {
        CHECK_OK(tpy_turn(receipt.exchange, receipt.sequence, 0, NULL, 0));
        struct tpy_filter held = {.only = receipt.exchange, .held = receipt.sequence};
        int result;
        while ((result = tpy_receive(it->port, &held, NULL, 0, 0, SOON, &receipt)) == -EINTR) {}
        if (result == -ESRCH) return NULL;
        CHECK_EQ(result, 0);
    }
}

static void say(struct tpy_connection *connection, bool first)
{
    struct tpy_offer offer = {.deadline = SOON, .strike = TPY_STRIKE_BOTH, .priority = 10, .flags = first ? 0 : TPY_OFFER_CONTINUE};
    CHECK_OK(tpy_offer(connection, &offer));
    CHECK(offer.held);
}

CASE(who_waits_for_one_exchange_holds_up_nobody_and_nobody_it)
{
    uint32_t id;
    struct tpy_port *port = groups_port(&id);
    struct server server = {0};
    struct conversation holder = {.port = port};
    for (int i = 0; i < 2; i++) atomic_store(&homes[i].group, 0);
    CHECK_EQ(pthread_create(&holder.thread, NULL, holds, &holder), 0);
    struct tpy_connection *one = connect_home(id, 0), *two = connect_home(id, 1);
    say(one, true);
    await_waiting(holder.tid);
    begin_asleep(&server, port, 0);
    hold(holder.thread, holder.tid);
    CHECK_OK(call_soon(two));
    for (int i = 0; i < 500; i++) CHECK_OK(call_soon(two));
    release();
    hold(server.thread, server.tid);
    for (int i = 0; i < 500; i++) say(one, false);
    release();
    await_waiting(holder.tid);
    CHECK_OK(tpy_hang_up(one));
    CHECK_EQ(pthread_join(holder.thread, NULL), 0);
    end(port, &server, 1);
    tpy_connection_close(one);
    tpy_connection_close(two);
}

/* ---- all at once ---- */

struct crowd {
    uint32_t id;
    pid_t server;
    pid_t patient[GROUPS]; /* of each group the receiver that waits as long as it takes */
};

struct caller {
    struct crowd *crowd;
    unsigned home, calls;
};

static void calls_many(void *argument)
{
    struct caller *caller = argument;
    struct tpy_connection *connection;
    CHECK_OK(tpy_connection_open(caller->crowd->server, caller->crowd->id, caller->home, 0, &connection));
    for (unsigned i = 0; i < caller->calls; i++) {
        uint32_t question = i, answer = 0;
        struct iovec send = {&question, sizeof question}, reply = {&answer, sizeof answer};
        struct tpy_offer offer = {.send = &send, .send_parts = 1, .reply = &reply, .reply_parts = 1, .deadline = TPY_NEVER, .strike = TPY_STRIKE_BOTH, .priority = 10};
        if (i % 8 == 7) {
            int result = tpy_oneway(connection, 0, 10, 1, i, 2);
            CHECK(result == 0 || result == -EAGAIN);
        }
        CHECK_OK(tpy_offer(connection, &offer));
        CHECK_EQ(answer, question);
        /* Now and then until the receiver sleeps that only a message wakes. It will: everybody here pauses so. */
        if (i % 128 == 127) observe_asleep_in_either(caller->crowd->patient[caller->home % GROUPS], SYS_futex_waitv, SYS_futex);
    }
    tpy_connection_close(connection);
}

static void *calls_many_by_thread(void *caller)
{
    calls_many(caller);
    return NULL;
}

/* Two impatient receivers a group, clients in threads and processes, of whom some are moved all the time and some are killed. */
static void crowd(bool by_processes, bool moves)
{
    enum { CALLERS = 6, VICTIMS = 2 };
    uint32_t id;
    struct tpy_port *port = groups_port(&id);
    struct server servers[2 * GROUPS] = {0};
    struct crowd *all = core_share(sizeof *all);
    struct caller callers[CALLERS + VICTIMS];
    pthread_t threads[CALLERS];
    pid_t children[CALLERS], victims[VICTIMS];
    *all = (struct crowd){.id = id, .server = getpid()};
    for (int i = 0; i < CALLERS + VICTIMS; i++) {
        atomic_store(&homes[i].group, i % GROUPS);
        callers[i] = (struct caller){all, (unsigned)i, i < CALLERS ? check_rounds(3000, 30000) : UINT32_MAX};
    }
    for (int i = 0; i < 2 * GROUPS; i++) {
        servers[i].patience = i % 2 ? 100000 : 0;
        begin(&servers[i], port, i / 2);
        if (!servers[i].patience) all->patient[i / 2] = atomic_load(&servers[i].tid);
    }
    for (int i = 0; i < VICTIMS; i++) victims[i] = check_fork(calls_many, &callers[CALLERS + i]);
    for (int i = 0; i < CALLERS; i++)
        if (by_processes) children[i] = check_fork(calls_many, &callers[i]);
        else CHECK_EQ(pthread_create(&threads[i], NULL, calls_many_by_thread, &callers[i]), 0);
    for (int i = 0; i < 300; i++) {
        if (moves) move(port, i % CALLERS, i % 4 == 3 ? NOBODYS : i % 7 % GROUPS);
        if (i % 30 == 29) {
            int victim = i / 30 % VICTIMS;
            CHECK_SYS(kill(victims[victim], SIGKILL));
            CHECK_SYS(waitpid(victims[victim], NULL, 0));
            victims[victim] = check_fork(calls_many, &callers[CALLERS + victim]);
        }
        sched_yield();
    }
    if (moves)
        for (int i = 0; i < CALLERS; i++) move(port, i, i % GROUPS);
    for (int i = 0; i < CALLERS; i++)
        if (by_processes) check_join(children[i]);
        else CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < VICTIMS; i++) {
        CHECK_SYS(kill(victims[i], SIGKILL));
        CHECK_SYS(waitpid(victims[i], NULL, 0));
    }
    end(port, servers, 2 * GROUPS);
    for (int group = 0; group < GROUPS; group++) CHECK_GT(atomic_load(&servers[2 * group].served) + atomic_load(&servers[2 * group + 1].served), 0);
}

CASE_LIMIT(a_crowd_by_threads, 30) { crowd(false, false); }
CASE_LIMIT(a_crowd_by_processes, 30) { crowd(true, false); }
CASE_LIMIT(a_crowd_by_threads_while_clients_move, 30) { crowd(false, true); }
CASE_LIMIT(a_crowd_by_processes_while_clients_move, 30) { crowd(true, true); }
