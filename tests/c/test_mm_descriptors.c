/* mm_descriptors: descriptors beside the bytes: how many, which numbers, and that none is lost or left. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 253

static void make_pair(int fds[2]) { CHECK_EQ(mm_ipc_connected_pair(fds), 0); }

/* A memory file that can be told from all others: `number` is its size. */
static int numbered_file(int number)
{
    int fd = (int)CHECK_SYS(memfd_create("numbered", MFD_CLOEXEC));

    CHECK_SYS(ftruncate(fd, number));
    return fd;
}

static void check_number(int fd, int number)
{
    struct stat status;

    CHECK_SYS(fstat(fd, &status));
    CHECK_EQ(status.st_size, number);
}

static void open_files(int *files, int count)
{
    for (int i = 0; i < count; i++)
        files[i] = numbered_file(i);
}

static void close_all(const int *files, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_EQ(mm_close(files[i]), 0);
}

CASE_LIMIT(every_number_of_descriptors, 30)
{
    int fds[2], files[MOST], received[MOST + 3];

    make_pair(fds);
    open_files(files, MOST);
    int before = observe_descriptors();
    for (int sent = 0; sent <= MOST; sent++) {
        char data[8];
        int count = MOST + 3, flags = -1, lowest = observe_lowest_free();
        memset(received, 0xee, sizeof received);
        CHECK_EQ(mm_put_fds(fds[0], "files", 5, files, sent), 5);
        CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, &flags), 5);
        CHECK_EQ(count, sent);
        CHECK_EQ(flags, 0);
        CHECK_EQ(observe_descriptors(), before + sent);
        for (int i = 0; i < sent; i++) {
            check_number(received[i], i);
            CHECK_EQ(received[i], lowest + i); /* the lowest free numbers, in order */
            CHECK_EQ(fcntl(received[i], F_GETFD), FD_CLOEXEC);
        }
        CHECK_EQ(received[sent], (int)0xeeeeeeee);
        close_all(received, sent);
    }
    CHECK_EQ(observe_descriptors(), before);
}

CASE(more_than_253_descriptors_are_invalid)
{
    static int files[1000];
    int fds[2], count = 0, flags;
    char data[16];

    make_pair(fds);
    for (int i = 0; i < 1000; i++)
        files[i] = 0;
    CHECK_ERRNO(mm_put_fds(fds[0], "x", 1, files, MOST + 1), EINVAL);
    CHECK_ERRNO(mm_put_fds(fds[0], "x", 1, files, 1000), EINVAL);
    CHECK_ERRNO(mm_put_fds(fds[0], "x", 1, files, 1 << 30), EINVAL);
    mm_say(fds[0], "first");
    CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, NULL, &count, &flags), 5);
    CHECK_EQ(flags, 0);
}

CASE(a_descriptor_that_is_not_open)
{
    int fds[2], files[3] = {0, -1, 1}, closed;

    make_pair(fds);
    CHECK_ERRNO(mm_put_fds(fds[0], "x", 1, files, 3), EBADF);
    closed = numbered_file(1);
    close(closed);
    CHECK_ERRNO(mm_put_fds(fds[0], "x", 1, &closed, 1), EBADF);
    mm_say(fds[0], "nothing of it was sent");
    mm_hear(fds[1], "nothing of it was sent");
}

CASE(every_surplus_is_closed)
{
    int fds[2], files[24], received[24];
    char data[8];

    make_pair(fds);
    open_files(files, 24);
    int before = observe_descriptors();
    for (int sent = 0; sent <= 24; sent++)
        for (int room = 0; room <= 24; room++) {
            int count = room, flags = -1, expected = sent < room ? sent : room;
            memset(received, 0xee, sizeof received);
            CHECK_EQ(mm_put_fds(fds[0], "abc", 3, files, sent), 3);
            CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, &flags), 3);
            CHECK_EQ(count, expected);
            CHECK_EQ(flags, sent > room ? MSG_CTRUNC : 0);
            CHECK_EQ(observe_descriptors(), before + expected);
            for (int i = 0; i < expected; i++)
                check_number(received[i], i);
            if (expected < 24)
                CHECK_EQ(received[expected], (int)0xeeeeeeee);
            close_all(received, expected);
        }
    CHECK_EQ(observe_descriptors(), before);
}

CASE(the_largest_surplus_is_closed)
{
    int fds[2], files[MOST], received[1], count = 1, flags;
    char data[2];

    make_pair(fds);
    open_files(files, MOST);
    int before = observe_descriptors();
    CHECK_EQ(mm_put_fds(fds[0], "abc", 3, files, MOST), 3);
    CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, &flags), 2);
    CHECK_EQ(flags, MSG_TRUNC | MSG_CTRUNC); /* both at once */
    CHECK_EQ(count, 1);
    check_number(received[0], 0);
    CHECK_EQ(observe_descriptors(), before + 1);
}

