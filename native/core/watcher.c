/* watcher: see watcher.h. It never touches a caller's memory, never waits for a peer, and takes locks only for moments. */
#define _GNU_SOURCE
#include "core/watcher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/thread.h"

struct tpy_watcher_hooks tpy_watcher_server_hooks, tpy_watcher_client_hooks;

static int poll_fd = -1, wake_fd = -1;
/* A link whose socket is watched, but not yet its process, may end at once: what is added after its burial would name it for ever. */
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_link *(*welcome)(void);
static void (*forget)(struct tpy_link *);
/* The time and the function are one: who looks at one of them and then changes the other would undo what another thread asked for in between. */
static pthread_mutex_t later_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int64_t at;
    void (*run)(void);
} later[TPY_LATER_SLOTS];

/* epoll's data: a link with the lowest bit telling whether its pidfd spoke, or one of these. */
static char listen_mark, wake_mark;

static int watch(int fd, void *mark)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
    return epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int tpy_watcher_listen(int fd) { return watch(fd, &listen_mark); }

int tpy_watcher_add(struct tpy_link *link)
{
    pthread_mutex_lock(&adding);
    int result = watch(link->fd, link);
    /* Half watched, it may be in the watcher's hands already: let it end there, as any other. */
    if (result == 0 && watch(link->pidfd, (void *)((uintptr_t)link | 1)) != 0) {
        atomic_store(&link->dropped, true);
        shutdown(link->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&adding);
    return result;
}

void tpy_watcher_bury(struct tpy_link *link)
{
    if (atomic_exchange(&link->dead, true)) return;
    pthread_mutex_lock(&adding);
    epoll_ctl(poll_fd, EPOLL_CTL_DEL, link->fd, NULL);
    epoll_ctl(poll_fd, EPOLL_CTL_DEL, link->pidfd, NULL);
    pthread_mutex_unlock(&adding);
    shutdown(link->fd, SHUT_RDWR);
    (link->serving ? tpy_watcher_server_hooks : tpy_watcher_client_hooks).died(link);
    tpy_link_ended(link);
    forget(link);
}

static void hear(struct tpy_link *link)
{
    int fds[TPY_SAY_FDS_MAX];
    struct tpy_say say;
    unsigned count;
    for (int turn = 0; turn < 64 && !atomic_load(&link->dead); turn++) { /* bounded: nobody talks the others down */
        int result = tpy_link_hear(link, &say, fds, &count);
        if (result == 0) return;
        if (result < 0) {
            tpy_watcher_bury(link);
            return;
        }
        if (!link->serving && say.type == TPY_SAY_REPLY) tpy_link_replied(link, &say, fds, count);
        else (link->serving ? tpy_watcher_server_hooks : tpy_watcher_client_hooks).say(link, &say, fds, count);
    }
}

static int time_left(void)
{
    int64_t first = TPY_NEVER;
    pthread_mutex_lock(&later_lock);
    for (int i = 0; i < TPY_LATER_SLOTS; i++)
        if (later[i].run && later[i].at < first) first = later[i].at;
    pthread_mutex_unlock(&later_lock);
    if (first == TPY_NEVER) return -1;
    int64_t left = first - tpy_now();
    return left <= 0 ? 0 : left > 1000000000 ? 1000 : (int)((left + 999999) / 1000000);
}

/* Takes out what is due in a slot. */
static void (*take_due(int slot))(void)
{
    pthread_mutex_lock(&later_lock);
    void (*run)(void) = later[slot].run;
    if (run && later[slot].at > tpy_now()) run = NULL;
    if (run) later[slot].run = NULL;
    pthread_mutex_unlock(&later_lock);
    return run;
}

static void *watcher(void *unused)
{
    (void)unused;
    for (;;) {
        struct epoll_event events[32];
        struct tpy_link *buried[33]; /* kept until the batch is over: it may name them again */
        unsigned graves = 0;
        int count = epoll_wait(poll_fd, events, 32, time_left());
        for (int i = 0; i < count; i++) {
            void *mark = events[i].data.ptr;
            uint64_t woken;
            if (mark == &wake_mark) {
                if (read(wake_fd, &woken, sizeof woken) < 0) continue;
            } else if (mark == &listen_mark) {
                struct tpy_link *victim = welcome();
                if (victim) buried[graves++] = victim;
            } else {
                struct tpy_link *link = (struct tpy_link *)((uintptr_t)mark & ~(uintptr_t)1);
                if (atomic_load(&link->dead)) continue;
                if ((uintptr_t)mark & 1) hear(link), tpy_watcher_bury(link); /* its last words first */
                else hear(link);
                if (!atomic_load(&link->dead)) continue;
                buried[graves++] = link;
            }
        }
        for (int i = 0; i < TPY_LATER_SLOTS; i++) {
            void (*run)(void) = take_due(i);
            if (run) run();
        }
        while (graves > 0) tpy_link_release(buried[--graves]);
    }
    return NULL;
}

static void in_child(void)
{
    pthread_mutex_init(&adding, NULL);
    pthread_mutex_init(&later_lock, NULL);
    if (poll_fd >= 0) close(poll_fd);
    if (wake_fd >= 0) close(wake_fd);
    poll_fd = wake_fd = -1;
    for (int i = 0; i < TPY_LATER_SLOTS; i++) later[i].run = NULL;
}

/* Requests are made before it is started, too. */
__attribute__((constructor)) static void begin(void) { tpy_at_fork_child(in_child); }

int tpy_watcher_start(struct tpy_link *(*on_call)(void), void (*on_end)(struct tpy_link *))
{
    welcome = on_call;
    forget = on_end;
    if (poll_fd < 0 && (poll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) return -errno;
    if (wake_fd < 0) {
        if ((wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) return -errno;
        watch(wake_fd, &wake_mark);
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&thread, NULL, watcher, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) return -result;
    pthread_setname_np(thread, "tetrapylon");
    pthread_detach(thread);
    return 0;
}

void tpy_watcher_later(enum tpy_later slot, int64_t at, void (*run)(void))
{
    uint64_t one = 1;
    pthread_mutex_lock(&later_lock);
    if (!later[slot].run || at < later[slot].at) later[slot].at = at;
    later[slot].run = run;
    pthread_mutex_unlock(&later_lock);
    if (wake_fd >= 0 && write(wake_fd, &one, sizeof one) < 0) return;
}
