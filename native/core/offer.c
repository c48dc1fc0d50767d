/*
 * offer: a client thread's exchange, from its post to its answer. The fast path is a copy, an exchange of the post
 * word, a poll, a copy. How an offer ends early is in strike.c.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/fault.h"
#include "core/inspect.h"
#include "core/iov.h"
#include "core/lane.h"
#include "core/offer_steps.h"
#include "core/strike.h"

#define FDS_PATIENCE 1000000000ll /* ns */
#define RING_RETRY 1000000ll /* ns */
#define NOW_RETRY 200000 /* ns: how often an offer to a waiting receiver looks whether it still waits */
#define PROBE_MOST (1u << 20) /* bytes of reply room whose pages are tried beforehand */

/* Of a room that was found good when it was last offered, only the ends: looking at each page each time would cost a small call with a large
 * room more than all the rest. */
static bool still_writable(const struct iovec *part)
{
    char *at = part->iov_base;
    return tpy_try_byte(at) == 0 && tpy_try_byte(at + part->iov_len - 1) == 0;
}

/* Finds out how far the reply room can be written, by writing a byte of each page to itself. It is the caller's to be written, so nobody
 * else writes there now. */
static uint64_t writable(struct tpy_lane *lane, const struct iovec *parts, size_t count)
{
    if (TPY_LIKELY(count == 1 && parts->iov_len - 1 < 4096 - ((uintptr_t)parts->iov_base & 4095))) { /* in one page */
        lane->good_room.iov_len = 0;
        return TPY_LIKELY(tpy_try_byte(parts->iov_base) == 0) ? TPY_NOWHERE : 0;
    }
    bool one = count == 1 && parts->iov_len > 4096;
    if (one && parts->iov_base == lane->good_room.iov_base && parts->iov_len == lane->good_room.iov_len && still_writable(parts))
        return TPY_NOWHERE;
    lane->good_room.iov_len = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < count && before < PROBE_MOST; i++) {
        struct iovec part;
        if (count <= TPY_PARTS_OWN) part = parts[i];
        else if (tpy_copy(&part, &parts[i], sizeof part) != 0) return before;
        char *at = part.iov_base;
        size_t length = part.iov_len;
        if (length == 0) continue;
        if (tpy_try_byte(at) != 0) return before;
        for (size_t next = 4096 - ((uintptr_t)at & 4095); next < length && before + next < PROBE_MOST; next += 4096)
            if (tpy_try_byte(at + next) != 0) return before + next;
        before += length;
    }
    if (one) lane->good_room = *parts;
    return TPY_NOWHERE;
}

bool tpy_offer_ring(struct tpy_lane *lane)
{
    struct tpy_say say = {.type = TPY_SAY_RING, .version = TPY_WIRE_VERSION, .port = lane->connection->port};
    return tpy_link_say(lane->link, &say, NULL, 0) != -EAGAIN;
}

struct poll {
    struct tpy_lane *lane;
    uint32_t done, seen, events;
    bool streaming;
};

static inline bool answered(void *argument)
{
    struct poll *poll = argument;
    uint32_t answer = atomic_load_explicit(&poll->lane->shared->answer.answer, memory_order_acquire);
    if (answer != poll->seen) return true;
    if (TPY_UNLIKELY(poll->streaming) && tpy_lane_stream_wants(poll->lane)) return true;
    return tpy_thread_events(poll->lane->thread) != poll->events;
}

/* Does a receiver wait that takes our message? */
static bool waited_for(const struct tpy_lane *lane)
{
    uint64_t who = atomic_load_explicit(lane->waits, memory_order_acquire);
    return who == TPY_WAITS_ANYBODY || who == lane->name;
}

