/* bell: see bell.h. */
#include "mm/bell.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Waiters of one name that are told at once; more than these find the server when they look for themselves. */
#define PLACES 32
/* Rings that one look takes away: a flood is not worth more of our time. */
#define RINGS 64

/* Names may be as long as an address is, so a bell's address holds a hash; names that share one share their rings. */
static uint64_t hash(const char *name)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return value;
}

static socklen_t place(uint64_t name_hash, unsigned number, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "tetrapylon.mm.bell.%016llx.%u",
                          (unsigned long long)name_hash, number);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static int bell_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

int tpy_mm_bell_hang(const char *name)
{
    uint64_t name_hash = hash(name);
    struct sockaddr_un address;
    int bell = bell_socket();

    if (bell < 0)
        return bell;
    for (unsigned i = 0; i < PLACES; i++) {
        socklen_t length = place(name_hash, i, &address);
        if (bind(bell, (struct sockaddr *)&address, length) == 0)
            return bell;
        if (errno != EADDRINUSE)
            break;
    }
    int error = -errno;
    close(bell);
    return error;
}

void tpy_mm_bell_hush(int bell)
{
    char ring;

    for (int i = 0; i < RINGS && recv(bell, &ring, sizeof ring, MSG_DONTWAIT) >= 0; i++)
        ;
}

void tpy_mm_bell_ring(const char *name)
{
    uint64_t name_hash = hash(name);
    struct sockaddr_un address;
    int fd = bell_socket();

    if (fd < 0)
        return;
    for (unsigned i = 0; i < PLACES; i++) {
        socklen_t length = place(name_hash, i, &address);
        (void)sendto(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address, length);
    }
    close(fd);
}
