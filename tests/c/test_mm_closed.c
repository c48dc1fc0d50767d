/* mm_closed: what the one side learns when the other closes, shuts down or dies, and what it still receives. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_pair(int fds[2]) { CHECK_EQ(mm_ipc_connected_pair(fds), 0); }

static void hear_the_end(int fd)
{
    char data[8];

    for (int i = 0; i < 3; i++) { /* and it stays so */
        errno = 0;
        CHECK_ERRNO(mm_take(fd, data, sizeof data), ECONNRESET);
        CHECK_EQ(mm_get_lasterror_number(), ECONNRESET);
    }
}

CASE(a_closed_peer_is_an_error)
{
    int fds[2];

    make_pair(fds);
    mm_close(fds[0]);
    hear_the_end(fds[1]);
}

CASE(queued_messages_come_before_the_end)
{
    int fds[2], received[1], count = 1;
    char data[16];

    make_pair(fds);
    mm_say(fds[0], "one");
    CHECK_EQ(mm_put_fds(fds[0], "two", 3, &fds[1], 1), 3);
    mm_say(fds[0], "three");
    mm_close(fds[0]);
    mm_hear(fds[1], "one");
    CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, NULL), 3);
    CHECK_EQ(count, 1);
    mm_hear(fds[1], "three");
    hear_the_end(fds[1]);
}

/* The kernel alone would report the loss of our data first, and in its place drop nothing. */
CASE(queued_messages_come_before_the_end_when_our_own_lay_unread)
{
    int fds[2];

    make_pair(fds);
    mm_say(fds[1], "never read");
    mm_say(fds[0], "one");
    mm_say(fds[0], "two");
    mm_close(fds[0]);
    mm_hear(fds[1], "one");
    mm_hear(fds[1], "two");
    hear_the_end(fds[1]);
}

CASE(the_end_when_only_our_own_lay_unread)
{
    int fds[2];

    make_pair(fds);
    mm_say(fds[1], "never read");
    mm_close(fds[0]);
    hear_the_end(fds[1]);
}

CASE(empty_messages_come_before_the_end)
{
    int fds[2], old[2];
    char data[4];

    for (int unread = 0; unread < 2; unread++) {
        make_pair(fds);
        if (unread)
            mm_say(fds[1], "never read");
        for (int i = 0; i < 3; i++)
            CHECK_EQ(mm_put(fds[0], "", 0), 0);
        mm_close(fds[0]);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(mm_take(fds[1], data, sizeof data), 0);
        hear_the_end(fds[1]);
    }
    /* The same on both ends of a connection that was accepted. */
    for (int end = 0; end < 2; end++) {
        mm_ipc_srv_destroy(mm_serve_one(mm_name("empty"), old));
        CHECK_EQ(mm_put(old[end], "", 0), 0);
        mm_close(old[end]);
        CHECK_EQ(mm_take(old[!end], data, sizeof data), 0);
        hear_the_end(old[!end]);
    }
}

static void send_an_empty_message_and_die(void *argument)
{
    int fd = *(int *)argument;

    CHECK_EQ(mm_put(fd, "", 0), 0);
    kill(getpid(), SIGKILL);
}

CASE(the_last_empty_message_of_a_killed_process)
{
    int fds[2];
    char data[4];

    for (int i = 0; i < 50; i++) {
        make_pair(fds);
        pid_t child = check_fork(send_an_empty_message_and_die, &fds[0]);
        mm_close(fds[0]);
        CHECK_EQ(mm_take(fds[1], data, sizeof data), 0); /* arrives now, before or after its death */
        hear_the_end(fds[1]);
        CHECK_EQ(waitpid(child, NULL, 0), child);
        mm_close(fds[1]);
    }
}

CASE(a_receive_without_room_at_the_end)
{
    int fds[2];
    struct mm_ipc_msg msg = {.num_iov = 0};

    make_pair(fds);
    mm_say(fds[0], "last");
    mm_close(fds[0]);
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &msg), 0);
    CHECK_EQ(msg.flags, MSG_TRUNC);
    CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &msg), ECONNRESET);
    CHECK_EQ(msg.flags, 0);
}

