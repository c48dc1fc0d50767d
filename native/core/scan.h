/*
 * scan: how a receiver that scans looks at the post words of its group's exchanges, or of the one exchange that it waits for, and sleeps on them.
 * What it finds new is collected by tpy_receive, under the port's lock, which looking does not need.
 */
#ifndef TPY_CORE_SCAN_H
#define TPY_CORE_SCAN_H

#include "core/port_record.h"

/* On the stack of the receiver that scans. */
struct tpy_scan {
    struct tpy_port *port;
    struct tpy_receiver *receiver;
    struct tpy_thread *thread;
    const struct tpy_filter *watched; /* what it looks at; NULL: all */
    struct tpy_shared *shared;        /* of the one it looks at */
    uint64_t seen;                    /* and its post as it was when it last looked with the lock */
    uint32_t events;                  /* of the thread, as counted before the last collect */
};

/* The same for those who do not look at all. */
bool tpy_scan_news_watched(const struct tpy_scan *scan);

/* Is there a post that was not collected, or an event for this thread? Any moment, without the lock. */
static inline bool tpy_scan_news(void *argument)
{
    struct tpy_scan *scan = argument;
    if (TPY_UNLIKELY(scan->watched != NULL)) return tpy_scan_news_watched(scan);
    /* The count first: a list is there before its entries are counted, and a longer one replaces it before more are. */
    uint32_t count = atomic_load_explicit(&scan->port->entry_count, memory_order_acquire);
    struct tpy_entry *entries = atomic_load_explicit(&scan->port->entries, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        struct tpy_shared *shared = atomic_load_explicit(&entries[i].shared, memory_order_relaxed);
        uint64_t post = atomic_load_explicit(&shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
        if (post != atomic_load_explicit(&entries[i].seen, memory_order_relaxed)) return true;
    }
    return tpy_thread_events(scan->thread) != scan->events;
}

/* The sleep of the scanner, without the lock, after polling since `since`; cpu: where its last client ran. 0 look again, -ETIMEDOUT, -EINTR. */
int tpy_scan_sleep(struct tpy_scan *scan, uint8_t cpu, int64_t deadline, int64_t since);

#endif
