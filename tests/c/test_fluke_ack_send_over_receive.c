/* fluke_ack_send_over_receive: page 8.14: every return code and every insanity exception, for the client and for the server. */
#include "fluke_sides.h"

#include <stddef.h>

/* ---- Return codes ------------------------------------------------------------------------------------------------------ */

FLUKE_SIDES(success)
static void success_caller(const struct fluke_side *side)
{
    uint32_t in[9], out[5];

    fluke_begin(side);
    fluke_fill(out, 5, 1);
    fluke_ipc_params_t params = fluke_params(out, 5, in, 9), before = params;
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    CHECK_CAME(params, in, 4);
    CHECK_EQ(params.recv_buf.words, 5);
    fluke_check_filled(in, 4, 2);
    /* Only the receive fields are modified. */
    CHECK_MEM_EQ(&params.send_buf, &before.send_buf, offsetof(fluke_ipc_params_t, recv_buf) - offsetof(fluke_ipc_params_t, send_buf));
    /* The other side is ready to reverse again. */
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
}
static void success_peer(const struct fluke_side *side)
{
    uint32_t in[5], out[4];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    fluke_check_filled(in, 5, 1);
    fluke_fill(out, 4, 2);
    params = fluke_params(out, 4, in, 5);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_SUCCESS);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(side->ack_send(&params), FLUKE_SUCCESS);
    side->disconnect();
}

FLUKE_SIDES(ack_disconnected_without_a_connection)
static void ack_disconnected_without_a_connection_caller(const struct fluke_side *side)
{
    uint32_t words[2] = {0};
    fluke_ipc_params_t params = fluke_params(words, 2, words, 2);

    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_ACK_DISCONNECTED);
    CHECK_STATUS(side->ack_send(&params), FLUKE_IPC_ACK_DISCONNECTED);
    CHECK_STATUS(side->over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
    CHECK_STATUS(side->receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_STATUS(side->send(&params), FLUKE_IPC_SEND_DISCONNECTED);
    CHECK_STATUS(side->send_over_receive(&params), FLUKE_IPC_SEND_DISCONNECTED);
    CHECK_STATUS(side->alert(), FLUKE_INVALID_DEST);
    side->disconnect();
}
static void ack_disconnected_without_a_connection_peer(const struct fluke_side *side) { (void)side; }

/* The sender disconnected while its data had not all been received. */
FLUKE_SIDES(ack_disconnected_by_the_sender)
static void ack_disconnected_by_the_sender_caller(const struct fluke_side *side)
{
    uint32_t in[3], out[3] = {0};

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 3, in, 2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_RECV_MORE_DATA);
    fluke_await(1);
    params = fluke_params(out, 3, in, 2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_ACK_DISCONNECTED);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_ACK_DISCONNECTED);
}
static void ack_disconnected_by_the_sender_peer(const struct fluke_side *side)
{
    uint32_t in[5], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(side->ack_send(&params), FLUKE_SUCCESS);
    side->disconnect();
    fluke_reach(1);
}

/* It disconnects while the ack waits for its over. */
FLUKE_SIDES(ack_disconnected_while_it_waits)
static void ack_disconnected_while_it_waits_caller(const struct fluke_side *side)
{
    uint32_t in[3], out[3] = {0};

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 3, in, 2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_RECV_MORE_DATA);
    params = fluke_params(out, 3, in, 2);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_ACK_DISCONNECTED);
}
static void ack_disconnected_while_it_waits_peer(const struct fluke_side *side)
{
    uint32_t in[5], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(side->ack_send(&params), FLUKE_SUCCESS);
    fluke_await_blocked(fluke_other(side));
    side->disconnect();
}

FLUKE_SIDES(send_disconnected)
static void send_disconnected_caller(const struct fluke_side *side)
{
    uint32_t in[3], out[100] = {0};

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 100, in, 3);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_SEND_DISCONNECTED);
    CHECK_CAME(params, in, 0);
}
static void send_disconnected_peer(const struct fluke_side *side)
{
    uint32_t in[5];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_IPC_RECV_MORE_DATA);
    side->disconnect();
}

