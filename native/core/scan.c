/* scan: see scan.h. */
#include "core/scan.h"

#include "core/errors.h"
#include "core/inspect.h"

#define HOT_WORDS (TPY_WAIT_WORDS - 1)

/* The entries used last, at most HOT_WORDS, with SLEEP set in their posts. False: one of them has something new. */
static bool set_sleep_bits(struct tpy_port *port, struct tpy_wait_word *words, unsigned *count)
{
    struct tpy_entry *entries = atomic_load(&port->entries), *hot[HOT_WORDS];
    uint32_t all = atomic_load(&port->entry_count);
    unsigned chosen = 0;
    for (uint32_t i = 0; i < all; i++) {
        unsigned at = chosen;
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

/* The sleep of the scanner, without the lock. 0 look again, -ETIMEDOUT, -EINTR. */
int tpy_scan_sleep(struct tpy_scan *scan, int64_t deadline, int64_t since)
{
    struct tpy_port *port = scan->port;
    struct tpy_spin *spin = &scan->thread->receive_spin;
    struct tpy_wait_word words[TPY_WAIT_WORDS];
    struct tpy_narrow narrow = {0};
    unsigned count = 0;
    if (deadline != TPY_NEVER && tpy_now() >= deadline) return -ETIMEDOUT;
    tpy_lock_take(&port->lock);
    bool quiet = !tpy_have_waitv() || set_sleep_bits(port, words, &count), narrows = quiet && count > 0 && tpy_spin_sleeps(spin);
    uint8_t cpu = port->last_cpu;
    /* So that the client that wakes us knows not to spin in our way. The first word is that of the exchange used last. */
    if (narrows) ((struct tpy_shared *)((char *)words[0].word - offsetof(struct tpy_shared, offer)))->answer.cpu = cpu;
    /* Those whose posts do not wake us must ring; said before the last look. */
    tpy_port_ring(port, count < atomic_load(&port->entry_count) ? TPY_RING_NOW : TPY_RING_NO);
    tpy_lock_give(&port->lock);
    atomic_thread_fence(memory_order_seq_cst);
    if (!quiet || tpy_scan_news(scan)) return 0;
    if (narrows) tpy_narrow_to(&narrow, spin, cpu);
    words[count] = (struct tpy_wait_word){.word = (void *)&scan->thread->events, .expected = scan->events, .is_private = true};
    tpy_inspect_blocked(scan->thread, TPY_BLOCKED_RECEIVE, 0, port->id);
    atomic_store(&scan->thread->asleep, 1);
    int result = count > 0 ? tpy_futex_wait_any(words, count + 1, deadline)
                           : tpy_futex_wait_private((void *)&scan->thread->events, scan->events, deadline);
    atomic_store(&scan->thread->asleep, 0);
    tpy_inspect_ready(scan->thread);
    /* The first word is that of the exchange used last: whose post woke us, if we narrowed for it. */
    tpy_narrow_undo(&narrow, spin, narrows ? ((struct tpy_offer_area *)words[0].word)->cpu : 0);
    tpy_spin_slept(spin, since);
    return result == -ETIMEDOUT || result == -EINTR ? result : 0;
}
