/*
 * node: this process as the others see it: the runtime directory, the socket it listens on, the page it shows its clients, and its links.
 * Everything starts when first needed and anew in a child after fork.
 */
#ifndef TPY_CORE_NODE_H
#define TPY_CORE_NODE_H

#include <stdint.h>

#include "core/layout.h"
#include "core/link.h"

/* The user's runtime directory ($TETRAPYLON_DIR, else tetrapylon-<uid> in /dev/shm), checked to be ours to write. 0 or -errno. */
int tpy_node_directory(uid_t uid, char *path, size_t size);
/* `sub` below it, made if need be. */
int tpy_node_subdirectory(const char *sub, char *path, size_t size);

/* Makes sure that we listen and watch. 0 or -errno. */
int tpy_node_serve(void);
struct tpy_node_page *tpy_node_page(void); /* after tpy_node_serve */
int tpy_node_page_fd(void);

/* The link to a process we are a client of, made if need be, with a reference for the caller. -ESRCH, -EPERM, ... */
int tpy_node_link(pid_t pid, struct tpy_link **link);

/* The link on which process `pid` is our client, with a reference, or NULL. number: just that one (tpy_identity.link), or 0. */
struct tpy_link *tpy_node_client_link(pid_t pid, uint64_t number);

/* What the clients of a user take of us now, all together; on the watcher. */
struct tpy_node_use {
    uint32_t exchanges, streams, descriptors;
};
struct tpy_node_use tpy_node_use_of(uid_t uid);

/* Ends a link that misbehaves; from any thread. */
void tpy_node_drop(struct tpy_link *link);

#endif
