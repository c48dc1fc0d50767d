/* link: see link.h. */
#define _GNU_SOURCE
#include "core/link.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/thread.h"

#define REQUEST_TIME 5000000000ll
#define REQUEST_GRACE 1000000000ll
#define ENDED UINT32_MAX /* in `replied`: there will be no more; no request has this number */

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int peer_pidfd(int fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) return pidfd;
    /* Older kernels: by number. The number cannot have been reused if the socket is still whole afterwards. */
    if (pid <= 0) return -1;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd hang_up = {.fd = fd, .events = 0};
    if (pidfd >= 0 && poll(&hang_up, 1, 0) > 0 && (hang_up.revents & POLLHUP)) {
        close(pidfd);
        return -1;
    }
    return pidfd;
}

struct tpy_link *tpy_link_new(int fd, bool serving)
{
    static _Atomic uint64_t last;
    struct ucred who;
    socklen_t size = sizeof who;
    struct tpy_link *link = calloc(1, sizeof *link);
    if (link && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
        link->fd = fd;
        link->pidfd = peer_pidfd(fd, who.pid);
        link->who = (struct tpy_identity){.pid = who.pid, .uid = who.uid, .gid = who.gid, .pidfd = link->pidfd, .link = atomic_fetch_add(&last, 1) + 1};
        link->serving = serving;
        link->since = tpy_now();
        link->reply_fd = -1;
        pthread_mutex_init(&link->greeting, NULL);
        pthread_mutex_init(&link->requesting, NULL);
        atomic_store(&link->references, 1);
        if (link->pidfd >= 0) return link;
    }
    free(link);
    close(fd);
    return NULL;
}

void tpy_link_retain(struct tpy_link *link) { atomic_fetch_add(&link->references, 1); }

void tpy_link_release(struct tpy_link *link)
{
    if (atomic_fetch_sub(&link->references, 1) != 1) return;
    if (link->page) munmap((void *)(uintptr_t)link->page, sizeof *link->page);
    if (link->reply_fd >= 0) close(link->reply_fd);
    close(link->fd);
    close(link->pidfd);
    pthread_mutex_destroy(&link->greeting);
    pthread_mutex_destroy(&link->requesting);
    free(link);
}

static int say_once(struct tpy_link *link, const struct tpy_say *say, const int *fds, unsigned count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * TPY_SAY_FDS_MAX)];
    } control;
    struct iovec part = {(void *)(uintptr_t)say, sizeof *say};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    for (;;) {
        if (sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
        if (errno != EINTR) return errno == ECONNRESET ? -EPIPE : -errno;
    }
}

/* These calls are cancellation points of the C library; of a face's call they must not be. */
int tpy_link_say(struct tpy_link *link, const struct tpy_say *say, const int *fds, unsigned count)
{
    TPY_KEEPS_ERRNO;
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    int result = say_once(link, say, fds, count);
    pthread_setcancelstate(before, NULL);
    return result;
}

int tpy_link_hear(struct tpy_link *link, struct tpy_say *say, int *fds, unsigned *count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * TPY_SAY_FDS_MAX)];
    } control;
    struct iovec part = {say, sizeof *say};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t size;
    do size = recvmsg(link->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    *count = 0;
    if (size < 0) return errno == EAGAIN ? 0 : -EPIPE;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        unsigned here = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds + *count, CMSG_DATA(header), here * sizeof(int));
        *count += here;
    }
    if (size == (ssize_t)sizeof *say && say->version == TPY_WIRE_VERSION) return 1;
    for (unsigned i = 0; i < *count; i++) close(fds[i]);
    *count = 0;
    return size == 0 ? -EPIPE : -EPROTO;
}

