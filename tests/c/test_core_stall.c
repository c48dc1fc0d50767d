/*
 * Peers that are slow on purpose: a client whose bytes do not come, or come one by one, or lie in pages that it withholds; a server that says nothing;
 * either that keeps its partner busy without end. What they hold up is their own exchange, and no longer than is said.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/lane.h"
#include "core/port_record.h"

#define LARGE 100000u

struct scene {
    pid_t server;
    uint32_t id;
    _Atomic unsigned posted, pulling, speak, said, unblocked;
    unsigned trickle; /* ns between two bytes; 0: none comes */
};

static struct scene *scene;

/* An offer made by hand, of LARGE bytes that never come. */
static struct tpy_lane *offer_nothing(struct tpy_connection **connection)
{
    int error;
    CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, connection));
    struct tpy_lane *lane = tpy_lane_get(tpy_thread_self(), *connection, &error);
    CHECK(lane != NULL);
    CHECK_EQ(tpy_lane_bulk(lane), 0);
    lane->shared->offer.send_length = lane->shared->offer.room = LARGE;
    lane->shared->offer.flags = TPY_OFFER_STREAM;
    atomic_store(&lane->shared->client.fault_at, TPY_NOWHERE);
    lane->shared->client.iov_count = 1; /* where they would be read from its memory, if they could */
    lane->sequence = 1;
    atomic_store(&lane->shared->offer.post, 1 << 1);
    tpy_futex_wake(&lane->shared->offer.post, 1);
    return lane;
}

static void stall(void *argument)
{
    struct tpy_connection *connection;
    struct tpy_lane *lane = offer_nothing(&connection);
    uint64_t filled = TPY_INLINE_HEAD;
    int files[2] = {0, 1};
    (void)argument;
    while (!atomic_load(&scene->pulling)) sched_yield();
    for (int64_t next = tpy_now(); scene->trickle;) {
        atomic_store(&lane->shared->client.filled, ++filled);
        atomic_store(&lane->shared->client.seek_seen, atomic_load(&lane->shared->server.seek));
        for (next += scene->trickle; tpy_now() < next;) {}
    }
    while (!atomic_load(&scene->speak)) sched_yield();
    struct tpy_say say = {.version = TPY_WIRE_VERSION, .exchange = lane->exchange, .sequence = 1};
    say.type = TPY_SAY_UNBLOCK;
    CHECK_OK(tpy_link_say(lane->link, &say, NULL, 0));
    say.type = TPY_SAY_FDS;
    CHECK_OK(tpy_link_say(lane->link, &say, files, 2));
    say.type = TPY_SAY_BULK;
    CHECK_OK(tpy_link_say(lane->link, &say, NULL, 0));
    atomic_store(&scene->said, 1);
    for (;;) pause();
}

static void on_unblock(void *face, struct tpy_exchange *exchange, uint32_t serial, void *client)
{
    struct tpy_exchange_info info;
    (void)face, (void)client;
    CHECK_EQ(tpy_exchange_info(exchange, serial, &info), 0);
    CHECK(info.unblock_requested);
    atomic_store(&scene->unblocked, 1);
}

static struct tpy_receipt receipt;

static void *pull(void *length)
{
    static char memory[LARGE];
    struct iovec part = {memory, LARGE};
    atomic_store(&scene->pulling, 1);
    *(ssize_t *)length = tpy_pull(receipt.exchange, receipt.sequence, 0, &part, 1);
    return NULL;
}

/* A port with an offer accepted of a client that stalls. */
static struct tpy_port *begin(unsigned trickle, pid_t *client)
{
    static const struct tpy_port_ops ops = {.unblock = on_unblock};
    struct tpy_port *port;
    char head[100];
    struct iovec part = {head, sizeof head};
    scene = core_share(sizeof *scene);
    scene->server = getpid();
    scene->trickle = trickle;
    core_forbid(SYS_process_vm_readv); /* or the server would not wait for it */
    CHECK_OK(tpy_port_create(&ops, NULL, 0, &port, &scene->id));
    *client = check_fork(stall, NULL);
    CHECK_EQ(tpy_receive(port, NULL, &part, 1, 0, tpy_now() + 5000 * MS, &receipt), 0);
    return port;
}

static void kill_and_reap(pid_t client)
{
    CHECK_SYS(kill(client, SIGKILL));
    CHECK_EQ(waitpid(client, NULL, 0), client);
}

