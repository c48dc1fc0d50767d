/* fluke_interrupt: interrupts and alerts, and calls that go on exactly where they stopped. */
#include "fluke_sides.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

static _Atomic unsigned ran;
static void handler(fluke_error_t error)
{
    CHECK_STATUS(error, FLUKE_IPC_INTERRUPTED);
    ran++;
    fluke_reach(2);
}

/* Another thread of the caller's process, which interrupts it once a step is reached and it sleeps. */
struct target {
    fluke_thread_t *thread;
    unsigned step;
    pid_t tid;
    pthread_t interrupter;
};
static void *interrupts(void *argument)
{
    struct target *target = argument;
    fluke_await(target->step);
    fluke_await_blocked(target->tid);
    CHECK_STATUS(fluke_thread_interrupt(target->thread), FLUKE_SUCCESS);
    return NULL;
}
static void be_interrupted(struct target *target, unsigned step)
{
    *target = (struct target){.thread = fluke_thread_self(), .step = step, .tid = (pid_t)syscall(SYS_gettid)};
    CHECK_EQ(pthread_create(&target->interrupter, NULL, interrupts, target), 0);
}

/* With a handler the call goes on by itself. */
FLUKE_SIDES(with_a_handler)
static void with_a_handler_caller(const struct fluke_side *side)
{
    uint32_t in[9], out[5] = {1, 2, 3, 4, 5};
    struct target target;

    fluke_begin(side);
    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), NULL, handler, NULL, NULL), FLUKE_SUCCESS);
    fluke_ipc_params_t params = fluke_params(out, 5, in, 9);
    be_interrupted(&target, 1);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_EQ(ran, 1);
    CHECK_EQ(params.send_buf.words, 5);
    CHECK_CAME(params, in, 2);
    pthread_join(target.interrupter, NULL);
    side->disconnect();
}
static void with_a_handler_peer(const struct fluke_side *side)
{
    uint32_t in[9], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 3);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_IPC_RECV_MORE_DATA);
    /* The caller sleeps in the middle of its send, is interrupted, and sleeps again. */
    fluke_reach(1);
    params = fluke_params(NULL, 0, in + 3, 6);
    fluke_await(2);
    fluke_await_blocked(fluke_other(side));
    CHECK_STATUS(side->receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in + 3, 2);
    CHECK_EQ(in[3], 4);
    fluke_await_blocked(fluke_other(side));
    params = fluke_params(out, 2, in, 2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
}

/* Without one it returns, and its params describe the rest; called again, it goes on: in the send, ... */
FLUKE_SIDES(called_again_in_the_send)
static void called_again_in_the_send_caller(const struct fluke_side *side)
{
    uint32_t in[9], out[100];
    fluke_ipc_buffer_t rest[2] = {{20, out + 10}, {70, out + 30}};
    struct target target;

    fluke_begin(side);
    fluke_fill(out, 100, 7);
    fluke_ipc_params_t params = fluke_params(out, 10, in, 9);
    params.send_buf_tab = rest;
    params.send_buf_count = 2;
    be_interrupted(&target, 1);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_INTERRUPTED);
    pthread_join(target.interrupter, NULL);
    CHECK_PTR_EQ(params.send_buf.buf, out + 25);
    CHECK_EQ(params.send_buf.words, 5);
    CHECK_EQ(params.send_buf_count, 1);
    CHECK_CAME(params, in, 0);
    fluke_reach(2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS); /* the ack and 25 words are done */
    CHECK_CAME(params, in, 2);
    CHECK_EQ(params.send_buf.words, 5); /* as it was given */
    side->disconnect();
}
static void called_again_in_the_send_peer(const struct fluke_side *side)
{
    uint32_t in[101], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 25);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_IPC_RECV_MORE_DATA);
    fluke_reach(1);
    fluke_await(2);
    params = fluke_params(NULL, 0, in + 25, 76);
    CHECK_STATUS(side->receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in + 25, 75);
    fluke_check_filled(in, 100, 7);
    params = fluke_params(out, 2, in, 2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
}

