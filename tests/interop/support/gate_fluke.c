/*
 * gate_fluke: see gate.h. A message is a word that says how it is to be answered, a word with its size, and the bytes: 'e' is answered and the
 * connection ends, 'E' is answered and it stands, 'c' is an idempotent call. FlukePeer.java knows the same words.
 */
#include "gate.h"

#include <fluke/ipc.h>

#include "harm.h"

#define WORDS (2 + GATE_MOST / 4 + 1)

static uint32_t out[WORDS], in[WORDS];
static fluke_ref_t dest;
static fluke_port_t port;
static fluke_pset_t pset;
static fluke_error_t came;
static fluke_ipc_params_t params;
static fluke_thread_t *striking;

static void set(const uint32_t *send, size_t words)
{
    params = (fluke_ipc_params_t){.send_buf = {words, (void *)send}, .recv_buf = {WORDS, in}};
}

static size_t words_in(void) { return (size_t)((uint32_t *)params.recv_buf.buf - in); }

static bool find(const char *name)
{
    CHECK(fluke_ref_create(&dest) == FLUKE_SUCCESS);
    fluke_error_t error = fluke_name_lookup(name, &dest);
    CHECK(error == FLUKE_SUCCESS || error == FLUKE_INVALID_DEST);
    striking = fluke_thread_self();
    return error == FLUKE_SUCCESS;
}

/* What came of a call whose answer is as long as its message; false: the server has gone. */
static bool is_answered(fluke_error_t error, fluke_error_t good, size_t words)
{
    if (error == good && words_in() == words && in[1] == out[1]) return true;
    /* One that dies in the middle of its answer has answered nothing. */
    CHECK(error == FLUKE_IPC_CONNECT_INVALID_DEST || error == FLUKE_IPC_SEND_DISCONNECTED || error == FLUKE_IPC_OVER_DISCONNECTED ||
        error == FLUKE_IPC_ACK_DISCONNECTED || (error == FLUKE_IPC_RECV_DISCONNECTED && words_in() == 0));
    return false;
}

/* No connection stands afterwards: the server's thread is free for others. */
static long call(const unsigned char *message, size_t size, unsigned char *answer, size_t room)
{
    static unsigned count;
    size_t words = 2 + (size + 3) / 4;
    bool answered;
    out[0] = (uint32_t)"eEc"[count++ % 3];
    out[1] = (uint32_t)size;
    memcpy(out + 2, message, size);
    set(out, words);
    if (out[0] == 'c') answered = is_answered(fluke_ipc_call(&dest, &params), FLUKE_SUCCESS, words);
    else if (out[0] == 'e') answered = is_answered(fluke_ipc_client_connect_send_over_receive(&dest, &params), FLUKE_IPC_RECV_DISCONNECTED, words);
    else {
        answered = is_answered(fluke_ipc_client_connect_send_over_receive(&dest, &params), FLUKE_SUCCESS, words);
        set(out, words);
        if (answered) answered = is_answered(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_SUCCESS, words);
        fluke_ipc_client_disconnect();
    }
    if (!answered) return -1;
    memcpy(answer, in + 2, size < room ? size : room);
    return (long)size;
}

static void leave(void)
{
    fluke_ipc_client_disconnect();
    CHECK(fluke_ref_destroy(&dest) == FLUKE_SUCCESS);
}

static void attach(const char *name)
{
    CHECK(fluke_pset_create(&pset) == FLUKE_SUCCESS && fluke_port_create(&port, NULL) == FLUKE_SUCCESS);
    CHECK(fluke_port_set_pset(&port, &pset) == FLUKE_SUCCESS && fluke_name_bind(name, &port) == FLUKE_SUCCESS);
    came = FLUKE_INVALID_DEST; /* nothing so far */
}

static size_t next(unsigned char *message, size_t room)
{
    for (;;) {
        if (came != FLUKE_SUCCESS) {
            set(NULL, 0);
            came = fluke_ipc_setup_wait_receive(&pset, &params, NULL);
        }
        size_t words = words_in();
        bool whole = came == FLUKE_SUCCESS && words >= 2 && in[1] <= (words - 2) * 4 && in[1] < room;
        if (whole) {
            memcpy(message, in + 2, in[1]);
            return in[1];
        }
        CHECK(came >= 0);
        came = FLUKE_INVALID_DEST;
    }
}

static void answer(const void *answer, size_t size)
{
    size_t words = 2 + (size + 3) / 4;
    uint32_t kind = in[0];
    out[0] = kind;
    out[1] = (uint32_t)size;
    memcpy(out + 2, answer, size);
    set(out, words);
    if (kind == 'E') came = fluke_ipc_server_ack_send_over_receive(&params);
    else if (kind == 'c') came = fluke_ipc_reply_wait_receive(&params, NULL);
    else came = fluke_ipc_server_ack_send_wait_receive(&params, NULL);
}

static void strike(unsigned number, unsigned char *bytes, size_t size)
{
    memcpy(out + 2, bytes, size);
    out[0] = number % 2 ? 'E' : 'e';
    out[1] = (uint32_t)size;
    set(out, 2 + size / 4);
    if (number % 16 == 0) fluke_ipc_call(&dest, &params);
    else if (number % 16 == 8) fluke_ipc_send(&dest, &params);
    else if (number % 4 == 2 || fluke_ipc_client_ack_send_over_receive(&params) != FLUKE_SUCCESS) {
        set(out, 2 + size / 4);
        fluke_ipc_client_connect_send_over_receive(&dest, &params);
    }
}

static void loosen(void) { fluke_thread_interrupt(striking); }

const struct gate gate_fluke = {"fluke", find, call, leave, attach, next, answer, strike, loosen};
