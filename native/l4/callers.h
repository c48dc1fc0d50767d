/*
 * callers: who waits for a thread's answer. A message of l4_ipc_call is an exchange that stays open; the answer is its finish. The table
 * leads from the caller's id to its exchange. An entry may be stale (the caller gave up): then the finish says so.
 *
 * Owner: the thread that was called; no one else looks. Memory is taken only when more callers wait at once than ever before.
 */
#ifndef TPY_L4_CALLERS_H
#define TPY_L4_CALLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tpy_exchange;

struct tpy_l4_caller {
    uint64_t id; /* 0: free */
    struct tpy_exchange *exchange;
    uint32_t sequence;
    uint32_t tag;
    uint32_t kind; /* of the offer, and above it, unless it is LONG, room for how many words there is */
};

static inline uint32_t tpy_l4_caller_kind(uint32_t kind, uint64_t room) { return kind | (uint32_t)(room / sizeof(uint64_t)) << 8; }
static inline uint32_t tpy_l4_caller_room(uint32_t kind) { return kind >> 8; }

#define TPY_L4_CALLERS_FIRST 8u

struct tpy_l4_callers {
    struct tpy_l4_caller last;   /* the newest, by itself: most are answered before the next comes */
    struct tpy_l4_caller *table; /* open addressing; NULL: `first` */
    uint32_t mask, count;
    struct tpy_l4_caller first[TPY_L4_CALLERS_FIRST];
};

void tpy_l4_callers_begin(struct tpy_l4_callers *callers);
void tpy_l4_callers_end(struct tpy_l4_callers *callers);
bool tpy_l4_callers_put_aside(struct tpy_l4_callers *callers, const struct tpy_l4_caller *caller);
bool tpy_l4_callers_search(struct tpy_l4_callers *callers, uint64_t id, struct tpy_l4_caller *caller);

/* Enters a caller, in place of an older entry of the same id. False: no memory. Word by word, since a structure that was just filled is copied by
 * wide loads, which wait for its words. */
static inline bool tpy_l4_callers_put(struct tpy_l4_callers *callers, uint64_t id, struct tpy_exchange *exchange, uint32_t sequence, uint32_t tag,
    uint32_t kind)
{
    struct tpy_l4_caller *last = &callers->last;
    if (last->id != 0 && last->id != id && !tpy_l4_callers_put_aside(callers, last)) return false;
    last->id = id;
    last->exchange = exchange;
    last->sequence = sequence;
    last->tag = tag;
    last->kind = kind;
    return true;
}

/* Takes a caller out. NULL: it does not wait for us. The entry is valid until the next put; `room` is for those that are found in the table (the
 * newest is not copied: its words were stored one by one just now, and a wide load of them would have to wait). */
static inline const struct tpy_l4_caller *tpy_l4_callers_take(struct tpy_l4_callers *callers, uint64_t id, struct tpy_l4_caller *room)
{
    if (callers->last.id != id) return callers->count != 0 && tpy_l4_callers_search(callers, id, room) ? room : NULL;
    callers->last.id = 0;
    return &callers->last;
}

#endif
