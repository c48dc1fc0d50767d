/* mm_support: see mm_support.h. */
#include "mm_support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "observe.h"
#include "tetrapylon.h"

const char *mm_name(const char *suffix)
{
    static _Thread_local char names[4][64];
    static _Thread_local unsigned turn;
    static pid_t owner; /* of the case: its children mean the same names */
    char *name = names[turn++ % 4];

    if (owner == 0)
        owner = getpgrp();
    snprintf(name, sizeof names[0], "tpy-test-%d-%s", (int)owner, suffix);
    return name;
}

ssize_t mm_put_fds(int fd, const void *data, size_t size, const int *fds, int count)
{
    struct iovec piece = {.iov_base = (void *)data, .iov_len = size};
    struct mm_ipc_msg msg = {.iov = &piece, .num_iov = 1, .fds = (int *)fds, .num_fds = count};

    return mm_ipc_sendmsg(fd, &msg);
}

ssize_t mm_take_fds(int fd, void *data, size_t size, int *fds, int *count, int *flags)
{
    struct iovec piece = {.iov_base = data, .iov_len = size};
    struct mm_ipc_msg msg = {.iov = &piece, .num_iov = 1, .fds = fds, .num_fds_max = *count};
    ssize_t result = mm_ipc_recvmsg(fd, &msg);

    *count = msg.num_fds;
    if (flags != NULL)
        *flags = msg.flags;
    return result;
}

ssize_t mm_put(int fd, const void *data, size_t size) { return mm_put_fds(fd, data, size, NULL, 0); }

ssize_t mm_take(int fd, void *data, size_t size)
{
    int none = 0;

    return mm_take_fds(fd, data, size, NULL, &none, NULL);
}

void mm_say(int fd, const char *text) { CHECK_EQ(CHECK_SYS(mm_put(fd, text, strlen(text))), strlen(text)); }

void mm_hear(int fd, const char *text)
{
    char heard[256] = "";
    ssize_t size = CHECK_SYS(mm_take(fd, heard, sizeof heard - 1));

    heard[size] = '\0';
    CHECK_STR_EQ(heard, text);
}

struct mm_ipc_srv *mm_serve_one(const char *name, int fds[2])
{
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);

    CHECK(srv != NULL);
    fds[0] = (int)CHECK_SYS(mm_ipc_connect(name));
    fds[1] = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
    return srv;
}

long mm_run_accept(struct mm_call *call) { return mm_ipc_srv_accept(call->srv); }
long mm_run_connect(struct mm_call *call) { return mm_ipc_connect(call->name); }
long mm_run_connect_limited(struct mm_call *call) { return tpy_mm_connect(call->name, call->timeout); }

long mm_run_take(struct mm_call *call)
{
    char data[64];

    return mm_take(call->fd, data, sizeof data);
}

static void *run(void *argument)
{
    struct mm_call *call = argument;

    call->id = gettid();
    call->result = call->run(call);
    call->error = mm_get_lasterror_number();
    call->cpu_time = observe_cpu_time();
    call->finished_at = observe_now();
    return NULL;
}

void mm_start(struct mm_call *call)
{
    call->id = 0;
    CHECK_EQ(pthread_create(&call->thread, NULL, run, call), 0);
    while (call->id == 0)
        sched_yield();
}

void mm_start_asleep(struct mm_call *call, long system_call)
{
    mm_start(call);
    observe_asleep_in(call->id, system_call);
}

void mm_start_asleep_sending(struct mm_call *call)
{
    mm_start(call);
    observe_asleep_in_either(call->id, SYS_sendmsg, SYS_sendto);
}

void mm_cancel(struct mm_call *call)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)call;
    SKIP("a thread is cancelled");
#else
    CHECK_EQ(pthread_cancel(call->thread), 0);
    CHECK_EQ(pthread_join(call->thread, NULL), 0);
#endif
}

long mm_join(struct mm_call *call)
{
    CHECK_EQ(pthread_join(call->thread, NULL), 0);
    return call->result;
}

struct sockaddr_un mm_original_address(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    CHECK_LE(strlen(name), 107);
    memcpy(address.sun_path + 1, name, strlen(name));
    return address;
}

int mm_original_listen(const char *name, int backlog)
{
    struct sockaddr_un address = mm_original_address(name);
    int fd = (int)CHECK_SYS(socket(AF_UNIX, SOCK_SEQPACKET, 0));

    CHECK_SYS(bind(fd, (struct sockaddr *)&address, sizeof address));
    CHECK_SYS(listen(fd, backlog));
    return fd;
}

int mm_original_connect(const char *name)
{
    struct sockaddr_un address = mm_original_address(name);
    int fd = (int)CHECK_SYS(socket(AF_UNIX, SOCK_SEQPACKET, 0));

    CHECK_SYS(connect(fd, (struct sockaddr *)&address, sizeof address));
    return fd;
}

atomic_int mm_signals;

static void count_signal(int number)
{
    (void)number;
    mm_signals++;
}

void mm_catch_signals(int flags)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};

    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
}
