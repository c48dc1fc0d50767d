/* thread: see thread.h. Records live in blocks that are never freed, so a pointer to one stays readable for the life of the process. */
#define _GNU_SOURCE
#include "core/thread_record.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/fork.h"
#include "core/inspect.h"

#define BLOCK 64
#define EXIT_HANDLERS 8
#define OTHER_PRIORITY 10

__thread struct tpy_thread *tpy_thread_current __attribute__((tls_model("initial-exec"), visibility("hidden")));

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_thread *_Atomic blocks[TPY_THREADS_MAX / BLOCK];
static pthread_key_t exit_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void (*_Atomic exit_handlers[EXIT_HANDLERS])(struct tpy_thread *);
static void (*drop_lanes)(struct tpy_thread *);
static uint32_t next_number; /* where to look first, so that numbers come back late */

static void end(void *argument)
{
    struct tpy_thread *thread = argument;
    tpy_thread_current = thread; /* handlers may call in */
    thread->on_sleep = NULL;
    for (int i = 0; i < EXIT_HANDLERS; i++) {
        void (*handler)(struct tpy_thread *) = atomic_load(&exit_handlers[i]);
        if (handler) handler(thread);
    }
    if (drop_lanes) drop_lanes(thread);
    tpy_thread_current = NULL;
    tpy_inspect_gone(thread);
    pthread_mutex_lock(&table_lock);
    atomic_store(&thread->alive, false);
    pthread_mutex_unlock(&table_lock);
}

static void in_child(void)
{
    /* The other threads are gone; this one begins anew too, since its lanes led to the parent's peers. */
    pthread_mutex_init(&table_lock, NULL);
    for (unsigned b = 0; b < TPY_THREADS_MAX / BLOCK; b++) {
        struct tpy_thread *block = atomic_load(&blocks[b]);
        for (unsigned i = 0; block && i < BLOCK; i++) {
            block[i].lanes = NULL;
            block[i].lane_capacity = 0;
            atomic_store(&block[i].cancelled, 0);
            block[i].on_sleep = NULL;
            if (&block[i] != tpy_thread_current) atomic_store(&block[i].alive, false);
        }
    }
}

static void begin(void)
{
    pthread_key_create(&exit_key, end);
    tpy_at_fork_child(in_child);
}

static struct tpy_thread *find_free(void)
{
    for (uint32_t step = 0; step < TPY_THREADS_MAX; step++) {
        uint32_t index = (next_number + step) % TPY_THREADS_MAX;
        struct tpy_thread *block = atomic_load(&blocks[index / BLOCK]);
        if (!block) {
            block = aligned_alloc(_Alignof(struct tpy_thread), BLOCK * sizeof *block);
            if (!block) return NULL;
            memset(block, 0, BLOCK * sizeof *block);
            atomic_store(&blocks[index / BLOCK], block);
        }
        struct tpy_thread *thread = &block[index % BLOCK];
        if (atomic_load(&thread->alive)) continue;
        next_number = index + 1;
        thread->number = index + 1;
        return thread;
    }
    return NULL;
}

struct tpy_thread *tpy_thread_begin(void)
{
    TPY_KEEPS_ERRNO;
    pthread_once(&once, begin);
    pthread_mutex_lock(&table_lock);
    struct tpy_thread *thread = find_free();
    if (thread) {
        atomic_store(&thread->cancelled, 0);
        thread->priority_set = -1;
        thread->on_sleep = NULL;
        atomic_store(&thread->asleep, 0); /* whatever its last user was in the middle of when it ended */
        tpy_inspect_own->thread[thread->number].state = TPY_READY;
        atomic_store(&thread->untidy, false);
        memset(&thread->receive_spin, 0, sizeof thread->receive_spin);
        atomic_store(&thread->alive, true);
    }
    pthread_mutex_unlock(&table_lock);
    if (!thread) return NULL;
    pthread_setspecific(exit_key, thread);
    tpy_thread_current = thread;
    tpy_thread_refresh(thread);
    return thread;
}

struct tpy_thread *tpy_thread_self(void) { return tpy_thread_get(); }
uint32_t tpy_thread_number(const struct tpy_thread *thread) { return thread->number; }

struct tpy_thread *tpy_thread_by_number(uint32_t number)
{
    if (number == 0 || number > TPY_THREADS_MAX) return NULL;
    struct tpy_thread *block = atomic_load(&blocks[(number - 1) / BLOCK]);
    if (!block || !atomic_load(&block[(number - 1) % BLOCK].alive)) return NULL;
    return &block[(number - 1) % BLOCK];
}

uint8_t tpy_thread_priority(struct tpy_thread *thread)
{
    return tpy_thread_ranks(thread);
}

void tpy_thread_set_priority(struct tpy_thread *thread, int priority)
{
    thread->priority_set = (int16_t)(priority < 0 ? -1 : priority > 255 ? 255 : priority);
}

void tpy_thread_refresh(struct tpy_thread *thread)
{
    /* Asked of the kernel: the C library's own record misses sched_setscheduler. */
    struct sched_param parameters;
    int policy = sched_getscheduler(0);
    thread->priority_policy = OTHER_PRIORITY;
    if ((policy == SCHED_FIFO || policy == SCHED_RR) && sched_getparam(0, &parameters) == 0)
        thread->priority_policy = (uint8_t)parameters.sched_priority;
}

void tpy_thread_cancel(struct tpy_thread *thread)
{
    atomic_store(&thread->cancelled, 1);
    tpy_thread_notify(thread);
}

int tpy_thread_uncancel(struct tpy_thread *thread) { return atomic_exchange(&thread->cancelled, 0) != 0; }

void tpy_thread_set_on_sleep(struct tpy_thread *thread, void (*hook)(int)) { thread->on_sleep = hook; }

void tpy_thread_at_exit(void (*handler)(struct tpy_thread *))
{
    for (int i = 0; i < EXIT_HANDLERS; i++) {
        void (*none)(struct tpy_thread *) = NULL;
        if (atomic_load(&exit_handlers[i]) == handler || atomic_compare_exchange_strong(&exit_handlers[i], &none, handler)) return;
    }
}

void tpy_thread_on_lanes(void (*drop)(struct tpy_thread *)) { drop_lanes = drop; }
