/*
 * client: reliable connections from the client's side. Every call is one state machine (transfer) that works through stages (connect or ack,
 * data, references, over, receive); each stage is one offer on the connection's exchange, and stages that follow each other share one
 * where they can: a connect_send_over_receive is a single offer with both windows.
 */
#ifndef TPY_FLUKE_CLIENT_H
#define TPY_FLUKE_CLIENT_H

#include "fluke/thread.h"

/* The state machine. does: what the call does (transfer.h), CONNECT with dest. */
fluke_error_t tpy_fluke_client_transfer(fluke_ipc_params_t *params, uint8_t does, const fluke_ref_t *dest);
/* The same from the return of its first offer on, which was made elsewhere: of a call that connects or acks, with all that it sends, which is one
 * buffer, and the room for what it receives. */
fluke_error_t tpy_fluke_client_go_on(struct fluke_thread *thread, fluke_ipc_params_t *params, uint8_t does, const struct tpy_offer *offer, int result);

/* Ends the thread's connection as a client, if any. */
void tpy_fluke_client_close(struct fluke_thread *thread);
/* The port that a destination names, as the one used last in *kept (counted). NULL with an insanity, or FLUKE_INVALID_DEST. */
struct tpy_fluke_destination *tpy_fluke_dest(const fluke_ref_t *dest, struct tpy_fluke_destination **kept, fluke_error_t *error);

#endif
