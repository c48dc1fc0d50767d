/*
 * Clients that take what is others' too: descriptors, exchanges, the server's patience with a socket that nobody reads. And set-up that fails half way:
 * what was taken for it is given back.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/exchange_record.h"
#include "core/lane.h"
#include "core/node.h"

struct scene {
    pid_t server;
    uint32_t id;
    _Atomic unsigned ready, go, bound, refused, sent, leave;
};

static struct scene *scene;

static struct scene *make_scene(uint32_t id)
{
    scene = core_share(sizeof *scene);
    scene->server = getpid();
    scene->id = id;
    return scene;
}

static void await(_Atomic unsigned *word, unsigned value)
{
    while (atomic_load(word) < value) sched_yield();
}

/* ---- A client that is stopped while its port goes ---- */

#define MANY 600u

static void connect_often_and_stop(void *argument)
{
    static struct tpy_connection *connections[MANY];
    struct tpy_connection *other;
    (void)argument;
    for (unsigned i = 0; i < MANY; i++) CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, &connections[i]));
    atomic_store(&scene->ready, 1);
    CHECK_SYS(raise(SIGSTOP));
    await(&scene->go, 1);
    for (unsigned i = 0; i < MANY; i++) {
        while (tpy_connection_alive(connections[i]) == 0) sched_yield();
        CHECK_EQ(core_call(connections[i], 1, 1), -EBADF);
        tpy_connection_close(connections[i]);
    }
    /* It may begin anew. */
    int result;
    while ((result = tpy_connection_open(scene->server, scene->leave, 0, 0, &other)) == -ESRCH) sched_yield();
    CHECK_EQ(result, 0);
    CHECK_EQ(core_call(other, 100, 1), 0);
}

CASE(a_client_that_was_stopped_learns_that_its_port_went)
{
    uint32_t id, other_id;
    int status;
    pthread_t server;
    struct tpy_port *port = core_port(&id), *other = core_port(&other_id);
    make_scene(id);
    atomic_store(&scene->leave, other_id);
    CHECK_EQ(pthread_create(&server, NULL, core_echo, other), 0);
    pid_t client = check_fork(connect_often_and_stop, NULL);
    CHECK_EQ(waitpid(client, &status, WUNTRACED), client);
    CHECK(WIFSTOPPED(status));
    CHECK_OK(tpy_port_destroy(port));
    struct tpy_connection *own; /* once the watcher serves this one, the other is done */
    CHECK_OK(tpy_connection_open(getpid(), other_id, 0, 0, &own));
    atomic_store(&scene->go, 1);
    CHECK_SYS(kill(client, SIGCONT));
    check_join(client);
    CHECK_OK(tpy_port_destroy(other));
    CHECK_EQ(pthread_join(server, NULL), 0);
}

/* ---- Another user's clients ---- */

static int admit(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t cookie, void **client, uint64_t *reply)
{
    (void)face, (void)who, (void)tag, (void)cookie, (void)client, (void)reply;
    return 0;
}
static const struct tpy_port_ops open_to_all = {.attach = admit};

static struct tpy_lane *new_lane(int *error)
{
    struct tpy_connection *connection;
    if ((*error = tpy_connection_open(scene->server, scene->id, 0, 0, &connection)) != 0) return NULL;
    return tpy_lane_get(tpy_thread_self(), connection, error);
}

static void bind_all(void *argument)
{
    int error;
    (void)argument;
    CHECK_SYS(setresuid(65534, 65534, 65534));
    for (unsigned i = 0; i < MANY; i++)
        if (new_lane(&error)) atomic_fetch_add(&scene->bound, 1);
        else {
            CHECK(error == -EAGAIN || error == -ENOMEM);
            atomic_fetch_add(&scene->refused, 1);
        }
    atomic_fetch_add(&scene->ready, 1);
    await(&scene->leave, 1);
}

