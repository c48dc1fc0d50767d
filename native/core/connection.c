/* connection: the table of connections and what the watcher hears for them. Records are recycled, oldest first, and never freed. */
#define _GNU_SOURCE
#include "core/connection.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/exchange.h"
#include "core/fault.h"
#include "core/fork.h"
#include "core/lane.h"
#include "core/node.h"
#include "core/owed.h"
#include "core/watcher.h"

#define CONNECTIONS_MAX 65536u
#define FACES 8

pthread_mutex_t tpy_connections_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_connection *free_list, **free_end = &free_list;
static uint32_t record_count;
static struct tpy_connection *all[CONNECTIONS_MAX];
static void (*_Atomic deliver_handlers[FACES])(const struct tpy_identity *, const void *, size_t);

static void give_back(struct tpy_connection *connection)
{
    connection->next = NULL;
    *free_end = connection;
    free_end = &connection->next;
}

static struct tpy_connection *take_record(void)
{
    pthread_mutex_lock(&tpy_connections_lock);
    struct tpy_connection *connection = free_list;
    if (connection && (connection->next || record_count == CONNECTIONS_MAX)) {
        free_list = connection->next;
        if (!free_list) free_end = &free_list;
    } else if (record_count < CONNECTIONS_MAX && (connection = calloc(1, sizeof *connection)) != NULL) {
        connection->index = record_count;
        all[record_count++] = connection;
    } else connection = NULL;
    pthread_mutex_unlock(&tpy_connections_lock);
    return connection;
}

/* On the watcher: what it hears next may be that the port is gone. The opener's use of the link becomes the connection's. */
static void enter(struct tpy_link *link, const struct tpy_say *reply, void *argument)
{
    struct tpy_connection *connection = argument;
    pthread_mutex_lock(&tpy_connections_lock);
    connection->link = link;
    connection->id = reply->connection;
    connection->port_flags = reply->flags;
    connection->reply = reply->word;
    connection->next = link->connections;
    link->connections = connection;
    atomic_fetch_add(&connection->generation, 1);
    atomic_store(&connection->state, TPY_CONNECTION_OPEN);
    pthread_mutex_unlock(&tpy_connections_lock);
}

int tpy_connection_open(pid_t pid, uint32_t port, uint32_t tag, uint64_t cookie, struct tpy_connection **opened)
{
    struct tpy_link *link;
    struct tpy_say say = {.type = TPY_SAY_ATTACH, .port = port, .tag = tag, .word = cookie}, reply;
    int fd, result = tpy_node_link(pid, &link);
    if (result != 0) return result;
    tpy_fault_arm();
    struct tpy_connection *connection = take_record();
    if (connection) {
        connection->port = port;
        connection->gone = NULL;
        atomic_store(&connection->refused, false);
        result = tpy_link_request_heard(link, &say, &reply, &fd, enter, connection);
    } else result = -EAGAIN;
    if (result != 0) {
        pthread_mutex_lock(&tpy_connections_lock);
        if (connection) give_back(connection);
        pthread_mutex_unlock(&tpy_connections_lock);
        tpy_link_release(link);
        return result;
    }
    if (fd >= 0) close(fd);
    *opened = connection;
    return 0;
}

/* With the lock: nobody may begin on its lanes, and who is in the middle is told. */
static void end_lanes(struct tpy_connection *connection, uint32_t error, bool tidy)
{
    for (struct tpy_lane *lane = connection->lanes; lane; lane = lane->next) {
        uint32_t none = 0;
        atomic_compare_exchange_strong(&lane->over, &none, error);
        if (tidy) atomic_store(&lane->thread->untidy, true);
        tpy_thread_notify(lane->thread);
    }
}

static void tell_watches(struct tpy_connection *connection)
{
    for (struct tpy_watch *watch = connection->watches; watch; watch = watch->next) tpy_thread_notify(watch->thread);
}

void tpy_connection_watch(struct tpy_connection *connection, struct tpy_watch *watch)
{
    pthread_mutex_lock(&tpy_connections_lock);
    watch->next = connection->watches;
    connection->watches = watch;
    if (atomic_load(&connection->state) != TPY_CONNECTION_OPEN) tpy_thread_notify(watch->thread);
    pthread_mutex_unlock(&tpy_connections_lock);
}

void tpy_connection_unwatch(struct tpy_connection *connection, struct tpy_watch *watch)
{
    pthread_mutex_lock(&tpy_connections_lock);
    struct tpy_watch **at = &connection->watches;
    while (*at != watch) at = &(*at)->next;
    *at = watch->next;
    pthread_mutex_unlock(&tpy_connections_lock);
}