/* SIGPIPE, at its default, would end the case. `type` as of socketpair. */
static void send_to_a_closed_peer(int type)
{
    static struct iovec apart = {"x", 1};
    struct mm_ipc_msg msg = {.iov = &apart, .num_iov = 1};
    int fds[2];

    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    CHECK_SYS(socketpair(AF_UNIX, type, 0, fds));
    mm_close(fds[0]);
    for (int i = 0; i < 3; i++) {
        CHECK_ERRNO(mm_put(fds[1], "x", 1), EPIPE);
        CHECK_EQ(mm_get_lasterror_number(), EPIPE);
        CHECK_ERRNO(mm_put_fds(fds[1], "x", 1, fds + 1, 1), EPIPE);
        CHECK_ERRNO(mm_ipc_sendmsg(fds[1], &msg), EPIPE);
    }
}

CASE(sending_to_a_closed_peer_is_epipe_and_no_signal)
{
    send_to_a_closed_peer(SOCK_SEQPACKET);
    /* Not every kernel has a signal for this type at all; it has for the other one. */
    send_to_a_closed_peer(SOCK_STREAM);
}

CASE(sending_nothing_to_a_closed_peer)
{
    int fds[2];

    make_pair(fds);
    mm_close(fds[0]);
    CHECK_ERRNO(mm_put(fds[1], "", 0), EPIPE);
}

CASE(sending_after_our_own_lay_unread)
{
    int fds[2];

    make_pair(fds);
    mm_say(fds[1], "never read");
    mm_close(fds[0]);
    CHECK_EQ(mm_put(fds[1], "x", 1), -1);
    CHECK(errno == ECONNRESET || errno == EPIPE); /* the loss, once */
    for (int i = 0; i < 3; i++)
        CHECK_ERRNO(mm_put(fds[1], "x", 1), EPIPE);
    hear_the_end(fds[1]);
}

CASE(a_peer_that_shuts_down_its_sending_side_counts_as_closed)
{
    int fds[2];
    char data[4];

    make_pair(fds);
    mm_say(fds[0], "before");
    CHECK_EQ(mm_put(fds[0], "", 0), 0);
    CHECK_SYS(shutdown(fds[0], SHUT_WR));
    mm_hear(fds[1], "before");
    CHECK_EQ(mm_take(fds[1], data, sizeof data), 0);
    hear_the_end(fds[1]);
    CHECK_ERRNO(mm_put(fds[0], "x", 1), EPIPE);
    mm_say(fds[1], "the other direction");
    mm_hear(fds[0], "the other direction");
}

CASE(a_peer_that_shuts_down_its_receiving_side)
{
    int fds[2];

    make_pair(fds);
    CHECK_SYS(shutdown(fds[0], SHUT_RD));
    CHECK_ERRNO(mm_put(fds[1], "x", 1), EPIPE);
    hear_the_end(fds[0]);
    mm_say(fds[0], "the other direction");
    mm_hear(fds[1], "the other direction");
}

CASE(closing_wakes_a_blocked_receive)
{
    int fds[2];

    make_pair(fds);
    struct mm_call call = {.run = mm_run_take, .fd = fds[1]};
    mm_start_asleep(&call, SYS_recvmsg);
    mm_close(fds[0]);
    CHECK_EQ(mm_join(&call), -1);
    CHECK_EQ(call.error, ECONNRESET);
}

static void stay(void *argument)
{
    mm_close(((int *)argument)[1]);
    pause();
}

static long put_until_it_fails(struct mm_call *call)
{
    static char bytes[30000];

    while (mm_put(call->fd, bytes, sizeof bytes) == sizeof bytes)
        ;
    return mm_get_lasterror_number();
}

static int by_size(const void *left, const void *right)
{
    int64_t difference = *(const int64_t *)left - *(const int64_t *)right;
    return (difference > 0) - (difference < 0);
}

/* The promise is 50 ms; the median, as this machine may be doing something else for a while. */
static void check_delays(int64_t *delays, size_t count)
{
    qsort(delays, count, sizeof *delays, by_size);
    CHECK_LT(delays[count / 2], 50 * MS);
}

