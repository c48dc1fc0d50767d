/* fluke_crowd: many servers and clients at once: connections that stay apart, wake-ups that nobody loses, a port that moves all the time. */
#include "fluke_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "core_support.h"

enum { SERVERS = 3, CLIENTS = 4, CONVERSATIONS = 150, TURNS = 4 };

static fluke_pset_t sets[2];

/* Holds conversations until a one-way message says that all is over, and passes that on. */
static void *serves(void *argument)
{
    uint32_t word[8];
    fluke_ipc_params_t params = fluke_params(NULL, 0, word, 8);
    fluke_error_t status = fluke_ipc_setup_wait_receive(argument, &params, NULL);

    for (;;) {
        uint32_t who = word[0], turn = 0;
        if ((size_t)((uint32_t *)params.recv_buf.buf - word) == 1)
            break; /* one word: the end */
        while (status == FLUKE_SUCCESS) { /* each turn brings who it is and how often it has asked */
            CHECK_EQ(word[0], who);
            CHECK_EQ(word[1], turn);
            turn++;
            word[1]++;
            params = fluke_params(word, 2, word, 8);
            bool last = turn == TURNS;
            status = last ? fluke_ipc_server_ack_send_wait_receive(&params, NULL) : fluke_ipc_server_ack_send_over_receive(&params);
            if (last)
                break;
        }
        CHECK_STATUS(status, FLUKE_SUCCESS);
    }
    return NULL;
}

static void *asks(void *argument)
{
    uint32_t base = (uint32_t)(uintptr_t)argument, word[3];
    fluke_ref_t dest;

    CHECK_STATUS(fluke_ref_create(&dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup(fluke_port_name, &dest), FLUKE_SUCCESS);
    for (uint32_t i = 0; i < CONVERSATIONS; i++) {
        word[0] = base + i;
        word[1] = 0;
        fluke_ipc_params_t params = fluke_params(word, 2, word, 3);
        fluke_error_t status = fluke_ipc_client_connect_send_over_receive(&dest, &params);
        for (uint32_t turn = 1; turn < TURNS; turn++) {
            CHECK_STATUS(status, FLUKE_SUCCESS);
            CHECK_EQ(word[0], base + i);
            CHECK_EQ(word[1], turn);
            params = fluke_params(word, 2, word, 3);
            status = fluke_ipc_client_ack_send_over_receive(&params);
        }
        CHECK_STATUS(status, FLUKE_IPC_RECV_DISCONNECTED);
        CHECK_EQ(word[1], TURNS);
    }
    CHECK_STATUS(fluke_ref_destroy(&dest), FLUKE_SUCCESS);
    return NULL;
}

static void asks_in_a_process(void *argument) { asks(argument); }

static void crowd(bool threads, bool moves)
{
    pthread_t servers[SERVERS], clients[CLIENTS];
    pid_t children[CLIENTS];
    uint32_t end[1] = {0};
    fluke_ref_t self;

    fluke_alone();
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(fluke_pset_create(&sets[i]), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&fluke_port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&fluke_port, &sets[0]), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind(fluke_port_name, &fluke_port), FLUKE_SUCCESS);
    for (uintptr_t i = 0; i < CLIENTS && !threads; i++)
        children[i] = check_fork(asks_in_a_process, (void *)(i * 1000));
    for (int i = 0; i < SERVERS; i++)
        CHECK_EQ(pthread_create(&servers[i], NULL, serves, &sets[moves ? i % 2 : 0]), 0);
    for (uintptr_t i = 0; i < CLIENTS && threads; i++)
        CHECK_EQ(pthread_create(&clients[i], NULL, asks, (void *)(i * 1000)), 0);
    for (int i = 0; moves && i < 2000; i++) {
        CHECK_STATUS(fluke_port_set_pset(&fluke_port, i % 3 == 2 ? NULL : &sets[i % 3]), FLUKE_SUCCESS);
        sched_yield();
    }
    CHECK_STATUS(fluke_port_set_pset(&fluke_port, &sets[0]), FLUKE_SUCCESS);
    for (int i = 0; i < CLIENTS; i++)
        if (threads)
            CHECK_EQ(pthread_join(clients[i], NULL), 0);
        else
            check_join(children[i]);
    CHECK_STATUS(fluke_ref_create(&self), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_reference(&fluke_port, &self), FLUKE_SUCCESS);
    for (int i = 0; i < SERVERS; i++) {
        fluke_ipc_params_t params = fluke_params(end, 1, NULL, 0);
        CHECK_STATUS(fluke_port_set_pset(&fluke_port, &sets[moves ? i % 2 : 0]), FLUKE_SUCCESS);
        CHECK_STATUS(fluke_ipc_send(&self, &params), FLUKE_SUCCESS);
    }
    for (int i = 0; i < SERVERS; i++)
        CHECK_EQ(pthread_join(servers[i], NULL), 0);
}

