/* fluke_misuse: mistakes in what connects, waits, calls and one-way messages are given, memory that is not there, and want of descriptors. */
#include "fluke_sides.h"

#include <sys/mman.h>
#include <sys/resource.h>

static _Atomic fluke_error_t trapped;
static void trap(fluke_error_t error) { trapped = error; }

/* The mistake goes to the handler, is returned, and changes nothing. */
#define CHECK_INSANE(call, params, expected)                                                                           \
    do {                                                                                                               \
        fluke_ipc_params_t insane_before = (params);                                                                   \
        trapped = 0;                                                                                                   \
        CHECK_STATUS(call, expected);                                                                                  \
        CHECK_STATUS(trapped, expected);                                                                               \
        CHECK_MEM_EQ(&(params), &insane_before, sizeof insane_before);                                                 \
    } while (0)

FLUKE_CASE(what_connects_and_waits_are_given)
static void what_connects_and_waits_are_given_server(fluke_pset_t *pset)
{
    uint32_t in[3];
    fluke_pset_t none;
    fluke_ref_t *slots[1] = {(fluke_ref_t *)&fluke_port};
    void *alias;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);

    memset(&none, 0, sizeof none);
    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), trap, NULL, NULL, NULL), FLUKE_SUCCESS);
    CHECK_INSANE(fluke_ipc_wait_receive(&params, &alias), params, FLUKE_INSANITY_INVALID_OBJECT); /* no port set so far */
    CHECK_INSANE(fluke_ipc_setup_wait_receive(NULL, &params, &alias), params, FLUKE_INSANITY_NO_OBJECT);
    CHECK_INSANE(fluke_ipc_setup_wait_receive(&none, &params, &alias), params, FLUKE_INSANITY_NO_OBJECT);
    CHECK_INSANE(fluke_ipc_setup_wait_receive((fluke_pset_t *)&fluke_port, &params, &alias), params, FLUKE_INSANITY_INVALID_OBJECT);
    CHECK_INSANE(fluke_ipc_setup_wait_receive(pset, NULL, &alias), params, FLUKE_INSANITY_BAD_BUFFER);
    params = fluke_params(NULL, 0, (void *)((char *)in + 1), 2);
    CHECK_INSANE(fluke_ipc_setup_wait_receive(pset, &params, &alias), params, FLUKE_INSANITY_BUFFER_UNALIGNED);
    params = fluke_params(NULL, 0, in, 2);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 1;
    CHECK_INSANE(fluke_ipc_setup_wait_receive(pset, &params, &alias), params, FLUKE_INSANITY_NOT_REF);
    slots[0] = NULL;
    CHECK_INSANE(fluke_ipc_setup_wait_receive(pset, &params, &alias), params, FLUKE_INSANITY_NO_OBJECT);
    params = fluke_params((void *)((char *)in + 2), 2, in, 2);
    CHECK_INSANE(fluke_ipc_reply(&params), params, FLUKE_INSANITY_BUFFER_UNALIGNED);
    CHECK_INSANE(fluke_ipc_reply_wait_receive(NULL, &alias), params, FLUKE_INSANITY_BAD_BUFFER);

    params = fluke_params(NULL, 0, in, 2);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS); /* nothing of all that came to us */
    CHECK_EQ(in[0], 77);
    params = fluke_params(in, 1, in, 2);
    CHECK_INSANE(fluke_ipc_server_ack_send_wait_receive(&params, NULL), params, FLUKE_INSANITY_BUFFER_TOO_SMALL);
    CHECK_INSANE(fluke_ipc_server_send_wait_receive(&params, NULL), params, FLUKE_INSANITY_NOT_SENDER);
    params = fluke_params(in, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    CHECK_INSANE(fluke_ipc_server_ack_send_wait_receive(&params, NULL), params, FLUKE_INSANITY_NOT_RECEIVER);
    fluke_ipc_server_disconnect();
}
static void what_connects_and_waits_are_given_client(fluke_ref_t *dest)
{
    static fluke_error_t (*const connects[])(fluke_ref_t *, fluke_ipc_params_t *) = {fluke_ipc_client_connect_send,
        fluke_ipc_client_connect_send_over_receive};
    static fluke_error_t (*const all[])(fluke_ref_t *, fluke_ipc_params_t *) = {fluke_ipc_client_connect_send,
        fluke_ipc_client_connect_send_over_receive, fluke_ipc_call, fluke_ipc_send};
    uint32_t out[3] = {77, 78, 79}, in[3];
    fluke_ref_t empty, destroyed, moved, *slots[1];
    fluke_port_t port;
    fluke_ipc_params_t params;

    fluke_ref_create(&empty);
    fluke_ref_create(&destroyed);
    fluke_ref_destroy(&destroyed);
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    moved = *dest;
    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), trap, NULL, NULL, NULL), FLUKE_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        params = fluke_params(out, 1, in, 2);
        CHECK_INSANE(connects[i](dest, &params), params, FLUKE_INSANITY_BUFFER_TOO_SMALL);
    }
    for (unsigned i = 0; i < 4; i++) {
        params = fluke_params((void *)((char *)out + 2), 2, in, 2);
        CHECK_INSANE(all[i](dest, &params), params, FLUKE_INSANITY_BUFFER_UNALIGNED);
        CHECK_INSANE(all[i](dest, NULL), params, FLUKE_INSANITY_BAD_BUFFER);
        params = fluke_params(out, 2, in, 2);
        params.send_ref_tab = slots;
        params.send_ref_count = 1;
        slots[0] = &destroyed;
        CHECK_INSANE(all[i](dest, &params), params, FLUKE_INSANITY_NO_OBJECT);
        slots[0] = (fluke_ref_t *)&port;
        CHECK_INSANE(all[i](dest, &params), params, FLUKE_INSANITY_NOT_REF);
        slots[0] = &moved;
        CHECK_INSANE(all[i](dest, &params), params, FLUKE_INSANITY_INVALID_OBJECT);
        params = fluke_params(out, 2, in, 2);
        CHECK_INSANE(all[i](NULL, &params), params, FLUKE_INSANITY_NO_OBJECT);
        CHECK_INSANE(all[i](&destroyed, &params), params, FLUKE_INSANITY_NO_OBJECT);
        CHECK_INSANE(all[i]((fluke_ref_t *)&port, &params), params, FLUKE_INSANITY_NOT_REF);
        CHECK_INSANE(all[i](&moved, &params), params, FLUKE_INSANITY_INVALID_OBJECT);
        CHECK_STATUS(all[i](&empty, &params), i < 2 ? FLUKE_IPC_CONNECT_INVALID_DEST : FLUKE_INVALID_DEST);
    }
    params = fluke_params(out, 2, in, 3);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_DISCONNECTED);
}