static int request(struct tpy_link *link, struct tpy_say *say, struct tpy_say *reply, int *fd, tpy_link_heard *heard, void *argument)
{
    int64_t deadline = tpy_now() + REQUEST_TIME;
    *fd = -1;
    pthread_mutex_lock(&link->requesting);
    uint32_t request = atomic_load(&link->request) + 1;
    if (request == 0 || request == ENDED) request = 1;
    tpy_lock_take(&link->replying);
    link->heard = heard;
    link->heard_argument = argument;
    atomic_store(&link->request, request);
    tpy_lock_give(&link->replying);
    say->version = TPY_WIRE_VERSION;
    say->request = request;
    int result;
    while ((result = tpy_link_say(link, say, NULL, 0)) == -EAGAIN && tpy_now() < deadline) {
        struct pollfd room = {.fd = link->fd, .events = POLLOUT};
        poll(&room, 1, 100);
    }
    uint32_t replied;
    bool late = false;
    while (result == 0 && (replied = atomic_load(&link->replied)) != request) {
        if (atomic_load(&link->dead)) result = -EPIPE;
        else if (tpy_futex_wait_private(&link->replied, replied, deadline) == -ETIMEDOUT) {
            /* Perhaps we were stopped all the time: then the reply is there, and our watcher is about to read it. */
            if (late) result = -ETIMEDOUT;
            late = true;
            deadline = tpy_now() + REQUEST_GRACE;
        }
    }
    if (result != 0) {
        tpy_lock_take(&link->replying);
        if (atomic_load(&link->replied) == request) result = 0; /* it came just now */
        else atomic_store(&link->request, request + 1);         /* one that comes later answers nobody */
        tpy_lock_give(&link->replying);
    }
    if (result == 0) {
        *reply = link->reply;
        *fd = link->reply_fd;
        link->reply_fd = -1;
        result = reply->result <= 0 && reply->result >= -4095 ? reply->result : -EPROTO;
    }
    pthread_mutex_unlock(&link->requesting);
    return result == -EPIPE ? -ESRCH : result == -EAGAIN && tpy_now() >= deadline ? -ETIMEDOUT : result;
}

int tpy_link_request_heard(struct tpy_link *link, struct tpy_say *say, struct tpy_say *reply, int *fd, tpy_link_heard *heard, void *argument)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    int result = request(link, say, reply, fd, heard, argument);
    pthread_setcancelstate(before, NULL);
    return result;
}

int tpy_link_request(struct tpy_link *link, struct tpy_say *say, struct tpy_say *reply, int *fd)
{
    return tpy_link_request_heard(link, say, reply, fd, NULL, NULL);
}

void tpy_link_ended(struct tpy_link *link)
{
    tpy_lock_take(&link->replying);
    /* Changed, so that who is about to sleep for a reply does not. One that came before the end counts. */
    if (atomic_load(&link->replied) != atomic_load(&link->request)) atomic_store(&link->replied, ENDED);
    tpy_lock_give(&link->replying);
    tpy_futex_wake_private(&link->replied, INT_MAX);
}

/* What the server did for a request that was given up meanwhile nobody would ever undo. */
static void take_back(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_say undo = {.version = TPY_WIRE_VERSION, .connection = say->connection, .exchange = say->exchange};
    undo.type = say->tag == TPY_SAY_ATTACH ? TPY_SAY_DETACH : say->tag == TPY_SAY_BIND ? TPY_SAY_UNBIND : 0;
    if (undo.type) tpy_link_say(link, &undo, NULL, 0);
}

void tpy_link_replied(struct tpy_link *link, const struct tpy_say *say, const int *fds, unsigned count)
{
    unsigned kept = 0;
    tpy_lock_take(&link->replying);
    bool awaited = say->request == atomic_load(&link->request) && atomic_load(&link->replied) != say->request;
    if (awaited) {
        link->reply = *say;
        if (link->reply_fd >= 0) close(link->reply_fd);
        link->reply_fd = count > 0 ? fds[0] : -1;
        kept = count > 0;
        if (say->result == 0 && link->heard) link->heard(link, say, link->heard_argument);
        atomic_store(&link->replied, say->request);
        tpy_futex_wake_private(&link->replied, 1);
    }
    tpy_lock_give(&link->replying);
    for (unsigned i = kept; i < count; i++) close(fds[i]);
    if (!awaited && say->result == 0) take_back(link, say);
}