/* Sleeps until the word, an event, or the deadline. The word is marked so that the server wakes us. */
static int sleep_on(struct tpy_lane *lane, const struct poll *poll, int64_t deadline, bool replying)
{
    _Atomic uint32_t *word = &lane->shared->answer.answer;
    struct tpy_thread *thread = lane->thread;
    uint32_t seen = poll->seen, asleep = (seen & ~TPY_ANSWER_HELP) | TPY_ANSWER_SLEEP;
    if (seen != asleep && !atomic_compare_exchange_strong(word, &seen, asleep)) return 0;
    /* A confirmation may have found HELP set already, and so changed nothing. */
    if (TPY_UNLIKELY(lane->offer->reply_within > 0) && !replying && tpy_strike_stage(lane, lane->offer) == TPY_REACHED_CONFIRMED) return 0;
    struct tpy_narrow narrow = {0};
    uint8_t cpu = tpy_cpu();
    /* Woken by us on this CPU, the server will answer from here: stay where its wake is cheap. */
    if (lane->server_slept && lane->shared->answer.cpu == cpu) tpy_narrow_to(&narrow, &lane->spin, cpu);
    const struct tpy_inspect_thread told = tpy_inspect_told(thread);
    tpy_inspect_blocked_on(thread, TPY_BLOCKED_OFFER, (uint32_t)lane->link->who.pid, lane->connection->port, lane->exchange, lane->sequence);
    uint32_t before = tpy_thread_sleeps(thread);
    struct tpy_wait_word words[] = {{(void *)word, asleep, false}, {(void *)&thread->events, poll->events, true}};
    int result = tpy_futex_wait_any(words, 2, deadline);
    if (TPY_UNLIKELY(result == -ENOSYS)) {
        /* One word only: look at the private one every tenth of a second. */
        int64_t slice = tpy_now() + 100000000;
        result = tpy_futex_wait_shared((void *)word, asleep, slice < deadline ? slice : deadline);
        if (result == -ETIMEDOUT && slice < deadline) result = 0;
    }
    tpy_thread_slept(thread, before);
    tpy_inspect_ready(thread, &told);
    tpy_narrow_undo(&narrow, &lane->spin, lane->shared->answer.cpu);
    return result;
}