FLUKE_SIDES(over_disconnected)
static void over_disconnected_caller(const struct fluke_side *side)
{
    uint32_t in[3], out[4] = {0};

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 4, in, 3);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
    CHECK_CAME(params, in, 0);
}
static void over_disconnected_peer(const struct fluke_side *side)
{
    uint32_t in[5];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    side->disconnect();
}

FLUKE_SIDES(recv_more_data)
static void recv_more_data_caller(const struct fluke_side *side)
{
    uint32_t in[7], out[4] = {0};

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 4, in, 3);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_RECV_MORE_DATA);
    CHECK_CAME(params, in, 3);
    CHECK_EQ(params.recv_buf.words, 0);
    params = fluke_params(NULL, 0, in + 3, 4);
    CHECK_STATUS(side->receive(&params), FLUKE_SUCCESS);
    fluke_check_filled(in, 7, 3);
    side->disconnect();
}
static void recv_more_data_peer(const struct fluke_side *side)
{
    uint32_t in[5], out[7];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    fluke_fill(out, 7, 3);
    params = fluke_params(out, 7, in, 5);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
}

FLUKE_SIDES(recv_more_refs)
static void recv_more_refs_caller(const struct fluke_side *side)
{
    uint32_t in[7], out[4] = {0};
    fluke_ref_t refs[3], *slots[3] = {&refs[0], &refs[1], &refs[2]};

    for (int i = 0; i < 3; i++)
        fluke_ref_create(&refs[i]);
    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 4, in, 7);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 2;
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_RECV_MORE_REFS);
    CHECK_CAME(params, in, 3);
    CHECK_EQ(params.recv_ref_count, 0);
    CHECK_PTR_EQ(params.recv_ref_tab, slots + 2);
    CHECK_GE(fluke_ref_fd(&refs[0]), 0);
    CHECK_EQ(fluke_ref_fd(&refs[1]), -1);
    params.recv_ref_count = 1;
    CHECK_STATUS(side->receive(&params), FLUKE_SUCCESS);
    CHECK_EQ(params.recv_ref_count, 0);
    CHECK_GE(fluke_ref_fd(&refs[2]), 0);
    CHECK_CAME(params, in, 3);
    side->disconnect();
}
static void recv_more_refs_peer(const struct fluke_side *side)
{
    uint32_t in[5], out[3] = {0};
    fluke_ref_t fd, empty, *refs[3] = {&fd, &empty, &fd};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    fluke_ref_create(&fd);
    fluke_ref_create(&empty);
    CHECK_STATUS(fluke_ref_from_fd(&fd, STDIN_FILENO), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    params = fluke_params(out, 3, in, 5);
    params.send_ref_tab = refs;
    params.send_ref_count = 3;
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
    CHECK_EQ(params.send_ref_count, 3);
}

FLUKE_SIDES(recv_disconnected)
static void recv_disconnected_caller(const struct fluke_side *side)
{
    uint32_t in[7], out[4] = {0};

    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 4, in, 7);
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 3);
    CHECK_EQ(params.recv_buf.words, 4);
    fluke_check_filled(in, 3, 3);
    CHECK_STATUS(side->receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
}
static void recv_disconnected_peer(const struct fluke_side *side)
{
    uint32_t in[5], out[3];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    fluke_fill(out, 3, 3);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(side->ack_send(&params), FLUKE_SUCCESS);
    params = fluke_params(out + 2, 1, NULL, 0);
    CHECK_STATUS(side->send(&params), FLUKE_SUCCESS);
    side->disconnect();
}

/* ---- Insanity exceptions: each leaves the connection as it was -------------------------------------------------------------- */

static _Atomic fluke_error_t trapped;
static void trap(fluke_error_t error) { trapped = error; }

