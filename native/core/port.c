/* port: the table of ports, their queues, and what is put into them from our own side. Receiving is in receive.c, collecting in collect.c. */
#include "core/port_record.h"

#include <limits.h>
#include <unistd.h>
#include <stdlib.h>
#include <string.h>

#include "core/errors.h"
#include "core/fork.h"
#include "core/server_closing.h"

#define STEPS_MOST 1024u

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_port *table[TPY_PORTS_MAX + 1];
static uint32_t next_id = 1; /* so that ids come back late */
static struct tpy_port *free_ports, **free_end = &free_ports; /* oldest first */

static void in_child(void)
{
    pthread_mutex_init(&table_lock, NULL);
    free_ports = NULL;
    free_end = &free_ports;
    for (uint32_t id = 1; id <= TPY_PORTS_MAX; id++)
        if (table[id]) {
            atomic_store(&table[id]->lock.word, 0);
            atomic_store(&table[id]->open, false);
        }
    memset(table, 0, sizeof table); /* the records stay allocated: the parent's threads were using them at an unknown point */
}

static void once_ever(void) { tpy_at_fork_child(in_child); }

struct tpy_port *tpy_port_get(uint32_t id)
{
    struct tpy_port *port = NULL;
    pthread_mutex_lock(&table_lock);
    if (id >= 1 && id <= TPY_PORTS_MAX) port = table[id];
    if (port) {
        tpy_lock_take(&port->lock);
        port->users++;
        tpy_lock_give(&port->lock);
    }
    pthread_mutex_unlock(&table_lock);
    return port;
}

void tpy_port_put(struct tpy_port *port)
{
    tpy_lock_take(&port->lock);
    bool last = --port->users == 0;
    tpy_lock_give(&port->lock);
    if (!last) return;
    if (port->ops->closed) port->ops->closed(port->face);
    for (unsigned i = 0; i < port->retired_count; i++) free(port->retired[i]);
    free(atomic_load(&port->entries));
    tpy_group_free(port);
    for (int priority = 0; priority < 256; priority++)
        while (port->heads[priority].next != &port->heads[priority]) {
            struct tpy_item *item = port->heads[priority].next;
            tpy_port_dequeue(port, item);
            if (item->oneway) tpy_port_pulse_free(port, (struct tpy_pulse *)item);
        }
    for (struct tpy_item *item = port->free_pulses, *next; item; item = next) {
        next = item->next;
        free(item);
    }
    /* The record itself is only recycled: a thread that loaded the pointer a moment ago finds it closed, not gone. */
    pthread_mutex_lock(&table_lock);
    port->next = NULL;
    *free_end = port;
    free_end = &port->next;
    pthread_mutex_unlock(&table_lock);
}

void tpy_port_ring(struct tpy_port *port, uint32_t ring)
{
    if (port->ring == ring || port->ring == TPY_RING_GONE) return;
    port->ring = ring;
    atomic_store(&tpy_node_page()->ring[port->id], ring);
}

static struct tpy_port *new_record(void)
{
    pthread_mutex_lock(&table_lock);
    struct tpy_port *port = free_ports;
    /* The last one stays, so that records come back late and the list's end stays where it is. */
    if (port && port->next) free_ports = port->next;
    else port = NULL;
    pthread_mutex_unlock(&table_lock);
    if (!port && !(port = aligned_alloc(_Alignof(struct tpy_port), sizeof *port))) return NULL;
    memset((void *)port, 0, sizeof *port);
    for (int i = 0; i < 256; i++) port->heads[i].next = port->heads[i].before = &port->heads[i];
    return port;
}

int tpy_port_create(const struct tpy_port_ops *ops, void *face, uint32_t flags, struct tpy_port **created, uint32_t *id)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, once_ever);
    int result = tpy_node_serve();
    if (result != 0) return result;
    struct tpy_port *port = new_record();
    if (!port) return -ENOMEM;
    port->ops = ops;
    port->face = face;
    port->flags = flags;
    port->users = 1;
    atomic_store(&port->open, true);
    pthread_mutex_lock(&table_lock);
    for (uint32_t step = 0; step < TPY_PORTS_MAX && !port->id; step++) {
        uint32_t candidate = (next_id - 1 + step) % TPY_PORTS_MAX + 1;
        if (table[candidate]) continue;
        port->id = candidate;
        next_id = candidate % TPY_PORTS_MAX + 1;
        atomic_store(&tpy_node_page()->ring[candidate], TPY_RING_NO);
        atomic_store(&tpy_node_page()->waits[candidate].who, TPY_WAITS_NOBODY);
        port->waits = flags & TPY_PORT_WAITED ? &tpy_node_page()->waits[candidate].who : NULL;
        table[candidate] = port;
    }
    pthread_mutex_unlock(&table_lock);
    if (!port->id) {
        free(port);
        return -EAGAIN;
    }
    *created = port;
    *id = port->id;
    return 0;
}

