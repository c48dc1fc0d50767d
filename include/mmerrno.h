/*
 * mmerrno.h: the error state of mmlib's calls. Each thread has its own: the number and a description of the last call
 * of the mm family that failed in it. The number is also copied to errno. Like errno it is only set, never cleared.
 *
 * These functions cannot fail, may be called from any thread and leave errno as it is. docs/mm.md tells what this
 * library does beside the page it follows.
 */
#ifndef MMERRNO_H
#define MMERRNO_H

#include <errno.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What mm_error_set_flags can change, as bits of `mask`. */
#define MM_ERROR_IGNORE 0x01 /* failures of this thread do not touch its error state */
#define MM_ERROR_NOLOG 0x02  /* failures of this thread are not logged; this library logs nothing, it keeps the bit */
#define MM_ERROR_ALL_ALTERNATE 0xffffffff

/* Values for `flags`: all bits of the mask on, or off. */
#define MM_ERROR_SET 0xffffffff
#define MM_ERROR_UNSET 0x00000000

/*
 * Sets the bits of the calling thread's error flags that `mask` names to what they are in `flags`; the others stay.
 * Returns all flags as they were before, which can be handed back as `flags` later.
 */
int mm_error_set_flags(int flags, int mask);

/* The number of the calling thread's last error, an errno value; 0 when there was none. */
int mm_get_lasterror_number(void);

/*
 * A sentence about the calling thread's last error: the call, what it was about and the reason. "" when there was none.
 * The string belongs to the thread and stays as it is until this function is called in it again.
 */
const char *mm_get_lasterror_desc(void);

/*
 * Prints the calling thread's last error to standard output. Before it stands a line that `info` gives in the manner of
 * printf, unless `info` is NULL.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void mm_print_lasterror(const char *info, ...);

#ifdef __cplusplus
}
#endif

#endif
