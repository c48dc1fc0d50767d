/*
 * tetrapylon.h: what Tetrapylon adds to the four interfaces it carries. The interfaces themselves are in the headers
 * their documents name (sys/neutrino.h, l4/sys/ipc.h, fluke/ipc.h, mmsysio.h); nothing here is needed to use them.
 */
#ifndef TETRAPYLON_H
#define TETRAPYLON_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks a function that the shared library exports; everything without it stays hidden. */
#if defined(__GNUC__)
#define TPY_PUBLIC __attribute__((visibility("default")))
#else
#define TPY_PUBLIC
#endif

/*
 * The version of the library that is loaded, as "major.minor.patch", followed by "-SNAPSHOT" between releases.
 *
 * The string is constant, ends with NUL and lives as long as the library; the caller must not free it.
 * Cannot fail. May be called from any thread, and from a signal handler.
 */
TPY_PUBLIC const char *tpy_version(void);

/* ---- Message passing (the QNX, L4 and Fluke gates) -------------------------------------------------------------------- */

/*
 * The priority that the calling thread's messages carry, 0 to 255. Without tpy_priority_set it follows the thread's scheduling
 * policy: SCHED_FIFO and SCHED_RR count 1:1, all others as 10. Setting it changes neither the policy nor what the kernel does, so
 * an unprivileged thread may; -1 goes back to the policy (and looks at it anew). 0, or -EINVAL, -EAGAIN (too many threads).
 */
TPY_PUBLIC int tpy_priority_set(int priority);
/* What the calling thread's next message carries, or -EAGAIN. */
TPY_PUBLIC int tpy_priority_get(void);

/*
 * Ends the blocked call of a thread of this process, or its next one, as a signal would (EINTR). thread: what tpy_thread_number_self told
 * there. 0, or -ESRCH. Any thread; not from a signal handler.
 */
TPY_PUBLIC int tpy_thread_interrupt(int thread);
/* Takes back an interrupt of the calling thread that no call has seen yet: 1 if there was one, else 0. */
TPY_PUBLIC int tpy_thread_interrupted(void);
/* The calling thread's number in this process, from 1, used again after its end; -EAGAIN when 4,096 threads have one. */
TPY_PUBLIC int tpy_thread_number_self(void);

/*
 * For bindings of other languages, which must be able to wake their thread: from now on hook(1) is called on the calling thread each
 * time before a call of it goes to sleep, and hook(0) when it has woken, which may be many times a call. The hook may call
 * tpy_thread_interrupt, for this thread too: then it does not sleep; and tpy_thread_number_self. It must not do anything else of this library. NULL: no
 * more. Not called while the thread ends. 0, or -EAGAIN.
 */
TPY_PUBLIC int tpy_thread_on_sleep(void (*hook)(int asleep));

/* Whom a QNX channel of this process admits. */
#define TPY_ADMIT_USER 0    /* processes of the same effective user, and root: the default */
#define TPY_ADMIT_PROCESS 1 /* only this process */
#define TPY_ADMIT_ALL 2     /* everybody */
/* For connections from now on. 0, or -EINVAL no such channel or word. */
TPY_PUBLIC int tpy_channel_admit(int chid, int whom);
/*
 * How long, in nanoseconds (0 to 1 s, default 1 s), a received message of a client that died stays open on a channel with
 * _NTO_CHF_UNBLOCK, for the server to react to the unblock pulse. 0, or -EINVAL.
 */
TPY_PUBLIC int tpy_channel_grace(int chid, long nanoseconds);

#ifdef __cplusplus
}
#endif

#include "tetrapylon_fd.h"
#include "tetrapylon_inspect.h"
#include "tetrapylon_mm.h"

#endif
