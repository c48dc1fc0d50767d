/*
 * server: reliable connections from the server's side, and the wait for the next client. The thread holds its client's exchange: between two
 * calls either an offer of the client's is in its hands (accepted), or it has answered the last one by a turn and the next will come to it.
 */
#ifndef TPY_FLUKE_SERVER_H
#define TPY_FLUKE_SERVER_H

#include "core/port.h"
#include "fluke/port.h"
#include "fluke/thread.h"

/* The state machine. does: what the call does (transfer.h). */
fluke_error_t tpy_fluke_server_transfer(fluke_ipc_params_t *params, uint8_t does, void **alias);
/* The same from the answer on that was given elsewhere: of a call that acks, with all that it sends, which is one buffer. */
fluke_error_t tpy_fluke_server_sent(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, void **alias, int result);
/* The same from the receive on that followed it elsewhere: of a call that goes over. */
fluke_error_t tpy_fluke_server_turned(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, int result,
    const struct tpy_receipt *receipt);
/* The same from the receive on with which such a call waits (waiting.h). */
fluke_error_t tpy_fluke_server_waited(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, void **alias, struct tpy_port *port,
    struct tpy_fluke_pset *pset, int result, struct tpy_receipt *receipt);

/* Ends the thread's connection as a server, if any. */
void tpy_fluke_server_close(struct fluke_thread *thread);
/* Gives up a call that was not replied to. */
void tpy_fluke_call_drop(struct fluke_thread *thread);

#endif
