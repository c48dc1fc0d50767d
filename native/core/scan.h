/*
 * scan: how the one receiver of a port that waits for all of them looks at the post words, and sleeps on them. What it finds new is collected
 * by tpy_receive, under the port's lock, which looking does not need.
 */
#ifndef TPY_CORE_SCAN_H
#define TPY_CORE_SCAN_H

#include "core/port_record.h"

/* On the stack of the receiver that scans. */
struct tpy_scan {
    struct tpy_port *port;
    struct tpy_thread *thread;
    uint32_t events; /* of the thread, as counted before the last collect */
};

/* Is there a post that was not collected, or an event for this thread? Any moment, without the lock. */
static inline bool tpy_scan_news(void *argument)
{
    struct tpy_scan *scan = argument;
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

/* The sleep of the scanner, without the lock, after polling since `since`. 0 look again, -ETIMEDOUT, -EINTR. */
int tpy_scan_sleep(struct tpy_scan *scan, int64_t deadline, int64_t since);

#endif
