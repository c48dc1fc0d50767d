/*
 * Safety: memory and descriptors. Objects that are not what they must be are refused, a server that lies gets its client nowhere, limits give clean
 * errors and go away again, and values that change between two looks lead nobody out of bounds.
 */
#include "core_support.h"
#include "qnx_support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/lane.h"
#include "core/node.h"

#define LARGE 300000

/* ---- Objects ---- */

enum object { PLAIN_FILE, UNSEALED, SHRINKABLE, GROWABLE, SHORT, LONG, DIRECTORY, SOCKET, OBJECTS };

/* One that looks nearly like shared memory of `size` bytes. */
static int make(enum object object, size_t size)
{
    char path[300];
    unsigned seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int fd;
    switch (object) {
    case PLAIN_FILE:
        snprintf(path, sizeof path, "%s/plain", check_directory());
        fd = (int)CHECK_SYS(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        break;
    case DIRECTORY: return (int)CHECK_SYS(open(check_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    case SOCKET: return (int)CHECK_SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    default: fd = (int)CHECK_SYS(memfd_create("tetrapylon-odd", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    }
    if (object == SHORT) size -= 4096;
    if (object == LONG) size += 4096;
    if (object == SHRINKABLE) seals = F_SEAL_GROW | F_SEAL_SEAL;
    if (object == GROWABLE) seals = F_SEAL_SHRINK | F_SEAL_SEAL;
    CHECK_SYS(ftruncate(fd, (off_t)size));
    if (object != PLAIN_FILE && object != UNSEALED) CHECK_SYS(fcntl(fd, F_ADD_SEALS, seals));
    return fd;
}

CASE(only_sealed_memory_of_the_right_size_is_mapped)
{
    void *map;
    size_t size = 16 * 4096;
    for (enum object object = 0; object < OBJECTS; object++) {
        int fd = make(object, size);
        CHECK_EQ(tpy_memory_map(fd, size, true, NULL, &map), -EPROTO);
        close(fd);
    }
    int fd = (int)CHECK_OK(tpy_memory_create("good", size));
    CHECK_EQ(tpy_memory_map(fd, size, true, NULL, &map), 0);
    memset(map, 1, size);
    CHECK_ERRNO(ftruncate(fd, 4096), EPERM); /* so that no SIGBUS can come */
}

/* ---- A server that lies ---- */

enum lie { LIE_OBJECT, LIE_NOTHING = LIE_OBJECT + OBJECTS, LIE_MANY, LIE_HANG_UP, LIE_SHORT, LIE_VERSION, LIES };

struct liar {
    _Atomic unsigned ready;
    unsigned lie;
};

static void lie_to_clients(void *argument)
{
    struct liar *liar = argument;
    int fds[200], fd = core_wire_listen();
    qnx_count(&liar->ready);
    int client = (int)CHECK_SYS(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    struct tpy_say hello = core_wire_hear(client, TPY_SAY_HELLO), reply = core_wire_reply(&hello);
    reply.version = TPY_WIRE_VERSION;
    struct tpy_link link = {.fd = client};
    unsigned count = liar->lie == LIE_MANY ? 200 : 1;
    for (unsigned i = 0; i < count; i++) fds[i] = make(liar->lie < LIE_NOTHING ? liar->lie : UNSEALED, sizeof(struct tpy_node_page));
    switch (liar->lie) {
    case LIE_NOTHING: CHECK_OK(tpy_link_say(&link, &reply, NULL, 0)); break;
    case LIE_HANG_UP: _exit(0);
    case LIE_SHORT: CHECK_EQ(send(client, &reply, 5, 0), 5); break;
    case LIE_VERSION: reply.version++; /* fallthrough */
    default: CHECK_OK(tpy_link_say(&link, &reply, fds, count));
    }
    pause();
}

CASE_LIMIT(a_lying_server_is_refused_and_leaves_nothing_open, 30)
{
    unsigned descriptors = 0;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    CHECK_SYS(ChannelCreate(0)); /* what a process has once */
    for (unsigned lie = 0; lie < LIES; lie++) {
        struct liar *liar = qnx_share(sizeof *liar);
        liar->lie = lie;
        pid_t server = check_fork(lie_to_clients, liar);
        qnx_await(&liar->ready, 1);
        if (lie == 0) descriptors = core_descriptors();
        int64_t start = qnx_now_ms();
        int result = ConnectAttach_r(0, server, 1, _NTO_SIDE_CHANNEL, 0);
        CHECK(result == -ENXIO || result == -ESRCH);
        CHECK_LE(qnx_now_ms() - start, 2000); /* it said something, so nobody waits for more */
        kill(server, SIGKILL);
        CHECK_EQ(waitpid(server, NULL, 0), server);
        while (core_descriptors() > descriptors) sched_yield();
    }
}

/* ---- Few descriptors ---- */

static void *answer_all(void *argument)
{
    int chid = *(int *)argument;
    static char buffer[LARGE];
    struct _msg_info info;
    rcvid_t rcvid;
    while ((rcvid = MsgReceive_r(chid, buffer, sizeof buffer, &info)) != -ESRCH)
        if (rcvid > 0) MsgReply_r(rcvid, info.msglen, buffer, (size_t)info.msglen);
    return NULL;
}

static void call(int coid, size_t size)
{
    static char out[LARGE], in[LARGE];
    qnx_fill(out, size, 1);
    CHECK_EQ(MsgSend(coid, out, size, in, size), size);
    qnx_check_filled(in, size, 1);
}

struct guests {
    pid_t server;
    int chid;
    _Atomic unsigned in, refused, leave;
};

static void be_guest(void *argument)
{
    struct guests *guests = argument;
    char byte = 1;
    int coid = ConnectAttach_r(0, guests->server, guests->chid, _NTO_SIDE_CHANNEL, 0);
    long result = coid < 0 ? coid : MsgSend_r(coid, &byte, 1, &byte, 1);
    if (result == 1) qnx_count(&guests->in);
    else {
        CHECK(result == -ESRCH || result == -ENXIO || result == -EAGAIN || result == -EMFILE || result == -EBADF);
        qnx_count(&guests->refused);
    }
    qnx_await(&guests->leave, 1);
}

#define GUESTS 60

CASE_LIMIT(a_server_without_descriptors_refuses_and_recovers, 30)
{
    struct guests *guests = qnx_share(sizeof *guests);
    pthread_t server;
    pid_t pids[GUESTS];
    struct rlimit limit;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    guests->server = getpid();
    guests->chid = CHECK_SYS(ChannelCreate(0));
    CHECK_EQ(pthread_create(&server, NULL, answer_all, &guests->chid), 0);
    int honest = CHECK_SYS(ConnectAttach(0, 0, guests->chid, _NTO_SIDE_CHANNEL, 0));
    call(honest, LARGE);
    unsigned descriptors = core_descriptors();
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = descriptors + 40;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    for (int turn = 0; turn < 2; turn++) {
        atomic_store(&guests->in, 0), atomic_store(&guests->refused, 0), atomic_store(&guests->leave, 0);
        for (unsigned i = 0; i < GUESTS; i++) {
            pids[i] = check_fork(be_guest, guests);
            while (atomic_load(&guests->in) + atomic_load(&guests->refused) <= i) call(honest, 100);
        }
        CHECK_GT(atomic_load(&guests->in), 5);
        CHECK_GT(atomic_load(&guests->refused), 5);
        call(honest, LARGE);
        atomic_store(&guests->leave, 0);
        qnx_count(&guests->leave);
        for (unsigned i = 0; i < GUESTS; i++) check_join(pids[i]);
        while (core_descriptors() > descriptors) sched_yield(); /* then there is room again */
    }
}

/* ---- Little memory ---- */

static void limit_memory(bool limited)
{
    struct rlimit limit;
    CHECK_SYS(getrlimit(RLIMIT_AS, &limit));
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    limit.rlim_cur = limited ? (pages + 200) * 4096 : limit.rlim_max;
    CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
}

static void send_with_little_memory(void *argument)
{
    struct guests *guests = argument;
    static char out[LARGE], in[LARGE];
    int coid = CHECK_SYS(ConnectAttach(0, guests->server, guests->chid, _NTO_SIDE_CHANNEL, 0));
    call(coid, 100);
    limit_memory(true);
    CHECK_EQ(MsgSend_r(coid, out, LARGE, in, LARGE), -ENOMEM); /* the stream is made at the first large message */
    call(coid, 100);
    limit_memory(false);
    call(coid, LARGE);
    CHECK_EQ(ConnectDetach(coid), 0);
    coid = CHECK_SYS(ConnectAttach(0, guests->server, guests->chid, _NTO_SIDE_CHANNEL, 0));
    call(coid, LARGE);
}

CASE(a_client_without_memory_gets_enomem_and_recovers)
{
    struct guests *guests = qnx_share(sizeof *guests);
    pthread_t server;
    guests->server = getpid();
    guests->chid = CHECK_SYS(ChannelCreate(0));
    CHECK_EQ(pthread_create(&server, NULL, answer_all, &guests->chid), 0);
    check_join(check_fork(send_with_little_memory, guests));
}

static void meet_a_poor_server(void *argument)
{
    struct guests *guests = argument;
    static char out[LARGE], in[LARGE];
    int coid = CHECK_SYS(ConnectAttach(0, guests->server, guests->chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(MsgSend_r(coid, out, LARGE, in, LARGE), -ENOMEM);
    qnx_count(&guests->refused);
    qnx_await(&guests->leave, 1);
    call(coid, LARGE);
}

CASE(a_server_without_memory_gives_enomem_and_recovers)
{
    struct guests *guests = qnx_share(sizeof *guests);
    pthread_t server;
    guests->server = getpid();
    guests->chid = CHECK_SYS(ChannelCreate(0));
    CHECK_EQ(pthread_create(&server, NULL, answer_all, &guests->chid), 0);
    int honest = CHECK_SYS(ConnectAttach(0, 0, guests->chid, _NTO_SIDE_CHANNEL, 0));
    call(honest, LARGE);
    pid_t client = check_fork(meet_a_poor_server, guests);
    limit_memory(true);
    qnx_await(&guests->refused, 1);
    call(honest, LARGE);
    limit_memory(false);
    qnx_count(&guests->leave);
    check_join(client);
    call(honest, LARGE);
}

/* ---- Values that change between two looks ---- */

struct flips {
    pid_t server;
    int chid;
    _Atomic unsigned sent, over;
};

static void *flip(void *argument)
{
    struct tpy_shared *shared = argument;
    static const uint64_t lengths[] = {8, 100, TPY_INLINE, TPY_INLINE + 1, LARGE, UINT32_MAX, INT64_MAX, UINT64_MAX};
    for (unsigned i = 0;; i++) {
        uint64_t length = lengths[i % 8];
        *(volatile uint32_t *)&shared->offer.send_length = (uint32_t)length;
        *(volatile uint32_t *)&shared->offer.room = (uint32_t)lengths[i / 8 % 8];
        *(volatile uint64_t *)&shared->client.send_length = length;
        *(volatile uint64_t *)&shared->client.room = lengths[i / 64 % 8];
        atomic_store_explicit(&shared->client.filled, length, memory_order_relaxed);
        atomic_store_explicit(&shared->client.applied, lengths[i / 8 % 8], memory_order_relaxed);
        *(volatile uint64_t *)&shared->client.ring_base = length;
        if (i % 3 == 0) *(volatile uint8_t *)&shared->offer.flags ^= TPY_OFFER_LONG | TPY_OFFER_STREAM;
        if (i % 5 == 0) *(volatile uint8_t *)&shared->offer.flags ^= TPY_OFFER_FAULT;
    }
    return NULL;
}

/* Sends good messages, while another thread of it turns the words that describe them to and fro. */
static void send_and_flip(void *argument)
{
    struct flips *flips = argument;
    struct tpy_connection *connection;
    pthread_t flipper;
    int error;
    CHECK_OK(tpy_connection_open(flips->server, (uint32_t)flips->chid, 0x514e5821u, 1, &connection));
    struct tpy_lane *lane = tpy_lane_get(tpy_thread_self(), connection, &error);
    CHECK(lane != NULL);
    char *out = calloc(2, LARGE);
    for (unsigned i = 0;; i++) {
        if (i == 1) CHECK_EQ(pthread_create(&flipper, NULL, flip, lane->shared), 0); /* after a large one, for which the stream was made */
        size_t size = i % 8 == 0 ? LARGE : i % 8 * 50;
        struct iovec send = {out, size}, reply = {out + LARGE, size};
        struct tpy_offer offer = {.send = &send, .send_parts = 1, .reply = &reply, .reply_parts = 1, .deadline = tpy_now() + 2 * MS, .strike = TPY_STRIKE_BOTH};
        tpy_offer(connection, &offer); /* what comes of it is its own affair */
        atomic_fetch_add(&flips->sent, 1);
    }
}

static void *receive_flipped(void *argument)
{
    struct flips *flips = argument;
    /* Each byte beyond these faults. */
    unsigned char *message = qnx_at_end(5000), *piece = qnx_at_end(3000);
    while (!atomic_load(&flips->over)) {
        struct _msg_info info, again;
        rcvid_t rcvid = MsgReceive_r(flips->chid, message, 5000, &info);
        if (rcvid == -ESRCH) return NULL;
        CHECK_GT(rcvid, 0);
        CHECK_LE(info.msglen, 5000);
        CHECK_LE(info.msglen, info.srcmsglen);
        if (MsgInfo_r(rcvid, &again) == 0) { /* one message, one truth */
            CHECK_EQ(again.srcmsglen, info.srcmsglen);
            CHECK_EQ(again.dstmsglen, info.dstmsglen);
        }
        for (int64_t at = 0; at < info.srcmsglen && at < 30000;) {
            ssize_t got = MsgRead_r(rcvid, piece, 3000, (size_t)at);
            if (got <= 0) break;
            CHECK_LE(got, 3000);
            CHECK_LE(at + got, info.srcmsglen);
            at += got;
        }
        ssize_t put = MsgWrite_r(rcvid, piece, 3000, 100);
        CHECK_LE(put, 3000);
        int result = MsgReply_r(rcvid, 7, message, 5000);
        CHECK(result == 0 || result == -ESRCH || result == -EFAULT);
    }
    return NULL;
}

CASE_LIMIT(lengths_that_change_between_two_looks, 30)
{
    struct flips *flips = qnx_share(sizeof *flips);
    struct guests *canary = qnx_share(sizeof *canary);
    pthread_t servers[2], other;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    flips->server = canary->server = getpid();
    flips->chid = CHECK_SYS(ChannelCreate(0));
    canary->chid = CHECK_SYS(ChannelCreate(0));
    for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_create(&servers[i], NULL, receive_flipped, flips), 0);
    CHECK_EQ(pthread_create(&other, NULL, answer_all, &canary->chid), 0);
    int honest = CHECK_SYS(ConnectAttach(0, 0, canary->chid, _NTO_SIDE_CHANNEL, 0));
    pid_t flipper = 0;
    for (unsigned round = 0; round < check_rounds(4, 60); round++) {
        flipper = check_fork(send_and_flip, flips);
        unsigned before = atomic_load(&flips->sent);
        for (unsigned i = 0; atomic_load(&flips->sent) < before + 300 && kill(flipper, 0) == 0; i++) {
            int status;
            call(honest, i % 64 ? 64 : LARGE);
            /* Its lies may cost it its link: then it cannot go on, and begins anew. */
            if (waitpid(flipper, &status, WNOHANG) == flipper) flipper = check_fork(send_and_flip, flips);
        }
        CHECK_SYS(kill(flipper, SIGKILL));
        CHECK_EQ(waitpid(flipper, NULL, 0), flipper);
    }
    atomic_store(&flips->over, 1);
    CHECK_EQ(ChannelDestroy(flips->chid), 0);
    for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_join(servers[i], NULL), 0);
    call(honest, LARGE);
}
