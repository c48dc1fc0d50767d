/* One mapped file per region, in the harness's private folder (on tmpfs where there is one). The mapping owns it. */
#include "shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static void *map(int fd, size_t size)
{
    void *region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    close(fd);
    return region == MAP_FAILED ? NULL : region;
}

void *shared_region_create(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    if (ftruncate(fd, (off_t)size)) {
        close(fd);
        return NULL;
    }
    return map(fd, size);
}

void *shared_region_open(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? NULL : map(fd, size);
}
