/* connection_table: see connection_table.h. ConnectAttach, ConnectDetach, ConnectFlags, ConnectServerInfo. */
#include "qnx/connection_table.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/fault.h"
#include "qnx/channel.h"
#include "qnx/local.h"
#include "qnx/result.h"

#define FIRST_PLAIN 3u /* 0 to 2 are the standard streams */

struct tpy_qnx_connection tpy_qnx_connections[2][TPY_QNX_CONNECTIONS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned lowest[2] = {FIRST_PLAIN, 0}; /* nothing below is free */
static unsigned highest[2];                   /* nothing from here on was ever taken */
static uint64_t cookie;                       /* tells this process from others to its servers */

static int number(unsigned side, unsigned index) { return (int)(side ? _NTO_SIDE_CHANNEL + index : index); }

/* Takes the lowest free entry from `from` on. With the lock. Its index, or -1. */
static int take(unsigned side, unsigned from)
{
    unsigned index = from > lowest[side] ? from : lowest[side];
    bool all = index == lowest[side];
    while (index < TPY_QNX_CONNECTIONS_MAX && tpy_qnx_connections[side][index].taken) index++;
    if (index >= TPY_QNX_CONNECTIONS_MAX) return -1;
    if (all) lowest[side] = index + 1;
    if (index >= highest[side]) highest[side] = index + 1;
    struct tpy_qnx_connection *entry = &tpy_qnx_connections[side][index];
    entry->taken = true;
    entry->generation++;
    return (int)index;
}

static void release(unsigned side, unsigned index)
{
    struct tpy_qnx_connection *entry = &tpy_qnx_connections[side][index];
    entry->taken = false;
    entry->client = NULL;
    if (index < lowest[side]) lowest[side] = index;
}

static uint64_t own_cookie(void)
{
    if (cookie == 0 && (getrandom(&cookie, sizeof cookie, 0) != sizeof cookie || cookie == 0))
        cookie = (uint64_t)tpy_now();
    return cookie;
}

/* A number that survives the entry being used for another connection meanwhile. */
static void *ticket(int coid, uint32_t generation)
{
    return (void *)(uintptr_t)((uint64_t)generation << 32 | (uint32_t)coid);
}

/* On the watcher: the server of a connection died, or destroyed the channel. */
static void gone(void *argument)
{
    int coid = (int)(uint32_t)(uintptr_t)argument;
    uint32_t generation = (uint32_t)((uint64_t)(uintptr_t)argument >> 32);
    struct tpy_qnx_connection *entry = tpy_qnx_connection_entry(coid);
    pthread_mutex_lock(&lock);
    bool ours = entry->taken && entry->generation == generation && !(entry->flags & _NTO_COF_DEAD);
    if (ours) entry->flags |= _NTO_COF_DEAD;
    pthread_mutex_unlock(&lock);
    if (ours) tpy_qnx_channel_coid_died(coid);
}

/* As kill() would decide: the peer is root's or another user's, and we are not root. */
static bool may_signal(const struct tpy_identity *peer)
{
    if (peer->uid == geteuid() || peer->uid == getuid() || peer->pid == getpid()) return true;
    return peer->pidfd < 0 ? geteuid() == 0 : syscall(SYS_pidfd_send_signal, peer->pidfd, 0, NULL, 0) == 0;
}

static int open_error(int error)
{
    switch (error) {
    case -ETIMEDOUT: return -ENXIO; /* it is there, but answers nobody */
    case -EPROTO:                      /* it does not speak as it should */
    case -EPIPE:
    case -ECONNRESET: return -ENXIO; /* it ended while we were at it */
    default: return error;
    }
}

int ConnectAttach_r(uint32_t nd, pid_t pid, int chid, unsigned index, int flags)
{
    TPY_KEEPS_ERRNO;
    TPY_QNX_SHIELDED;
    unsigned side = index & _NTO_SIDE_CHANNEL ? 1 : 0;
    if (nd != ND_LOCAL_NODE) return -ENOREMOTE;
    if (flags & ~_NTO_COF_MASK) return -EINVAL;
    if (!side && index >= TPY_QNX_CONNECTIONS_MAX) return -EINVAL;
    if (pid < 0 || chid <= 0) return -ESRCH;
    if (pid == 0) pid = getpid();
    tpy_qnx_begin();

    pthread_mutex_lock(&lock);
    int place = take(side, side ? 0 : index);
    uint64_t ours = own_cookie();
    pthread_mutex_unlock(&lock);
    if (place < 0) return -EMFILE;

    int coid = number(side, (unsigned)place);
    struct tpy_qnx_connection *entry = &tpy_qnx_connections[side][place];
    struct tpy_connection *handle = NULL;
    int result = tpy_connection_open(pid, (uint32_t)chid, TPY_QNX_TAG, ours, &handle);
    if (result != 0) {
        pthread_mutex_lock(&lock);
        release(side, (unsigned)place);
        pthread_mutex_unlock(&lock);
        return open_error(result);
    }
    struct tpy_identity peer = tpy_connection_peer(handle);
    pthread_mutex_lock(&lock);
    entry->pid = pid;
    entry->chid = chid;
    entry->scoid = (int)tpy_connection_reply(handle);
    entry->flags = (uint32_t)flags & ~(uint32_t)_NTO_COF_DEAD;
    entry->own = pid == getpid();
    entry->may_signal = may_signal(&peer);
    uint32_t generation = entry->generation;
    atomic_store_explicit(&entry->handle, handle, memory_order_release);
    pthread_mutex_unlock(&lock);
    tpy_connection_on_gone(handle, gone, ticket(coid, generation));
    if (tpy_connection_alive(handle) != 0) gone(ticket(coid, generation));
    return coid;
}

int ConnectAttach(uint32_t nd, pid_t pid, int chid, unsigned index, int flags)
{
    return (int)tpy_qnx_result(ConnectAttach_r(nd, pid, chid, index, flags));
}

int ConnectDetach_r(int coid)
{
    TPY_KEEPS_ERRNO;
    TPY_QNX_SHIELDED;
    struct tpy_qnx_connection *entry = tpy_qnx_connection_entry(coid);
    if (!entry) return -EINVAL;
    pthread_mutex_lock(&lock);
    struct tpy_connection *handle = atomic_exchange(&entry->handle, NULL);
    bool client = entry->client != NULL;
    if (handle) release((unsigned)coid >> 30, (unsigned)coid & (_NTO_SIDE_CHANNEL - 1));
    pthread_mutex_unlock(&lock);
    if (handle) {
        tpy_connection_close(handle);
        return 0;
    }
    return client ? tpy_qnx_client_end(coid) : -EINVAL;
}

int ConnectDetach(int coid) { return (int)tpy_qnx_result(ConnectDetach_r(coid)); }

int tpy_qnx_connection_look(int coid, struct tpy_qnx_connection *copy)
{
    struct tpy_qnx_connection *entry = tpy_qnx_connection_entry(coid);
    if (!entry) return -EBADF;
    pthread_mutex_lock(&lock);
    struct tpy_connection *handle = atomic_load(&entry->handle);
    if (handle) *copy = *entry;
    pthread_mutex_unlock(&lock);
    return handle ? 0 : -EBADF;
}

int ConnectFlags_r(pid_t pid, int coid, uint32_t mask, uint32_t bits)
{
    struct tpy_qnx_connection *entry = tpy_qnx_connection_entry(coid);
    if (!entry || (pid != 0 && pid != getpid())) return -EINVAL;
    int result = -EINVAL;
    mask &= _NTO_COF_MASK & ~(uint32_t)_NTO_COF_DEAD; /* programs write ~0 for all */
    pthread_mutex_lock(&lock);
    if (atomic_load(&entry->handle)) {
        result = (int)entry->flags;
        entry->flags = (entry->flags & ~mask) | (bits & mask);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ConnectFlags(pid_t pid, int coid, uint32_t mask, uint32_t bits)
{
    return (int)tpy_qnx_result(ConnectFlags_r(pid, coid, mask, bits));
}

int ConnectServerInfo_r(pid_t pid, int coid, struct _msg_info *info)
{
    if ((pid != 0 && pid != getpid()) || coid < 0) return -EINVAL;
    struct _msg_info told = {0};
    unsigned side = (unsigned)coid >> 30, index = (unsigned)coid & (_NTO_SIDE_CHANNEL - 1);
    int found = -EINVAL;
    pthread_mutex_lock(&lock);
    for (; side < 2 && found < 0; side++, index = 0)
        for (; index < highest[side] && found < 0; index++) {
            const struct tpy_qnx_connection *entry = &tpy_qnx_connections[side][index];
            if (!atomic_load(&entry->handle)) continue;
            found = number(side, index);
            told.pid = entry->pid;
            told.chid = entry->chid;
            told.scoid = entry->scoid;
            told.coid = found;
            told.flags = (int16_t)entry->flags;
        }
    pthread_mutex_unlock(&lock);
    if (found >= 0 && tpy_copy(info, &told, sizeof told)) return -EFAULT;
    return found;
}

int ConnectServerInfo(pid_t pid, int coid, struct _msg_info *info)
{
    return (int)tpy_qnx_result(ConnectServerInfo_r(pid, coid, info));
}

int tpy_qnx_side_take(struct tpy_qnx_client *client)
{
    pthread_mutex_lock(&lock);
    int index = take(1, 0);
    if (index >= 0) tpy_qnx_connections[1][index].client = client;
    pthread_mutex_unlock(&lock);
    return index < 0 ? -EAGAIN : number(1, (unsigned)index);
}

void tpy_qnx_side_release(int scoid)
{
    pthread_mutex_lock(&lock);
    release(1, (unsigned)scoid & (_NTO_SIDE_CHANNEL - 1));
    pthread_mutex_unlock(&lock);
}

struct tpy_qnx_client *tpy_qnx_side_client(int scoid)
{
    if (scoid < 0 || (unsigned)scoid >> 30 != 1) return NULL;
    struct tpy_qnx_connection *entry = tpy_qnx_connection_entry(scoid);
    if (!entry) return NULL;
    pthread_mutex_lock(&lock);
    struct tpy_qnx_client *client = entry->client;
    pthread_mutex_unlock(&lock);
    return client;
}

void tpy_qnx_connections_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned index = 0; index < highest[side]; index++) {
            struct tpy_qnx_connection *entry = &tpy_qnx_connections[side][index];
            uint32_t generation = entry->generation;
            memset(entry, 0, sizeof *entry);
            entry->generation = generation;
        }
        lowest[side] = side ? 0 : FIRST_PLAIN;
    }
    cookie = 0;
}
