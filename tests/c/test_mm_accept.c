/* mm_accept: how accept waits, what wakes it, and servers that several threads and processes share. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

CASE(accept_blocks_until_a_connection_arrives)
{
    const char *name = mm_name("block");
    struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(name)};

    mm_start_asleep(&call, SYS_accept4);
    int client = (int)CHECK_SYS(mm_ipc_connect(name));
    int accepted = (int)CHECK_SYS(mm_join(&call));
    mm_say(client, "hello");
    mm_hear(accepted, "hello");
}

CASE(accept_uses_the_lowest_free_number)
{
    const char *name = mm_name("lowest");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);

    CHECK_SYS(mm_ipc_connect(name));
    CHECK_SYS(mm_ipc_connect(name));
    int hole = (int)CHECK_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
    int above = (int)CHECK_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
    close(hole);
    CHECK_EQ(mm_ipc_srv_accept(srv), hole);
    CHECK_EQ(mm_ipc_srv_accept(srv), above + 1);
}

CASE(destroy_wakes_accept)
{
    const char *name = mm_name("wake");

    for (int i = 0; i < 50; i++) {
        struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(name)};
        CHECK(call.srv != NULL); /* so the name was free again */
        mm_start_asleep(&call, SYS_accept4);
        mm_ipc_srv_destroy(call.srv);
        CHECK_EQ(mm_join(&call), -1);
        CHECK_EQ(call.error, EBADF);
    }
}

CASE(destroy_wakes_all_who_wait_in_accept)
{
    const char *name = mm_name("all");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    struct mm_call calls[12];

    for (int i = 0; i < 12; i++) {
        calls[i] = (struct mm_call){.run = mm_run_accept, .srv = srv};
        mm_start_asleep(&calls[i], SYS_accept4);
    }
    mm_ipc_srv_destroy(srv);
    CHECK((srv = mm_ipc_srv_create(name)) != NULL);
    for (int i = 0; i < 12; i++) {
        CHECK_EQ(mm_join(&calls[i]), -1);
        CHECK_EQ(calls[i].error, EBADF);
    }
    mm_ipc_srv_destroy(srv);
}

/* A connection that comes together with the destroyer is accepted or dropped; never is anything lost or left. */
CASE(destroy_races_with_a_connection)
{
    const char *name = mm_name("race");
    int before = observe_descriptors();

    for (int i = 0; i < 300; i++) {
        struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(name)};
        CHECK(call.srv != NULL);
        mm_start_asleep(&call, SYS_accept4);
        int client = (int)CHECK_SYS(mm_ipc_connect(name));
        mm_ipc_srv_destroy(call.srv);
        if (mm_join(&call) >= 0) {
            mm_say(client, "accepted");
            mm_hear((int)call.result, "accepted");
            mm_close((int)call.result);
        } else {
            CHECK_EQ(call.error, EBADF);
            CHECK_ERRNO(mm_put(client, "x", 1), EPIPE);
        }
        mm_close(client);
    }
    CHECK_EQ(observe_descriptors(), before);
}

CASE(accept_is_interrupted_by_a_signal)
{
    struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(mm_name("eintr"))};

    mm_catch_signals(0);
    mm_start_asleep(&call, SYS_accept4);
    CHECK_EQ(pthread_kill(call.thread, SIGUSR1), 0);
    CHECK_EQ(mm_join(&call), -1);
    CHECK_EQ(call.error, EINTR);
    mm_ipc_srv_destroy(call.srv);
}

CASE(accept_goes_on_after_a_handler_with_sa_restart)
{
    const char *name = mm_name("restart");
    struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(name)};

    mm_catch_signals(SA_RESTART);
    for (int i = 0; i < 20; i++) {
        if (i == 0)
            mm_start(&call);
        observe_asleep_in(call.id, SYS_accept4);
        CHECK_EQ(pthread_kill(call.thread, SIGUSR1), 0);
        while (mm_signals == i)
            sched_yield();
    }
    CHECK_SYS(mm_ipc_connect(name));
    CHECK_SYS(mm_join(&call));
}

CASE(accept_without_room_for_a_descriptor)
{
    const char *name = mm_name("emfile");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    struct rlimit limit;
    int client = (int)CHECK_SYS(mm_ipc_connect(name));

    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = (rlim_t)observe_lowest_free();
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_ERRNO(mm_ipc_srv_accept(srv), EMFILE);
    CHECK_ERRNO(mm_ipc_srv_accept(srv), EMFILE);
    limit.rlim_cur = limit.rlim_max;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(srv)); /* the connection has waited */
    mm_say(client, "still here");
    mm_hear(accepted, "still here");
}

CASE(accept_on_no_server)
{
    CHECK_ERRNO(mm_ipc_srv_accept(NULL), EINVAL);
}

CASE(a_cancelled_thread_leaves_accept)
{
    struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(mm_name("cancel"))};

    mm_start_asleep(&call, SYS_accept4);
    mm_cancel(&call);
    mm_ipc_srv_destroy(call.srv); /* would wait for it */
}

CASE(threads_share_the_connections_of_one_server)
{
    const char *name = mm_name("threads");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    struct mm_call calls[8];

    for (int i = 0; i < 8; i++) {
        calls[i] = (struct mm_call){.run = mm_run_accept, .srv = srv};
        mm_start(&calls[i]);
    }
    for (int i = 0; i < 8; i++)
        mm_say((int)CHECK_SYS(mm_ipc_connect(name)), "once");
    for (int i = 0; i < 8; i++)
        mm_hear((int)CHECK_SYS(mm_join(&calls[i])), "once");
}

/* A flood of clients that come and go does not keep an honest one out, and leaves nothing behind. */
static void connect_ten_thousand_times(void *name)
{
    for (int i = 0; i < 10000; i++)
        mm_close((int)CHECK_SYS(mm_ipc_connect(name)));
}

static void ask_once(void *name)
{
    int fd = (int)CHECK_SYS(mm_ipc_connect(name));

    mm_say(fd, "honest");
    mm_hear(fd, "answer");
}

CASE_LIMIT(ten_thousand_connects, 60)
{
    const char *name = mm_name("flood");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int before = observe_descriptors();
    pid_t flood = check_fork(connect_ten_thousand_times, (void *)name);
    pid_t honest = check_fork(ask_once, (void *)name);

    for (int i = 0; i < 10001; i++) {
        char data[16];
        int fd = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
        if (mm_take(fd, data, sizeof data) == 6)
            mm_say(fd, "answer");
        else
            CHECK_EQ(mm_get_lasterror_number(), ECONNRESET);
        mm_close(fd);
    }
    check_join(flood);
    check_join(honest);
    CHECK_EQ(observe_descriptors(), before);
    mm_ipc_srv_destroy(srv);
}
