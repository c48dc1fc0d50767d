/* server_closing: see server_closing.c. For the core's own use. */
#ifndef TPY_CORE_SERVER_CLOSING_H
#define TPY_CORE_SERVER_CLOSING_H

#include "core/port_record.h"

/* On the watcher. error 0: the client is gone; else it is told so. */
void tpy_server_take_exchange(struct tpy_exchange *exchange, int error); /* taken out of its client's list by the caller */
void tpy_server_end_client(struct tpy_client *client, int error);        /* taken out of its link's list by the caller */

/* Answers and lets go all clients of a port that was closed, then gives its use back. From any thread: done soon. */
void tpy_server_close_port(struct tpy_port *port);
/* Looks for orphans whose grace is over. From any thread: done soon. */
void tpy_server_tidy(void);

#endif
