/* mm_endpoint: the ends of a connection are plain descriptors, and the ones the original library makes and expects. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static short ready(int fd, short events)
{
    struct pollfd watched = {.fd = fd, .events = events};

    CHECK_SYS(poll(&watched, 1, 0));
    return watched.revents;
}

CASE(poll_works)
{
    int fds[2];

    mm_serve_one(mm_name("poll"), fds);
    for (int end = 0; end < 2; end++) {
        CHECK_EQ(ready(fds[end], POLLIN | POLLOUT), POLLOUT);
        mm_say(fds[!end], "x");
        CHECK_EQ(ready(fds[end], POLLIN), POLLIN);
        mm_hear(fds[end], "x");
        CHECK_EQ(mm_put(fds[!end], "", 0), 0); /* an empty message, too, can be received */
        CHECK_EQ(ready(fds[end], POLLIN), POLLIN);
        char data[1];
        CHECK_EQ(mm_take(fds[end], data, 1), 0);
        CHECK_EQ(ready(fds[end], POLLIN), 0);
    }
    mm_close(fds[0]);
    CHECK_EQ(ready(fds[1], POLLIN) & (POLLIN | POLLHUP), POLLIN | POLLHUP);
}

CASE(epoll_works_on_many)
{
    struct mm_ipc_srv *srv = mm_ipc_srv_create(mm_name("epoll"));
    int watcher = (int)CHECK_SYS(epoll_create1(EPOLL_CLOEXEC)), clients[20], accepted[20];

    for (int i = 0; i < 20; i++) {
        clients[i] = (int)CHECK_SYS(mm_ipc_connect(mm_name("epoll")));
        accepted[i] = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        CHECK_SYS(epoll_ctl(watcher, EPOLL_CTL_ADD, accepted[i], &event));
    }
    for (int i = 19; i >= 0; i--) {
        struct epoll_event event;
        mm_say(clients[i], "here");
        CHECK_EQ(epoll_wait(watcher, &event, 1, 1000), 1);
        CHECK_EQ(event.data.u32, i);
        mm_hear(accepted[i], "here");
        CHECK_EQ(epoll_wait(watcher, &event, 1, 0), 0);
    }
}

CASE(read_and_write_work)
{
    int fds[2];
    char data[32];

    mm_serve_one(mm_name("rw"), fds);
    CHECK_EQ(write(fds[0], "datagram", 8), 8);
    CHECK_EQ(write(fds[0], "another", 7), 7);
    mm_hear(fds[1], "datagram");
    CHECK_EQ(read(fds[1], data, sizeof data), 7);
    mm_say(fds[1], "answer");
    CHECK_EQ(read(fds[0], data, sizeof data), 6);
    CHECK_MEM_EQ(data, "answer", 6);
    mm_close(fds[1]);
    CHECK_EQ(read(fds[0], data, sizeof data), 0);
}

static void connect_and_stay(void *name)
{
    CHECK_SYS(mm_ipc_connect(name));
    pause();
}

