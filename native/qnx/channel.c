/* channel: see channel.h. ChannelCreate, ChannelDestroy, and who is connected. */
#include "qnx/channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/neutrino.h>

#include "core/exchange.h"
#include "qnx/connection_table.h"
#include "qnx/local.h"
#include "qnx/result.h"

#define REFUSED_FLAGS (_NTO_CHF_ASYNC | _NTO_CHF_ASYNC_NONBLOCK | _NTO_CHF_GLOBAL)
#define KNOWN_FLAGS 0x7fff
#define GRACE 1000000000L
#define CHANNELS_RESTING 16u
#define CLIENTS_RESTING 256u

struct tpy_qnx_channel *_Atomic tpy_qnx_channel_table[TPY_QNX_CHANNELS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_qnx_channel *death_channel, *coid_channel; /* the one with THREAD_DEATH, with COID_DISCONNECT */
/* Free records, oldest first. */
static struct tpy_qnx_channel *free_channels, **last_channel = &free_channels;
static struct tpy_qnx_client *free_clients, **last_client = &free_clients;
static unsigned free_channel_count, free_client_count;

/* A channel record nobody refers to any more. With the lock. */
static void release_channel(struct tpy_qnx_channel *channel)
{
    if (--channel->users > 0) return;
    channel->next_free = NULL;
    *last_channel = channel;
    last_channel = &channel->next_free;
    free_channel_count++;
}

/* Takes a client record out of use. With the lock. */
static void release_client(struct tpy_qnx_client *client)
{
    struct tpy_qnx_channel *channel = client->channel;
    for (struct tpy_qnx_client **at = &channel->clients; *at; at = &(*at)->next)
        if (*at == client) {
            *at = client->next;
            break;
        }
    tpy_qnx_side_release(client->scoid);
    client->generation++;
    client->next = NULL;
    *last_client = client;
    last_client = &client->next;
    free_client_count++;
    release_channel(channel);
}

/* Some thread may have looked a record up just before its channel was destroyed, so it rests for a while. */
static struct tpy_qnx_channel *new_channel(void)
{
    if (free_channel_count < CHANNELS_RESTING) return calloc(1, sizeof(struct tpy_qnx_channel));
    struct tpy_qnx_channel *channel = free_channels;
    free_channels = channel->next_free;
    free_channel_count--;
    return channel;
}

static struct tpy_qnx_client *new_client(void)
{
    /* Its pulses may still wait in a queue and name the record, so it rests for a while. */
    if (free_client_count < CLIENTS_RESTING) return calloc(1, sizeof(struct tpy_qnx_client));
    struct tpy_qnx_client *client = free_clients;
    free_clients = client->next;
    free_client_count--;
    return client;
}

/* Is this the live record of that process? */
static bool is_of(const struct tpy_qnx_client *client, pid_t pid, uint64_t cookie)
{
    return client->pid == pid && client->cookie == cookie && atomic_load(&client->connections) > 0;
}

static int attach(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t cookie, void **record,
    uint64_t *reply)
{
    struct tpy_qnx_channel *channel = face;
    int admit = atomic_load(&channel->admit), result = 0;
    if (tag != TPY_QNX_TAG) return -EPERM; /* another gate's client: not our protocol */
    if (admit == TPY_ADMIT_PROCESS && who->pid != getpid()) return -EPERM;
    if (admit == TPY_ADMIT_USER && who->uid != geteuid() && who->uid != 0) return -EPERM;

    pthread_mutex_lock(&lock);
    struct tpy_qnx_client *client = channel->open ? channel->clients : NULL;
    while (client && !is_of(client, who->pid, cookie)) client = client->next;
    if (!channel->open) result = -ESRCH;
    else if (client) atomic_fetch_add(&client->connections, 1);
    else if (!(client = new_client())) result = -ENOMEM;
    else {
        client->scoid = tpy_qnx_side_take(client);
        if (client->scoid < 0) {
            result = -EAGAIN;
            client->next = free_clients;
            if (!free_clients) last_client = &client->next;
            free_clients = client;
            free_client_count++;
        } else {
            client->channel = channel;
            client->chid = channel->chid;
            client->pid = who->pid;
            client->uid = who->uid;
            client->gid = who->gid;
            client->cookie = cookie;
            client->generation++;
            client->link = who->link;
            client->died = false;
            atomic_store(&client->connections, 1);
            client->next = channel->clients;
            channel->clients = client;
            channel->users++;
        }
    }
    if (result == 0) {
        *record = client;
        *reply = (uint32_t)client->scoid;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static void detach(void *face, void *record)
{
    struct tpy_qnx_channel *channel = face;
    struct tpy_qnx_client *client = record;
    pthread_mutex_lock(&lock);
    if (atomic_fetch_sub(&client->connections, 1) == 1) {
        client->died = !tpy_client_linked(client->pid, client->link);
        bool told = channel->open && (channel->flags & _NTO_CHF_DISCONNECT) &&
            tpy_qnx_channel_pulse(channel, TPY_QNX_PRIORITY, _PULSE_CODE_DISCONNECT, 0, client->scoid, true) == 0;
        if (!told) release_client(client);
    }
    pthread_mutex_unlock(&lock);
}

/* Nothing calls back for the channel any more. */
static void closed(void *face)
{
    pthread_mutex_lock(&lock);
    release_channel(face);
    pthread_mutex_unlock(&lock);
}

static const struct tpy_port_ops ops = {
    .attach = attach,
    .detach = detach,
    .closed = closed,
    .unblock = tpy_qnx_unblock,
    .lost = tpy_qnx_lost,
    .boost = tpy_qnx_boost,
};

int ChannelCreate_r(unsigned flags)
{
    TPY_KEEPS_ERRNO;
    TPY_QNX_SHIELDED;
    if ((flags & ~KNOWN_FLAGS) || (flags & REFUSED_FLAGS)) return -EINVAL;
    tpy_qnx_begin();
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (!local) return -EAGAIN;

    pthread_mutex_lock(&lock);
    int result = ((flags & _NTO_CHF_THREAD_DEATH) && death_channel) ||
        ((flags & _NTO_CHF_COID_DISCONNECT) && coid_channel) ? -EBUSY : 0;
    struct tpy_qnx_channel *channel = NULL;
    if (result == 0) {
        channel = new_channel();
        if (!channel) result = -ENOMEM;
    }
    if (channel) {
        channel->flags = flags;
        channel->open = true;
        channel->users = 1;
        channel->clients = NULL;
        atomic_store(&channel->admit, flags & _NTO_CHF_PRIVATE ? TPY_ADMIT_PROCESS : TPY_ADMIT_USER);
        atomic_store(&channel->grace, GRACE);
        /* Boosting concerns real-time threads only, and such a process's first thread usually is one. */
        uint32_t boost = local->realtime && !(flags & _NTO_CHF_FIXED_PRIORITY) ? TPY_PORT_BOOST : 0, id = 0;
        result = tpy_port_create(&ops, channel, flags | boost, &channel->port, &id);
        if (result == 0 && id >= TPY_QNX_CHANNELS_MAX) {
            tpy_port_destroy(channel->port);
            result = -EAGAIN;
        }
        if (result != 0) {
            channel->open = false;
            release_channel(channel);
        } else {
            channel->chid = (int)id;
            if (flags & _NTO_CHF_THREAD_DEATH) death_channel = channel;
            if (flags & _NTO_CHF_COID_DISCONNECT) coid_channel = channel;
            atomic_store_explicit(&tpy_qnx_channel_table[id], channel, memory_order_release);
            result = (int)id;
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ChannelCreate(unsigned flags) { return (int)tpy_qnx_result(ChannelCreate_r(flags)); }

int ChannelDestroy_r(int chid)
{
    TPY_KEEPS_ERRNO;
    TPY_QNX_SHIELDED;
    pthread_mutex_lock(&lock);
    struct tpy_qnx_channel *channel = tpy_qnx_channel(chid);
    struct tpy_port *port = NULL;
    if (channel) {
        atomic_store(&tpy_qnx_channel_table[chid], NULL);
        channel->open = false;
        port = channel->port;
        if (death_channel == channel) death_channel = NULL;
        if (coid_channel == channel) coid_channel = NULL;
        /*
         * Clients that have gone wait for the server to end them, which it no longer will. The others' records go
         * with their detach.
         */
        for (struct tpy_qnx_client *client = channel->clients, *next; client; client = next) {
            next = client->next;
            if (atomic_load(&client->connections) == 0) release_client(client);
        }
    }
    pthread_mutex_unlock(&lock);
    return channel ? tpy_port_destroy(port) : -EINVAL;
}

int ChannelDestroy(int chid) { return (int)tpy_qnx_result(ChannelDestroy_r(chid)); }

int tpy_channel_admit(int chid, int whom)
{
    struct tpy_qnx_channel *channel = tpy_qnx_channel(chid);
    if (!channel || whom < TPY_ADMIT_USER || whom > TPY_ADMIT_ALL) return -EINVAL;
    atomic_store(&channel->admit, whom);
    return 0;
}

int tpy_channel_grace(int chid, long nanoseconds)
{
    struct tpy_qnx_channel *channel = tpy_qnx_channel(chid);
    if (!channel || nanoseconds < 0 || nanoseconds > GRACE) return -EINVAL;
    atomic_store(&channel->grace, nanoseconds);
    return 0;
}

int tpy_qnx_channel_pulse(struct tpy_qnx_channel *channel, int priority, int code, uint64_t value, int scoid,
    bool first)
{
    return tpy_port_inject(channel->port, TPY_QNX_PULSE, (uint8_t)priority, (int16_t)code, value, (uint32_t)scoid,
        first);
}

int tpy_qnx_client_end(int scoid)
{
    pthread_mutex_lock(&lock);
    struct tpy_qnx_client *client = tpy_qnx_side_client(scoid);
    bool gone = client && client->scoid == scoid && atomic_load(&client->connections) == 0;
    if (gone) release_client(client);
    pthread_mutex_unlock(&lock);
    return gone ? 0 : -EINVAL;
}

int tpy_qnx_client_look(int scoid, struct tpy_qnx_client *copy)
{
    pthread_mutex_lock(&lock);
    struct tpy_qnx_client *client = tpy_qnx_side_client(scoid);
    bool there = client && client->scoid == scoid;
    if (there) *copy = *client;
    pthread_mutex_unlock(&lock);
    return there ? 0 : -EINVAL;
}

/* value: sign-extended, so that sival_int, sival_long and sival_ptr agree. */
void tpy_qnx_channel_coid_died(int coid)
{
    pthread_mutex_lock(&lock);
    if (coid_channel)
        tpy_qnx_channel_pulse(coid_channel, TPY_QNX_PRIORITY, _PULSE_CODE_COIDDEATH, (uint64_t)coid, -1, false);
    pthread_mutex_unlock(&lock);
}

void tpy_qnx_channel_thread_died(struct tpy_thread *thread)
{
    pthread_mutex_lock(&lock);
    if (death_channel)
        tpy_qnx_channel_pulse(death_channel, tpy_thread_priority(thread), _PULSE_CODE_THREADDEATH,
            tpy_thread_number(thread), -1, false);
    pthread_mutex_unlock(&lock);
}

void tpy_qnx_channels_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    for (unsigned i = 0; i < TPY_QNX_CHANNELS_MAX; i++)
        if (atomic_load_explicit(&tpy_qnx_channel_table[i], memory_order_relaxed))
            atomic_store_explicit(&tpy_qnx_channel_table[i], NULL, memory_order_relaxed);
    death_channel = coid_channel = NULL;
    /*
     * The parent's records are left alone: another thread of it may have been changing the lists when this process
     * began.
     */
    free_channels = NULL;
    last_channel = &free_channels;
    free_clients = NULL;
    last_client = &free_clients;
    free_channel_count = free_client_count = 0;
}
