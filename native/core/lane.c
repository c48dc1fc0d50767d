/* lane: how lanes come and go. A lane is made by a round trip over the link, at a thread's first offer on a connection. */
#define _GNU_SOURCE
#include "core/lane.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/fault.h"
#include "core/owed.h"

static void lane_free(struct tpy_lane *lane)
{
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* close() is a cancellation point */
    for (uint32_t i = 0; i < lane->fd_count; i++) close(lane->fds[i]);
    free(lane->fds);
    if (lane->spill_fd >= 0) close(lane->spill_fd);
    if (lane->bulk) munmap(lane->bulk, sizeof *lane->bulk);
    munmap(lane->shared, sizeof *lane->shared);
    tpy_link_release(lane->link);
    free(lane);
    pthread_setcancelstate(cancel, NULL);
}

static int grow(struct tpy_thread *thread, uint32_t index)
{
    uint32_t capacity = thread->lane_capacity ? thread->lane_capacity : 8;
    while (capacity <= index) capacity *= 2;
    struct tpy_lane **lanes = realloc(thread->lanes, capacity * sizeof *lanes);
    if (!lanes) return -ENOMEM;
    memset(lanes + thread->lane_capacity, 0, (capacity - thread->lane_capacity) * sizeof *lanes);
    thread->lanes = lanes;
    thread->lane_capacity = capacity;
    return 0;
}

static int bind(struct tpy_lane *lane)
{
    struct tpy_say say = {.type = TPY_SAY_BIND, .connection = lane->connection->id, .thread = lane->thread->number}, reply = {0};
    void *map = NULL;
    lane->fences = tpy_fence_known();
    if (lane->fences) say.flags = TPY_BIND_FENCES;
    int fd, result = tpy_link_request(lane->link, &say, &reply, &fd);
    if (result == 0) result = fd < 0 ? -EPROTO : tpy_memory_map(fd, sizeof(struct tpy_shared), true, NULL, &map);
    if (fd >= 0) close(fd);
    if (result != 0 && reply.result == 0 && reply.type == TPY_SAY_REPLY) { /* it is there, but not for us */
        struct tpy_say unbind = {.type = TPY_SAY_UNBIND, .version = TPY_WIRE_VERSION, .exchange = reply.exchange};
        tpy_owe(lane->link, &unbind);
    }
    lane->shared = map;
    lane->exchange = reply.exchange;
    return result;
}

static int end_error(struct tpy_connection *connection)
{
    return atomic_load(&connection->state) == TPY_CONNECTION_OPEN ? 0 : -EBADF;
}

void tpy_lane_sweep(struct tpy_thread *thread)
{
    for (uint32_t i = 0; i < thread->lane_capacity; i++) {
        struct tpy_lane *lane = thread->lanes[i];
        /* Its connection was closed, so it is in nobody's list; but not while it is in use below us on the stack. */
        if (!lane || lane->offer || lane->generation == atomic_load(&lane->connection->generation)) continue;
        thread->lanes[i] = NULL;
        lane_free(lane);
    }
}

/* With the lock. False: its connection was closed, and it is in no list any more. */
static bool unlist(struct tpy_lane *lane)
{
    for (struct tpy_lane **at = &lane->connection->lanes; *at; at = &(*at)->next)
        if (*at == lane) {
            *at = lane->next;
            return true;
        }
    return false;
}

void tpy_lane_leave_gone(void)
{
    TPY_KEEPS_ERRNO;
    struct tpy_thread *thread = tpy_thread_current;
    for (uint32_t i = 0; thread && i < thread->lane_capacity; i++) {
        struct tpy_lane *lane = thread->lanes[i];
        if (!lane || lane->offer || atomic_load(&lane->connection->state) != TPY_CONNECTION_GONE) continue;
        pthread_mutex_lock(&tpy_connections_lock);
        bool listed = unlist(lane);
        pthread_mutex_unlock(&tpy_connections_lock);
        if (!listed) continue; /* for the sweep */
        thread->lanes[i] = NULL;
        lane_free(lane);
    }
}

