/*
 * server_closing: how it ends with clients: they close or die, their port refuses them or is destroyed. What they wait for is answered, what is
 * accepted may outlive them for a grace. Runs on the watcher, as server.c does, except the two functions by which other threads ask for it.
 */
#define _GNU_SOURCE
#include "core/server_closing.h"

#include <stdlib.h>

#include "core/errors.h"
#include "core/fork.h"
#include "core/watcher.h"

#define GRACE_MOST 1000000000ll
#define LOCK_LOOK 50000 /* ns */

static pthread_mutex_t closing_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_port *closing;
struct refusal { /* clients that are served no more */
    struct refusal *next;
    struct tpy_port *port;
    void *client;
};
static struct refusal *refusals; /* guarded by closing_lock */
static struct tpy_client *leaving; /* clients that wait for orphans */

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

void tpy_server_take_exchange(struct tpy_exchange *exchange, int error)
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
    if (orphan) tpy_watcher_later(TPY_LATER_TIDY, exchange->grace, tpy_server_tidy);
    else tpy_exchange_free(exchange);
}

void tpy_server_end_client(struct tpy_client *client, int error)
{
    struct tpy_exchange **at = &client->exchanges;
    while (*at) {
        struct tpy_exchange *exchange = *at;
        *at = exchange->next_of_client;
        tpy_server_take_exchange(exchange, error);
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
                tpy_watcher_later(TPY_LATER_TIDY, exchange->grace, tpy_server_tidy);
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

void tpy_server_tidy(void) { tpy_watcher_later(TPY_LATER_TIDY, 0, tidy); }

/* With the port's lock: takes the record's lock, unless an accepted offer's transfer has it, which may take as long as the client likes. */
static bool enter_unless_accepted(struct tpy_exchange *exchange)
{
    while (!tpy_lock_try(&exchange->lock)) {
        if (atomic_load(&exchange->state) == TPY_ACCEPTED) return false;
        tpy_futex_wait_private(&exchange->lock.word, 1, tpy_now() + LOCK_LOOK);
    }
    return true;
}

/* With the port's lock: a client's offers that wait and are nobody's yet. One that is accepted and comes back to the queue is turned away there. */
static void turn_away(struct tpy_port *port, struct tpy_client *client)
{
    for (struct tpy_exchange *exchange = client->exchanges; exchange; exchange = exchange->next_of_client) {
        bool wake = false;
        if (!enter_unless_accepted(exchange)) continue;
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
    tpy_watcher_later(TPY_LATER_REFUSE, 0, refuse);
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
            /* One that does not read cannot be told; that its link ends it learns in any case. */
            if (tpy_link_say(link, &gone, NULL, 0) == -EAGAIN) tpy_node_drop(link);
            tpy_server_end_client(client, ESRCH);
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
    tpy_watcher_later(TPY_LATER_CLOSE, 0, close_ports);
}

static void in_child(void)
{
    pthread_mutex_init(&closing_lock, NULL);
    closing = NULL;
    refusals = NULL;
    leaving = NULL;
}

__attribute__((constructor)) static void begin(void) { tpy_at_fork_child(in_child); }
