/*
 * The demo's Fluke gate in C. A connection carries messages back and forth by reversing its direction; short trips are idempotent calls; a
 * reference brings a memory file. Lengths are whole words of 4 bytes.
 */
#include "side.h"

#include <fluke/ipc.h>
#include <string.h>
#include <unistd.h>

#define WORDS(bytes) ((bytes) / 4)

static unsigned char out[DEMO_LARGEST], in[DEMO_LARGEST];
static fluke_ref_t dest, file_ref, *file_refs[] = {&file_ref};

static fluke_ipc_params_t params_of(size_t send, size_t room)
{
    return (fluke_ipc_params_t){.send_buf = {WORDS(send), out}, .recv_buf = {WORDS(room), in}};
}

/* Bytes that came into `in`. */
static size_t came(const fluke_ipc_params_t *params) { return (size_t)((unsigned char *)params->recv_buf.buf - in); }

static void must(const char *call, fluke_error_t status)
{
    if (status != FLUKE_SUCCESS) demo_fail(0, "%s returned %d", call, status);
}

static void serve(const char *name)
{
    int messages = 0, bytes = 0, files = 0;
    fluke_pset_t pset;
    fluke_port_t port;
    fluke_ipc_params_t params;
    must("fluke_pset_create", fluke_pset_create(&pset));
    must("fluke_port_create", fluke_port_create(&port, NULL));
    must("fluke_port_set_pset", fluke_port_set_pset(&port, &pset));
    must("fluke_name_bind", fluke_name_bind(name, &port));
    must("fluke_ref_create", fluke_ref_create(&file_ref));
    demo_ready();
    params = params_of(0, sizeof in);
    params.recv_ref_tab = file_refs;
    params.recv_ref_count = 1;
    fluke_error_t status = fluke_ipc_setup_wait_receive(&pset, &params, NULL);
    for (;;) {
        uint64_t word;
        size_t size = came(&params);
        if (status == FLUKE_IPC_OVER_DISCONNECTED) { /* the client has what it wanted, and disconnected */
            params = params_of(0, sizeof in);
            status = fluke_ipc_wait_receive(&params, NULL);
            continue;
        }
        must("a receive", status);
        memcpy(&word, in, sizeof word);
        if (size < sizeof word || !demo_same(in, size, word)) demo_fail(0, "a message of %zu B came with other bytes", size);
        messages++;
        bytes += (int)size;
        if (demo_want(word) == DEMO_FILE) demo_file_answer(params.recv_ref_count == 0 ? fluke_ref_fd(&file_ref) : -1, word), files++;
        demo_fill(out, size, word + 1);
        params = params_of(size, sizeof in);
        params.recv_ref_tab = file_refs;
        params.recv_ref_count = 1;
        if (demo_want(word) == DEMO_TIME) status = fluke_ipc_reply_wait_receive(&params, NULL);
        else if (demo_want(word) == DEMO_END) break;
        else status = fluke_ipc_server_ack_send_over_receive(&params);
    }
    must("the last reply", fluke_ipc_reply(&params));
    demo_did("answered %d messages of %d B with %d %s", messages, bytes, files, files == 1 ? "reference" : "references");
    fluke_port_destroy(&port);
    fluke_pset_destroy(&pset);
}

/* One message there and one back; the first opens the connection, later ones turn it. */
static void check(size_t size, uint64_t word, int file)
{
    static int connected;
    fluke_ipc_params_t params = params_of(size, sizeof in);
    demo_fill(out, size, word);
    if (file) params.send_ref_tab = file_refs, params.send_ref_count = 1;
    if (connected) must("ack_send_over_receive", fluke_ipc_client_ack_send_over_receive(&params));
    else must("connect_send_over_receive", fluke_ipc_client_connect_send_over_receive(&dest, &params));
    connected = 1;
    if (came(&params) != size || !demo_same(in, size, word + 1))
        demo_fail(0, "the answer to %zu B is %zu B, or has other bytes", size, came(&params));
}

static void check_file(void)
{
    uint64_t word = demo_word(DEMO_FILE, 2000);
    int file = demo_file_make(word);
    must("fluke_ref_create", fluke_ref_create(&file_ref));
    must("fluke_ref_from_fd", fluke_ref_from_fd(&file_ref, file));
    check(64, word, 1);
    demo_file_check(file, word + 1);
    close(file);
}

static uint64_t trip(uint64_t word)
{
    uint64_t got = 0;
    fluke_ipc_params_t params = {.send_buf = {2, &word}, .recv_buf = {2, &got}};
    must("fluke_ipc_call", fluke_ipc_call(&dest, &params));
    return got;
}

static void call(const char *name)
{
    static const size_t sizes[] = {8, 12, 64, 1000, 4096, 40000, 65536};
    must("fluke_ref_create", fluke_ref_create(&dest));
    must("fluke_name_lookup", fluke_name_lookup(name, &dest));
    for (uint32_t i = 0; i < 10 * sizeof sizes / sizeof *sizes; i++)
        check(sizes[i % (sizeof sizes / sizeof *sizes)], demo_word(DEMO_BYTES, i), 0);
    demo_did("8 B to 64 KiB on one connection");
    check(300000, demo_word(DEMO_BYTES, 1000), 0);
    check(DEMO_LARGEST, demo_word(DEMO_BYTES, 1001), 0);
    demo_did("300 KB and 1 MB");
    check_file();
    demo_did("a file's reference");
    fluke_ipc_client_disconnect();
    demo_time(trip);
    if (trip(demo_word(DEMO_END, 0)) != demo_word(DEMO_END, 1)) demo_fail(0, "the last answer is wrong");
}

int main(int argc, char **argv)
{
    return demo_main(argc, argv, &(struct demo_gate){"fluke", serve, call});
}