CASE(so_peercred_works)
{
    const char *name = mm_name("cred");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    pid_t child = check_fork(connect_and_stay, (void *)name);
    int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(srv)), client = (int)CHECK_SYS(mm_ipc_connect(name));
    struct ucred peer;
    socklen_t size = sizeof peer;

    CHECK_SYS(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    CHECK_EQ(peer.pid, child);
    CHECK_EQ(peer.uid, geteuid());
    CHECK_EQ(peer.gid, getegid());
    CHECK_SYS(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    CHECK_EQ(peer.pid, getpid());
}

CASE(the_socket_is_of_the_original_form)
{
    const char *name = mm_name("form");
    struct sockaddr_un expected = mm_original_address(name), address;
    socklen_t size = sizeof address;
    int fds[2], type;

    mm_serve_one(name, fds);
    memset(&address, 0xee, sizeof address);
    CHECK_SYS(getpeername(fds[0], (struct sockaddr *)&address, &size));
    CHECK_EQ(size, 110); /* the whole of it */
    CHECK_MEM_EQ(&address, &expected, sizeof expected);
    size = sizeof type;
    for (int end = 0; end < 2; end++) {
        CHECK_SYS(getsockopt(fds[end], SOL_SOCKET, SO_TYPE, &type, &size));
        CHECK_EQ(type, SOCK_SEQPACKET);
        CHECK_SYS(getsockopt(fds[end], SOL_SOCKET, SO_DOMAIN, &type, &size));
        CHECK_EQ(type, AF_UNIX);
    }
}

/* Receives in the original's manner: one control message of exactly the room that is wanted. */
static ssize_t original_receive(int fd, char *data, size_t room, int *received)
{
    struct iovec piece = {data, room};
    char control[CMSG_SPACE(sizeof(int))];
    struct msghdr datagram = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size = CHECK_SYS(recvmsg(fd, &datagram, MSG_CMSG_CLOEXEC));
    struct cmsghdr *item = CMSG_FIRSTHDR(&datagram);

    *received = -1;
    CHECK_EQ(datagram.msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
    if (item != NULL) {
        CHECK_EQ(item->cmsg_level, SOL_SOCKET);
        CHECK_EQ(item->cmsg_type, SCM_RIGHTS);
        CHECK_EQ(item->cmsg_len, CMSG_LEN(sizeof(int)));
        memcpy(received, CMSG_DATA(item), sizeof(int));
    }
    return size;
}

static void original_send(int fd, const char *text, int passed)
{
    struct iovec piece = {(void *)text, strlen(text)};
    union {
        struct cmsghdr item;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.item = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct msghdr datagram = {.msg_iov = &piece, .msg_iovlen = 1};

    if (passed >= 0) {
        memcpy(CMSG_DATA(&control.item), &passed, sizeof passed);
        datagram.msg_control = &control;
        datagram.msg_controllen = CMSG_LEN(sizeof(int));
    }
    CHECK_EQ(sendmsg(fd, &datagram, 0), strlen(text));
}

static void talk_with_the_original(int ours, int theirs)
{
    char data[32];
    int pipe_fds[2], received, list[1], count = 1;

    CHECK_SYS(pipe(pipe_fds));
    original_send(theirs, "plain", -1);
    mm_hear(ours, "plain");
    original_send(theirs, "descriptor", pipe_fds[0]);
    CHECK_EQ(mm_take_fds(ours, data, sizeof data, list, &count, NULL), 10);
    CHECK_EQ(count, 1);
    CHECK_EQ(write(pipe_fds[1], "A", 1), 1);
    CHECK_EQ(read(list[0], data, 1), 1);

    mm_say(ours, "plain");
    CHECK_EQ(original_receive(theirs, data, sizeof data, &received), 5);
    CHECK_EQ(received, -1);
    CHECK_EQ(mm_put_fds(ours, "descriptor", 10, &pipe_fds[0], 1), 10);
    CHECK_EQ(original_receive(theirs, data, sizeof data, &received), 10);
    CHECK_EQ(write(pipe_fds[1], "B", 1), 1);
    CHECK_EQ(read(received, data, 1), 1);
    CHECK_EQ(data[0], 'B');
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

CASE(our_client_and_the_originals_server)
{
    const char *name = mm_name("theirs");
    int listener = mm_original_listen(name, 5);
    int client = (int)CHECK_SYS(mm_ipc_connect(name));
    int accepted = (int)CHECK_SYS(accept(listener, NULL, NULL));
    char data[4];

    talk_with_the_original(client, accepted);
    CHECK_EQ(send(accepted, "", 0, 0), 0); /* its end is known apart from its empty messages */
    close(accepted);
    CHECK_EQ(mm_take(client, data, sizeof data), 0);
    CHECK_ERRNO(mm_take(client, data, sizeof data), ECONNRESET);
}

CASE(the_originals_client_and_our_server)
{
    const char *name = mm_name("ours");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int client = mm_original_connect(name);
    int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
    char data[4];

    talk_with_the_original(accepted, client);
    CHECK_EQ(send(client, "", 0, 0), 0);
    CHECK_EQ(mm_take(accepted, data, sizeof data), 0); /* while it is connected */
    close(client);
    CHECK_ERRNO(mm_take(accepted, data, sizeof data), ECONNRESET);
}

CASE(an_end_of_ours_can_be_handed_to_the_original)
{
    int fds[2];

    CHECK_EQ(mm_ipc_connected_pair(fds), 0);
    talk_with_the_original(fds[0], fds[1]);
    mm_serve_one(mm_name("handed"), fds);
    talk_with_the_original(fds[0], fds[1]);
    talk_with_the_original(fds[1], fds[0]);
}

CASE(a_socket_pair_made_by_hand_can_be_used)
{
    int fds[2];
    char data[4];

    CHECK_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
    mm_say(fds[0], "hello");
    mm_hear(fds[1], "hello");
    CHECK_EQ(mm_put(fds[0], "", 0), 0);
    CHECK_EQ(mm_take(fds[1], data, sizeof data), 0);
    close(fds[0]);
    CHECK_ERRNO(mm_take(fds[1], data, sizeof data), ECONNRESET);
}
