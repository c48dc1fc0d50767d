/* mm_server: names, creating and destroying servers, what becomes of their connections. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"
#include "tetrapylon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

CASE(create_gives_a_server_that_clients_reach)
{
    int fds[2];
    struct mm_ipc_srv *srv = mm_serve_one(mm_name("reach"), fds);

    mm_say(fds[0], "to the server");
    mm_hear(fds[1], "to the server");
    mm_say(fds[1], "to the client");
    mm_hear(fds[0], "to the client");
    mm_ipc_srv_destroy(srv);
}

CASE(a_name_belongs_to_one_server)
{
    const char *name = mm_name("one");
    struct mm_ipc_srv *first = mm_ipc_srv_create(name);

    CHECK(first != NULL);
    CHECK(mm_ipc_srv_create(name) == NULL);
    CHECK_EQ(errno, EADDRINUSE);
    CHECK_EQ(mm_get_lasterror_number(), EADDRINUSE);
    mm_ipc_srv_destroy(first);
}

CASE(a_name_belongs_to_one_server_of_all_processes)
{
    const char *name = mm_name("other");
    int original = mm_original_listen(name, 5);

    CHECK(mm_ipc_srv_create(name) == NULL);
    CHECK_EQ(mm_get_lasterror_number(), EADDRINUSE);
    close(original);
    CHECK(mm_ipc_srv_create(name) != NULL);
}

CASE(a_failed_create_leaves_no_descriptor)
{
    const char *name = mm_name("noleak");
    struct mm_ipc_srv *first = mm_ipc_srv_create(name);
    int before = observe_descriptors();

    for (int i = 0; i < 10; i++)
        CHECK(mm_ipc_srv_create(name) == NULL);
    CHECK_EQ(observe_descriptors(), before);
    mm_ipc_srv_destroy(first);
    CHECK_EQ(observe_descriptors(), before - 1);
}

CASE(names_of_every_length_up_to_107_bytes)
{
    char name[108];
    int fds[2];

    memset(name, 0, sizeof name);
    snprintf(name, sizeof name, "%s-", mm_name("long"));
    for (size_t length = strlen(name); length <= 107; length++) {
        memset(name + length - 1, 'x', 1);
        name[length] = '\0';
        struct mm_ipc_srv *srv = mm_serve_one(name, fds);
        mm_say(fds[0], "hello");
        mm_hear(fds[1], "hello");
        mm_close(fds[0]);
        mm_close(fds[1]);
        mm_ipc_srv_destroy(srv);
    }
    CHECK_EQ(strlen(name), 107);
}

CASE(the_empty_name_is_a_name)
{
    int fds[2];

    if (mm_ipc_srv_create("") == NULL) { /* another test run may have it just now */
        CHECK_EQ(mm_get_lasterror_number(), EADDRINUSE);
        SKIP("the empty name is in use on this machine");
    }
    fds[0] = (int)CHECK_SYS(mm_ipc_connect(""));
    mm_say(fds[0], "hello");
    fds[1] = mm_original_connect("");
    CHECK_GE(fds[1], 0);
}

CASE(a_name_over_107_bytes_is_too_long)
{
    char name[300];

    for (size_t length = 108; length < sizeof name; length += 37) {
        memset(name, 'y', length);
        name[length] = '\0';
        errno = 0;
        CHECK(mm_ipc_srv_create(name) == NULL);
        CHECK_EQ(errno, ENAMETOOLONG);
        CHECK_EQ(mm_get_lasterror_number(), ENAMETOOLONG);
        errno = 0;
        CHECK_ERRNO(mm_ipc_connect(name), ENAMETOOLONG);
        CHECK_EQ(tpy_mm_connect(name, 1000), -ENAMETOOLONG);
    }
}

CASE(no_name_is_a_bad_pointer)
{
    CHECK(mm_ipc_srv_create(NULL) == NULL);
    CHECK_EQ(mm_get_lasterror_number(), EFAULT);
    CHECK_ERRNO(mm_ipc_connect(NULL), EFAULT);
    CHECK_EQ(tpy_mm_connect(NULL, 1), -EFAULT);
}

