/* fluke_connection: a reliable connection from its opening to its end: data in both directions, the reversals, buffers that fill, and what is
 * dropped for an ack. */
#include "fluke_support.h"

#include <stdlib.h>

enum { ROUNDS = 200 };

FLUKE_CASE(round_trips)
static void round_trips_server(fluke_pset_t *pset)
{
    uint32_t in[64], out[64];
    void *alias = NULL;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 64);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, &alias), FLUKE_SUCCESS);
    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_PTR_EQ(alias, FLUKE_ALIAS);
        CHECK_CAME(params, in, 2 + i % 60);
        CHECK_EQ(params.recv_buf.words, 62 - i % 60);
        fluke_check_filled(in, 2 + i % 60, i);
        fluke_fill(out, 2 + i % 50, ~i);
        params = fluke_params(out, 2 + i % 50, in, 64);
        alias = NULL;
        if (i + 1 < ROUNDS)
            CHECK_STATUS(fluke_ipc_server_ack_send_wait_receive(&params, &alias), FLUKE_SUCCESS);
        else
            CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
        CHECK_PTR_EQ(params.send_buf.buf, out);
        CHECK_EQ(params.send_buf.words, 2 + i % 50);
    }
    fluke_ipc_server_disconnect();
}
static void round_trips_client(fluke_ref_t *dest)
{
    uint32_t in[64], out[64];

    for (unsigned i = 0; i < ROUNDS; i++) {
        fluke_fill(out, 2 + i % 60, i);
        fluke_ipc_params_t params = fluke_params(out, 2 + i % 60, in, 64);
        CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_DISCONNECTED);
        CHECK_CAME(params, in, 2 + i % 50);
        CHECK_EQ(params.recv_buf.words, 62 - i % 50);
        fluke_check_filled(in, 2 + i % 50, ~i);
        CHECK_PTR_EQ(params.send_buf.buf, out);
        CHECK_EQ(params.send_buf.words, 2 + i % 60);
    }
}

FLUKE_CASE(reversals_on_an_open_connection)
static void reversals_on_an_open_connection_server(fluke_pset_t *pset)
{
    uint32_t word[2];
    fluke_ipc_params_t params = fluke_params(NULL, 0, word, 2);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        CHECK_EQ(word[0], 2 * i);
        word[0]++;
        params = fluke_params(word, 2, word, 2);
        CHECK_STATUS(fluke_ipc_server_ack_send_over_receive(&params), i + 1 < ROUNDS ? FLUKE_SUCCESS : FLUKE_IPC_OVER_DISCONNECTED);
    }
    /* Nothing is left of it. */
    params = fluke_params(word, 2, word, 2);
    CHECK_STATUS(fluke_ipc_server_ack_send_over_receive(&params), FLUKE_IPC_ACK_DISCONNECTED);
}
static void reversals_on_an_open_connection_client(fluke_ref_t *dest)
{
    uint32_t word[2] = {0};
    fluke_ipc_params_t params = fluke_params(word, 2, word, 2);

    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_SUCCESS);
    for (uint32_t i = 1; i < ROUNDS; i++) {
        CHECK_EQ(word[0], 2 * i - 1);
        word[0]++;
        params = fluke_params(word, 2, word, 2);
        CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_SUCCESS);
    }
    fluke_ipc_client_disconnect(); /* as the receiver: abnormal */
}

