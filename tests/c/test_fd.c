/* The calls of tetrapylon_fd.h that Java's descriptors stand on: no waiting where none is wanted, no signal, and waking. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "observe.h"
#include "tetrapylon.h"

static void make_pipe(int fds[2]) { CHECK_OK(tpy_fd_pipe(fds)); }

CASE(files_are_opened_as_asked)
{
    char path[256];
    snprintf(path, sizeof path, "%s/file", check_directory());
    CHECK_EQ(tpy_fd_open(path, TPY_FD_READ), -ENOENT);
    CHECK_EQ(tpy_fd_open(path, 0), -EINVAL);
    CHECK_EQ(tpy_fd_open(path, TPY_FD_READ | TPY_FD_TRUNCATE), -EINVAL);
    CHECK_EQ(tpy_fd_open(NULL, TPY_FD_READ), -EFAULT);
    int fd = CHECK_OK(tpy_fd_open(path, TPY_FD_WRITE | TPY_FD_CREATE_NEW));
    CHECK_EQ(tpy_fd_how(fd), TPY_FD_WRITE);
    CHECK_EQ(tpy_fd_write(fd, "hello", 5, TPY_FD_NO_POSITION, 1), 5);
    CHECK_EQ(tpy_fd_size(fd), 5);
    CHECK_EQ(tpy_fd_open(path, TPY_FD_WRITE | TPY_FD_CREATE_NEW), -EEXIST);
    int appending = CHECK_OK(tpy_fd_open(path, TPY_FD_READ | TPY_FD_WRITE | TPY_FD_APPEND));
    CHECK_EQ(tpy_fd_how(appending), TPY_FD_READ | TPY_FD_WRITE | TPY_FD_APPEND);
    CHECK_EQ(fcntl(appending, F_GETFD), FD_CLOEXEC);
    CHECK_OK(tpy_fd_close(appending));
    CHECK_EQ(tpy_fd_close(appending), -EBADF);
    CHECK_EQ(tpy_fd_how(appending), -EBADF);
}

CASE(positions_are_left_alone)
{
    char bytes[8];
    int fd = CHECK_OK(tpy_fd_memory("test", 4));
    CHECK_EQ(tpy_fd_write(fd, "abcd", 4, 2, 1), 4);
    CHECK_EQ(tpy_fd_read(fd, bytes, 8, 0, 1), 6);
    CHECK_MEM_EQ(bytes, "\0\0abcd", 6);
    CHECK_EQ(tpy_fd_read(fd, bytes, 3, TPY_FD_NO_POSITION, 0), 3);
    CHECK_MEM_EQ(bytes, "\0\0a", 3);
    CHECK_EQ(tpy_fd_read(fd, bytes, 3, -2, 1), -EINVAL);
    CHECK_EQ(tpy_fd_write(fd, bytes, 3, -2, 1), -EINVAL);
    CHECK_EQ(tpy_fd_memory("test", -1), -EINVAL);
    CHECK_EQ(tpy_fd_memory(NULL, 1), -EFAULT);
}

CASE(mappings_are_shared_or_private)
{
    int page = tpy_fd_page_size();
    int fd = CHECK_OK(tpy_fd_memory("test", 2 * page));
    char *shared = (char *)(intptr_t)CHECK_OK(tpy_fd_map(fd, page, page, TPY_FD_READ | TPY_FD_WRITE, 1));
    char *own = (char *)(intptr_t)CHECK_OK(tpy_fd_map(fd, page, page, TPY_FD_READ | TPY_FD_WRITE, 0));
    shared[1] = 'x';
    CHECK_EQ(own[1], 'x');
    own[1] = 'y';
    CHECK_EQ(shared[1], 'x');
    CHECK_EQ(tpy_fd_map(fd, 1, page, TPY_FD_READ, 1), -EINVAL);
    CHECK_EQ(tpy_fd_map(fd, 0, 0, TPY_FD_READ, 1), -EINVAL);
    CHECK_EQ(tpy_fd_map(fd, -page, page, TPY_FD_READ, 1), -EINVAL);
    CHECK_OK(tpy_fd_unmap((intptr_t)shared, page));
    CHECK_OK(tpy_fd_unmap((intptr_t)own, page));
}

CASE(nothing_waits_where_it_is_not_to)
{
    char bytes[4096] = {0};
    int pipe[2], pair[2];
    make_pipe(pipe);
    CHECK_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    CHECK_EQ(tpy_fd_read(pipe[0], bytes, sizeof bytes, TPY_FD_NO_POSITION, 0), -EAGAIN);
    CHECK_EQ(tpy_fd_read(pair[0], bytes, sizeof bytes, TPY_FD_NO_POSITION, 0), -EAGAIN);
    while (tpy_fd_write(pipe[1], bytes, sizeof bytes, TPY_FD_NO_POSITION, 0) > 0)
        ;
    CHECK_EQ(tpy_fd_write(pipe[1], bytes, sizeof bytes, TPY_FD_NO_POSITION, 0), -EAGAIN);
    while (tpy_fd_write(pair[1], bytes, sizeof bytes, TPY_FD_NO_POSITION, 0) > 0)
        ;
    CHECK_EQ(tpy_fd_write(pair[1], bytes, sizeof bytes, TPY_FD_NO_POSITION, 0), -EAGAIN);
    CHECK_EQ(tpy_fd_read(pair[0], bytes, sizeof bytes, TPY_FD_NO_POSITION, 0), (long)sizeof bytes);
}

CASE(nobody_to_read_is_an_error_and_no_signal)
{
    int pipe[2], pair[2];
    sigset_t pending;
    make_pipe(pipe);
    CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    close(pipe[0]);
    close(pair[0]);
    for (int wait = 0; wait < 2; wait++) { /* a signal would end the case */
        CHECK_EQ(tpy_fd_write(pipe[1], "x", 1, TPY_FD_NO_POSITION, wait), -EPIPE);
        CHECK_EQ(tpy_fd_write(pair[1], "x", 1, TPY_FD_NO_POSITION, wait), -EPIPE);
    }
    CHECK_SYS(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
    CHECK_SYS(pthread_sigmask(SIG_SETMASK, NULL, &pending));
    CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
}

