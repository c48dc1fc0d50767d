/*
 * The measure for large messages: one copy into and one out of shared memory, one after the other, each way. Both sides
 * spin, so nothing but the four copies is paid for. One client. The harness stops the server between slices.
 */
#include "contender.h"
#include "shared_region.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

struct copy_region {
    _Alignas(64) _Atomic uint64_t requested;
    _Alignas(64) _Atomic uint64_t replied;
    _Alignas(4096) char request[BENCH_LARGEST];
    _Alignas(4096) char reply[BENCH_LARGEST];
};

static int copy_open(struct bench_server *server, char *address, size_t room)
{
    server->state = shared_region_create(server->endpoint, sizeof(struct copy_region));
    if (!server->state)
        return -errno;
    snprintf(address, room, "%s", server->endpoint);
    return 0;
}

static int copy_serve(struct bench_server *server)
{
    struct copy_region *r = server->state;
    uint64_t seen = 0, word;
    for (;;) {
        while ((word = atomic_load_explicit(&r->requested, memory_order_acquire)) == seen)
            spin_pause();
        seen = word;
        memcpy(server->message, r->request, (uint32_t)word);
        size_t size = bench_answer(server->message);
        if (!size)
            return -EBADMSG;
        memcpy(r->reply, server->message, size);
        atomic_store_explicit(&r->replied, word, memory_order_release);
    }
}

static int copy_connect(struct bench_client *client, const char *address)
{
    client->state = shared_region_open(address, sizeof(struct copy_region));
    return client->state ? 0 : -errno;
}

static int copy_call(struct bench_client *client, size_t size)
{
    struct copy_region *r = client->state;
    uint64_t word = bench_word(client->request);
    memcpy(r->request, client->request, size);
    atomic_store_explicit(&r->requested, word, memory_order_release);
    while (atomic_load_explicit(&r->replied, memory_order_acquire) != word)
        spin_pause();
    memcpy(client->reply, r->reply, size);
    return 0;
}

const struct contender contender_copy = {"copy", copy_open, copy_serve, copy_connect, copy_call};
