/*
 * What a server says at an awkward moment, said by a server that speaks the wire by hand: the port is gone, or refuses the client, just when the
 * client has been admitted; a reply comes when nobody waits for it any more.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/lane.h"

#define FACE 7

static _Atomic bool held_up, go_on, called_back;

/* Keeps the thread that attaches from its reply until the watcher has heard what came after it. */
static void hold_up(int signal)
{
    (void)signal;
    atomic_store(&held_up, true);
    while (!atomic_load(&go_on)) sched_yield();
}

static void on_deliver(const struct tpy_identity *from, const void *payload, size_t length)
{
    (void)from, (void)payload, (void)length;
    atomic_store(&go_on, true);
}

static void on_gone(void *argument)
{
    (void)argument;
    atomic_store(&called_back, true);
}

static void *attach(void *argument)
{
    CHECK_OK(tpy_connection_open(getpid(), 1, 0, 0, argument));
    return NULL;
}

/* The client is admitted as its connection 5, and told so, and told this in the same breath. */
static struct tpy_connection *admit_and_say(struct tpy_say next)
{
    struct sigaction action = {.sa_handler = hold_up};
    struct tpy_connection *connection;
    pthread_t client;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    tpy_on_deliver(FACE, on_deliver);
    int listener = core_wire_listen();
    CHECK_EQ(pthread_create(&client, NULL, attach, &connection), 0);
    int link = core_wire_greet(listener, core_page());
    struct tpy_say asked = core_wire_hear(link, TPY_SAY_ATTACH), reply = core_wire_reply(&asked);
    CHECK_EQ(pthread_kill(client, SIGUSR1), 0);
    while (!atomic_load(&held_up)) sched_yield();
    reply.connection = 5;
    core_wire_say(link, reply, -1);
    core_wire_say(link, next, -1);
    core_wire_say(link, (struct tpy_say){.type = TPY_SAY_DELIVER, .word = FACE}, -1);
    CHECK_EQ(pthread_join(client, NULL), 0);
    return connection;
}

CASE(a_port_that_goes_while_its_client_is_admitted_is_noticed)
{
    struct tpy_connection *connection = admit_and_say((struct tpy_say){.type = TPY_SAY_GONE, .connection = 5});
    CHECK_EQ(tpy_connection_alive(connection), -ESRCH);
    tpy_connection_on_gone(connection, on_gone, NULL);
    CHECK(atomic_load(&called_back));
    /* So is it by a thread that waits for as long as it lives. */
    struct tpy_watch watch = {.thread = tpy_thread_self()};
    uint32_t events = tpy_thread_events(watch.thread);
    tpy_connection_watch(connection, &watch);
    CHECK_NE(tpy_thread_events(watch.thread), events);
    tpy_connection_unwatch(connection, &watch);
    tpy_connection_close(connection);
}

CASE(a_refusal_while_its_client_is_admitted_is_noticed)
{
    struct tpy_connection *connection = admit_and_say((struct tpy_say){.type = TPY_SAY_GONE, .connection = 5, .flags = 1});
    CHECK_EQ(tpy_connection_alive(connection), 0);
    CHECK(atomic_load(&connection->refused));
    tpy_connection_close(connection);
}

/* Of another connection, which there is not. */
CASE(what_ends_another_connection_ends_no_new_one)
{
    struct tpy_connection *connection = admit_and_say((struct tpy_say){.type = TPY_SAY_GONE, .connection = 4});
    CHECK_EQ(tpy_connection_alive(connection), 0);
    CHECK(!atomic_load(&connection->refused));
    tpy_connection_close(connection);
}

static void *attach_in_vain(void *argument)
{
    struct tpy_connection *connection;
    *(int *)argument = tpy_connection_open(getpid(), 1, 0, 0, &connection);
    return NULL;
}

/* A result must be 0 or an error, or a call that gives descriptors would return it. */
CASE(a_result_that_is_none_is_an_error)
{
    static const int32_t results[] = {1, 7, INT32_MAX, -4096, INT32_MIN};
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    int listener = core_wire_listen(), link = -1;
    for (unsigned i = 0; i < 5; i++) {
        pthread_t client;
        int result;
        CHECK_EQ(pthread_create(&client, NULL, attach_in_vain, &result), 0);
        if (link < 0) link = core_wire_greet(listener, core_page());
        struct tpy_say asked = core_wire_hear(link, TPY_SAY_ATTACH), reply = core_wire_reply(&asked);
        reply.result = results[i];
        reply.connection = 9;
        core_wire_say(link, reply, -1);
        CHECK_EQ(pthread_join(client, NULL), 0);
        CHECK_EQ(result, -EPROTO);
    }
}