/* The mistake goes to the handler if there is one, and is returned. */
static void check_insane(fluke_error_t (*call)(fluke_ipc_params_t *), fluke_ipc_params_t *params, fluke_error_t expected)
{
    fluke_ipc_params_t before = *params;

    trapped = 0;
    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), trap, NULL, NULL, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(call(params), expected);
    CHECK_STATUS(trapped, expected);
    CHECK_STATUS(fluke_thread_set_handlers(fluke_thread_self(), NULL, NULL, NULL, NULL), FLUKE_SUCCESS);
    trapped = 0;
    CHECK_STATUS(call(params), expected);
    CHECK_EQ(trapped, 0);
    CHECK_MEM_EQ(params, &before, sizeof before);
}

FLUKE_SIDES(insanity)
static void insanity_caller(const struct fluke_side *side)
{
    uint32_t in[4], out[5] = {0};
    struct {
        fluke_ref_t ref, moved;
        fluke_port_t port;
        uint64_t zero[8];
    } object;
    fluke_ref_t *slots[2] = {&object.ref, NULL};
    fluke_ipc_buffer_t table[2] = {{0, NULL}, {1, (char *)in + 2}};
    fluke_ipc_params_t params;

    memset(&object, 0, sizeof object);
    CHECK_STATUS(fluke_ref_create(&object.ref), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&object.port, NULL), FLUKE_SUCCESS);
    object.moved = object.ref;
    fluke_begin(side);

    params = fluke_params(out, 1, in, 4);
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_BUFFER_TOO_SMALL);
    check_insane(side->ack_send, &params, FLUKE_INSANITY_BUFFER_TOO_SMALL);
    params = fluke_params(NULL, 0, in, 4);
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_BUFFER_TOO_SMALL);
    for (unsigned off = 1; off < 4; off++) {
        params = fluke_params((void *)((char *)out + off), 3, in, 4);
        check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_BUFFER_UNALIGNED);
        params = fluke_params(out, 3, (void *)((char *)in + off), 3);
        check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_BUFFER_UNALIGNED);
    }
    params = fluke_params(out, 3, in, 2);
    params.recv_buf_tab = table;
    params.recv_buf_count = 2;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_BUFFER_UNALIGNED);
    params.recv_buf_count = 0;
    params.send_buf_tab = table;
    params.send_buf_count = 2;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_BUFFER_UNALIGNED);

    params = fluke_params(out, 3, in, 4);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 2;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_NO_OBJECT); /* NULL */
    slots[1] = (fluke_ref_t *)object.zero;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_NO_OBJECT); /* nothing there */
    slots[1] = (fluke_ref_t *)&object.port;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_NOT_REF);
    slots[1] = &object.moved;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_INVALID_OBJECT);
    /* The same to send. */
    params.recv_ref_count = 0;
    params.send_ref_tab = slots;
    params.send_ref_count = 2;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_INVALID_OBJECT);
    slots[1] = (fluke_ref_t *)&object.port;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_NOT_REF);
    slots[1] = NULL;
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_NO_OBJECT);

    /* The receiver may not send; then, as the sender, it may not receive or ack. */
    params = fluke_params(out, 2, in, 4);
    check_insane(side->send, &params, FLUKE_INSANITY_NOT_SENDER);
    check_insane(side->over_receive, &params, FLUKE_INSANITY_NOT_SENDER);
    check_insane(side->send_over_receive, &params, FLUKE_INSANITY_NOT_SENDER);
    CHECK_STATUS(side->ack_send(&params), FLUKE_SUCCESS);
    check_insane(side->ack_send_over_receive, &params, FLUKE_INSANITY_NOT_RECEIVER);
    check_insane(side->ack_send, &params, FLUKE_INSANITY_NOT_RECEIVER);
    check_insane(side->receive, &params, FLUKE_INSANITY_NOT_RECEIVER);
    params = fluke_params(out, 1, NULL, 0); /* one word more is fine */
    CHECK_STATUS(side->send(&params), FLUKE_SUCCESS);
    side->disconnect();
}
static void insanity_peer(const struct fluke_side *side)
{
    uint32_t in[5];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_CAME(params, in, 3); /* nothing of the mistakes came through */
}
