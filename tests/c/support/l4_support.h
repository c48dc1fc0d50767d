/*
 * l4_support: what the tests of the L4 gate share. A case is one thread; its partner is a thread of the same process or one of a process of
 * its own, and L4_CASE runs the same body both ways.
 */
#ifndef L4_SUPPORT_H
#define L4_SUPPORT_H

#include "check.h"

#include <l4/names/libnames.h>
#include <l4/sys/ipc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define L4_CASE(name) L4_CASE_LIMIT(name, CHECK_DEFAULT_LIMIT)
#define L4_CASE_LIMIT(name, seconds)                                                                                   \
    static void body_##name(bool threads);                                                                             \
    CASE_LIMIT(name##_by_processes, seconds) { body_##name(false); }                                                   \
    CASE_LIMIT(name##_by_threads, seconds) { body_##name(true); }                                                      \
    static void body_##name(bool threads)

struct l4_partner;
/* Starts a partner; `boss` is the caller's id. Returns when the partner has its id. */
struct l4_partner *l4_start(bool threads, void (*run)(l4_threadid_t boss, void *argument), void *argument);
l4_threadid_t l4_id(const struct l4_partner *partner);
pid_t l4_pid(const struct l4_partner *partner);
void l4_join(struct l4_partner *partner);

/* Zeroed memory that children share. */
void *l4_share(size_t size);
/* Adds 1, and waits until the word is at least that. */
void l4_count(_Atomic unsigned *word);
void l4_await(_Atomic unsigned *word, unsigned value);

/* Cancels the IPC of a thread of this process. */
void l4_cancel(l4_threadid_t id);

/* Waits until that thread sleeps in a receive, or in a send or call. */
void l4_await_receiving(l4_threadid_t id);
void l4_await_sending(l4_threadid_t id);

int64_t l4_now(void); /* ns */

void l4_fill(void *memory, size_t size, unsigned seed);
void l4_check_filled(const void *memory, size_t size, unsigned seed);

/* A message buffer with room for words and strings. */
#define L4_BUFFER(words_, strings_)                                                                                    \
    struct {                                                                                                           \
        l4_fpage_t fpage;                                                                                              \
        l4_msgdope_t size_dope, send_dope;                                                                             \
        l4_umword_t word[words_];                                                                                      \
        l4_strdope_t string[strings_];                                                                                 \
    }

/* Pages that nobody provides: every access waits until l4_pages_provide. Skips the case where userfaultfd is not to be had. */
struct l4_pages {
    char *at;
    size_t size;
    int fd;
};
struct l4_pages l4_pages_withheld(size_t size);
void l4_pages_provide(const struct l4_pages *pages, unsigned seed);

/* Can this byte be read, and written? Tried by the kernel, so nothing crashes. */
bool l4_readable(const void *at);
bool l4_writable(void *at);

#endif
