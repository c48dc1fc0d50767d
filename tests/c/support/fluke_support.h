/*
 * fluke_support: what the tests of the Fluke gate share. A case has a server body and a client body; FLUKE_CASE runs them in two
 * processes and again in two threads of one. Words in shared memory tell either side how far the other has come.
 */
#ifndef FLUKE_SUPPORT_H
#define FLUKE_SUPPORT_H

#include "check.h"

#include <fluke/ipc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define FLUKE_ALIAS ((void *)0x1234)

/* `name`_server gets a port set with one port (alias FLUKE_ALIAS), `name`_client a reference to that port. */
#define FLUKE_CASE(name)                                                                                               \
    static void name##_server(fluke_pset_t *pset);                                                                     \
    static void name##_client(fluke_ref_t *dest);                                                                      \
    CASE(name##_by_processes) { fluke_run(false, name##_server, name##_client); }                                      \
    CASE(name##_by_threads) { fluke_run(true, name##_server, name##_client); }
void fluke_run(bool threads, void (*server)(fluke_pset_t *), void (*client)(fluke_ref_t *));

/* The server's port in this process. */
extern fluke_port_t fluke_port;
extern const char *const fluke_port_name; /* its name */

struct fluke_world { /* seen by all processes of the case */
    _Atomic unsigned step;
    _Atomic int client, server; /* their threads */
    _Atomic(fluke_thread_t *) client_thread, server_thread; /* valid in their own process */
};
extern struct fluke_world *fluke_world;
/* Makes it, and gives the case names of its own, which no other run of the tests sees. FLUKE_CASE does. */
void fluke_alone(void);
void fluke_reach(unsigned step);  /* this step is reached */
void fluke_await(unsigned step);  /* waits until it is */
void fluke_await_blocked(pid_t thread); /* it is blocked in a call of the gate */

/* Params with one buffer to send, one to receive into; both may be NULL with 0 words. */
fluke_ipc_params_t fluke_params(const uint32_t *send, size_t words, uint32_t *receive, size_t room);
void fluke_fill(uint32_t *words, size_t count, uint32_t seed);
void fluke_check_filled(const uint32_t *words, size_t count, uint32_t seed);
/* This much room is left, and `came` words came into `buffer` (where the first receive buffer began). */
#define CHECK_CAME(params, buffer, came)                                                                               \
    do {                                                                                                               \
        CHECK_PTR_EQ((params).recv_buf.buf, (uint32_t *)(buffer) + (came));                                            \
    } while (0)

/* A status or an insanity by name, for messages. */
const char *fluke_status_name(fluke_error_t status);
#define CHECK_STATUS(call, expected)                                                                                   \
    do {                                                                                                               \
        fluke_error_t check_status = (call);                                                                           \
        if (check_status != (expected))                                                                                \
            check_failed(__FILE__, __LINE__, "%s returned %s, not %s", #call, fluke_status_name(check_status),         \
                         fluke_status_name(expected));                                                                 \
    } while (0)

#endif
