/*
 * token: a connection that means nothing but "wake up". It is known by the address it comes from. The kernel hands
 * connections to those who wait in accept in turn, so as many tokens as there are waiters reach each of them, also when
 * the waiters are in several processes. Whoever accepts a token closes it.
 *
 * Anybody can make one, and then only has his own connection closed.
 */
#ifndef TPY_MM_TOKEN_H
#define TPY_MM_TOKEN_H

#include <stdbool.h>
#include <sys/un.h>

bool tpy_mm_is_token(int connection);

/* Sends one token and waits until it has been closed, a moment at most. False: no descriptor to send it with. */
bool tpy_mm_send_token(const struct sockaddr_un *server);

#endif
