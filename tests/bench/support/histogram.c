/* The seldom used half of the histogram: reading it and adding several together. The caller owns the array. */
#include "histogram.h"

#include <string.h>

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, uint64_t value, uint32_t count)
{
    h->buckets[histogram_bucket(value)] += count;
    h->count += count;
    if (value > h->max)
        h->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t histogram_value(unsigned bucket)
{
    if (bucket < 2 * HISTOGRAM_PARTS)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_PARTS - 1;
    uint64_t low = (uint64_t)(bucket - shift * HISTOGRAM_PARTS) << shift;
    return low + (UINT64_C(1) << shift) / 2;
}

uint64_t histogram_quantile(const struct histogram *h, double part)
{
    if (!h->count)
        return 0;
    uint64_t rank = (uint64_t)(part * (double)h->count);
    if (rank >= h->count)
        rank = h->count - 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > rank)
            return histogram_value(i);
    }
    return h->max;
}
