/* group: see group.h. */
#include "core/group.h"

#include <stdlib.h>

#include "core/port_record.h"

/* What our word in the node page must say, after any change of those who wait. */
static inline void set_ring(struct tpy_port *port)
{
    tpy_port_ring(port, TPY_UNLIKELY(port->short_of_words > 0) ? TPY_RING_NOW : TPY_UNLIKELY(port->later > 0) ? TPY_RING_LATER : TPY_RING_NO);
}

static void set_later(struct tpy_port *port, struct tpy_group *group, bool later)
{
    if (group->later == later) return;
    group->later = later;
    port->later += later ? 1 : -1u;
}

struct tpy_group *tpy_group_find(struct tpy_port *port, const struct tpy_filter *watched)
{
    struct tpy_group *unused = NULL;
    for (struct tpy_group *group = port->everything.next; group; group = group->next) {
        if (group->admit == watched->admit && group->argument == watched->argument) return group;
        if (!group->scanner && !group->sleepers) unused = group;
    }
    if (unused) set_later(port, unused, false);
    else {
        if (!(unused = calloc(1, sizeof *unused))) return NULL;
        unused->next = port->everything.next;
        port->everything.next = unused;
    }
    unused->admit = watched->admit;
    unused->argument = watched->argument;
    return unused;
}

bool tpy_group_enter_slowly(struct tpy_port *port, struct tpy_group *group, struct tpy_receiver *receiver)
{
    if (group && !group->scanner) {
        group->scanner = receiver;
        set_later(port, group, false);
        set_ring(port);
        return true;
    }
    struct tpy_receiver **list = group ? &group->sleepers : &port->holders;
    receiver->next = *list;
    *list = receiver;
    return !group;
}

void tpy_group_leave_slowly(struct tpy_port *port, struct tpy_group *group, struct tpy_receiver *receiver)
{
    if (group && group->scanner == receiver) group->scanner = NULL;
    else {
        struct tpy_receiver **at = group ? &group->sleepers : &port->holders;
        while (*at != receiver) at = &(*at)->next;
        *at = receiver->next;
    }
    tpy_group_sleeps(port, receiver, false);
}

void tpy_group_sleeps(struct tpy_port *port, struct tpy_receiver *receiver, bool short_of_words)
{
    if (TPY_LIKELY(receiver->short_of_words == short_of_words)) return;
    receiver->short_of_words = short_of_words;
    port->short_of_words += short_of_words ? 1 : -1u;
    set_ring(port);
}

void tpy_group_farewell_slowly(struct tpy_port *port)
{
    if (TPY_LIKELY(port->waiting == 0)) {
        /* Nobody stays; where the face wants to hear of urgent offers meanwhile, clients that wait ring. */
        bool boost = port->flags & TPY_PORT_BOOST;
        set_later(port, &port->everything, boost);
        if (TPY_UNLIKELY(port->later != boost))
            for (struct tpy_group *group = port->everything.next; group; group = group->next) set_later(port, group, false);
        set_ring(port);
        return;
    }
    for (struct tpy_group *group = &port->everything; group; group = group->next) {
        bool later = !group->scanner && group->sleepers, fresh = later && !group->later, busy = false;
        set_later(port, group, later);
        if (!fresh) continue;
        const struct tpy_filter watched = {.admit = group->admit, .argument = group->argument};
        set_ring(port);
        atomic_thread_fence(memory_order_seq_cst);
        busy = tpy_port_collect_watched(port, tpy_watched(&watched));
        if (busy) tpy_thread_notify(group->sleepers->thread); /* it becomes the scanner and looks again */
    }
    set_ring(port);
    if (port->queued) tpy_port_hand_over(port, false);
}

static bool notify_taker(struct tpy_port *port, struct tpy_receiver *receiver)
{
    if (!receiver || !tpy_port_best(port, receiver->filter)) return false;
    tpy_thread_notify(receiver->thread); /* what others collect is no news to its poll */
    return true;
}

void tpy_port_hand_over(struct tpy_port *port, bool everybody)
{
    if (everybody) {
        for (struct tpy_group *group = &port->everything; group; group = group->next) {
            if (group->scanner) tpy_thread_notify(group->scanner->thread);
            for (struct tpy_receiver *receiver = group->sleepers; receiver; receiver = receiver->next) tpy_thread_notify(receiver->thread);
        }
        for (struct tpy_receiver *holder = port->holders; holder; holder = holder->next) tpy_thread_notify(holder->thread);
        return;
    }
    bool told = false;
    for (struct tpy_group *group = &port->everything; group; group = group->next) told |= notify_taker(port, group->scanner);
    for (struct tpy_receiver *holder = port->holders; holder; holder = holder->next) told |= notify_taker(port, holder);
    /* Sleepers one by one: each hands over what it leaves. */
    for (struct tpy_group *group = &port->everything; group && !told; group = group->next)
        for (struct tpy_receiver *receiver = group->sleepers; receiver && !told; receiver = receiver->next) told = notify_taker(port, receiver);
}

bool tpy_group_rung(struct tpy_port *port)
{
    if (port->waiting == 0) return false;
    bool alone = port->everything.scanner && !port->holders;
    for (struct tpy_group *group = port->everything.next; group; group = group->next) alone &= !group->scanner && !group->sleepers;
    if (alone) tpy_thread_notify(port->everything.scanner->thread);
    else if (tpy_port_collect(port)) tpy_port_hand_over(port, true);
    else if (port->queued) tpy_port_hand_over(port, false);
    return true;
}

void tpy_group_bound(struct tpy_port *port, const struct tpy_entry *entry)
{
    for (struct tpy_group *group = &port->everything; group; group = group->next) {
        const struct tpy_filter watched = {.admit = group->admit, .argument = group->argument};
        if (group->scanner && tpy_watches(tpy_watched(&watched), entry)) tpy_thread_notify(group->scanner->thread);
    }
}

void tpy_group_free(struct tpy_port *port)
{
    for (struct tpy_group *group = port->everything.next, *next; group; group = next) {
        next = group->next;
        free(group);
    }
    port->everything.next = NULL;
}
