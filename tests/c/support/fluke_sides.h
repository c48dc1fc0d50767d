/*
 * fluke_sides: cases of the functions that exist for either side, told once. `name`_caller makes the calls under test, as the receiver of
 * a connection whose other end, `name`_peer, is over; FLUKE_SIDES runs them with the client as the caller and with the server, in processes
 * and in threads.
 */
#ifndef FLUKE_SIDES_H
#define FLUKE_SIDES_H

#include "fluke_support.h"

struct fluke_side {
    bool client;
    fluke_error_t (*ack_send)(fluke_ipc_params_t *);
    fluke_error_t (*ack_send_over_receive)(fluke_ipc_params_t *);
    fluke_error_t (*alert)(void);
    void (*disconnect)(void);
    fluke_error_t (*over_receive)(fluke_ipc_params_t *);
    fluke_error_t (*receive)(fluke_ipc_params_t *);
    fluke_error_t (*send)(fluke_ipc_params_t *);
    fluke_error_t (*send_over_receive)(fluke_ipc_params_t *);
};
extern const struct fluke_side fluke_client_side, fluke_server_side;

#define FLUKE_SIDES(name)                                                                                              \
    static void name##_caller(const struct fluke_side *side);                                                          \
    static void name##_peer(const struct fluke_side *side);                                                            \
    CASE(name##_for_the_client_by_processes) { fluke_run_sides(false, true, name##_caller, name##_peer); }             \
    CASE(name##_for_the_client_by_threads) { fluke_run_sides(true, true, name##_caller, name##_peer); }                \
    CASE(name##_for_the_server_by_processes) { fluke_run_sides(false, false, name##_caller, name##_peer); }            \
    CASE(name##_for_the_server_by_threads) { fluke_run_sides(true, false, name##_caller, name##_peer); }
void fluke_run_sides(bool threads, bool client, void (*caller)(const struct fluke_side *), void (*peer)(const struct fluke_side *));

/* The caller becomes the receiver, the peer being over. */
void fluke_begin(const struct fluke_side *side);
/* The peer goes over, with this room for what the caller sends: returns what that call returns. */
fluke_error_t fluke_go_over(const struct fluke_side *side, fluke_ipc_params_t *params);
/* The thread of the other end. */
pid_t fluke_other(const struct fluke_side *side);

#endif
