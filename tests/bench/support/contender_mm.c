/*
 * Ours, by mmlib's IPC: mm_ipc_sendmsg and mm_ipc_recvmsg. Beside it the same with the bare system calls that it stands on,
 * sendmsg and recvmsg on an AF_UNIX seqpacket socket, so that what it adds can be told. One client each, a message is one
 * packet. Compiled only where the library is.
 */
#include "contender.h"

#include <errno.h>
#include <mmsysio.h>
#include <stdio.h>

static ssize_t mm_send(int fd, const void *data, size_t size)
{
    struct iovec piece = {(void *)data, size};
    struct mm_ipc_msg message = {.iov = &piece, .num_iov = 1};
    return mm_ipc_sendmsg(fd, &message);
}

static ssize_t mm_receive(int fd, void *data, size_t room)
{
    struct iovec piece = {data, room};
    struct mm_ipc_msg message = {.iov = &piece, .num_iov = 1};
    return mm_ipc_recvmsg(fd, &message);
}

static ssize_t raw_send(int fd, const void *data, size_t size)
{
    struct iovec piece = {(void *)data, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static ssize_t raw_receive(int fd, void *data, size_t room)
{
    struct iovec piece = {data, room};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return recvmsg(fd, &message, 0);
}

static int mm_open(struct bench_server *server, char *address, size_t room)
{
    struct mm_ipc_srv *srv = mm_ipc_srv_create(server->endpoint);
    if (!srv)
        return -errno;
    server->state = srv;
    snprintf(address, room, "%s", server->endpoint);
    return 0;
}

static inline int serve(struct bench_server *server, ssize_t (*send)(int, const void *, size_t),
                        ssize_t (*receive)(int, void *, size_t))
{
    int fd = mm_ipc_srv_accept(server->state);
    if (fd < 0)
        return -errno;
    for (;;) {
        if (receive(fd, server->message, BENCH_LARGEST) <= 0)
            return -ECONNRESET;
        size_t size = bench_answer(server->message);
        if (!size)
            return -EBADMSG;
        if (send(fd, server->message, size) < 0)
            return -errno;
    }
}

static int mm_serve(struct bench_server *server) { return serve(server, mm_send, mm_receive); }
static int raw_serve(struct bench_server *server) { return serve(server, raw_send, raw_receive); }

static int mm_connect(struct bench_client *client, const char *address)
{
    int fd = mm_ipc_connect(address);
    if (fd < 0)
        return -errno;
    client->state = (void *)(intptr_t)fd;
    return 0;
}

static inline int call(struct bench_client *client, size_t size, ssize_t (*send)(int, const void *, size_t),
                       ssize_t (*receive)(int, void *, size_t))
{
    int fd = (int)(intptr_t)client->state;
    if (send(fd, client->request, size) < 0)
        return -errno;
    return receive(fd, client->reply, size) == (ssize_t)size ? 0 : -EBADMSG;
}

static int mm_call(struct bench_client *client, size_t size) { return call(client, size, mm_send, mm_receive); }
static int raw_call(struct bench_client *client, size_t size) { return call(client, size, raw_send, raw_receive); }

const struct contender contender_mm = {"mm", mm_open, mm_serve, mm_connect, mm_call};
const struct contender contender_sendmsg = {"sendmsg", mm_open, raw_serve, mm_connect, raw_call};
