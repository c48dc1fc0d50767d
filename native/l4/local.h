/*
 * local: what the L4 gate keeps for each thread: its id, its port, the callers that wait for its answer. An L4 thread is a Linux thread
 * that has called in; it owns a port of the core under which its partners find it (directory.h).
 *
 * Owner: the thread. Fields marked "any" are read or written by others. Records are static and used again by a later thread with the
 * same lthread number, so a pointer to one can always be read.
 */
#ifndef TPY_L4_LOCAL_H
#define TPY_L4_LOCAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/port.h"
#include "core/system.h"
#include "core/thread.h"
#include "l4/callers.h"
#include "l4/wire.h"

#define TPY_L4_TAG 0x4c347632u /* of our connections: other gates' ports refuse it, and ours refuses theirs */
#define TPY_L4_LTHREADS 128u

struct tpy_l4_partner;

/* A partner found lately; the record it names may serve another thread by now (partner.h). */
struct tpy_l4_cached {
    uint64_t id;
    struct tpy_l4_partner *partner;
};
#define TPY_L4_CACHED 16u

/* What the last caller that sent more than two words has room for, as its head said: else it is read again. */
#define TPY_L4_ROOMS_KNOWN 4u
struct tpy_l4_known {
    struct tpy_exchange *exchange;
    uint32_t sequence;
    struct tpy_l4_head head;
    uint32_t rooms[TPY_L4_ROOMS_KNOWN];
};

struct tpy_l4_local {
    _Alignas(64) _Atomic uint64_t id; /* any: 0 while the record is free */
    struct tpy_thread *thread;       /* any */
    struct tpy_port *port;
    _Atomic uint64_t *waits;         /* of the port: tpy_port_waits */
    uint32_t port_id;
    uint32_t tag;                    /* version and lthread, as our offers carry them (wire.h) */
    _Atomic uint64_t calls;          /* any: odd while in an IPC */
    _Atomic uint64_t cancelled_call; /* any: the number of the call that l4_thread_ex_regs meant; 0: none */
    struct tpy_lock cancel_lock;     /* any */
    bool bound;                      /* a binding of another language knows this thread (tpy_l4_bind) */
    struct tpy_l4_callers callers;
    struct tpy_l4_known known;
    struct tpy_l4_cached cached[TPY_L4_CACHED];
    _Atomic uint64_t preempter, pager; /* any */
    uint64_t start_ip, start_sp;     /* any: of l4_thread_ex_regs, else 0 */
    bool reserved;                   /* a thread is being started for it (threads.c) */
};

extern __thread struct tpy_l4_local *tpy_l4_current __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The calling thread's record, made if need be; NULL: no number or memory left. */
struct tpy_l4_local *tpy_l4_begin(void);
static inline struct tpy_l4_local *tpy_l4_self(void)
{
    struct tpy_l4_local *local = tpy_l4_current;
    return TPY_LIKELY(local != NULL) ? local : tpy_l4_begin();
}

/* The record of an lthread number of this process. */
struct tpy_l4_local *tpy_l4_local_of(unsigned lthread);
/* Guards which records are in use; held only for moments. */
void tpy_l4_locals_lock(void);
void tpy_l4_locals_unlock(void);
/* The calling thread is to have the record that was reserved for it. 0 or -errno. */
int tpy_l4_adopt(struct tpy_l4_local *local, uint32_t version);

/* An IPC begins and ends. A cancel that was meant for an earlier one is forgotten. */
void tpy_l4_settle(struct tpy_l4_local *local);
static inline void tpy_l4_enter(struct tpy_l4_local *local)
{
    uint64_t calls = atomic_load_explicit(&local->calls, memory_order_relaxed);
    atomic_store_explicit(&local->calls, calls + 1, memory_order_relaxed);
    if (TPY_UNLIKELY(atomic_load_explicit(&local->cancelled_call, memory_order_relaxed))) tpy_l4_settle(local);
}
static inline void tpy_l4_leave(struct tpy_l4_local *local)
{
    atomic_store_explicit(&local->calls, atomic_load_explicit(&local->calls, memory_order_relaxed) + 1, memory_order_relaxed);
}
/* The core says that this thread was cancelled: by l4_thread_ex_regs in the present call, or tpy_thread_interrupt? Else the call goes on. */
bool tpy_l4_was_cancelled(struct tpy_l4_local *local);

#endif
