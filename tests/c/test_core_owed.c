/*
 * A server that does not listen for a while, so that its socket is full: what its clients end meanwhile it hears of later, all of it, and whatever else
 * they have with it goes on.
 */
#include "core_support.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define MANY 100u

struct scene {
    _Atomic uint32_t id;
    _Atomic unsigned attached, detached;
};

static int attach(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t cookie, void **client, uint64_t *reply)
{
    struct scene *scene = face;
    (void)who, (void)tag, (void)cookie, (void)client, (void)reply;
    atomic_fetch_add(&scene->attached, 1);
    return 0;
}

static void detach(void *face, void *client)
{
    struct scene *scene = face;
    (void)client;
    atomic_fetch_add(&scene->detached, 1);
}

static void serve(void *argument)
{
    static const struct tpy_port_ops ops = {.attach = attach, .detach = detach};
    struct scene *scene = argument;
    struct tpy_port *port;
    uint32_t id;
    CHECK_OK(tpy_port_create(&ops, scene, 0, &port, &id));
    atomic_store(&scene->id, id);
    core_echo(port);
}

static void stop(pid_t server)
{
    int status;
    CHECK_SYS(kill(server, SIGSTOP));
    CHECK_EQ(waitpid(server, &status, WUNTRACED), server);
    CHECK(WIFSTOPPED(status));
}

static void fill(struct tpy_connection *connection)
{
    char payload[8] = {0};
    int result;
    while ((result = tpy_notify(connection, payload, sizeof payload)) == 0) {}
    CHECK_EQ(result, -EAGAIN);
}

CASE(connections_closed_while_the_socket_is_full_take_no_others_along)
{
    struct scene *scene = core_share(sizeof *scene);
    struct tpy_connection *kept, *closed[MANY];
    pid_t server = check_fork(serve, scene);
    while (atomic_load(&scene->id) == 0) sched_yield();
    CHECK_OK(tpy_connection_open(server, scene->id, 0, 0, &kept));
    CHECK_OK(core_call(kept, 100, 1));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            CHECK_OK(tpy_connection_open(server, scene->id, 0, 0, &closed[i]));
            CHECK_OK(core_call(closed[i], 8, i));
        }
        stop(server);
        fill(kept);
        for (unsigned i = 0; i < MANY; i++) tpy_connection_close(closed[i]);
        CHECK_SYS(kill(server, SIGCONT));
        CHECK_OK(core_call(kept, 100, round));
        while (atomic_load(&scene->detached) < MANY * (round + 1)) sched_yield();
    }
    CHECK_EQ(atomic_load(&scene->detached), 3 * MANY);
    tpy_connection_close(kept);
    while (atomic_load(&scene->detached) <= 3 * MANY) sched_yield();
    CHECK_SYS(kill(server, SIGKILL));
    CHECK_EQ(waitpid(server, NULL, 0), server);
}

CASE(what_is_owed_to_a_server_that_dies_is_forgotten)
{
    struct scene *scene = core_share(sizeof *scene);
    struct tpy_connection *connection, *closed[MANY];
    unsigned descriptors = core_descriptors(), mappings = core_mappings();
    for (unsigned round = 0; round < 3; round++) {
        atomic_store(&scene->id, 0);
        pid_t server = check_fork(serve, scene);
        while (atomic_load(&scene->id) == 0) sched_yield();
        CHECK_OK(tpy_connection_open(server, scene->id, 0, 0, &connection));
        CHECK_OK(core_call(connection, 100, 1));
        for (unsigned i = 0; i < MANY; i++) CHECK_OK(tpy_connection_open(server, scene->id, 0, 0, &closed[i]));
        if (round == 0) descriptors = core_descriptors(), mappings = core_mappings(); /* with one link and one lane */
        stop(server);
        fill(connection);
        for (unsigned i = 0; i < MANY; i++) tpy_connection_close(closed[i]);
        CHECK_SYS(kill(server, SIGKILL));
        CHECK_EQ(waitpid(server, NULL, 0), server);
        tpy_connection_close(connection);
        core_await_counts(descriptors, mappings);
    }
}
