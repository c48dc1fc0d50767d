/* map: see map.h. What the process's memory is made of is read from /proc/self/maps each time, so nothing here can be out of date. */
#define _GNU_SOURCE
#include "l4/map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/pages.h"

#define PAGE 4096u
#define OBJECTS 256u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object { /* a memory object we can pass on */
    dev_t device;
    ino_t inode;
    int fd;        /* -1: free */
    int read_only; /* a descriptor that cannot write; -1: not made yet */
    bool writable; /* fd can write */
} objects[OBJECTS];
static bool ready;

struct area { /* a line of /proc/self/maps */
    uint64_t from, to, offset;
    int protection;
    bool shared;
    ino_t inode;
    unsigned major, minor;
};

static uint64_t size_of(uint64_t fpage) { return (fpage >> 2) & 127; }
static uint64_t address_of(uint64_t fpage) { return fpage & ~(uint64_t)(PAGE - 1); }

static void in_child(void) { pthread_mutex_init(&lock, NULL); } /* mappings and descriptors are inherited */

static void begin(void)
{
    if (ready) return;
    tpy_at_fork_child(in_child);
    for (unsigned i = 0; i < OBJECTS; i++) objects[i].fd = objects[i].read_only = -1;
    ready = true;
}

void tpy_l4_pairs_read(struct tpy_l4_pairs *pairs, const uint64_t *words, uint32_t count)
{
    pairs->count = 0;
    for (uint32_t i = 0; i + 1 < count && pairs->count < TPY_L4_PAIRS && words[i + 1] != 0; i += 2) {
        pairs->base[pairs->count] = words[i];
        pairs->fpage[pairs->count++] = words[i + 1];
    }
}

static bool next_area(FILE *maps, struct area *area)
{
    char line[512], rights[5];
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to, offset, inode;
        bool whole = strchr(line, '\n') != NULL;
        int fields = sscanf(line, "%lx-%lx %4s %lx %x:%x %lu", &from, &to, rights, &offset, &area->major, &area->minor, &inode);
        while (!whole && fgets(line, sizeof line, maps)) whole = strchr(line, '\n') != NULL;
        if (fields != 7) continue;
        area->from = from, area->to = to, area->offset = offset, area->inode = inode;
        area->protection = (rights[0] == 'r' ? PROT_READ : 0) | (rights[1] == 'w' ? PROT_WRITE : 0) | (rights[2] == 'x' ? PROT_EXEC : 0);
        area->shared = rights[3] == 's';
        return true;
    }
    return false;
}

/* Forgets objects that no mapping uses any more. */
static void sweep(void)
{
    struct area area;
    bool used[OBJECTS] = {false};
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return;
    while (next_area(maps, &area))
        for (unsigned i = 0; i < OBJECTS; i++)
            if (objects[i].fd >= 0 && objects[i].inode == area.inode) used[i] = true;
    fclose(maps);
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (objects[i].fd < 0 || used[i]) continue;
        close(objects[i].fd);
        if (objects[i].read_only >= 0) close(objects[i].read_only);
        objects[i].fd = objects[i].read_only = -1;
    }
}

static struct object *find_object(dev_t device, ino_t inode)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        if (objects[i].fd >= 0 && objects[i].inode == inode && objects[i].device == device) return &objects[i];
    return NULL;
}

/* Takes the descriptor over, whatever comes of it. A writable one takes the place of one that is not. */
static struct object *keep(int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return NULL;
    }
    bool writable = (flags & O_ACCMODE) == O_RDWR;
    struct object *known = find_object(status.st_dev, status.st_ino);
    if (known) {
        if (writable && !known->writable) {
            if (known->read_only < 0) known->read_only = known->fd;
            else close(known->fd);
            known->fd = fd;
            known->writable = true;
        } else close(fd);
        return known;
    }
    for (int turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            if (objects[i].fd >= 0) continue;
            objects[i] = (struct object){status.st_dev, status.st_ino, fd, writable ? -1 : fd, writable};
            if (!writable) objects[i].read_only = -1;
            return &objects[i];
        }
        sweep();
    }
    close(fd);
    return NULL;
}

