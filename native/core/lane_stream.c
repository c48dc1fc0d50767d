/* lane_stream: the client's side of the stream: it fills the send ring and takes push records while it waits. The server's words are hints;
 * what a record says is checked against our own room. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/iov.h"
#include "core/lane.h"
#include "core/stream.h"

#define RECORDS_A_TURN 4
#define RING_STEP 4096u

void tpy_lane_stream_begin(struct tpy_lane *lane)
{
    struct tpy_client_line *line = &lane->shared->client;
    if (lane->streaming) {
        uint64_t used = lane->send_length > lane->room ? lane->send_length : lane->room;
        lane->ring_base = (lane->ring_base + (used < TPY_RING ? used : 0) + RING_STEP - 1) / RING_STEP * RING_STEP % TPY_RING;
        line->ring_base = lane->ring_base;
    }
    lane->filled = tpy_inline_part(lane->send_length);
    lane->applied = 0;
    lane->room_fault = false;
    lane->seek_seen = atomic_load(&lane->shared->server.seek);
    line->iov = (uintptr_t)lane->offer->send;
    line->iov_count = lane->offer->send_parts;
    atomic_store_explicit(&line->filled, lane->filled, memory_order_relaxed);
    atomic_store_explicit(&line->applied, 0, memory_order_relaxed);
    atomic_store_explicit(&line->seek_seen, lane->seek_seen, memory_order_relaxed);
}

static uint64_t fill_limit(const struct tpy_lane *lane)
{
    const struct tpy_server_line *server = &lane->shared->server;
    uint64_t taken = atomic_load_explicit(&server->stream_for, memory_order_acquire) == lane->sequence
                         ? atomic_load_explicit(&server->taken, memory_order_acquire) : tpy_inline_part(lane->send_length);
    uint64_t limit = taken + TPY_RING;
    return limit < taken || limit > lane->send_length ? lane->send_length : limit;
}

bool tpy_lane_stream_wants(const struct tpy_lane *lane)
{
    const struct tpy_server_line *server = &lane->shared->server;
    if (lane->bulk && !lane->send_fault && lane->filled < fill_limit(lane)) return true;
    if (atomic_load_explicit(&server->stream_for, memory_order_acquire) != lane->sequence) return false;
    return atomic_load_explicit(&server->pushed, memory_order_acquire) != lane->applied ||
           (lane->bulk && atomic_load_explicit(&server->seek, memory_order_acquire) != lane->seek_seen);
}

static int apply(struct tpy_lane *lane, uint64_t offset, uint64_t length, const void *data)
{
    int fault;
    if (offset > lane->room || length > lane->room - offset) return -EPROTO;
    if (tpy_iov_scatter(lane->offer->reply, lane->offer->reply_parts, offset, data, length, &fault) < length) lane->room_fault = true;
    return 0;
}

/* One record of the ring; false: none, or none that makes sense. */
static bool take_record(struct tpy_lane *lane, uint64_t pushed)
{
    uint64_t size = lane->bulk ? TPY_RING : TPY_INLINE;
    const unsigned char *ring = lane->bulk ? lane->bulk->reply : lane->shared->answer.data;
    struct tpy_push_record record;
    uint64_t at = ((lane->bulk ? lane->ring_base : 0) + lane->applied) % size;
    if (pushed - lane->applied < sizeof record || pushed - lane->applied > size) return false;
    memcpy(&record, ring + at, sizeof record);
    if (record.length > size - at - sizeof record || tpy_record_size(record.length) > pushed - lane->applied) return false;
    if (apply(lane, record.offset, record.length, ring + at + sizeof record) != 0) return false;
    lane->applied += tpy_record_size(record.length);
    atomic_store_explicit(&lane->shared->client.applied, lane->applied, memory_order_release);
    return true;
}

