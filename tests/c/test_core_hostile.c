/*
 * A client that attacks: it maps what a client maps, writes garbage over all of it, wakes, steals and requeues futex waiters, says nonsense
 * over its link, and dies in the middle. Meanwhile honest clients of the same port must lose nothing, and the server must go on.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/lane.h"
#include "core/node.h"

struct scene {
    pid_t server;
    uint32_t id;
    _Atomic unsigned honest_calls, attacks, stop;
};

static void honest(void *argument)
{
    struct scene *scene = argument;
    struct tpy_connection *connection;
    unsigned random = (unsigned)getpid();
    CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, &connection));
    for (unsigned i = 0; !atomic_load(&scene->stop); i++) {
        size_t size = i % 50 == 0 ? 20000 + core_random(&random) * 3 % 100000 : core_random(&random) % 2000;
        CHECK_EQ(core_call(connection, size, i), 0);
        atomic_fetch_add(&scene->honest_calls, 1);
    }
}

/* A server that pulls and pushes in pieces: it only meets attackers. */
static void *pull_and_push(void *port)
{
    char memory[3000];
    for (;;) {
        struct tpy_receipt receipt;
        struct iovec part = {memory, 10};
        int result = tpy_receive(port, NULL, &part, 1, 0, TPY_NEVER, &receipt);
        if (result == -ESRCH) return NULL;
        CHECK_EQ(result, 0);
        if (!receipt.exchange) continue;
        uint64_t at = 0;
        while (at < receipt.send_length) {
            part = (struct iovec){memory, sizeof memory};
            ssize_t got = tpy_pull(receipt.exchange, receipt.sequence, at, &part, 1);
            if (got <= 0) break;
            part.iov_len = (size_t)got;
            if (tpy_push(receipt.exchange, receipt.sequence, at, &part, 1) < 0) break;
            at += (uint64_t)got;
            if (at > 400000) break; /* an absurd size: enough of it was read */
        }
        result = tpy_finish_error(receipt.exchange, receipt.sequence, ENOMSG);
        CHECK(result == 0 || result == -ESRCH);
    }
}

static struct tpy_lane *own_lane(struct scene *scene, struct tpy_connection **connection)
{
    int error;
    CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, connection));
    core_call(*connection, 100000, 1); /* so that there is a stream to spoil as well */
    struct tpy_lane *lane = tpy_lane_get(tpy_thread_self(), *connection, &error);
    CHECK(lane != NULL);
    return lane;
}

static void spoil(volatile unsigned char *memory, size_t size, unsigned *random)
{
    size_t at = core_random(random) * 65536u + core_random(random);
    switch (core_random(random) % 4) {
    case 0: memory[at % size] = (unsigned char)core_random(random); break;
    case 1: *(volatile uint32_t *)(memory + at % (size - 8) / 4 * 4) = core_random(random) % 2 ? UINT32_MAX : core_random(random); break;
    case 2: *(volatile uint64_t *)(memory + at % (size - 8) / 8 * 8) = core_random(random) % 2 ? UINT64_MAX : (uint64_t)core_random(random) << 40; break;
    default: for (size_t i = 0; i < 64; i++) memory[(at + i) % size] = (unsigned char)core_random(random);
    }
}

/* Garbage over the shared words, with posts that look alive, and every trick with the futexes in them. */
static void write_garbage(void *argument)
{
    struct scene *scene = argument;
    struct tpy_connection *connection;
    struct tpy_lane *lane = own_lane(scene, &connection);
    struct tpy_shared *shared = lane->shared;
    unsigned random = (unsigned)getpid();
    static uint32_t elsewhere;
    for (unsigned i = 0; !atomic_load(&scene->stop); i++) {
        /* The lines that steer more often than the data. */
        if (i % 2) spoil((unsigned char *)&shared->server, sizeof shared->server + sizeof shared->client, &random);
        if (i % 3 == 0) spoil((unsigned char *)&shared->offer, 64, &random);
        if (i % 5 == 0) spoil((unsigned char *)&shared->answer, 64, &random);
        if (i % 7 == 0) spoil((unsigned char *)shared, sizeof *shared, &random);
        if (lane->bulk && i % 11 == 0) spoil((unsigned char *)lane->bulk, sizeof *lane->bulk, &random);
        if (i % 4 == 0) { /* a post of its own making: any length, any flags but those that end it at once */
            shared->offer.send_length = core_random(&random) % 3 ? core_random(&random) : UINT32_MAX;
            shared->offer.room = core_random(&random) % 3 ? core_random(&random) : UINT32_MAX;
            shared->offer.flags = (uint8_t)core_random(&random);
            atomic_fetch_add(&shared->offer.post, (uint64_t)(core_random(&random) % 3) << 1 | (i % 64 == 0 ? 1ull << 32 : 0));
        }
        void *words[] = {(void *)&shared->offer.post, (void *)&shared->answer.answer, (void *)lane->ring};
        void *word = words[core_random(&random) % 3];
        switch (core_random(&random) % 16) {
        case 0: syscall(SYS_futex, word, FUTEX_WAKE, 100, NULL, NULL, 0); break;
        case 1: syscall(SYS_futex, word, FUTEX_REQUEUE, 0, (void *)100, &elsewhere, 0); break;
        case 2: syscall(SYS_futex, word, FUTEX_REQUEUE, 0, (void *)100, words[0], 0); break;
        }
        atomic_fetch_add(&scene->attacks, 1);
    }
}