static int descriptor(struct object *object, bool write)
{
    char path[32];
    if (write || !object->writable) return object->fd;
    if (object->read_only < 0) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", object->fd);
        object->read_only = open(path, O_RDONLY | O_CLOEXEC);
    }
    return object->read_only < 0 ? -errno : object->read_only;
}

/* A shared mapping that the program made: one of its descriptors may still lead there. */
static struct object *find_descriptor(const struct area *area)
{
    DIR *directory = opendir("/proc/self/fd");
    struct object *found = NULL;
    struct stat status;
    if (!directory) return NULL;
    for (struct dirent *entry; !found && (entry = readdir(directory)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fstat(fd, &status) != 0 || status.st_ino != area->inode || !S_ISREG(status.st_mode)) continue;
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy >= 0) found = keep(copy);
    }
    closedir(directory);
    return found;
}

/* Private memory becomes a part of a new object, in place. The program must not write to it at that moment. */
static struct object *convert(uint64_t from, uint64_t to, int protection)
{
    size_t size = (size_t)(to - from), done = 0;
    const struct iovec pages = {(void *)from, size};
    if (tpy_pages_touch(&pages, 1, false) != 0) return NULL; /* who waits for a pager has no time limit here */
    int fd = memfd_create("tetrapylon-l4-pages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return NULL;
    bool good = fchmod(fd, 0600) == 0 && ftruncate(fd, (off_t)size) == 0;
    while (good && done < size) {
        ssize_t put = pwrite(fd, (const char *)from + done, size - done, (off_t)done);
        if (put <= 0) good = false;
        else done += (size_t)put;
    }
    good = good && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    good = good && mmap((void *)from, size, protection, MAP_SHARED | MAP_FIXED, fd, 0) == (void *)from;
    if (good) return keep(fd);
    close(fd);
    return NULL;
}

static int add(struct tpy_l4_parcel *parcel, uint32_t pair, const struct area *area, uint64_t start, uint64_t from, uint64_t to, bool write)
{
    struct object *object;
    uint64_t offset;
    struct stat status;
    if (parcel->count == TPY_L4_EXTENTS) return -E2BIG;
    if (area->shared) {
        object = NULL;
        for (unsigned i = 0; i < OBJECTS && !object; i++)
            if (objects[i].fd >= 0 && objects[i].inode == area->inode && fstat(objects[i].fd, &status) == 0) object = &objects[i];
        if (!object) object = find_descriptor(area);
        offset = area->offset + (from - area->from);
    } else {
        if (!(area->protection & PROT_READ)) return -EACCES;
        object = convert(from, to, area->protection);
        offset = 0;
    }
    if (!object) return -ENOMEM;
    write = write && (area->protection & PROT_WRITE) && object->writable;
    int fd = descriptor(object, write);
    if (fd < 0) return fd;
    parcel->extent[parcel->count] =
        (struct tpy_l4_extent){.offset = offset, .length = to - from, .at = from - start, .pair = pair, .write = write};
    parcel->fd[parcel->count++] = fd;
    return 0;
}

static int collect_pair(struct tpy_l4_parcel *parcel, uint32_t pair, uint64_t fpage)
{
    uint64_t bits = size_of(fpage), start = address_of(fpage);
    if (bits < 12 || bits > 46) return -EINVAL;
    start &= ~(((uint64_t)1 << bits) - 1);
    uint64_t end = start + ((uint64_t)1 << bits);
    uint32_t before = parcel->count;
    struct area area, found[TPY_L4_EXTENTS + 1];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return -errno;
    /* First the list, since converting changes it. */
    while (count <= TPY_L4_EXTENTS && next_area(maps, &area))
        if (area.from < end && area.to > start && area.protection != PROT_NONE) found[count++] = area;
    fclose(maps);
    int result = count > TPY_L4_EXTENTS ? -E2BIG : 0;
    for (unsigned i = 0; i < count && result == 0; i++) {
        uint64_t from = found[i].from > start ? found[i].from : start, to = found[i].to < end ? found[i].to : end;
        result = add(parcel, pair, &found[i], start, from, to, fpage & 2);
    }
    return result != 0 ? result : parcel->count == before ? -ENOENT : 0;
}

int tpy_l4_map_collect(const struct tpy_l4_pairs *pairs, struct tpy_l4_parcel *parcel)
{
    int result = 0;
    parcel->count = 0;
    pthread_mutex_lock(&lock);
    begin();
    for (uint32_t i = 0; i < pairs->count && result == 0; i++) result = collect_pair(parcel, i, pairs->fpage[i]);
    pthread_mutex_unlock(&lock);
    return result;
}

void tpy_l4_map_grant(const struct tpy_l4_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (!(pairs->fpage[i] & 1)) continue;
        uint64_t size = (uint64_t)1 << size_of(pairs->fpage[i]), start = address_of(pairs->fpage[i]) & ~(size - 1);
        /* The addresses stay taken, so that nothing else moves in. */
        mmap((void *)start, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }
}

/* Where a piece of the sender's flexpage goes: the smaller of the two lands in the larger at the hot spot. False: nowhere. */
static bool target(uint64_t window, uint64_t base, uint64_t fpage, struct tpy_l4_extent *extent, uint64_t *to)
{
    uint64_t bits = size_of(fpage), room = size_of(window), size = (uint64_t)1 << bits;
    if (room == 64) {
        *to = (base & ~(size - 1)) + extent->at;
        return true;
    }
    uint64_t window_size = (uint64_t)1 << room, start = address_of(window) & ~(window_size - 1);
    if (bits <= room) {
        *to = start + ((base & (window_size - 1)) & ~(size - 1)) + extent->at;
        return true;
    }
    uint64_t from = (base & (size - 1)) & ~(window_size - 1), end = from + window_size;
    if (extent->at >= end || extent->at + extent->length <= from) return false;
    uint64_t skip = extent->at < from ? from - extent->at : 0;
    extent->offset += skip, extent->at += skip, extent->length -= skip;
    if (extent->at + extent->length > end) extent->length = end - extent->at;
    *to = start + (extent->at - from);
    return true;
}

static int place(uint64_t window, const struct tpy_l4_pairs *pairs, struct tpy_l4_extent extent, int fd)
{
    struct stat status;
    uint64_t to, end;
    if (extent.pair >= pairs->count) return -EPROTO;
    uint64_t bits = size_of(pairs->fpage[extent.pair]);
    if (bits < 12 || bits > 46 || ((extent.offset | extent.length | extent.at) & (PAGE - 1)) || extent.length == 0) return -EPROTO;
    if (extent.at > (uint64_t)1 << bits || extent.length > ((uint64_t)1 << bits) - extent.at) return -EPROTO;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || __builtin_add_overflow(extent.offset, extent.length, &end) ||
        end > (((uint64_t)status.st_size + PAGE - 1) & ~(uint64_t)(PAGE - 1)))
        return -EPROTO;
    if (!target(window, pairs->base[extent.pair], pairs->fpage[extent.pair], &extent, &to)) return 0;
    /* Everything is allowed: then at least nothing that stands there already is overwritten. */
    int fixed = size_of(window) == 64 ? MAP_FIXED_NOREPLACE : MAP_FIXED;
    if (to == 0) return -EINVAL;
    void *at = mmap((void *)to, extent.length, PROT_READ | (extent.write && (pairs->fpage[extent.pair] & 2) ? PROT_WRITE : 0), MAP_SHARED | fixed, fd,
        (off_t)extent.offset);
    return at == MAP_FAILED ? -errno : 0;
}

int tpy_l4_map_place(uint64_t window, const struct tpy_l4_pairs *pairs, const struct tpy_l4_extent *extents, uint32_t count, int *fds,
    uint32_t fd_count)
{
    uint64_t room = size_of(window);
    int result = count <= fd_count && room >= 12 && (room <= 46 || room == 64) ? 0 : -EPROTO;
    for (uint32_t i = 0; i < count && result == 0; i++) result = place(window, pairs, extents[i], fds[i]);
    pthread_mutex_lock(&lock);
    begin();
    for (uint32_t i = 0; i < fd_count; i++) {
        if (result == 0 && i < count) keep(fds[i]); /* so that we can pass the pages on */
        else close(fds[i]);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
