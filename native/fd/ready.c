/*
 * ready: waiting for descriptors to be ready, one by poll and many by epoll. Time limits are nanoseconds. Owns nothing; a
 * watcher is a descriptor of the caller's.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>

#include "tetrapylon_fd.h"

_Static_assert(TPY_FD_READABLE == POLLIN && TPY_FD_READABLE == EPOLLIN, "one set of bits");
_Static_assert(TPY_FD_WRITABLE == POLLOUT && TPY_FD_WRITABLE == EPOLLOUT, "one set of bits");
_Static_assert(TPY_FD_ERROR == POLLERR && TPY_FD_ERROR == EPOLLERR, "one set of bits");
_Static_assert(TPY_FD_HANGUP == POLLHUP && TPY_FD_HANGUP == EPOLLHUP, "one set of bits");
_Static_assert(TPY_FD_PEER_CLOSED == POLLRDHUP && TPY_FD_PEER_CLOSED == EPOLLRDHUP, "one set of bits");
_Static_assert(TPY_FD_ONCE == EPOLLONESHOT, "one set of bits");

static const struct timespec *limit(int64_t timeout, struct timespec *time)
{
    if (timeout < 0)
        return NULL;
    *time = (struct timespec){.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
    return time;
}

int tpy_fd_poll(int fd, int events, int64_t timeout)
{
    struct timespec time;
    struct pollfd waited = {.fd = fd, .events = (short)events};

    if (fd < 0)
        return -EBADF; /* poll would ignore it */
    if (ppoll(&waited, 1, limit(timeout, &time), NULL) < 0)
        return -errno;
    return (waited.revents & POLLNVAL) ? -EBADF : waited.revents;
}

int tpy_fd_watcher(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int tpy_fd_watch(int watcher, int fd, int events, int64_t key)
{
    struct epoll_event event = {.events = (uint32_t)events, .data.u64 = (uint64_t)key};

    if (events == 0)
        return epoll_ctl(watcher, EPOLL_CTL_DEL, fd, &event) && errno != ENOENT ? -errno : 0;
    /* Mostly it is watched already. */
    if (epoll_ctl(watcher, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    return epoll_ctl(watcher, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int wait_for(int watcher, struct epoll_event *happened, int room, int64_t timeout)
{
    struct timespec time;
    int count = epoll_pwait2(watcher, happened, room, limit(timeout, &time), NULL);

    if (count >= 0)
        return count;
    if (errno != ENOSYS)
        return -errno;
    /* Kernels before 5.11: milliseconds, rounded up so that it is not woken early again and again. */
    int64_t milliseconds = timeout < 0 ? -1 : timeout / 1000000 + (timeout % 1000000 != 0);
    count = epoll_wait(watcher, happened, room, milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);
    return count < 0 ? -errno : count;
}

int tpy_fd_wait(int watcher, struct tpy_fd_event *events, int room, int64_t timeout)
{
    struct epoll_event happened[TPY_FD_EVENTS_MAX];

    if (room <= 0)
        return -EINVAL;
    int count = wait_for(watcher, happened, room < TPY_FD_EVENTS_MAX ? room : TPY_FD_EVENTS_MAX, timeout);
    for (int i = 0; i < count; i++)
        events[i] = (struct tpy_fd_event){.key = (int64_t)happened[i].data.u64, .events = (int)happened[i].events};
    return count;
}
