/*
 * connect: finds the server of a name, waiting for it where need be. The kernel refuses a connection when nobody
 * listens, and has no call that waits for it. So a waiter hangs up a bell (bell.h), and looks again when it rings; and
 * also every so often, for servers that do not ring. The socket is made first, so that it has the lowest free number.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/thread.h"
#include "mm/address.h"
#include "mm/bell.h"
#include "mm/connect.h"
#include "tetrapylon_mm.h"

/* How long a waiter sleeps before it looks for itself: at first, and in the long run. Nanoseconds. */
#define LOOK_FIRST INT64_C(5000000)
#define LOOK_LAST INT64_C(80000000)

struct search {
    int socket;
    int bell; /* -1: none */
};

static void give_up(void *argument)
{
    struct search *search = argument;

    if (search->bell >= 0)
        close(search->bell);
    if (search->socket >= 0)
        close(search->socket);
}

/* While the server's queue is full a connect blocks; this bounds that. */
static int limit_connect(int socket, int64_t nanoseconds)
{
    struct timeval time = {.tv_sec = nanoseconds / 1000000000, .tv_usec = nanoseconds % 1000000000 / 1000};

    if (nanoseconds > 0 && time.tv_sec == 0 && time.tv_usec == 0)
        time.tv_usec = 1; /* 0 would be: without limit */
    return setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) ? -errno : 0;
}

/* 0, -ECONNREFUSED nobody listens, -ETIMEDOUT its queue was full until the deadline, or another error. */
static int try_once(int socket, const struct sockaddr_un *address, int64_t deadline)
{
    if (deadline != TPY_NEVER) {
        int64_t left = deadline - tpy_now();
        int error = limit_connect(socket, left > 1 ? left : 1);
        if (error)
            return error;
    }
    if (connect(socket, (const struct sockaddr *)address, sizeof *address))
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return deadline == TPY_NEVER ? 0 : limit_connect(socket, 0);
}

/* Sleeps until the bell rings (1), the time is over (0) or a signal comes (-EINTR). */
static int sleep_until_rung(int bell, int64_t nanoseconds)
{
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    struct pollfd waited = {.fd = bell, .events = POLLIN};
    int ready = ppoll(&waited, 1, &time, NULL);

    return ready < 0 ? -errno : ready;
}

static int find(struct search *search, const char *name, const struct sockaddr_un *address, int64_t deadline)
{
    int64_t look = LOOK_FIRST;
    bool hung = false, fooled = false, rung = false;

    for (;;) {
        int result = try_once(search->socket, address, deadline);
        if (result != -ECONNREFUSED)
            return result;
        int64_t left = deadline == TPY_NEVER ? look : deadline - tpy_now();
        if (left <= 0)
            return -ETIMEDOUT;
        if (!hung) {
            /* Between the refusal and this moment the server may have come, unheard: so look again before sleeping. */
            search->bell = tpy_mm_bell_hang(name);
            hung = true;
            continue;
        }
        /* After a ring for nothing the bell is not listened to for a while, or a liar could keep us running. */
        fooled = rung;
        rung = false;
        result = sleep_until_rung(fooled ? -1 : search->bell, left < look ? left : look);
        if (result < 0)
            return result;
        if (fooled && search->bell >= 0)
            tpy_mm_bell_hush(search->bell);
        rung = result > 0;
        if (look < LOOK_LAST)
            look *= 2;
    }
}

int tpy_mm_find(const char *name, int64_t deadline)
{
    struct sockaddr_un address;
    struct search search = {.socket = -1, .bell = -1};
    int result = tpy_mm_address(name, &address);

    if (result)
        return result;
    pthread_cleanup_push(give_up, &search);
    search.socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (search.socket < 0) {
        result = -errno;
    } else {
        tpy_mm_give_address(search.socket);
        result = find(&search, name, &address, deadline);
    }
    if (result == 0) {
        result = search.socket;
        search.socket = -1;
    }
    pthread_cleanup_pop(1);
    return result;
}

TPY_PUBLIC int tpy_mm_connected_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
        return -errno;
    tpy_mm_give_address(fds[0]);
    tpy_mm_give_address(fds[1]);
    return 0;
}
