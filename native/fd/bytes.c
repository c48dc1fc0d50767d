/*
 * bytes: reading and writing. Two things take more than one call of the kernel's: not to block on a descriptor that does
 * (RWF_NOWAIT, which not every kind of file knows), and not to be killed by SIGPIPE (blocked meanwhile, and taken away if
 * the write has raised it). Owns nothing.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tetrapylon_fd.h"

/* More than the kernel transfers at once; and a size that is negative as ssize_t would be EINVAL. */
#define SIZE_MOST ((size_t)0x7ffff000)

static size_t limited(size_t size) { return size < SIZE_MOST ? size : SIZE_MOST; }

/* Where the kernel cannot promise not to wait: looks first. Another reader may still come between. */
static int is_ready(int fd, short events)
{
    struct pollfd looked = {.fd = fd, .events = events};
    int ready = poll(&looked, 1, 0);

    return ready < 0 ? -errno : ready;
}

ssize_t tpy_fd_read(int fd, void *bytes, size_t size, int64_t position, int wait)
{
    struct iovec piece = {.iov_base = bytes, .iov_len = limited(size)};
    ssize_t got;

    if (position < TPY_FD_NO_POSITION)
        return -EINVAL;
    if (!wait && position == TPY_FD_NO_POSITION) {
        got = preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
        if (got >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
            return got < 0 ? -errno : got;
        int ready = is_ready(fd, POLLIN);
        if (ready <= 0)
            return ready < 0 ? ready : -EAGAIN;
    }
    got = position == TPY_FD_NO_POSITION ? read(fd, bytes, piece.iov_len) : pread(fd, bytes, piece.iov_len, position);
    return got < 0 ? -errno : got;
}

static ssize_t put_into_socket(int fd, const void *bytes, size_t size, int wait)
{
    ssize_t put = send(fd, bytes, size, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    return put < 0 ? -errno : put;
}

static ssize_t put_into_file(int fd, const void *bytes, size_t size, int wait)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    ssize_t put;

    if (!wait) {
        put = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
        if (put >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
            return put < 0 ? -errno : put;
        int ready = is_ready(fd, POLLOUT);
        if (ready <= 0)
            return ready < 0 ? ready : -EAGAIN;
    }
    put = write(fd, bytes, size);
    return put < 0 ? -errno : put;
}

static ssize_t put_without_signal(int fd, const void *bytes, size_t size, int wait)
{
    sigset_t broken, before, pending;

    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    int had_one = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t put = put_into_file(fd, bytes, size, wait);
    if (put == -EPIPE && !had_one)
        while (sigtimedwait(&broken, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return put;
}

ssize_t tpy_fd_write(int fd, const void *bytes, size_t size, int64_t position, int wait)
{
    size = limited(size);
    if (position < TPY_FD_NO_POSITION)
        return -EINVAL;
    if (position != TPY_FD_NO_POSITION) {
        ssize_t put = pwrite(fd, bytes, size, position);
        return put < 0 ? -errno : put;
    }
    ssize_t put = put_into_socket(fd, bytes, size, wait);
    return put == -ENOTSOCK ? put_without_signal(fd, bytes, size, wait) : put;
}