CASE(num_fds_is_set_to_what_came)
{
    int fds[2], received[4], file = numbered_file(7);
    char data[8];
    struct iovec piece = {data, sizeof data};
    struct mm_ipc_msg msg = {.iov = &piece, .num_iov = 1, .fds = received, .num_fds = 99, .num_fds_max = 4};

    make_pair(fds);
    mm_say(fds[0], "none");
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &msg), 4);
    CHECK_EQ(msg.num_fds, 0);
    CHECK_EQ(mm_put_fds(fds[0], "one", 3, &file, 1), 3);
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &msg), 3);
    CHECK_EQ(msg.num_fds, 1);
    CHECK_EQ(msg.num_fds_max, 4);
    CHECK_SYS(fcntl(fds[1], F_SETFL, O_NONBLOCK));
    CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &msg), EAGAIN);
    CHECK_EQ(msg.num_fds, 0); /* so that a caller who closes what came closes nothing twice */
}

CASE(descriptors_with_an_empty_message)
{
    int fds[2], received[2], files[2] = {numbered_file(10), numbered_file(11)};

    make_pair(fds);
    int before = observe_descriptors();
    for (int sent = 1; sent <= 2; sent++) {
        int count = 2, flags = -1;
        CHECK_EQ(mm_put_fds(fds[0], NULL, 0, files, sent), 0);
        CHECK_EQ(mm_take_fds(fds[1], NULL, 0, received, &count, &flags), 0);
        CHECK_EQ(count, sent);
        CHECK_EQ(flags, 0);
        for (int i = 0; i < sent; i++)
            check_number(received[i], 10 + i);
        close_all(received, sent);
    }
    CHECK_EQ(observe_descriptors(), before);
}

CASE(descriptors_with_a_message_for_which_there_is_no_room)
{
    int fds[2], received[1], file = numbered_file(3), count = 1, flags;

    make_pair(fds);
    CHECK_EQ(mm_put_fds(fds[0], "bytes", 5, &file, 1), 5);
    CHECK_EQ(mm_take_fds(fds[1], NULL, 0, received, &count, &flags), 0);
    CHECK_EQ(flags, MSG_TRUNC);
    CHECK_EQ(count, 1);
    check_number(received[0], 3);
}

CASE(the_process_has_room_for_some_only)
{
    int fds[2], files[6], received[6];
    char data[8];
    struct rlimit old, limit;

    make_pair(fds);
    open_files(files, 6);
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &old));
    limit = old;
    int before = observe_descriptors(), lowest = observe_lowest_free();
    for (int room = 0; room <= 6; room++) {
        int count = 6, flags = -1;
        CHECK_EQ(mm_put_fds(fds[0], "some", 4, files, 6), 4);
        limit.rlim_cur = (rlim_t)(lowest + room);
        CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
        CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, &flags), 4);
        CHECK_SYS(setrlimit(RLIMIT_NOFILE, &old));
        CHECK_MEM_EQ(data, "some", 4);
        CHECK_EQ(count, room);
        CHECK_EQ(flags, room < 6 ? MSG_CTRUNC : 0);
        CHECK_EQ(observe_descriptors(), before + room);
        for (int i = 0; i < room; i++)
            check_number(received[i], i);
        close_all(received, room);
    }
    mm_say(fds[0], "and it goes on");
    mm_hear(fds[1], "and it goes on");
}

CASE(a_descriptor_is_a_duplicate)
{
    int fds[2], received[1], count = 1, file = numbered_file(0);
    char data[8];

    make_pair(fds);
    CHECK_EQ(mm_put_fds(fds[0], "x", 1, &file, 1), 1);
    CHECK_EQ(write(file, "shared", 6), 6); /* the sender's own stays open */
    close(file);
    CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, NULL), 1);
    CHECK_EQ(lseek(received[0], 0, SEEK_CUR), 6); /* one file, one position */
    CHECK_EQ(pread(received[0], data, sizeof data, 0), 6);
    CHECK_MEM_EQ(data, "shared", 6);
}

CASE(one_descriptor_several_times)
{
    int fds[2], received[5], count = 5, file = numbered_file(9), files[5] = {file, file, file, file, file};
    char data[8];

    make_pair(fds);
    CHECK_EQ(mm_put_fds(fds[0], "x", 1, files, 5), 1);
    CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, NULL), 1);
    CHECK_EQ(count, 5);
    for (int i = 0; i < 5; i++) {
        check_number(received[i], 9);
        for (int j = 0; j < i; j++)
            CHECK_NE(received[i], received[j]);
    }
}

