/* fluke_sides: see fluke_sides.h. */
#include "fluke_sides.h"

const struct fluke_side fluke_client_side = {
    true, fluke_ipc_client_ack_send, fluke_ipc_client_ack_send_over_receive, fluke_ipc_client_alert, fluke_ipc_client_disconnect,
    fluke_ipc_client_over_receive, fluke_ipc_client_receive, fluke_ipc_client_send, fluke_ipc_client_send_over_receive};
const struct fluke_side fluke_server_side = {
    false, fluke_ipc_server_ack_send, fluke_ipc_server_ack_send_over_receive, fluke_ipc_server_alert, fluke_ipc_server_disconnect,
    fluke_ipc_server_over_receive, fluke_ipc_server_receive, fluke_ipc_server_send, fluke_ipc_server_send_over_receive};

static void (*client_body)(const struct fluke_side *), (*server_body)(const struct fluke_side *);
static fluke_ref_t *the_dest;
static fluke_pset_t *the_pset;

static void server(fluke_pset_t *pset)
{
    the_pset = pset;
    server_body(&fluke_server_side);
}

static void client(fluke_ref_t *dest)
{
    the_dest = dest;
    client_body(&fluke_client_side);
}

void fluke_run_sides(bool threads, bool client_calls, void (*caller)(const struct fluke_side *), void (*peer)(const struct fluke_side *))
{
    client_body = client_calls ? caller : peer;
    server_body = client_calls ? peer : caller;
    fluke_run(threads, server, client);
}

void fluke_begin(const struct fluke_side *side)
{
    uint32_t in[2], out[2] = {1, 2};
    fluke_ipc_params_t params = fluke_params(out, 2, in, 2);

    if (side->client)
        CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(the_dest, &params), FLUKE_SUCCESS);
    else
        CHECK_STATUS(fluke_ipc_setup_wait_receive(the_pset, &params, NULL), FLUKE_SUCCESS);
    CHECK_EQ(in[1], 2);
}

fluke_error_t fluke_go_over(const struct fluke_side *side, fluke_ipc_params_t *params)
{
    uint32_t in[2], out[2] = {1, 2};
    fluke_ipc_params_t first = fluke_params(NULL, 0, in, 2);

    params->send_buf = (fluke_ipc_buffer_t){2, out};
    if (side->client)
        return fluke_ipc_client_connect_send_over_receive(the_dest, params);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(the_pset, &first, NULL), FLUKE_SUCCESS);
    return fluke_ipc_server_ack_send_over_receive(params);
}

pid_t fluke_other(const struct fluke_side *side) { return atomic_load(side->client ? &fluke_world->server : &fluke_world->client); }