int tpy_offer_await(struct tpy_lane *lane, struct tpy_offer *offer)
{
    struct tpy_shared *shared = lane->shared;
    struct tpy_thread *thread = lane->thread;
    struct tpy_strike_wait wait = {.deadline = offer->deadline};
    bool now_only = offer->flags & TPY_OFFER_NOW;
    struct poll poll = {.lane = lane, .streaming = lane->streaming};
    bool stamped = false, rung = false;
    int result = 0;
    unsigned turns = 0;
    for (;;) {
        poll.events = tpy_thread_events(thread);
        poll.seen = atomic_load_explicit(&shared->answer.answer, memory_order_acquire);
        if (tpy_lane_is_done(lane, poll.seen)) return 0;
        /* A server that changes its words without end keeps us from sleeping, not from our deadline. */
        if (TPY_UNLIKELY(++turns % 64 == 0) && wait.deadline != TPY_NEVER && tpy_now() >= wait.deadline) {
            if (tpy_strike(lane, offer, &wait, ETIMEDOUT, &result)) return result;
            continue;
        }
        uint32_t over = atomic_load_explicit(&lane->over, memory_order_acquire);
        if (TPY_UNLIKELY(over)) {
            offer->reached = tpy_strike_stage(lane, offer);
            if (tpy_strike_cancel(lane)) return -(int)over;
            continue;
        }
        if (TPY_UNLIKELY((poll.seen & TPY_ANSWER_CONFIRMED) && (poll.seen & TPY_ANSWER_DONE) && (offer->flags & TPY_OFFER_CONTINUE)) &&
            tpy_answer_sequence(poll.seen) != lane->sequence) {
            if (tpy_strike_cancel(lane)) return -ESRCH; /* nobody holds the exchange any more */
            continue;
        }
        if (TPY_UNLIKELY(atomic_load_explicit(&lane->connection->refused, memory_order_relaxed)) && !(offer->flags & TPY_OFFER_CONTINUE) &&
            tpy_strike_withdraw(lane) == 1)
            return -ESRCH;
        if (TPY_UNLIKELY(now_only)) {
            now_only = tpy_strike_stage(lane, offer) == TPY_REACHED_NOTHING;
            if (now_only && !waited_for(lane)) {
                int given_up = tpy_strike_withdraw(lane);
                if (given_up == 1) return -ETIMEDOUT;
                now_only = false;
                continue;
            }
        }
        if (TPY_UNLIKELY(offer->reply_within > 0) && !wait.replying && tpy_strike_stage(lane, offer) == TPY_REACHED_CONFIRMED) {
            wait.replying = true;
            if (__builtin_add_overflow(tpy_now(), offer->reply_within, &wait.deadline)) wait.deadline = TPY_NEVER;
        }
        if (TPY_UNLIKELY(atomic_load_explicit(&thread->cancelled, memory_order_relaxed)) && tpy_thread_uncancel(thread)) {
            if (tpy_strike(lane, offer, &wait, ECANCELED, &result)) return result;
            continue;
        }
        if (TPY_UNLIKELY(offer->strike == TPY_STRIKE_REPLY && offer->deadline != TPY_NEVER && wait.deadline == TPY_NEVER && !wait.lingering) &&
            atomic_load(&shared->server.accepted) == lane->sequence) {
            if (tpy_strike(lane, offer, &wait, ETIMEDOUT, &result)) return result;
            wait.lingering = true;
            continue;
        }
        if (TPY_UNLIKELY(lane->streaming || (poll.seen & TPY_ANSWER_HELP)) && tpy_lane_stream_help(lane)) continue;
        uint8_t server_cpu = shared->answer.cpu;
        if (!stamped) {
            bool apart = server_cpu != tpy_cpu();
            bool changed = false;
            for (int i = 0; apart && i < 2 * TPY_POLLS_AT_ONCE && !changed; i++) changed = answered(&poll);
            stamped = true;
            if (changed) {
                tpy_spin_hot(&lane->spin);
                continue;
            }
            /* We are waiting: say since when, for the order among those who wait. */
            shared->client.stamp = (uint64_t)tpy_now();
            atomic_store_explicit(&shared->client.stamp_for, lane->sequence, memory_order_release);
        }
        int64_t since;
        if (tpy_spin_for(&lane->spin, server_cpu, answered, &poll, &since)) continue;
        if (wait.deadline != TPY_NEVER && tpy_now() >= wait.deadline) {
            if (tpy_strike(lane, offer, &wait, ETIMEDOUT, &result)) return result;
            continue;
        }
        int64_t until = wait.deadline;
        /* A continuation goes to who holds the exchange, and that one, if it waits, sleeps on the post itself. */
        uint32_t bell = rung ? TPY_RING_NO : atomic_load(lane->ring);
        if (bell != TPY_RING_NO && !(bell == TPY_RING_LATER && (offer->flags & TPY_OFFER_CONTINUE)) && !(rung = tpy_offer_ring(lane))) {
            int64_t soon = tpy_now() + RING_RETRY;
            if (soon < until) until = soon;
        }
        if (since == 0) since = tpy_now();
        if (TPY_UNLIKELY(now_only)) {
            int64_t soon = tpy_now() + NOW_RETRY;
            if (soon < until) until = soon;
        }
        int slept = sleep_on(lane, &poll, until, wait.replying);
        tpy_spin_slept(&lane->spin, since);
        if (lane->spin.cpus > 1 && shared->answer.cpu == tpy_cpu()) tpy_spin_met(&lane->spin, since);
        if (slept == -EINTR && !(offer->flags & TPY_OFFER_UNSIGNALLED) && tpy_strike(lane, offer, &wait, EINTR, &result)) return result;
    }
}

