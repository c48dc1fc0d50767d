/*
 * server: what clients ask of us over their links. Everything here runs on the watcher, one thing after the other, so the lists of clients need no
 * lock; a client's lies are answered with an error or the end of its link. How it ends with them is in server_closing.c.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/fork.h"
#include "core/inspect.h"
#include "core/port_record.h"
#include "core/server_closing.h"
#include "core/watcher.h"

#define CLIENTS_PER_LINK 1024u
#define EXCHANGES_PER_LINK 1024u

/* For another user, with all his links: what he takes is taken from others. Our own user and root can end us anyway. */
#define EXCHANGES_PER_STRANGER 1024u
#define DESCRIPTORS_PER_STRANGER(limit) ((limit) / 4 > TPY_SAY_FDS_MAX ? (limit) / 4 : TPY_SAY_FDS_MAX)
#define MEMORY_PER_STRANGER(all) ((all) / 8)

static void reply(struct tpy_link *link, struct tpy_say *answer, const struct tpy_say *to, int result, const int *fd)
{
    answer->type = TPY_SAY_REPLY;
    answer->version = TPY_WIRE_VERSION;
    answer->request = to->request;
    answer->tag = to->type;
    answer->result = result;
    /* A client that does not read its replies has no right to more. */
    if (tpy_link_say(link, answer, fd, fd ? 1 : 0) != 0) tpy_node_drop(link);
}

static void hello(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_say answer = {0};
    int fd = tpy_node_page_fd();
    link->greeted = true;
    int result = say->port == sizeof(struct tpy_shared) ? 0 : -EPROTO;
    reply(link, &answer, say, result, result == 0 ? &fd : NULL);
}

static bool stranger(const struct tpy_link *link) { return link->who.uid != geteuid() && link->who.uid != 0; }

/* Would this much more be too much for its user? */
static bool greedy(const struct tpy_link *link, struct tpy_node_use more)
{
    if (!stranger(link)) return false;
    struct tpy_node_use use = tpy_node_use_of(link->who.uid);
    struct rlimit files;
    uint64_t limit = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 1024;
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t memory = (uint64_t)(use.exchanges + more.exchanges) * sizeof(struct tpy_shared) + (uint64_t)(use.streams + more.streams) * sizeof(struct tpy_bulk);
    return (more.exchanges && use.exchanges >= EXCHANGES_PER_STRANGER) || (more.descriptors && use.descriptors + more.descriptors > DESCRIPTORS_PER_STRANGER(limit)) ||
           memory > MEMORY_PER_STRANGER(all);
}

static struct tpy_client *find_client(struct tpy_link *link, uint32_t id)
{
    struct tpy_client *client = link->clients;
    while (client && client->id != id) client = client->next;
    return client;
}

static int default_attach(const struct tpy_identity *who)
{
    return who->uid == geteuid() || who->uid == 0 ? 0 : -EPERM;
}

static void attach(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_say answer = {0};
    int result = 0;
    unsigned count = 0;
    for (struct tpy_client *other = link->clients; other; other = other->next) count++;
    struct tpy_client *client = count < CLIENTS_PER_LINK ? calloc(1, sizeof *client) : NULL;
    struct tpy_port *port = tpy_port_get(say->port);
    if (!port) result = -ESRCH;
    else if (!client) result = count < CLIENTS_PER_LINK ? -ENOMEM : -EAGAIN;
    else if (port->ops->attach) result = port->ops->attach(port->face, &link->who, say->tag, say->word, &client->face, &answer.word);
    else result = default_attach(&link->who);
    if (result == 0) {
        client->link = link;
        client->port = port;
        client->id = answer.connection = ++link->next_client;
        client->next = link->clients;
        link->clients = client;
        client->next_of_port = port->clients;
        port->clients = client;
        answer.flags = port->flags;
    } else {
        free(client);
        if (port) tpy_port_put(port);
    }
    reply(link, &answer, say, result, NULL);
}

static void detach(struct tpy_link *link, const struct tpy_say *say)
{
    for (struct tpy_client **at = &link->clients; *at; at = &(*at)->next)
        if ((*at)->id == say->connection) {
            struct tpy_client *client = *at;
            *at = client->next;
            tpy_server_end_client(client, 0);
            return;
        }
}

