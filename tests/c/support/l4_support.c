/* l4_support: see l4_support.h. */
#include "l4_support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "core/inspect.h"
#include "core/node.h"
#include "l4/directory.h"

struct l4_shared {
    _Atomic unsigned ready;
    l4_threadid_t id;
};

struct l4_partner {
    bool is_thread;
    pid_t pid;
    pthread_t thread;
    struct l4_shared *shared;
    l4_threadid_t boss;
    void (*run)(l4_threadid_t boss, void *argument);
    void *argument;
};

static void run(void *given)
{
    struct l4_partner *partner = given;
    partner->shared->id = l4_myself();
    CHECK(!l4_is_invalid_id(partner->shared->id));
    l4_count(&partner->shared->ready);
    partner->run(partner->boss, partner->argument);
}

static void *run_thread(void *given)
{
    run(given);
    return NULL;
}

struct l4_partner *l4_start(bool threads, void (*body)(l4_threadid_t, void *), void *argument)
{
    struct l4_partner *partner = calloc(1, sizeof *partner);
    CHECK(partner != NULL);
    *partner = (struct l4_partner){.is_thread = threads, .pid = getpid(), .shared = l4_share(sizeof(struct l4_shared)),
        .boss = l4_myself(), .run = body, .argument = argument};
    CHECK(!l4_is_invalid_id(partner->boss));
    if (threads) CHECK_EQ(pthread_create(&partner->thread, NULL, run_thread, partner), 0);
    else partner->pid = check_fork(run, partner);
    l4_await(&partner->shared->ready, 1);
    return partner;
}

l4_threadid_t l4_id(const struct l4_partner *partner) { return partner->shared->id; }
pid_t l4_pid(const struct l4_partner *partner) { return partner->pid; }

void l4_join(struct l4_partner *partner)
{
    if (partner->is_thread) CHECK_EQ(pthread_join(partner->thread, NULL), 0);
    else check_join(partner->pid);
    munmap(partner->shared, sizeof *partner->shared);
    free(partner);
}

void *l4_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

void l4_count(_Atomic unsigned *word)
{
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void l4_await(_Atomic unsigned *word, unsigned value)
{
    unsigned now;
    while ((now = atomic_load(word)) < value) syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0);
}

void l4_cancel(l4_threadid_t id) { l4_thread_ex_regs(id, ~0ul, ~0ul, NULL, NULL, NULL, NULL, NULL); }

/* What other processes can see of that thread. */
static unsigned state_of(l4_threadid_t id)
{
    char path[4096], directory[4000];
    struct tpy_l4_place place;
    struct stat space;
    unsigned state = TPY_READY;
    CHECK_EQ(tpy_l4_directory_find(id.raw, &place), 0);
    CHECK_EQ(tpy_node_directory(geteuid(), directory, sizeof directory), 0);
    CHECK_EQ(stat("/proc/self/ns/pid", &space), 0);
    snprintf(path, sizeof path, "%s/%d.%lu.state", directory, place.pid, (unsigned long)space.st_ino);
    int fd = (int)CHECK_SYS(open(path, O_RDONLY | O_CLOEXEC));
    const struct tpy_inspect *table = mmap(NULL, sizeof *table, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(table != MAP_FAILED);
    state = ((const volatile struct tpy_inspect_thread *)&table->thread[place.thread])->state;
    munmap((void *)table, sizeof *table);
    close(fd);
    return state;
}

static void await_state(l4_threadid_t id, unsigned state)
{
    while (state_of(id) != state) nanosleep(&(struct timespec){0, 200000}, NULL);
}

void l4_await_receiving(l4_threadid_t id) { await_state(id, TPY_BLOCKED_RECEIVE); }
void l4_await_sending(l4_threadid_t id) { await_state(id, TPY_BLOCKED_OFFER); }

int64_t l4_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void l4_fill(void *memory, size_t size, unsigned seed)
{
    unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 31 + (i >> 8) * 7 + seed);
}

void l4_check_filled(const void *memory, size_t size, unsigned seed)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)(i * 31 + (i >> 8) * 7 + seed)) CHECK_EQ(i, size);
}

struct l4_pages l4_pages_withheld(size_t size)
{
    struct l4_pages pages = {.size = size};
    struct uffdio_api api = {.api = UFFD_API};
    /* Faults of the program's own code, not of the kernel's: that much every user may withhold. */
    pages.fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (pages.fd < 0) SKIP("userfaultfd is not allowed here");
    CHECK_SYS(ioctl(pages.fd, UFFDIO_API, &api));
    pages.at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages.at != MAP_FAILED);
    struct uffdio_register range = {.range = {(uintptr_t)pages.at, size}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK_SYS(ioctl(pages.fd, UFFDIO_REGISTER, &range));
    return pages;
}

void l4_pages_provide(const struct l4_pages *pages, unsigned seed)
{
    char *from = malloc(pages->size);
    CHECK(from != NULL);
    l4_fill(from, pages->size, seed);
    struct uffdio_copy copy = {.dst = (uintptr_t)pages->at, .src = (uintptr_t)from, .len = pages->size};
    CHECK_SYS(ioctl(pages->fd, UFFDIO_COPY, &copy));
    free(from);
}

bool l4_readable(const void *at)
{
    int ends[2];
    CHECK_SYS(pipe(ends));
    bool good = write(ends[1], at, 1) == 1;
    CHECK(good || errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return good;
}

bool l4_writable(void *at)
{
    int ends[2];
    char byte = *(volatile char *)at;
    CHECK_SYS(pipe(ends));
    CHECK_EQ(write(ends[1], &byte, 1), 1);
    bool good = read(ends[0], at, 1) == 1;
    CHECK(good || errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return good;
}
