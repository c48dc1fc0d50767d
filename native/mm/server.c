/*
 * server: owns a name and the socket that listens to it. Threads wait for connections in the kernel's accept, nowhere
 * else; what is kept here is who is in there, so that destroying a server gets them out before its memory goes.
 *
 * After a fork two processes have one listening socket. Shutting it down, which wakes all who wait, would then end the
 * other process's service too. So whoever destroys a server that was inherited wakes his own threads by tokens
 * (token.h): a thread that accepts one throws it away and looks whether the server is still there.
 *
 * One lock for all servers; it is held for a few instructions, never over a call that blocks.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mm/address.h"
#include "mm/bell.h"
#include "mm/token.h"
#include "mmsysio.h"
#include "tetrapylon_mm.h"

struct mm_ipc_srv {
    int listener;
    unsigned accepting; /* threads in accept */
    bool destroyed;
    bool inherited; /* there was a fork: another process may have the listener, too */
    struct mm_ipc_srv *next, **link;
    struct sockaddr_un address;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER; /* the last thread has left a destroyed server */
static struct mm_ipc_srv *servers;

static void before_fork(void) { pthread_mutex_lock(&lock); }

static void after_fork_in_parent(void)
{
    for (struct mm_ipc_srv *srv = servers; srv != NULL; srv = srv->next)
        srv->inherited = true;
    pthread_mutex_unlock(&lock);
}

/* None of the threads that were in accept exists here. */
static void after_fork_in_child(void)
{
    for (struct mm_ipc_srv *srv = servers; srv != NULL; srv = srv->next) {
        srv->inherited = true;
        srv->accepting = 0;
    }
    left = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pthread_mutex_unlock(&lock);
}

static int fork_watched;
static void watch_fork(void) { fork_watched = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); }

static void enlist(struct mm_ipc_srv *srv)
{
    pthread_mutex_lock(&lock);
    srv->next = servers;
    srv->link = &servers;
    if (servers != NULL)
        servers->link = &srv->next;
    servers = srv;
    pthread_mutex_unlock(&lock);
}

static int listen_to(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int error = -errno;
    if (fd >= 0)
        close(fd);
    return error;
}

TPY_PUBLIC int tpy_mm_srv_create(const char *addr, struct mm_ipc_srv **result)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sockaddr_un address;
    int error = tpy_mm_address(addr, &address);

    if (error)
        return error;
    pthread_once(&once, watch_fork);
    if (fork_watched != 0)
        return -fork_watched;
    struct mm_ipc_srv *srv = malloc(sizeof *srv);
    if (srv == NULL)
        return -ENOMEM;
    *srv = (struct mm_ipc_srv){.listener = listen_to(&address), .address = address};
    if (srv->listener < 0) {
        error = srv->listener;
        free(srv);
        return error;
    }
    enlist(srv);
    tpy_mm_bell_ring(addr);
    *result = srv;
    return 0;
}

/* False: the server is gone. */
static bool enter(struct mm_ipc_srv *srv)
{
    pthread_mutex_lock(&lock);
    bool there = !srv->destroyed;
    if (there)
        srv->accepting++;
    pthread_mutex_unlock(&lock);
    return there;
}

static void leave(void *argument)
{
    struct mm_ipc_srv *srv = argument;

    pthread_mutex_lock(&lock);
    if (srv->accepting > 0 && --srv->accepting == 0 && srv->destroyed)
        pthread_cond_broadcast(&left);
    pthread_mutex_unlock(&lock);
}

static void look_at(struct mm_ipc_srv *srv, bool *inherited, bool *destroyed)
{
    pthread_mutex_lock(&lock);
    *inherited = srv->inherited;
    *destroyed = srv->destroyed;
    pthread_mutex_unlock(&lock);
}

/* A connection, or -errno. What is left in *token is to be closed. */
static int accept_connection(struct mm_ipc_srv *srv, int *token)
{
    for (;;) {
        bool inherited, destroyed;
        int connection = accept4(srv->listener, NULL, NULL, SOCK_CLOEXEC);
        int error = -errno;

        look_at(srv, &inherited, &destroyed);
        if (connection < 0)
            return destroyed ? -EBADF : error;
        if (!inherited || !tpy_mm_is_token(connection))
            return connection;
        if (destroyed) {
            *token = connection;
            return -EBADF;
        }
        close(connection); /* it was meant for the other process */
    }
}

static int accept_and_leave(struct mm_ipc_srv *srv, int *token)
{
    int result;

    pthread_cleanup_push(leave, srv); /* the thread may be cancelled in accept */
    result = accept_connection(srv, token);
    pthread_cleanup_pop(1);
    return result;
}

TPY_PUBLIC int tpy_mm_srv_accept(struct mm_ipc_srv *srv)
{
    int token = -1;

    if (srv == NULL)
        return -EINVAL;
    if (!enter(srv))
        return -EBADF;
    int result = accept_and_leave(srv, &token);
    /* The end of the token tells the destroyer to look: so only after leaving. */
    if (token >= 0)
        close(token);
    return result;
}

TPY_PUBLIC int tpy_mm_srv_fd(const struct mm_ipc_srv *srv) { return srv == NULL ? -EINVAL : srv->listener; }

static bool is_anybody_in(const struct mm_ipc_srv *srv)
{
    pthread_mutex_lock(&lock);
    bool anybody = srv->accepting > 0;
    pthread_mutex_unlock(&lock);
    return anybody;
}

/* Gets this process's threads out of accept and leaves the other process's in it. */
static void wake_own_threads(const struct mm_ipc_srv *srv)
{
    while (is_anybody_in(srv)) {
        if (!tpy_mm_send_token(&srv->address)) /* out of descriptors: others may free some */
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static void wake_all_threads(struct mm_ipc_srv *srv)
{
    shutdown(srv->listener, SHUT_RDWR);
    pthread_mutex_lock(&lock);
    while (srv->accepting > 0)
        pthread_cond_wait(&left, &lock);
    pthread_mutex_unlock(&lock);
}

TPY_PUBLIC void mm_ipc_srv_destroy(struct mm_ipc_srv *srv)
{
    int error = errno, cancel_state;

    if (srv == NULL)
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_mutex_lock(&lock);
    *srv->link = srv->next;
    if (srv->next != NULL)
        srv->next->link = srv->link;
    srv->destroyed = true;
    bool inherited = srv->inherited;
    pthread_mutex_unlock(&lock);
    if (inherited)
        wake_own_threads(srv);
    else
        wake_all_threads(srv);
    close(srv->listener);
    free(srv);
    pthread_setcancelstate(cancel_state, NULL);
    errno = error;
}
