/* destination: see destination.h. */
#include "fluke/destination.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "fluke/port.h"

#define BUCKETS 256u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, opening = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_fluke_destination *table[BUCKETS];

struct tpy_fluke_destination *tpy_fluke_destination_get(pid_t pid, uint32_t port, uint64_t key)
{
    struct tpy_fluke_destination **bucket = &table[(key ^ key >> 32) % BUCKETS], *found;
    pthread_mutex_lock(&lock);
    for (found = *bucket; found; found = found->next)
        if (found->key == key && found->pid == pid && found->port == port) break;
    if (found) found->references++;
    else if ((found = calloc(1, sizeof *found)) != NULL) {
        found->pid = pid;
        found->port = port;
        found->key = key;
        found->references = 1;
        found->next = *bucket;
        *bucket = found;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void tpy_fluke_destination_retain(struct tpy_fluke_destination *destination)
{
    pthread_mutex_lock(&lock);
    destination->references++;
    pthread_mutex_unlock(&lock);
}

void tpy_fluke_destination_release(struct tpy_fluke_destination *destination)
{
    struct tpy_fluke_destination **at = &table[(destination->key ^ destination->key >> 32) % BUCKETS];
    pthread_mutex_lock(&lock);
    bool last = --destination->references == 0;
    if (last) {
        while (*at != destination) at = &(*at)->next;
        *at = destination->next;
    }
    pthread_mutex_unlock(&lock);
    if (!last) return;
    for (int use = 0; use < TPY_FLUKE_USES; use++) {
        struct tpy_connection *connection = atomic_load(&destination->connections[use]);
        if (connection) tpy_connection_close(connection);
    }
    free(destination);
}

struct tpy_connection *tpy_fluke_destination_open(struct tpy_fluke_destination *destination, enum tpy_fluke_use use, int *error)
{
    pthread_mutex_lock(&opening);
    struct tpy_connection *connection = atomic_load(&destination->connections[use]);
    if (!connection) {
        *error = tpy_connection_open(destination->pid, destination->port, TPY_FLUKE_TAG, destination->key, &connection);
        if (*error == 0) {
            atomic_store(&destination->link, tpy_connection_peer(connection).link);
            atomic_store_explicit(&destination->connections[use], connection, memory_order_release);
        } else
            connection = NULL;
    }
    pthread_mutex_unlock(&opening);
    return connection;
}

fluke_error_t tpy_fluke_no_connection(int error)
{
    switch (error) {
    case -ESRCH:
    case -EBADF:
    case -EPIPE:
    case -EPERM:
    case -ETIMEDOUT: return FLUKE_IPC_CONNECT_INVALID_DEST;
    default: return FLUKE_NO_RESOURCES;
    }
}

void tpy_fluke_destinations_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_mutex_init(&opening, NULL);
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct tpy_fluke_destination *destination = table[i]; destination; destination = destination->next)
            for (int use = 0; use < TPY_FLUKE_USES; use++) atomic_store(&destination->connections[use], NULL);
}