int tpy_port_destroy(struct tpy_port *port)
{
    pthread_mutex_lock(&table_lock);
    bool ours = port->id && table[port->id] == port;
    if (ours) table[port->id] = NULL;
    pthread_mutex_unlock(&table_lock);
    if (!ours) return -EINVAL;
    tpy_lock_take(&port->lock);
    atomic_store(&port->open, false);
    tpy_port_ring(port, TPY_RING_GONE);
    tpy_port_hand_over(port, true);
    tpy_lock_give(&port->lock);
    tpy_server_close_port(port); /* answers its clients, and gives the table's use back when they are gone */
    return 0;
}

void tpy_port_enqueue(struct tpy_port *port, struct tpy_item *item, bool first)
{
    struct tpy_item *head = &port->heads[item->priority], *after = head;
    if (!first) {
        /* Usually the youngest: look from the end. Not far: the times are what clients say, and thousands that run backwards must not keep us. */
        after = head->before;
        for (unsigned steps = 0; after != head && after->stamp > item->stamp && steps < STEPS_MOST; steps++) after = after->before;
    }
    item->before = after;
    item->next = after->next;
    after->next->before = item;
    after->next = item;
    item->queued = true;
    port->occupied[item->priority / 64] |= 1ull << item->priority % 64;
    port->queued++;
}

void tpy_port_dequeue(struct tpy_port *port, struct tpy_item *item)
{
    if (!item->queued) return;
    item->before->next = item->next;
    item->next->before = item->before;
    item->queued = false;
    port->queued--;
    struct tpy_item *head = &port->heads[item->priority];
    if (head->next == head) port->occupied[item->priority / 64] &= ~(1ull << item->priority % 64);
}

bool tpy_filter_admits(const struct tpy_filter *filter, const struct tpy_item *item)
{
    const struct tpy_exchange *exchange = item->oneway ? NULL : tpy_item_exchange(item);
    /* A continuation belongs to who holds the exchange. */
    if (exchange && exchange->held) return filter && filter->only == exchange;
    if (!filter) return true;
    const struct tpy_pulse *pulse = (const struct tpy_pulse *)item;
    if (filter->admit && !filter->admit(filter->argument, exchange ? exchange->client->face : pulse->client, exchange ? exchange->kind : pulse->kind))
        return false;
    if (filter->only) return exchange == filter->only;
    if (filter->kinds && !(filter->kinds & 1u << (exchange ? exchange->kind : pulse->kind) % 32)) return false;
    if (filter->pid && filter->pid != (exchange ? exchange->link->who.pid : pulse->pid)) return false;
    return !filter->thread || filter->thread == (exchange ? exchange->thread : pulse->thread);
}

struct tpy_item *tpy_port_best(struct tpy_port *port, const struct tpy_filter *filter)
{
    if (filter && filter->only) { /* known where it would be */
        struct tpy_item *item = &filter->only->item;
        return item->queued && filter->only->port == port && tpy_filter_admits(filter, item) ? item : NULL;
    }
    for (int word = 3; word >= 0; word--)
        for (uint64_t bits = port->occupied[word]; bits; bits &= ~(1ull << (63 - __builtin_clzll(bits)))) {
            struct tpy_item *head = &port->heads[word * 64 + 63 - __builtin_clzll(bits)];
            for (struct tpy_item *item = head->next; item != head; item = item->next)
                if (tpy_filter_admits(filter, item)) return item;
        }
    return NULL;
}

struct tpy_pulse *tpy_port_pulse(struct tpy_port *port, uint32_t most)
{
    struct tpy_pulse *pulse = (struct tpy_pulse *)port->free_pulses;
    if (pulse) port->free_pulses = pulse->item.next;
    else if (port->pulse_count >= most || !(pulse = malloc(sizeof *pulse))) return NULL;
    else port->pulse_count++;
    memset(pulse, 0, sizeof *pulse);
    pulse->item.oneway = true;
    return pulse;
}

void tpy_port_pulse_free(struct tpy_port *port, struct tpy_pulse *pulse)
{
    pulse->item.next = port->free_pulses;
    port->free_pulses = &pulse->item;
}