/* Memory that is not there, to send from and to receive into: the caller is told, and the connection ends. */
FLUKE_SIDES(memory_that_is_not_there)
static void memory_that_is_not_there_caller(const struct fluke_side *side)
{
    uint32_t words[3] = {0};
    void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (unsigned i = 0; i < 2; i++) {
        fluke_begin(side);
        fluke_ipc_params_t params = i == 0 ? fluke_params(nowhere, 3, words, 3) : fluke_params(words, 3, nowhere, 3);
        CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_INSANITY_BAD_BUFFER);
        side->disconnect();
        fluke_reach(i + 1);
    }
}
static void memory_that_is_not_there_peer(const struct fluke_side *side)
{
    uint32_t words[100] = {0};

    for (unsigned i = 0; i < 2; i++) {
        fluke_ipc_params_t params = fluke_params(NULL, 0, words, 100);
        fluke_error_t status = fluke_go_over(side, &params);
        if (status == FLUKE_SUCCESS) {
            params = fluke_params(words, 3, NULL, 0);
            status = side->ack_send(&params);
        }
        CHECK(status >= 0 && (i == 1 || status != FLUKE_SUCCESS));
        side->disconnect();
        fluke_await(i + 1);
    }
}

/* Without descriptors nothing can be set up, and later it works. A server without descriptors is as one that is not there. */
enum { DESCRIPTORS = 200 };
static int taken[DESCRIPTORS];
static void take_all_descriptors(void)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = DESCRIPTORS;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0, fd; (fd = dup(STDIN_FILENO)) >= 0; i++)
        taken[i] = fd;
}
static void give_descriptors_back(void)
{
    for (int i = 0; i < DESCRIPTORS && taken[i] > 0; i++)
        close(taken[i]);
}

static void nothing_can_be_set_up(fluke_ref_t *dest, fluke_error_t expected)
{
    uint32_t out[2] = {1, 2}, in[2];
    fluke_ipc_params_t params = fluke_params(out, 2, in, 2);

    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), expected);
        CHECK_STATUS(fluke_ipc_call(dest, &params), expected);
        CHECK_STATUS(fluke_ipc_send(dest, &params), expected);
    }
}

static void answer_one(fluke_pset_t *pset)
{
    uint32_t in[2];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);

    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    params = fluke_params(in, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
}

static void ask_once(fluke_ref_t *dest)
{
    uint32_t out[2] = {1, 2}, in[3];
    fluke_ipc_params_t params = fluke_params(out, 2, in, 3);

    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_EQ(in[1], 2);
}

FLUKE_CASE(a_client_without_descriptors)
static void a_client_without_descriptors_server(fluke_pset_t *pset) { answer_one(pset); }
static void a_client_without_descriptors_client(fluke_ref_t *dest)
{
    fluke_ref_t ref;

    fluke_ref_create(&ref);
    take_all_descriptors();
    nothing_can_be_set_up(dest, FLUKE_NO_RESOURCES);
    CHECK_STATUS(fluke_ref_from_fd(&ref, STDIN_FILENO), FLUKE_NO_RESOURCES);
    give_descriptors_back();
    ask_once(dest);
}

FLUKE_CASE(a_server_without_descriptors)
static void a_server_without_descriptors_server(fluke_pset_t *pset)
{
    take_all_descriptors();
    fluke_reach(1);
    fluke_await(2);
    give_descriptors_back();
    fluke_reach(3);
    answer_one(pset);
}
static void a_server_without_descriptors_client(fluke_ref_t *dest)
{
    fluke_await(1);
    nothing_can_be_set_up(dest, taken[0] ? FLUKE_NO_RESOURCES : FLUKE_IPC_CONNECT_INVALID_DEST); /* also our own, or not */
    fluke_reach(2);
    fluke_await(3);
    ask_once(dest);
}