/* Whether the kernel fences this process's threads when a client asks for it; asked at the first client's that may ask. */
static enum { FENCED_UNKNOWN, FENCED_YES, FENCED_NO } fenced;
static bool fence_joined(void)
{
    if (fenced == FENCED_UNKNOWN) fenced = tpy_fence_join() ? FENCED_YES : FENCED_NO;
    return fenced == FENCED_YES;
}

static void bind(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_say answer = {0};
    struct tpy_exchange *exchange;
    struct tpy_client *client = find_client(link, say->connection);
    int fd = -1, result = !client ? -EBADF : atomic_load(&client->refused) ? -ESRCH : link->exchange_count >= EXCHANGES_PER_LINK ? -EAGAIN : 0;
    if (result == 0 && greedy(link, (struct tpy_node_use){.exchanges = 1})) result = -EAGAIN;
    if (result == 0) result = tpy_exchange_allocate(&exchange, &fd);
    if (result == 0) {
        tpy_link_retain(link);
        link->exchange_count++;
        exchange->link = link;
        exchange->client = client;
        exchange->thread = say->thread;
        exchange->fenced = (say->flags & TPY_BIND_FENCES) && fence_joined();
        answer.exchange = tpy_exchange_index(exchange);
        result = tpy_port_bind(client->port, exchange);
        if (result == 0) {
            exchange->next_of_client = client->exchanges;
            client->exchanges = exchange;
            tpy_inspect_bound(exchange, client->port->id);
        } else tpy_exchange_free(exchange);
    }
    reply(link, &answer, say, result, result == 0 ? &fd : NULL);
    if (fd >= 0) close(fd);
}

/* The exchange a client names, if it is its own. */
static struct tpy_exchange *own(struct tpy_link *link, uint32_t index)
{
    struct tpy_exchange *exchange = tpy_exchange_at(index);
    return exchange && exchange->link == link && atomic_load(&exchange->state) != TPY_ORPHAN ? exchange : NULL;
}

static void unbind(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_exchange *exchange = own(link, say->exchange);
    if (!exchange) return;
    struct tpy_exchange **at = &exchange->client->exchanges;
    while (*at != exchange) at = &(*at)->next_of_client;
    *at = exchange->next_of_client;
    uint8_t accepted = TPY_ACCEPTED;
    /* A thread that is gone waits for nothing, so there is no grace. */
    atomic_compare_exchange_strong(&exchange->state, &accepted, TPY_IDLE);
    tpy_server_take_exchange(exchange, 0);
}

/* The watcher waits for no transfer: one that has the record's lock stays outside while the record is visited. */
static void visit(struct tpy_exchange *exchange)
{
    atomic_store(&exchange->visited, 1);
    tpy_lock_take(&exchange->lock);
}

static void leave(struct tpy_exchange *exchange)
{
    atomic_store(&exchange->visited, 0);
    tpy_futex_wake_private((void *)&exchange->visited, INT32_MAX);
}

static void bulk(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_say answer = {0};
    struct tpy_exchange *exchange = own(link, say->exchange);
    void *map = NULL;
    int fd = -1, result = !exchange ? -ESRCH : !exchange->bulk && greedy(link, (struct tpy_node_use){.streams = 1}) ? -ENOMEM : 0;
    if (result == 0) {
        fd = tpy_memory_create("tetrapylon-stream", sizeof(struct tpy_bulk));
        result = fd < 0 ? fd : tpy_memory_map(fd, sizeof(struct tpy_bulk), true, NULL, &map);
    }
    if (result == 0) {
        visit(exchange);
        /* A client that could not map the one before asks again; one in the middle of an offer does not. */
        bool again = exchange->bulk != NULL;
        if (again && atomic_load(&exchange->state) == TPY_ACCEPTED) result = -EINVAL;
        void *old = result == 0 ? exchange->bulk : map;
        if (result == 0) exchange->bulk = map;
        tpy_lock_give(&exchange->lock);
        leave(exchange);
        if (old) munmap(old, sizeof(struct tpy_bulk));
        if (result == 0 && !again) link->stream_count++;
    }
    reply(link, &answer, say, result, result == 0 ? &fd : NULL);
    if (fd >= 0) close(fd);
}

