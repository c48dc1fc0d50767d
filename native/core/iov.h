/*
 * iov: gather, scatter and measure lists of parts whose addresses come from a caller and may be bad. The copies are fault-safe (fault.h).
 *
 * A list of up to TPY_PARTS_OWN parts is first copied to the stack (tpy_iov_take) and then read as it is; a longer one stays where the
 * caller has it and is read part by part, fault-safe, each time.
 */
#ifndef TPY_CORE_IOV_H
#define TPY_CORE_IOV_H
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/fault.h"
#include "core/short_copy.h"

#define TPY_PARTS_OWN 8

/* Makes a short list our own: 0, or -EFAULT. `own` must live as long as the list is used. */
static inline int tpy_iov_take(const struct iovec **parts, size_t count, struct iovec own[TPY_PARTS_OWN])
{
    if (count == 0 || count > TPY_PARTS_OWN) return 0;
    if (count == 1) { /* the usual one, without going through memory again */
        uint64_t base, length;
        if (tpy_load_pair(*parts, &base, &length) != 0) return -EFAULT;
        *own = (struct iovec){(void *)(uintptr_t)base, length};
    } else if (tpy_copy_longs(own, *parts, count * sizeof *own) != 0) return -EFAULT;
    *parts = own;
    return 0;
}

/* Sum of the lengths, or -EOVERFLOW, or -EFAULT when the list itself cannot be read. */
int tpy_iov_sum(const struct iovec *parts, size_t count, uint64_t *length);
static inline int tpy_iov_length(const struct iovec *parts, size_t count, uint64_t *length)
{
    if (count == 1) return (*length = parts->iov_len) > INT64_MAX ? -EOVERFLOW : 0;
    return tpy_iov_sum(parts, count, length);
}

size_t tpy_iov_walk(const struct iovec *parts, size_t count, uint64_t offset, void *flat, size_t length, int *fault, int scatter);

static inline int tpy_iov_copy(void *to, const void *from, size_t length)
{
    return length - 8 <= 8 ? tpy_copy_short(to, from, length) : tpy_copy(to, from, length);
}

/* From the parts, skipping `offset` bytes, to flat memory. Returns bytes copied; fewer than length where the parts end; *fault = 1 where a
 * part could not be accessed (the count is then the bytes before it). */
static inline size_t tpy_iov_gather(const struct iovec *parts, size_t count, uint64_t offset, void *to, size_t length, int *fault)
{
    if (count == 1 && offset == 0 && length <= parts->iov_len && tpy_iov_copy(to, parts->iov_base, length) == 0) return length;
    return tpy_iov_walk(parts, count, offset, to, length, fault, 0);
}
static inline size_t tpy_iov_scatter(const struct iovec *parts, size_t count, uint64_t offset, const void *from, size_t length, int *fault)
{
    if (count == 1 && offset == 0 && length <= parts->iov_len && tpy_iov_copy(parts->iov_base, from, length) == 0) return length;
    return tpy_iov_walk(parts, count, offset, (void *)(uintptr_t)from, length, fault, 1);
}
#endif
