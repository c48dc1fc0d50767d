/*
 * port: Fluke ports and port sets. All Fluke ports of a process share one port of the core, made when first needed; a client says with a key
 * which one it means when it connects, and the core hands that port's record back with each message. A receiver takes what its port set
 * holds: so moving a port is one store, and nothing that waits is moved or lost.
 *
 * Owner: the process. Records of both kinds are never freed, only used again as late as possible, so that one who was about to look at a
 * record can. `lock` (port.c) guards the lists.
 */
#ifndef TPY_FLUKE_PORT_H
#define TPY_FLUKE_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <fluke/ipc.h>

#include "core/port.h"
#include "core/system.h"

#define TPY_FLUKE_TAG 0x464c554bu /* what our clients say when they connect */
#define TPY_FLUKE_FACE 2

struct tpy_fluke_pset {
    _Atomic bool alive;
    struct tpy_fluke_pset *next; /* free */
};

struct tpy_fluke_name {
    struct tpy_fluke_name *next;
    char text[];
};

struct tpy_fluke_port {
    struct tpy_fluke_pset *_Atomic pset;
    void *_Atomic alias;
    uint64_t key; /* 0: destroyed */
    unsigned users; /* while it lives, and one for each connection */
    struct tpy_fluke_name *names;
    struct tpy_fluke_port *next; /* alive, or free */
};

/* The process's port of the core, or NULL with a status. */
struct tpy_port *tpy_fluke_core_port_make(fluke_error_t *error);
extern struct tpy_port *_Atomic tpy_fluke_core;
static inline struct tpy_port *tpy_fluke_core_port(fluke_error_t *error)
{
    struct tpy_port *port = atomic_load_explicit(&tpy_fluke_core, memory_order_acquire);
    return TPY_LIKELY(port != NULL) ? port : tpy_fluke_core_port_make(error);
}
/* The record, or NULL with the insanity. */
struct tpy_fluke_pset *tpy_fluke_pset_of(const fluke_pset_t *object, fluke_error_t *error);
/* For struct tpy_filter: does this port belong to the port set? */
bool tpy_fluke_admit(void *pset, void *port, uint8_t kind);

void tpy_fluke_ports_forget(void); /* in a child after fork */

#endif
