/* fluke_death: peers that die, threads that end, ports that go, and children that begin anew. */
#include "fluke_sides.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* One process dies in the middle of a call of the other; each stage has its code. A case: the server is the child that dies. */
static fluke_ref_t dest;
static void child_server(void *argument)
{
    uint32_t in[8], out[8] = {0};
    fluke_pset_t pset;
    fluke_port_t port;
    int stage = *(int *)argument;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, stage == 1 ? 2 : 8);

    CHECK_STATUS(fluke_pset_create(&pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&port, &pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind("dies", &port), FLUKE_SUCCESS);
    fluke_reach(1);
    if (stage > 0)
        CHECK_STATUS(fluke_ipc_setup_wait_receive(&pset, &params, NULL), stage == 1 ? FLUKE_IPC_RECV_MORE_DATA : FLUKE_SUCCESS);
    if (stage == 3) {
        params = fluke_params(out, 3, NULL, 0);
        CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    }
    fluke_reach(2);
    for (;;)
        pause();
}
struct killing {
    pid_t victim, waits_for;
};
static void *kills(void *argument)
{
    struct killing *killing = argument;
    fluke_await(2);
    fluke_await_blocked(killing->waits_for);
    kill(killing->victim, SIGKILL);
    return NULL;
}
static void server_dies(int stage, fluke_error_t expected)
{
    uint32_t in[8], out[4] = {0};
    pthread_t thread;

    fluke_alone();
    struct killing killing = {check_fork(child_server, &stage), (pid_t)syscall(SYS_gettid)};

    fluke_await(1);
    CHECK_STATUS(fluke_ref_create(&dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup("dies", &dest), FLUKE_SUCCESS);
    CHECK_EQ(pthread_create(&thread, NULL, kills, &killing), 0);
    fluke_ipc_params_t params = fluke_params(out, 4, in, 8);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(&dest, &params), expected);
    CHECK_CAME(params, in, stage == 3 ? 3 : 0); /* what was sent is not lost */
    CHECK_EQ(params.send_buf.words, 4);
    pthread_join(thread, NULL);
    waitpid(killing.victim, NULL, 0);
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_STATUS(fluke_ipc_client_connect_send(&dest, &params), FLUKE_IPC_CONNECT_INVALID_DEST);
    CHECK_STATUS(fluke_ipc_call(&dest, &params), FLUKE_IPC_CONNECT_INVALID_DEST);
}
CASE(the_server_dies_before_it_receives) { server_dies(0, FLUKE_IPC_CONNECT_INVALID_DEST); }
CASE(the_server_dies_in_the_send) { server_dies(1, FLUKE_IPC_SEND_DISCONNECTED); }
CASE(the_server_dies_in_the_over) { server_dies(2, FLUKE_IPC_OVER_DISCONNECTED); }
CASE(the_server_dies_in_the_receive) { server_dies(3, FLUKE_IPC_RECV_DISCONNECTED); }

