/* inspect: see inspect.h. */
#define _GNU_SOURCE
#include "core/inspect.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/node.h"

static struct tpy_inspect dummy; /* pages come only when touched */
struct tpy_inspect *tpy_inspect_own = &dummy;
static char path[PATH_MAX];

static void in_child(void)
{
    if (tpy_inspect_own != &dummy) tpy_inspect_own = &dummy; /* the mapping was not inherited */
    path[0] = 0;
}

void tpy_inspect_begin(void)
{
    static bool registered;
    struct stat space;
    char directory[PATH_MAX - 64];
    if (!registered) tpy_at_fork_child(in_child);
    registered = true;
    if (tpy_inspect_own != &dummy || tpy_node_directory(geteuid(), directory, sizeof directory) != 0) return;
    if (stat("/proc/self/ns/pid", &space) != 0) space.st_ino = 0;
    snprintf(path, sizeof path, "%s/%d.%lu.state", directory, getpid(), (unsigned long)space.st_ino);
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return;
    size_t size = sizeof(struct tpy_inspect);
    /* Only ours can shrink it, and then only we would suffer: every page is allocated now. */
    if (posix_fallocate(fd, 0, (off_t)size) == 0) {
        void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            madvise(map, size, MADV_DONTFORK);
            struct tpy_inspect *own = map;
            own->version = TPY_WIRE_VERSION;
            own->pid = (uint32_t)getpid();
            own->threads = TPY_THREADS_MAX + 1;
            own->exchanges = TPY_EXCHANGES_MAX;
            tpy_inspect_own = own;
        }
    }
    close(fd);
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
}

void tpy_inspect_bound(struct tpy_exchange *exchange, uint32_t port)
{
    struct tpy_inspect_accepted *own = &tpy_inspect_own->accepted[tpy_exchange_index(exchange)];
    own->pid = (uint32_t)exchange->link->who.pid;
    own->thread = exchange->thread;
    own->port = port;
    own->sequence = 0;
}
