/* mm_connect: how a client finds its server, and waits for it. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"
#include "tetrapylon.h"

#include "mm/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mm_call waiting(const char *name) { return (struct mm_call){.run = mm_run_connect, .name = name}; }

/* Until it has gone to sleep often enough to look for itself only rarely. */
static void wait_until_patient(const struct mm_call *call)
{
    long first = observe_sleeps(call->id);

    while (observe_sleeps(call->id) < first + 6)
        observe_asleep_in(call->id, SYS_ppoll);
}

CASE(connect_blocks_until_a_server_listens)
{
    const char *name = mm_name("later");
    struct mm_call call = waiting(name);

    mm_start_asleep(&call, SYS_ppoll);
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    mm_say((int)CHECK_SYS(mm_join(&call)), "at last");
    mm_hear((int)CHECK_SYS(mm_ipc_srv_accept(srv)), "at last");
}

CASE(connect_waits_for_a_server_of_the_original)
{
    const char *name = mm_name("original");
    struct mm_call call = waiting(name);

    mm_start_asleep(&call, SYS_ppoll);
    int listener = mm_original_listen(name, 5); /* which rings no bell */
    int64_t came_at = observe_now();
    mm_say((int)CHECK_SYS(mm_join(&call)), "hello");
    mm_hear((int)CHECK_SYS(accept(listener, NULL, NULL)), "hello");
    CHECK_LT(call.finished_at - came_at, 2000 * MS);
}

CASE(connect_waits_through_a_restart)
{
    const char *name = mm_name("restart");

    for (int i = 0; i < 5; i++) {
        struct mm_call call = waiting(name);
        mm_start_asleep(&call, SYS_ppoll);
        struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
        mm_close((int)CHECK_SYS(mm_join(&call)));
        mm_ipc_srv_destroy(srv);
    }
}

/* A server may be bound to its name and not yet listen; that counts as not there. */
CASE(connect_waits_for_a_bound_server_to_listen)
{
    const char *name = mm_name("bound");
    struct sockaddr_un address = mm_original_address(name);
    struct mm_call call = waiting(name);
    int listener = (int)CHECK_SYS(socket(AF_UNIX, SOCK_SEQPACKET, 0));

    CHECK_SYS(bind(listener, (struct sockaddr *)&address, sizeof address));
    mm_start_asleep(&call, SYS_ppoll);
    CHECK_SYS(listen(listener, 1));
    CHECK_SYS(mm_join(&call));
}

static int by_size(const void *left, const void *right)
{
    int64_t difference = *(const int64_t *)left - *(const int64_t *)right;
    return (difference > 0) - (difference < 0);
}

/* Without the bell the median would be 40 ms: half the time between two looks. */
CASE_LIMIT(a_waiting_client_hears_of_a_new_server_at_once, 30)
{
    const char *name = mm_name("bell");
    int64_t delays[9];

    for (int i = 0; i < 9; i++) {
        struct mm_call call = waiting(name);
        mm_start(&call);
        wait_until_patient(&call);
        int64_t came_at = observe_now();
        struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
        mm_close((int)CHECK_SYS(mm_join(&call)));
        delays[i] = call.finished_at - came_at;
        mm_ipc_srv_destroy(srv);
    }
    qsort(delays, 9, sizeof delays[0], by_size);
    CHECK_LT(delays[4], 10 * MS);
}

CASE(more_waiting_clients_than_bells)
{
    const char *name = mm_name("many");
    struct mm_call calls[50];

    for (int i = 0; i < 50; i++) {
        calls[i] = waiting(name);
        mm_start_asleep(&calls[i], SYS_ppoll);
    }
    CHECK(mm_ipc_srv_create(name) != NULL);
    for (int i = 0; i < 50; i++)
        CHECK_SYS(mm_join(&calls[i]));
}

CASE(waiting_takes_next_to_no_cpu_time)
{
    struct mm_call call = {.run = mm_run_connect_limited, .name = mm_name("idle"), .timeout = 500};

    mm_start(&call);
    CHECK_EQ(mm_join(&call), -ETIMEDOUT);
    CHECK_LT(call.cpu_time, 25 * MS); /* 5 % of the time; measured 0.3 ms */
}

static atomic_bool ringing;

static void *ring_without_end(void *name)
{
    while (ringing)
        tpy_mm_bell_ring(name);
    return NULL;
}