/* A thread that ends while it is connected counts as dead, on both its sides. */
FLUKE_SIDES(the_peers_thread_ends)
static void *ends_in_over(void *argument)
{
    uint32_t in[3];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);
    CHECK_STATUS(fluke_go_over(argument, &params), FLUKE_IPC_RECV_MORE_DATA);
    return NULL;
}
static void the_peers_thread_ends_caller(const struct fluke_side *side)
{
    uint32_t in[3], out[4] = {0};

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 4, in, 3);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_SEND_DISCONNECTED);
}
static void the_peers_thread_ends_peer(const struct fluke_side *side)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, ends_in_over, (void *)(uintptr_t)side), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* The client process dies while the server waits for it. */
static void client_dies_body(void *argument)
{
    uint32_t out[2] = {0};
    fluke_ipc_params_t params = fluke_params(out, 2, NULL, 0);
    (void)argument;
    CHECK_STATUS(fluke_ref_create(&dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup("waits", &dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ipc_client_connect_send(&dest, &params), FLUKE_SUCCESS);
    fluke_reach(1);
    for (;;)
        pause();
}
CASE(the_client_dies)
{
    uint32_t in[3];
    pthread_t thread;
    fluke_pset_t pset;
    fluke_port_t port;
    fluke_alone();
    CHECK_STATUS(fluke_pset_create(&pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&port, &pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind("waits", &port), FLUKE_SUCCESS);
    struct killing killing = {check_fork(client_dies_body, NULL), (pid_t)syscall(SYS_gettid)};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(&pset, &params, NULL), FLUKE_IPC_RECV_MORE_DATA);
    fluke_await(1);
    fluke_reach(2);
    CHECK_EQ(pthread_create(&thread, NULL, kills, &killing), 0);
    params = fluke_params(NULL, 0, in, 2);
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_IPC_ACK_DISCONNECTED);
    pthread_join(thread, NULL);
    waitpid(killing.victim, NULL, 0);
}

/* It dies in its over: it never sees the reversal. */
static void client_dies_in_over(void *argument)
{
    uint32_t out[2] = {0}, in[2];
    fluke_ipc_params_t params = fluke_params(out, 2, in, 2);
    (void)argument;
    CHECK_STATUS(fluke_ref_create(&dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup("waits", &dest), FLUKE_SUCCESS);
    fluke_ipc_client_connect_send_over_receive(&dest, &params);
}
CASE(the_client_dies_in_its_over)
{
    fluke_error_t (*const calls[])(fluke_ipc_params_t *) = {fluke_ipc_server_ack_send, fluke_ipc_server_ack_send_over_receive};
    fluke_pset_t pset;
    fluke_port_t port;
    fluke_alone();
    CHECK_STATUS(fluke_pset_create(&pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&port, &pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind("waits", &port), FLUKE_SUCCESS);
    unsigned known = 0;
    for (unsigned i = 0; i < 20; i++) {
        uint32_t in[4], out[2] = {0};
        pid_t client = check_fork(client_dies_in_over, NULL);
        fluke_ipc_params_t params = fluke_params(NULL, 0, in, 4);
        CHECK_STATUS(fluke_ipc_setup_wait_receive(&pset, &params, NULL), FLUKE_SUCCESS);
        CHECK_SYS(kill(client, SIGKILL));
        CHECK_EQ(waitpid(client, NULL, 0), client);
        while (fluke_ipc_server_alert() == FLUKE_SUCCESS)
            sched_yield();
        params = fluke_params(out, 2, in, 4);
        fluke_error_t status = calls[i % 2](&params);
        if (status == FLUKE_IPC_ACK_DISCONNECTED) known++;
        else CHECK_STATUS(status, i % 2 ? FLUKE_IPC_OVER_DISCONNECTED : FLUKE_SUCCESS); /* its death was not known yet */
        fluke_ipc_server_disconnect();
    }
    CHECK_GE(known, 1);
}

/* A connection that stands goes on when its port is destroyed; clients that wait do not. */
FLUKE_CASE(the_port_goes)
static void the_port_goes_server(fluke_pset_t *pset)
{
    uint32_t in[3];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 3);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_destroy(&fluke_port), FLUKE_SUCCESS);
    params = fluke_params(in, 2, in, 3);
    CHECK_STATUS(fluke_ipc_server_ack_send_over_receive(&params), FLUKE_SUCCESS);
    params = fluke_params(in, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
}
static void the_port_goes_client(fluke_ref_t *port)
{
    uint32_t words[3] = {0};
    fluke_ipc_params_t params = fluke_params(words, 2, words, 3);

    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(port, &params), FLUKE_SUCCESS);
    params = fluke_params(words, 2, words, 3);
    CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    params = fluke_params(words, 2, words, 3);
    CHECK_STATUS(fluke_ipc_client_connect_send(port, &params), FLUKE_IPC_CONNECT_INVALID_DEST);
}

/* A child has none of the parent's connections and ports; its references are good. */
FLUKE_CASE(children)
static void child_of_client(void *argument)
{
    uint32_t in[3], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(out, 2, in, 3);
    (void)argument;
    CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_IPC_ACK_DISCONNECTED);
    CHECK_STATUS(fluke_port_set_pset(&fluke_port, NULL), FLUKE_INSANITY_INVALID_OBJECT);
}
static void children_server(fluke_pset_t *pset)
{
    uint32_t in[3];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 3);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    params = fluke_params(in, 2, in, 3);
    CHECK_STATUS(fluke_ipc_server_ack_send_over_receive(&params), FLUKE_SUCCESS);
    params = fluke_params(in, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
}
static void children_client(fluke_ref_t *port)
{
    uint32_t words[3] = {0};
    fluke_ipc_params_t params = fluke_params(words, 2, words, 3);

    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(port, &params), FLUKE_SUCCESS);
    check_join(check_fork(child_of_client, NULL));
    params = fluke_params(words, 2, words, 3);
    CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED); /* ours stands */
}

