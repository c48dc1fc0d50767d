/*
 * l4/names/libnames.h: names of servers: a thread registers a name, others ask for its id.
 *
 * Names are seen by all processes of the same user; they have 1 to 100 bytes without '/'. A name is free at once when its thread
 * unregisters it or ends, whichever way. Any thread may call. Every function returns nonzero for success and 0 for failure.
 */
#ifndef TPY_L4_NAMES_LIBNAMES_H
#define TPY_L4_NAMES_LIBNAMES_H

#include <l4/sys/types.h>
#include <tetrapylon.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Registers the calling thread. Fails when the name is taken (also by the caller) or bad. */
TPY_PUBLIC int names_register(const char *name);
/* Gives a name up. Fails when no thread of this process holds it. */
TPY_PUBLIC int names_unregister(const char *name);
/* The id behind a name. Fails, with *id untouched, when nobody holds it. */
TPY_PUBLIC int names_query_name(const char *name, l4_threadid_t *id);
/* The same, and waits for it up to timeout_ms milliseconds; 0 only looks. l4_thread_ex_regs ends the wait. */
TPY_PUBLIC int names_waitfor_name(const char *name, l4_threadid_t *id, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
