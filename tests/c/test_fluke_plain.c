/* fluke_plain: idempotent calls and one-way messages: they truncate silently and leave connections alone. */
#include "fluke_support.h"

#include <pthread.h>

FLUKE_CASE(calls)
static void calls_server(fluke_pset_t *pset)
{
    uint32_t in[20], out[20];
    void *alias = NULL;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 20);

    CHECK_STATUS(fluke_ipc_reply(&params), FLUKE_SUCCESS); /* outside a call: nothing */
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, &alias), FLUKE_SUCCESS);
    for (unsigned i = 0; i < 50; i++) {
        CHECK_PTR_EQ(alias, FLUKE_ALIAS);
        CHECK_CAME(params, in, i % 10);
        fluke_check_filled(in, i % 10, i);
        /* It is no connection. */
        CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
        fluke_fill(out, 20, ~i);
        params = fluke_params(out, 20 - i % 10, in, 20);
        if (i < 49)
            CHECK_STATUS(fluke_ipc_reply_wait_receive(&params, &alias), FLUKE_SUCCESS);
        else
            CHECK_STATUS(fluke_ipc_reply(&params), FLUKE_SUCCESS);
    }
    CHECK_STATUS(fluke_ipc_reply(&params), FLUKE_SUCCESS); /* once only */
}
static void calls_client(fluke_ref_t *dest)
{
    uint32_t in[16], out[10];

    for (unsigned i = 0; i < 50; i++) {
        fluke_fill(out, i % 10, i);
        fluke_ipc_params_t params = fluke_params(out, i % 10, in, 16);
        CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_SUCCESS);
        size_t came = 20 - i % 10 < 16 ? 20 - i % 10 : 16; /* the rest of the reply is dropped */
        CHECK_CAME(params, in, came);
        fluke_check_filled(in, came, ~i);
        CHECK_EQ(params.send_buf.words, i % 10);
    }
}

FLUKE_CASE(one_way_messages)
static void one_way_messages_server(fluke_pset_t *pset)
{
    uint32_t in[5];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 3);
    fluke_check_filled(in, 3, 1);
    params = fluke_params(NULL, 0, in, 5);
    CHECK_STATUS(fluke_ipc_wait_receive(&params, NULL), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 5); /* of 100: the rest is dropped */
    fluke_check_filled(in, 5, 2);
    params = fluke_params(in, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_reply(&params), FLUKE_SUCCESS); /* nobody waits for that */
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_IPC_ACK_DISCONNECTED);
    params = fluke_params(NULL, 0, NULL, 0);
    CHECK_STATUS(fluke_ipc_wait_receive(&params, NULL), FLUKE_SUCCESS); /* no room at all */
}
static void one_way_messages_client(fluke_ref_t *dest)
{
    uint32_t out[100];
    fluke_ipc_params_t params;

    fluke_fill(out, 3, 1);
    params = fluke_params(out, 3, NULL, 0);
    CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_SUCCESS);
    fluke_fill(out, 100, 2);
    params = fluke_params(out, 100, NULL, 0);
    CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_SUCCESS);
    CHECK_EQ(params.send_buf.words, 100);
}

/* References go with them, as far as there are slots. */
FLUKE_CASE(references_go_with_calls)
static void references_go_with_calls_server(fluke_pset_t *pset)
{
    uint32_t in[5];
    fluke_ref_t a, b, *slots[2] = {&a, &b};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    fluke_ref_create(&a);
    fluke_ref_create(&b);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 2;
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS); /* one-way */
    CHECK_EQ(params.recv_ref_count, 1);
    CHECK_CAME(params, in, 3);
    CHECK_GE(fluke_ref_fd(&a), 0);
    CHECK_EQ(fluke_ref_fd(&b), -1);
    params = fluke_params(NULL, 0, in, 5);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 2;
    CHECK_STATUS(fluke_ipc_wait_receive(&params, NULL), FLUKE_SUCCESS); /* a call with three */
    CHECK_EQ(params.recv_ref_count, 0);
    CHECK_GE(fluke_ref_fd(&a), 0);
    CHECK_GE(fluke_ref_fd(&b), 0);
    params = fluke_params(in, 1, NULL, 0);
    params.send_ref_tab = slots;
    params.send_ref_count = 2;
    CHECK_STATUS(fluke_ipc_reply(&params), FLUKE_SUCCESS);
}
static void references_go_with_calls_client(fluke_ref_t *dest)
{
    uint32_t in[5], out[3] = {0};
    fluke_ref_t a, got, *refs[3] = {&a, &a, &a}, *slots[1] = {&got};
    fluke_ipc_params_t params = fluke_params(out, 3, in, 5);

    fluke_ref_create(&a);
    fluke_ref_create(&got);
    CHECK_STATUS(fluke_ref_from_fd(&a, STDIN_FILENO), FLUKE_SUCCESS);
    params.send_ref_tab = refs;
    params.send_ref_count = 1;
    CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_SUCCESS);
    params.send_ref_count = 3;
    params.recv_ref_tab = slots;
    params.recv_ref_count = 1;
    CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 1);
    CHECK_EQ(params.recv_ref_count, 0);
    CHECK_GE(fluke_ref_fd(&got), 0);
    CHECK_EQ(params.send_ref_count, 3);
}