int tpy_port_bind(struct tpy_port *port, struct tpy_exchange *exchange)
{
    int result = 0;
    tpy_lock_take(&port->lock);
    uint32_t count = atomic_load(&port->entry_count);
    struct tpy_entry *entries = atomic_load(&port->entries);
    if (!atomic_load(&port->open)) result = -ESRCH;
    else if (count == port->entry_capacity) {
        uint32_t capacity = count ? 2 * count : 8;
        struct tpy_entry *grown = port->retired_count < 24 ? calloc(capacity, sizeof *grown) : NULL;
        if (!grown) result = -ENOMEM;
        else {
            for (uint32_t i = 0; i < count; i++) {
                atomic_store(&grown[i].shared, atomic_load(&entries[i].shared));
                atomic_store(&grown[i].seen, atomic_load(&entries[i].seen));
                grown[i].exchange = entries[i].exchange;
                grown[i].used = entries[i].used;
                atomic_store(&grown[i].face, atomic_load(&entries[i].face));
            }
            if (entries) port->retired[port->retired_count++] = entries; /* a scanner may be reading it */
            atomic_store(&port->entries, grown);
            port->entry_capacity = capacity;
            entries = grown;
        }
    }
    if (result == 0) {
        struct tpy_entry *entry = &entries[count];
        atomic_store(&entry->shared, exchange->shared);
        atomic_store(&entry->seen, 0);
        entry->exchange = exchange;
        entry->used = ++port->turn;
        atomic_store(&entry->face, exchange->client->face);
        exchange->entry = count;
        exchange->port = port;
        atomic_store(&port->entry_count, count + 1);
        /* A scanner that sleeps does not know its word: let it look again. */
        tpy_group_bound(port, entry);
    }
    tpy_lock_give(&port->lock);
    return result;
}

void tpy_port_unbind(struct tpy_port *port, struct tpy_exchange *exchange)
{
    tpy_port_dequeue(port, &exchange->item);
    struct tpy_entry *entries = atomic_load(&port->entries);
    uint32_t last = atomic_load(&port->entry_count) - 1;
    if (exchange->entry != last) {
        struct tpy_entry *moved = &entries[last], *hole = &entries[exchange->entry];
        atomic_store(&hole->shared, atomic_load(&moved->shared));
        atomic_store(&hole->seen, atomic_load(&moved->seen));
        hole->exchange = moved->exchange;
        hole->used = moved->used;
        atomic_store(&hole->face, atomic_load(&moved->face));
        hole->exchange->entry = exchange->entry;
    }
    atomic_store(&port->entry_count, last);
    exchange->port = NULL; /* it has no entry: who waits for just this exchange must not look for one, nor touch its memory */
    /* A holder that waits for just this exchange must learn that it is gone. */
    tpy_port_hand_over(port, true);
}

int tpy_port_inject(struct tpy_port *port, uint8_t kind, uint8_t priority, int16_t code, uint64_t value, uint32_t tag, int first)
{
    int result = -ENOMEM;
    tpy_lock_take(&port->lock);
    struct tpy_pulse *pulse = atomic_load(&port->open) ? tpy_port_pulse(port, 2 * TPY_PULSES_MAX) : NULL;
    if (pulse) {
        pulse->item.priority = priority;
        pulse->item.stamp = (uint64_t)tpy_now();
        pulse->injected = true;
        pulse->kind = kind;
        pulse->code = code;
        pulse->value = value;
        pulse->tag = tag;
        pulse->pid = getpid();
        tpy_port_enqueue(port, &pulse->item, first);
        tpy_port_hand_over(port, false);
        result = 0;
    } else if (!atomic_load(&port->open)) result = -ESRCH;
    tpy_lock_give(&port->lock);
    return result;
}

int tpy_port_retract(struct tpy_port *port, int16_t code, uint64_t value)
{
    int found = 0;
    tpy_lock_take(&port->lock);
    for (int priority = 0; priority < 256 && !found; priority++) {
        struct tpy_item *head = &port->heads[priority];
        for (struct tpy_item *item = head->next; item != head; item = item->next) {
            struct tpy_pulse *pulse = (struct tpy_pulse *)item;
            if (!item->oneway || !pulse->injected || pulse->code != code || pulse->value != value) continue;
            tpy_port_dequeue(port, item);
            tpy_port_pulse_free(port, pulse);
            found = 1;
            break;
        }
    }
    tpy_lock_give(&port->lock);
    return found;
}

void tpy_port_look_again(struct tpy_port *port)
{
    tpy_lock_take(&port->lock);
    tpy_port_hand_over(port, true);
    tpy_lock_give(&port->lock);
}
