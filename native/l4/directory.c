/* directory: see directory.h. Each word is written by one process, with one store, so a reader sees a whole entry. */
#define _GNU_SOURCE
#include "l4/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/names.h"
#include "core/node.h"
#include "l4/local.h"

#define TASKS 2047u /* 1 to 2046: task 0 could be NIL, task 2047 INVALID */
#define SPACE "l4-task"
#define FORMAT 0x31003474u

/* An entry: version in bits 0 to 13, alive in bit 14, port in bits 16 to 31, thread in bits 32 to 47. */
#define ALIVE 0x4000u

struct file {
    _Atomic uint32_t format;
    _Atomic uint32_t next_task; /* where to look first, so that numbers come back late */
    unsigned char reserved[4096 - 8];
    _Atomic uint64_t entry[2048][TPY_L4_LTHREADS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *_Atomic file;
static _Atomic unsigned own_task;
static unsigned base_version; /* of this process: newer than any its task number had before */

unsigned tpy_l4_own_task(void) { return atomic_load_explicit(&own_task, memory_order_relaxed); }
unsigned tpy_l4_own_site(void) { return (unsigned)geteuid() & 0x1ffff; }

static unsigned version_of(uint64_t entry) { return (unsigned)entry & (TPY_L4_VERSIONS - 1); }

static int map_file(struct file **mapped)
{
    char path[PATH_MAX];
    struct stat status;
    int result = tpy_node_subdirectory("l4", path, sizeof path - 16);
    if (result != 0) return result;
    strcat(path, "/directory");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -errno;
    result = -EIO;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
        (status.st_size == (off_t)sizeof(struct file) || ftruncate(fd, sizeof(struct file)) == 0)) {
        void *map = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            *mapped = map;
            uint32_t fresh = 0;
            atomic_compare_exchange_strong(&(*mapped)->format, &fresh, FORMAT);
            result = atomic_load(&(*mapped)->format) == FORMAT ? 0 : -EIO;
        }
    }
    close(fd);
    return result;
}

/* The number is ours: is there a version left that is newer than all of its threads'? */
static bool take_row(struct file *all, unsigned task)
{
    unsigned newest = 0;
    for (unsigned i = 0; i < TPY_L4_LTHREADS; i++) {
        uint64_t entry = atomic_load(&all->entry[task][i]);
        if (version_of(entry) > newest) newest = version_of(entry);
        if (entry & ALIVE) atomic_store(&all->entry[task][i], version_of(entry));
    }
    base_version = newest + 1;
    return base_version < TPY_L4_VERSIONS - 1;
}

static int claim(struct file *all)
{
    int result = -EAGAIN;
    for (unsigned i = 0; i < TASKS - 1; i++) {
        unsigned task = atomic_fetch_add(&all->next_task, 1) % (TASKS - 1) + 1;
        char name[16];
        snprintf(name, sizeof name, "%u", task);
        result = tpy_name_bind(SPACE, name, 0, 0);
        if (result == -EEXIST) continue;
        if (result != 0) return result;
        if (take_row(all, task)) {
            atomic_store(&own_task, task);
            return 0;
        }
        tpy_name_unbind(SPACE, name);
    }
    return result == -EEXIST ? -EAGAIN : result;
}

/* A child has no task so far, also that of a process which has one because it looked somebody up, and no thread that calls. */
static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    atomic_store(&own_task, 0);
}

static void once_ever(void) { tpy_at_fork_child(in_child); }

int tpy_l4_directory_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (tpy_l4_own_task()) return 0;
    pthread_once(&once, once_ever);
    pthread_mutex_lock(&lock);
    int result = 0;
    struct file *all = atomic_load(&file);
    if (!all && (result = map_file(&all)) == 0) atomic_store(&file, all);
    if (result == 0 && !tpy_l4_own_task()) result = claim(all);
    pthread_mutex_unlock(&lock);
    return result;
}

unsigned tpy_l4_directory_version(unsigned lthread, unsigned wanted)
{
    struct file *all = atomic_load(&file);
    unsigned last = version_of(atomic_load(&all->entry[tpy_l4_own_task()][lthread]));
    unsigned next = last + 1 > base_version ? last + 1 : base_version;
    if (wanted >= next) next = wanted;
    return next < TPY_L4_VERSIONS - 1 ? next : 0;
}

void tpy_l4_directory_enter(unsigned lthread, unsigned version, uint32_t port, uint32_t thread)
{
    struct file *all = atomic_load(&file);
    atomic_store(&all->entry[tpy_l4_own_task()][lthread], (uint64_t)thread << 32 | (uint64_t)port << 16 | ALIVE | version);
}

void tpy_l4_directory_leave(unsigned lthread)
{
    struct file *all = atomic_load(&file);
    _Atomic uint64_t *entry = &all->entry[tpy_l4_own_task()][lthread];
    atomic_store(entry, version_of(atomic_load(entry)));
}

/* The entry of a living thread with exactly this id, or 0. */
static uint64_t look(uint64_t id)
{
    if (tpy_l4_directory_begin() != 0) return 0;
    unsigned task = tpy_l4_id_task(id), lthread = tpy_l4_id_lthread(id);
    if (task == 0 || task >= TASKS) return 0;
    if (id != tpy_l4_id_make(tpy_l4_own_site(), task, lthread, tpy_l4_id_version(id))) return 0;
    uint64_t entry = atomic_load(&atomic_load(&file)->entry[task][lthread]);
    return (entry & ALIVE) && version_of(entry) == tpy_l4_id_version(id) ? entry : 0;
}

static int task_process(unsigned task, pid_t *pid)
{
    char name[16];
    struct tpy_name_entry owner;
    if (task == tpy_l4_own_task()) {
        *pid = getpid();
        return 0;
    }
    snprintf(name, sizeof name, "%u", task);
    if (tpy_name_lookup(SPACE, name, &owner) != 0) return -ESRCH;
    *pid = owner.pid;
    return 0;
}

int tpy_l4_directory_find(uint64_t id, struct tpy_l4_place *place)
{
    uint64_t entry = look(id);
    if (!entry || task_process(tpy_l4_id_task(id), &place->pid) != 0) return -ESRCH;
    place->port = (uint32_t)(entry >> 16) & 0xffff;
    place->thread = (uint32_t)(entry >> 32) & 0xffff;
    return 0;
}

int tpy_l4_directory_alive(uint64_t id)
{
    struct tpy_l4_place place;
    return tpy_l4_directory_find(id, &place);
}

int tpy_l4_directory_is_task(unsigned site, unsigned task, pid_t pid)
{
    pid_t owner;
    if (site != tpy_l4_own_site() || task == 0 || task >= TASKS || task_process(task, &owner) != 0) return -ESRCH;
    return owner == pid ? 0 : -ESRCH;
}