CASE(a_liar_at_the_bell_does_not_keep_a_client_running)
{
    const char *name = mm_name("liar");
    struct mm_call call = {.run = mm_run_connect_limited, .name = name, .timeout = 500};
    pthread_t liar;

    ringing = true;
    CHECK_EQ(pthread_create(&liar, NULL, ring_without_end, (void *)name), 0);
    mm_start(&call);
    CHECK_EQ(mm_join(&call), -ETIMEDOUT);
    ringing = false;
    pthread_join(liar, NULL);
    CHECK_LT(call.cpu_time, 25 * MS);
}

CASE(a_waiting_connect_is_interrupted_by_a_signal)
{
    int before = observe_descriptors();

    mm_catch_signals(0);
    for (int i = 0; i < 10; i++) {
        struct mm_call call = waiting(mm_name("eintr"));
        mm_start_asleep(&call, SYS_ppoll);
        CHECK_EQ(pthread_kill(call.thread, SIGUSR1), 0);
        CHECK_EQ(mm_join(&call), -1);
        CHECK_EQ(call.error, EINTR);
    }
    CHECK_EQ(observe_descriptors(), before);
}

CASE(a_cancelled_connect_leaves_no_descriptor)
{
    int before = observe_descriptors();
    struct mm_call call = waiting(mm_name("cancel"));

    mm_start_asleep(&call, SYS_ppoll);
    CHECK_GT(observe_descriptors(), before);
    mm_cancel(&call);
    CHECK_EQ(observe_descriptors(), before);
}

static void wait_for_a_server(void *name) { CHECK_SYS(mm_ipc_connect(name)); }

CASE(a_client_killed_while_it_waits_is_not_missed)
{
    const char *name = mm_name("killed");
    pid_t client = check_fork(wait_for_a_server, (void *)name);

    observe_asleep_in(client, SYS_ppoll);
    CHECK_SYS(kill(client, SIGKILL));
    CHECK_EQ(waitpid(client, NULL, 0), client);
    int fds[2];
    mm_serve_one(name, fds);
    mm_say(fds[0], "the first to come");
    mm_hear(fds[1], "the first to come");
}

CASE(connect_uses_the_lowest_free_number)
{
    const char *name = mm_name("lowest");
    int hole = (int)CHECK_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
    int above = (int)CHECK_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));

    CHECK(mm_ipc_srv_create(name) != NULL);
    close(hole);
    CHECK_EQ(mm_ipc_connect(name), hole);
    CHECK_GT(mm_ipc_connect(name), above);
}

static void wait_and_get_the_lowest(void *name)
{
    int lowest = observe_lowest_free();

    CHECK_EQ(mm_ipc_connect(name), lowest);
    CHECK_EQ(observe_lowest_free(), lowest + 1);
}

/* Waiting takes descriptors, too, but higher ones. */
CASE(a_connect_that_had_to_wait_uses_the_lowest_free_number)
{
    const char *name = mm_name("lowestlater");
    pid_t client = check_fork(wait_and_get_the_lowest, (void *)name);

    observe_asleep_in(client, SYS_ppoll);
    CHECK(mm_ipc_srv_create(name) != NULL);
    check_join(client);
}

CASE(connect_leaves_nothing_but_its_descriptor)
{
    const char *name = mm_name("leak");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int before = observe_descriptors();
    int fd = (int)CHECK_SYS(mm_ipc_connect(name));

    CHECK_EQ(observe_descriptors(), before + 1);
    mm_close(fd);
    CHECK_EQ(tpy_mm_connect(mm_name("nobody"), 30), -ETIMEDOUT);
    CHECK_EQ(observe_descriptors(), before);
    mm_ipc_srv_destroy(srv);
}

CASE(connect_without_room_for_a_descriptor)
{
    const char *name = mm_name("emfile");
    struct rlimit limit;

    CHECK(mm_ipc_srv_create(name) != NULL);
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = (rlim_t)observe_lowest_free();
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_ERRNO(mm_ipc_connect(name), EMFILE);
    limit.rlim_cur = limit.rlim_max;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_SYS(mm_ipc_connect(name));
}

static void wait_with_one_descriptor(void *name)
{
    struct rlimit limit;

    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = (rlim_t)observe_lowest_free() + 1;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_SYS(mm_ipc_connect(name));
}