CASE(a_connection_can_be_sent_over_a_connection)
{
    int fds[2], inner[2], received[1], count = 1;
    char data[8];

    make_pair(fds);
    make_pair(inner);
    CHECK_EQ(mm_put_fds(fds[0], "x", 1, inner, 1), 1);
    mm_close(inner[0]);
    CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, NULL), 1);
    mm_say(received[0], "through the one that came");
    mm_hear(inner[1], "through the one that came");
    mm_close(received[0]);
    CHECK_ERRNO(mm_take(inner[1], data, sizeof data), ECONNRESET);
}

CASE(descriptors_that_are_never_received_are_closed)
{
    int fds[2], pipe_fds[2];

    make_pair(fds);
    CHECK_SYS(pipe(pipe_fds));
    CHECK_EQ(mm_put_fds(fds[0], "x", 1, &pipe_fds[1], 1), 1);
    close(pipe_fds[1]);
    mm_close(fds[0]);
    mm_close(fds[1]);
    char data[1];
    CHECK_EQ(read(pipe_fds[0], data, 1), 0); /* nobody has the writing end any more */
}

CASE(too_many_descriptors_on_their_way)
{
    int fds[2], files[16], received[16], count = 16, sent = 0;
    struct rlimit limit;
    char data[8];

    make_pair(fds);
    open_files(files, 16);
    if (geteuid() == 0) /* whom the kernel trusts with any number */
        CHECK_SYS(setuid(65534));
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 100;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    while (mm_put_fds(fds[0], "x", 1, files, 16) == 1)
        CHECK_LT(++sent, 100);
    CHECK_EQ(mm_get_lasterror_number(), ETOOMANYREFS);
    while (sent-- > 0) {
        CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, NULL), 1);
        CHECK_EQ(count, 16);
        close_all(received, 16);
    }
    CHECK_EQ(mm_put_fds(fds[0], "x", 1, files, 16), 1);
}

/* A program that asks its socket for credentials gets its descriptors none the less. */
CASE(descriptors_beside_credentials)
{
    int fds[2], files[4], on = 1;
    char data[8];

    make_pair(fds);
    open_files(files, 4);
    CHECK_SYS(setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    CHECK_SYS(setsockopt(fds[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on));
    (void)setsockopt(fds[1], SOL_SOCKET, 76 /* SO_PASSPIDFD, where the kernel has it */, &on, sizeof on);
    int before = observe_descriptors();
    for (int room = 0; room <= 4; room++) {
        int received[4], count = room, flags = -1;
        CHECK_EQ(mm_put_fds(fds[0], "x", 1, files, 4), 1);
        CHECK_EQ(mm_take_fds(fds[1], data, sizeof data, received, &count, &flags), 1);
        CHECK_EQ(count, room);
        CHECK_EQ(flags, room < 4 ? MSG_CTRUNC : 0);
        CHECK_EQ(observe_descriptors(), before + room);
        close_all(received, room);
    }
    mm_say(fds[0], "plain");
    mm_hear(fds[1], "plain");
    CHECK_EQ(observe_descriptors(), before);
}

static void pass_files_to_child(void *argument)
{
    const int *fds = argument;
    int received[8], count;
    char data[16];

    mm_close(fds[0]);
    for (int round = 0; round < 200; round++) {
        count = 8;
        CHECK_EQ(CHECK_SYS(mm_take_fds(fds[1], data, sizeof data, received, &count, NULL)), 5);
        CHECK_EQ(count, round % 9);
        for (int i = 0; i < count; i++)
            check_number(received[i], i);
        CHECK_EQ(mm_put_fds(fds[1], "back", 4, received, count), 4);
        close_all(received, count);
    }
}

CASE(descriptors_go_to_another_process_and_back)
{
    int fds[2], files[8], received[8];
    char data[16];

    make_pair(fds);
    open_files(files, 8);
    pid_t child = check_fork(pass_files_to_child, fds);
    mm_close(fds[1]);
    int before = observe_descriptors();
    for (int round = 0; round < 200; round++) {
        int count = 8;
        CHECK_EQ(mm_put_fds(fds[0], "there", 5, files, round % 9), 5);
        CHECK_EQ(CHECK_SYS(mm_take_fds(fds[0], data, sizeof data, received, &count, NULL)), 4);
        CHECK_EQ(count, round % 9);
        for (int i = 0; i < count; i++)
            check_number(received[i], i);
        close_all(received, count);
    }
    CHECK_EQ(observe_descriptors(), before);
    check_join(child);
}
