/*
 * object: the objects that programs hold in memory of their own (ports, port sets, references), and how a pointer to one is judged: not an
 * object, one of another type, or one that was moved or is no longer good.
 *
 * Owner: the program; what an object names (a destination, a descriptor, a port's record) is ours and counted.
 */
#ifndef TPY_FLUKE_OBJECT_H
#define TPY_FLUKE_OBJECT_H

#include <stdatomic.h>
#include <stdint.h>

#include <fluke/ipc.h>

#define TPY_FLUKE_MAGIC 0x464c4b4fu

enum tpy_fluke_type { TPY_FLUKE_REF = 1, TPY_FLUKE_PORT, TPY_FLUKE_PSET };

struct tpy_fluke_header {
    uint32_t magic; /* 0 when destroyed */
    uint32_t type;
    const void *self; /* tells a copy by assignment */
};

enum tpy_fluke_names { TPY_FLUKE_EMPTY, TPY_FLUKE_NAMES_PORT, TPY_FLUKE_NAMES_FD };

struct tpy_fluke_box { /* a descriptor, shared by the references that are copies of each other */
    _Atomic uint32_t references;
    int fd;
};

struct tpy_fluke_ref { /* what fluke_ref_t holds */
    struct tpy_fluke_header header;
    uint32_t names, reserved;
    union {
        struct tpy_fluke_destination *destination;
        struct tpy_fluke_box *box;
    } target;
};

struct tpy_fluke_port_object { /* what fluke_port_t holds */
    struct tpy_fluke_header header;
    struct tpy_fluke_port *port;
};

struct tpy_fluke_pset_object { /* what fluke_pset_t holds */
    struct tpy_fluke_header header;
    struct tpy_fluke_pset *pset;
};

_Static_assert(sizeof(struct tpy_fluke_ref) <= sizeof(fluke_ref_t) && sizeof(struct tpy_fluke_port_object) <= sizeof(fluke_port_t) &&
                   sizeof(struct tpy_fluke_pset_object) <= sizeof(fluke_pset_t),
    "the public structures have room");

/* FLUKE_SUCCESS, or the insanity. */
fluke_error_t tpy_fluke_object_check(const void *object, enum tpy_fluke_type type);
void tpy_fluke_object_begin(void *object, enum tpy_fluke_type type);

/* Takes over a count of the target, in place of what the reference named. */
void tpy_fluke_ref_set(fluke_ref_t *ref, enum tpy_fluke_names names, void *target);
/* What an active reference names, with a count for the caller, who gives it back with tpy_fluke_target_release. Another thread may be giving the
 * reference something else meanwhile. */
enum tpy_fluke_names tpy_fluke_ref_get(const fluke_ref_t *ref, void **target);
void tpy_fluke_target_release(enum tpy_fluke_names names, void *target);
/* A new box for a descriptor, which it takes over; NULL: no memory. */
struct tpy_fluke_box *tpy_fluke_box_new(int fd);

void tpy_fluke_objects_forget(void); /* in a child after fork */

#endif
