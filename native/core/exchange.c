/*
 * exchange: the operations on an accepted exchange, and the records themselves. See exchange.h for what they promise and
 * exchange_record.h for who may touch what.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/exchange_record.h"
#include "core/fork.h"
#include "core/iov.h"
#include "core/port_record.h"
#include "core/server_closing.h"
#include "core/stream.h"

#define FDS_PATIENCE 1000000000ll
#define TRIES 64 /* of a compare-and-swap against a peer that keeps changing the word: an honest one changes it a few times */

static struct tpy_exchange *_Atomic records; /* TPY_EXCHANGES_MAX, mapped at first use */
static pthread_mutex_t allocating = PTHREAD_MUTEX_INITIALIZER;
static uint32_t next_record; /* so that records come back late */

uint32_t tpy_exchange_index(const struct tpy_exchange *exchange) { return exchange->index; }

struct tpy_exchange *tpy_exchange_at(uint32_t index)
{
    struct tpy_exchange *all = atomic_load_explicit(&records, memory_order_acquire);
    return all && index < TPY_EXCHANGES_MAX ? &all[index] : NULL;
}

static void in_child(void)
{
    pthread_mutex_init(&allocating, NULL);
    struct tpy_exchange *all = atomic_load(&records);
    for (uint32_t i = 0; all && i < TPY_EXCHANGES_MAX; i++) { /* their memory was not inherited */
        if (all[i].spill_fd > 0) tpy_close(all[i].spill_fd);
        memset((void *)&all[i], 0, sizeof all[i]);
    }
}

static struct tpy_exchange *make_records(void)
{
    size_t size = TPY_EXCHANGES_MAX * sizeof(struct tpy_exchange);
    void *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return NULL;
    tpy_at_fork_child(in_child);
    atomic_store_explicit(&records, all, memory_order_release);
    return all;
}