int tpy_offer_finish(struct tpy_lane *lane, struct tpy_offer *offer)
{
    const struct tpy_answer_area *answer = &lane->shared->answer;
    unsigned flags = answer->flags;
    int64_t status = answer->status;
    uint64_t length = answer->length;
    int fault;
    lane->server_cpu = answer->cpu;
    for (unsigned i = tpy_lines_ahead(lane->send_length); i > 0; i--) tpy_own(lane->shared->offer.data + TPY_DATA_LATER + (i - 1) * TPY_LINE);
    lane->fds_announced = (flags & TPY_ANSWER_FDS) != 0;
    /* Known to this thread before the watcher hears of it: its next offer is refused at once. */
    if (TPY_UNLIKELY(flags & TPY_ANSWER_GONE)) atomic_store(&lane->over, ESRCH);
    if (TPY_UNLIKELY(flags & TPY_ANSWER_ERROR)) return status > 0 && status < INT_MAX ? -(int)status : -EPROTO;
    if (length > lane->room) length = lane->room;
    if (TPY_UNLIKELY(flags & TPY_ANSWER_PUSHED)) {
        int result = tpy_lane_stream_end(lane, flags);
        if (result != 0) return result;
    } else if (length > 0) {
        if (length > TPY_INLINE) length = TPY_INLINE;
        if (TPY_UNLIKELY(offer->flags & TPY_OFFER_TAKEN)) {
            offer->status = status;
            int result = offer->take(offer, answer->data + tpy_data_at(length), length);
            if (result != 0) return result;
        } else if (tpy_iov_scatter(offer->reply, offer->reply_parts, 0, answer->data + tpy_data_at(length), length, &fault) < length) return -EFAULT;
    }
    offer->status = status;
    offer->length = length;
    offer->held = (flags & TPY_ANSWER_HOLD) != 0;
    return 0;
}

/* Windows with parts beyond the inline bytes, or that cannot be read or written. 0 or -errno. */
static int prepare_hard(struct tpy_lane *lane, uint64_t got, uint64_t here, uint64_t room_end, unsigned *flags)
{
    struct tpy_client_line *line = &lane->shared->client;
    lane->send_fault = got < here;
    if (got < here || room_end != TPY_NOWHERE) *flags |= TPY_OFFER_FAULT;
    line->room_fault_at = room_end;
    atomic_store_explicit(&line->fault_at, got < here ? got : TPY_NOWHERE, memory_order_relaxed);
    if (lane->send_length > UINT32_MAX || lane->room > UINT32_MAX) *flags |= TPY_OFFER_LONG;
    line->send_length = lane->send_length;
    line->room = lane->room;
    if (lane->send_length <= TPY_INLINE && lane->room <= TPY_INLINE) return 0;
    int result = lane->bulk ? 0 : tpy_lane_bulk(lane);
    if (result != 0) return result;
    *flags |= TPY_OFFER_STREAM;
    lane->streaming = true;
    return 0;
}

static int send_fds(struct tpy_lane *lane, const struct tpy_offer *offer)
{
    struct tpy_say say = {.type = TPY_SAY_FDS, .version = TPY_WIRE_VERSION, .exchange = lane->exchange, .sequence = lane->sequence};
    if (offer->fd_count > TPY_SAY_FDS_MAX) return -EINVAL;
    int result = tpy_link_say(lane->link, &say, offer->fds, offer->fd_count);
    return result == -EPIPE ? -ESRCH : result;
}