static struct tpy_port *port_for_all(void)
{
    uint32_t id;
    struct tpy_port *port;
    if (geteuid() != 0) SKIP("only root becomes another user");
    CHECK_OK(tpy_port_create(&open_to_all, NULL, 0, &port, &id));
    make_scene(id);
    return port;
}

CASE_LIMIT(another_user_takes_only_a_part_of_the_exchanges, 30)
{
    struct tpy_port *port = port_for_all();
    pid_t clients[3];
    int error;
    for (int turn = 0; turn < 2; turn++) {
        atomic_store(&scene->bound, 0), atomic_store(&scene->refused, 0), atomic_store(&scene->ready, 0), atomic_store(&scene->leave, 0);
        for (int i = 0; i < 3; i++) clients[i] = check_fork(bind_all, NULL);
        await(&scene->ready, 3);
        CHECK_GE(atomic_load(&scene->refused), 3 * MANY - 1024);
        CHECK_GT(atomic_load(&scene->bound), 100);
        CHECK(new_lane(&error) != NULL); /* we get ours */
        atomic_store(&scene->leave, 1);
        for (int i = 0; i < 3; i++) check_join(clients[i]);
        while (tpy_node_use_of(65534).exchanges > 0) sched_yield(); /* then there is room again */
    }
    CHECK_OK(tpy_port_destroy(port));
}

#define LANES 8

static void send_descriptors(void *argument)
{
    struct tpy_lane *lanes[LANES];
    int fds[TPY_SAY_FDS_MAX], error;
    (void)argument;
    CHECK_SYS(setresuid(65534, 65534, 65534));
    for (unsigned i = 0; i < TPY_SAY_FDS_MAX; i++) fds[i] = 0;
    for (unsigned i = 0; i < LANES; i++) CHECK((lanes[i] = new_lane(&error)) != NULL);
    for (unsigned i = 0; i < LANES; i++) {
        struct tpy_say say = {.type = TPY_SAY_FDS, .version = TPY_WIRE_VERSION, .exchange = lanes[i]->exchange, .sequence = 1};
        int result = tpy_link_say(lanes[i]->link, &say, fds, TPY_SAY_FDS_MAX);
        CHECK(result == 0 || result == -EPIPE || result == -ETOOMANYREFS); /* the kernel has a limit too, for what was not read yet */
    }
    struct tpy_say hello = {.type = TPY_SAY_HELLO}, reply; /* what comes after is heard, or the link is over */
    int fd;
    tpy_link_request(lanes[0]->link, &hello, &reply, &fd);
    atomic_store(&scene->sent, 1);
    await(&scene->leave, 1);
}

CASE(another_user_takes_only_a_part_of_the_descriptors)
{
    struct rlimit limit;
    struct tpy_port *port = port_for_all();
    struct tpy_connection *connection;
    pthread_t server;
    CHECK_EQ(pthread_create(&server, NULL, core_echo, port), 0);
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 1024;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_OK(tpy_connection_open(getpid(), scene->id, 0, 0, &connection));
    unsigned before = core_descriptors();
    pid_t client = check_fork(send_descriptors, NULL);
    await(&scene->sent, 1);
    CHECK_LE(core_descriptors(), before + 256 + TPY_SAY_FDS_MAX + 10); /* those of a message that is looked at just now */
    while (core_descriptors() > before + 256 + 10) sched_yield();
    CHECK_EQ(core_call(connection, 100000, 1), 0);
    atomic_store(&scene->leave, 1);
    check_join(client);
    core_await_counts(before + 10, UINT32_MAX);
    CHECK_OK(tpy_port_destroy(port));
    CHECK_EQ(pthread_join(server, NULL), 0);
}

/* ---- No numbers left for descriptors ---- */

#define SOON (500 * MS) /* half of what a descriptor that is on its way is waited for */

static void no_more_descriptors(void)
{
    struct rlimit limit;
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 0;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
}

