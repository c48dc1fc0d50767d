/*
 * watcher: the one thread of a process that hears its links and the deaths of who is at their other end, and does what others put off. It has
 * all signals blocked, is started when first needed, and anew in a child after fork.
 */
#ifndef TPY_CORE_WATCHER_H
#define TPY_CORE_WATCHER_H

#include <stdint.h>

#include "core/link.h"

/* What it does with what it hears; each layer sets its own (server.c, connection.c). */
struct tpy_watcher_hooks {
    void (*say)(struct tpy_link *link, const struct tpy_say *say, int *fds, unsigned count); /* takes the fds over */
    void (*died)(struct tpy_link *link);
};
extern struct tpy_watcher_hooks tpy_watcher_server_hooks, tpy_watcher_client_hooks;

/* Starts it. on_call takes in who calls at the socket of tpy_watcher_listen, and returns a link that had to end for that, or NULL; on_end takes a link
 * out of the list of those that live. Both run on the watcher. 0 or -errno. */
int tpy_watcher_start(struct tpy_link *(*on_call)(void), void (*on_end)(struct tpy_link *link));
int tpy_watcher_listen(int fd);
/* Watches a link; the caller's reference becomes the watcher's. */
int tpy_watcher_add(struct tpy_link *link);
/* On the watcher: ends a link at once. The reference is given back at the end of the turn, when nothing names the link any more. */
void tpy_watcher_bury(struct tpy_link *link);

/* What is put off, one slot for each. */
enum tpy_later {
    TPY_LATER_CLOSE,  /* ports that were destroyed */
    TPY_LATER_TIDY,   /* what outlives its client for a grace */
    TPY_LATER_REFUSE, /* clients that are served no more */
    TPY_LATER_TOUCH,  /* looking after those who touch pages */
    TPY_LATER_OWED,   /* what a full socket did not take */
    TPY_LATER_FACE,   /* a face's */
    TPY_LATER_SLOTS
};
/* Runs on the watcher at a time (absolute) or soon (0). A slot has at most one pending run: of several requests the last one's function at the
 * earliest one's time, so it may be called early, but never later than it was asked for. From any thread. */
void tpy_watcher_later(enum tpy_later slot, int64_t at, void (*run)(void));

#endif