FLUKE_CASE(every_step_by_itself)
static void every_step_by_itself_server(fluke_pset_t *pset)
{
    uint32_t in[16], out[16];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 16);

    /* A connect of 2 words, sends of 1 and of 5, an over. */
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 8);
    fluke_check_filled(in, 8, 1);
    fluke_fill(out, 10, 2);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    params = fluke_params(out + 2, 1, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_send(&params), FLUKE_SUCCESS);
    params = fluke_params(out + 3, 7, in, 16);
    CHECK_STATUS(fluke_ipc_server_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 3);
    fluke_check_filled(in, 3, 3);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    params = fluke_params(NULL, 0, in, 16);
    CHECK_STATUS(fluke_ipc_server_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 4);
    fluke_check_filled(in, 4, 4);
}
static void every_step_by_itself_client(fluke_ref_t *dest)
{
    uint32_t in[16], out[16];

    fluke_fill(out, 8, 1);
    fluke_ipc_params_t params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_client_connect_send(dest, &params), FLUKE_SUCCESS);
    params = fluke_params(out + 2, 1, NULL, 0);
    CHECK_STATUS(fluke_ipc_client_send(&params), FLUKE_SUCCESS);
    params = fluke_params(out + 3, 5, NULL, 0);
    CHECK_STATUS(fluke_ipc_client_send(&params), FLUKE_SUCCESS);
    params = fluke_params(NULL, 0, in, 16);
    CHECK_STATUS(fluke_ipc_client_over_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 10);
    fluke_check_filled(in, 10, 2);
    /* The sender is over already. */
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 10);
    fluke_fill(out, 3, 3);
    params = fluke_params(out, 3, in, 2);
    CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_IPC_RECV_MORE_DATA); /* full, and the sender is idle */
    params = fluke_params(NULL, 0, in + 2, 14);
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 2);
    fluke_check_filled(in, 2, 2);
    fluke_fill(out, 4, 4);
    params = fluke_params(out, 4, NULL, 0);
    CHECK_STATUS(fluke_ipc_client_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_client_disconnect(); /* as the sender: nothing is lost */
}

FLUKE_CASE(more_data_goes_on_where_it_stopped)
static void more_data_goes_on_where_it_stopped_server(fluke_pset_t *pset)
{
    uint32_t in[100], out[100];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 30);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_CAME(params, in, 30);
    params = fluke_params(NULL, 0, in + 30, 40);
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_CAME(params, in, 70);
    params = fluke_params(NULL, 0, in + 70, 30); /* exactly the rest, and the sender is over */
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_SUCCESS);
    fluke_check_filled(in, 100, 5);
    fluke_fill(out, 100, 6);
    params = fluke_params(out, 100, in, 1);
    CHECK_STATUS(fluke_ipc_server_ack_send_over_receive(&params), FLUKE_IPC_RECV_MORE_DATA);
    params = fluke_params(NULL, 0, in + 1, 99);
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 2);
    fluke_check_filled(in, 2, 7);
}
static void more_data_goes_on_where_it_stopped_client(fluke_ref_t *dest)
{
    uint32_t in[100], out[100];

    fluke_fill(out, 100, 5);
    fluke_ipc_params_t params = fluke_params(out, 100, in, 33);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_CAME(params, in, 33);
    CHECK_EQ(params.recv_buf.words, 0);
    params = fluke_params(NULL, 0, in + 33, 66);
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_IPC_RECV_MORE_DATA);
    params = fluke_params(NULL, 0, in + 99, 1);
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_SUCCESS);
    fluke_check_filled(in, 100, 6);
    fluke_fill(out, 2, 7);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_client_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_client_disconnect();
}

/* Buffers in a table, on both sides, cut in different places. */
FLUKE_CASE(tables_of_buffers)
static void tables_of_buffers_server(fluke_pset_t *pset)
{
    uint32_t in[4][10], out[30];
    fluke_ipc_buffer_t table[3] = {{0, NULL}, {10, in[1]}, {10, in[2]}};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in[0], 10);

    params.recv_buf_tab = table;
    params.recv_buf_count = 3;
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    /* 25 words: the third buffer has room for 5 more, and nothing is after it. */
    CHECK_EQ(params.recv_buf.words, 5);
    CHECK_PTR_EQ(params.recv_buf.buf, in[2] + 5);
    CHECK_EQ(params.recv_buf_count, 0);
    CHECK_PTR_EQ(params.recv_buf_tab, table + 3);
    CHECK_EQ(table[2].words, 10);
    fluke_check_filled(in[0], 25, 8); /* the rows lie one after the other */
    fluke_fill(out, 30, 9);
    fluke_ipc_buffer_t pieces[3] = {{7, out + 3}, {0, NULL}, {20, out + 10}};
    params = fluke_params(out, 3, NULL, 0);
    params.send_buf_tab = pieces;
    params.send_buf_count = 3;
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
}
static void tables_of_buffers_client(fluke_ref_t *dest)
{
    uint32_t in[30], out[25] = {0};
    fluke_ipc_buffer_t pieces[2] = {{1, out + 1}, {23, out + 2}}, rooms[2] = {{12, in + 8}, {10, in + 20}};
    fluke_ipc_params_t params = fluke_params(out, 1, in, 8);

    fluke_fill(out, 25, 8);
    params.send_buf_tab = pieces;
    params.send_buf_count = 2;
    params.recv_buf_tab = rooms;
    params.recv_buf_count = 2;
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_EQ(params.recv_buf.words, 0);
    CHECK_EQ(params.recv_buf_count, 0);
    CHECK_PTR_EQ(params.send_buf.buf, out);
    CHECK_EQ(params.send_buf_count, 2);
    fluke_check_filled(in, 30, 9);
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
}