/* Takes a descriptor with each of two messages and gives one back; then it has no numbers left, and takes none with a third. */
static void serve_descriptors(void *argument)
{
    struct tpy_receipt receipt;
    int fd, zero = 0;
    (void)argument;
    struct tpy_port *port = core_port(&scene->id);
    scene->server = getpid();
    atomic_store(&scene->ready, 1);
    for (unsigned message = 0; message < 3; message++) {
        if (message == 2) no_more_descriptors();
        atomic_store(&scene->go, message + 1);
        CHECK_EQ(tpy_receive(port, NULL, NULL, 0, 0, TPY_NEVER, &receipt), 0);
        int64_t start = tpy_now();
        CHECK_EQ(tpy_take_fds(receipt.exchange, receipt.sequence, &fd, 1), message < 2 ? 1 : 0);
        CHECK_LT(tpy_now() - start, SOON);
        if (message < 2) close(fd);
        CHECK_EQ(tpy_give_fds(receipt.exchange, receipt.sequence, &zero, 1), 0);
        CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, (int64_t)message, NULL, 0), 0);
    }
    await(&scene->leave, 1);
}

CASE(descriptors_that_find_no_number_are_not_waited_for)
{
    struct tpy_connection *connection;
    int fd, zero = 0;
    make_scene(0);
    pid_t server = check_fork(serve_descriptors, NULL);
    await(&scene->ready, 1);
    CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, &connection));
    for (unsigned message = 0; message < 3; message++) {
        struct tpy_offer offer = {.deadline = TPY_NEVER, .fds = &zero, .fd_count = 1};
        await(&scene->go, message + 1);
        if (message == 1) no_more_descriptors();
        CHECK_EQ(tpy_offer(connection, &offer), 0);
        CHECK_EQ(offer.status, (int64_t)message);
        int64_t start = tpy_now();
        CHECK_EQ(tpy_offer_take_fds(connection, &fd, 1), message < 1 ? 1 : 0);
        CHECK_LT(tpy_now() - start, SOON);
    }
    atomic_store(&scene->leave, 1);
    check_join(server);
}

static void offer_a_descriptor(void *argument)
{
    struct tpy_connection *connection;
    int zero = 0;
    struct tpy_offer offer = {.deadline = TPY_NEVER, .fds = &zero, .fd_count = 1};
    (void)argument;
    CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, &connection));
    CHECK_EQ(tpy_offer(connection, &offer), 0);
}

static void *finish_when_cancelled(void *argument)
{
    struct tpy_receipt *receipt = argument;
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    CHECK_EQ(tpy_finish(receipt->exchange, receipt->sequence, 0, NULL, 0), 0);
    return receipt;
}

/* It closes a descriptor that nobody took, with a lock of ours, and must come to its end. */
CASE(a_finish_is_no_cancellation_point)
{
    struct tpy_receipt receipt;
    pthread_t thread;
    void *result;
    struct tpy_port *port = core_port(&make_scene(0)->id);
    pid_t client = check_fork(offer_a_descriptor, NULL);
    CHECK_EQ(tpy_receive(port, NULL, NULL, 0, 0, TPY_NEVER, &receipt), 0);
    while (atomic_load(&receipt.exchange->fd_sequence) == 0) sched_yield(); /* it is here */
    CHECK_EQ(pthread_create(&thread, NULL, finish_when_cancelled, &receipt), 0);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == &receipt);
    check_join(client);
    CHECK_OK(tpy_port_destroy(port));
}

/* ---- Times that run backwards ---- */

#define RINGS 64u

