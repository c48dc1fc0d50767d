/*
 * names: which process and port hold a name. One file a name in the user's runtime directory, held by a record lock that the kernel
 * drops when its owner dies; so a dead owner's name is free at once, and of many that race for it one wins.
 *
 * Any thread. `space` is the face's own set of names ("qnx", "l4", "fluke").
 */
#ifndef TPY_CORE_NAMES_H
#define TPY_CORE_NAMES_H

#include <stdint.h>
#include <sys/types.h>

#define TPY_NAME_MAX 100

struct tpy_name_entry {
    pid_t pid;       /* attested by the lock */
    uint32_t port;
    uint64_t detail; /* the face's */
};

/* 0, -EEXIST held (by us or another), -EINVAL empty or a byte '/' or NUL, -ENAMETOOLONG, or what the directory says. */
int tpy_name_bind(const char *space, const char *name, uint32_t port, uint64_t detail);
/* 0, -ENOENT not ours. */
int tpy_name_unbind(const char *space, const char *name);
/* 0, -ENOENT nobody holds it. */
int tpy_name_lookup(const char *space, const char *name, struct tpy_name_entry *entry);
/* Waits until somebody holds it: 0, -ETIMEDOUT, -EINTR, -ECANCELED, or as bind for the name. deadline: absolute CLOCK_MONOTONIC ns. */
int tpy_name_wait(const char *space, const char *name, int64_t deadline, struct tpy_name_entry *entry);

#endif