/* ... between the references, ... */
FLUKE_SIDES(called_again_between_references)
enum { REFS = 150, TAKEN = 40 };
static void called_again_between_references_caller(const struct fluke_side *side)
{
    uint32_t in[9], out[3] = {0};
    fluke_ref_t ref, *refs[REFS];
    struct target target;

    CHECK_STATUS(fluke_ref_create(&ref), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ref_from_fd(&ref, STDIN_FILENO), FLUKE_SUCCESS);
    for (int i = 0; i < REFS; i++)
        refs[i] = &ref;
    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 3, in, 9);
    params.send_ref_tab = refs;
    params.send_ref_count = REFS;
    be_interrupted(&target, 1);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_INTERRUPTED);
    pthread_join(target.interrupter, NULL);
    CHECK_EQ(params.send_buf.words, 0);
    CHECK_PTR_EQ(params.send_ref_tab, refs + TAKEN);
    CHECK_EQ(params.send_ref_count, REFS - TAKEN);
    CHECK_CAME(params, in, 0);
    fluke_reach(2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 2);
    side->disconnect();
}
static void called_again_between_references_peer(const struct fluke_side *side)
{
    static fluke_ref_t refs[REFS], *slots[REFS];
    uint32_t in[9], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 9);

    for (int i = 0; i < REFS; i++)
        CHECK_STATUS(fluke_ref_create(slots[i] = &refs[i]), FLUKE_SUCCESS);
    params.recv_ref_tab = slots;
    params.recv_ref_count = TAKEN;
    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_IPC_RECV_MORE_REFS);
    CHECK_CAME(params, in, 3);
    fluke_reach(1);
    fluke_await(2);
    params.recv_ref_count = REFS - TAKEN;
    CHECK_STATUS(side->receive(&params), FLUKE_SUCCESS);
    CHECK_PTR_EQ(params.recv_ref_tab, slots + REFS);
    for (int i = 0; i < REFS; i++)
        CHECK_GE(fluke_ref_fd(&refs[i]), 0);
    params = fluke_params(out, 2, in, 2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
}

/* ... and in the receive. */
FLUKE_SIDES(called_again_in_the_receive)
static void called_again_in_the_receive_caller(const struct fluke_side *side)
{
    uint32_t in[9], out[2] = {0};
    struct target target;

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 2, in, 9);
    be_interrupted(&target, 1);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_INTERRUPTED);
    pthread_join(target.interrupter, NULL);
    CHECK_EQ(params.send_buf.words, 0);
    size_t came = (size_t)((uint32_t *)params.recv_buf.buf - in);
    CHECK(came == 0 || came == 3);
    fluke_reach(3);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 5);
    fluke_check_filled(in, 5, 8);
    side->disconnect();
}
static void called_again_in_the_receive_peer(const struct fluke_side *side)
{
    uint32_t in[9], out[5];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 9);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    fluke_reach(1);
    fluke_fill(out, 5, 8);
    params = fluke_params(out, 3, NULL, 0);
    CHECK_STATUS(side->ack_send(&params), FLUKE_SUCCESS);
    fluke_await(3);
    params = fluke_params(out + 3, 2, in, 2);
    CHECK_STATUS(side->send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
}