CASE(times_that_run_backwards_do_not_keep_the_receiver)
{
    struct tpy_lane *lanes[RINGS];
    struct tpy_receipt receipt;
    struct iovec none = {NULL, 0};
    uint32_t id;
    int error;
    struct tpy_port *port = core_port(&id);
    make_scene(id);
    for (unsigned i = 0; i < RINGS; i++) CHECK((lanes[i] = new_lane(&error)) != NULL);
    CHECK_OK(tpy_port_inject(port, 0, 255, 0, 0, 0, 0)); /* what comes is queued behind it, by time */
    uint64_t now = (uint64_t)tpy_now();
    for (unsigned i = 0; i < RINGS; i++) {
        for (unsigned slot = 0; slot < TPY_ONEWAY_SLOTS; slot++)
            lanes[i]->shared->oneway[slot] = (struct tpy_oneway){.stamp = now - i * TPY_ONEWAY_SLOTS - slot};
        atomic_store(&lanes[i]->shared->offer.post, (uint64_t)TPY_ONEWAY_SLOTS << 32);
    }
    int64_t start = tpy_now();
    for (unsigned i = 0; i <= RINGS * TPY_ONEWAY_SLOTS; i++) CHECK_EQ(tpy_receive(port, NULL, &none, 1, 0, 0, &receipt), 0);
    CHECK_LT(tpy_now() - start, 2000 * MS);
    CHECK_OK(tpy_port_destroy(port));
}

/* ---- Set-up that fails half way ---- */

static void *create_without_seals(void *result)
{
    struct tpy_port *port;
    uint32_t id;
    core_forbid(SYS_fcntl);
    *(int *)result = tpy_port_create(&open_to_all, NULL, 0, &port, &id);
    return NULL;
}

CASE(a_port_that_could_not_be_made_can_be_made_later)
{
    pthread_t poor, server;
    struct tpy_connection *connection;
    struct tpy_link *link;
    uint32_t id;
    int result;
    CHECK_EQ(tpy_node_link(1, &link), -ESRCH); /* what a process has once */
    CHECK_EQ(pthread_create(&poor, NULL, create_without_seals, &result), 0);
    CHECK_EQ(pthread_join(poor, NULL), 0);
    CHECK_LT(result, 0);
    struct tpy_port *port = core_port(&id);
    CHECK_EQ(pthread_create(&server, NULL, core_echo, port), 0);
    CHECK_OK(tpy_connection_open(getpid(), id, 0, 0, &connection));
    CHECK_EQ(core_call(connection, 100, 1), 0);
    CHECK_OK(tpy_port_destroy(port));
    CHECK_EQ(pthread_join(server, NULL), 0);
}

static void *open_once(void *result)
{
    struct tpy_connection *connection;
    *(int *)result = tpy_connection_open(getpid(), 1, 0, 0, &connection);
    return NULL;
}

/* A server that answers when nobody waits any more: its client takes back what it asked for. */
CASE(what_is_granted_too_late_is_given_back)
{
    pthread_t client;
    int result;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    int listener = core_wire_listen();
    CHECK_EQ(pthread_create(&client, NULL, open_once, &result), 0);
    int link = core_wire_greet(listener, core_page());
    struct tpy_say asked = core_wire_hear(link, TPY_SAY_ATTACH), reply = core_wire_reply(&asked), late = reply;
    late.request += 1000; /* any but the one that is waited for */
    late.tag = TPY_SAY_ATTACH;
    late.connection = 77;
    core_wire_say(link, late, -1);
    CHECK_EQ(core_wire_hear(link, TPY_SAY_DETACH).connection, 77);
    late.tag = TPY_SAY_BIND;
    late.exchange = 33;
    core_wire_say(link, late, core_page());
    CHECK_EQ(core_wire_hear(link, TPY_SAY_UNBIND).exchange, 33);
    late.result = -EAGAIN; /* nothing was granted */
    core_wire_say(link, late, -1);
    late.result = 0;
    late.tag = TPY_SAY_ATTACH;
    late.connection = 78;
    core_wire_say(link, late, -1);
    CHECK_EQ(core_wire_hear(link, TPY_SAY_DETACH).connection, 78);
    core_wire_say(link, reply, -1);
    CHECK_EQ(pthread_join(client, NULL), 0);
    CHECK_EQ(result, 0);
}
