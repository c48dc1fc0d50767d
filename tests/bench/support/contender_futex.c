/*
 * Raw futex: payload copied through shared memory, then FUTEX_WAIT and FUTEX_WAKE, no spinning. A side that sleeps
 * leaves a mark in the word it sleeps on, so that a wake nobody waits for is not paid for. Each client has a slot of
 * its own; the server sleeps on one doorbell and looks at every slot when it is rung.
 */
#include "contender.h"
#include "shared_region.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A slot's turn: whose it is, and whether the client sleeps meanwhile. */
enum { TURN_CLIENT = 0, TURN_SERVER = 1, TURN_ASLEEP = 2 };
/* The doorbell counts in twos; its lowest bit says that the server sleeps. */
enum { BELL_ASLEEP = 1, BELL_STEP = 2 };

struct futex_slot {
    _Alignas(64) _Atomic uint32_t turn;
    _Alignas(4096) char request[BENCH_LARGEST];
    _Alignas(4096) char reply[BENCH_LARGEST];
};

struct futex_region {
    _Alignas(64) _Atomic uint32_t bell;
    struct futex_slot slots[]; /* one per client */
};

static size_t region_size(int clients)
{
    return sizeof(struct futex_region) + (size_t)clients * sizeof(struct futex_slot);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int futex_open(struct bench_server *server, char *address, size_t room)
{
    server->state = shared_region_create(server->endpoint, region_size(server->clients));
    if (!server->state)
        return -errno;
    snprintf(address, room, "%s", server->endpoint);
    return 0;
}

static int answer(struct bench_server *server, struct futex_slot *slot)
{
    size_t size = bench_size(slot->request);
    if (size > BENCH_LARGEST)
        return -EBADMSG;
    memcpy(server->message, slot->request, size);
    size = bench_answer(server->message);
    if (!size)
        return -EBADMSG;
    memcpy(slot->reply, server->message, size);
    if (atomic_exchange(&slot->turn, TURN_CLIENT) & TURN_ASLEEP)
        futex_wake(&slot->turn);
    return 0;
}

static int futex_serve(struct bench_server *server)
{
    struct futex_region *r = server->state;
    for (;;) {
        uint32_t bell = atomic_load(&r->bell);
        int answered = 0;
        for (int i = 0; i < server->clients; i++) {
            if (!(atomic_load(&r->slots[i].turn) & TURN_SERVER))
                continue;
            int error = answer(server, &r->slots[i]);
            if (error)
                return error;
            answered++;
        }
        if (answered)
            continue;
        if ((bell & BELL_ASLEEP) || atomic_compare_exchange_strong(&r->bell, &bell, bell | BELL_ASLEEP))
            futex_wait(&r->bell, bell | BELL_ASLEEP);
    }
}

static int futex_connect(struct bench_client *client, const char *address)
{
    client->state = shared_region_open(address, region_size(client->index + 1));
    return client->state ? 0 : -errno;
}

static void ring(_Atomic uint32_t *bell)
{
    uint32_t old = atomic_load(bell);
    while (!atomic_compare_exchange_weak(bell, &old, (old & ~(uint32_t)BELL_ASLEEP) + BELL_STEP))
        ;
    if (old & BELL_ASLEEP)
        futex_wake(bell);
}

static int futex_call(struct bench_client *client, size_t size)
{
    struct futex_region *r = client->state;
    struct futex_slot *slot = &r->slots[client->index];
    memcpy(slot->request, client->request, size);
    atomic_store(&slot->turn, TURN_SERVER);
    ring(&r->bell);
    uint32_t turn;
    while ((turn = atomic_load(&slot->turn)) & TURN_SERVER) {
        if ((turn & TURN_ASLEEP) || atomic_compare_exchange_strong(&slot->turn, &turn, turn | TURN_ASLEEP))
            futex_wait(&slot->turn, TURN_SERVER | TURN_ASLEEP);
    }
    memcpy(client->reply, slot->reply, size);
    return 0;
}

const struct contender contender_futex = {"futex", futex_open, futex_serve, futex_connect, futex_call};