static void ring(const struct tpy_say *say)
{
    struct tpy_port *port = tpy_port_get(say->port);
    if (!port) return;
    tpy_lock_take(&port->lock);
    if (!tpy_group_rung(port) && (port->flags & TPY_PORT_BOOST) && port->ops->boost) {
        tpy_port_collect(port);
        struct tpy_item *item = tpy_port_best(port, NULL);
        int priority = item ? item->priority : -1;
        tpy_lock_give(&port->lock);
        if (priority >= 0) port->ops->boost(port->face, (uint8_t)priority);
        tpy_port_put(port);
        return;
    }
    tpy_lock_give(&port->lock);
    tpy_port_put(port);
}

static void unblock(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_exchange *exchange = own(link, say->exchange);
    if (!exchange) return;
    visit(exchange);
    bool asked = atomic_load(&exchange->state) == TPY_ACCEPTED && exchange->sequence == say->sequence && !exchange->unblock_requested;
    uint32_t serial = atomic_load(&exchange->serial);
    if (asked) exchange->unblock_requested = true;
    tpy_lock_give(&exchange->lock);
    struct tpy_client *client = exchange->client;
    if (asked && client->port->ops->unblock) client->port->ops->unblock(client->port->face, exchange, serial, client->face);
    leave(exchange);
}

static void notify(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_exchange *exchange = own(link, say->exchange);
    struct tpy_port *port = exchange ? exchange->client->port : NULL;
    if (port && port->ops->notified && say->flags <= TPY_SAY_PAYLOAD)
        port->ops->notified(port->face, exchange, exchange->client->face, say->payload, say->flags);
}

static void stash(struct tpy_link *link, const struct tpy_say *say, int *fds, unsigned *count)
{
    struct tpy_exchange *exchange = own(link, say->exchange);
    if (exchange && greedy(link, (struct tpy_node_use){.descriptors = *count})) {
        tpy_node_drop(link);
        return;
    }
    if (!exchange) return;
    /* None, where this process has no numbers left for them or no memory: whoever waits for them must hear that, too. */
    int *kept = *count > 0 ? malloc(*count * sizeof *kept) : NULL;
    if (kept) memcpy(kept, fds, *count * sizeof *kept);
    visit(exchange);
    tpy_exchange_close_fds(exchange, 0);
    exchange->fds = kept;
    exchange->fd_count = kept ? *count : 0;
    atomic_fetch_add(&link->descriptors, exchange->fd_count);
    atomic_store(&exchange->fd_sequence, say->sequence);
    tpy_lock_give(&exchange->lock);
    leave(exchange);
    tpy_futex_wake_private((void *)&exchange->fd_sequence, INT32_MAX);
    if (kept) *count = 0;
}

static void on_say(struct tpy_link *link, const struct tpy_say *say, int *fds, unsigned count)
{
    switch (say->type) {
    case TPY_SAY_HELLO: hello(link, say); break;
    case TPY_SAY_ATTACH: attach(link, say); break;
    case TPY_SAY_DETACH: detach(link, say); break;
    case TPY_SAY_BIND: bind(link, say); break;
    case TPY_SAY_UNBIND: unbind(link, say); break;
    case TPY_SAY_BULK: bulk(link, say); break;
    case TPY_SAY_RING: ring(say); break;
    case TPY_SAY_UNBLOCK: unblock(link, say); break;
    case TPY_SAY_FDS: stash(link, say, fds, &count); break;
    case TPY_SAY_NOTIFY: notify(link, say); break;
    default: tpy_node_drop(link);
    }
    for (unsigned i = 0; i < count; i++) close(fds[i]);
}

static void on_died(struct tpy_link *link)
{
    while (link->clients) {
        struct tpy_client *client = link->clients;
        link->clients = client->next;
        tpy_server_end_client(client, 0);
    }
}

static void in_child(void) { fenced = FENCED_UNKNOWN; /* it joins for itself */ }

__attribute__((constructor)) static void begin(void)
{
    tpy_at_fork_child(in_child);
    tpy_watcher_server_hooks.say = on_say;
    tpy_watcher_server_hooks.died = on_died;
}
