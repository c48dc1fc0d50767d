/*
 * What the crossing promises when peers die, stop, fork or give up, as far as processes of one user
 * show it. Each case leaves a survivor that must go on, and counts what it holds.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <tetrapylon.h>
#include <unistd.h>

#define ROUNDS (int)check_rounds(200, 2000)

struct target {
    pid_t pid;
    uint32_t id;
    _Atomic unsigned calls;
};

static void call_for_ever(void *argument)
{
    struct target *target = argument;
    struct tpy_connection *connection;
    unsigned random = (unsigned)getpid();
    CHECK_OK(tpy_connection_open(target->pid, target->id, 0, 0, &connection));
    for (unsigned i = 0;; i++) {
        /* The first one large, so that all there is to an exchange has been made after it. */
        size_t size = i == 0 || core_random(&random) % 8 == 0 ? 20000 + core_random(&random) * 4 % 200000 : core_random(&random) % 300;
        CHECK_EQ(core_call(connection, size, i), 0);
        atomic_fetch_add(&target->calls, 1);
    }
}

static void kill_and_reap(pid_t pid)
{
    int status;
    CHECK_SYS(kill(pid, SIGKILL));
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status)); /* not a failed check of its own before */
}

static void linger(unsigned *random)
{
    for (unsigned turns = core_random(random) % 200; turns > 0; turns--) sched_yield();
}

CASE_LIMIT(clients_killed_at_random_moments_leave_a_server_that_goes_on, 60)
{
    struct target *target = core_share(sizeof *target), *honest = core_share(sizeof *honest);
    pthread_t server;
    unsigned random = 1;
    target->pid = honest->pid = getpid();
    struct tpy_port *port = core_port(&target->id);
    honest->id = target->id;
    CHECK_EQ(pthread_create(&server, NULL, core_echo, port), 0);
    pid_t survivor = check_fork(call_for_ever, honest);
    while (atomic_load(&honest->calls) == 0) sched_yield();
    unsigned descriptors = core_descriptors(), mappings = core_mappings();
    for (int round = 0; round < ROUNDS; round++) {
        unsigned before = atomic_load(&target->calls), honest_before = atomic_load(&honest->calls);
        pid_t victim = check_fork(call_for_ever, target);
        if (round % 4 != 0) /* else somewhere in its set-up */
            while (atomic_load(&target->calls) == before) sched_yield();
        linger(&random);
        kill_and_reap(victim);
        while (atomic_load(&honest->calls) == honest_before) sched_yield();
    }
    core_await_counts(descriptors, mappings);
    kill_and_reap(survivor);
}

CASE_LIMIT(servers_killed_at_random_moments_end_their_clients_calls, 60)
{
    unsigned random = 2, descriptors = 0, mappings = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct target target = {0};
        struct tpy_connection *connection;
        target.pid = core_echo_process(&target.id);
        CHECK_OK(tpy_connection_open(target.pid, target.id, 0, 0, &connection));
        CHECK_EQ(core_call(connection, 100, 1), 0);
        if (round == 0) descriptors = core_descriptors(), mappings = core_mappings();
        pid_t killer = fork();
        if (killer == 0) {
            linger(&random);
            kill(target.pid, SIGKILL);
            _exit(0);
        }
        core_random(&random);
        int result;
        while ((result = core_call(connection, core_random(&random) % 2 ? 8 : 100000, 3)) == 0) {}
        CHECK(result == -ESRCH || result == -EBADF);
        while ((result = core_call(connection, 8, 4)) == -ESRCH) {} /* until the death is known everywhere */
        CHECK_EQ(result, -EBADF);
        tpy_connection_close(connection);
        CHECK_EQ(waitpid(target.pid, NULL, 0), target.pid);
        CHECK_EQ(waitpid(killer, NULL, 0), killer);
    }
    core_await_counts(descriptors, mappings); /* counted while one server lived */
}

static void call_once(void *argument)
{
    struct target *target = argument;
    struct tpy_connection *connection;
    CHECK_OK(tpy_connection_open(target->pid, target->id, 0, 0, &connection));
    CHECK_EQ(core_call(connection, target->calls, 5), 0);
}