/* Three servers in a chain: each is a client and a server at once. */
enum { DEPTH = 3 };
static const char *const links[DEPTH] = {"link 0", "link 1", "link 2"};
static void link_server(void *argument)
{
    int depth = *(int *)argument;
    uint32_t in[8], below[8];
    fluke_ref_t next;
    fluke_pset_t pset;
    fluke_port_t port;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 8), down;

    CHECK_STATUS(fluke_pset_create(&pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&port, &pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ref_create(&next), FLUKE_SUCCESS);
    if (depth + 1 < DEPTH)
        CHECK_STATUS(fluke_name_lookup(links[depth + 1], &next), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind(links[depth], &port), FLUKE_SUCCESS);
    fluke_reach((unsigned)(DEPTH - depth));
    fluke_error_t status = fluke_ipc_setup_wait_receive(&pset, &params, NULL);
    bool open = false;
    while (status == FLUKE_SUCCESS) {
        in[0] += 1u << 8 * (unsigned)depth;
        if (depth + 1 < DEPTH) { /* ask below, on a connection of our own that stays open */
            down = fluke_params(in, 2, below, 8);
            CHECK_STATUS(open ? fluke_ipc_client_ack_send_over_receive(&down) : fluke_ipc_client_connect_send_over_receive(&next, &down), FLUKE_SUCCESS);
            open = true;
            in[0] = below[0];
        }
        params = fluke_params(in, 2, in, 8);
        status = fluke_ipc_server_ack_send_over_receive(&params);
    }
    CHECK_STATUS(status, FLUKE_IPC_OVER_DISCONNECTED);
    fluke_ipc_client_disconnect();
}
static void *link_thread(void *argument)
{
    link_server(argument);
    return NULL;
}
static void run_chain(bool threads)
{
    uint32_t in[3], out[2] = {0, 7};
    pid_t children[DEPTH];
    pthread_t ids[DEPTH];
    int depths[DEPTH];
    fluke_alone();
    for (int depth = DEPTH - 1; depth >= 0; depth--) {
        depths[depth] = depth;
        if (threads)
            CHECK_EQ(pthread_create(&ids[depth], NULL, link_thread, &depths[depth]), 0);
        else
            children[depth] = check_fork(link_server, &depths[depth]);
        fluke_await((unsigned)(DEPTH - depth));
    }
    fluke_ref_t top;
    CHECK_STATUS(fluke_ref_create(&top), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup(links[0], &top), FLUKE_SUCCESS);
    fluke_ipc_params_t params = fluke_params(out, 2, in, 3);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(&top, &params), FLUKE_SUCCESS);
    for (unsigned i = 1; i < 50; i++) {
        CHECK_EQ(in[0], 0x010101u * i);
        CHECK_EQ(in[1], 7);
        params = fluke_params(in, 2, in, 3);
        CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_SUCCESS);
    }
    fluke_ipc_client_disconnect();
    for (int depth = 0; depth < DEPTH; depth++)
        if (threads)
            CHECK_EQ(pthread_join(ids[depth], NULL), 0);
        else
            check_join(children[depth]);
}
CASE(a_chain_of_servers_by_processes) { run_chain(false); }
CASE(a_chain_of_servers_by_threads) { run_chain(true); }
