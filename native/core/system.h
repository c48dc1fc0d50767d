/*
 * system: the Linux primitives the core stands on, each once: futexes, the monotonic clock, the CPU one runs on, a small private lock.
 * No state of its own but what is asked of the machine once (futex_waitv there or not, CPUs allowed).
 */
#ifndef TPY_CORE_SYSTEM_H
#define TPY_CORE_SYSTEM_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TPY_LIKELY(x) __builtin_expect(!!(x), 1)
#define TPY_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* In a block: errno is what it was before when the block is left. Errors are returned here, and what Linux says on the way is nobody's. */
#define TPY_KEEPS_ERRNO int errno_before __attribute__((cleanup(tpy_errno_back))) = errno
static inline void tpy_errno_back(const int *before) { errno = *before; }

static inline void tpy_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* Fetches a cache line for writing, and goes on. */
static inline void tpy_own(const void *line)
{
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)line)); /* the built-in one fetches for reading unless the whole library needs a newer CPU */
#else
    __builtin_prefetch(line, 1, 3);
#endif
}

/* Wakes up to count sleepers. Private words are seen by this process only. */
void tpy_futex_wake(void *word, int count);
void tpy_futex_wake_private(void *word, int count);
/* Sleeps while *word == expected until the deadline. 0, -EAGAIN (it was not), -ETIMEDOUT, -EINTR. */
int tpy_futex_wait_private(void *word, uint32_t expected, int64_t deadline);
int tpy_futex_wait_shared(void *word, uint32_t expected, int64_t deadline);

struct tpy_wait_word {
    void *word;
    uint32_t expected;
    bool is_private;
};
#define TPY_WAIT_WORDS 16
/* As above on several words at once. -ENOSYS where the kernel has no futex_waitv (asked once: tpy_have_waitv). */
int tpy_futex_wait_any(const struct tpy_wait_word *words, unsigned count, int64_t deadline);
bool tpy_have_waitv(void);

/* The CPU this thread runs on, modulo 256: one load where the C library registered restartable sequences (glibc from 2.35 on). */
uint8_t tpy_cpu_asked(void);
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
static inline uint8_t tpy_cpu(void)
{
    if (TPY_LIKELY(&__rseq_size != NULL && __rseq_size != 0)) /* cpu_id is the second word of the kernel's structure */
        return (uint8_t)*(volatile uint32_t *)((char *)__builtin_thread_pointer() + __rseq_offset + 4);
    return tpy_cpu_asked();
}
/* How many CPUs this thread may use; looked at again every now and then. */
int tpy_cpus_allowed(void);

/* A lock for private memory: one word, no system call unless contended. */
struct tpy_lock {
    _Atomic uint32_t word;
};
void tpy_lock_slow(struct tpy_lock *lock);
static inline void tpy_lock_take(struct tpy_lock *lock)
{
    uint32_t free = 0;
    if (TPY_UNLIKELY(!atomic_compare_exchange_strong_explicit(&lock->word, &free, 1, memory_order_acquire, memory_order_relaxed)))
        tpy_lock_slow(lock);
}
static inline bool tpy_lock_try(struct tpy_lock *lock)
{
    uint32_t free = 0;
    return atomic_compare_exchange_strong_explicit(&lock->word, &free, 1, memory_order_acquire, memory_order_relaxed);
}
static inline void tpy_lock_give(struct tpy_lock *lock)
{
    /* Two steps, where one exchange would cost 5 ns: who begins to sleep just between them looks again by itself (tpy_lock_slow). */
    if (TPY_LIKELY(atomic_load_explicit(&lock->word, memory_order_relaxed) == 1))
        atomic_store_explicit(&lock->word, 0, memory_order_release);
    else if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        tpy_futex_wake_private(&lock->word, 1);
}

/* A full fence in every thread of this process, so that what they do often needs none. Takes a while. False: the kernel would not. */
bool tpy_fence_threads(void);
/* The same in every thread of all processes that have joined, ours or not. False: the kernel would not. */
bool tpy_fence_peers(void);
bool tpy_fence_join(void);
/* Whether the kernel says that it would make such fences; none is made. */
bool tpy_fence_known(void);

/* close and pwrite, which are no cancellation points here: a thread that is to be cancelled must not end with a lock of ours. */
void tpy_close(int fd);
bool tpy_store(int fd, const void *from, size_t length, uint64_t at); /* false: not all of it */

/* A sealed memory object of this size with every page allocated: descriptor or -errno (-ENOMEM, -EMFILE, -ENFILE). */
int tpy_memory_create(const char *name, size_t size);
/* Maps one that a peer sent after checking that it is a memfd of exactly this size that cannot shrink or grow. -EPROTO if not. */
int tpy_memory_map(int fd, size_t size, bool writable, void *at, void **address);

#endif