static void a_death_is_seen(int accepted)
{
    struct target *target = core_share(sizeof *target);
    struct tpy_connection *connection;
    struct tpy_receipt receipt;
    char memory[100];
    struct iovec part = {memory, sizeof memory};
    target->pid = getpid();
    target->calls = sizeof memory;
    struct tpy_port *port = core_port(&target->id);
    pid_t client = check_fork(call_once, target);
    if (accepted) {
        CHECK_OK(tpy_receive(port, NULL, &part, 1, 0, TPY_NEVER, &receipt));
        int64_t start = tpy_now();
        kill_and_reap(client);
        while (tpy_exchange_info(receipt.exchange, receipt.sequence, &(struct tpy_exchange_info){0}) == 0) sched_yield();
        CHECK_LT(tpy_now() - start, 50 * MS);
        CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, 0, &part, 1), -ESRCH);
    } else {
        while (!core_queued(port)) sched_yield();
        int64_t start = tpy_now();
        kill_and_reap(client);
        while (core_queued(port)) sched_yield();
        CHECK_LT(tpy_now() - start, 50 * MS);
        CHECK_EQ(tpy_receive(port, NULL, &part, 1, 0, 0, &receipt), -ETIMEDOUT);
    }
    /* The port still serves. */
    CHECK_OK(tpy_connection_open(getpid(), target->id, 0, 0, &connection));
    pthread_t server;
    CHECK_EQ(pthread_create(&server, NULL, core_echo, port), 0);
    CHECK_EQ(core_call(connection, 30, 6), 0);
}

CASE(a_client_killed_before_it_is_accepted_leaves_the_queue) { a_death_is_seen(0); }
CASE(a_client_killed_after_it_was_accepted_makes_the_finish_fail) { a_death_is_seen(1); }

struct silent {
    _Atomic uint32_t id;
    _Atomic unsigned accepted;
    int accept;
};

static void say_nothing(void *argument)
{
    struct silent *silent = argument;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    struct tpy_receipt receipt;
    atomic_store(&silent->id, id);
    if (silent->accept) {
        CHECK_OK(tpy_receive(port, NULL, NULL, 0, 0, TPY_NEVER, &receipt));
        atomic_store(&silent->accepted, 1);
    }
    pause();
}

struct kill_later {
    pid_t pid;
    struct silent *silent;
    _Atomic int64_t when;
};

/* Whether a thread of this process is blocked in an offer. */
static bool one_is_blocked(void)
{
    struct tpy_thread_state states[16];
    int count = tpy_threads_of(getpid(), states, 16);
    for (int i = 0; i < count; i++)
        if (states[i].state == TPY_STATE_SEND || states[i].state == TPY_STATE_REPLY) return true;
    return false;
}

static void *kill_when_asleep(void *argument)
{
    struct kill_later *it = argument;
    while (it->silent->accept && !atomic_load(&it->silent->accepted)) sched_yield();
    while (!one_is_blocked()) sched_yield(); /* a server that dies before the offer has gone, which is another error */
    atomic_store(&it->when, tpy_now());
    kill(it->pid, SIGKILL);
    return NULL;
}

