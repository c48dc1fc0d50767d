/* mm_waiting: sends and receives that block: until when, and what ends them early. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"
#include "tetrapylon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

static unsigned char large[60000];

static void make_pair(int fds[2])
{
    CHECK_EQ(mm_ipc_connected_pair(fds), 0);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (unsigned char)(i * 131 + i / 251);
}

static long put_large(struct mm_call *call) { return mm_put(call->fd, large, sizeof large); }

/* Sends until there is no more room; returns how many large messages are on their way. */
static int fill(int fd)
{
    struct iovec piece = {large, sizeof large};
    struct mm_ipc_msg msg = {.iov = &piece, .num_iov = 1};
    ssize_t sent;
    int count = 0;

    while ((sent = tpy_mm_sendmsg(fd, &msg, MSG_DONTWAIT)) == sizeof large)
        count++;
    CHECK_EQ(sent, -EAGAIN);
    return count;
}

CASE(send_blocks_until_there_is_room)
{
    int fds[2];

    make_pair(fds);
    int count = fill(fds[0]);
    CHECK_GT(count, 0);
    struct mm_call call = {.run = put_large, .fd = fds[0]};
    mm_start_asleep_sending(&call);
    static unsigned char received[sizeof large + 1];
    for (int i = 0; i <= count; i++) {
        CHECK_EQ(mm_take(fds[1], received, sizeof received), sizeof large);
        CHECK_MEM_EQ(received, large, sizeof large);
    }
    CHECK_EQ(mm_join(&call), sizeof large);
}

CASE(a_blocked_call_is_interrupted_by_a_signal)
{
    int fds[2];

    make_pair(fds);
    fill(fds[0]);
    mm_catch_signals(0);
    struct mm_call calls[2] = {{.run = put_large, .fd = fds[0]}, {.run = mm_run_take, .fd = fds[0]}};
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            mm_start_asleep_sending(&calls[i]);
        else
            mm_start_asleep(&calls[i], SYS_recvmsg);
        CHECK_EQ(pthread_kill(calls[i].thread, SIGUSR1), 0);
        CHECK_EQ(mm_join(&calls[i]), -1);
        CHECK_EQ(calls[i].error, EINTR);
    }
}

CASE(a_receive_goes_on_after_a_handler_with_sa_restart)
{
    int fds[2];

    make_pair(fds);
    mm_catch_signals(SA_RESTART);
    struct mm_call call = {.run = mm_run_take, .fd = fds[1]};
    mm_start_asleep(&call, SYS_recvmsg);
    CHECK_EQ(pthread_kill(call.thread, SIGUSR1), 0);
    while (mm_signals == 0)
        sched_yield();
    observe_asleep_in(call.id, SYS_recvmsg);
    mm_say(fds[0], "seven..");
    CHECK_EQ(mm_join(&call), 7);
}

CASE(a_blocked_thread_can_be_cancelled)
{
    int fds[2];

    make_pair(fds);
    fill(fds[0]);
    struct mm_call calls[2] = {{.run = put_large, .fd = fds[0]}, {.run = mm_run_take, .fd = fds[0]}};
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            mm_start_asleep_sending(&calls[i]);
        else
            mm_start_asleep(&calls[i], SYS_recvmsg);
        mm_cancel(&calls[i]);
    }
}

CASE(time_limits_of_the_socket)
{
    struct timeval limit = {.tv_usec = 30000};
    int fds[2], flags = -1, count = 0;
    char data[4];

    make_pair(fds);
    fill(fds[0]);
    CHECK_SYS(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    CHECK_SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    int64_t start = observe_now();
    CHECK_ERRNO(mm_take_fds(fds[0], data, 4, NULL, &count, &flags), EAGAIN);
    CHECK_EQ(flags, 0);
    CHECK_GE(observe_now() - start, 25 * MS);
    start = observe_now();
    CHECK_ERRNO(mm_put(fds[0], large, sizeof large), EAGAIN);
    CHECK_GE(observe_now() - start, 25 * MS);
}

CASE(calls_that_do_not_wait)
{
    struct mm_ipc_msg msg = {.num_iov = 0};
    int fds[2];
    char data[4];

    make_pair(fds);
    CHECK_EQ(tpy_mm_recvmsg(fds[1], &msg, MSG_DONTWAIT), -EAGAIN);
    CHECK_SYS(fcntl(fds[1], F_SETFL, O_NONBLOCK));
    CHECK_ERRNO(mm_take(fds[1], data, 4), EAGAIN);
    CHECK_EQ(tpy_mm_sendmsg(fds[0], &msg, MSG_DONTWAIT), 0);
    CHECK_EQ(tpy_mm_recvmsg(fds[1], &msg, MSG_DONTWAIT), 0);
}
