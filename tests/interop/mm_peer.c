/*
 * mm_peer: the C side of the Java tests of mmlib's IPC, a program that knows nothing but mmsysio.h: it runs with the original library
 * as well, if that is loaded before ours (LD_PRELOAD).
 *
 *   mm_peer serve NAME        listens, says "ready", and sends every message back with its descriptors
 *   mm_peer call NAME [LEAST] connects and checks a server that does so, with messages of at least so many bytes; exit 0 if
 *                             all came back
 *   mm_peer send NAME COUNT   connects, sends the numbers 0 to COUNT - 1, and dies by SIGKILL
 *   mm_peer wait NAME         connects, says "ready", and waits for a message that does not come
 *   mm_peer fill NAME         connects and sends until it blocks, for ever
 *   mm_peer use NAME          connects, keeps the descriptor it was sent last, and obeys messages of a letter and a text:
 *                             k nothing, w writes the text to it, r sends back what it reads from it, a accepts a connection
 *                             and writes the text to that
 */
#include <stdbool.h>
#include <stdio.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "mmsysio.h"

#define LARGEST (1 << 18)
#define DESCRIPTORS 253

static char bytes[LARGEST], back[LARGEST];

static void fail(const char *what)
{
    fprintf(stderr, "mm_peer: %s: %s\n", what, mm_get_lasterror_desc());
    exit(1);
}

static void say_ready(void)
{
    puts("ready");
    fflush(stdout);
}

static int connected(const char *name)
{
    int fd = mm_ipc_connect(name);
    if (fd < 0)
        fail("connect");
    return fd;
}

static ssize_t take(int fd, char *room, size_t size, int *fds, int *count)
{
    struct iovec piece = {room, size};
    struct mm_ipc_msg message = {.iov = &piece, .num_iov = 1, .fds = fds, .num_fds_max = *count};
    ssize_t got = mm_ipc_recvmsg(fd, &message);

    *count = message.num_fds;
    return got;
}

static bool put(int fd, const char *data, size_t size, const int *fds, int count)
{
    struct iovec piece = {(char *)data, size};
    struct mm_ipc_msg message = {.iov = &piece, .num_iov = 1, .fds = (int *)fds, .num_fds = count};

    return mm_ipc_sendmsg(fd, &message) == (ssize_t)size;
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        mm_close(fds[i]);
}

static _Noreturn void serve(const char *name)
{
    struct mm_ipc_srv *server = mm_ipc_srv_create(name);
    int fds[DESCRIPTORS];

    if (server == NULL)
        fail("create");
    say_ready();
    for (;;) {
        int connection = mm_ipc_srv_accept(server);
        if (connection < 0)
            fail("accept");
        for (;;) {
            int count = DESCRIPTORS;
            ssize_t size = take(connection, bytes, sizeof bytes, fds, &count);
            if (size < 0)
                break;
            if (!put(connection, bytes, (size_t)size, fds, count))
                fail("answer");
            close_all(fds, count);
        }
        mm_close(connection);
    }
}

/* A memory file that holds its own number. */
static int numbered_file(int number)
{
    int fd = memfd_create("mm_peer", MFD_CLOEXEC);
    if (fd < 0 || write(fd, &number, sizeof number) != sizeof number)
        fail("memfd");
    return fd;
}

static void check_number(int fd, int number)
{
    int found = -1;
    if (pread(fd, &found, sizeof found, 0) != sizeof found || found != number)
        fail("a descriptor is not the one that was sent");
}

static void exchange(int fd, size_t size, int count)
{
    int out[DESCRIPTORS], in[DESCRIPTORS], came = DESCRIPTORS;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 31 + size);
    for (int i = 0; i < count; i++)
        out[i] = numbered_file(i);
    if (!put(fd, bytes, size, out, count))
        fail("send");
    if (take(fd, back, sizeof back, in, &came) != (ssize_t)size || came != count || memcmp(bytes, back, size) != 0)
        fail("what came back is not what was sent");
    for (int i = 0; i < count; i++)
        check_number(in[i], i);
    close_all(in, count);
    close_all(out, count);
}

static int call(const char *name, size_t least)
{
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 4095, 4096, 4097, 65536, 200000};
    static const int counts[] = {0, 1, 2, 63, 64, 252, 253};
    int fd = connected(name);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] >= least)
            exchange(fd, sizes[i], 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        exchange(fd, least, counts[i]);
        exchange(fd, 100, counts[i]);
    }
    return mm_close(fd);
}

static int send_and_die(const char *name, int count)
{
    int fd = connected(name);

    for (int i = 0; i < count; i++)
        if (!put(fd, (char *)&i, sizeof i, NULL, 0))
            fail("send");
    return raise(SIGKILL);
}

static int wait_for_ever(const char *name)
{
    int fd = connected(name), count = 0;

    say_ready();
    if (take(fd, bytes, sizeof bytes, NULL, &count) < 0)
        fail("receive");
    return 0;
}

static int fill(const char *name)
{
    int fd = connected(name);

    say_ready();
    while (put(fd, bytes, 1000, NULL, 0))
        ;
    fail("send");
    return 1;
}

static void write_all(int fd, const char *text, size_t size)
{
    if (write(fd, text, size) != (ssize_t)size)
        fail("write");
}

/* Does what the order says; returns how many bytes of `back` are the answer. */
static size_t obey(int kept, char order, const char *text, size_t size)
{
    struct pollfd wanted = {.fd = kept, .events = order == 'w' ? POLLOUT : POLLIN};
    ssize_t got = 0;

    if (order != 'k')
        poll(&wanted, 1, -1);
    if (order == 'w')
        write_all(kept, text, size);
    if (order == 'r' && (got = read(kept, back, sizeof back)) < 0)
        fail("read");
    if (order == 'a') {
        int connection = accept(kept, NULL, NULL);
        write_all(connection, text, size);
        close(connection);
    }
    return (size_t)got;
}

static int use(const char *name)
{
    int fd = connected(name), kept = -1;

    for (;;) {
        int came, count = 1;
        ssize_t size = take(fd, bytes, sizeof bytes, &came, &count);
        if (size <= 0)
            return 0;
        if (count == 1) {
            mm_close(kept);
            kept = came;
        }
        size_t answer = obey(kept, bytes[0], bytes + 1, (size_t)size - 1);
        if (!put(fd, back, answer, NULL, 0))
            fail("answer");
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve(argv[2]);
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "call") == 0)
        return call(argv[2], argc == 4 ? (size_t)atoi(argv[3]) : 0);
    if (argc == 4 && strcmp(argv[1], "send") == 0)
        return send_and_die(argv[2], atoi(argv[3]));
    if (argc == 3 && strcmp(argv[1], "wait") == 0)
        return wait_for_ever(argv[2]);
    if (argc == 3 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2]);
    if (argc == 3 && strcmp(argv[1], "use") == 0)
        return use(argv[2]);
    fprintf(stderr, "usage: mm_peer serve|call|wait|fill|use NAME, mm_peer send NAME COUNT\n");
    return 2;
}
