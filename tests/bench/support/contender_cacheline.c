/*
 * The limit: one cache line carried to the other process and back, and nothing else done. Both sides spin on the
 * message's word itself. Eight bytes only. The harness stops the server between slices, so that it takes no CPU then.
 */
#include "contender.h"
#include "shared_region.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

struct line {
    _Alignas(64) _Atomic uint64_t word;
    char rest[56];
};

static int line_open(struct bench_server *server, char *address, size_t room)
{
    server->state = shared_region_create(server->endpoint, sizeof(struct line));
    if (!server->state)
        return -errno;
    snprintf(address, room, "%s", server->endpoint);
    return 0;
}

static int line_serve(struct bench_server *server)
{
    struct line *line = server->state;
    uint64_t answered = 0, word;
    do {
        while ((word = atomic_load_explicit(&line->word, memory_order_acquire)) == answered)
            spin_pause();
        answered = word + BENCH_STEP;
        atomic_store_explicit(&line->word, answered, memory_order_release);
    } while (answered);
    return -EBADMSG;
}

static int line_connect(struct bench_client *client, const char *address)
{
    client->state = shared_region_open(address, sizeof(struct line));
    return client->state ? 0 : -errno;
}

static int line_call(struct bench_client *client, size_t size)
{
    struct line *line = client->state;
    uint64_t request = bench_word(client->request), reply;
    if (size != sizeof request)
        return -EMSGSIZE;
    atomic_store_explicit(&line->word, request, memory_order_release);
    while ((reply = atomic_load_explicit(&line->word, memory_order_acquire)) == request)
        spin_pause();
    bench_set_word(client->reply, reply);
    return 0;
}

const struct contender contender_cacheline = {"cacheline", line_open, line_serve, line_connect, line_call};
