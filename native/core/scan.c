/* scan: see scan.h. */
#include "core/scan.h"

#include "core/errors.h"
#include "core/inspect.h"
#include "core/lane.h"

#define HOT_WORDS (TPY_WAIT_WORDS - 1)

/* Those that belong to others are not even looked at: their lines are their clients' and their servers'. */
bool tpy_scan_news_watched(const struct tpy_scan *scan)
{
    if (scan->watched->only) {
        uint64_t post = atomic_load_explicit(&scan->shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
        return post != scan->seen || tpy_thread_events(scan->thread) != scan->events;
    }
    uint32_t count = atomic_load_explicit(&scan->port->entry_count, memory_order_acquire);
    struct tpy_entry *entries = atomic_load_explicit(&scan->port->entries, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        if (!tpy_watches(scan->watched, &entries[i])) continue;
        struct tpy_shared *shared = atomic_load_explicit(&entries[i].shared, memory_order_relaxed);
        uint64_t post = atomic_load_explicit(&shared->offer.post, memory_order_acquire) & ~(uint64_t)TPY_POST_SLEEP;
        if (post != atomic_load_explicit(&entries[i].seen, memory_order_relaxed)) return true;
    }
    return tpy_thread_events(scan->thread) != scan->events;
}

/* Of the entries looked at those used last, at most HOT_WORDS, with SLEEP set in their posts; *all: how many are looked at. False: one of them has
 * something new. */
static bool set_sleep_bits(struct tpy_scan *scan, struct tpy_wait_word *words, unsigned *count, uint32_t *all)
{
    struct tpy_entry *entries = atomic_load(&scan->port->entries), *hot[HOT_WORDS];
    const struct tpy_filter *watched = scan->watched;
    uint32_t entry_count = atomic_load(&scan->port->entry_count);
    unsigned chosen = 0;
    *all = 0;
    if (watched && watched->only) {
        if (!(hot[0] = tpy_entry_of(scan->port, watched->only))) return false;
        entry_count = 0;
        *all = chosen = 1;
    }
    for (uint32_t i = 0; i < entry_count; i++) {
        if (!tpy_watches(watched, &entries[i])) continue;
        unsigned at = chosen;
        ++*all;
        if (at == HOT_WORDS && entries[i].used <= hot[at - 1]->used) continue;
        if (at == HOT_WORDS) at--;
        else chosen++;
        for (; at > 0 && hot[at - 1]->used < entries[i].used; at--) hot[at] = hot[at - 1];
        hot[at] = &entries[i];
    }
    *count = chosen;
    for (unsigned i = 0; i < chosen; i++) {
        struct tpy_shared *shared = atomic_load(&hot[i]->shared);
        uint64_t seen = atomic_load(&hot[i]->seen), expected = seen;
        /* One try: the word as seen, with or without the bit. Anything else is news. */
        if (!atomic_compare_exchange_strong(&shared->offer.post, &expected, seen | TPY_POST_SLEEP) && expected != (seen | TPY_POST_SLEEP)) return false;
        words[i] = (struct tpy_wait_word){.word = (void *)&shared->offer.post, .expected = (uint32_t)seen | TPY_POST_SLEEP};
    }
    return true;
}

int tpy_scan_sleep(struct tpy_scan *scan, uint8_t cpu, int64_t deadline, int64_t since)
{
    struct tpy_port *port = scan->port;
    struct tpy_spin *spin = &scan->thread->receive_spin;
    struct tpy_wait_word words[TPY_WAIT_WORDS];
    struct tpy_narrow narrow = {0};
    unsigned count = 0;
    uint32_t all = 1; /* or more */
    if (deadline != TPY_NEVER && tpy_now() >= deadline) return -ETIMEDOUT;
    if (tpy_lane_untidy(scan->thread)) tpy_lane_tidy(scan->thread);
    tpy_lock_take(&port->lock);
    bool quiet = !tpy_have_waitv() || set_sleep_bits(scan, words, &count, &all), narrows = quiet && count > 0 && tpy_spin_sleeps(spin);
    /* So that the client that wakes us knows not to spin in our way. The first word is that of the exchange used last. */
    if (narrows) ((struct tpy_shared *)((char *)words[0].word - offsetof(struct tpy_shared, offer)))->answer.cpu = cpu;
    /* Those whose posts do not wake us must ring; said before the last look. */
    tpy_group_sleeps(port, scan->receiver, count < all);
    tpy_lock_give(&port->lock);
    atomic_thread_fence(memory_order_seq_cst);
    if (!quiet || tpy_scan_news(scan)) return 0;
    if (narrows) tpy_narrow_to(&narrow, spin, cpu);
    words[count] = (struct tpy_wait_word){.word = (void *)&scan->thread->events, .expected = scan->events, .is_private = true};
    const struct tpy_inspect_thread told = tpy_inspect_told(scan->thread);
    tpy_inspect_blocked(scan->thread, TPY_BLOCKED_RECEIVE, 0, port->id);
    uint32_t asleep = tpy_thread_sleeps(scan->thread);
    int result = count > 0 ? tpy_futex_wait_any(words, count + 1, deadline)
                           : tpy_futex_wait_private((void *)&scan->thread->events, scan->events, deadline);
    tpy_thread_slept(scan->thread, asleep);
    tpy_inspect_ready(scan->thread, &told);
    /* The first word is that of the exchange used last: whose post woke us, if we narrowed for it. */
    tpy_narrow_undo(&narrow, spin, narrows ? ((struct tpy_offer_area *)words[0].word)->cpu : 0);
    tpy_spin_slept(spin, since);
    return result == -ETIMEDOUT || result == -EINTR ? result : 0;
}