/* A connection to the same port stays while its holder calls and sends: another thread serves those. */
FLUKE_CASE(connections_stay)
static void *serves_calls(void *argument)
{
    uint32_t in[5];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(argument, &params, NULL), FLUKE_SUCCESS);
    CHECK_EQ(in[0], 42);
    params = fluke_params(in, 1, in, 5);
    CHECK_STATUS(fluke_ipc_reply_wait_receive(&params, NULL), FLUKE_SUCCESS);
    CHECK_EQ(in[0], 43);
    return NULL;
}
static void connections_stay_server(fluke_pset_t *pset)
{
    uint32_t in[5];
    pthread_t thread;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 3);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_EQ(pthread_create(&thread, NULL, serves_calls, pset), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    params = fluke_params(NULL, 0, in, 5);
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 1);
    params = fluke_params(in, 3, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
}
static void connections_stay_client(fluke_ref_t *dest)
{
    uint32_t in[5], out[3] = {0};
    fluke_ipc_params_t params = fluke_params(out, 3, NULL, 0);

    CHECK_STATUS(fluke_ipc_client_connect_send(dest, &params), FLUKE_SUCCESS);
    out[0] = 42;
    params = fluke_params(out, 3, in, 5);
    CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 1);
    out[0] = 43;
    CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_SUCCESS);
    params = fluke_params(out, 1, in, 5);
    CHECK_STATUS(fluke_ipc_client_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 3);
}

/* Neither ends well when there is nobody. */
FLUKE_CASE(nobody_there)
static void nobody_there_server(fluke_pset_t *pset)
{
    (void)pset;
    fluke_await(1);
    fluke_await_blocked(atomic_load(&fluke_world->client));
    CHECK_STATUS(fluke_port_destroy(&fluke_port), FLUKE_SUCCESS);
}
static void nobody_there_client(fluke_ref_t *dest)
{
    uint32_t words[2] = {0};
    fluke_ref_t fd, empty, copy;
    fluke_ipc_params_t params = fluke_params(words, 2, words, 2);

    fluke_ref_create(&fd);
    fluke_ref_create(&empty);
    fluke_ref_create(&copy);
    CHECK_STATUS(fluke_ref_from_fd(&fd, 0), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ipc_call(&empty, &params), FLUKE_INVALID_DEST);
    CHECK_STATUS(fluke_ipc_send(&fd, &params), FLUKE_INVALID_DEST);
    CHECK_STATUS(fluke_ipc_client_connect_send(&fd, &params), FLUKE_IPC_CONNECT_INVALID_DEST);
    CHECK_STATUS(fluke_ipc_call(NULL, &params), FLUKE_INSANITY_NO_OBJECT);
    CHECK_STATUS(fluke_ipc_client_connect_send(NULL, &params), FLUKE_INSANITY_NO_OBJECT);
    fluke_reach(1);
    CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_IPC_CONNECT_INVALID_DEST); /* destroyed meanwhile */
    CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_IPC_CONNECT_INVALID_DEST);
    CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_IPC_CONNECT_INVALID_DEST);
    CHECK_STATUS(fluke_ipc_client_connect_send(dest, &params), FLUKE_IPC_CONNECT_INVALID_DEST);
    CHECK_STATUS(fluke_name_lookup(fluke_port_name, &copy), FLUKE_INVALID_DEST);
}
