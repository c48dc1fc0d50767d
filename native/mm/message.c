/*
 * message: one datagram out or in, with the descriptors beside it. Each call is one sendmsg or recvmsg and allocates
 * nothing; only what might be the end of the connection costs one more look.
 *
 * The kernel returns 0 both for an empty message and at the end. What tells them apart is that a message brings
 * anything else along: the sender's address (all our sockets and the original's accepted ones have one), a descriptor,
 * a flag. A sender without any of it, the original's client for one, is believed to have sent an empty message as long
 * as the connection is open.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/fault.h"
#include "mm/error_state.h"
#include "mmsysio.h"
#include "tetrapylon_mm.h"

/* The kernel's limit (SCM_MAX_FD). */
#define FDS_MAX 253
/* Sizes from here on are nobody's message; sendmsg refuses them. */
#define SEND_MOST ((size_t)1 << 30)

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

/* Room for what a program may have asked the socket to add: credentials, a pidfd, a time, a security label. */
#define EXTRAS (CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(16) + CMSG_SPACE(64))

union control {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int)) + EXTRAS];
};

/* The two faces of a call hold its body each: returns after a system call are mispredicted, each frame less counts. */
#define IN_PLACE static inline __attribute__((always_inline))

/*
 * One piece without descriptors can go by send, which costs 60 ns less than sendmsg. But only if the piece can be
 * looked at: a bad pointer is to be EFAULT and not the end of the process. A piece in the page of `msg` itself, which
 * has just been read, is safe; in the callers' code both mostly lie side by side.
 */
IN_PLACE bool is_plain(const struct mm_ipc_msg *msg)
{
    const uintptr_t page = 4096, place = (uintptr_t)msg->iov;

    return msg->num_iov == 1 && msg->num_fds == 0 && (place ^ (uintptr_t)msg) < page &&
           ((place + sizeof(struct iovec) - 1) ^ place) < page && msg->iov->iov_len < SEND_MOST;
}

/* The kernel tells bad pointers to bytes; those to descriptors we read and write ourselves. */
static void guard(void)
{
    static _Atomic bool armed;

    if (!armed) {
        tpy_fault_arm();
        armed = true;
    }
}

static bool is_writable(int *fds, size_t count)
{
    char *first = (char *)fds, *last = (char *)(fds + count) - 1;

    guard();
    for (char *at = first; at < last; at += 4096)
        if (tpy_copy(at, at, 1) != 0)
            return false;
    return tpy_copy(last, last, 1) == 0;
}

IN_PLACE ssize_t send_one(int fd, const struct mm_ipc_msg *msg, int flags)
{
    union control control;

    if (msg == NULL)
        return -EFAULT;
    if (msg->num_iov < 0 || msg->num_fds < 0 || msg->num_fds > FDS_MAX)
        return -EINVAL;
    if (is_plain(msg)) {
        ssize_t sent = send(fd, msg->iov->iov_base, msg->iov->iov_len, flags | MSG_NOSIGNAL);
        return sent < 0 ? -errno : sent;
    }
    struct msghdr datagram = {.msg_iov = msg->iov, .msg_iovlen = (size_t)msg->num_iov};
    if (msg->num_fds > 0) {
        size_t size = (size_t)msg->num_fds * sizeof(int);
        if (msg->fds == NULL)
            return -EFAULT;
        control.aligned = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
        guard();
        if (tpy_copy(CMSG_DATA(&control.aligned), msg->fds, size) != 0)
            return -EFAULT;
        datagram.msg_control = control.bytes;
        datagram.msg_controllen = CMSG_LEN(size);
    }
    ssize_t sent = sendmsg(fd, &datagram, flags | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

/* Hands the descriptors that came to the caller, closes those he has no room for. */
static void take_descriptors(const struct cmsghdr *item, struct mm_ipc_msg *msg)
{
    size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
        if (msg->num_fds < msg->num_fds_max) {
            msg->fds[msg->num_fds++] = fd;
        } else {
            close(fd);
            msg->flags |= MSG_CTRUNC;
        }
    }
}

static void take_control(struct msghdr *datagram, struct mm_ipc_msg *msg)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(datagram); item != NULL; item = CMSG_NXTHDR(datagram, item)) {
        if (item->cmsg_level != SOL_SOCKET)
            continue;
        if (item->cmsg_type == SCM_RIGHTS)
            take_descriptors(item, msg);
        if (item->cmsg_type == SCM_PIDFD) { /* nobody will ever hear of it */
            int fd;
            memcpy(&fd, CMSG_DATA(item), sizeof fd);
            if (fd >= 0)
                close(fd);
        }
    }
}

static bool is_closed(int fd)
{
    struct pollfd looked = {.fd = fd, .events = POLLRDHUP};

    return poll(&looked, 1, 0) > 0 && (looked.revents & (POLLRDHUP | POLLHUP)) != 0;
}

IN_PLACE ssize_t receive_one(int fd, struct mm_ipc_msg *msg, int flags)
{
    union control control;
    struct sockaddr_un sender;
    ssize_t received;

    if (msg == NULL || (msg->num_fds_max > 0 && msg->fds == NULL))
        return -EFAULT;
    if (msg->num_iov < 0 || msg->num_fds_max < 0)
        return -EINVAL;
    size_t places = msg->num_fds_max < FDS_MAX ? (size_t)msg->num_fds_max : FDS_MAX;
    if (places > 0 && !is_writable(msg->fds, places))
        return -EFAULT;
    msg->num_fds = 0;
    msg->flags = 0;
    struct msghdr datagram;
    /*
     * The kernel reports once, before all messages, that the peer went without reading ours (ECONNRESET). The messages
     * come first, so ask again; as the connection is closed by then, that does not block.
     */
    for (int attempt = 0;; attempt++) {
        datagram = (struct msghdr){.msg_name = &sender,
                                   .msg_namelen = 0, /* the kernel tells the length all the same, and copies nothing */
                                   .msg_iov = msg->iov,
                                   .msg_iovlen = (size_t)msg->num_iov,
                                   .msg_control = control.bytes,
                                   .msg_controllen = EXTRAS + CMSG_SPACE(places * sizeof(int))};
        received = recvmsg(fd, &datagram, flags | MSG_CMSG_CLOEXEC);
        if (received >= 0)
            break;
        if (errno != ECONNRESET || attempt > 0)
            return -errno;
    }
    msg->flags = datagram.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    if (datagram.msg_controllen > 0)
        take_control(&datagram, msg);
    if (received == 0 && datagram.msg_namelen == 0 && datagram.msg_controllen == 0 && msg->flags == 0 && is_closed(fd))
        return -ECONNRESET;
    return received;
}

TPY_PUBLIC ssize_t tpy_mm_sendmsg(int fd, const struct mm_ipc_msg *msg, int flags) { return send_one(fd, msg, flags); }

TPY_PUBLIC ssize_t tpy_mm_recvmsg(int fd, struct mm_ipc_msg *msg, int flags) { return receive_one(fd, msg, flags); }

TPY_PUBLIC ssize_t mm_ipc_sendmsg(int fd, const struct mm_ipc_msg *msg)
{
    ssize_t sent = send_one(fd, msg, 0);
    return sent >= 0 ? sent : tpy_mm_fail((int)-sent, __func__, NULL, fd);
}

TPY_PUBLIC ssize_t mm_ipc_recvmsg(int fd, struct mm_ipc_msg *msg)
{
    ssize_t received = receive_one(fd, msg, 0);
    return received >= 0 ? received : tpy_mm_fail((int)-received, __func__, NULL, fd);
}
