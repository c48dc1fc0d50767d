/*
 * address: how a name becomes a socket address. mmlib's servers stand in Linux's abstract namespace: a NUL, the name,
 * and NULs up to the end of sun_path, all of which counts. Plain values, no owner.
 */
#ifndef TPY_MM_ADDRESS_H
#define TPY_MM_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

/* 0, -EFAULT no name, -ENAMETOOLONG. The address is to be used with its whole size. */
int tpy_mm_address(const char *name, struct sockaddr_un *address);

/*
 * Gives a socket that has none an address that the kernel chooses. The kernel then names it as the sender of each of
 * its messages, and by that the receiver tells an empty message from the end of the connection (message.c). Cannot
 * fail: without an address a connection works as well, but for that.
 */
void tpy_mm_give_address(int socket);

#endif
