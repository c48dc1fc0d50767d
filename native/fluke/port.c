/* port: see port.h. Making and moving ports and port sets, the names of ports, and who connects. */
#define _GNU_SOURCE
#include "fluke/port.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/names.h"
#include "core/system.h"
#include "fluke/destination.h"
#include "fluke/object.h"
#include "fluke/thread.h"

#define SPACE "fluke"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct tpy_port *_Atomic tpy_fluke_core;
static uint32_t core_id;
static struct tpy_fluke_port *ports; /* alive, or with connections that stand */
/* Free records, oldest first. */
static struct tpy_fluke_port *free_ports, **last_port = &free_ports;
static struct tpy_fluke_pset *free_psets, **last_pset = &free_psets;

/* With the lock. */
static void release(struct tpy_fluke_port *port)
{
    if (--port->users > 0) return;
    struct tpy_fluke_port **at = &ports;
    while (*at != port) at = &(*at)->next;
    *at = port->next;
    port->next = NULL;
    *last_port = port;
    last_port = &port->next;
}

static int attach(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t key, void **client, uint64_t *reply)
{
    (void)face, (void)reply;
    if (tag != TPY_FLUKE_TAG || (who->uid != geteuid() && who->uid != 0)) return -EPERM;
    pthread_mutex_lock(&lock);
    struct tpy_fluke_port *port = ports;
    while (port && !(port->key == key && key != 0)) port = port->next;
    if (port) port->users++;
    pthread_mutex_unlock(&lock);
    *client = port;
    return port ? 0 : -ESRCH;
}

static void detach(void *face, void *client)
{
    (void)face;
    pthread_mutex_lock(&lock);
    release(client);
    pthread_mutex_unlock(&lock);
}

static const struct tpy_port_ops ops = {.attach = attach, .detach = detach, .notified = tpy_fluke_server_alerted};

struct tpy_port *tpy_fluke_core_port_make(fluke_error_t *error)
{
    tpy_fluke_begin();
    pthread_mutex_lock(&lock);
    struct tpy_port *port = atomic_load(&tpy_fluke_core);
    if (!port && tpy_port_create(&ops, NULL, 0, &port, &core_id) == 0) atomic_store_explicit(&tpy_fluke_core, port, memory_order_release);
    pthread_mutex_unlock(&lock);
    if (!port) *error = FLUKE_NO_RESOURCES;
    return port;
}

bool tpy_fluke_admit(void *pset, void *port, uint8_t kind)
{
    (void)kind;
    return atomic_load_explicit(&((struct tpy_fluke_port *)port)->pset, memory_order_relaxed) == pset;
}

struct tpy_fluke_pset *tpy_fluke_pset_of(const fluke_pset_t *object, fluke_error_t *error)
{
    *error = tpy_fluke_object_check(object, TPY_FLUKE_PSET);
    if (*error != FLUKE_SUCCESS) return NULL;
    struct tpy_fluke_pset *pset = ((const struct tpy_fluke_pset_object *)object)->pset;
    if (!atomic_load(&pset->alive)) *error = FLUKE_INSANITY_INVALID_OBJECT; /* the parent's */
    return *error == FLUKE_SUCCESS ? pset : NULL;
}

static struct tpy_fluke_port *port_of(const fluke_port_t *object, fluke_error_t *error)
{
    *error = tpy_fluke_object_check(object, TPY_FLUKE_PORT);
    if (*error != FLUKE_SUCCESS) return NULL;
    struct tpy_fluke_port *port = ((const struct tpy_fluke_port_object *)object)->port;
    if (port->key == 0) *error = FLUKE_INSANITY_INVALID_OBJECT;
    return port->key ? port : NULL;
}

fluke_error_t fluke_pset_create(fluke_pset_t *object)
{
    if (!object) return tpy_fluke_insane(FLUKE_INSANITY_NO_OBJECT);
    tpy_fluke_begin();
    pthread_mutex_lock(&lock);
    struct tpy_fluke_pset *pset = free_psets;
    /* The last one stays, so that the list's end stays where it is. */
    if (pset && pset->next) free_psets = pset->next;
    else pset = calloc(1, sizeof *pset);
    if (pset) atomic_store(&pset->alive, true);
    pthread_mutex_unlock(&lock);
    if (!pset) return FLUKE_NO_RESOURCES;
    memset(object, 0, sizeof *object);
    ((struct tpy_fluke_pset_object *)object)->pset = pset;
    tpy_fluke_object_begin(object, TPY_FLUKE_PSET);
    return FLUKE_SUCCESS;
}

fluke_error_t fluke_pset_destroy(fluke_pset_t *object)
{
    fluke_error_t error;
    struct tpy_fluke_pset *pset = tpy_fluke_pset_of(object, &error);
    if (!pset) return tpy_fluke_insane(error);
    ((struct tpy_fluke_header *)object)->magic = 0;
    pthread_mutex_lock(&lock);
    atomic_store(&pset->alive, false);
    for (struct tpy_fluke_port *port = ports; port; port = port->next)
        if (atomic_load(&port->pset) == pset) atomic_store(&port->pset, NULL);
    pthread_mutex_unlock(&lock);
    tpy_fluke_threads_leave(pset);
    pthread_mutex_lock(&lock);
    pset->next = NULL;
    *last_pset = pset;
    last_pset = &pset->next;
    pthread_mutex_unlock(&lock);
    return FLUKE_SUCCESS;
}

