/* callers: see callers.h. Linear probing; an entry that leaves is closed up behind, so there are no tombstones. */
#include "l4/callers.h"

#include <stdlib.h>
#include <string.h>

#include "core/exchange.h"

static inline uint32_t place(const struct tpy_l4_callers *callers, uint64_t id)
{
    return (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 40) & callers->mask;
}

void tpy_l4_callers_begin(struct tpy_l4_callers *callers)
{
    memset(callers, 0, sizeof *callers);
    callers->table = callers->first;
    callers->mask = TPY_L4_CALLERS_FIRST - 1;
}

void tpy_l4_callers_end(struct tpy_l4_callers *callers)
{
    if (callers->table != callers->first) free(callers->table);
    tpy_l4_callers_begin(callers);
}

static void insert(struct tpy_l4_callers *callers, const struct tpy_l4_caller *caller)
{
    uint32_t at = place(callers, caller->id);
    while (callers->table[at].id != 0 && callers->table[at].id != caller->id) at = (at + 1) & callers->mask;
    if (callers->table[at].id == 0) callers->count++;
    callers->table[at] = *caller;
}

/* A table without the stale entries, twice as large if it is still more than half full. */
static bool renew(struct tpy_l4_callers *callers)
{
    struct tpy_l4_caller *old = callers->table;
    uint32_t size = callers->mask + 1, live = 0;
    struct tpy_exchange_info info;
    for (uint32_t i = 0; i < size; i++)
        if (old[i].id && tpy_exchange_info(old[i].exchange, old[i].sequence, &info) == 0) live++;
    uint32_t wanted = live >= size / 4 ? size * 2 : size;
    struct tpy_l4_caller *table = calloc(wanted, sizeof *table);
    if (!table) return false;
    callers->table = table;
    callers->mask = wanted - 1;
    callers->count = 0;
    for (uint32_t i = 0; i < size; i++)
        if (old[i].id && tpy_exchange_info(old[i].exchange, old[i].sequence, &info) == 0) insert(callers, &old[i]);
    if (old != callers->first) free(old);
    return true;
}

bool tpy_l4_callers_put_aside(struct tpy_l4_callers *callers, const struct tpy_l4_caller *caller)
{
    /* At most half full, so that probing ends soon. */
    if (callers->count > callers->mask / 2 && !renew(callers)) return false;
    insert(callers, caller);
    return true;
}

bool tpy_l4_callers_search(struct tpy_l4_callers *callers, uint64_t id, struct tpy_l4_caller *caller)
{
    uint32_t at = place(callers, id), mask = callers->mask;
    struct tpy_l4_caller *table = callers->table;
    while (table[at].id != id) {
        if (table[at].id == 0) return false;
        at = (at + 1) & mask;
    }
    *caller = table[at];
    callers->count--;
    for (uint32_t next = (at + 1) & mask; table[next].id != 0; next = (next + 1) & mask) {
        uint32_t home = place(callers, table[next].id);
        if (((next - home) & mask) < ((next - at) & mask)) continue;
        table[at] = table[next];
        at = next;
    }
    table[at].id = 0;
    return true;
}
