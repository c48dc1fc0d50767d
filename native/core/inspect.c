/* inspect: see inspect.h. */
#define _GNU_SOURCE
#include "core/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/node.h"

#define TIDY_MOST 256 /* files looked at, so that a start stays short */

static struct tpy_inspect dummy; /* pages come only when touched */
struct tpy_inspect *tpy_inspect_own = &dummy;
static char path[PATH_MAX];
static int lock_fd = -1; /* the file, locked for as long as we live: who finds it unlocked may remove it and our socket */

static void in_child(void)
{
    tpy_inspect_own = &dummy; /* the mapping was not inherited */
    path[0] = 0;
    if (lock_fd >= 0) close(lock_fd);
    lock_fd = -1;
}

static bool lock_file(int fd, bool wait)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result;
    do result = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &all);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* Removes what processes that were killed left behind. The lock tells: a number may be in use again. */
static void tidy(const char *directory)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    for (int looked = 0; entries && looked < TIDY_MOST && (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name);
        char name[300];
        if (length < 7 || length > 255 || strcmp(entry->d_name + length - 6, ".state") != 0) continue;
        looked++;
        int fd = openat(dirfd(entries), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0) continue;
        if (lock_file(fd, false)) {
            memcpy(name, entry->d_name, length - 6);
            name[length - 6] = 0;
            unlinkat(dirfd(entries), name, 0);
            unlinkat(dirfd(entries), entry->d_name, 0);
        }
        close(fd);
    }
    if (entries) closedir(entries);
}

static int open_locked(void)
{
    for (;;) {
        struct stat opened, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0) return -1;
        if (!lock_file(fd, true)) { /* no locks here */
            close(fd);
            return -1;
        }
        if (fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino) return fd;
        close(fd); /* somebody tidied it away while we waited */
    }
}

void tpy_inspect_begin(void)
{
    static bool registered;
    struct stat space;
    char directory[PATH_MAX - 64];
    if (!registered) tpy_at_fork_child(in_child);
    registered = true;
    if (lock_fd >= 0 || tpy_node_directory(geteuid(), directory, sizeof directory) != 0) return;
    tidy(directory);
    if (stat("/proc/self/ns/pid", &space) != 0) space.st_ino = 0;
    snprintf(path, sizeof path, "%s/%d.%lu.state", directory, getpid(), (unsigned long)space.st_ino);
    if ((lock_fd = open_locked()) < 0) return;
    size_t size = sizeof(struct tpy_inspect);
    /* Every page is allocated now, and anew: nothing of a dead process of our number is shown. */
    if (ftruncate(lock_fd, 0) != 0 || posix_fallocate(lock_fd, 0, (off_t)size) != 0) return;
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lock_fd, 0);
    if (map == MAP_FAILED) return;
    madvise(map, size, MADV_DONTFORK);
    struct tpy_inspect *own = map;
    own->version = TPY_WIRE_VERSION;
    own->pid = (uint32_t)getpid();
    own->threads = TPY_THREADS_MAX + 1;
    own->exchanges = TPY_EXCHANGES_MAX;
    tpy_inspect_own = own;
}

void tpy_inspect_end(void)
{
    if (path[0] && tpy_inspect_own->pid == (uint32_t)getpid()) unlink(path);
}

void tpy_inspect_blocked_on(struct tpy_thread *thread, enum tpy_blocked state, uint32_t partner, uint32_t port, uint32_t exchange, uint32_t sequence)
{
    struct tpy_inspect_thread *own = &tpy_inspect_own->thread[thread->number];
    if (!own->tid) own->tid = (uint32_t)syscall(SYS_gettid);
    own->partner = partner;
    own->port = port;
    own->exchange = exchange;
    own->sequence = sequence;
    own->since = tpy_now();
    own->state = state;
    /* It may cancel this thread: that counts an event, which the sleep that follows sees. */
    if (thread->on_sleep) thread->on_sleep(1);
}

void tpy_inspect_bound(struct tpy_exchange *exchange, uint32_t port)
{
    struct tpy_inspect_accepted *own = &tpy_inspect_own->accepted[tpy_exchange_index(exchange)];
    own->pid = (uint32_t)exchange->link->who.pid;
    own->thread = exchange->thread;
    own->port = port;
    own->sequence = 0;
}
