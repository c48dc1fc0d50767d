/*
 * The demo's mmlib gate in C: a program that knows nothing but mmsysio.h. Every message is answered by one; a memory file comes
 * with DEMO_FILE, is checked, written and so gives its answer itself.
 */
#include "side.h"

#include <errno.h>
#include <mmsysio.h>
#include <string.h>

#define LARGE 300000
#define SEND_ROOM 200000 /* the kernel doubles it */

static unsigned char message[DEMO_LARGEST], answer[DEMO_LARGEST];
static int connection;

static void put(const void *bytes, size_t size, int *file)
{
    struct iovec piece = {(void *)bytes, size};
    struct mm_ipc_msg out = {.iov = &piece, .num_iov = 1, .fds = file, .num_fds = file != NULL};
    if (mm_ipc_sendmsg(connection, &out) != (ssize_t)size) demo_fail(errno, "mm_ipc_sendmsg of %zu B", size);
}

/* file: room for one descriptor, or NULL; -1 if none came. */
static size_t take(void *bytes, size_t room, int *file)
{
    struct iovec piece = {bytes, room};
    struct mm_ipc_msg in = {.iov = &piece, .num_iov = 1, .fds = file, .num_fds_max = file != NULL};
    ssize_t size = mm_ipc_recvmsg(connection, &in);
    if (size < (ssize_t)sizeof(uint64_t) || in.flags != 0) demo_fail(size < 0 ? errno : 0, "mm_ipc_recvmsg returned %zd", size);
    if (file && in.num_fds == 0) *file = -1;
    return (size_t)size;
}

static void make_room(void)
{
    int room = SEND_ROOM;
    if (setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) != 0) demo_fail(errno, "SO_SNDBUF");
}

static void serve(const char *name)
{
    int messages = 0, bytes = 0, files = 0;
    struct mm_ipc_srv *server = mm_ipc_srv_create(name);
    if (!server) demo_fail(errno, "mm_ipc_srv_create");
    demo_ready();
    connection = mm_ipc_srv_accept(server);
    if (connection < 0) demo_fail(errno, "mm_ipc_srv_accept");
    make_room();
    for (uint64_t word = 0; demo_want(word) != DEMO_END;) {
        int file = -1;
        size_t size = take(message, sizeof message, &file);
        messages++;
        bytes += (int)size;
        memcpy(&word, message, sizeof word);
        if (demo_want(word) == DEMO_FILE) demo_file_answer(file, word), mm_close(file), files++;
        else if (file >= 0) demo_fail(0, "a descriptor came uninvited");
        if (!demo_same(message, size, word)) demo_fail(0, "a message of %zu B came with other bytes", size);
        demo_fill(message, size, word + 1);
        put(message, size, NULL);
    }
    demo_did("answered %d messages of %d B with %d %s", messages, bytes, files, files == 1 ? "descriptor" : "descriptors");
    mm_close(connection);
    mm_ipc_srv_destroy(server);
}

static void check(size_t size, uint64_t word, int *file)
{
    demo_fill(message, size, word);
    put(message, size, file);
    size_t got = take(answer, sizeof answer, NULL);
    if (got != size || !demo_same(answer, size, word + 1)) demo_fail(0, "the answer to %zu B is %zu B, or has other bytes", size, got);
}

static void check_file(void)
{
    uint64_t word = demo_word(DEMO_FILE, 2000);
    int file = demo_file_make(word);
    check(64, word, &file);
    demo_file_check(file, word + 1);
    mm_close(file);
}

static uint64_t trip(uint64_t word)
{
    uint64_t got;
    put(&word, sizeof word, NULL);
    take(&got, sizeof got, NULL);
    return got;
}

static void call(const char *name)
{
    static const size_t sizes[] = {8, 9, 64, 1000, 4096, 40000, 65536};
    connection = mm_ipc_connect(name);
    if (connection < 0) demo_fail(errno, "mm_ipc_connect");
    make_room();
    for (uint32_t i = 0; i < 10 * sizeof sizes / sizeof *sizes; i++) check(sizes[i % (sizeof sizes / sizeof *sizes)], demo_word(DEMO_BYTES, i), NULL);
    demo_did("8 B to 64 KiB");
    check(LARGE, demo_word(DEMO_BYTES, 1000), NULL);
    demo_did("300 KB in one message");
    check_file();
    demo_did("a file's descriptor");
    demo_time(trip);
    check(8, demo_word(DEMO_END, 0), NULL);
    mm_close(connection);
}

int main(int argc, char **argv)
{
    return demo_main(argc, argv, &(struct demo_gate){"mm", serve, call});
}
