/* system: see system.h. Nothing here is specific to the crossing. */
#define _GNU_SOURCE
#include "core/system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "core/thread.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef TMPFS_MAGIC
#define TMPFS_MAGIC 0x01021994
#endif

struct waitv_word { /* struct futex_waitv, which older headers lack */
    uint64_t value, address;
    uint32_t flags, reserved;
};

int64_t tpy_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct timespec *absolute(int64_t deadline, struct timespec *at)
{
    if (deadline == TPY_NEVER) return NULL;
    if (deadline < 0) deadline = 0;
    at->tv_sec = deadline / 1000000000;
    at->tv_nsec = deadline % 1000000000;
    return at;
}

static void wake(void *word, int operation, int count)
{
    TPY_KEEPS_ERRNO;
    syscall(SYS_futex, word, operation, count, NULL, NULL, 0);
}

void tpy_futex_wake(void *word, int count) { wake(word, FUTEX_WAKE, count); }
void tpy_futex_wake_private(void *word, int count) { wake(word, FUTEX_WAKE_PRIVATE, count); }

static int wait_bitset(void *word, uint32_t expected, int64_t deadline, int flags)
{
    struct timespec at;
    /* With a time FUTEX_WAIT_BITSET is never taken up again after a signal, whatever SA_RESTART says; futex_waitv is. */
    if (deadline != TPY_NEVER && tpy_have_waitv())
        return tpy_futex_wait_any(&(struct tpy_wait_word){word, expected, (flags & FUTEX_PRIVATE_FLAG) != 0}, 1, deadline);
    /* FUTEX_WAIT_BITSET takes an absolute time, so a signal and a new wait do not stretch the deadline. */
    TPY_KEEPS_ERRNO;
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | flags, expected, absolute(deadline, &at), NULL, FUTEX_BITSET_MATCH_ANY);
    return result < 0 ? -errno : 0;
}

int tpy_futex_wait_private(void *word, uint32_t expected, int64_t deadline)
{
    return wait_bitset(word, expected, deadline, FUTEX_PRIVATE_FLAG);
}

int tpy_futex_wait_shared(void *word, uint32_t expected, int64_t deadline) { return wait_bitset(word, expected, deadline, 0); }

bool tpy_have_waitv(void)
{
    static _Atomic int known; /* 0 not asked, 1 yes, 2 no */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        int saved = errno;
        syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0);
        answer = errno == EINVAL ? 1 : 2;
        errno = saved;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 1;
}

int tpy_futex_wait_any(const struct tpy_wait_word *words, unsigned count, int64_t deadline)
{
    struct waitv_word list[TPY_WAIT_WORDS];
    struct timespec at;
    if (!tpy_have_waitv()) return -ENOSYS;
    for (unsigned i = 0; i < count; i++)
        list[i] = (struct waitv_word){.value = words[i].expected, .address = (uintptr_t)words[i].word,
            .flags = 2 /* 32 bits */ | (words[i].is_private ? FUTEX_PRIVATE_FLAG : 0)};
    TPY_KEEPS_ERRNO;
    long result = syscall(SYS_futex_waitv, list, count, 0, absolute(deadline, &at), CLOCK_MONOTONIC);
    return result < 0 ? -errno : 0;
}

uint8_t tpy_cpu_asked(void) { return (uint8_t)sched_getcpu(); }

int tpy_cpus_allowed(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

#define LOCK_LOOK 1000000 /* ns: see tpy_lock_give */

void tpy_lock_slow(struct tpy_lock *lock)
{
    for (int i = 0; i < 100; i++) {
        uint32_t free = 0;
        if (atomic_compare_exchange_weak_explicit(&lock->word, &free, 1, memory_order_acquire, memory_order_relaxed)) return;
        tpy_relax();
    }
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
        tpy_futex_wait_private(&lock->word, 2, tpy_now() + LOCK_LOOK);
}

bool tpy_fence_threads(void)
{
    /* Registering again costs nothing; a child after fork must. */
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool tpy_fence_peers(void) { return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0; }
bool tpy_fence_known(void)
{
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}
bool tpy_fence_join(void) { return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0; }

void tpy_close(int fd) { syscall(SYS_close, fd); }
bool tpy_store(int fd, const void *from, size_t length, uint64_t at) { return syscall(SYS_pwrite64, fd, from, length, (off_t)at) == (long)length; }

int tpy_memory_create(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    int error;
    do /* every page now: a later access then never finds memory short */
        error = fallocate(fd, 0, 0, (off_t)size) == 0 ? 0 : errno;
    while (error == EINTR);
    if (error == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) error = errno;
    if (error == 0) return fd;
    close(fd);
    return error == ENOSPC ? -ENOMEM : -error;
}

int tpy_memory_map(int fd, size_t size, bool writable, void *at, void **address)
{
    struct stat status;
    struct statfs system;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW)) return -EPROTO;
    /* Not a huge-page memfd: those can lose their pages for good when a hole is punched. */
    if (fstat(fd, &status) != 0 || (size_t)status.st_size != size || fstatfs(fd, &system) != 0 || system.f_type != TMPFS_MAGIC)
        return -EPROTO;
    void *map = mmap(at, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED | MAP_POPULATE | (at ? MAP_FIXED : 0), fd, 0);
    if (map == MAP_FAILED) return -errno;
    madvise(map, size, MADV_DONTFORK);
    *address = map;
    return 0;
}