CASE(a_killed_peer_wakes_a_blocked_receive)
{
    int64_t delays[15];

    for (int i = 0; i < 15; i++) {
        int fds[2];
        make_pair(fds);
        pid_t child = check_fork(stay, fds);
        mm_close(fds[0]);
        struct mm_call call = {.run = mm_run_take, .fd = fds[1]};
        mm_start_asleep(&call, SYS_recvmsg);
        int64_t killed_at = observe_now();
        CHECK_SYS(kill(child, SIGKILL));
        CHECK_EQ(mm_join(&call), -1);
        CHECK_EQ(call.error, ECONNRESET);
        delays[i] = call.finished_at - killed_at;
        CHECK_EQ(waitpid(child, NULL, 0), child);
        mm_close(fds[1]);
    }
    check_delays(delays, 15);
}

CASE(a_killed_peer_wakes_a_blocked_send)
{
    int64_t delays[15];

    for (int i = 0; i < 15; i++) {
        int fds[2];
        make_pair(fds);
        pid_t child = check_fork(stay, fds);
        mm_close(fds[0]);
        struct mm_call call = {.run = put_until_it_fails, .fd = fds[1]};
        mm_start_asleep_sending(&call);
        int64_t killed_at = observe_now();
        CHECK_SYS(kill(child, SIGKILL));
        long error = mm_join(&call);
        CHECK(error == EPIPE || error == ECONNRESET);
        delays[i] = call.finished_at - killed_at;
        CHECK_EQ(waitpid(child, NULL, 0), child);
        CHECK_ERRNO(mm_put(fds[1], "x", 1), EPIPE);
        mm_close(fds[1]);
    }
    check_delays(delays, 15);
}

/* Talks as fast as it can, in both directions and with descriptors, until it is killed. */
static void talk(void *argument)
{
    int fd = ((int *)argument)[0], received[4];
    char data[64];

    mm_close(((int *)argument)[1]);
    for (;;) {
        int count = 4;
        mm_put_fds(fd, "request", 7, &fd, 1);
        mm_take_fds(fd, data, sizeof data, received, &count, NULL);
        for (int i = 0; i < count; i++)
            mm_close(received[i]);
    }
}

CASE_LIMIT(a_peer_killed_at_any_moment_leaks_nothing_and_disturbs_nobody, 30)
{
    int fds[2], others[2];
    unsigned seed = 1;

    make_pair(others);
    int before = observe_descriptors();
    for (int i = 0; i < 150; i++) {
        make_pair(fds);
        pid_t child = check_fork(talk, fds);
        mm_close(fds[0]);
        int rounds = (int)(rand_r(&seed) % 50), received[4];
        char data[64];
        for (int round = 0;; round++) {
            int count = 4;
            if (round == rounds)
                CHECK_SYS(kill(child, SIGKILL));
            ssize_t size = mm_take_fds(fds[1], data, sizeof data, received, &count, NULL);
            if (size < 0)
                break;
            CHECK_EQ(size, 7); /* whole messages only */
            CHECK_EQ(count, 1);
            mm_close(received[0]);
            mm_put_fds(fds[1], "reply", 5, &fds[1], 1);
        }
        CHECK_EQ(mm_get_lasterror_number(), ECONNRESET);
        mm_close(fds[1]);
        CHECK_EQ(waitpid(child, NULL, 0), child);
        mm_say(others[0], "nothing happened here");
        mm_hear(others[1], "nothing happened here");
        CHECK_EQ(observe_descriptors(), before);
    }
}

/* The end is the end of the last descriptor: one that somebody else holds keeps the connection open. */
CASE(a_forked_child_keeps_the_connection_open)
{
    int fds[2];

    make_pair(fds);
    int end[2] = {-1, -1};
    pid_t child = check_fork(stay, end);
    mm_close(fds[0]);
    mm_say(fds[1], "somebody could read this");
    CHECK_SYS(kill(child, SIGKILL));
    CHECK_EQ(waitpid(child, NULL, 0), child);
    CHECK(mm_put(fds[1], "x", 1) == -1);
    hear_the_end(fds[1]);
}
