/*
 * pages: waits for memory that is not there yet, with a deadline. A page that a pager provides on demand (userfaultfd, a file on a slow
 * server) stops whoever touches it for as long as the pager likes; here a helper thread touches it, and the caller waits for that as it
 * waits for anything else: until a deadline or a cancel.
 *
 * The same for pages of another process, which process_vm_readv would wait for: no cancel and no signal ends that.
 *
 * Owner: the process. Any thread. Nothing is kept for memory that is there.
 */
#ifndef TPY_CORE_PAGES_H
#define TPY_CORE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Touches every page, as the copy that follows will (write: by writing a byte to itself). 0: they are there. 1: one is not, and did not come within a
 * moment (10 to 20 ms), or may not be accessed so; tpy_pages_await knows more. A few nanoseconds a page. */
int tpy_pages_touch(const struct iovec *parts, size_t count, bool write);
/* Both at once: these to be read, those to be written. A bit each: 1 for the first, 2 for the second. */
int tpy_pages_touch_both(const struct iovec *reads, size_t read_count, const struct iovec *writes, size_t write_count);
/* 0: every page is there now (or was a moment ago: the copy that follows is fault-safe all the same). 1: some page is not, 2: some
 * address has no memory at all. Never waits. */
int tpy_pages_look(const struct iovec *parts, size_t count);
/* Brings the pages in. 0, -EFAULT some address has no memory, -ETIMEDOUT, -ECANCELED tpy_thread_cancel, -EAGAIN too many pagers keep too many
 * of our helpers waiting, -ENOMEM. deadline: absolute CLOCK_MONOTONIC ns, TPY_NEVER; 0 only looks. */
int tpy_pages_await(const struct iovec *parts, size_t count, int64_t deadline);

/* Has pages of another process brought in, there, by reading of each. 0 or -errno; the calling thread is notified of the end (thread_record.h). */
struct tpy_pages_job;
int tpy_pages_ask(pid_t pid, uint64_t at, size_t length, struct tpy_pages_job **job);
/* 1: not yet; 0: they are there now; -EFAULT, or why they may not be read. */
int tpy_pages_asked(const struct tpy_pages_job *job);
/* Once for each that was asked for, whether it came to its end or not. NULL: nothing. */
void tpy_pages_forget(struct tpy_pages_job *job);

#endif
