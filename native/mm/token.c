/* token: see token.h. */
#include "mm/token.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREFIX "tetrapylon.mm.token."
#define MOMENT 20 /* ms */

bool tpy_mm_is_token(int connection)
{
    struct sockaddr_un peer;
    socklen_t length = sizeof peer;

    return getpeername(connection, (struct sockaddr *)&peer, &length) == 0 &&
           length > offsetof(struct sockaddr_un, sun_path) + sizeof PREFIX &&
           memcmp(peer.sun_path + 1, PREFIX, sizeof PREFIX - 1) == 0;
}

static int make_token(void)
{
    static unsigned count;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    do {
        unsigned number = __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
        int length =
            snprintf(address.sun_path + 1, sizeof address.sun_path - 1, PREFIX "%d.%u", (int)getpid(), number);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
        if (bind(fd, (struct sockaddr *)&address, size) == 0)
            return fd;
    } while (errno == EADDRINUSE);
    int error = -errno;
    close(fd);
    return error;
}

bool tpy_mm_send_token(const struct sockaddr_un *server)
{
    int token = make_token();

    if (token < 0)
        return false;
    /* A full queue refuses it: then those who accept are busy and not asleep. */
    if (connect(token, (const struct sockaddr *)server, sizeof *server) == 0)
        poll(&(struct pollfd){.fd = token, .events = POLLIN}, 1, MOMENT);
    close(token);
    return true;
}
