/* pages: see pages.h. A helper that a pager stops stays stopped until the pager relents; the next job gets another one. */
#define _GNU_SOURCE
#include "core/pages.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/fault.h"
#include "core/fork.h"
#include "core/thread_record.h"

#define HELPERS_MAX 64
#define PAGE 4096u
#define LOOK 1024u /* pages asked about at once */

struct tpy_pages_job { /* freed by the last of its two users */
    struct tpy_pages_job *next;
    pid_t pid;                 /* whose pages: 0 our own */
    const char *at;
    size_t length;
    struct tpy_thread *thread; /* who waits */
    _Atomic int result;        /* 1: not yet */
    _Atomic int users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct tpy_pages_job *jobs;
static unsigned helpers, idle;
/* What this thread waited for last, and in vain: who waits on for the same must not take another helper each time. */
static __thread struct tpy_pages_job *left;

static void put(struct tpy_pages_job *job)
{
    if (atomic_fetch_sub(&job->users, 1) == 1) free(job);
}

static void forget(struct tpy_thread *thread)
{
    (void)thread;
    if (left) put(left);
    left = NULL;
}

/* The first page of the range that is not there: its offset, or length. -1: no memory. */
static ssize_t missing(const char *at, size_t length)
{
    unsigned char there[LOOK];
    const char *from = (const char *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1));
    const char *end = at + length;
    while (from < end) {
        size_t size = (size_t)(end - from) < LOOK * PAGE ? (size_t)(end - from) : LOOK * PAGE;
        if (mincore((void *)from, size, there) != 0) return -1;
        for (size_t i = 0; i * PAGE < size; i++)
            if (!(there[i] & 1)) return from + i * PAGE <= at ? 0 : from + i * PAGE - at;
        from += size;
    }
    return (ssize_t)length;
}

static int bring(const char *at, size_t length)
{
    char byte;
    for (size_t offset = 0; offset < length;) {
        if (tpy_copy(&byte, at + offset, 1) != 0) return -EFAULT;
        offset += PAGE - (((uintptr_t)at + offset) & (PAGE - 1));
    }
    return 0;
}

static int bring_theirs(pid_t pid, const char *at, size_t length)
{
    char byte;
    struct iovec here = {&byte, 1}, there;
    for (size_t offset = 0; offset < length; offset += PAGE - (((uintptr_t)at + offset) & (PAGE - 1))) {
        there = (struct iovec){(void *)(uintptr_t)(at + offset), 1};
        ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
        if (got != 1) return got < 0 ? -errno : -EFAULT;
    }
    return 0;
}

static void *helper(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!jobs) {
            idle++;
            pthread_cond_wait(&work, &lock);
            idle--;
        }
        struct tpy_pages_job *job = jobs;
        jobs = job->next;
        pthread_mutex_unlock(&lock);
        atomic_store(&job->result, job->pid ? bring_theirs(job->pid, job->at, job->length) : bring(job->at, job->length));
        tpy_thread_notify(job->thread);
        put(job);
        pthread_mutex_lock(&lock);
    }
    return NULL;
}

static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&work, NULL);
    jobs = NULL;
    helpers = idle = 0;
    left = NULL; /* its helper is not here */
}

static void begin(void)
{
    tpy_at_fork_child(in_child);
    tpy_thread_at_exit(forget);
}

/* With the lock. */
static int start_helper(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin);
    if (helpers >= HELPERS_MAX) return -EAGAIN;
    sigset_t most, before;
    sigfillset(&most);
    sigdelset(&most, SIGSEGV); /* a fault in its copy must reach the handler */
    sigdelset(&most, SIGBUS);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &most, &before);
    int result = pthread_create(&thread, NULL, helper, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) return -result;
    pthread_detach(thread);
    pthread_setname_np(thread, "tetrapylon page");
    helpers++;
    return 0;
}

/* Hands the touching of these pages to a helper. 0 or -errno. */
static int begin_job(struct tpy_thread *thread, pid_t pid, const char *at, size_t length, struct tpy_pages_job **begun)
{
    struct tpy_pages_job *job = malloc(sizeof *job);
    if (!job) return -ENOMEM;
    *begun = job;
    *job = (struct tpy_pages_job){.pid = pid, .at = at, .length = length, .thread = thread};
    atomic_init(&job->result, 1);
    atomic_init(&job->users, 2);
    pthread_mutex_lock(&lock);
    unsigned waiting = 0;
    for (struct tpy_pages_job *other = jobs; other; other = other->next) waiting++;
    int result = idle > waiting ? 0 : start_helper();
    if (result == 0) {
        job->next = jobs;
        jobs = job;
        pthread_cond_signal(&work);
    }
    pthread_mutex_unlock(&lock);
    if (result != 0) free(job);
    return result;
}

static int await_part(struct tpy_thread *thread, const char *at, size_t length, int64_t deadline)
{
    struct tpy_pages_job *job = left;
    int result;
    left = NULL;
    if (!job || job->at != at || job->length != length || atomic_load(&job->result) != 1) {
        if (job) put(job);
        if ((result = begin_job(thread, 0, at, length, &job)) != 0) return result;
    }
    for (;;) {
        uint32_t events = tpy_thread_events(thread);
        if ((result = atomic_load(&job->result)) <= 0) break;
        if (tpy_thread_cancelled(thread)) {
            result = -ECANCELED;
            break;
        }
        int waited = tpy_thread_sleep_told(thread, events, deadline);
        if (waited == -ETIMEDOUT && (result = atomic_load(&job->result)) > 0) {
            left = job;
            return -ETIMEDOUT;
        }
    }
    put(job);
    return result;
}

int tpy_pages_look(const struct iovec *parts, size_t count)
{
    int worst = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].iov_len == 0) continue;
        ssize_t first = missing(parts[i].iov_base, parts[i].iov_len);
        if (first < 0) return 2;
        if ((size_t)first < parts[i].iov_len) worst = 1;
    }
    return worst;
}

int tpy_pages_await(const struct iovec *parts, size_t count, int64_t deadline)
{
    struct tpy_thread *thread = tpy_thread_get();
    if (!thread) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *at = parts[i].iov_base;
        size_t length = parts[i].iov_len;
        ssize_t first = length ? missing(at, length) : 0;
        if (first < 0) return -EFAULT;
        if ((size_t)first == length) continue;
        if (deadline <= 0) return -ETIMEDOUT;
        int result = await_part(thread, at + first, length - (size_t)first, deadline);
        if (result != 0) return result;
    }
    return 0;
}

int tpy_pages_ask(pid_t pid, uint64_t at, size_t length, struct tpy_pages_job **job)
{
    struct tpy_thread *thread = tpy_thread_get();
    return thread ? begin_job(thread, pid, (const char *)(uintptr_t)at, length, job) : -ENOMEM;
}

int tpy_pages_asked(const struct tpy_pages_job *job) { return atomic_load(&job->result); }

void tpy_pages_forget(struct tpy_pages_job *job)
{
    if (job) put(job);
}