/* A connect nobody takes, a wait nobody ends. */
FLUKE_CASE(connects_and_waits)
static void connects_and_waits_server(fluke_pset_t *pset)
{
    uint32_t in[4];
    struct target target;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 4);

    be_interrupted(&target, 0);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_INTERRUPTED);
    pthread_join(target.interrupter, NULL);
    CHECK_CAME(params, in, 0);
    fluke_reach(1);
    fluke_await(2);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 3);
    CHECK_EQ(in[0], 21);
    params = fluke_params(in, 2, in, 4);
    CHECK_STATUS(fluke_ipc_server_ack_send_wait_receive(&params, NULL), FLUKE_SUCCESS); /* the call */
    CHECK_STATUS(fluke_ipc_reply(&params), FLUKE_SUCCESS);
}
static void connects_and_waits_client(fluke_ref_t *dest)
{
    uint32_t in[4], out[3] = {21, 22, 23};
    struct target target;
    fluke_ipc_params_t params = fluke_params(out, 3, in, 4);

    fluke_await(1);
    be_interrupted(&target, 0);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_INTERRUPTED);
    pthread_join(target.interrupter, NULL);
    CHECK_PTR_EQ(params.send_buf.buf, out);
    CHECK_EQ(params.send_buf.words, 3);
    be_interrupted(&target, 0);
    CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_IPC_INTERRUPTED);
    pthread_join(target.interrupter, NULL);
    be_interrupted(&target, 0);
    CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_IPC_INTERRUPTED);
    pthread_join(target.interrupter, NULL);
    fluke_reach(2);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 2);
    params = fluke_params(out, 3, in, 4);
    CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_SUCCESS);
}

/* The peer's alert handler runs, for the side it holds; its call goes on. */
static _Atomic unsigned as_client, as_server;
static void alerted_as_client(fluke_error_t error)
{
    (void)error;
    as_client++;
    fluke_reach(1);
}
static void alerted_as_server(fluke_error_t error)
{
    (void)error;
    as_server++;
    fluke_reach(1);
}
FLUKE_SIDES(alerts)
static void alerts_caller(const struct fluke_side *side)
{
    uint32_t in[9], out[2] = {0};

    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), NULL, NULL, alerted_as_client, alerted_as_server), FLUKE_SUCCESS);
    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 2, in, 9);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_EQ(as_client, side->client);
    CHECK_EQ(as_server, !side->client);
    /* Without a handler it is interrupted. */
    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), NULL, NULL, NULL, NULL), FLUKE_SUCCESS);
    params = fluke_params(out, 2, in, 9);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_INTERRUPTED);
    CHECK_EQ(params.send_buf.words, 0);
    fluke_reach(2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_EQ(as_client + as_server, 1);
    side->disconnect();
}
static void alerts_peer(const struct fluke_side *side)
{
    uint32_t in[9], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 9);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    fluke_await_blocked(fluke_other(side));
    CHECK_STATUS(side->alert(), FLUKE_SUCCESS);
    fluke_await(1);
    params = fluke_params(out, 2, in, 9);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    fluke_await_blocked(fluke_other(side));
    CHECK_STATUS(side->alert(), FLUKE_SUCCESS);
    fluke_await(2);
    params = fluke_params(out, 2, in, 9);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
}

/* A handler may disconnect: the call ends with the code of where it stood. */
static const struct fluke_side *ends;
static void disconnects(fluke_error_t error) { (void)error, ends->disconnect(); }
FLUKE_SIDES(a_handler_disconnects)
static void a_handler_disconnects_caller(const struct fluke_side *side)
{
    uint32_t in[9], out[100] = {0};
    struct target target;

    ends = side;
    fluke_begin(side);
    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), NULL, disconnects, NULL, NULL), FLUKE_SUCCESS);
    fluke_ipc_params_t params = fluke_params(out, 100, in, 9);
    be_interrupted(&target, 1);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_SEND_DISCONNECTED);
    pthread_join(target.interrupter, NULL);
    fluke_reach(2);
}
static void a_handler_disconnects_peer(const struct fluke_side *side)
{
    uint32_t in[200];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 10);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_IPC_RECV_MORE_DATA);
    fluke_reach(1);
    fluke_await(2);
    params = fluke_params(NULL, 0, in, 200);
    CHECK_STATUS(side->receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
}

