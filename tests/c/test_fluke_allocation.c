/* fluke_allocation: once a thread has made its first calls, a call allocates nothing on the C heap, on either side. */
#include "fluke_sides.h"

#include <stdlib.h>

#include "allocations.h"

enum { WARM = 200, CALLS = 2000, LONG = 40000 };

static uint32_t out[2][LONG], in[2][LONG]; /* of the client, of the server */

/* A message of two buffers, into three; a long one now and then. */
static fluke_ipc_params_t message(int side, unsigned i, fluke_ipc_buffer_t *tables)
{
    size_t words = i % 64 == 0 ? LONG / 2 : 10;
    tables[0] = (fluke_ipc_buffer_t){words, out[side] + 4};
    tables[1] = (fluke_ipc_buffer_t){3, in[side] + 4};
    tables[2] = (fluke_ipc_buffer_t){LONG - 8, in[side] + 8};
    fluke_ipc_params_t params = fluke_params(out[side], 4, in[side], 4);
    params.send_buf_tab = tables;
    params.send_buf_count = 1;
    params.recv_buf_tab = tables + 1;
    params.recv_buf_count = 2;
    return params;
}

static void check_none(uint64_t own, uint64_t all)
{
    CHECK_EQ(allocations_of_thread() - own, 0);
    CHECK_LE(allocations_of_all() - all, CALLS / 20); /* other threads of the library have their own business now and then */
}

FLUKE_CASE(connects_and_reversals)
static void connects_and_reversals_server(fluke_pset_t *pset)
{
    fluke_ipc_buffer_t tables[3];
    uint64_t own = 0, all = 0;
    fluke_ipc_params_t params = message(1, 0, tables);
    fluke_error_t status = fluke_ipc_setup_wait_receive(pset, &params, NULL);
    if (!allocations_counted()) SKIP("a sanitizer counts otherwise");
    for (unsigned i = 0; i < WARM + CALLS; i++) {
        if (i == WARM) own = allocations_of_thread(), all = allocations_of_all();
        CHECK_STATUS(status, FLUKE_SUCCESS);
        params = message(1, i, tables);
        switch (i % 3) {
        case 0: status = fluke_ipc_server_ack_send_over_receive(&params); break;
        case 1: status = fluke_ipc_server_ack_send_wait_receive(&params, NULL); break;
        default: status = i + 1 < WARM + CALLS ? fluke_ipc_reply_wait_receive(&params, NULL) : fluke_ipc_reply(&params);
        }
    }
    check_none(own, all);
}
static void connects_and_reversals_client(fluke_ref_t *dest)
{
    fluke_ipc_buffer_t tables[3];
    uint64_t own = 0, all = 0;
    for (unsigned i = 0; i < WARM + CALLS; i++) {
        if (i == WARM) own = allocations_of_thread(), all = allocations_of_all();
        fluke_ipc_params_t params = message(0, i, tables);
        switch (i % 3) {
        case 0: CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_SUCCESS); break;
        case 1: CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED); break;
        default: CHECK_STATUS(fluke_ipc_call(dest, &params), FLUKE_SUCCESS);
        }
    }
    if (allocations_counted()) check_none(own, all);
}

/* The count counts. */
CASE(an_allocation_is_seen)
{
    if (!allocations_counted()) SKIP("a sanitizer counts otherwise");
    uint64_t before = allocations_of_thread();
    void *volatile memory = malloc(10);
    memory = realloc(memory, 1000);
    free(memory);
    CHECK_EQ(allocations_of_thread() - before, 2);
}
