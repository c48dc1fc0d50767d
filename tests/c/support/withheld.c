/* withheld: see withheld.h. */
#include "withheld.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define LAST (WITHHELD_SIZE - PAGE)

static int pager_of_all_faults(void) { return (int)syscall(SYS_userfaultfd, O_CLOEXEC); }

void withheld_check(void)
{
    int fd = pager_of_all_faults();
    if (fd < 0) SKIP("userfaultfd is not allowed here");
    close(fd);
}

void withheld_count(_Atomic unsigned *word)
{
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void withheld_await(_Atomic unsigned *word)
{
    while (atomic_load(word) == 0) syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void *be_pager(void *argument)
{
    struct withheld *it = argument;
    struct uffd_msg fault;
    char *last = malloc(PAGE);
    CHECK(last != NULL);
    memcpy(last, it->memory + WITHHELD_SIZE, PAGE);
    CHECK_EQ(read(it->fd, &fault, sizeof fault), sizeof fault);
    withheld_count(it->faulted);
    withheld_await(it->provide);
    struct uffdio_copy copy = {.dst = (uintptr_t)it->memory + LAST, .src = (uintptr_t)last, .len = PAGE};
    CHECK_SYS(ioctl(it->fd, UFFDIO_COPY, &copy));
    free(last);
    return NULL;
}

struct withheld *withheld_memory(void (*fill)(void *, size_t, unsigned), unsigned seed, _Atomic unsigned *faulted, _Atomic unsigned *provide)
{
    struct withheld *it = malloc(sizeof *it);
    CHECK(it != NULL);
    *it = (struct withheld){.faulted = faulted, .provide = provide};
    /* One page more, to keep what the last one is to hold. */
    it->memory = mmap(NULL, WITHHELD_SIZE + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(it->memory != MAP_FAILED);
    CHECK_SYS(madvise(it->memory, WITHHELD_SIZE + PAGE, MADV_NOHUGEPAGE));
    fill(it->memory, WITHHELD_SIZE, seed);
    memcpy(it->memory + WITHHELD_SIZE, it->memory + LAST, PAGE);
    it->fd = (int)CHECK_SYS(pager_of_all_faults());
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {.range = {(uintptr_t)it->memory + LAST, PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK_SYS(ioctl(it->fd, UFFDIO_API, &api));
    CHECK_SYS(ioctl(it->fd, UFFDIO_REGISTER, &range));
    CHECK_SYS(madvise(it->memory + LAST, PAGE, MADV_DONTNEED));
    CHECK_EQ(pthread_create(&it->pager, NULL, be_pager, it), 0);
    return it;
}

void withheld_end(struct withheld *it)
{
    CHECK_EQ(pthread_join(it->pager, NULL), 0);
    munmap(it->memory, WITHHELD_SIZE + PAGE);
    close(it->fd);
    free(it);
}
