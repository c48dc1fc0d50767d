/*
 * destination: a Fluke port as its clients know it: process, port of the core, and the key that no other port ever has. There is one record for
 * each port that this process knows, with at most two connections, opened at first use: one for reliable connections, whose exchanges
 * are held, and one for idempotent and one-way messages, so that these do not break those.
 *
 * Owner: counted, by references and by threads that used it last as a client.
 */
#ifndef TPY_FLUKE_DESTINATION_H
#define TPY_FLUKE_DESTINATION_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include <fluke/ipc.h>

#include "core/connection.h"

enum tpy_fluke_use { TPY_FLUKE_RELIABLE, TPY_FLUKE_PLAIN, TPY_FLUKE_USES };

struct tpy_fluke_destination {
    pid_t pid;
    uint32_t port;
    uint64_t key;
    _Atomic uint64_t link; /* the core's number for the way to that process; 0: never connected */
    struct tpy_connection *_Atomic connections[TPY_FLUKE_USES];
    uint32_t references; /* guarded by the table's lock */
    struct tpy_fluke_destination *next;
};

/* With a count for the caller; NULL: no memory. */
struct tpy_fluke_destination *tpy_fluke_destination_get(pid_t pid, uint32_t port, uint64_t key);
void tpy_fluke_destination_retain(struct tpy_fluke_destination *destination);
void tpy_fluke_destination_release(struct tpy_fluke_destination *destination);

/* The connection, or NULL with a negative errno. */
struct tpy_connection *tpy_fluke_destination_open(struct tpy_fluke_destination *destination, enum tpy_fluke_use use, int *error);
static inline struct tpy_connection *tpy_fluke_destination_connect(struct tpy_fluke_destination *destination, enum tpy_fluke_use use, int *error)
{
    struct tpy_connection *connection = atomic_load_explicit(&destination->connections[use], memory_order_acquire);
    return connection ? connection : tpy_fluke_destination_open(destination, use, error);
}

/* What it means that it cannot be opened: there is nobody, or one of both processes lacks memory or descriptors. */
fluke_error_t tpy_fluke_no_connection(int error);

void tpy_fluke_destinations_forget(void); /* in a child after fork: connections lead nowhere, the records stay */

#endif