static bool fill(struct tpy_lane *lane)
{
    struct tpy_shared *shared = lane->shared;
    uint32_t seek = atomic_load_explicit(&shared->server.seek, memory_order_acquire);
    if (seek != lane->seek_seen && atomic_load_explicit(&shared->server.stream_for, memory_order_acquire) == lane->sequence) {
        lane->filled = atomic_load_explicit(&shared->server.seek_to, memory_order_acquire);
        lane->send_fault = false;
        atomic_store(&shared->client.fault_at, TPY_NOWHERE);
        lane->seek_seen = seek;
        atomic_store_explicit(&shared->client.filled, lane->filled, memory_order_relaxed);
        atomic_store_explicit(&shared->client.seek_seen, seek, memory_order_release);
    }
    uint64_t limit = fill_limit(lane);
    if (lane->send_fault || lane->filled >= limit) return false;
    uint64_t at = (lane->ring_base + lane->filled) % TPY_RING, step = TPY_RING - at;
    int fault;
    if (step > limit - lane->filled) step = limit - lane->filled;
    uint64_t most = tpy_chunk(lane->send_length);
    if (step > most) step = most;
    uint64_t got = tpy_iov_gather(lane->offer->send, lane->offer->send_parts, lane->filled, lane->bulk->send + at, step, &fault);
    lane->filled += got;
    if (got < step) {
        lane->send_fault = true;
        atomic_store(&shared->client.fault_at, lane->filled);
    }
    atomic_store_explicit(&shared->client.filled, lane->filled, memory_order_release);
    return true;
}

bool tpy_lane_stream_help(struct tpy_lane *lane)
{
    bool helped = false;
    if (atomic_load_explicit(&lane->shared->server.stream_for, memory_order_acquire) == lane->sequence) {
        uint64_t pushed = atomic_load_explicit(&lane->shared->server.pushed, memory_order_acquire);
        for (int i = 0; i < RECORDS_A_TURN && lane->applied != pushed && take_record(lane, pushed); i++) helped = true;
    }
    if (lane->bulk && lane->streaming && fill(lane)) helped = true;
    return helped;
}

static int apply_spill(struct tpy_lane *lane)
{
    uint64_t length = 0;
    int fd = -1, result = 0;
    int64_t deadline = tpy_now() + 1000000000ll;
    while (fd < 0) { /* it was sent before the answer: the watcher is about to have it */
        uint32_t events = tpy_thread_events(lane->thread);
        tpy_lock_take(&lane->extras);
        if (lane->spill_fd >= 0 && lane->spill_sequence == lane->sequence) {
            fd = lane->spill_fd;
            length = lane->spill_length;
            lane->spill_fd = -1;
        }
        tpy_lock_give(&lane->extras);
        if (fd >= 0) break;
        int waited = tpy_thread_sleep(lane->thread, events, deadline);
        if (waited == -ETIMEDOUT) return -EPROTO;
    }
    void *map = NULL;
    if (length < sizeof(struct tpy_push_record) || tpy_memory_map(fd, length, false, NULL, &map) != 0) result = -EPROTO;
    for (uint64_t at = 0; result == 0 && at < length;) {
        struct tpy_push_record record;
        if (length - at < sizeof record) break;
        memcpy(&record, (char *)map + at, sizeof record);
        at += sizeof record;
        if (record.length > length - at) result = -EPROTO;
        else result = apply(lane, record.offset, record.length, (char *)map + at);
        at += (record.length + 15) & ~(uint64_t)15;
    }
    if (map) munmap(map, length);
    close(fd);
    return result;
}

int tpy_lane_stream_end(struct tpy_lane *lane, unsigned flags)
{
    uint64_t pushed = atomic_load_explicit(&lane->shared->server.pushed, memory_order_acquire);
    while (lane->applied != pushed)
        if (!take_record(lane, pushed)) return -EPROTO;
    int result = flags & TPY_ANSWER_SPILL ? apply_spill(lane) : 0;
    return result != 0 ? result : lane->room_fault ? -EFAULT : 0;
}
