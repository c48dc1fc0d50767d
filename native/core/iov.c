/* iov: see iov.h. The list itself is read through tpy_copy too, an entry at a time, since its address is the caller's. */
#include "core/iov.h"

#include <errno.h>

#include "core/fault.h"
#include "core/system.h"

static inline int part_at(const struct iovec *parts, size_t count, size_t i, struct iovec *part)
{
    if (TPY_UNLIKELY(count > TPY_PARTS_OWN)) return tpy_copy(part, &parts[i], sizeof *part);
    *part = parts[i];
    return 0;
}

int tpy_iov_sum(const struct iovec *parts, size_t count, uint64_t *length)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct iovec part;
        if (part_at(parts, count, i, &part) != 0) return -EFAULT;
        if (__builtin_add_overflow(sum, (uint64_t)part.iov_len, &sum) || sum > INT64_MAX) return -EOVERFLOW;
    }
    *length = sum;
    return 0;
}

/* One walk for both directions: `flat` is the destination of a gather and the source of a scatter. */
size_t tpy_iov_walk(const struct iovec *parts, size_t count, uint64_t offset, void *memory, size_t length, int *fault, int scatter)
{
    unsigned char *flat = memory;
    size_t done = 0;
    *fault = 0;
    for (size_t i = 0; i < count && done < length; i++) {
        struct iovec part;
        if (TPY_UNLIKELY(part_at(parts, count, i, &part) != 0)) {
            *fault = 1;
            return done;
        }
        if (offset >= part.iov_len) {
            offset -= part.iov_len;
            continue;
        }
        size_t size = part.iov_len - (size_t)offset;
        if (size > length - done) size = length - done;
        unsigned char *at = (unsigned char *)part.iov_base + offset;
        if (TPY_UNLIKELY(scatter ? tpy_copy(at, flat + done, size) : tpy_copy(flat + done, at, size))) {
            *fault = 1;
            /* How far it came is not known: find out page by page, so that the count is what really moved. */
            while (size > 0) {
                size_t step = 4096 - ((uintptr_t)at & 4095);
                if (step > size) step = size;
                if (scatter ? tpy_copy(at, flat + done, step) : tpy_copy(flat + done, at, step)) return done;
                done += step, at += step, size -= step;
            }
            return done;
        }
        done += size;
        offset = 0;
    }
    return done;
}
