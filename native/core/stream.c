/* stream: see stream.h. The client's progress words are hints: each is loaded once and clamped to what could be true. */
#define _GNU_SOURCE
#include "core/stream.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/direct.h"
#include "core/errors.h"
#include "core/iov.h"
#include "core/thread_record.h"

#define PULL_PATIENCE 1000000000ll /* ns without progress of a client whose memory we may not read ourselves */
#define PUSH_PATIENCE 200000ll     /* ns without progress before a push spills */
/* Whatever the progress: who is slower than this on the whole counts as one who makes none. */
#define PULL_LEAST 1048576 /* bytes a second, after the first */
#define PUSH_LEAST 67108864
#define LOOKS_APART 500000000ll    /* ns at most between two looks at the clock of one who runs */
#define BOUNCE 16384u
#define STALLED 5000000ll          /* ns without progress before who pulls sleeps between two looks */
#define LOOK_AFTER 1000000ll

static bool client_sleeps(struct tpy_exchange *exchange)
{
    return atomic_load_explicit(&exchange->shared->answer.answer, memory_order_acquire) & TPY_ANSWER_SLEEP;
}

void tpy_stream_nudge(struct tpy_exchange *exchange)
{
    _Atomic uint32_t *word = &exchange->shared->answer.answer;
    uint32_t now = atomic_load(word);
    for (int i = 0; i < 64 && tpy_answer_sequence(now) == exchange->open; i++)
        if (atomic_compare_exchange_weak(word, &now, (now & ~TPY_ANSWER_SLEEP) | TPY_ANSWER_HELP)) {
            if (now & TPY_ANSWER_SLEEP) tpy_exchange_wake(exchange);
            return;
        }
}

static void breathe(struct tpy_exchange *exchange, unsigned round)
{
    if (tpy_cpu() == exchange->cpu || round % 256 == 255) sched_yield();
    else tpy_relax();
}

static bool back_in(struct tpy_exchange *exchange, uint32_t serial)
{
    tpy_lock_take(&exchange->lock);
    return atomic_load(&exchange->serial) == serial && atomic_load(&exchange->state) == TPY_ACCEPTED;
}

/* Lets the watcher in, which waits for nobody. False: meanwhile the offer ended. */
static bool let_in(struct tpy_exchange *exchange, uint32_t serial)
{
    tpy_lock_give(&exchange->lock);
    while (atomic_load(&exchange->visited)) tpy_futex_wait_private((void *)&exchange->visited, 1, tpy_now() + 1000000);
    return back_in(exchange, serial);
}

/* Sleeps a while, or until an event after `events`; whoever wants the record has it meanwhile. As let_in. */
static bool stand_aside(struct tpy_exchange *exchange, uint32_t serial, struct tpy_thread *thread, uint32_t events)
{
    tpy_lock_give(&exchange->lock);
    tpy_thread_sleep_told(thread, events, tpy_now() + LOOK_AFTER);
    return back_in(exchange, serial);
}

/* What a transfer may take in all. Time in which we did not look ourselves, because we were stopped, hardly counts. */
struct pace {
    int64_t limit, spent, looked;
    unsigned looks;
};

static struct pace pace_for(int64_t patience, uint64_t size, uint64_t least)
{
    uint64_t seconds = size / least;
    if (seconds > INT32_MAX) return (struct pace){.limit = TPY_NEVER};
    return (struct pace){.limit = patience + (int64_t)(seconds * 1000000000 + size % least * 1000000000 / least)};
}

/* Counted through, however small the steps. */
static inline bool too_slow(struct pace *pace)
{
    if (TPY_LIKELY(pace->looks++ % 64 != 63)) return false;
    int64_t now = tpy_now(), since = pace->looked ? now - pace->looked : 0;
    pace->looked = now;
    pace->spent += since < LOOKS_APART ? since : LOOKS_APART;
    return pace->spent > pace->limit;
}

void tpy_stream_reset(struct tpy_exchange *exchange)
{
    struct tpy_server_line *line = &exchange->shared->server;
    exchange->push_head = 0;
    exchange->ring_base = exchange->bulk ? exchange->shared->client.ring_base % TPY_RING & ~(uint64_t)4095 : 0;
    exchange->taken = tpy_inline_part(exchange->send_length);
    exchange->streaming = true;
    atomic_store_explicit(&line->pushed, 0, memory_order_relaxed);
    atomic_store_explicit(&line->taken, exchange->taken, memory_order_relaxed);
    atomic_store_explicit(&line->stream_for, exchange->sequence, memory_order_release);
}

