/*
 * names: the names service. A name is one of the core's, with the thread's id as its detail; which names each of our threads holds is
 * kept here, so that they go when it ends. A process that dies loses its names by itself.
 */
#include <l4/names/libnames.h>
#include <l4/sys/ipc.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/names.h"
#include "l4/directory.h"
#include "l4/local.h"
#include "l4/names.h"

#define SPACE "l4"

struct held {
    struct held *next;
    uint64_t id;
    char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *all;

int names_register(const char *name)
{
    struct tpy_l4_local *local = tpy_l4_self();
    size_t length = name ? strnlen(name, TPY_NAME_MAX + 1) : 0;
    struct held *held = local && length > 0 && length <= TPY_NAME_MAX ? malloc(sizeof *held + length + 1) : NULL;
    if (!held) return 0;
    held->id = atomic_load(&local->id);
    memcpy(held->name, name, length + 1);
    pthread_mutex_lock(&lock);
    int result = tpy_name_bind(SPACE, held->name, local->port_id, held->id);
    if (result == 0) {
        held->next = all;
        all = held;
    } else free(held);
    pthread_mutex_unlock(&lock);
    return result == 0;
}

int names_unregister(const char *name)
{
    int found = 0;
    if (!name) return 0;
    pthread_mutex_lock(&lock);
    for (struct held **at = &all; *at && !found; at = &(*at)->next)
        if (strcmp((*at)->name, name) == 0) {
            struct held *held = *at;
            *at = held->next;
            tpy_name_unbind(SPACE, held->name);
            free(held);
            found = 1;
            break;
        }
    pthread_mutex_unlock(&lock);
    return found;
}

/* The owner's process wrote the id; it must be one of its own task. */
static int id_of(const struct tpy_name_entry *entry, uint64_t *id)
{
    if (tpy_l4_directory_begin() != 0 || tpy_l4_directory_is_task(tpy_l4_id_site(entry->detail), tpy_l4_id_task(entry->detail), entry->pid) != 0) return 0;
    *id = entry->detail;
    return 1;
}

int tpy_l4_names_query(const char *name, uint64_t *id)
{
    struct tpy_name_entry entry;
    if (!name || tpy_name_lookup(SPACE, name, &entry) != 0) return 0;
    return id_of(&entry, id);
}

int tpy_l4_names_waitfor(const char *name, uint64_t *id, int timeout_ms)
{
    struct tpy_name_entry entry;
    if (!name) return 0;
    if (timeout_ms <= 0) return tpy_l4_names_query(name, id);
    struct tpy_l4_local *local = tpy_l4_self();
    if (!local) return 0;
    int64_t deadline = tpy_now() + (int64_t)timeout_ms * 1000000;
    int result;
    tpy_l4_enter(local);
    do
        result = tpy_name_wait(SPACE, name, deadline, &entry);
    while (result == -EINTR || (result == -ECANCELED && !tpy_l4_was_cancelled(local)));
    tpy_l4_leave(local);
    return result == 0 && id_of(&entry, id);
}

int names_query_name(const char *name, l4_threadid_t *id)
{
    uint64_t raw;
    if (!tpy_l4_names_query(name, &raw)) return 0;
    if (id) id->raw = raw;
    return 1;
}

int names_waitfor_name(const char *name, l4_threadid_t *id, int timeout_ms)
{
    uint64_t raw;
    if (!tpy_l4_names_waitfor(name, &raw, timeout_ms)) return 0;
    if (id) id->raw = raw;
    return 1;
}

void tpy_l4_names_thread_ended(uint64_t id)
{
    pthread_mutex_lock(&lock);
    for (struct held **at = &all; *at;) {
        struct held *held = *at;
        if (held->id != id) {
            at = &held->next;
            continue;
        }
        *at = held->next;
        tpy_name_unbind(SPACE, held->name);
        free(held);
    }
    pthread_mutex_unlock(&lock);
}

void tpy_l4_names_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    all = NULL;
}