/* What the peer still sends is dropped for an ack, which waits for the over. */
FLUKE_CASE(a_server_acks_while_the_client_sends)
static void a_server_acks_while_the_client_sends_server(fluke_pset_t *pset)
{
    uint32_t in[3], out[2] = {11, 12};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_EQ(in[0], 1);
    params = fluke_params(out, 2, in, 3);
    fluke_reach(1);
    CHECK_STATUS(fluke_ipc_server_ack_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 2);
    CHECK_EQ(in[0], 99);
}
static void a_server_acks_while_the_client_sends_client(fluke_ref_t *dest)
{
    uint32_t in[3], out[4] = {1, 2, 3, 4};
    fluke_ipc_params_t params = fluke_params(out, 4, NULL, 0);

    CHECK_STATUS(fluke_ipc_client_connect_send(dest, &params), FLUKE_SUCCESS);
    fluke_await(1);
    fluke_await_blocked(fluke_world->server);
    CHECK_STATUS(fluke_ipc_client_send(&params), FLUKE_SUCCESS);
    params = fluke_params(out, 3, in, 3);
    CHECK_STATUS(fluke_ipc_client_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_EQ(in[0], 11);
    out[0] = 99;
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_client_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_client_disconnect();
}

FLUKE_CASE(a_client_acks_while_the_server_sends)
static void a_client_acks_while_the_server_sends_server(fluke_pset_t *pset)
{
    uint32_t in[3], out[50] = {0};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 3);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    params = fluke_params(out, 50, NULL, 0); /* more than there is room for: the rest is dropped */
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ipc_server_send(&params), FLUKE_SUCCESS);
    fluke_await_blocked(fluke_world->client);
    params = fluke_params(out, 50, in, 3);
    CHECK_STATUS(fluke_ipc_server_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 2);
    CHECK_EQ(in[1], 88);
}
static void a_client_acks_while_the_server_sends_client(fluke_ref_t *dest)
{
    uint32_t in[3], out[2] = {77, 88};
    fluke_ipc_params_t params = fluke_params(out, 2, in, 3);

    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_STATUS(fluke_ipc_client_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_client_disconnect();
}

/* A message far beyond what travels inline, in pieces that do not fit. */
FLUKE_CASE(long_messages)
enum { LONG = 300000 };
static void long_messages_server(fluke_pset_t *pset)
{
    uint32_t *in = calloc(LONG, 4);
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 10000);
    size_t came = 10000;

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_DATA);
    while (came < LONG) {
        size_t step = LONG - came < 77777 ? LONG - came : 77777;
        params = fluke_params(NULL, 0, in + came, step);
        came += step;
        CHECK_STATUS(fluke_ipc_server_receive(&params), came < LONG ? FLUKE_IPC_RECV_MORE_DATA : FLUKE_SUCCESS);
    }
    fluke_check_filled(in, LONG, 10);
    params = fluke_params(in, LONG, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
    free(in);
}
static void long_messages_client(fluke_ref_t *dest)
{
    uint32_t *in = calloc(LONG, 4), *out = calloc(LONG, 4);
    size_t came = 5;

    fluke_fill(out, LONG, 10);
    fluke_ipc_params_t params = fluke_params(out, LONG, in, 5);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_MORE_DATA);
    while (came < LONG) {
        size_t step = LONG - came < 99999 ? LONG - came : 99999;
        params = fluke_params(NULL, 0, in + came, step);
        came += step;
        CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_IPC_RECV_MORE_DATA);
    }
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_MEM_EQ(in, out, (size_t)LONG * 4);
    free(in);
    free(out);
}
