/*
 * group: the receivers of a port that look at the same exchanges. One of a group, its scanner, polls their posts and sleeps on them; the others
 * sleep on their private words until something is handed to them or nobody scans. Those whose filters name no criterion of the face look at all
 * exchanges and are one group, which is all there is for most ports; those with the same criterion and argument are another, so that threads on
 * different port sets do not wait for each other. Who waits for a single exchange is no group's: it looks at that one itself.
 *
 * Groups may overlap. Each of several who sleep on a post is woken by it, and whoever collects what another takes hands it over.
 * See "Sleeping and waking" in docs/exchange.md; modelled by tests/model/Sleep.tla.
 *
 * Owner: the port; everything under its lock.
 */
#ifndef TPY_CORE_GROUP_H
#define TPY_CORE_GROUP_H

#include <stdbool.h>

#include "core/port.h"
#include "core/thread_record.h"

struct tpy_entry;

struct tpy_receiver { /* on the stack of a thread that waits */
    struct tpy_receiver *next;
    struct tpy_thread *thread;
    const struct tpy_filter *filter;
    bool short_of_words; /* it sleeps, and some of what it looks at cannot wake it: clients ring at once */
};

struct tpy_group {
    struct tpy_group *next;
    bool (*admit)(void *argument, void *client, uint8_t kind);
    void *argument;
    struct tpy_receiver *scanner;
    struct tpy_receiver *sleepers; /* the others */
    bool later;                    /* nobody scans: clients that wait ring before they sleep */
};

/* What a receive looks at: NULL everything, else the filter, of which only `only`, `admit` and `argument` count here. */
static inline const struct tpy_filter *tpy_watched(const struct tpy_filter *filter)
{
    return filter && (filter->only || filter->admit) ? filter : NULL;
}

/* All these with the port's lock; those that every receive needs, and that are quick for the only receiver of a port, stand in port_record.h:
 * tpy_group_of, tpy_group_enter, tpy_group_leave, tpy_group_farewell. */

struct tpy_group *tpy_group_find(struct tpy_port *port, const struct tpy_filter *watched);
bool tpy_group_enter_slowly(struct tpy_port *port, struct tpy_group *group, struct tpy_receiver *receiver);
void tpy_group_leave_slowly(struct tpy_port *port, struct tpy_group *group, struct tpy_receiver *receiver);
void tpy_group_farewell_slowly(struct tpy_port *port);
/* A receiver that goes to sleep says whether all it looks at wakes it. */
void tpy_group_sleeps(struct tpy_port *port, struct tpy_receiver *receiver, bool short_of_words);
/* A client has rung. False: nobody waits. */
bool tpy_group_rung(struct tpy_port *port);
/* A new exchange: whoever scans where it belongs looks again. */
void tpy_group_bound(struct tpy_port *port, const struct tpy_entry *entry);
void tpy_group_free(struct tpy_port *port); /* their memory; nobody waits */

#endif