CASE(names_differ_in_every_byte)
{
    const char *names[] = {mm_name("a"), mm_name("b"), mm_name("a/"), mm_name("A")};
    struct mm_ipc_srv *servers[4];

    for (int i = 0; i < 4; i++)
        CHECK((servers[i] = mm_ipc_srv_create(names[i])) != NULL);
    for (int i = 0; i < 4; i++) {
        int client = (int)CHECK_SYS(mm_ipc_connect(names[i]));
        int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(servers[i]));
        mm_say(client, names[i]);
        mm_hear(accepted, names[i]);
    }
}

CASE(a_name_is_no_file)
{
    char path[256];
    struct mm_ipc_srv *srv;

    snprintf(path, sizeof path, "%s/name", check_directory());
    CHECK_LE(strlen(path), 107);
    CHECK((srv = mm_ipc_srv_create(path)) != NULL);
    CHECK_ERRNO(access(path, F_OK), ENOENT);
    mm_ipc_srv_destroy(srv);
}

CASE(destroying_no_server_is_allowed)
{
    errno = 42;
    mm_ipc_srv_destroy(NULL);
    CHECK_EQ(errno, 42);
    mm_ipc_srv_destroy(mm_ipc_srv_create(mm_name("errno")));
    CHECK_EQ(mm_get_lasterror_number(), 0);
}

CASE(a_destroyed_servers_name_is_free_at_once)
{
    const char *name = mm_name("again");

    for (int i = 0; i < 1000; i++) {
        struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
        CHECK(srv != NULL);
        mm_ipc_srv_destroy(srv);
    }
}

CASE(the_name_is_free_while_accepted_connections_are_open)
{
    const char *name = mm_name("survive");
    int old[2], new[2];

    mm_ipc_srv_destroy(mm_serve_one(name, old));
    struct mm_ipc_srv *srv = mm_serve_one(name, new);
    mm_say(old[0], "old");
    mm_hear(old[1], "old");
    mm_say(new[1], "new");
    mm_hear(new[0], "new");
    mm_ipc_srv_destroy(srv);
}

CASE(accepted_connections_survive_until_they_are_closed)
{
    int fds[2];
    char data[8];

    mm_ipc_srv_destroy(mm_serve_one(mm_name("live"), fds));
    for (int i = 0; i < 100; i++) {
        mm_say(fds[0], "ping");
        mm_hear(fds[1], "ping");
        mm_say(fds[1], "pong");
        mm_hear(fds[0], "pong");
    }
    CHECK_EQ(mm_close(fds[1]), 0);
    CHECK_ERRNO(mm_take(fds[0], data, sizeof data), ECONNRESET);
}

CASE(destroy_drops_connections_that_were_not_accepted)
{
    const char *name = mm_name("dropped");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int clients[8];
    char data[8];

    for (int i = 0; i < 8; i++) {
        clients[i] = (int)CHECK_SYS(mm_ipc_connect(name));
        if (i % 2)
            mm_say(clients[i], "unread");
    }
    mm_ipc_srv_destroy(srv);
    for (int i = 0; i < 8; i++) {
        CHECK_ERRNO(mm_take(clients[i], data, sizeof data), ECONNRESET);
        CHECK_ERRNO(mm_put(clients[i], "x", 1), EPIPE);
    }
}

CASE(destroy_wakes_a_client_that_waits_for_the_answer)
{
    const char *name = mm_name("waiting");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    struct mm_call call = {.run = mm_run_take, .fd = (int)CHECK_SYS(mm_ipc_connect(name))};

    mm_start_asleep(&call, SYS_recvmsg);
    mm_ipc_srv_destroy(srv);
    CHECK_EQ(mm_join(&call), -1);
    CHECK_EQ(call.error, ECONNRESET);
}