/* Nothing is lost and nothing comes twice while interrupts rain on both ends. */
static _Atomic bool raining;
static void *rains(void *argument)
{
    unsigned seed = 1;
    while (atomic_load(&raining)) {
        fluke_thread_interrupt(argument);
        for (unsigned i = rand_r(&seed) % 2000; i > 0; i--)
            atomic_load(&raining);
    }
    return NULL;
}
enum { RAIN_ROUNDS = 60, RAIN_MOST = 20000 };
static fluke_error_t insist(fluke_error_t (*call)(fluke_ipc_params_t *), fluke_ipc_params_t *params)
{
    fluke_error_t status;
    do
        status = call(params);
    while (status == FLUKE_IPC_INTERRUPTED);
    return status;
}
/* Sends a message of random pieces, or receives it into others, until the peer is over; then the other way round. */
static void converse(const struct fluke_side *side, bool sends_first, unsigned seed)
{
    uint32_t *in = calloc(RAIN_MOST + 1, 4), *out = calloc(RAIN_MOST, 4);
    for (unsigned round = 0; round < RAIN_ROUNDS; round++) {
        unsigned both = round, words = 2 + rand_r(&both) % (round % 4 == 3 ? RAIN_MOST - 2 : 200), came = 0;
        bool sends = sends_first == (round % 2 == 0);
        if (sends) {
            fluke_fill(out, words, round);
            fluke_ipc_params_t params = fluke_params(out, words, in, 0);
            if (round == 0 && side->client)
                CHECK_STATUS(insist(side->send, &params), FLUKE_SUCCESS);
            else
                CHECK_STATUS(insist(side->ack_send, &params), FLUKE_SUCCESS);
            params = fluke_params(NULL, 0, in, 0);
        } else {
            fluke_error_t status = FLUKE_IPC_RECV_MORE_DATA;
            fluke_error_t (*call)(fluke_ipc_params_t *) = round == 0 ? side->receive : side->over_receive;
            while (status == FLUKE_IPC_RECV_MORE_DATA) {
                unsigned room = 1 + (unsigned)rand_r(&seed) % words;
                if (came + room > words + 1)
                    room = words + 1 - came;
                fluke_ipc_params_t params = fluke_params(NULL, 0, in + came, room);
                status = insist(call, &params);
                came = (unsigned)((uint32_t *)params.recv_buf.buf - in);
                call = side->receive;
            }
            CHECK_STATUS(status, round + 1 < RAIN_ROUNDS ? FLUKE_SUCCESS : FLUKE_IPC_RECV_DISCONNECTED);
            CHECK_EQ(came, words);
            fluke_check_filled(in, words, round);
        }
    }
    side->disconnect();
    free(in);
    free(out);
}
FLUKE_CASE(a_rain_of_interrupts)
static void a_rain_of_interrupts_server(fluke_pset_t *pset)
{
    uint32_t in[2];
    pthread_t thread;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_DATA);
    raining = true;
    CHECK_EQ(pthread_create(&thread, NULL, rains, fluke_thread_self()), 0);
    converse(&fluke_server_side, false, 5);
    raining = false;
    pthread_join(thread, NULL);
}
static void a_rain_of_interrupts_client(fluke_ref_t *dest)
{
    uint32_t out[2] = {0};
    pthread_t thread;
    fluke_ipc_params_t params = fluke_params(out, 2, NULL, 0);

    CHECK_STATUS(fluke_ipc_client_connect_send(dest, &params), FLUKE_SUCCESS);
    raining = true;
    CHECK_EQ(pthread_create(&thread, NULL, rains, fluke_thread_self()), 0);
    converse(&fluke_client_side, true, 6);
    raining = false;
    pthread_join(thread, NULL);
}

CASE(threads_that_are_none)
{
    CHECK_STATUS(fluke_thread_interrupt(NULL), FLUKE_INSANITY_NO_OBJECT);
    CHECK_STATUS(fluke_thread_set_handlers((fluke_thread_t *)&ran, NULL, NULL, NULL, NULL), FLUKE_INSANITY_NO_OBJECT);
}