/* Room for the connection, none for a bell: then it waits without one. */
CASE(connect_waits_with_one_descriptor)
{
    const char *name = mm_name("onefd");
    pid_t client = check_fork(wait_with_one_descriptor, (void *)name);

    observe_asleep_in(client, SYS_ppoll);
    CHECK(mm_ipc_srv_create(name) != NULL);
    check_join(client);
}

CASE(a_limited_connect_times_out)
{
    const char *name = mm_name("limit");

    for (int timeout = 1; timeout <= 300; timeout *= 17) {
        int64_t start = observe_now();
        errno = 0;
        CHECK_EQ(tpy_mm_connect(name, timeout), -ETIMEDOUT);
        CHECK_EQ(errno, ETIMEDOUT);
        CHECK_EQ(mm_get_lasterror_number(), ETIMEDOUT);
        int64_t taken = observe_now() - start;
        CHECK_GE(taken, timeout * MS);
        CHECK_LT(taken, timeout * MS + 1000 * MS);
    }
}

CASE(a_limited_connect_of_zero_tries_once)
{
    const char *name = mm_name("zero");

    CHECK_EQ(tpy_mm_connect(name, 0), -ETIMEDOUT);
    CHECK(mm_ipc_srv_create(name) != NULL);
    CHECK_OK(tpy_mm_connect(name, 0));
}

CASE(a_limited_connect_finds_a_server_that_comes_in_time)
{
    const char *name = mm_name("intime");
    struct mm_call call = {.run = mm_run_connect_limited, .name = name, .timeout = 8000};

    mm_start_asleep(&call, SYS_ppoll);
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int client = (int)CHECK_OK(mm_join(&call));
    int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
    mm_say(client, "hello");
    mm_hear(accepted, "hello");
    /* The limit was for connecting only: a send may now block for ever. */
    struct timeval left = {.tv_sec = 1};
    socklen_t size = sizeof left;
    CHECK_SYS(getsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &left, &size));
    CHECK_EQ(left.tv_sec, 0);
    CHECK_EQ(left.tv_usec, 0);
}

CASE(a_negative_limit_waits_without_end)
{
    const char *name = mm_name("endless");
    struct mm_call call = {.run = mm_run_connect_limited, .name = name, .timeout = -1};

    mm_start(&call);
    wait_until_patient(&call);
    CHECK(mm_ipc_srv_create(name) != NULL);
    CHECK_OK(mm_join(&call));
}

CASE(connect_waits_while_the_servers_queue_is_full)
{
    const char *name = mm_name("full");
    int listener = mm_original_listen(name, 1);
    int first = mm_original_connect(name), second = mm_original_connect(name);
    struct mm_call call = waiting(name);
    int64_t start = observe_now();

    CHECK_EQ(tpy_mm_connect(name, 50), -ETIMEDOUT);
    CHECK_GE(observe_now() - start, 49 * MS); /* the kernel's clock for this is coarse */
    CHECK_EQ(tpy_mm_connect(name, 0), -ETIMEDOUT);
    mm_start_asleep(&call, SYS_connect);
    CHECK_SYS(accept(listener, NULL, NULL));
    CHECK_SYS(mm_join(&call));
    close(first);
    close(second);
}

CASE(a_connect_before_a_full_queue_is_interrupted_by_a_signal)
{
    const char *name = mm_name("fullsig");
    struct mm_call call = waiting(name);

    mm_original_listen(name, 0);
    mm_original_connect(name);
    mm_catch_signals(0);
    mm_start_asleep(&call, SYS_connect);
    CHECK_EQ(pthread_kill(call.thread, SIGUSR1), 0);
    CHECK_EQ(mm_join(&call), -1);
    CHECK_EQ(call.error, EINTR);
}

CASE(a_connected_pair_is_connected_both_ways)
{
    int fds[2], before = observe_descriptors(), lowest = observe_lowest_free();

    CHECK_EQ(mm_ipc_connected_pair(fds), 0);
    CHECK_EQ(fds[0], lowest);
    CHECK_EQ(observe_lowest_free(), fds[1] + 1);
    for (int i = 0; i < 2; i++) {
        mm_say(fds[i], "first");
        mm_say(fds[i], "second");
    }
    for (int i = 0; i < 2; i++) {
        mm_hear(fds[i], "first");
        mm_hear(fds[i], "second");
        CHECK_EQ(mm_close(fds[i]), 0);
    }
    CHECK_EQ(observe_descriptors(), before);
    CHECK_ERRNO(mm_ipc_connected_pair(NULL), EFAULT);
}
