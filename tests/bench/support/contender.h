/*
 * What a contender of the benchmark is: two programs, a server and a client, that carry one call there and back.
 *
 * Every contender has this same small shape, so that what differs between two rows of the result is the way the bytes
 * travel and nothing else. The role program (role.c) owns the buffers, the clock and the checks; a contender owns only
 * its endpoint. All functions return 0 or a negative errno. One thread serves, one thread calls.
 */
#ifndef TPY_BENCH_CONTENDER_H
#define TPY_BENCH_CONTENDER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BENCH_LARGEST (1u << 20) /* bytes, the largest message of any case */
#define BENCH_CLIENTS 8          /* the most clients one server has */

struct bench_server {
    const char *endpoint; /* a path of its own in a private folder; files and sockets may be made with it as a prefix */
    int clients;          /* so many clients will connect, with index 0 .. clients - 1 */
    void *message;        /* BENCH_LARGEST bytes of this process's private memory, for the request and the reply */
    void *state;          /* the contender's own */
};

struct bench_client {
    int index;
    void *request; /* BENCH_LARGEST bytes each, private to this process */
    void *reply;
    void *state; /* the contender's own */
};

struct contender {
    const char *name;
    /* Makes the endpoint reachable and writes its address, one word, for connect. */
    int (*open)(struct bench_server *server, char *address, size_t room);
    /* Answers calls with bench_answer until the process is killed. Returns only on failure. */
    int (*serve)(struct bench_server *server);
    int (*connect)(struct bench_client *client, const char *address);
    /* Carries `size` bytes of the request to the server and its answer into the reply. */
    int (*call)(struct bench_client *client, size_t size);
};

/* All there are; NULL in the place of one that was not compiled in. */
extern const struct contender *const bench_contenders[];
extern const int bench_contender_count;

/*
 * The first eight bytes of every message: the call's number above, the whole message's size below. So no transport
 * needs a header of its own, and a server knows how long its answer is. A reply is the request with the number one
 * higher; a client's next request is two higher, so that the word changes with every message in either direction.
 */
#define BENCH_STEP (UINT64_C(1) << 32)

static inline uint64_t bench_word(const void *message)
{
    uint64_t word;
    memcpy(&word, message, sizeof word);
    return word;
}

static inline void bench_set_word(void *message, uint64_t word)
{
    memcpy(message, &word, sizeof word);
}

static inline size_t bench_size(const void *message)
{
    return (uint32_t)bench_word(message);
}

/* Turns the request in `message` into its reply; returns the reply's size, 0 when the request makes no sense. */
static inline size_t bench_answer(void *message)
{
    size_t size = bench_size(message);
    if (size < sizeof(uint64_t) || size > BENCH_LARGEST)
        return 0;
    bench_set_word(message, bench_word(message) + BENCH_STEP);
    return size;
}

#endif
