/* object: see object.h. Checking objects, and references. */
#define _GNU_SOURCE
#include "fluke/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/system.h"
#include "fluke/destination.h"
#include "fluke/thread.h"

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

static void retain(const struct tpy_fluke_ref *ref)
{
    if (ref->names == TPY_FLUKE_NAMES_PORT) tpy_fluke_destination_retain(ref->target.destination);
    else if (ref->names == TPY_FLUKE_NAMES_FD) atomic_fetch_add(&ref->target.box->references, 1);
}

static void empty(struct tpy_fluke_ref *ref)
{
    struct tpy_fluke_ref old = *ref;
    ref->names = TPY_FLUKE_EMPTY;
    ref->target.box = NULL;
    if (old.names == TPY_FLUKE_NAMES_PORT) tpy_fluke_destination_release(old.target.destination);
    else if (old.names == TPY_FLUKE_NAMES_FD && atomic_fetch_sub(&old.target.box->references, 1) == 1) {
        close(old.target.box->fd);
        free(old.target.box);
    }
}

void tpy_fluke_ref_set(fluke_ref_t *object, enum tpy_fluke_names names, void *target)
{
    struct tpy_fluke_ref *ref = (struct tpy_fluke_ref *)object;
    empty(ref);
    ref->target.box = target;
    ref->names = names;
}

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
    if (tpy_fluke_object_check(ref, TPY_FLUKE_REF) != FLUKE_SUCCESS || ref->names != TPY_FLUKE_NAMES_FD) return -1;
    return ref->target.box->fd;
}

fluke_error_t fluke_ref_copy(const fluke_ref_t *from, fluke_ref_t *to)
{
    const struct tpy_fluke_ref *source = (const struct tpy_fluke_ref *)from;
    fluke_error_t error = tpy_fluke_object_check(from, TPY_FLUKE_REF);
    if (error == FLUKE_SUCCESS) error = tpy_fluke_object_check(to, TPY_FLUKE_REF);
    if (error != FLUKE_SUCCESS) return tpy_fluke_insane(error);
    if (from == to) return FLUKE_SUCCESS;
    retain(source);
    tpy_fluke_ref_set(to, source->names, source->target.box);
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
    empty(ref);
    ref->header.magic = 0;
    return FLUKE_SUCCESS;
}