CASE(a_client_that_stalls_a_transfer_does_not_stop_the_others)
{
    pthread_t puller;
    pid_t client;
    ssize_t length;
    struct tpy_connection *other;
    struct tpy_port *port = begin(0, &client);
    CHECK_EQ(pthread_create(&puller, NULL, pull, &length), 0);
    while (atomic_load(&receipt.exchange->lock.word) == 0) sched_yield();
    int64_t start = tpy_now();
    atomic_store(&scene->speak, 1);
    while (!atomic_load(&scene->said)) sched_yield();
    CHECK_OK(tpy_connection_open(getpid(), scene->id, 0, 0, &other)); /* the watcher lets it in */
    while (!atomic_load(&scene->unblocked)) sched_yield();
    CHECK_LT(tpy_now() - start, 500 * MS);
    CHECK_EQ(pthread_join(puller, NULL), 0);
    CHECK_EQ(length, -EFAULT);
    kill_and_reap(client);
    CHECK_OK(tpy_port_destroy(port));
}

CASE(a_client_that_sends_byte_by_byte_holds_nobody_for_long)
{
    pid_t client;
    ssize_t length;
    struct tpy_port *port = begin(500000, &client); /* 50 seconds for all of it */
    int64_t start = tpy_now();
    pull(&length);
    CHECK_EQ(length, -EFAULT);
    CHECK_LT(tpy_now() - start, 5000 * MS);
    kill_and_reap(client);
    CHECK_OK(tpy_port_destroy(port));
}

/* ---- Pages that another user withholds ---- */

static int admit(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t cookie, void **client, uint64_t *reply)
{
    (void)face, (void)who, (void)tag, (void)cookie, (void)client, (void)reply;
    return 0;
}
static const struct tpy_port_ops open_to_all = {.attach = admit};

#define HUGE (4u << 20) /* more than the ring takes ahead */

static void *asleep_in_page(void *connection)
{
    size_t last = HUGE - 4096;
    char *memory = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    int fd = (int)CHECK_SYS(syscall(SYS_userfaultfd, O_CLOEXEC));
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {.range = {(uintptr_t)memory + last, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK_SYS(ioctl(fd, UFFDIO_API, &api));
    CHECK_SYS(ioctl(fd, UFFDIO_REGISTER, &range));
    memset(memory, 1, last);
    CHECK_SYS(syscall(SYS_setresuid, 65534, 65534, 65534)); /* this thread's alone, and its link's */
    struct iovec send = {memory, HUGE};
    struct tpy_offer offer = {.send = &send, .send_parts = 1, .deadline = TPY_NEVER, .strike = TPY_STRIKE_BOTH};
    struct tpy_connection *made;
    (void)connection;
    CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, &made));
    tpy_offer(made, &offer);
    return NULL;
}

static void withhold(void *argument) { asleep_in_page(argument); }

CASE(a_page_that_another_user_withholds_stops_no_server)
{
    static char memory[HUGE];
    struct tpy_port *port;
    struct iovec part = {memory, 100};
    if (geteuid() != 0) SKIP("only root becomes another user");
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd < 0) SKIP("no userfaultfd here");
    close(fd);
    scene = core_share(sizeof *scene);
    scene->server = getpid();
    CHECK_OK(tpy_port_create(&open_to_all, NULL, 0, &port, &scene->id));
    pid_t client = check_fork(withhold, NULL);
    CHECK_EQ(tpy_receive(port, NULL, &part, 1, 0, tpy_now() + 5000 * MS, &receipt), 0);
    part.iov_len = HUGE;
    CHECK_EQ(tpy_pull(receipt.exchange, receipt.sequence, 0, &part, 1), -EFAULT);
    kill_and_reap(client);
    CHECK_OK(tpy_port_destroy(port));
}

/* ---- Words that change without end ---- */

static void *hang_up_without_end(void *connection)
{
    int error;
    CHECK(tpy_lane_get(tpy_thread_self(), connection, &error) != NULL);
    while (tpy_hang_up(connection) == 0) atomic_store(&scene->posted, 1);
    return NULL;
}

