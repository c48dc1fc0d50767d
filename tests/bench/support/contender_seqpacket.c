/*
 * AF_UNIX SOCK_SEQPACKET, blocking. A message longer than one packet goes as several, so that the default socket buffers
 * carry every size. With one client the server simply receives; with more it waits for all of them with epoll.
 */
#define _GNU_SOURCE
#include "contender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PACKET 65536 /* bytes; three fit into the socket buffer that Linux gives by default */

static int path_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((size_t)snprintf(address->sun_path, sizeof address->sun_path, "%s", path) >= sizeof address->sun_path)
        return -ENAMETOOLONG;
    return 0;
}

static int send_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size < PACKET ? size : PACKET, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -errno;
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
    }
    return 0;
}

/* Receives one whole message; its first packet tells how long it is. */
static int receive_all(int fd, char *data)
{
    size_t have = 0, size = 1;
    while (have < size) {
        ssize_t got = recv(fd, data + have, BENCH_LARGEST - have, 0);
        if (got == 0)
            return -ECONNRESET;
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (!have)
            size = (size_t)got < sizeof(uint64_t) ? 0 : bench_size(data);
        if (size < sizeof(uint64_t) || size > BENCH_LARGEST)
            return -EBADMSG;
        have += (size_t)got;
    }
    return 0;
}

static int seqpacket_open(struct bench_server *server, char *address, size_t room)
{
    struct sockaddr_un where;
    int error = path_address(&where, server->endpoint);
    if (error)
        return error;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof where) || listen(fd, BENCH_CLIENTS))
        return -errno;
    server->state = (void *)(intptr_t)fd;
    snprintf(address, room, "%s", server->endpoint);
    return 0;
}

static int answer(struct bench_server *server, int fd)
{
    int error = receive_all(fd, server->message);
    if (error)
        return error;
    size_t size = bench_answer(server->message);
    return size ? send_all(fd, server->message, size) : -EBADMSG;
}

static int serve_many(struct bench_server *server, const int *connections)
{
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll_fd < 0)
        return -errno;
    for (int i = 0; i < server->clients; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = connections[i]};
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, connections[i], &event))
            return -errno;
    }
    for (;;) {
        struct epoll_event events[BENCH_CLIENTS];
        int ready = epoll_wait(poll_fd, events, BENCH_CLIENTS, -1);
        if (ready < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < ready; i++) {
            int error = answer(server, events[i].data.fd);
            if (error)
                return error;
        }
    }
}

static int seqpacket_serve(struct bench_server *server)
{
    int connections[BENCH_CLIENTS];
    for (int i = 0; i < server->clients; i++) {
        connections[i] = accept4((int)(intptr_t)server->state, NULL, NULL, SOCK_CLOEXEC);
        if (connections[i] < 0)
            return -errno;
    }
    if (server->clients > 1)
        return serve_many(server, connections);
    for (;;) {
        int error = answer(server, connections[0]);
        if (error)
            return error;
    }
}

static int seqpacket_connect(struct bench_client *client, const char *address)
{
    struct sockaddr_un where;
    int error = path_address(&where, address);
    if (error)
        return error;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&where, sizeof where))
        return -errno;
    client->state = (void *)(intptr_t)fd;
    return 0;
}

static int seqpacket_call(struct bench_client *client, size_t size)
{
    int fd = (int)(intptr_t)client->state;
    int error = send_all(fd, client->request, size);
    return error ? error : receive_all(fd, client->reply);
}

const struct contender contender_seqpacket = {"seqpacket", seqpacket_open, seqpacket_serve, seqpacket_connect,
                                              seqpacket_call};