static void say_nonsense(void *argument)
{
    struct scene *scene = argument;
    unsigned random = (unsigned)getpid();
    while (!atomic_load(&scene->stop)) {
        struct tpy_link *link;
        if (tpy_node_link(scene->server, &link) != 0) continue;
        for (int i = 0; i < 50; i++) {
            struct tpy_say say;
            for (size_t at = 0; at < sizeof say; at++) ((unsigned char *)&say)[at] = (unsigned char)core_random(&random);
            say.version = TPY_WIRE_VERSION;
            say.type = (uint16_t)(core_random(&random) % 16);
            say.port = core_random(&random) % 4 ? scene->id : core_random(&random);
            say.connection = core_random(&random) % 8;
            say.exchange = core_random(&random) % 16;
            int fds[3] = {0, 1, 2};
            if (tpy_link_say(link, &say, fds, core_random(&random) % 4) == -EPIPE) break;
            atomic_fetch_add(&scene->attacks, 1);
        }
        tpy_node_drop(link);
        tpy_link_release(link);
    }
}

static void attacked(void (*attack)(void *), unsigned most)
{
    struct scene *scene = core_share(sizeof *scene);
    pthread_t servers[2];
    pid_t attackers[2], friends[2];
    uint32_t odd_id;
    int status;
    struct tpy_port *port, *odd = core_port(&odd_id);
    port = core_port(&scene->id);
    scene->server = getpid();
    CHECK_EQ(pthread_create(&servers[0], NULL, core_echo, port), 0);
    CHECK_EQ(pthread_create(&servers[1], NULL, pull_and_push, odd), 0);
    unsigned descriptors = core_descriptors();
    for (int i = 0; i < 2; i++) friends[i] = check_fork(honest, scene);
    while (atomic_load(&scene->honest_calls) < 100) sched_yield();
    struct scene *second = core_share(sizeof *second);
    second->server = scene->server;
    second->id = odd_id;
    attackers[0] = check_fork(attack, scene);
    attackers[1] = check_fork(attack, second);
    unsigned calls = atomic_load(&scene->honest_calls);
    while (atomic_load(&scene->attacks) < most || atomic_load(&second->attacks) < most || atomic_load(&scene->honest_calls) < calls + 500) sched_yield();
    for (int i = 0; i < 2; i++) { /* in the middle */
        CHECK_SYS(kill(attackers[i], SIGKILL));
        CHECK_EQ(waitpid(attackers[i], &status, 0), attackers[i]);
    }
    calls = atomic_load(&scene->honest_calls);
    while (atomic_load(&scene->honest_calls) < calls + 500) sched_yield();
    atomic_store(&scene->stop, 1);
    for (int i = 0; i < 2; i++) check_join(friends[i]);
    tpy_port_destroy(port);
    tpy_port_destroy(odd);
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(servers[i], NULL), 0);
    core_await_counts(descriptors, UINT32_MAX);
}

CASE_LIMIT(garbage_over_every_shared_word_hurts_only_its_writer, 60) { attacked(write_garbage, check_rounds(100000, 1000000)); }
CASE_LIMIT(nonsense_over_the_link_hurts_only_its_sender, 60) { attacked(say_nonsense, check_rounds(5000, 50000)); }

/* Connections that never say a word, far more than are admitted, and one honest client among them. */
CASE_LIMIT(a_flood_of_connects_does_not_keep_an_honest_client_out, 60)
{
    struct scene *scene = core_share(sizeof *scene);
    pthread_t server;
    char directory[108];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct tpy_port *port = core_port(&scene->id);
    scene->server = getpid();
    CHECK_EQ(pthread_create(&server, NULL, core_echo, port), 0);
    CHECK_OK(tpy_node_directory(geteuid(), directory, sizeof directory));
    struct tpy_connection *warm;
    CHECK_OK(tpy_connection_open(getpid(), scene->id, 0, 0, &warm));
    socklen_t size = sizeof address;
    /* Where our own link leads: that is where a flooder would go. */
    for (int fd = 3; fd < 100 && address.sun_path[0] != '/'; fd++) {
        size = sizeof address;
        getpeername(fd, (struct sockaddr *)&address, &size);
    }
    CHECK_EQ(address.sun_path[0], '/');
    pid_t flooder = fork();
    if (flooder == 0) {
        for (unsigned i = 0;; i++) {
            int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
            if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) != 0) close(fd);
            if (i % 900 == 899)
                for (int old = 3; old < 950; old++) close(old);
            atomic_fetch_add(&scene->attacks, 1);
        }
    }
    while (atomic_load(&scene->attacks) < 2000) sched_yield();
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct tpy_connection *connection;
            CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, &connection));
            CHECK_EQ(core_call(connection, 100, 1), 0);
            _exit(0);
        }
        check_join(child);
    }
    while (atomic_load(&scene->attacks) < 10000) sched_yield();
    CHECK_EQ(core_call(warm, 100, 2), 0);
    CHECK_SYS(kill(flooder, SIGKILL));
    CHECK_EQ(waitpid(flooder, NULL, 0), flooder);
}
