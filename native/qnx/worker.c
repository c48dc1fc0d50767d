/* worker: see worker.h. */
#include "qnx/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sys/neutrino.h>

#include "qnx/pulse.h"

#define QUEUE 1024u
#define TOKEN_QUEUE UINT64_MAX
#define STACK (256u * 1024u)

struct queued {
    int coid, priority, code;
    uint64_t value;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct queued queue[QUEUE];
static unsigned first, count;
static int poller = -1, bell = -1;

static void send_queued(void)
{
    uint64_t rings;
    if (read(bell, &rings, sizeof rings) < 0 && errno != EAGAIN) return;
    for (;;) {
        pthread_mutex_lock(&lock);
        bool some = count > 0;
        struct queued next = queue[first];
        if (some) {
            first = (first + 1) % QUEUE;
            count--;
        }
        pthread_mutex_unlock(&lock);
        if (!some) return;
        tpy_qnx_pulse_send(next.coid, next.priority, next.code, next.value);
    }
}

static void *work(void *nothing)
{
    (void)nothing;
    pthread_setname_np(pthread_self(), "tetrapylon-qnx");
    for (;;) {
        struct epoll_event events[16];
        int ready = epoll_wait(poller, events, 16, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u64 == TOKEN_QUEUE) send_queued();
            else tpy_qnx_timer_expired(events[i].data.u64);
        }
    }
    return NULL;
}

/* With the lock. */
static int start(void)
{
    if (poller >= 0) return 0;
    int new_poller = epoll_create1(EPOLL_CLOEXEC), new_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TOKEN_QUEUE};
    int result = new_poller < 0 || new_bell < 0 || epoll_ctl(new_poller, EPOLL_CTL_ADD, new_bell, &event) != 0
        ? -EAGAIN : 0;
    if (result == 0) {
        pthread_attr_t attributes;
        pthread_t thread;
        sigset_t all, before;
        poller = new_poller;
        bell = new_bell;
        sigfillset(&all);
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if ((pthread_create)(&thread, &attributes, work, NULL) != 0) result = -EAGAIN;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
    }
    if (result != 0) {
        if (new_poller >= 0) close(new_poller);
        if (new_bell >= 0) close(new_bell);
        poller = bell = -1;
    }
    return result;
}

int tpy_qnx_worker_pulse(int coid, int priority, int code, uint64_t value)
{
    pthread_mutex_lock(&lock);
    int result = start();
    if (result == 0 && count == QUEUE) result = -EAGAIN;
    if (result == 0) {
        queue[(first + count) % QUEUE] = (struct queued){coid, priority, code, value};
        count++;
        uint64_t ring = 1;
        if (write(bell, &ring, sizeof ring) < 0) result = 0; /* it is full, so it rings */
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int tpy_qnx_worker_watch(int fd, uint64_t token)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
    pthread_mutex_lock(&lock);
    int result = start();
    if (result == 0 && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) result = -errno;
    pthread_mutex_unlock(&lock);
    return result;
}

void tpy_qnx_worker_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    if (poller >= 0) close(poller);
    if (bell >= 0) close(bell);
    poller = bell = -1;
    first = count = 0;
    tpy_qnx_timers_forget();
}