static void a_servers_death_is_seen(int accept)
{
    struct silent *silent = core_share(sizeof *silent);
    struct tpy_connection *connection;
    pthread_t thread;
    silent->accept = accept;
    struct kill_later killer = {.silent = silent};
    killer.pid = check_fork(say_nothing, silent);
    while (atomic_load(&silent->id) == 0) sched_yield();
    CHECK_OK(tpy_connection_open(killer.pid, silent->id, 0, 0, &connection));
    CHECK_EQ(pthread_create(&thread, NULL, kill_when_asleep, &killer), 0);
    CHECK_EQ(core_call(connection, 10, 1), -ESRCH);
    CHECK_LT(tpy_now() - atomic_load(&killer.when), 50 * MS);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

CASE(a_server_killed_before_it_accepts_ends_the_call_within_50_ms) { a_servers_death_is_seen(0); }
CASE(a_server_killed_after_it_accepted_ends_the_call_within_50_ms) { a_servers_death_is_seen(1); }

static void stopped_clients(size_t size, unsigned count)
{
    struct target *target = core_share(sizeof *target);
    struct tpy_receipt receipts[32];
    pid_t clients[32];
    int status;
    char *memory = malloc(size);
    target->pid = getpid();
    target->calls = (unsigned)size;
    struct tpy_port *port = core_port(&target->id);
    for (unsigned i = 0; i < count; i++) {
        struct iovec part = {memory, size};
        clients[i] = check_fork(call_once, target);
        CHECK_OK(tpy_receive(port, NULL, &part, 1, 0, TPY_NEVER, &receipts[i]));
        CHECK_EQ(receipts[i].received, size);
        CHECK_SYS(kill(clients[i], SIGSTOP));
        CHECK_EQ(waitpid(clients[i], &status, WUNTRACED), clients[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        struct iovec part = {memory, size};
        int64_t start = tpy_now();
        CHECK_OK(tpy_finish(receipts[i].exchange, receipts[i].sequence, (int64_t)size, &part, 1));
        CHECK_LT(tpy_now() - start, 500 * MS); /* it does not wait for them; how long it takes to copy is no matter here */
    }
    for (unsigned i = 0; i < count; i++) {
        CHECK_SYS(kill(clients[i], SIGCONT));
        check_join(clients[i]);
    }
}

CASE(a_finish_does_not_wait_for_stopped_clients) { stopped_clients(200, 32); }
CASE_LIMIT(a_large_finish_does_not_wait_for_stopped_clients, 30) { stopped_clients(3000000, 4); }

CASE(a_forked_child_cannot_use_its_parents_connections)
{
    uint32_t id, own_id;
    struct tpy_connection *connection;
    pid_t server = core_echo_process(&id);
    CHECK_OK(tpy_connection_open(server, id, 0, 0, &connection));
    struct tpy_port *port = core_port(&own_id);
    CHECK_EQ(core_call(connection, 50, 1), 0);
    pid_t child = fork();
    if (child == 0) {
        struct tpy_connection *anew;
        struct tpy_receipt receipt;
        CHECK_EQ(core_call(connection, 50, 2), -EBADF);
        CHECK_EQ(tpy_receive(port, NULL, NULL, 0, 0, 0, &receipt), -ESRCH);
        CHECK_OK(tpy_connection_open(server, id, 0, 0, &anew));
        CHECK_EQ(core_call(anew, 50, 3), 0);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(core_call(connection, 50, 4), 0);
}

/* Deadlines against finishes: each exchange ends one way, and both sides agree which. */
struct race {
    struct tpy_port *port;
    uint32_t id;
    uint8_t strike;
    unsigned longest;
    _Atomic unsigned finished, late, answered, struck;
};

static void *finish_slowly(void *argument)
{
    struct race *race = argument;
    unsigned random = 7;
    struct tpy_receipt receipt;
    while (tpy_receive(race->port, NULL, NULL, 0, 0, TPY_NEVER, &receipt) == 0) {
        for (unsigned turns = core_random(&random) % 64; turns > 0; turns--) sched_yield();
        int result = tpy_finish(receipt.exchange, receipt.sequence, 1, NULL, 0);
        CHECK(result == 0 || result == -ESRCH);
        atomic_fetch_add(result == 0 ? &race->finished : &race->late, 1);
    }
    return NULL;
}

static void *offer_with_deadlines(void *argument)
{
    struct race *race = argument;
    struct tpy_connection *connection;
    unsigned random = (unsigned)(uintptr_t)&random;
    CHECK_OK(tpy_connection_open(getpid(), race->id, 0, 0, &connection));
    for (unsigned i = 0; i < check_rounds(10000, 100000); i++) {
        struct tpy_offer offer = {.deadline = tpy_now() + core_random(&random) % race->longest, .strike = race->strike};
        int result = tpy_offer(connection, &offer);
        CHECK(result == 0 || result == -ETIMEDOUT);
        atomic_fetch_add(result == 0 ? &race->answered : &race->struck, 1);
    }
    return NULL;
}

/* Two clients, so that with one receiver an offer waits while the other is served. */
static void reply_against_deadline(uint8_t strike, int receivers, unsigned longest)
{
    struct race race = {.strike = strike, .longest = longest};
    pthread_t servers[2], clients[2];
    race.port = core_port(&race.id);
    for (int i = 0; i < receivers; i++) CHECK_EQ(pthread_create(&servers[i], NULL, finish_slowly, &race), 0);
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_create(&clients[i], NULL, offer_with_deadlines, &race), 0);
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(clients[i], NULL), 0);
    tpy_port_destroy(race.port);
    for (int i = 0; i < receivers; i++) CHECK_EQ(pthread_join(servers[i], NULL), 0);
    /* Every finish that succeeded was answered, and no other. Deadlines that struck were late for the server or never reached it. */
    CHECK_EQ(race.finished, race.answered);
    CHECK_LE(race.late, race.struck);
    if (strike == TPY_STRIKE_SEND) CHECK_EQ(race.late, 0);
    CHECK_GT(race.answered, 0);
    CHECK_GT(race.struck, 0);
}

CASE_LIMIT(a_reply_and_a_deadline_never_both_win, 60) { reply_against_deadline(TPY_STRIKE_BOTH, 2, 60000); }
CASE_LIMIT(an_acceptance_and_a_deadline_never_both_win, 60) { reply_against_deadline(TPY_STRIKE_SEND, 1, 3000); }

/* The same where both meet: the server accepts just when the client withdraws, on another CPU, so that what either stores may not have come to the other
 * when that looks. The client moves the time of the next acceptance by what became of this one. */
struct brink {
    struct tpy_port *port;
    uint32_t id;
    _Atomic int64_t begin, after; /* ns: of this offer, and when it is to be accepted */
    _Atomic unsigned round, over;
    unsigned finished, late;
};

static void brink_cpu(int which)
{
    cpu_set_t allowed, one;
    CHECK_OK(sched_getaffinity(0, sizeof allowed, &allowed));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && which-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            CHECK_OK(sched_setaffinity(0, sizeof one, &one));
        }
}

static void *accept_on_the_brink(void *argument)
{
    struct brink *brink = argument;
    unsigned random = 11;
    brink_cpu(1);
    for (unsigned round = 1;; round++) {
        struct tpy_receipt receipt;
        while (atomic_load(&brink->round) < round) sched_yield();
        if (atomic_load(&brink->round) == UINT_MAX) return NULL;
        int64_t when = atomic_load(&brink->begin) + atomic_load(&brink->after) + core_random(&random) % 128;
        while (tpy_now() < when && atomic_load(&brink->over) < round) {}
        int result;
        do result = tpy_receive(brink->port, NULL, NULL, 0, 0, 0, &receipt);
        while (result == -ETIMEDOUT && atomic_load(&brink->over) < round);
        if (result == -ETIMEDOUT) continue;
        CHECK_EQ(result, 0);
        result = tpy_finish(receipt.exchange, receipt.sequence, 1, NULL, 0);
        if (result == 0) brink->finished++;
        else brink->late++;
    }
}

CASE_LIMIT(an_acceptance_and_a_withdrawal_on_two_cpus_see_each_other, 60)
{
    struct brink brink = {.after = 30000};
    struct tpy_connection *connection;
    pthread_t server;
    unsigned answered = 0, withdrawn = 0;
    brink.port = core_port(&brink.id);
    CHECK_OK(tpy_connection_open(getpid(), brink.id, 0, 0, &connection));
    CHECK_EQ(pthread_create(&server, NULL, accept_on_the_brink, &brink), 0);
    brink_cpu(0);
    int64_t end = tpy_now() + 20000 * MS; /* where others want the CPUs too, fewer rounds */
    for (unsigned round = 1; round <= check_rounds(20000, 200000) && tpy_now() < end; round++) {
        struct tpy_offer offer = {.deadline = tpy_now(), .strike = TPY_STRIKE_SEND};
        atomic_store(&brink.begin, offer.deadline);
        atomic_store(&brink.round, round);
        int result = tpy_offer(connection, &offer);
        atomic_store(&brink.over, round);
        CHECK(result == 0 || result == -ETIMEDOUT);
        if (result == 0) answered++;
        else withdrawn++;
        int64_t after = atomic_load(&brink.after) + (result == 0 ? 20 : -20);
        atomic_store(&brink.after, after > 0 ? after : 0);
    }
    atomic_store(&brink.over, UINT_MAX);
    atomic_store(&brink.round, UINT_MAX);
    CHECK_EQ(pthread_join(server, NULL), 0);
    CHECK_EQ(brink.late, 0);
    CHECK_EQ(brink.finished, answered);
    CHECK_GT(answered, 0);
    CHECK_GT(withdrawn, 0);
    tpy_port_destroy(brink.port);
}

/* Several receivers, several clients that come and go to sleep: nobody is left asleep with work waiting. */
static void call_with_pauses(void *argument)
{
    struct target *target = argument;
    struct tpy_connection *connection;
    unsigned random = (unsigned)getpid();
    CHECK_OK(tpy_connection_open(target->pid, target->id, 0, 0, &connection));
    for (unsigned i = 0; i < 3000; i++) {
        CHECK_EQ(core_call(connection, 16, i), 0);
        if (core_random(&random) % 16 == 0) /* long enough for the other side to go to sleep */
            for (int64_t end = tpy_now() + core_random(&random) % 200000; tpy_now() < end;) sched_yield();
    }
}

CASE_LIMIT(no_wake_up_is_lost_among_several_receivers, 60)
{
    struct target *target = core_share(sizeof *target);
    pthread_t servers[4];
    pid_t clients[20]; /* more than a receiver can sleep on by their words */
    target->pid = getpid();
    struct tpy_port *port = core_port(&target->id);
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&servers[i], NULL, core_echo, port), 0);
    for (int i = 0; i < 20; i++) clients[i] = check_fork(call_with_pauses, target);
    for (int i = 0; i < 20; i++) check_join(clients[i]);
    tpy_port_destroy(port);
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_join(servers[i], NULL), 0);
}
