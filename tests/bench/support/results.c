/* See results.h. */
#include "results.h"

#include <stdlib.h>

static struct result *table[PLAN_GROUPS_MOST][PLAN_SIZES][PLAN_ENTRIES_MOST];
static struct idle idle_table[PLAN_ENTRIES_MOST];

static bool inside(int group, int size, int entry)
{
    return group >= 0 && group < PLAN_GROUPS_MOST && size >= 0 && size < PLAN_SIZES && entry >= 0 && entry < PLAN_ENTRIES_MOST;
}

struct result *results_of(int group, int size, int entry)
{
    if (!inside(group, size, entry))
        return NULL;
    if (!table[group][size][entry])
        table[group][size][entry] = calloc(1, sizeof(struct result));
    return table[group][size][entry];
}

const struct result *results_look(int group, int size, int entry)
{
    return inside(group, size, entry) ? table[group][size][entry] : NULL;
}

const struct result *results_find(int group, int size, int entry)
{
    const struct result *r = results_look(group, size, entry);
    return r && r->present ? r : NULL;
}

struct idle *results_idle(int entry)
{
    return entry >= 0 && entry < PLAN_ENTRIES_MOST ? &idle_table[entry] : NULL;
}

double results_slice_batch(const struct slice *slice)
{
    if (slice->batches.count)
        return (double)histogram_quantile(&slice->batches, 0.5) / 10;
    return results_quantile(&slice->singles, 0.5);
}

double results_quantile(const struct histogram *h, double part)
{
    return h->count ? (double)histogram_quantile(h, part) : RESULTS_NONE;
}

void results_add(struct result *r, const struct slice *slice, double probe, bool disturbed)
{
    r->present = true;
    histogram_merge(&r->batches, &slice->batches);
    histogram_merge(&r->singles, &slice->singles);
    r->calls += slice->calls;
    r->client_cpu += slice->client_cpu;
    r->server_cpu += slice->server_cpu;
    r->checked += slice->checked;
    r->wrong += slice->wrong;
    r->allocated += slice->allocated;
    if (slice->longest > r->longest)
        r->longest = slice->longest;
    if (r->rounds < RESULTS_ROUNDS)
        r->round[r->rounds++] = (struct round){
            .batch = results_slice_batch(slice),
            .single = results_quantile(&slice->singles, 0.5),
            .rate = slice->rate,
            .fairness = slice->fairness,
            .longest = (double)slice->longest,
            .heap = slice->calls ? (double)slice->allocated / (double)slice->calls : RESULTS_NONE,
            .probe = probe,
            .disturbed = disturbed,
        };
}

static double field_of(const struct round *round, enum field field)
{
    switch (field) {
    case FIELD_BATCH:
        return round->batch;
    case FIELD_SINGLE:
        return round->single;
    case FIELD_RATE:
        return round->rate;
    case FIELD_FAIRNESS:
        return round->fairness;
    case FIELD_LONGEST:
        return round->longest;
    case FIELD_HEAP:
        return round->heap;
    case FIELD_PROBE:
        return round->probe;
    case FIELD_AGAINST_PROBE:
        return round->probe > 0 && round->batch > 0 ? round->batch / round->probe : RESULTS_NONE;
    }
    return RESULTS_NONE;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count, int rounds)
{
    if (!count || 2 * count < rounds)
        return RESULTS_NONE;
    qsort(values, (size_t)count, sizeof *values, ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double results_median(const struct result *r, enum field field)
{
    double values[RESULTS_ROUNDS];
    int count = 0;
    for (int i = 0; r && i < r->rounds; i++) {
        double value = field_of(&r->round[i], field);
        if (value >= 0)
            values[count++] = value;
    }
    return median(values, count, r ? r->rounds : 0);
}

double results_ratio(const struct result *a, const struct result *b, enum field field)
{
    double values[RESULTS_ROUNDS];
    int count = 0;
    for (int i = 0; a && b && i < a->rounds && i < b->rounds; i++) {
        double above = field_of(&a->round[i], field), below = field_of(&b->round[i], field);
        if (above >= 0 && below > 0 && !b->round[i].disturbed)
            values[count++] = above / below;
    }
    return median(values, count, a && b ? a->rounds : 0);
}

double results_slot_ratio(const struct result *a, const struct result *b, double *low, double *high)
{
    double values[RESULTS_SLOTS];
    int count = 0, out = -1;
    /* Each ratio lies below the true median as likely as above it: of `count` fair coins, `out` or fewer show heads 1 time in 40. */
    long double likely = 1, below = 0; /* 2^-4096 is no double */

    *low = *high = RESULTS_NONE;
    for (int i = 0; a && b && i < a->slots && i < b->slots; i++) {
        if (a->slot[i] < 0 || b->slot[i] < 0)
            continue;
        values[count++] = a->slot[i] / b->slot[i];
        likely /= 2;
    }
    while (out < count && below + likely <= 0.025) {
        below += likely;
        out++;
        likely = likely * (count - out) / (out + 1);
    }
    double middle = median(values, count, a ? a->slots : 0); /* sorts them */
    if (out < 0 || middle < 0)
        return RESULTS_NONE;
    *low = values[out];
    *high = values[count - 1 - out];
    return middle;
}

double results_least(const struct result *r, enum field field)
{
    double least = RESULTS_NONE;
    for (int i = 0; r && i < r->rounds; i++) {
        double value = field_of(&r->round[i], field);
        if (value >= 0 && (least < 0 || value < least))
            least = value;
    }
    return least;
}

double results_slot_cpu(const struct result *r)
{
    return r->slots_all ? (double)r->slots_cpu / r->slots_all : RESULTS_NONE;
}

double results_cpu_per_call(const struct result *r)
{
    return r->calls ? (double)(r->client_cpu + r->server_cpu) / (double)r->calls : RESULTS_NONE;
}
