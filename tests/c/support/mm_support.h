/*
 * mm_support: what the tests of mmlib's IPC share: names that no other test run uses, one-line messages, calls that
 * run in a thread of their own, and sockets as the original library makes them.
 */
#ifndef MM_SUPPORT_H
#define MM_SUPPORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <sys/un.h>

#include "mmsysio.h"

#define MS INT64_C(1000000)

/* A name of this case's process: "tpy-test-PID-suffix". Valid until the fourth call after it. */
const char *mm_name(const char *suffix);

/* Sends, or receives into `data`, one message of one piece without descriptors; the calls' own results. */
ssize_t mm_put(int fd, const void *data, size_t size);
ssize_t mm_take(int fd, void *data, size_t size);
/* The same with descriptors; *count is the room, then the number that came; *flags may be NULL. */
ssize_t mm_put_fds(int fd, const void *data, size_t size, const int *fds, int count);
ssize_t mm_take_fds(int fd, void *data, size_t size, int *fds, int *count, int *flags);
/* Sends a text and fails unless all of it went; receives one and fails unless it is this. */
void mm_say(int fd, const char *text);
void mm_hear(int fd, const char *text);

/* A connection of a new server: `fds` are the client's end and the server's. */
struct mm_ipc_srv *mm_serve_one(const char *name, int fds[2]);

/* A call in a thread of its own. */
struct mm_call {
    long (*run)(struct mm_call *call);
    struct mm_ipc_srv *srv;
    const char *name;
    int fd;
    int timeout;
    long result;
    int error;           /* mm_get_lasterror_number after it */
    int64_t cpu_time; /* ns */
    _Atomic int64_t finished_at; /* CLOCK_MONOTONIC, ns; 0 until then, and set last */
    pthread_t thread;
    _Atomic pid_t id;
};

long mm_run_accept(struct mm_call *call);
long mm_run_connect(struct mm_call *call);
long mm_run_connect_limited(struct mm_call *call);
long mm_run_take(struct mm_call *call); /* into nowhere: only the result counts */

/* Starts it; the second waits until it sleeps in this system call. */
void mm_start(struct mm_call *call);
void mm_start_asleep(struct mm_call *call, long system_call);
/* The same for a call that sends: which of two system calls it is depends on the message. */
void mm_start_asleep_sending(struct mm_call *call);
/* Cancels the thread and waits for its end. Skips the case under AddressSanitizer, which loses track of its stack. */
void mm_cancel(struct mm_call *call);
/* Waits for its end; returns the result. */
long mm_join(struct mm_call *call);

/* Sockets made by hand, as the original library makes them: address zero-padded to its whole size. */
struct sockaddr_un mm_original_address(const char *name);
int mm_original_listen(const char *name, int backlog);
int mm_original_connect(const char *name);

/* A handler for SIGUSR1 that does nothing but count; `flags` as of sigaction. */
extern atomic_int mm_signals;
void mm_catch_signals(int flags);

#endif