static void end(struct tpy_connection *connection, bool tidy)
{
    pthread_mutex_lock(&tpy_connections_lock);
    uint32_t state = atomic_load(&connection->state);
    if (state == TPY_CONNECTION_FREE || state == TPY_CONNECTION_CLOSED) {
        pthread_mutex_unlock(&tpy_connections_lock);
        return;
    }
    atomic_store(&connection->state, TPY_CONNECTION_CLOSED);
    tell_watches(connection);
    end_lanes(connection, EBADF, tidy);
    connection->lanes = NULL; /* each is freed by its thread, when that next looks */
    struct tpy_link *link = connection->link;
    for (struct tpy_connection **at = &link->connections; *at; at = &(*at)->next)
        if (*at == connection) {
            *at = connection->next;
            break;
        }
    atomic_fetch_add(&connection->generation, 1);
    pthread_mutex_unlock(&tpy_connections_lock);
    struct tpy_say say = {.type = TPY_SAY_DETACH, .version = TPY_WIRE_VERSION, .connection = connection->id};
    if (state == TPY_CONNECTION_OPEN) tpy_owe(link, &say);
    tpy_link_release(link);
    if (tpy_thread_current) tpy_lane_sweep(tpy_thread_current);
    pthread_mutex_lock(&tpy_connections_lock);
    give_back(connection);
    pthread_mutex_unlock(&tpy_connections_lock);
}

void tpy_connection_close(struct tpy_connection *connection) { end(connection, false); }
void tpy_connection_bury(struct tpy_connection *connection) { end(connection, true); }

uint64_t tpy_connection_reply(const struct tpy_connection *connection) { return connection->reply; }
uint32_t tpy_connection_port_flags(const struct tpy_connection *connection) { return connection->port_flags; }
struct tpy_identity tpy_connection_peer(const struct tpy_connection *connection) { return connection->link->who; }

int tpy_connection_alive(const struct tpy_connection *connection)
{
    return atomic_load(&connection->state) == TPY_CONNECTION_OPEN ? 0 : -ESRCH;
}

void tpy_connection_on_gone(struct tpy_connection *connection, void (*gone)(void *), void *argument)
{
    pthread_mutex_lock(&tpy_connections_lock);
    connection->gone_argument = argument;
    connection->gone = gone;
    bool already = atomic_load(&connection->state) == TPY_CONNECTION_GONE;
    if (already) connection->gone = NULL;
    pthread_mutex_unlock(&tpy_connections_lock);
    if (already && gone) gone(argument);
}

void tpy_on_deliver(uint64_t face, void (*handler)(const struct tpy_identity *, const void *, size_t))
{
    if (face < FACES) atomic_store(&deliver_handlers[face], handler);
}

bool tpy_client_linked(pid_t pid, uint64_t number)
{
    struct tpy_link *link = tpy_node_client_link(pid, number);
    if (!link) return false;
    struct pollfd process = {.fd = link->pidfd, .events = POLLIN}; /* known to the kernel before the watcher hears of it */
    bool lives = poll(&process, 1, 0) == 0;
    tpy_link_release(link);
    return lives;
}

int tpy_deliver(pid_t pid, uint64_t number, uint64_t face, const void *payload, size_t length)
{
    struct tpy_say say = {.type = TPY_SAY_DELIVER, .version = TPY_WIRE_VERSION, .word = face, .flags = (uint32_t)length};
    if (length > TPY_SAY_PAYLOAD || face >= FACES) return -EINVAL;
    struct tpy_link *link = tpy_node_client_link(pid, number);
    if (!link) return -ESRCH;
    memcpy(say.payload, payload, length);
    int result = tpy_link_say(link, &say, NULL, 0);
    tpy_link_release(link);
    return result == -EPIPE ? -ESRCH : result;
}

static void gone(struct tpy_connection *connection)
{
    atomic_store(&connection->state, TPY_CONNECTION_GONE);
    tell_watches(connection);
    end_lanes(connection, ESRCH, false);
}

