/*
 * A fixed array of counts in steps of under one percent, from 1 to beyond 10^12: recording is one increment and never
 * allocates. Each octave is cut into 128 equal parts; values below 256 are exact.
 */
#ifndef TPY_BENCH_HISTOGRAM_H
#define TPY_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS 128
#define HISTOGRAM_OCTAVES 34
#define HISTOGRAM_BUCKETS (HISTOGRAM_PARTS * (HISTOGRAM_OCTAVES + 2))

struct histogram {
    uint64_t count;
    uint64_t max;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
    if (value < 2 * HISTOGRAM_PARTS)
        return (unsigned)value;
    unsigned shift = 56 - (unsigned)__builtin_clzll(value); /* brings value into PARTS .. 2 * PARTS - 1 */
    unsigned bucket = shift * HISTOGRAM_PARTS + (unsigned)(value >> shift);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_record(struct histogram *h, uint64_t value)
{
    h->buckets[histogram_bucket(value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value, uint32_t count);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The middle of a bucket's range. */
uint64_t histogram_value(unsigned bucket);
/* The value below which `part` (0 to 1) of all recorded ones lie; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *h, double part);

#endif