CASE(a_client_that_posts_without_end_keeps_no_receiver_from_its_deadline)
{
    pthread_t client;
    struct tpy_connection *connection;
    struct tpy_receipt none;
    struct iovec part = {NULL, 0};
    scene = core_share(sizeof *scene);
    struct tpy_port *port = core_port(&scene->id);
    CHECK_OK(tpy_connection_open(getpid(), scene->id, 0, 0, &connection));
    CHECK_EQ(pthread_create(&client, NULL, hang_up_without_end, connection), 0);
    while (!atomic_load(&scene->posted)) sched_yield();
    int64_t start = tpy_now();
    CHECK_EQ(tpy_receive(port, NULL, &part, 1, 0, start + 100 * MS, &none), -ETIMEDOUT);
    CHECK_LT(tpy_now() - start, 2000 * MS);
    tpy_connection_close(connection);
    CHECK_EQ(pthread_join(client, NULL), 0);
    CHECK_OK(tpy_port_destroy(port));
}

static _Atomic bool flickering, over;

/* A server by hand that binds one exchange and then does nothing but change its answer word. */
static void *flicker(void *listener)
{
    void *map;
    int client = core_wire_greet(*(int *)listener, core_page());
    struct tpy_say asked = core_wire_hear(client, TPY_SAY_ATTACH), reply = core_wire_reply(&asked);
    reply.connection = 1;
    core_wire_say(client, reply, -1);
    asked = core_wire_hear(client, TPY_SAY_BIND);
    int fd = (int)CHECK_OK(tpy_memory_create("tetrapylon-exchange", sizeof(struct tpy_shared)));
    CHECK_EQ(tpy_memory_map(fd, sizeof(struct tpy_shared), true, NULL, &map), 0);
    struct tpy_shared *shared = map;
    reply = core_wire_reply(&asked);
    reply.exchange = 1;
    core_wire_say(client, reply, fd);
    while (!atomic_load(&over)) {
        atomic_fetch_add(&shared->answer.answer, 1 << TPY_ANSWER_SHIFT); /* never what it was at the last look */
        atomic_store(&flickering, true);
    }
    return NULL;
}

CASE(a_server_that_changes_its_words_without_end_keeps_no_client_from_its_deadline)
{
    pthread_t server;
    struct tpy_connection *connection;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    int listener = core_wire_listen();
    CHECK_EQ(pthread_create(&server, NULL, flicker, &listener), 0);
    CHECK_OK(tpy_connection_open(getpid(), 1, 0, 0, &connection));
    struct iovec part = {"x", 1};
    int error;
    CHECK(tpy_lane_get(tpy_thread_self(), connection, &error) != NULL);
    while (!atomic_load(&flickering)) sched_yield();
    int64_t start = tpy_now();
    struct tpy_offer offer = {.send = &part, .send_parts = 1, .deadline = start + 100 * MS, .strike = TPY_STRIKE_BOTH};
    CHECK_EQ(tpy_offer(connection, &offer), -ETIMEDOUT);
    CHECK_LT(tpy_now() - start, 2000 * MS);
    atomic_store(&over, true);
    CHECK_EQ(pthread_join(server, NULL), 0);
    tpy_connection_close(connection);
}

/* ---- A server that says nothing ---- */

static void say_nothing(void *argument)
{
    struct scene *silent = argument;
    int listener = core_wire_listen();
    atomic_store(&silent->posted, 1);
    int client = (int)CHECK_SYS(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    core_wire_hear(client, TPY_SAY_HELLO);
    atomic_store(&silent->said, 1);
    for (;;) pause();
}

static void *greet_in_vain(void *server)
{
    struct tpy_connection *connection;
    CHECK_LT(tpy_connection_open(*(pid_t *)server, 1, 0, 0, &connection), 0);
    return NULL;
}

CASE(a_silent_server_keeps_nobody_from_others)
{
    pthread_t waiting;
    uint32_t id;
    struct tpy_connection *connection;
    scene = core_share(sizeof *scene);
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    pid_t silent = check_fork(say_nothing, scene), echo = core_echo_process(&id);
    while (!atomic_load(&scene->posted)) sched_yield();
    CHECK_EQ(pthread_create(&waiting, NULL, greet_in_vain, &silent), 0);
    while (!atomic_load(&scene->said)) sched_yield();
    int64_t start = tpy_now();
    CHECK_OK(tpy_connection_open(echo, id, 0, 0, &connection));
    CHECK_EQ(core_call(connection, 100, 1), 0);
    CHECK_LT(tpy_now() - start, 2000 * MS);
    kill_and_reap(silent);
    CHECK_EQ(pthread_join(waiting, NULL), 0);
    kill_and_reap(echo);
}
