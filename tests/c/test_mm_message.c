/* mm_message: the bytes of a message: sizes, pieces, truncation, room, and what is refused. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"
#include "tetrapylon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned char pattern(size_t i) { return (unsigned char)(i * 131 + (i >> 8) * 7 + 1); }

static unsigned char *patterned(size_t size)
{
    unsigned char *bytes = malloc(size + 1);

    CHECK(bytes != NULL);
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(i);
    return bytes;
}

static void make_pair(int fds[2]) { CHECK_EQ(mm_ipc_connected_pair(fds), 0); }

/* The largest message that goes through with this send buffer. */
static size_t largest(int fd)
{
    size_t fits = 0, fails = (size_t)1 << 24;
    unsigned char *bytes = patterned(fails);

    while (fails - fits > 1) {
        size_t size = fits + (fails - fits) / 2;
        struct iovec piece = {.iov_base = bytes, .iov_len = size};
        struct mm_ipc_msg msg = {.iov = &piece, .num_iov = 1};
        ssize_t sent = tpy_mm_sendmsg(fd, &msg, MSG_DONTWAIT);
        if (sent >= 0 || sent == -EAGAIN)
            fits = size;
        else
            fails = size;
        if (sent >= 0)
            CHECK_EQ(sent, size);
    }
    free(bytes);
    return fits;
}

/* As mm_put, but with the piece far from the message: the two take different ways (message.c). */
static ssize_t put_apart(int fd, const void *data, size_t size)
{
    static struct iovec piece;
    struct mm_ipc_msg msg = {.iov = &piece, .num_iov = 1};

    piece = (struct iovec){(void *)data, size};
    return mm_ipc_sendmsg(fd, &msg);
}

static void check_size(int from, int to, size_t size)
{
    unsigned char *sent = patterned(size), *received = malloc(size + 16);

    for (int apart = 0; apart < 2; apart++) {
        CHECK_EQ(apart ? put_apart(from, sent, size) : mm_put(from, sent, size), size);
        memset(received, 0xee, size + 16);
        CHECK_EQ(mm_take(to, received, size + 16), size);
        CHECK_MEM_EQ(received, sent, size);
        for (size_t i = size; i < size + 16; i++)
            CHECK_EQ(received[i], 0xee);
    }
    free(sent);
    free(received);
}

CASE_LIMIT(every_size_from_nothing_to_the_limit, 30)
{
    int fds[2], probe[2];

    make_pair(fds);
    make_pair(probe);
    size_t limit = largest(probe[0]);
    CHECK_GT(limit, 65536);
    for (size_t size = 0; size <= 1100; size++)
        check_size(fds[0], fds[1], size);
    for (size_t size = 1024; size < limit; size = size * 5 / 4)
        for (int step = -1; step <= 1; step++)
            check_size(fds[0], fds[1], size + (size_t)step);
    check_size(fds[0], fds[1], limit - 1);
    check_size(fds[0], fds[1], limit);
}

CASE(over_the_limit_nothing_is_sent)
{
    int fds[2], probe[2];

    make_pair(fds);
    make_pair(probe);
    size_t limit = largest(probe[0]);
    unsigned char *bytes = patterned(limit + 1);
    CHECK_ERRNO(mm_put(fds[0], bytes, limit + 1), EMSGSIZE);
    CHECK_ERRNO(put_apart(fds[0], bytes, limit + 1), EMSGSIZE);
    CHECK_EQ(mm_get_lasterror_number(), EMSGSIZE);
    /* Nor is any nonsense a size. */
    static const size_t nonsense[] = {(size_t)1 << 30, (size_t)1 << 31, (size_t)1 << 32, SIZE_MAX / 2, SIZE_MAX};
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(mm_put(fds[0], bytes, nonsense[i]), -1);
        CHECK_EQ(put_apart(fds[0], bytes, nonsense[i]), -1);
    }
    mm_say(fds[0], "the first that came");
    mm_hear(fds[1], "the first that came");
    free(bytes);
}

CASE(the_limit_follows_the_send_buffer)
{
    int fds[2], size = 4 * 1024 * 1024;

    make_pair(fds);
    CHECK_SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    socklen_t length = sizeof size;
    CHECK_SYS(getsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, &length));
    if (size < 1 << 21)
        SKIP("net.core.wmem_max is below 1 MiB");
    check_size(fds[0], fds[1], 1 << 20);
}

CASE(a_message_is_never_mixed_with_the_next)
{
    int fds[2];
    char data[64];

    make_pair(fds);
    for (size_t size = 0; size <= 20; size++)
        CHECK_EQ(mm_put(fds[0], "abcdefghijklmnopqrst", size), size);
    for (size_t size = 0; size <= 20; size++)
        CHECK_EQ(mm_take(fds[1], data, sizeof data), size);
}