int tpy_offer(struct tpy_connection *connection, struct tpy_offer *offer)
{
    struct tpy_thread *thread = tpy_thread_get();
    int error = -ENOMEM, fault;
    struct tpy_lane *lane = TPY_LIKELY(thread != NULL) ? tpy_lane_get(thread, connection, &error) : NULL;
    if (TPY_UNLIKELY(!lane)) return error;
    if (TPY_UNLIKELY(atomic_load_explicit(&lane->over, memory_order_acquire))) return -EBADF; /* over before the call, whatever ended it */
    if (TPY_UNLIKELY(lane->offer != NULL)) return -EAGAIN; /* a signal handler in the middle of this thread's own offer */
    offer->reached = TPY_REACHED_NOTHING;
    offer->mark = 0;
    if (TPY_UNLIKELY(atomic_load_explicit(&connection->refused, memory_order_relaxed)) && !(offer->flags & TPY_OFFER_CONTINUE)) return -EBADF;
    if (TPY_UNLIKELY(offer->flags & TPY_OFFER_NOW) && !waited_for(lane)) return -ETIMEDOUT;
    lane->offer = offer; /* from here on to the end a signal handler's own offer would write where we do */
    atomic_signal_fence(memory_order_seq_cst);
    struct iovec own_send[TPY_PARTS_OWN], own_reply[TPY_PARTS_OWN];
    int result = tpy_iov_take(&offer->send, offer->send_parts, own_send);
    if (TPY_LIKELY(result == 0)) result = tpy_iov_take(&offer->reply, offer->reply_parts, own_reply);
    if (TPY_LIKELY(result == 0)) result = tpy_iov_length(offer->send, offer->send_parts, &lane->send_length);
    if (TPY_LIKELY(result == 0)) result = tpy_iov_length(offer->reply, offer->reply_parts, &lane->room);
    if (TPY_UNLIKELY(offer->flags & TPY_OFFER_TAKEN)) lane->room = offer->room;
    if (TPY_UNLIKELY(result != 0)) {
        lane->offer = NULL;
        atomic_signal_fence(memory_order_seq_cst);
        if (lane->untold) tpy_offer_post_again(lane);
        return result;
    }

    struct tpy_offer_area *area = &lane->shared->offer;
    uint64_t here = tpy_inline_part(lane->send_length);
    uint64_t got = tpy_iov_gather(offer->send, offer->send_parts, 0, area->data + tpy_data_at(here), here, &fault);
    uint64_t room_end = writable(lane, offer->reply, offer->reply_parts);
    unsigned flags = offer->flags & TPY_OFFER_CONTINUE;
    uint32_t bell = TPY_RING_NO;
    offer->struck = 0;
    offer->held = 0;
    lane->streaming = false;
    tpy_offer_count(lane);
    if (TPY_UNLIKELY(got < here || room_end != TPY_NOWHERE || (lane->send_length | lane->room) > TPY_INLINE))
        result = prepare_hard(lane, got, here, room_end, &flags);
    /* A small reply may come as push records too: their position starts at 0 in each offer. */
    if (TPY_UNLIKELY(result == 0 && (lane->streaming || lane->applied != 0))) tpy_lane_stream_begin(lane);
    if (TPY_UNLIKELY(offer->fd_count > 0) && result == 0 && (result = send_fds(lane, offer)) == 0) flags |= TPY_OFFER_FDS;
    if (TPY_UNLIKELY((offer->deadline != TPY_NEVER && offer->strike != TPY_STRIKE_BOTH) || offer->reply_within > 0)) flags |= TPY_OFFER_NOTIFY;
    if (TPY_UNLIKELY(offer->flags & TPY_OFFER_CONFIRMED)) flags |= TPY_OFFER_CONFIRM;
    if (TPY_LIKELY(result == 0)) {
        area->kind = offer->kind;
        area->priority = offer->priority;
        area->flags = (uint8_t)flags;
        area->cpu = tpy_cpu();
        area->tag = offer->tag;
        area->send_length = (uint32_t)lane->send_length;
        area->room = (uint32_t)lane->room;
        bool slept = tpy_offer_post(lane);
        bell = atomic_load_explicit(lane->ring, memory_order_seq_cst);
        if (TPY_UNLIKELY(bell == TPY_RING_NOW)) tpy_offer_ring(lane);
        result = TPY_LIKELY(tpy_offer_look(lane, slept)) ? 0 : tpy_offer_await(lane, offer);
    } else if (result == -ESRCH) { /* the set-up found nobody, and later offers need not try */
        bell = TPY_RING_GONE;
        atomic_store(&lane->over, ESRCH);
    }
    if (TPY_LIKELY(result == 0)) {
        offer->reached = TPY_REACHED_CONFIRMED;
        result = tpy_offer_finish(lane, offer);
    }
    /* The port was gone before the call, though the news of it had not come yet. */
    if (TPY_UNLIKELY(bell == TPY_RING_GONE) && result == -ESRCH && tpy_strike_stage(lane, offer) == TPY_REACHED_NOTHING) result = -EBADF;
    /* An answered one may look it up (tpy_offer_mark): the word is in the server's cache, and rarely wanted. */
    if (TPY_UNLIKELY(result != 0) && (offer->flags & TPY_OFFER_ACCOUNTED)) offer->mark = tpy_strike_progress(lane);
    atomic_signal_fence(memory_order_seq_cst);
    lane->offer = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    if (TPY_UNLIKELY(result != 0) && lane->untold) tpy_offer_post_again(lane); /* it was not posted */
    return result;
}

