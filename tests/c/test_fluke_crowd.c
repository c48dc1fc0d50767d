/* fluke_crowd: many servers and clients at once: connections that stay apart, wake-ups that nobody loses, a port that moves all the time. */
#include "fluke_support.h"

#include <pthread.h>
#include <sched.h>

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
