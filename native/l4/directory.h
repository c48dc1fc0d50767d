/*
 * directory: thread ids of this machine's user: which process is task n, and which of its ports is lthread m. A file in the runtime
 * directory, mapped by every L4 process of the user, holds one word for each (task, lthread): the version last given out, and while
 * that thread lives its port and number. Task numbers are names of the core, so a dead process's number is free at once; versions
 * only grow, so an old id never names a new thread.
 *
 * Owner: the process, for the row of its own task. The file can be spoiled only by the same user; what it says is checked by whoever is
 * found there (the port compares the id it is asked for).
 */
#ifndef TPY_L4_DIRECTORY_H
#define TPY_L4_DIRECTORY_H

#include <stdint.h>
#include <sys/types.h>

/* Where a thread is. */
struct tpy_l4_place {
    pid_t pid;
    uint32_t port;
    uint32_t thread; /* the core's number of it in its process */
};

/* Parts of an id. */
#define TPY_L4_VERSIONS 0x4000u
static inline unsigned tpy_l4_id_lthread(uint64_t id) { return (unsigned)(id >> 10) & 127; }
static inline unsigned tpy_l4_id_task(uint64_t id) { return (unsigned)(id >> 17) & 2047; }
static inline unsigned tpy_l4_id_version(uint64_t id) { return (unsigned)(id & 1023) | ((unsigned)(id >> 28) & 15) << 10; }
static inline unsigned tpy_l4_id_site(uint64_t id) { return (unsigned)(id >> 32) & 0x1ffff; }
static inline uint64_t tpy_l4_id_make(unsigned site, unsigned task, unsigned lthread, unsigned version)
{
    return (uint64_t)site << 32 | (uint64_t)(version >> 10) << 28 | (uint64_t)task << 17 | (uint64_t)lthread << 10 | (version & 1023);
}

/* Gives this process its task number, once. 0 or -errno. */
int tpy_l4_directory_begin(void);
unsigned tpy_l4_own_task(void); /* 0: none yet */
unsigned tpy_l4_own_site(void);
/* A version for one of our lthreads: `wanted` if it is newer than all before (0: any), else the next. 0: this number is used up. */
unsigned tpy_l4_directory_version(unsigned lthread, unsigned wanted);
/* Our thread is there now, or has ended. */
void tpy_l4_directory_enter(unsigned lthread, unsigned version, uint32_t port, uint32_t thread);
void tpy_l4_directory_leave(unsigned lthread);

/* 0; -ESRCH no thread has this id (any more). */
int tpy_l4_directory_find(uint64_t id, struct tpy_l4_place *place);
/* Only whether the thread was alive a moment ago: 0 or -ESRCH. */
int tpy_l4_directory_alive(uint64_t id);
/* Is process `pid` this task of ours? 0 or -ESRCH. */
int tpy_l4_directory_is_task(unsigned site, unsigned task, pid_t pid);

#endif