static ssize_t pull(struct tpy_exchange *exchange, struct tpy_direct *direct, uint64_t offset, const struct iovec *parts, size_t count, uint64_t done,
    uint64_t size)
{
    struct tpy_shared *shared = exchange->shared;
    struct tpy_thread *thread = tpy_thread_get();
    if (!thread) return -ENOMEM;
    if (!exchange->bulk || !exchange->streaming) return -EFAULT; /* it says that there is more than here, and has not sent it */
    int64_t progress = 0;
    struct pace pace = pace_for(PULL_PATIENCE, size - done, PULL_LEAST);
    uint32_t serial = atomic_load_explicit(&exchange->serial, memory_order_relaxed);
    bool direct_allowed = true;
    for (unsigned round = 0; done < size; round++) {
        if (TPY_UNLIKELY(atomic_load_explicit(&exchange->visited, memory_order_relaxed)) && !let_in(exchange, serial)) return -ESTALE;
        if (TPY_UNLIKELY(too_slow(&pace))) return -EFAULT;
        uint64_t position = offset + done;
        uint64_t filled = atomic_load_explicit(&shared->client.filled, memory_order_acquire);
        uint32_t seek = atomic_load_explicit(&shared->server.seek, memory_order_relaxed);
        bool sought = atomic_load_explicit(&shared->client.seek_seen, memory_order_acquire) == seek;
        if (sought) filled = atomic_load_explicit(&shared->client.filled, memory_order_acquire);
        if (position < exchange->taken || position > exchange->taken + TPY_RING) { /* not where the client fills: ask */
            exchange->taken = position;
            atomic_store_explicit(&shared->server.taken, position, memory_order_relaxed);
            atomic_store_explicit(&shared->server.seek_to, position, memory_order_relaxed);
            atomic_store_explicit(&shared->server.seek, seek + 1, memory_order_release);
            continue;
        }
        if (sought && filled > position && filled <= exchange->taken + TPY_RING) {
            size_t at = (exchange->ring_base + position) % TPY_RING, step = TPY_RING - at;
            int fault;
            if (step > filled - position) step = (size_t)(filled - position);
            if (step > size - done) step = (size_t)(size - done);
            if (step > TPY_CHUNK_MOST) step = TPY_CHUNK_MOST; /* so that the client gets its room back early */
            if (tpy_iov_scatter(parts, count, done, exchange->bulk->send + at, step, &fault) < step) return -TPY_ESRVRFAULT;
            done += step;
            exchange->taken = position + step;
            atomic_store_explicit(&shared->server.taken, exchange->taken, memory_order_release);
            round = 0, progress = 0;
            continue;
        }
        if (atomic_load_explicit(&shared->client.fault_at, memory_order_acquire) <= position && sought) return -EFAULT;
        /* A cancel from here on is an event after these. */
        uint32_t events = tpy_thread_events(thread);
        bool away = false, stalled = false;
        if (direct->job || client_sleeps(exchange) || (progress && tpy_now() - progress > PUSH_PATIENCE)) {
            ssize_t got = direct_allowed ? tpy_direct_pull(direct, exchange, offset, parts, count, &done, size) : -EPERM;
            if (got == -EAGAIN) away = true;
            else if (got != -EPERM && got != -ENOSYS) return got;
            else {
                direct_allowed = false;
                tpy_stream_nudge(exchange);
            }
        }
        if (TPY_UNLIKELY(tpy_thread_cancelled(thread))) return -ECANCELED;
        if (away || round % 64 == 63) {
            int64_t now = tpy_now();
            if (progress == 0) progress = now;
            else if (now - progress > PULL_PATIENCE && !away) return -EFAULT;
            if (!tpy_exchange_wanted(exchange) || atomic_load(&exchange->ending)) return -ESRCH;
            stalled = now - progress > STALLED;
        }
        if (away) pace.looked = progress = 0; /* as long as its pager likes: that is no fault of the client's */
        if (!away && !stalled) breathe(exchange, round);
        else if (!stand_aside(exchange, serial, thread, events)) return -ESTALE;
    }
    return (ssize_t)size;
}

ssize_t tpy_stream_pull(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count, uint64_t done, uint64_t size)
{
    struct tpy_direct direct = TPY_DIRECT_BEGIN;
    ssize_t result = pull(exchange, &direct, offset, parts, count, done, size);
    tpy_direct_end(&direct);
    return result;
}

static unsigned char *ring_of(struct tpy_exchange *exchange, uint64_t *size)
{
    *size = exchange->bulk ? TPY_RING : TPY_INLINE;
    return exchange->bulk ? exchange->bulk->reply : exchange->shared->answer.data;
}