CASE(an_empty_message_is_a_message)
{
    int fds[2], nothing[2];
    char data[8];
    struct mm_ipc_msg none = {.num_iov = 0};

    make_pair(fds);
    make_pair(nothing);
    for (int end = 0; end < 2; end++) {
        CHECK_EQ(mm_put(fds[end], NULL, 0), 0);
        CHECK_EQ(mm_ipc_sendmsg(fds[end], &none), 0);
        mm_say(fds[end], "full");
        CHECK_EQ(mm_put(fds[end], "", 0), 0);
    }
    for (int end = 0; end < 2; end++) {
        CHECK_EQ(mm_take(fds[end], data, sizeof data), 0);
        CHECK_EQ(mm_take(fds[end], data, sizeof data), 0);
        mm_hear(fds[end], "full");
        CHECK_EQ(mm_take(fds[end], NULL, 0), 0);
    }
}

CASE(an_empty_message_wakes_the_receiver)
{
    int fds[2];

    make_pair(fds);
    struct mm_call call = {.run = mm_run_take, .fd = fds[1]};
    mm_start_asleep(&call, SYS_recvmsg);
    CHECK_EQ(mm_put(fds[0], "", 0), 0);
    CHECK_EQ(mm_join(&call), 0);
}

CASE(every_truncation)
{
    unsigned char *sent = patterned(64), received[80];
    int fds[2];

    make_pair(fds);
    for (size_t size = 0; size <= 64; size++)
        for (size_t room = 0; room <= 66; room++) {
            struct iovec piece = {.iov_base = received, .iov_len = room};
            struct mm_ipc_msg msg = {.iov = &piece, .num_iov = 1, .flags = -1};
            size_t expected = size < room ? size : room;
            CHECK_EQ(mm_put(fds[0], sent, size), size);
            CHECK_EQ(mm_put(fds[0], "whole", 5), 5);
            memset(received, 0xee, sizeof received);
            CHECK_EQ(mm_ipc_recvmsg(fds[1], &msg), expected);
            CHECK_EQ(msg.flags, size > room ? MSG_TRUNC : 0);
            CHECK_MEM_EQ(received, sent, expected);
            CHECK_EQ(received[expected], 0xee);
            mm_hear(fds[1], "whole"); /* the rest is gone, the next message whole */
        }
    free(sent);
}

CASE(a_receive_without_room_takes_one_message)
{
    int fds[2];
    struct mm_ipc_msg msg = {.num_iov = 0};

    make_pair(fds);
    mm_say(fds[0], "gone");
    mm_say(fds[0], "kept");
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &msg), 0);
    CHECK_EQ(msg.flags, MSG_TRUNC);
    mm_hear(fds[1], "kept");
    CHECK_EQ(mm_put(fds[0], "", 0), 0);
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &msg), 0);
    CHECK_EQ(msg.flags, 0);
}

CASE(pieces_are_gathered_and_scattered)
{
    char first[3], second[1], third[64];
    struct iovec out[] = {{"one", 3}, {NULL, 0}, {"-", 1}, {"twelve", 6}, {"", 0}};
    struct iovec in[] = {{first, 3}, {second, 1}, {NULL, 0}, {third, 64}};
    struct mm_ipc_msg to_send = {.iov = out, .num_iov = 5}, to_receive = {.iov = in, .num_iov = 4};
    int fds[2];

    make_pair(fds);
    CHECK_EQ(mm_ipc_sendmsg(fds[0], &to_send), 10);
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &to_receive), 10);
    CHECK_MEM_EQ(first, "one", 3);
    CHECK_EQ(second[0], '-');
    CHECK_MEM_EQ(third, "twelve", 6);
}

CASE(a_thousand_and_twenty_four_pieces_but_not_one_more)
{
    static struct iovec pieces[1025];
    static unsigned char bytes[1025], received[1025];
    struct mm_ipc_msg msg = {.iov = pieces, .num_iov = 1025};
    int fds[2];

    for (int i = 0; i < 1025; i++) {
        bytes[i] = pattern((size_t)i);
        pieces[i] = (struct iovec){&bytes[i], 1};
    }
    make_pair(fds);
    CHECK_ERRNO(mm_ipc_sendmsg(fds[0], &msg), EMSGSIZE);
    msg.num_iov = 1024;
    CHECK_EQ(mm_ipc_sendmsg(fds[0], &msg), 1024);
    for (int i = 0; i < 1025; i++)
        pieces[i].iov_base = &received[i];
    msg.num_iov = 1025;
    CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &msg), EMSGSIZE);
    msg.num_iov = 1024;
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &msg), 1024);
    CHECK_MEM_EQ(received, bytes, 1024);
}

