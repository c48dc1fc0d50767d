/* fluke_withheld: an interrupt of who receives what a pager keeps from everybody; called again, it goes on exactly where it stopped. */
#include "fluke_support.h"
#include "withheld.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define WORDS (WITHHELD_SIZE / 4)
#define SEED 9
#define SOON 500 /* ms: at once, on a busy machine */

/* The client's pager says by a step that the page was touched, and waits for one. */
static _Atomic unsigned faulted, provide;
static void *tell(void *unused)
{
    (void)unused;
    withheld_await(&faulted);
    fluke_reach(1);
    fluke_await(3);
    withheld_count(&provide);
    return NULL;
}

static void fill(void *memory, size_t size, unsigned seed) { fluke_fill(memory, size / 4, seed); }

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t since;
static void *interrupt(void *thread)
{
    fluke_await(1);
    since = now_ms();
    CHECK_STATUS(fluke_thread_interrupt(thread), FLUKE_SUCCESS);
    return NULL;
}

static void await_client(void)
{
    withheld_check();
    while (fluke_world->client == 0) sched_yield();
    fluke_await_blocked(fluke_world->client); /* it has filled the ring, and not touched the last page */
}

static void finish(const fluke_ipc_params_t *came, uint32_t *words)
{
    CHECK_CAME(*came, words, WORDS);
    fluke_check_filled(words, WORDS, SEED);
    fluke_ipc_params_t params = fluke_params(words, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
    free(words);
}

static void send_it(fluke_ref_t *dest)
{
    uint32_t in[2];
    pthread_t teller;
    withheld_check();
    struct withheld *withheld = withheld_memory(fill, SEED, &faulted, &provide);
    CHECK_EQ(pthread_create(&teller, NULL, tell, NULL), 0);
    fluke_ipc_params_t params = fluke_params((uint32_t *)(void *)withheld->memory, WORDS, in, 2);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_CAME(params, in, 2);
    CHECK_EQ(pthread_join(teller, NULL), 0);
    withheld_end(withheld);
}

/* The rest of a message that was begun to be received. */
FLUKE_CASE(an_interrupt_in_the_middle_of_a_receive)
static void an_interrupt_in_the_middle_of_a_receive_server(fluke_pset_t *pset)
{
    pthread_t interrupter;
    uint32_t *words = malloc(WITHHELD_SIZE);
    fluke_ipc_params_t params = fluke_params(NULL, 0, words, 100);
    await_client();
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_DATA);
    params = fluke_params(NULL, 0, words + 100, WORDS - 100);
    CHECK_EQ(pthread_create(&interrupter, NULL, interrupt, fluke_thread_self()), 0);
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_IPC_INTERRUPTED);
    CHECK_LT(now_ms() - since, SOON);
    CHECK_EQ(pthread_join(interrupter, NULL), 0);
    fluke_reach(3);
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_SUCCESS);
    finish(&params, words);
}
static void an_interrupt_in_the_middle_of_a_receive_client(fluke_ref_t *dest) { send_it(dest); }

/* All of it, with the connection: that is still to be waited for. */
FLUKE_CASE(an_interrupt_in_the_middle_of_a_wait)
static void an_interrupt_in_the_middle_of_a_wait_server(fluke_pset_t *pset)
{
    pthread_t interrupter;
    uint32_t *words = malloc(WITHHELD_SIZE);
    fluke_ipc_params_t params = fluke_params(NULL, 0, words, WORDS);
    await_client();
    CHECK_EQ(pthread_create(&interrupter, NULL, interrupt, fluke_thread_self()), 0);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_INTERRUPTED);
    CHECK_LT(now_ms() - since, SOON);
    CHECK_EQ(pthread_join(interrupter, NULL), 0);
    fluke_reach(3);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    finish(&params, words);
}
static void an_interrupt_in_the_middle_of_a_wait_client(fluke_ref_t *dest) { send_it(dest); }