CASE_LIMIT(servers_and_clients_by_processes, 30) { crowd(false, false); }
CASE_LIMIT(servers_and_clients_by_threads, 30) { crowd(true, false); }
CASE_LIMIT(while_the_port_moves_by_processes, 30) { crowd(false, true); }
CASE_LIMIT(while_the_port_moves_by_threads, 30) { crowd(true, true); }

/* ---- port sets of their own ---- */

enum { SETS = 3, CALLERS_OF_EACH = 2, CALLS = 1500 };

static fluke_pset_t own_sets[SETS];
static const char *const own_names[SETS] = {"first", "second", "third"};

static void *serves_its_own(void *argument)
{
    uint32_t word[2];
    fluke_ipc_params_t params = fluke_params(NULL, 0, word, 2);
    fluke_error_t status = fluke_ipc_setup_wait_receive(argument, &params, NULL);

    for (;;) {
        if (status == FLUKE_SUCCESS) {
            bool end = word[0] == SETS;
            params = fluke_params(word, 2, word, 2);
            if (end) {
                CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
                fluke_ipc_server_disconnect();
                return NULL;
            }
            status = fluke_ipc_server_ack_send_wait_receive(&params, NULL);
        } else { /* killed in the middle */
            params = fluke_params(NULL, 0, word, 2);
            status = fluke_ipc_wait_receive(&params, NULL);
        }
    }
}

/* Calls the server of this port set so often, and counts; with SETS as its word the server ends. */
static void call_one(uint32_t set, uint32_t word0, uint32_t calls, _Atomic uint32_t *count)
{
    fluke_ref_t dest;
    CHECK_STATUS(fluke_ref_create(&dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup(own_names[set], &dest), FLUKE_SUCCESS);
    for (uint32_t i = 0; i < calls; i++) {
        uint32_t word[2] = {word0, i}, answer[3];
        fluke_ipc_params_t params = fluke_params(word, 2, answer, 3);
        CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(&dest, &params), FLUKE_IPC_RECV_DISCONNECTED);
        CHECK_EQ(answer[0], word0);
        CHECK_EQ(answer[1], i);
        atomic_fetch_add(count, 1);
    }
    CHECK_STATUS(fluke_ref_destroy(&dest), FLUKE_SUCCESS);
}

static _Atomic uint32_t *victims_calls; /* shared with the victim of the moment */
static void calls_one(void *set)
{
    _Atomic uint32_t count = 0;
    call_one((uint32_t)(uintptr_t)set, (uint32_t)(uintptr_t)set, CALLS, &count);
}
static void calls_for_ever(void *set) { call_one((uint32_t)(uintptr_t)set, (uint32_t)(uintptr_t)set, UINT32_MAX, victims_calls); }

/* A thread on each of three port sets; clients of all at once, some of whom are killed. */
CASE_LIMIT(threads_on_port_sets_of_their_own, 30)
{
    pthread_t servers[SETS];
    pid_t children[SETS * CALLERS_OF_EACH];
    fluke_port_t ports[SETS];
    _Atomic uint32_t own_count = 0;

    fluke_alone();
    victims_calls = core_share(sizeof *victims_calls);
    for (uintptr_t i = 0; i < SETS; i++) {
        CHECK_STATUS(fluke_pset_create(&own_sets[i]), FLUKE_SUCCESS);
        CHECK_STATUS(fluke_port_create(&ports[i], NULL), FLUKE_SUCCESS);
        CHECK_STATUS(fluke_port_set_pset(&ports[i], &own_sets[i]), FLUKE_SUCCESS);
        CHECK_STATUS(fluke_name_bind(own_names[i], &ports[i]), FLUKE_SUCCESS);
        CHECK_EQ(pthread_create(&servers[i], NULL, serves_its_own, &own_sets[i]), 0);
    }
    for (uintptr_t i = 0; i < SETS * CALLERS_OF_EACH; i++)
        children[i] = check_fork(calls_one, (void *)(i % SETS));
    for (uintptr_t i = 0; i < 12; i++) {
        atomic_store(victims_calls, 0);
        pid_t victim = check_fork(calls_for_ever, (void *)(i % SETS));
        while (atomic_load(victims_calls) < i * 10) sched_yield(); /* the first one is killed in its set-up, or in its first call */
        CHECK_SYS(kill(victim, SIGKILL));
        CHECK_SYS(waitpid(victim, NULL, 0));
    }
    for (int i = 0; i < SETS * CALLERS_OF_EACH; i++)
        check_join(children[i]);
    for (uint32_t i = 0; i < SETS; i++) {
        call_one(i, SETS, 1, &own_count);
        CHECK_EQ(pthread_join(servers[i], NULL), 0);
    }
}