fluke_error_t fluke_port_create(fluke_port_t *object, void *alias)
{
    fluke_error_t error;
    uint64_t key = 0;
    if (!object) return tpy_fluke_insane(FLUKE_INSANITY_NO_OBJECT);
    if (!tpy_fluke_core_port(&error)) return error;
    while (key == 0)
        if (getrandom(&key, sizeof key, 0) != sizeof key) return FLUKE_NO_RESOURCES;
    pthread_mutex_lock(&lock);
    struct tpy_fluke_port *port = free_ports;
    if (port && port->next) free_ports = port->next;
    else port = calloc(1, sizeof *port);
    if (port) {
        atomic_store(&port->pset, NULL);
        atomic_store(&port->alias, alias);
        port->key = key;
        port->users = 1;
        port->names = NULL;
        port->next = ports;
        ports = port;
    }
    pthread_mutex_unlock(&lock);
    if (!port) return FLUKE_NO_RESOURCES;
    memset(object, 0, sizeof *object);
    ((struct tpy_fluke_port_object *)object)->port = port;
    tpy_fluke_object_begin(object, TPY_FLUKE_PORT);
    return FLUKE_SUCCESS;
}

fluke_error_t fluke_port_set_pset(fluke_port_t *object, fluke_pset_t *set)
{
    fluke_error_t error;
    struct tpy_fluke_port *port = port_of(object, &error);
    struct tpy_fluke_pset *pset = port && set ? tpy_fluke_pset_of(set, &error) : NULL;
    if (error != FLUKE_SUCCESS) return tpy_fluke_insane(error);
    pthread_mutex_lock(&lock);
    if (!pset || atomic_load(&pset->alive)) atomic_store(&port->pset, pset);
    pthread_mutex_unlock(&lock);
    tpy_port_look_again(atomic_load(&tpy_fluke_core));
    return FLUKE_SUCCESS;
}

fluke_error_t fluke_port_destroy(fluke_port_t *object)
{
    fluke_error_t error;
    struct tpy_fluke_port *port = port_of(object, &error);
    if (!port) return tpy_fluke_insane(error);
    ((struct tpy_fluke_header *)object)->magic = 0;
    pthread_mutex_lock(&lock);
    port->key = 0; /* nobody finds it any more */
    atomic_store(&port->pset, NULL);
    struct tpy_fluke_name *names = port->names;
    port->names = NULL;
    pthread_mutex_unlock(&lock);
    for (struct tpy_fluke_name *next; names; names = next) {
        next = names->next;
        tpy_name_unbind(SPACE, names->text);
        free(names);
    }
    tpy_port_refuse(atomic_load(&tpy_fluke_core), port);
    pthread_mutex_lock(&lock);
    release(port);
    pthread_mutex_unlock(&lock);
    return FLUKE_SUCCESS;
}

/* Makes ref name a port here or elsewhere. */
static fluke_error_t name_port(fluke_ref_t *ref, pid_t pid, uint32_t id, uint64_t key)
{
    struct tpy_fluke_destination *destination = tpy_fluke_destination_get(pid, id, key);
    if (!destination) return FLUKE_NO_RESOURCES;
    tpy_fluke_ref_set(ref, TPY_FLUKE_NAMES_PORT, destination);
    return FLUKE_SUCCESS;
}

fluke_error_t fluke_port_reference(fluke_port_t *object, fluke_ref_t *ref)
{
    fluke_error_t error;
    struct tpy_fluke_port *port = port_of(object, &error);
    if (port) error = tpy_fluke_object_check(ref, TPY_FLUKE_REF);
    return error == FLUKE_SUCCESS ? name_port(ref, getpid(), core_id, port->key) : tpy_fluke_insane(error);
}

static fluke_error_t name_error(int result)
{
    switch (result) {
    case 0: return FLUKE_SUCCESS;
    case -EEXIST: return FLUKE_NAME_IN_USE;
    case -ENOENT: return FLUKE_INVALID_DEST;
    case -EINVAL:
    case -ENAMETOOLONG: return FLUKE_NAME_INVALID;
    default: return FLUKE_NO_RESOURCES;
    }
}

fluke_error_t fluke_name_bind(const char *name, fluke_port_t *object)
{
    fluke_error_t error;
    struct tpy_fluke_port *port = port_of(object, &error);
    if (!port) return tpy_fluke_insane(error);
    if (!name) return FLUKE_NAME_INVALID;
    struct tpy_fluke_name *kept = malloc(sizeof *kept + strlen(name) + 1);
    if (!kept) return FLUKE_NO_RESOURCES;
    strcpy(kept->text, name);
    error = name_error(tpy_name_bind(SPACE, name, core_id, port->key));
    if (error != FLUKE_SUCCESS) {
        free(kept);
        return error;
    }
    pthread_mutex_lock(&lock);
    kept->next = port->names;
    port->names = kept;
    pthread_mutex_unlock(&lock);
    return FLUKE_SUCCESS;
}

fluke_error_t fluke_name_lookup(const char *name, fluke_ref_t *ref)
{
    struct tpy_name_entry entry;
    fluke_error_t error = tpy_fluke_object_check(ref, TPY_FLUKE_REF);
    if (error != FLUKE_SUCCESS) return tpy_fluke_insane(error);
    tpy_fluke_begin();
    error = name ? name_error(tpy_name_lookup(SPACE, name, &entry)) : FLUKE_NAME_INVALID;
    return error == FLUKE_SUCCESS ? name_port(ref, entry.pid, entry.port, entry.detail) : error;
}

void tpy_fluke_ports_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    atomic_store(&tpy_fluke_core, NULL);
    /* The parent's records are left alone but for what tells that they are dead. */
    for (struct tpy_fluke_port *port = ports; port; port = port->next) {
        if (atomic_load(&port->pset)) atomic_store(&atomic_load(&port->pset)->alive, false);
        port->key = 0;
    }
    ports = NULL;
    free_ports = NULL, last_port = &free_ports;
    free_psets = NULL, last_pset = &free_psets;
}
