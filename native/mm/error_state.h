/*
 * error_state: the last failure of each thread, as mmlib's programs ask for it. What a failure costs is a few stores;
 * the sentence is put together when somebody wants to read it. Owner: the thread.
 */
#ifndef TPY_MM_ERROR_STATE_H
#define TPY_MM_ERROR_STATE_H

/*
 * Records that the call failed with this errno value, and sets errno. `call` is a constant; `name` is what it was
 * about, or NULL for the descriptor `fd`, or that is negative and there is nothing to tell. Returns -1.
 */
int tpy_mm_fail(int number, const char *call, const char *name, int fd);

#endif