CASE(descriptor_lists_without_memory_are_faults_that_lose_nothing)
{
    int *nowhere = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec piece = {"x", 1};
    char got[4];
    int fds[2], room[1], data = 0;
    struct mm_ipc_msg bad = {.iov = &piece, .num_iov = 1, .fds = nowhere, .num_fds = 1, .num_fds_max = 1};
    struct mm_ipc_msg good = {.iov = &piece, .num_iov = 1, .fds = &data, .num_fds = 1};

    CHECK(nowhere != MAP_FAILED);
    make_pair(fds);
    CHECK_ERRNO(mm_ipc_sendmsg(fds[0], &bad), EFAULT);
    CHECK_EQ(mm_ipc_sendmsg(fds[0], &good), 1);
    piece = (struct iovec){got, sizeof got};
    CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &bad), EFAULT);
    bad.fds = room;
    CHECK_EQ(mm_ipc_recvmsg(fds[1], &bad), 1);
    CHECK_EQ(bad.num_fds, 1);
    CHECK_EQ(mm_close(room[0]), 0);
}

CASE(negative_counts_are_invalid)
{
    static const int negative[] = {-1, -2, INT_MIN};
    struct iovec piece = {"x", 1};
    int fds[2], some[1];

    make_pair(fds);
    mm_say(fds[0], "still there");
    for (int i = 0; i < 3; i++) {
        struct mm_ipc_msg pieces = {.iov = &piece, .num_iov = negative[i]};
        struct mm_ipc_msg descriptors = {.iov = &piece, .num_iov = 1, .fds = some, .num_fds = negative[i]};
        struct mm_ipc_msg room = {.iov = &piece, .num_iov = 1, .fds = some, .num_fds_max = negative[i]};
        CHECK_ERRNO(mm_ipc_sendmsg(fds[0], &pieces), EINVAL);
        CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &pieces), EINVAL);
        CHECK_ERRNO(mm_ipc_sendmsg(fds[0], &descriptors), EINVAL);
        CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &room), EINVAL);
    }
    mm_hear(fds[1], "still there");
}

CASE(bad_pointers)
{
    char *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec piece = {forbidden, 16};
    struct mm_ipc_msg bad_bytes = {.iov = &piece, .num_iov = 1};
    struct mm_ipc_msg no_fds = {.num_fds = 1, .num_fds_max = 1};
    int fds[2];

    make_pair(fds);
    CHECK_ERRNO(mm_ipc_sendmsg(fds[0], NULL), EFAULT);
    CHECK_ERRNO(mm_ipc_recvmsg(fds[1], NULL), EFAULT);
    CHECK_ERRNO(mm_ipc_sendmsg(fds[0], &no_fds), EFAULT);
    CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &no_fds), EFAULT);
    CHECK_ERRNO(mm_ipc_sendmsg(fds[0], &bad_bytes), EFAULT);
    CHECK_ERRNO(put_apart(fds[0], forbidden, 16), EFAULT);
    CHECK_EQ(mm_get_lasterror_number(), EFAULT);
    mm_say(fds[0], "lost, as the kernel has taken it by then");
    CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &bad_bytes), EFAULT);
    mm_say(fds[0], "next");
    mm_hear(fds[1], "next");
}

#if !defined(__SANITIZE_ADDRESS__) /* which looks at the pieces itself, and dies */
CASE(bad_pieces)
{
    void *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec *bad[] = {NULL, (struct iovec *)1, forbidden, (struct iovec *)-16};
    int fds[2];

    make_pair(fds);
    for (int i = 0; i < 4; i++)
        for (int count = 1; count <= 2; count++) {
            struct mm_ipc_msg msg = {.iov = bad[i], .num_iov = count};
            CHECK_ERRNO(mm_ipc_sendmsg(fds[0], &msg), EFAULT);
            CHECK_ERRNO(mm_ipc_recvmsg(fds[1], &msg), EFAULT);
        }
}
#endif

CASE(what_is_no_connection)
{
    int file = (int)CHECK_SYS(open("/dev/null", O_RDWR | O_CLOEXEC)), lonely;
    char data[4];

    CHECK_ERRNO(mm_put(file, "x", 1), ENOTSOCK);
    CHECK_ERRNO(mm_take(file, data, 4), ENOTSOCK);
    close(file);
    CHECK_ERRNO(mm_put(file, "x", 1), EBADF);
    CHECK_ERRNO(mm_take(file, data, 4), EBADF);
    CHECK_ERRNO(mm_put(-1, "x", 1), EBADF);
    lonely = (int)CHECK_SYS(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    CHECK_ERRNO(mm_put(lonely, "x", 1), ENOTCONN);
    CHECK_ERRNO(mm_take(lonely, data, 4), ENOTCONN);
}
