/*
 * qnx_support: what the tests of the QNX gate share. A case is a server; its clients are threads of the same process
 * or processes of their own, and QNX_CASE runs the same body both ways. Words in shared memory tell either side how
 * far the other has come.
 */
#ifndef QNX_SUPPORT_H
#define QNX_SUPPORT_H

#include "check.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/neutrino.h>
#include <unistd.h>

/* One case with clients in other processes, one with clients in threads: `threads` tells which. */
#define QNX_CASE(name)                                                                                                 \
    static void body_##name(bool threads);                                                                             \
    CASE(name##_by_processes) { body_##name(false); }                                                                  \
    CASE(name##_by_threads) { body_##name(true); }                                                                     \
    static void body_##name(bool threads)

struct qnx_client;
/* Starts a client of the channel chid of this process; it gets its connection's id. */
struct qnx_client *qnx_start(bool threads, int chid, void (*run)(int coid, void *argument), void *argument);
void qnx_join(struct qnx_client *client);
pid_t qnx_pid(const struct qnx_client *client); /* of its process; ours for a thread */

/* Zeroed memory that children share. */
void *qnx_share(size_t size);
/* Adds 1, and waits until the word is at least that. */
void qnx_count(_Atomic unsigned *word);
void qnx_await(_Atomic unsigned *word, unsigned value);

/* Waits until `count` threads of the process sleep in a send to this port, or in a receive on it. */
void qnx_await_senders(pid_t client, pid_t server, int chid, unsigned count);
void qnx_await_receivers(pid_t server, int chid, unsigned count);

/* Bytes that tell where they belong. */
void qnx_fill(void *memory, size_t size, unsigned seed);
void qnx_check_filled(const void *memory, size_t size, unsigned seed);

/* Memory that ends where an unmapped page begins; a pointer to unmapped memory. */
void *qnx_at_end(size_t size);
void *qnx_unmapped(void);

int64_t qnx_now_ms(void);

/* A receive that must be a message, one that must be a pulse. */
rcvid_t qnx_receive(int chid, void *message, size_t size);
struct _pulse qnx_receive_pulse(int chid);
/* Nothing waits in the channel. */
void qnx_check_empty(int chid);
/* The next MsgSend or MsgReceive of this thread ends in that many ms. */
void qnx_timeout(int states, int milliseconds);

#endif
