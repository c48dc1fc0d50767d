/*
 * names: see names.h. The file of a name holds one entry; its first byte is locked (a POSIX record lock, which belongs to the process: a
 * forked child does not hold it, and F_GETLK tells who does). Such locks go when the process closes any descriptor of the file, so a
 * process never opens a name it holds itself a second time: it looks in its own table first.
 */
#define _GNU_SOURCE
#include "core/names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/node.h"
#include "core/thread_record.h"

struct held { /* a name of ours */
    struct held *next;
    int fd;
    struct tpy_name_entry entry;
    char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *all;

static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    /* Closing them here drops no lock: the locks are the parent's. */
    for (struct held *name = all; name; name = name->next) close(name->fd);
    all = NULL;
}

static void once_ever(void) { tpy_at_fork_child(in_child); }

/* Any byte but '/' and NUL may be in a name; the two names of directories themselves are told apart by a leading mark. */
static int path_of(uid_t uid, const char *space, const char *name, char *path, size_t size)
{
    char sub[64];
    size_t length = strlen(name);
    if (length == 0 || strchr(name, '/')) return -EINVAL;
    if (length > TPY_NAME_MAX) return -ENAMETOOLONG;
    snprintf(sub, sizeof sub, "names/%s", space);
    int result = uid == geteuid() ? tpy_node_subdirectory(sub, path, size - TPY_NAME_MAX - 3) : tpy_node_directory(uid, path, size - 64 - TPY_NAME_MAX - 3);
    if (result != 0) return result;
    size_t at = strlen(path);
    if (uid == geteuid()) snprintf(path + at, size - at, "/=%s", name);
    else snprintf(path + at, size - at, "/%s/=%s", sub, name);
    return 0;
}

static struct held **find(const char *path)
{
    struct held **at = &all;
    while (*at && strcmp((*at)->path, path) != 0) at = &(*at)->next;
    return at;
}

static int claim(const char *path)
{
    for (;;) {
        struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
        struct stat opened, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0) return -errno;
        if (fcntl(fd, F_SETLK, &first) != 0) {
            int error = errno;
            close(fd);
            return error == EACCES || error == EAGAIN ? -EEXIST : -error;
        }
        /* An owner that let go removes the file: then we locked what nobody can find. */
        if (fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) return fd;
        close(fd);
    }
}

int tpy_name_bind(const char *space, const char *name, uint32_t port, uint64_t detail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char path[PATH_MAX];
    int result = path_of(geteuid(), space, name, path, sizeof path);
    if (result != 0) return result;
    pthread_once(&once, once_ever);
    pthread_mutex_lock(&lock);
    struct held *held = *find(path) ? NULL : malloc(sizeof *held + strlen(path) + 1);
    if (*find(path)) result = -EEXIST;
    else if (!held) result = -ENOMEM;
    else if ((held->fd = claim(path)) < 0) result = held->fd;
    if (result == 0) {
        const struct tpy_name_entry entry = {.pid = getpid(), .port = port, .detail = detail};
        held->entry = entry;
        strcpy(held->path, path);
        /* Whole at once, so a reader sees the old entry, whose owner is not the holder, or this one. */
        if (pwrite(held->fd, &entry, sizeof entry, 0) != (ssize_t)sizeof entry) {
            result = -EIO;
            close(held->fd);
        } else {
            held->next = all;
            all = held;
        }
    }
    if (result != 0) free(held);
    pthread_mutex_unlock(&lock);
    return result;
}

int tpy_name_unbind(const char *space, const char *name)
{
    char path[PATH_MAX];
    int result = path_of(geteuid(), space, name, path, sizeof path);
    if (result != 0) return result;
    pthread_mutex_lock(&lock);
    struct held **at = find(path), *held = *at;
    if (held) {
        *at = held->next;
        unlink(path); /* before the lock goes: whoever opens it then makes a new one */
        close(held->fd);
        free(held);
    }
    pthread_mutex_unlock(&lock);
    return held ? 0 : -ENOENT;
}

static int look_up_in(uid_t uid, const char *space, const char *name, struct tpy_name_entry *entry)
{
    char path[PATH_MAX];
    int result = path_of(uid, space, name, path, sizeof path);
    if (result != 0) return result;
    pthread_mutex_lock(&lock);
    struct held *held = *find(path);
    if (held) *entry = held->entry;
    else {
        result = -ENOENT;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        for (int i = 0; fd >= 0 && i < 1000 && result == -ENOENT; i++) {
            struct flock holder = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
            struct tpy_name_entry seen;
            if (fcntl(fd, F_GETLK, &holder) != 0 || holder.l_type == F_UNLCK) break;
            /* Written by the one who holds it, or still being written. */
            if (pread(fd, &seen, sizeof seen, 0) == (ssize_t)sizeof seen && seen.pid == holder.l_pid) {
                *entry = seen;
                result = 0;
            } else sched_yield();
        }
        if (fd >= 0) close(fd);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int tpy_name_lookup(const char *space, const char *name, struct tpy_name_entry *entry)
{
    int result = look_up_in(geteuid(), space, name, entry);
    /* Root's names are everybody's; other users' could be squatted. */
    if (result == -ENOENT && geteuid() != 0) {
        result = look_up_in(0, space, name, entry);
        if (result == -EACCES) result = -ENOENT;
    }
    return result;
}

int tpy_name_wait(const char *space, const char *name, int64_t deadline, struct tpy_name_entry *entry)
{
    char path[PATH_MAX];
    struct tpy_thread *thread = tpy_thread_get();
    int result = path_of(geteuid(), space, name, path, sizeof path);
    if (result == 0 && !thread) result = -ENOMEM;
    /* Looked at in slices: nothing tells of a lock taken on a file that was there already. */
    while (result == 0 && (result = tpy_name_lookup(space, name, entry)) == -ENOENT) {
        int64_t now = tpy_now(), slice = now + 20000000;
        uint32_t events = tpy_thread_events(thread);
        if (now >= deadline) return -ETIMEDOUT;
        if (atomic_load(&thread->cancelled) && tpy_thread_uncancel(thread)) return -ECANCELED;
        result = tpy_thread_sleep_told(thread, events, slice < deadline ? slice : deadline);
        if (result != -EINTR) result = 0;
    }
    return result;
}
