/*
 * server: reliable connections from the server's side, and the wait for the next client. The thread holds its client's exchange: between two
 * calls either an offer of the client's is in its hands (accepted), or it has answered the last one by a turn and the next will come to it.
 */
#ifndef TPY_FLUKE_SERVER_H
#define TPY_FLUKE_SERVER_H

#include "fluke/thread.h"

/* Ends the thread's connection as a server, if any. */
void tpy_fluke_server_close(struct fluke_thread *thread);
/* Gives up a call that was not replied to. */
void tpy_fluke_call_drop(struct fluke_thread *thread);

#endif
