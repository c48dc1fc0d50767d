/*
 * touch: tpy_pages_touch (pages.h). Asking the kernel whether a page is there costs a microsecond a call, touching it a few nanoseconds; only
 * whoever touches a page that a pager keeps stops for as long as the pager likes. So a thread says when it begins and when it has done, and
 * the watcher looks every 10 ms, as long as there is traffic, whether one has not come on since it looked last. Such a touch is broken off, by a signal that
 * the kernel's wait for a pager heeds (docs/decisions/page-faults.md).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/fork.h"
#include "core/pages.h"
#include "core/thread_record.h"
#include "core/watcher.h"

#define PAGE 4096u
#define TICK 10000000ll /* ns */
#define IDLE_TICKS 50   /* then the watcher sleeps again */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list */
static struct tpy_thread *touchers; /* records that ever touched; they are never freed */
static _Atomic bool watched;
static unsigned idle; /* watcher only: ticks without traffic */
static __thread pid_t own_tid;

static void tick(void)
{
    bool traffic = false, busy = false;
    pthread_mutex_lock(&lock);
    for (struct tpy_thread *thread = touchers; thread; thread = thread->next_toucher) {
        uint32_t now = atomic_load(&thread->touching);
        if (now & 1) busy = true;
        if (now != thread->touching_seen) traffic = true;
        else if (now & 1) tpy_fault_break(atomic_load(&thread->tid));
        thread->touching_seen = now;
    }
    pthread_mutex_unlock(&lock);
    idle = traffic || busy ? 0 : idle + 1;
    if (idle >= IDLE_TICKS) {
        idle = 0;
        atomic_store(&watched, false);
        /* Who begins after this store sees it; who began before it is seen here. */
        pthread_mutex_lock(&lock);
        for (struct tpy_thread *thread = touchers; thread && !busy; thread = thread->next_toucher) busy = atomic_load(&thread->touching) & 1;
        pthread_mutex_unlock(&lock);
        if (!busy || atomic_exchange(&watched, true)) return;
    }
    tpy_watcher_later(TPY_LATER_TOUCH, tpy_now() + TICK, tick);
}

static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    touchers = NULL;
    atomic_store(&watched, false);
    own_tid = 0;
}

static void once_ever(void) { tpy_at_fork_child(in_child); }

static void enlist(struct tpy_thread *thread)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, once_ever);
    own_tid = gettid();
    pthread_mutex_lock(&lock);
    struct tpy_thread *other = touchers;
    while (other && other != thread) other = other->next_toucher;
    atomic_store(&thread->tid, own_tid);
    if (!other) {
        thread->next_toucher = touchers;
        touchers = thread;
    }
    pthread_mutex_unlock(&lock);
}

static int touch(char *at, size_t length, bool write)
{
    char byte;
    for (size_t offset = 0; offset < length; offset += PAGE - (((uintptr_t)at + offset) & (PAGE - 1)))
        if (TPY_UNLIKELY(tpy_copy(write ? at + offset : &byte, at + offset, 1) != 0)) return 1;
    return 0;
}

int tpy_pages_touch_both(const struct iovec *reads, size_t read_count, const struct iovec *writes, size_t write_count)
{
    struct tpy_thread *thread = tpy_thread_get();
    int result = 0;
    if (TPY_UNLIKELY(!thread)) return 3;
    if (TPY_UNLIKELY(own_tid == 0)) enlist(thread);
    uint32_t touching = atomic_load_explicit(&thread->touching, memory_order_relaxed);
    tpy_fault_breakable = true;
    atomic_exchange(&thread->touching, touching + 1); /* before the look at `watched` */
    if (TPY_UNLIKELY(!atomic_load(&watched)) && !atomic_exchange(&watched, true)) tpy_watcher_later(TPY_LATER_TOUCH, tpy_now() + TICK, tick);
    for (size_t i = 0; i < read_count && result == 0; i++) result = touch(reads[i].iov_base, reads[i].iov_len, false);
    for (size_t i = 0; i < write_count && result < 2; i++) result |= touch(writes[i].iov_base, writes[i].iov_len, true) << 1;
    atomic_store_explicit(&thread->touching, touching + 2, memory_order_release);
    tpy_fault_breakable = false;
    return result;
}

int tpy_pages_touch(const struct iovec *parts, size_t count, bool write)
{
    return write ? tpy_pages_touch_both(NULL, 0, parts, count) : tpy_pages_touch_both(parts, count, NULL, 0);
}