uint64_t tpy_offer_mark(struct tpy_connection *connection)
{
    struct tpy_thread *thread = tpy_thread_get();
    struct tpy_lane *lane = thread && connection->index < thread->lane_capacity ? thread->lanes[connection->index] : NULL;
    return lane ? tpy_strike_progress(lane) : 0;
}

int tpy_hang_up(struct tpy_connection *connection)
{
    static const struct tpy_offer hanging_up;
    struct tpy_thread *thread = tpy_thread_get();
    struct tpy_lane *lane = thread && connection->index < thread->lane_capacity ? thread->lanes[connection->index] : NULL;
    if (!lane || lane->generation != atomic_load(&connection->generation)) return -EBADF;
    if (atomic_load(&lane->over) || lane->offer) return -EBADF;
    lane->offer = &hanging_up; /* a signal handler's own offer would take its place */
    atomic_signal_fence(memory_order_seq_cst);
    tpy_offer_count(lane);
    /* Nobody answers it, so we do not wait, and our next offer may stand there when the server looks. */
    tpy_strike_void(lane);
    lane->shared->offer.flags = TPY_OFFER_HANGUP;
    tpy_offer_post(lane);
    if (atomic_load(lane->ring) != TPY_RING_NO) tpy_offer_ring(lane);
    atomic_signal_fence(memory_order_seq_cst);
    lane->offer = NULL;
    return 0;
}

int tpy_notify(struct tpy_connection *connection, const void *payload, size_t length)
{
    struct tpy_thread *thread = tpy_thread_get();
    struct tpy_lane *lane = thread && connection->index < thread->lane_capacity ? thread->lanes[connection->index] : NULL;
    if (!lane || lane->generation != atomic_load(&connection->generation) || atomic_load(&lane->over)) return -EBADF;
    struct tpy_say say = {.type = TPY_SAY_NOTIFY, .version = TPY_WIRE_VERSION, .exchange = lane->exchange, .flags = (uint32_t)length};
    if (length > TPY_SAY_PAYLOAD) return -EINVAL;
    memcpy(say.payload, payload, length);
    int result = tpy_link_say(lane->link, &say, NULL, 0);
    return result == -EPIPE ? -EBADF : result;
}

int tpy_offer_take_fds(struct tpy_connection *connection, int *fds, uint32_t room)
{
    struct tpy_thread *thread = tpy_thread_get();
    int error = -ENOMEM;
    struct tpy_lane *lane = thread ? tpy_lane_get(thread, connection, &error) : NULL;
    if (!lane) return error;
    /* Sent before the answer, so they are in the link: the watcher is about to have them. */
    int64_t deadline = tpy_now() + FDS_PATIENCE;
    for (;;) {
        uint32_t events = tpy_thread_events(thread);
        tpy_lock_take(&lane->extras);
        bool here = !lane->fds_announced || lane->fd_sequence == lane->sequence || tpy_now() >= deadline;
        if (here) break;
        tpy_lock_give(&lane->extras);
        tpy_thread_sleep(thread, events, deadline);
    }
    lane->fds_announced = false;
    uint32_t taken = lane->fd_count < room ? lane->fd_count : room;
    if (taken) memcpy(fds, lane->fds, taken * sizeof *fds);
    for (uint32_t i = taken; i < lane->fd_count; i++) tpy_close(lane->fds[i]);
    free(lane->fds);
    lane->fds = NULL;
    lane->fd_count = 0;
    tpy_lock_give(&lane->extras);
    return (int)taken;
}
