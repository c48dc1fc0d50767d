/*
 * Ours, by the Fluke face, in two ways. "fluke": a connection for each call, client_connect_send_over_receive and
 * server_ack_send_wait_receive. "fluke-turns": one connection for all calls, on which each call is a reversal there and one back,
 * client_ack_send_over_receive and server_ack_send_over_receive. The address is the name of the server's port. Compiled only
 * where the library is.
 */
#include "contender.h"

#include <errno.h>
#include <fluke/ipc.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define WORD 4 /* bytes; a Fluke message is made of these */

static fluke_port_t port;
static fluke_pset_t pset;

static int failed(const char *what, fluke_error_t status)
{
    fprintf(stderr, "fluke: %s gave %d\n", what, status);
    return -EPROTO;
}

static int fluke_open(struct bench_server *server, char *address, size_t room)
{
    (void)server;
    snprintf(address, room, "tetrapylon-bench-%d", (int)getpid());
    fluke_error_t status = fluke_pset_create(&pset);
    if (status == FLUKE_SUCCESS)
        status = fluke_port_create(&port, NULL);
    if (status == FLUKE_SUCCESS)
        status = fluke_port_set_pset(&port, &pset);
    if (status == FLUKE_SUCCESS)
        status = fluke_name_bind(address, &port);
    return status == FLUKE_SUCCESS ? 0 : failed("the server's port", status);
}

/* The server's next call: sends the reply to what has come, and makes room for the next request. False: that made no sense. */
static bool answer(struct bench_server *server, fluke_ipc_params_t *params)
{
    size_t size = bench_answer(server->message);
    bool sense = size && size / WORD == BENCH_LARGEST / WORD - params->recv_buf.words;
    params->send_buf = (fluke_ipc_buffer_t){size / WORD, server->message};
    params->recv_buf = (fluke_ipc_buffer_t){BENCH_LARGEST / WORD, server->message};
    return sense;
}

static fluke_error_t wait_for_client(struct bench_server *server, fluke_ipc_params_t *params)
{
    *params = (fluke_ipc_params_t){.recv_buf = {BENCH_LARGEST / WORD, server->message}};
    return fluke_ipc_wait_receive(params, NULL);
}

/* A reply that a client does not take any more is no failure: the others go on. */
static int fluke_serve(struct bench_server *server)
{
    fluke_ipc_params_t params = {.recv_buf = {BENCH_LARGEST / WORD, server->message}};
    fluke_error_t status = fluke_ipc_setup_wait_receive(&pset, &params, NULL);
    for (;;) {
        if (status == FLUKE_SUCCESS) {
            if (!answer(server, &params))
                return -EBADMSG;
            status = fluke_ipc_server_ack_send_wait_receive(&params, NULL);
        } else if (status > FLUKE_SUCCESS)
            status = wait_for_client(server, &params);
        else
            return failed("ack_send_wait_receive", status);
    }
}

static int turns_serve(struct bench_server *server)
{
    fluke_ipc_params_t params = {.recv_buf = {BENCH_LARGEST / WORD, server->message}};
    fluke_error_t status = fluke_ipc_setup_wait_receive(&pset, &params, NULL);
    for (;;) {
        if (status == FLUKE_SUCCESS) {
            if (!answer(server, &params))
                return -EBADMSG;
            status = fluke_ipc_server_ack_send_over_receive(&params);
        } else if (status > FLUKE_SUCCESS)
            status = wait_for_client(server, &params);
        else
            return failed("ack_send_over_receive", status);
    }
}

static fluke_ref_t server_port; /* one client a process */
static bool connected;

static int fluke_connect(struct bench_client *client, const char *address)
{
    (void)client;
    fluke_error_t status = fluke_ref_create(&server_port);
    if (status == FLUKE_SUCCESS)
        status = fluke_name_lookup(address, &server_port);
    return status == FLUKE_SUCCESS ? 0 : failed("the server's name", status);
}

static fluke_ipc_params_t *params_of(const struct bench_client *client, size_t size)
{
    static fluke_ipc_params_t params;
    params.send_buf = (fluke_ipc_buffer_t){size / WORD, client->request};
    params.recv_buf = (fluke_ipc_buffer_t){size / WORD, client->reply};
    return &params;
}

static int fluke_call(struct bench_client *client, size_t size)
{
    fluke_ipc_params_t *params = params_of(client, size);
    fluke_error_t status = fluke_ipc_client_connect_send_over_receive(&server_port, params);
    if (status != FLUKE_IPC_RECV_DISCONNECTED) /* how a served connection ends */
        return failed("connect_send_over_receive", status);
    return params->recv_buf.words == 0 ? 0 : -EBADMSG;
}

static int turns_call(struct bench_client *client, size_t size)
{
    fluke_ipc_params_t *params = params_of(client, size);
    fluke_error_t status = connected ? fluke_ipc_client_ack_send_over_receive(params)
                                     : fluke_ipc_client_connect_send_over_receive(&server_port, params);
    if (status != FLUKE_SUCCESS)
        return failed("ack_send_over_receive", status);
    connected = true;
    return params->recv_buf.words == 0 ? 0 : -EBADMSG;
}

const struct contender contender_fluke = {"fluke", fluke_open, fluke_serve, fluke_connect, fluke_call};
const struct contender contender_fluke_turns = {"fluke-turns", fluke_open, turns_serve, fluke_connect, turns_call};
