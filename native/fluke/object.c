/* object: see object.h. Checking objects, and references. */
#define _GNU_SOURCE
#include "fluke/object.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/system.h"
#include "fluke/destination.h"
#include "fluke/thread.h"

/* Guards what references name, so that a thread may use one to which another gives something else. Taken before the destinations' lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

fluke_error_t tpy_fluke_object_check(const void *object, enum tpy_fluke_type type)
{
    struct tpy_fluke_header header;
    if (TPY_UNLIKELY(!object || ((uintptr_t)object & 7) || tpy_copy(&header, object, sizeof header) || header.magic != TPY_FLUKE_MAGIC))
        return FLUKE_INSANITY_NO_OBJECT;
    if (TPY_UNLIKELY(header.type != type)) return type == TPY_FLUKE_REF ? FLUKE_INSANITY_NOT_REF : FLUKE_INSANITY_INVALID_OBJECT;
    return TPY_LIKELY(header.self == object) ? FLUKE_SUCCESS : FLUKE_INSANITY_INVALID_OBJECT;
}

void tpy_fluke_object_begin(void *object, enum tpy_fluke_type type)
{
    *(struct tpy_fluke_header *)object = (struct tpy_fluke_header){.magic = TPY_FLUKE_MAGIC, .type = type, .self = object};
}

struct tpy_fluke_box *tpy_fluke_box_new(int fd)
{
    struct tpy_fluke_box *box = malloc(sizeof *box);
    if (!box) return NULL;
    atomic_store(&box->references, 1);
    box->fd = fd;
    return box;
}

enum tpy_fluke_names tpy_fluke_ref_get(const fluke_ref_t *object, void **target)
{
    const struct tpy_fluke_ref *ref = (const struct tpy_fluke_ref *)object;
    pthread_mutex_lock(&lock);
    enum tpy_fluke_names names = ref->names;
    *target = ref->target.box;
    if (names == TPY_FLUKE_NAMES_PORT) tpy_fluke_destination_retain(*target);
    else if (names == TPY_FLUKE_NAMES_FD) atomic_fetch_add(&((struct tpy_fluke_box *)*target)->references, 1);
    pthread_mutex_unlock(&lock);
    return names;
}

void tpy_fluke_target_release(enum tpy_fluke_names names, void *target)
{
    struct tpy_fluke_box *box = target;
    if (names == TPY_FLUKE_NAMES_PORT) tpy_fluke_destination_release(target);
    else if (names == TPY_FLUKE_NAMES_FD && atomic_fetch_sub(&box->references, 1) == 1) {
        close(box->fd);
        free(box);
    }
}

void tpy_fluke_ref_set(fluke_ref_t *object, enum tpy_fluke_names names, void *target)
{
    struct tpy_fluke_ref *ref = (struct tpy_fluke_ref *)object;
    pthread_mutex_lock(&lock);
    enum tpy_fluke_names had = ref->names;
    void *old = ref->target.box;
    ref->target.box = target;
    ref->names = names;
    pthread_mutex_unlock(&lock);
    tpy_fluke_target_release(had, old);
}

void tpy_fluke_objects_forget(void) { pthread_mutex_init(&lock, NULL); }

fluke_error_t fluke_ref_create(fluke_ref_t *ref)
{
    if (!ref) return tpy_fluke_insane(FLUKE_INSANITY_NO_OBJECT);
    memset(ref, 0, sizeof *ref);
    tpy_fluke_object_begin(ref, TPY_FLUKE_REF);
    return FLUKE_SUCCESS;
}

fluke_error_t fluke_ref_from_fd(fluke_ref_t *ref, int fd)
{
    fluke_error_t error = tpy_fluke_object_check(ref, TPY_FLUKE_REF);
    if (error != FLUKE_SUCCESS) return tpy_fluke_insane(error);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return errno == EBADF ? tpy_fluke_insane(FLUKE_INSANITY_INVALID_OBJECT) : FLUKE_NO_RESOURCES;
    struct tpy_fluke_box *box = tpy_fluke_box_new(own);
    if (!box) {
        close(own);
        return FLUKE_NO_RESOURCES;
    }
    tpy_fluke_ref_set(ref, TPY_FLUKE_NAMES_FD, box);
    return FLUKE_SUCCESS;
}

int fluke_ref_fd(const fluke_ref_t *object)
{
    const struct tpy_fluke_ref *ref = (const struct tpy_fluke_ref *)object;
    if (tpy_fluke_object_check(ref, TPY_FLUKE_REF) != FLUKE_SUCCESS) return -1;
    pthread_mutex_lock(&lock);
    int fd = ref->names == TPY_FLUKE_NAMES_FD ? ref->target.box->fd : -1;
    pthread_mutex_unlock(&lock);
    return fd;
}

int tpy_fluke_ref_dup(const fluke_ref_t *object)
{
    void *target;
    if (tpy_fluke_object_check(object, TPY_FLUKE_REF) != FLUKE_SUCCESS) return -EBADF;
    enum tpy_fluke_names names = tpy_fluke_ref_get(object, &target);
    int fd = names == TPY_FLUKE_NAMES_FD ? fcntl(((struct tpy_fluke_box *)target)->fd, F_DUPFD_CLOEXEC, 0) : -1;
    int result = fd >= 0 ? fd : names == TPY_FLUKE_NAMES_FD ? -errno : -EBADF;
    tpy_fluke_target_release(names, target);
    return result;
}

fluke_error_t fluke_ref_copy(const fluke_ref_t *from, fluke_ref_t *to)
{
    void *target;
    fluke_error_t error = tpy_fluke_object_check(from, TPY_FLUKE_REF);
    if (error == FLUKE_SUCCESS) error = tpy_fluke_object_check(to, TPY_FLUKE_REF);
    if (error != FLUKE_SUCCESS) return tpy_fluke_insane(error);
    if (from == to) return FLUKE_SUCCESS;
    enum tpy_fluke_names names = tpy_fluke_ref_get(from, &target);
    tpy_fluke_ref_set(to, names, target);
    return FLUKE_SUCCESS;
}

int fluke_ref_equal(const fluke_ref_t *a, const fluke_ref_t *b)
{
    const struct tpy_fluke_ref *left = (const struct tpy_fluke_ref *)a, *right = (const struct tpy_fluke_ref *)b;
    if (tpy_fluke_object_check(a, TPY_FLUKE_REF) != FLUKE_SUCCESS || tpy_fluke_object_check(b, TPY_FLUKE_REF) != FLUKE_SUCCESS) return 0;
    return left->names == right->names && left->target.box == right->target.box; /* destinations and boxes are unique */
}

fluke_error_t fluke_ref_destroy(fluke_ref_t *object)
{
    struct tpy_fluke_ref *ref = (struct tpy_fluke_ref *)object;
    fluke_error_t error = tpy_fluke_object_check(ref, TPY_FLUKE_REF);
    if (error != FLUKE_SUCCESS) return tpy_fluke_insane(error);
    if (ref->names == TPY_FLUKE_NAMES_PORT) tpy_fluke_thread_forget(ref->target.destination);
    tpy_fluke_ref_set(object, TPY_FLUKE_EMPTY, NULL);
    ref->header.magic = 0;
    return FLUKE_SUCCESS;
}