static void *zero_pages(void *at, size_t size)
{
    void *map = mmap(at, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
    return map == MAP_FAILED ? NULL : map;
}

int tpy_exchange_allocate(struct tpy_exchange **found, int *fd)
{
    int result = -EAGAIN;
    pthread_mutex_lock(&allocating);
    struct tpy_exchange *all = atomic_load(&records);
    if (!all) all = make_records();
    for (uint32_t step = 0; all && step < TPY_EXCHANGES_MAX; step++) {
        struct tpy_exchange *exchange = &all[(next_record + step) % TPY_EXCHANGES_MAX];
        /* Index 0 is never used: faces build numbers from it that must not be 0. */
        if (exchange == all || atomic_load(&exchange->state) != TPY_FREE) continue;
        void *map = NULL;
        *fd = tpy_memory_create("tetrapylon-exchange", sizeof(struct tpy_shared));
        result = *fd < 0 ? *fd : tpy_memory_map(*fd, sizeof(struct tpy_shared), true, exchange->shared, &map);
        if (result != 0) {
            if (*fd >= 0) tpy_close(*fd);
            break;
        }
        exchange->index = (uint32_t)(exchange - all);
        next_record = (next_record + step + 1) % TPY_EXCHANGES_MAX;
        exchange->shared = map;
        exchange->sequence = 0;
        exchange->oneway_seen = exchange->oneway_queued = 0;
        exchange->push_head = exchange->taken = 0;
        exchange->spill_fd = -1;
        exchange->fds = NULL;
        exchange->fd_count = 0;
        exchange->bulk = NULL;
        exchange->item = (struct tpy_item){0};
        exchange->looked_at = 0;
        atomic_store(&exchange->fd_sequence, 0); /* the next client counts from 1 again */
        exchange->fds_given = exchange->held = exchange->pushed = exchange->unblock_requested = false;
        atomic_store(&exchange->ending, false);
        atomic_store(&exchange->visited, 0);
        atomic_store(&exchange->state, TPY_IDLE);
        *found = exchange;
        break;
    }
    pthread_mutex_unlock(&allocating);
    return all ? result : -ENOMEM;
}

void tpy_exchange_free(struct tpy_exchange *exchange)
{
    tpy_lock_take(&exchange->lock);
    tpy_exchange_drop_extras(exchange);
    /* In place: a scanner may be polling these words right now. */
    zero_pages(exchange->shared, sizeof *exchange->shared);
    bool streamed = exchange->bulk != NULL;
    if (streamed) munmap(exchange->bulk, sizeof *exchange->bulk);
    exchange->bulk = NULL;
    exchange->port = NULL;
    exchange->client = NULL;
    struct tpy_link *link = exchange->link;
    exchange->link = NULL;
    atomic_store(&exchange->state, TPY_FREE);
    tpy_lock_give(&exchange->lock);
    if (link) {
        link->exchange_count--;
        link->stream_count -= streamed;
        tpy_link_release(link);
    }
}

void tpy_exchange_close_fds(struct tpy_exchange *exchange, uint32_t from)
{
    for (uint32_t i = from; i < exchange->fd_count; i++) tpy_close(exchange->fds[i]);
    free(exchange->fds);
    if (exchange->fd_count) atomic_fetch_sub(&exchange->link->descriptors, exchange->fd_count);
    exchange->fds = NULL;
    exchange->fd_count = 0;
}

void tpy_exchange_drop_extras(struct tpy_exchange *exchange)
{
    tpy_exchange_close_fds(exchange, 0);
    if (exchange->spill_fd >= 0) tpy_close(exchange->spill_fd);
    exchange->spill_fd = -1;
}

struct tpy_exchange *tpy_exchange_enter(struct tpy_exchange *exchange, uint32_t serial, bool orphan_too)
{
    if (!exchange) return NULL;
    /* Looked at before the lock too, so that a stale handle costs nobody anything. */
    if (atomic_load_explicit(&exchange->serial, memory_order_relaxed) != serial) return NULL;
    tpy_lock_take(&exchange->lock);
    uint8_t state = atomic_load_explicit(&exchange->state, memory_order_relaxed);
    if (TPY_LIKELY(atomic_load_explicit(&exchange->serial, memory_order_relaxed) == serial) &&
        (TPY_LIKELY(state == TPY_ACCEPTED) || (orphan_too && state == TPY_ORPHAN)))
        return exchange;
    tpy_lock_give(&exchange->lock);
    return NULL;
}

bool tpy_exchange_wanted(struct tpy_exchange *exchange)
{
    uint32_t answer = atomic_load_explicit(&exchange->shared->answer.answer, memory_order_acquire);
    if (tpy_answer_sequence(answer) == exchange->sequence && (answer & TPY_ANSWER_CANCEL)) return false;
    return tpy_post_sequence(atomic_load_explicit(&exchange->shared->offer.post, memory_order_acquire)) == exchange->sequence;
}

int tpy_exchange_publish(struct tpy_exchange *exchange, bool *wake)
{
    _Atomic uint32_t *word = &exchange->shared->answer.answer;
    uint32_t done = exchange->sequence << TPY_ANSWER_SHIFT | TPY_ANSWER_DONE;
    uint32_t now = atomic_load_explicit(word, memory_order_relaxed);
    for (int i = 0; i < TRIES; i++) {
        uint32_t sequence = tpy_answer_sequence(now);
        /* Open still, or a withdrawal that comes too late because we have accepted. */
        bool open = sequence == exchange->open || (sequence == exchange->sequence && !(now & (TPY_ANSWER_CANCEL | TPY_ANSWER_DONE)));
        if (!open) return -ESRCH;
        if (atomic_compare_exchange_weak_explicit(word, &now, done, memory_order_seq_cst, memory_order_relaxed)) {
            *wake = now & TPY_ANSWER_SLEEP;
            return 0;
        }
    }
    tpy_node_drop(exchange->link);
    return -ESRCH;
}

static void header(struct tpy_exchange *exchange, int64_t status, uint64_t length, unsigned flags)
{
    struct tpy_answer_area *answer = &exchange->shared->answer;
    answer->flags = (uint8_t)flags;
    answer->cpu = tpy_cpu();
    answer->status = status;
    answer->length = length;
}

void tpy_exchange_answer_error(struct tpy_exchange *exchange, int error, bool *wake)
{
    if (atomic_load_explicit(&exchange->state, memory_order_relaxed) != TPY_ACCEPTED) {
        /* Not accepted, so nothing keeps the client from going on: answer only what it still waits for (docs/exchange.md). */
        uint32_t answer = atomic_load_explicit(&exchange->shared->answer.answer, memory_order_seq_cst);
        if (tpy_answer_sequence(answer) == exchange->sequence) {
            if (answer & (TPY_ANSWER_CANCEL | TPY_ANSWER_DONE)) return;
        } else exchange->open = tpy_answer_sequence(answer);
        if (!tpy_exchange_wanted(exchange)) return;
    }
    header(exchange, error, 0, TPY_ANSWER_ERROR | (atomic_load(&exchange->ending) ? TPY_ANSWER_GONE : 0));
    tpy_exchange_publish(exchange, wake);
}

ssize_t tpy_exchange_copy_in(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count)
{
    uint64_t size, done = 0, here = tpy_inline_part(exchange->send_length);
    int fault, result = tpy_iov_length(parts, count, &size);
    if (result != 0) return result == -EFAULT ? -TPY_ESRVRFAULT : result;
    if (offset >= exchange->send_length) return 0;
    if (size > exchange->send_length - offset) size = exchange->send_length - offset;
    if (size == 0) return 0;
    if (TPY_UNLIKELY((exchange->flags & TPY_OFFER_FAULT) && offset + size > exchange->fault_at && exchange->fault_at < here)) return -EFAULT;
    if (offset < here) {
        done = size < here - offset ? size : here - offset;
        if (tpy_iov_scatter(parts, count, 0, exchange->shared->offer.data + tpy_data_at(here) + offset, done, &fault) < done) return -TPY_ESRVRFAULT;
    }
    return done == size ? (ssize_t)size : tpy_stream_pull(exchange, offset, parts, count, done, size);
}

ssize_t tpy_exchange_copy_out(struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count)
{
    uint64_t size;
    int result = tpy_iov_length(parts, count, &size);
    if (result != 0) return result == -EFAULT ? -TPY_ESRVRFAULT : result;
    if (offset >= exchange->room) return 0;
    if (size > exchange->room - offset) size = exchange->room - offset;
    if (size == 0) return 0;
    if (TPY_UNLIKELY((exchange->flags & TPY_OFFER_FAULT) && offset + size > exchange->room_fault_at)) return -EFAULT;
    return tpy_stream_push(exchange, offset, parts, count, size);
}

ssize_t tpy_pull(struct tpy_exchange *exchange, uint32_t serial, uint64_t offset, const struct iovec *parts, size_t count)
{
    struct iovec own[TPY_PARTS_OWN];
    int unreadable = tpy_iov_take(&parts, count, own);
    if (!tpy_exchange_enter(exchange, serial, false)) return -ESRCH;
    ssize_t result = unreadable ? -TPY_ESRVRFAULT : tpy_exchange_copy_in(exchange, offset, parts, count);
    /* What was copied is the message only if the client had not gone on meanwhile. */
    if (result == -ESTALE || !tpy_exchange_wanted(exchange)) result = -ESRCH;
    tpy_lock_give(&exchange->lock);
    return result;
}

ssize_t tpy_push(struct tpy_exchange *exchange, uint32_t serial, uint64_t offset, const struct iovec *parts, size_t count)
{
    struct iovec own[TPY_PARTS_OWN];
    int unreadable = tpy_iov_take(&parts, count, own);
    if (!tpy_exchange_enter(exchange, serial, false)) return -ESRCH;
    ssize_t result = !tpy_exchange_wanted(exchange) ? -ESRCH : unreadable ? -TPY_ESRVRFAULT : tpy_exchange_copy_out(exchange, offset, parts, count);
    tpy_lock_give(&exchange->lock);
    return result == -ESTALE ? -ESRCH : result;
}

int tpy_confirm(struct tpy_exchange *exchange, uint32_t serial)
{
    if (!tpy_exchange_enter(exchange, serial, false)) return -ESRCH;
    int result = tpy_exchange_wanted(exchange) ? 0 : -ESRCH;
    if (result == 0 && (exchange->flags & TPY_OFFER_CONFIRM)) {
        /* A commit, so that the client's cancel and we agree which came first. */
        if (!tpy_exchange_commit(exchange, 1)) result = -ESRCH;
        else if (exchange->flags & TPY_OFFER_NOTIFY) tpy_stream_nudge(exchange);
    }
    tpy_lock_give(&exchange->lock);
    return result;
}

bool tpy_exchange_commit(struct tpy_exchange *exchange, uint64_t mark)
{
    _Atomic uint64_t *word = &exchange->shared->server.progress;
    uint64_t now = atomic_load_explicit(word, memory_order_acquire);
    uint64_t ours = (uint64_t)exchange->sequence << TPY_PROGRESS_SHIFT | (mark & TPY_PROGRESS_MARK);
    for (int i = 0; i < TRIES; i++) {
        uint32_t ahead = (uint32_t)(now >> TPY_PROGRESS_SHIFT) - exchange->sequence;
        /* Closed, or the word of a later offer: this one was withdrawn. */
        if (ahead == 0 ? (now & TPY_PROGRESS_CLOSED) != 0 : (ahead & TPY_SEQUENCE_MASK) < TPY_SEQUENCE_MASK / 2) return false;
        if (atomic_compare_exchange_weak(word, &now, ours)) return true;
    }
    return false;
}

int tpy_commit(struct tpy_exchange *exchange, uint32_t serial, uint64_t mark)
{
    if (!tpy_exchange_enter(exchange, serial, false)) return -ESRCH;
    int result = tpy_exchange_commit(exchange, mark) ? 0 : -ESRCH;
    tpy_lock_give(&exchange->lock);
    return result;
}

/* A client that goes on with this exchange, now or later, finds that nobody holds it. One that asks to withdraw what nobody has accepted may.
 * With the lock. */
static void let_go(struct tpy_exchange *exchange, bool *wake)
{
    _Atomic uint32_t *word = &exchange->shared->answer.answer;
    uint32_t now = atomic_load(word);
    for (int i = 0; i < TRIES; i++) {
        uint32_t released = (now & ~TPY_ANSWER_SLEEP) | TPY_ANSWER_RELEASED | (now & TPY_ANSWER_DONE ? 0 : TPY_ANSWER_CANCEL);
        if (atomic_compare_exchange_weak(word, &now, released)) {
            *wake |= (now & TPY_ANSWER_SLEEP) != 0;
            return;
        }
    }
}

static int end(struct tpy_exchange *exchange, uint32_t serial, int64_t status, const struct iovec *parts, size_t count, unsigned flags)
{
    struct iovec own[TPY_PARTS_OWN];
    int result = tpy_iov_take(&parts, count, own);
    bool wake = false;
    if (!tpy_exchange_enter(exchange, serial, true)) return -ESRCH;
    if (TPY_UNLIKELY(atomic_load_explicit(&exchange->state, memory_order_relaxed) == TPY_ORPHAN)) {
        exchange->grace = 0;
        tpy_lock_give(&exchange->lock);
        tpy_server_tidy();
        return -ESRCH;
    }
    uint64_t size = 0, length;
    if (count > 0 && result == 0) result = tpy_iov_length(parts, count, &size);
    if (result == -EFAULT) result = -TPY_ESRVRFAULT;
    length = size < exchange->room ? size : exchange->room;
    if (TPY_UNLIKELY(result == 0 && (exchange->flags & TPY_OFFER_FAULT) && length > exchange->room_fault_at)) result = -EFAULT;
    if (result == 0 && length > 0) {
        int fault;
        if (TPY_LIKELY(length <= TPY_INLINE && !exchange->pushed)) {
            if (tpy_iov_gather(parts, count, 0, exchange->shared->answer.data + tpy_data_at(length), length, &fault) < length) result = -TPY_ESRVRFAULT;
        } else {
            ssize_t moved = tpy_stream_push(exchange, 0, parts, count, length);
            if (moved == -ESTALE) { /* no longer ours to end */
                tpy_lock_give(&exchange->lock);
                return -ESRCH;
            }
            if (moved < 0) result = (int)moved;
        }
    }
    if (TPY_UNLIKELY(exchange->fds_given)) {
        flags |= TPY_ANSWER_FDS;
        exchange->fds_given = false;
    }
    if (TPY_UNLIKELY(exchange->pushed)) {
        flags |= TPY_ANSWER_PUSHED;
        if (exchange->spill_fd >= 0 && result == 0) {
            if (tpy_stream_spill_over(exchange) == 0) flags |= TPY_ANSWER_SPILL;
            else result = -ENOMEM;
        }
    }
    if (TPY_LIKELY(result == 0)) header(exchange, status, length, flags);
    else header(exchange, -result, 0, TPY_ANSWER_ERROR | (flags & TPY_ANSWER_FDS));
    bool hold = result == 0 && (flags & TPY_ANSWER_HOLD);
    int published = tpy_exchange_publish(exchange, &wake);
    if (TPY_UNLIKELY(published != 0 && !hold)) let_go(exchange, &wake);
    exchange->pushed = false;
    exchange->unblock_requested = false;
    if (TPY_UNLIKELY(exchange->fds || exchange->spill_fd >= 0)) tpy_exchange_drop_extras(exchange);
    /* A turn that comes too late keeps the exchange too: the client may have withdrawn just this offer. */
    atomic_store_explicit(&exchange->state, hold ? TPY_HELD : TPY_IDLE, memory_order_release);
    tpy_lock_give(&exchange->lock);
    if (wake) tpy_exchange_wake(exchange);
    return published != 0 ? published : result;
}

int tpy_finish(struct tpy_exchange *exchange, uint32_t serial, int64_t status, const struct iovec *parts, size_t count)
{
    return end(exchange, serial, status, parts, count, 0);
}

int tpy_finish_error(struct tpy_exchange *exchange, uint32_t serial, int error)
{
    return end(exchange, serial, error, NULL, 0, TPY_ANSWER_ERROR);
}

int tpy_turn(struct tpy_exchange *exchange, uint32_t serial, int64_t status, const struct iovec *parts, size_t count)
{
    return end(exchange, serial, status, parts, count, TPY_ANSWER_HOLD);
}

void tpy_release(struct tpy_exchange *exchange, uint32_t serial)
{
    struct tpy_port *port = exchange ? exchange->port : NULL;
    bool wake = false;
    if (!port) return;
    tpy_lock_take(&port->lock);
    tpy_lock_take(&exchange->lock);
    uint8_t state = atomic_load(&exchange->state);
    if (exchange->port == port && atomic_load(&exchange->serial) == serial) {
        if (state == TPY_HELD) {
            atomic_store(&exchange->state, TPY_IDLE);
            let_go(exchange, &wake);
        } else if (state == TPY_ACCEPTED) { /* not answered: withdrawn, or abandoned now */
            tpy_exchange_answer_error(exchange, ESRCH, &wake);
            atomic_store(&exchange->state, TPY_IDLE);
            let_go(exchange, &wake);
        } else if (state == TPY_QUEUED && exchange->held) { /* the client has gone on already: nobody will take that */
            tpy_port_dequeue(port, &exchange->item);
            tpy_exchange_answer_error(exchange, ESRCH, &wake);
            atomic_store(&exchange->state, TPY_IDLE);
            let_go(exchange, &wake); /* it may have withdrawn that and posted another */
        }
    }
    tpy_lock_give(&exchange->lock);
    tpy_lock_give(&port->lock);
    if (wake) tpy_exchange_wake(exchange);
}

int tpy_exchange_info(struct tpy_exchange *exchange, uint32_t serial, struct tpy_exchange_info *info)
{
    if (!tpy_exchange_enter(exchange, serial, true)) return -ESRCH;
    bool there = atomic_load(&exchange->state) == TPY_ORPHAN ? exchange->grace > 0 : tpy_exchange_wanted(exchange);
    int result = there ? 0 : -ESRCH;
    if (result == 0)
        *info = (struct tpy_exchange_info){.pid = exchange->link->who.pid, .uid = exchange->link->who.uid, .gid = exchange->link->who.gid,
            .thread = exchange->thread, .tag = exchange->tag, .kind = exchange->kind, .priority = exchange->priority,
            .send_length = exchange->send_length, .room = exchange->room, .received = exchange->received, .client = exchange->client->face,
            .port = exchange->client->port, .unblock_requested = exchange->unblock_requested};
    tpy_lock_give(&exchange->lock);
    return result;
}

uint64_t tpy_exchange_link(struct tpy_exchange *exchange, uint32_t serial)
{
    uint64_t link = 0;
    tpy_lock_take(&exchange->lock);
    uint8_t state = atomic_load(&exchange->state);
    if (atomic_load(&exchange->serial) == serial && (state == TPY_ACCEPTED || state == TPY_HELD || (state == TPY_QUEUED && exchange->held)))
        link = exchange->link->who.link;
    tpy_lock_give(&exchange->lock);
    return link;
}

int tpy_take_fds(struct tpy_exchange *exchange, uint32_t serial, int *fds, uint32_t room)
{
    int64_t deadline = tpy_now() + FDS_PATIENCE;
    uint32_t arrived;
    if (!tpy_exchange_enter(exchange, serial, false)) return -ESRCH;
    /* They were sent before the post, so they are in the link: the watcher is about to have them. */
    while ((exchange->flags & TPY_OFFER_FDS) && !exchange->fds && (arrived = atomic_load(&exchange->fd_sequence)) != exchange->sequence &&
           tpy_now() < deadline) {
        tpy_lock_give(&exchange->lock);
        tpy_futex_wait_private((void *)&exchange->fd_sequence, arrived, deadline);
        if (!tpy_exchange_enter(exchange, serial, false)) return -ESRCH;
    }
    uint32_t taken = exchange->fd_count < room ? exchange->fd_count : room;
    if (taken) memcpy(fds, exchange->fds, taken * sizeof *fds);
    tpy_exchange_close_fds(exchange, taken);
    tpy_lock_give(&exchange->lock);
    return (int)taken;
}

int tpy_give_fds(struct tpy_exchange *exchange, uint32_t serial, const int *fds, uint32_t count)
{
    if (count == 0 || count > TPY_SAY_FDS_MAX) return -EINVAL;
    if (!tpy_exchange_enter(exchange, serial, false)) return -ESRCH;
    struct tpy_say say = {.type = TPY_SAY_FDS, .version = TPY_WIRE_VERSION, .exchange = tpy_exchange_index(exchange), .sequence = exchange->sequence};
    int result = tpy_exchange_wanted(exchange) ? tpy_link_say(exchange->link, &say, fds, count) : -ESRCH;
    if (result == 0) exchange->fds_given = true;
    tpy_lock_give(&exchange->lock);
    return result == -EPIPE ? -ESRCH : result;
}
