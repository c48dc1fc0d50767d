/*
 * iov: gather, scatter and measure lists of parts whose addresses come from a caller and may be bad. The copies are fault-safe (fault.h).
 */
#ifndef TPY_CORE_IOV_H
#define TPY_CORE_IOV_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Sum of the lengths, or -EOVERFLOW, or -EFAULT when the list itself cannot be read. */
int tpy_iov_length(const struct iovec *parts, size_t count, uint64_t *length);
/* From the parts, skipping `offset` bytes, to flat memory. Returns bytes copied; fewer than length where the parts end; *fault = 1 where a
 * part could not be accessed (the count is then the bytes before it). */
size_t tpy_iov_gather(const struct iovec *parts, size_t count, uint64_t offset, void *to, size_t length, int *fault);
size_t tpy_iov_scatter(const struct iovec *parts, size_t count, uint64_t offset, const void *from, size_t length, int *fault);
#endif