void tpy_lane_tidy(struct tpy_thread *thread)
{
    TPY_KEEPS_ERRNO;
    atomic_store(&thread->untidy, false);
    /* We may have been told in the middle of a burial: the lanes are ours to free when it is over. */
    pthread_mutex_lock(&tpy_connections_lock);
    pthread_mutex_unlock(&tpy_connections_lock);
    tpy_lane_sweep(thread);
}

struct tpy_lane *tpy_lane_make(struct tpy_thread *thread, struct tpy_connection *connection, int *error)
{
    TPY_KEEPS_ERRNO;
    tpy_lane_sweep(thread);
    if ((*error = end_error(connection)) != 0) return NULL;
    if (connection->index >= thread->lane_capacity && (*error = grow(thread, connection->index)) != 0) return NULL;
    struct tpy_lane *lane = calloc(1, sizeof *lane);
    if (!lane) {
        *error = -ENOMEM;
        return NULL;
    }
    tpy_fault_arm();
    pthread_mutex_lock(&tpy_connections_lock);
    *error = end_error(connection);
    lane->link = connection->link;
    lane->generation = atomic_load(&connection->generation);
    if (*error == 0) tpy_link_retain(lane->link);
    pthread_mutex_unlock(&tpy_connections_lock);
    if (*error != 0) {
        free(lane);
        return NULL;
    }
    lane->connection = connection;
    lane->thread = thread;
    lane->spill_fd = -1;
    lane->ring = &lane->link->page->ring[connection->port % TPY_RINGS];
    lane->waits = &lane->link->page->waits[connection->port % TPY_RINGS].who;
    lane->name = (uint64_t)getpid() << 32 | thread->number;
    *error = bind(lane);
    if (*error == -ESRCH) *error = -EBADF; /* it was gone before anything was offered */
    pthread_mutex_lock(&tpy_connections_lock);
    if (*error == 0 && (*error = end_error(connection)) == 0 && lane->generation == atomic_load(&connection->generation)) {
        lane->next = connection->lanes;
        connection->lanes = lane;
        thread->lanes[connection->index] = lane;
    } else if (*error == 0) *error = -EBADF;
    pthread_mutex_unlock(&tpy_connections_lock);
    if (*error == 0) return lane;
    if (lane->shared) lane_free(lane);
    else {
        tpy_link_release(lane->link);
        free(lane);
    }
    return NULL;
}

int tpy_lane_bulk(struct tpy_lane *lane)
{
    TPY_KEEPS_ERRNO;
    struct tpy_say say = {.type = TPY_SAY_BULK, .exchange = lane->exchange}, reply;
    void *map = NULL;
    int fd, result = tpy_link_request(lane->link, &say, &reply, &fd);
    if (result == 0) result = fd < 0 ? -EPROTO : tpy_memory_map(fd, sizeof(struct tpy_bulk), true, NULL, &map);
    if (fd >= 0) close(fd);
    lane->bulk = map;
    return result;
}

void tpy_lane_drop_all(struct tpy_thread *thread)
{
    for (uint32_t i = 0; i < thread->lane_capacity; i++) {
        struct tpy_lane *lane = thread->lanes[i];
        if (!lane) continue;
        pthread_mutex_lock(&tpy_connections_lock);
        bool listed = unlist(lane);
        pthread_mutex_unlock(&tpy_connections_lock);
        struct tpy_say say = {.type = TPY_SAY_UNBIND, .version = TPY_WIRE_VERSION, .exchange = lane->exchange};
        if (listed && !atomic_load(&lane->link->dead)) tpy_owe(lane->link, &say);
        lane_free(lane);
    }
    free(thread->lanes);
    thread->lanes = NULL;
    thread->lane_capacity = 0;
}