/* Calls back with no lock held, once for each connection of the link that is gone. */
static void call_back(struct tpy_link *link)
{
    for (;;) {
        pthread_mutex_lock(&tpy_connections_lock);
        struct tpy_connection *connection = link->connections;
        while (connection && !(atomic_load(&connection->state) == TPY_CONNECTION_GONE && connection->gone)) connection = connection->next;
        void (*run)(void *) = connection ? connection->gone : NULL;
        void *argument = connection ? connection->gone_argument : NULL;
        if (connection) connection->gone = NULL;
        pthread_mutex_unlock(&tpy_connections_lock);
        if (!run) return;
        run(argument);
    }
}

static void on_refused(struct tpy_link *link, uint32_t id)
{
    pthread_mutex_lock(&tpy_connections_lock);
    for (struct tpy_connection *connection = link->connections; connection; connection = connection->next) {
        if (connection->id != id) continue;
        atomic_store(&connection->refused, true);
        for (struct tpy_lane *lane = connection->lanes; lane; lane = lane->next) tpy_thread_notify(lane->thread);
    }
    pthread_mutex_unlock(&tpy_connections_lock);
}

static void on_gone(struct tpy_link *link, uint32_t id)
{
    pthread_mutex_lock(&tpy_connections_lock);
    for (struct tpy_connection *connection = link->connections; connection; connection = connection->next)
        if (connection->id == id || id == 0) gone(connection);
    pthread_mutex_unlock(&tpy_connections_lock);
    call_back(link);
}

/* Descriptors for the lane that serves an exchange: push records (spill) or what the server gave. */
static void on_extras(struct tpy_link *link, const struct tpy_say *say, int *fds, unsigned *count)
{
    pthread_mutex_lock(&tpy_connections_lock);
    struct tpy_lane *lane = NULL;
    for (struct tpy_connection *connection = link->connections; connection && !lane; connection = connection->next)
        for (lane = connection->lanes; lane && lane->exchange != say->exchange; lane = lane->next) {}
    if (lane && (*count > 0 || say->type == TPY_SAY_FDS)) {
        tpy_lock_take(&lane->extras);
        if (say->type == TPY_SAY_SPILL) {
            if (lane->spill_fd >= 0) close(lane->spill_fd);
            lane->spill_fd = fds[0];
            lane->spill_length = say->word;
            lane->spill_sequence = say->sequence;
            for (unsigned i = 1; i < *count; i++) close(fds[i]);
            *count = 0;
        } else {
            /* None, where this process has no numbers left for them or no memory: its thread must not wait for them. */
            int *kept = *count > 0 ? malloc(*count * sizeof *kept) : NULL;
            for (uint32_t i = 0; i < lane->fd_count; i++) close(lane->fds[i]);
            free(lane->fds);
            if (kept) memcpy(kept, fds, *count * sizeof *kept);
            lane->fds = kept;
            lane->fd_count = kept ? *count : 0;
            lane->fd_sequence = say->sequence;
            if (kept) *count = 0;
        }
        tpy_lock_give(&lane->extras);
        tpy_thread_notify(lane->thread);
    }
    pthread_mutex_unlock(&tpy_connections_lock);
}

static void on_say(struct tpy_link *link, const struct tpy_say *say, int *fds, unsigned count)
{
    if (say->type == TPY_SAY_GONE && say->flags) on_refused(link, say->connection);
    else if (say->type == TPY_SAY_GONE) on_gone(link, say->connection ? say->connection : UINT32_MAX);
    else if (say->type == TPY_SAY_SPILL || say->type == TPY_SAY_FDS) on_extras(link, say, fds, &count);
    else if (say->type == TPY_SAY_DELIVER && say->word < FACES && say->flags <= TPY_SAY_PAYLOAD) {
        void (*handler)(const struct tpy_identity *, const void *, size_t) = atomic_load(&deliver_handlers[say->word]);
        if (handler) handler(&link->who, say->payload, say->flags);
    }
    for (unsigned i = 0; i < count; i++) close(fds[i]);
}

static void on_died(struct tpy_link *link) { on_gone(link, 0); }

static void in_child(void)
{
    pthread_mutex_init(&tpy_connections_lock, NULL);
    for (uint32_t i = 0; i < record_count; i++) {
        atomic_store(&all[i]->state, TPY_CONNECTION_CLOSED);
        atomic_fetch_add(&all[i]->generation, 1);
        all[i]->lanes = NULL;
        all[i]->watches = NULL;
    }
}

__attribute__((constructor)) static void begin(void)
{
    tpy_at_fork_child(in_child);
    tpy_thread_on_lanes(tpy_lane_drop_all);
    tpy_watcher_client_hooks.say = on_say;
    tpy_watcher_client_hooks.died = on_died;
}