static int spill(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count, uint64_t from, uint64_t size)
{
    TPY_KEEPS_ERRNO;
    char bounce[BOUNCE];
    int fault;
    if (exchange->spill_fd < 0) {
        exchange->spill_fd = memfd_create("tetrapylon-spill", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (exchange->spill_fd < 0) return -errno;
        exchange->spill_length = 0;
    }
    struct tpy_push_record record = {offset, size - from};
    uint64_t at = exchange->spill_length;
    if (!tpy_store(exchange->spill_fd, &record, sizeof record, at)) return -ENOMEM;
    for (at += sizeof record; from < size;) {
        size_t step = size - from < sizeof bounce ? (size_t)(size - from) : sizeof bounce;
        if (tpy_iov_gather(parts, count, from, bounce, step, &fault) < step) return -TPY_ESRVRFAULT;
        if (!tpy_store(exchange->spill_fd, bounce, step, at)) return -ENOMEM;
        from += step, at += step;
    }
    exchange->spill_length = (at + 15) & ~(uint64_t)15;
    return ftruncate(exchange->spill_fd, (off_t)exchange->spill_length) == 0 ? 0 : -ENOMEM;
}

ssize_t tpy_stream_push(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count, uint64_t size)
{
    struct tpy_shared *shared = exchange->shared;
    uint64_t ring_size, done = 0;
    unsigned char *ring = ring_of(exchange, &ring_size);
    int64_t progress = 0;
    struct pace pace = pace_for(PUSH_PATIENCE, size, PUSH_LEAST);
    const struct tpy_thread *thread = tpy_thread_current;
    bool slow = false;
    uint32_t serial = atomic_load_explicit(&exchange->serial, memory_order_relaxed);
    if (!exchange->streaming) tpy_stream_reset(exchange);
    exchange->pushed = true;
    for (unsigned round = 0; done < size; round++) {
        if (TPY_UNLIKELY(atomic_load_explicit(&exchange->visited, memory_order_relaxed)) && !let_in(exchange, serial)) return -ESTALE;
        slow |= too_slow(&pace);
        if (exchange->spill_fd >= 0) {
            int result = spill(exchange, offset + done, parts, count, done, size);
            return result < 0 ? result : (ssize_t)size;
        }
        uint64_t applied = atomic_load_explicit(&shared->client.applied, memory_order_acquire);
        if (applied > exchange->push_head) applied = exchange->push_head < ring_size ? 0 : exchange->push_head - ring_size; /* a lie: no room */
        uint64_t used = exchange->push_head - applied;
        uint64_t room = used < ring_size ? ring_size - used : 0, at = (exchange->ring_base + exchange->push_head) % ring_size, to_end = ring_size - at;
        if (room > to_end) room = to_end;
        if (room >= sizeof(struct tpy_push_record) + 16 || (room >= 16 && room == to_end)) {
            uint64_t step = room - sizeof(struct tpy_push_record);
            int fault;
            if (step > size - done) step = size - done;
            if (step > tpy_chunk(size)) step = tpy_chunk(size);
            struct tpy_push_record record = {offset + done, step};
            memcpy(ring + at, &record, sizeof record);
            if (tpy_iov_gather(parts, count, done, ring + at + sizeof record, step, &fault) < step) return -TPY_ESRVRFAULT;
            done += step;
            exchange->push_head += tpy_record_size(step);
            atomic_store_explicit(&shared->server.pushed, exchange->push_head, memory_order_release);
            round = 0, progress = 0;
            continue;
        }
        if (client_sleeps(exchange)) tpy_stream_nudge(exchange);
        /* Who was cancelled does not wait for room; what needs no waiting is done all the same, and the cancel stays for the next wait. */
        slow |= thread && atomic_load_explicit(&thread->cancelled, memory_order_relaxed);
        if (slow || round % 64 == 63) {
            int64_t now = tpy_now();
            if (progress == 0) progress = now;
            if (slow || now - progress > PUSH_PATIENCE) {
                int result = spill(exchange, offset + done, parts, count, done, size);
                return result < 0 ? result : (ssize_t)size;
            }
        }
        breathe(exchange, round);
    }
    return (ssize_t)size;
}

int tpy_stream_spill_over(struct tpy_exchange *exchange)
{
    TPY_KEEPS_ERRNO;
    struct tpy_say say = {.type = TPY_SAY_SPILL, .version = TPY_WIRE_VERSION, .exchange = tpy_exchange_index(exchange),
        .sequence = exchange->sequence, .word = exchange->spill_length};
    fcntl(exchange->spill_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return tpy_link_say(exchange->link, &say, &exchange->spill_fd, 1);
}
