/* Core: pages are touched before they are used (tpy_pages_touch): what keeps a touch is told within a moment, and is nobody else's business. */
#include "l4_support.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "core/fault.h"
#include "core/pages.h"

#define SIZE 16384ul
#define SEED 6
#define NO_MEMORY 0x100000ul /* nobody maps anything there unasked */

CASE(touching_tells_what_is_there)
{
    struct l4_pages pages = l4_pages_withheld(SIZE);
    char *plain = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *constant = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(plain != MAP_FAILED && constant != MAP_FAILED);
    CHECK(!l4_is_invalid_id(l4_myself())); /* arms the handler, and starts the watcher */
    l4_fill(plain, SIZE, SEED);
    const struct iovec there = {plain, SIZE}, read_only = {constant, SIZE}, nowhere = {(void *)NO_MEMORY, 1}, away = {pages.at, SIZE}, none = {NULL, 0};
    CHECK_EQ(tpy_pages_touch(&there, 1, false), 0);
    CHECK_EQ(tpy_pages_touch(&there, 1, true), 0);
    CHECK_EQ(tpy_pages_touch(&none, 1, true), 0);
    CHECK_EQ(tpy_pages_touch(&read_only, 1, false), 0);
    CHECK_EQ(tpy_pages_touch(&read_only, 1, true), 1 << 1);
    CHECK_EQ(tpy_pages_touch(&nowhere, 1, false), 1);
    int64_t start = l4_now();
    CHECK_EQ(tpy_pages_touch(&away, 1, false), 1);
    CHECK_EQ(tpy_pages_touch(&away, 1, true), 1 << 1);
    CHECK_LT(l4_now() - start, 2000000000);
    CHECK_EQ(tpy_pages_touch_both(&there, 1, &away, 1), 2);
    CHECK_EQ(tpy_pages_touch_both(&away, 1, &there, 1), 1);
    CHECK_EQ(tpy_pages_touch_both(&away, 1, &away, 1), 3);
    l4_check_filled(plain, SIZE, SEED); /* written to itself */
    l4_pages_provide(&pages, SEED);
    CHECK_EQ(tpy_pages_touch_both(&away, 1, &away, 1), 0);
    l4_check_filled(pages.at, SIZE, SEED);
}

struct breaking {
    pid_t thread;
    _Atomic unsigned stop;
};

static void *break_often(void *argument)
{
    struct breaking *it = argument;
    while (!atomic_load(&it->stop)) tpy_fault_break(it->thread);
    return NULL;
}

/* What is broken off is a touch that says that it may be, and that is then done again: all other copies never notice. */
CASE(a_break_ends_no_other_copy)
{
    struct breaking it = {.thread = gettid()};
    pthread_t thread;
    char from[SIZE], to[SIZE];
    tpy_fault_arm();
    l4_fill(from, SIZE, SEED);
    CHECK_EQ(pthread_create(&thread, NULL, break_often, &it), 0);
    for (int i = 0; i < 20000; i++) CHECK_EQ(tpy_copy(to, from, SIZE), 0);
    atomic_store(&it.stop, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    l4_check_filled(to, SIZE, SEED);
}

/* How often the watcher has gone to sleep so far. */
static unsigned long watcher_sleeps(void)
{
    char path[320], line[256], name[32];
    unsigned long sleeps = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "re");
        if (!status) continue;
        bool watcher = fgets(line, sizeof line, status) && sscanf(line, "Name: %31s", name) == 1 && strcmp(name, "tetrapylon") == 0;
        while (watcher && fgets(line, sizeof line, status)) sscanf(line, "voluntary_ctxt_switches: %lu", &sleeps);
        fclose(status);
    }
    closedir(tasks);
    return sleeps;
}

/* The watcher looks after those who touch only while there are some. */
CASE(nobody_looks_on_where_nothing_is_touched)
{
    char byte = 1;
    const struct iovec part = {&byte, 1};
    CHECK(!l4_is_invalid_id(l4_myself())); /* so there is a watcher */
    unsigned long before = watcher_sleeps(), now;
    CHECK_EQ(tpy_pages_touch(&part, 1, true), 0);
    while ((now = watcher_sleeps()) < before + 5) sched_yield(); /* it looks */
    do { /* until it has not looked for ten times as long as it looks apart */
        before = now;
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    } while ((now = watcher_sleeps()) != before);
}