CASE(connections_are_accepted_in_the_order_they_came)
{
    const char *name = mm_name("order");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    char text[8];

    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "%d", i);
        mm_say((int)CHECK_SYS(mm_ipc_connect(name)), text);
    }
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "%d", i);
        mm_hear((int)CHECK_SYS(mm_ipc_srv_accept(srv)), text);
    }
}

CASE(sending_before_the_accept_works)
{
    const char *name = mm_name("early");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int pipe_fds[2], received[1], count = 1;
    char data[32];
    int client = (int)CHECK_SYS(mm_ipc_connect(name));

    CHECK_SYS(pipe(pipe_fds));
    mm_say(client, "one");
    CHECK_EQ(mm_put_fds(client, "two", 3, pipe_fds, 1), 3);
    close(pipe_fds[0]);
    int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
    mm_hear(accepted, "one");
    CHECK_EQ(mm_take_fds(accepted, data, sizeof data, received, &count, NULL), 3);
    CHECK_EQ(count, 1);
    CHECK_EQ(write(pipe_fds[1], "through", 7), 7);
    CHECK_EQ(read(received[0], data, sizeof data), 7);
    CHECK_MEM_EQ(data, "through", 7);
}

CASE(a_client_may_be_gone_before_the_accept)
{
    const char *name = mm_name("gone");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int client = (int)CHECK_SYS(mm_ipc_connect(name));
    char data[8];

    mm_say(client, "last words");
    mm_close(client);
    int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
    mm_hear(accepted, "last words");
    CHECK_ERRNO(mm_take(accepted, data, sizeof data), ECONNRESET);
}

CASE(the_servers_descriptor_can_be_polled)
{
    const char *name = mm_name("poll");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    struct pollfd watched = {.fd = (int)CHECK_OK(tpy_mm_srv_fd(srv)), .events = POLLIN};

    CHECK_EQ(poll(&watched, 1, 0), 0);
    int client = (int)CHECK_SYS(mm_ipc_connect(name));
    CHECK_EQ(poll(&watched, 1, 0), 1);
    mm_close((int)CHECK_SYS(mm_ipc_srv_accept(srv)));
    CHECK_EQ(poll(&watched, 1, 0), 0);
    CHECK_EQ(tpy_mm_srv_fd(NULL), -EINVAL);
    mm_close(client);
}

static void serve_until_killed(void *name)
{
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);

    CHECK(srv != NULL);
    CHECK_SYS(mm_ipc_srv_accept(srv));
    pause();
}

CASE(the_name_of_a_killed_server_is_free)
{
    const char *name = mm_name("killed");

    for (int i = 0; i < 20; i++) {
        pid_t server = check_fork(serve_until_killed, (void *)name);
        int client = (int)CHECK_SYS(mm_ipc_connect(name));
        CHECK_SYS(kill(server, SIGKILL));
        CHECK_EQ(waitpid(server, NULL, 0), server);
        struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
        CHECK(srv != NULL);
        mm_ipc_srv_destroy(srv);
        mm_close(client);
    }
}

static void exec_a_program(void *argument)
{
    (void)argument;
    execl("/bin/sh", "sh", "-c", "for fd in /proc/$$/fd/*; do case $(readlink $fd) in socket:*) exit 3;; esac; done",
          NULL);
    _exit(2);
}

CASE(no_descriptor_is_inherited_by_an_executed_program)
{
    const char *name = mm_name("exec");
    int fds[2], pair[2];

    for (int fd = 0; fd < 3; fd++) { /* the runner's own may be sockets */
        int null = (int)CHECK_SYS(open("/dev/null", O_RDWR));
        CHECK_SYS(dup2(null, fd));
    }
    mm_serve_one(name, fds);
    CHECK_EQ(mm_ipc_connected_pair(pair), 0);
    check_join(check_fork(exec_a_program, NULL));
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        CHECK_EQ(fcntl(pair[i], F_GETFD), FD_CLOEXEC);
    }
}
