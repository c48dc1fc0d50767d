/*
 * server: what clients ask of us over their links, and what happens when they go. Everything here runs on the watcher, one thing after
 * the other, so the lists of clients need no lock; a client's lies are answered with an error or the end of its link.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/fork.h"
#include "core/inspect.h"
#include "core/port_record.h"
#include "core/stream.h"

#define CLIENTS_PER_LINK 1024u
#define EXCHANGES_PER_LINK 1024u
#define LATER_CLOSE 0
#define LATER_TIDY 1
#define LATER_REFUSE 2
#define GRACE_MOST 1000000000ll

static pthread_mutex_t closing_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_port *closing;
struct refusal { /* clients that are served no more */
    struct refusal *next;
    struct tpy_port *port;
    void *client;
};
static struct refusal *refusals; /* guarded by closing_lock */
static struct tpy_client *leaving; /* clients that wait for orphans */

static void reply(struct tpy_link *link, struct tpy_say *answer, const struct tpy_say *to, int result, const int *fd)
{
    answer->type = TPY_SAY_REPLY;
    answer->version = TPY_WIRE_VERSION;
    answer->request = to->request;
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

static void free_client(struct tpy_client *client)
{
    struct tpy_port *port = client->port;
    struct tpy_client **at = &port->clients;
    while (*at && *at != client) at = &(*at)->next_of_port;
    if (*at) *at = client->next_of_port;
    if (port->ops->detach) port->ops->detach(port->face, client->face);
    free(client);
    tpy_port_put(port);
}

/* Takes an exchange from its client. error 0: the client is gone; else it is told so. */
static void take_exchange(struct tpy_exchange *exchange, int error)
{
    struct tpy_client *client = exchange->client;
    struct tpy_port *port = client->port;
    bool wake = false, orphan = false;
    uint32_t serial = atomic_load(&exchange->serial);
    int64_t grace = 0;
    atomic_store(&exchange->ending, true); /* a transfer that waits for this client stops: it holds the lock */
    if (error == 0 && port->ops->lost && atomic_load(&exchange->state) == TPY_ACCEPTED) grace = port->ops->lost(port->face, exchange, serial, client->face);
    tpy_lock_take(&port->lock);
    /* One-way messages it put before it went were sent: they stay. */
    exchange->oneway_queued = 0;
    exchange->oneway_backlog = false;
    atomic_store(&atomic_load(&port->entries)[exchange->entry].seen, UINT64_MAX);
    for (int i = 0; i < 1000 && tpy_port_collect(port); i++) tpy_relax(); /* a record is busy for the time of a copy */
    tpy_lock_take(&exchange->lock);
    uint8_t state = atomic_load(&exchange->state);
    if (error && (state == TPY_QUEUED || state == TPY_ACCEPTED)) tpy_exchange_answer_error(exchange, error, &wake);
    tpy_port_unbind(port, exchange);
    if (grace > 0 && state == TPY_ACCEPTED && atomic_load(&exchange->serial) == serial) {
        orphan = true;
        exchange->grace = tpy_now() + (grace < GRACE_MOST ? grace : GRACE_MOST);
        atomic_store(&exchange->state, TPY_ORPHAN);
        client->orphans++;
    } else {
        atomic_store(&exchange->state, TPY_IDLE); /* until it is freed below: nothing may enter it */
        atomic_fetch_add(&exchange->serial, 1);
    }
    tpy_lock_give(&exchange->lock);
    for (int priority = 0; priority < 256; priority++) /* but name nobody any more */
        for (struct tpy_item *item = port->heads[priority].next; item != &port->heads[priority]; item = item->next) {
            struct tpy_pulse *pulse = (struct tpy_pulse *)item;
            if (!item->oneway || pulse->from != exchange) continue;
            pulse->from = NULL;
        }
    tpy_lock_give(&port->lock);
    if (wake) tpy_exchange_wake(exchange);
    if (orphan) tpy_node_later(LATER_TIDY, exchange->grace, tpy_server_tidy);
    else tpy_exchange_free(exchange);
}

static void end_client(struct tpy_client *client, int error)
{
    struct tpy_exchange **at = &client->exchanges;
    while (*at) {
        struct tpy_exchange *exchange = *at;
        *at = exchange->next_of_client;
        take_exchange(exchange, error);
        if (atomic_load(&exchange->state) == TPY_ORPHAN) { /* keep it in the list */
            exchange->next_of_client = *at;
            *at = exchange;
            at = &exchange->next_of_client;
        }
    }
    if (client->orphans == 0) {
        free_client(client);
        return;
    }
    client->closing = true;
    client->next = leaving;
    leaving = client;
}

static void detach(struct tpy_link *link, const struct tpy_say *say)
{
    for (struct tpy_client **at = &link->clients; *at; at = &(*at)->next)
        if ((*at)->id == say->connection) {
            struct tpy_client *client = *at;
            *at = client->next;
            end_client(client, 0);
            return;
        }
}

static void tidy(void)
{
    int64_t now = tpy_now();
    for (struct tpy_client **at = &leaving; *at;) {
        struct tpy_client *client = *at;
        for (struct tpy_exchange **from = &client->exchanges; *from;) {
            struct tpy_exchange *exchange = *from;
            tpy_lock_take(&exchange->lock);
            bool over = exchange->grace <= now;
            if (over) {
                atomic_fetch_add(&exchange->serial, 1);
                atomic_store(&exchange->state, TPY_IDLE);
            }
            tpy_lock_give(&exchange->lock);
            if (!over) {
                tpy_node_later(LATER_TIDY, exchange->grace, tpy_server_tidy);
                from = &exchange->next_of_client;
                continue;
            }
            *from = exchange->next_of_client;
            client->orphans--;
            tpy_exchange_free(exchange);
        }
        if (client->orphans > 0) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        free_client(client);
    }
}

void tpy_server_tidy(void) { tpy_node_later(LATER_TIDY, 0, tidy); }

static void bind(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_say answer = {0};
    struct tpy_exchange *exchange;
    struct tpy_client *client = find_client(link, say->connection);
    int fd = -1, result = !client ? -EBADF : atomic_load(&client->refused) ? -ESRCH : link->exchange_count >= EXCHANGES_PER_LINK ? -EAGAIN : 0;
    if (result == 0) result = tpy_exchange_allocate(&exchange, &fd);
    if (result == 0) {
        tpy_link_retain(link);
        link->exchange_count++;
        exchange->link = link;
        exchange->client = client;
        exchange->thread = say->thread;
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
    take_exchange(exchange, 0);
}

static void bulk(struct tpy_link *link, const struct tpy_say *say)
{
    struct tpy_say answer = {0};
    struct tpy_exchange *exchange = own(link, say->exchange);
    void *map = NULL;
    int fd = -1, result = !exchange ? -ESRCH : exchange->bulk ? -EINVAL : 0;
    if (result == 0) {
        fd = tpy_memory_create("tetrapylon-stream", sizeof(struct tpy_bulk));
        result = fd < 0 ? fd : tpy_memory_map(fd, sizeof(struct tpy_bulk), true, NULL, &map);
    }
    if (result == 0) {
        tpy_lock_take(&exchange->lock);
        exchange->bulk = map;
        tpy_lock_give(&exchange->lock);
    }
    reply(link, &answer, say, result, result == 0 ? &fd : NULL);
    if (fd >= 0) close(fd);
}

static void ring(const struct tpy_say *say)
{
    struct tpy_port *port = tpy_port_get(say->port);
    if (!port) return;
    tpy_lock_take(&port->lock);
    if (port->scanner) tpy_thread_notify(port->scanner);
    else if (port->sleepers) {
        if (tpy_port_collect(port)) tpy_thread_notify(port->sleepers->thread);
        tpy_port_hand_over(port, false);
    } else if ((port->flags & TPY_PORT_BOOST) && port->ops->boost) {
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
    tpy_lock_take(&exchange->lock);
    bool asked = atomic_load(&exchange->state) == TPY_ACCEPTED && exchange->sequence == say->sequence && !exchange->unblock_requested;
    uint32_t serial = atomic_load(&exchange->serial);
    if (asked) exchange->unblock_requested = true;
    tpy_lock_give(&exchange->lock);
    struct tpy_client *client = exchange->client;
    if (asked && client->port->ops->unblock) client->port->ops->unblock(client->port->face, exchange, serial, client->face);
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
    int *kept = exchange && *count > 0 ? malloc(*count * sizeof *kept) : NULL;
    if (!kept) return;
    memcpy(kept, fds, *count * sizeof *kept);
    tpy_lock_take(&exchange->lock);
    tpy_exchange_drop_extras(exchange);
    exchange->fds = kept;
    exchange->fd_count = *count;
    atomic_store(&exchange->fd_sequence, say->sequence);
    tpy_lock_give(&exchange->lock);
    tpy_futex_wake_private((void *)&exchange->fd_sequence, INT32_MAX);
    *count = 0;
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
        end_client(client, 0);
    }
}

/* With the port's lock: a client's offers that wait and are nobody's yet. */
static void turn_away(struct tpy_port *port, struct tpy_client *client)
{
    for (struct tpy_exchange *exchange = client->exchanges; exchange; exchange = exchange->next_of_client) {
        bool wake = false;
        tpy_lock_take(&exchange->lock);
        if (atomic_load(&exchange->state) == TPY_QUEUED && !exchange->held) {
            tpy_port_dequeue(port, &exchange->item);
            tpy_exchange_answer_error(exchange, ESRCH, &wake);
            atomic_store(&exchange->state, TPY_IDLE);
        }
        tpy_lock_give(&exchange->lock);
        if (wake) tpy_exchange_wake(exchange);
    }
}

static void refuse(void)
{
    for (;;) {
        pthread_mutex_lock(&closing_lock);
        struct refusal *refusal = refusals;
        if (refusal) refusals = refusal->next;
        pthread_mutex_unlock(&closing_lock);
        if (!refusal) return;
        struct tpy_port *port = refusal->port;
        tpy_lock_take(&port->lock);
        for (struct tpy_client *client = port->clients; client; client = client->next_of_port)
            if (client->face == refusal->client) atomic_store(&client->refused, true);
        tpy_port_collect(port); /* those who posted before and sleep */
        for (struct tpy_client *client = port->clients; client; client = client->next_of_port)
            if (client->face == refusal->client) {
                struct tpy_say gone = {.type = TPY_SAY_GONE, .version = TPY_WIRE_VERSION, .connection = client->id, .flags = 1};
                turn_away(port, client);
                if (tpy_link_say(client->link, &gone, NULL, 0) == -EAGAIN) tpy_node_drop(client->link);
            }
        if (port->queued) tpy_port_hand_over(port, false);
        tpy_lock_give(&port->lock);
        tpy_port_put(port);
        free(refusal);
    }
}

void tpy_port_refuse(struct tpy_port *port, void *client)
{
    struct refusal *refusal = malloc(sizeof *refusal);
    if (!refusal) abort(); /* like any promise, it cannot be kept without memory */
    tpy_lock_take(&port->lock);
    port->users++;
    tpy_lock_give(&port->lock);
    *refusal = (struct refusal){.port = port, .client = client};
    pthread_mutex_lock(&closing_lock);
    refusal->next = refusals;
    refusals = refusal;
    pthread_mutex_unlock(&closing_lock);
    tpy_node_later(LATER_REFUSE, 0, refuse);
}

static void close_ports(void)
{
    for (;;) {
        pthread_mutex_lock(&closing_lock);
        struct tpy_port *port = closing;
        if (port) closing = port->next;
        pthread_mutex_unlock(&closing_lock);
        if (!port) return;
        while (port->clients) {
            struct tpy_client *client = port->clients;
            struct tpy_link *link = client->link;
            if (client->closing) { /* only waits for orphans: now it need not */
                for (struct tpy_exchange *exchange = client->exchanges; exchange; exchange = exchange->next_of_client) exchange->grace = 0;
                port->clients = client->next_of_port;
                tpy_server_tidy();
                continue;
            }
            struct tpy_say gone = {.type = TPY_SAY_GONE, .version = TPY_WIRE_VERSION, .connection = client->id};
            for (struct tpy_client **at = &link->clients; *at; at = &(*at)->next)
                if (*at == client) {
                    *at = client->next;
                    break;
                }
            tpy_link_say(link, &gone, NULL, 0);
            end_client(client, ESRCH);
        }
        tpy_port_put(port);
    }
}

void tpy_server_close_port(struct tpy_port *port)
{
    pthread_mutex_lock(&closing_lock);
    port->next = closing;
    closing = port;
    pthread_mutex_unlock(&closing_lock);
    tpy_node_later(LATER_CLOSE, 0, close_ports);
}

static void in_child(void)
{
    pthread_mutex_init(&closing_lock, NULL);
    closing = NULL;
    refusals = NULL;
    leaving = NULL;
}

__attribute__((constructor)) static void begin(void)
{
    tpy_at_fork_child(in_child);
    tpy_node_server_hooks.say = on_say;
    tpy_node_server_hooks.died = on_died;
}
