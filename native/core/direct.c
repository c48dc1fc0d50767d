/* direct: see direct.h. The client's list is read in its memory too: what it says is checked by nobody but the kernel, and used for reading only. */
#define _GNU_SOURCE
#include "core/direct.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/iov.h"

#define CLIENT_PARTS 65536u /* entries of its list that are looked at in its memory */
#define BOUNCE 16384u
#define BRING (4u << 20)    /* bytes that a helper is asked for at once */
#define LOOK 512u           /* pages asked about at once */
#define NOT_OPENED -1
#define NOT_TOLD -2
#define PRESENT (3ull << 62) /* in memory, or swapped: the kernel brings it by itself */

/* By system calls, since the C library's functions are cancellation points, and we hold the record's lock. */
static int open_pagemap(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? NOT_TOLD : fd;
}

static void close_pagemap(struct tpy_direct *direct)
{
    if (direct->pagemap >= 0) tpy_close(direct->pagemap);
    direct->pagemap = NOT_TOLD;
}

/* Are the pages of this range there? 0, or -EAGAIN: they are on their way, and those behind, as far as they are wanted. What is not known is taken to
 * be there. */
static int there(struct tpy_direct *direct, struct tpy_seen *seen, pid_t pid, uint64_t at, uint64_t length, uint64_t wanted)
{
    uint64_t words[LOOK], page = (uint64_t)sysconf(_SC_PAGESIZE), brought = direct->missing;
    direct->missing = 0;
    if (direct->job) {
        int result = tpy_pages_asked(direct->job);
        direct->missing = brought;
        if (result > 0) return -EAGAIN;
        tpy_pages_forget(direct->job);
        direct->job = NULL;
        if (result < 0) return result;
    }
    for (uint64_t end = at + length; at < end && (at < seen->from || end > seen->to); at = seen->to) {
        if (direct->pagemap == NOT_OPENED) direct->pagemap = open_pagemap(pid);
        uint64_t count = ((wanted > length ? wanted : length) + at % page + page - 1) / page, i = 0;
        if (count > LOOK) count = LOOK;
        ssize_t size = (ssize_t)(count * sizeof *words);
        if (direct->pagemap < 0 ||
            syscall(SYS_pread64, direct->pagemap, words, (size_t)size, (off_t)(at / page * sizeof *words)) != size)
            return 0;
        while (i < count && (words[i] & PRESENT)) i++;
        seen->from = at;
        seen->to = (at / page + i) * page;
        if (i == count || seen->to >= end) continue;
        if (seen->to == brought) { /* a helper has read of it: so this tells nothing */
            close_pagemap(direct);
            return 0;
        }
        uint64_t behind = wanted > length ? at + wanted - seen->to : end - seen->to;
        direct->missing = seen->to;
        return tpy_pages_ask(pid, seen->to, (size_t)(behind < BRING ? behind : BRING), &direct->job) == 0 ? -EAGAIN : -EPERM;
    }
    return 0;
}

static ssize_t copy(struct tpy_direct *direct, struct tpy_seen *seen, pid_t pid, void *to, uint64_t from, size_t length, uint64_t wanted)
{
    struct iovec here = {to, length}, theirs = {(void *)(uintptr_t)from, length};
    int result = there(direct, seen, pid, from, length, wanted);
    if (result != 0) return result;
    ssize_t got = process_vm_readv(pid, &here, 1, &theirs, 1, 0);
    return got == (ssize_t)length ? 0 : got < 0 ? -errno : -EFAULT;
}

/* Reads the client's memory at a window offset into flat memory. Bytes read, or -errno. wanted: so many will be read from there on. */
static ssize_t read_client(struct tpy_direct *direct, struct tpy_exchange *exchange, uint64_t offset, void *to, size_t length, uint64_t wanted)
{
    struct iovec list[64];
    pid_t pid = exchange->link->who.pid;
    uint64_t at = exchange->shared->client.iov, count = exchange->shared->client.iov_count;
    size_t done = 0;
    /* Whose page it is may keep us waiting for it as long as he likes: our own user could stop us in other ways too. */
    if (exchange->link->who.uid != geteuid() || count > CLIENT_PARTS) return -EPERM;
    for (uint64_t first = 0; first < count && done < length; first += 64) {
        size_t here = count - first < 64 ? (size_t)(count - first) : 64;
        ssize_t result = copy(direct, &direct->list, pid, list, at + first * sizeof *list, here * sizeof *list, 0);
        if (result != 0) return result;
        for (size_t i = 0; i < here && done < length; i++) {
            if (offset >= list[i].iov_len) {
                offset -= list[i].iov_len;
                continue;
            }
            uint64_t left = list[i].iov_len - offset, step = left < length - done ? left : length - done;
            result = copy(direct, &direct->bytes, pid, (char *)to + done, (uintptr_t)list[i].iov_base + offset, (size_t)step,
                          left < wanted - done ? left : wanted - done);
            if (result != 0) return result;
            done += (size_t)step;
            offset = 0;
        }
    }
    /* The number still names that process: its pidfd says so after the fact. */
    if (syscall(SYS_pidfd_send_signal, exchange->link->pidfd, 0, NULL, 0) != 0 && errno == ESRCH) return -ESRCH;
    return done == length ? (ssize_t)done : -EFAULT;
}

ssize_t tpy_direct_pull(struct tpy_direct *direct, struct tpy_exchange *exchange, uint64_t offset, const struct iovec *parts, size_t count, uint64_t *done,
    uint64_t size)
{
    TPY_KEEPS_ERRNO;
    char bounce[BOUNCE];
    int fault;
    while (*done < size) {
        size_t step = size - *done < sizeof bounce ? (size_t)(size - *done) : sizeof bounce;
        ssize_t got = read_client(direct, exchange, offset + *done, bounce, step, size - *done);
        if (got < 0) return got;
        if (tpy_iov_scatter(parts, count, *done, bounce, step, &fault) < step) return -TPY_ESRVRFAULT;
        *done += step;
    }
    return (ssize_t)size;
}

void tpy_direct_end(struct tpy_direct *direct)
{
    TPY_KEEPS_ERRNO;
    tpy_pages_forget(direct->job);
    close_pagemap(direct);
}