CASE(a_pending_sigpipe_of_the_callers_stays)
{
    int pipe[2];
    sigset_t broken, pending;
    make_pipe(pipe);
    close(pipe[0]);
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &broken, NULL), 0);
    CHECK_SYS(raise(SIGPIPE));
    CHECK_EQ(tpy_fd_write(pipe[1], "x", 1, TPY_FD_NO_POSITION, 1), -EPIPE);
    CHECK_SYS(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGPIPE), 1);
}

CASE(poll_and_watchers_tell_what_is_there)
{
    int pipe[2];
    struct tpy_fd_event events[2];
    make_pipe(pipe);
    CHECK_EQ(tpy_fd_poll(pipe[0], TPY_FD_READABLE, 0), 0);
    CHECK_EQ(tpy_fd_poll(pipe[1], TPY_FD_READABLE | TPY_FD_WRITABLE, -1), TPY_FD_WRITABLE);
    CHECK_EQ(tpy_fd_poll(-1, TPY_FD_READABLE, 0), -EBADF);
    CHECK_EQ(tpy_fd_poll(1000, TPY_FD_READABLE, 0), -EBADF);

    int watcher = CHECK_OK(tpy_fd_watcher());
    CHECK_OK(tpy_fd_watch(watcher, pipe[0], TPY_FD_READABLE | TPY_FD_ONCE, INT64_MIN));
    int64_t before = observe_now();
    CHECK_EQ(tpy_fd_wait(watcher, events, 2, 3000000), 0);
    CHECK_GE(observe_now() - before, 3000000);
    CHECK_EQ(tpy_fd_write(pipe[1], "x", 1, TPY_FD_NO_POSITION, 1), 1);
    CHECK_EQ(tpy_fd_wait(watcher, events, 2, -1), 1);
    CHECK_EQ(events[0].key, INT64_MIN);
    CHECK_EQ(events[0].events, TPY_FD_READABLE);
    CHECK_EQ(tpy_fd_wait(watcher, events, 2, 0), 0); /* once */
    CHECK_OK(tpy_fd_watch(watcher, pipe[0], TPY_FD_READABLE, 7));
    CHECK_EQ(tpy_fd_wait(watcher, events, 1, 0), 1);
    CHECK_EQ(events[0].key, 7);
    CHECK_OK(tpy_fd_watch(watcher, pipe[0], 0, 0));
    CHECK_OK(tpy_fd_watch(watcher, pipe[0], 0, 0));
    CHECK_EQ(tpy_fd_wait(watcher, events, 2, 0), 0);
    CHECK_EQ(tpy_fd_wait(watcher, events, 0, 0), -EINVAL);
}

static atomic_int wakeable;
static atomic_long result = 1;

static void *read_for_ever(void *argument)
{
    char byte;
    wakeable = tpy_fd_wakeable();
    result = tpy_fd_read(*(int *)argument, &byte, 1, TPY_FD_NO_POSITION, 1);
    return NULL;
}

CASE(a_thread_is_woken_out_of_a_read)
{
    int pipe[2];
    pthread_t reader;
    make_pipe(pipe);
    CHECK_EQ(pthread_create(&reader, NULL, read_for_ever, &pipe[0]), 0);
    while (wakeable == 0)
        sched_yield();
    CHECK_OK(wakeable);
    observe_asleep_in(wakeable, SYS_read);
    CHECK_OK(tpy_fd_wake(wakeable));
    CHECK_EQ(pthread_join(reader, NULL), 0);
    CHECK_EQ(result, -EINTR);
}

CASE(the_signal_is_one_that_nobody_uses)
{
    struct sigaction mine = {.sa_handler = SIG_IGN}, now;
    int theirs = SIGRTMAX - 4, ours = 0;
    CHECK_SYS(sigaction(theirs, &mine, NULL));
    CHECK_OK(tpy_fd_wakeable());
    CHECK_SYS(sigaction(theirs, NULL, &now));
    CHECK(now.sa_handler == SIG_IGN);
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
        CHECK_SYS(sigaction(i, NULL, &now));
        ours += i != theirs && now.sa_handler != SIG_DFL;
    }
    CHECK_EQ(ours, 1);
}
