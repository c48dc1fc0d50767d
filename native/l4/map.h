/*
 * map: flexpages between processes. What can be shared on Linux is a memory object, so pages that are to be mapped elsewhere become parts
 * of one (a memfd) where they stand, with what is in them; from then on both sides have the same pages. A read-only mapping is made from a
 * descriptor that cannot write, so it cannot be made writable later.
 *
 * Owner: the process, for the objects it knows (one descriptor each, kept while some mapping uses it). Any thread; slow paths only.
 */
#ifndef TPY_L4_MAP_H
#define TPY_L4_MAP_H

#include <stdint.h>

#include "l4/wire.h"

#define TPY_L4_PAIRS 16u /* flexpages in a message */

/* The flexpages of a message: pairs (snd_base, fpage), up to the first zero fpage. */
struct tpy_l4_pairs {
    uint32_t count;
    uint64_t base[TPY_L4_PAIRS], fpage[TPY_L4_PAIRS];
};

struct tpy_l4_parcel {
    uint32_t count;
    struct tpy_l4_extent extent[TPY_L4_EXTENTS];
    int fd[TPY_L4_EXTENTS]; /* ours to keep */
};

/* words: all of the message's, `count` of them. */
void tpy_l4_pairs_read(struct tpy_l4_pairs *pairs, const uint64_t *words, uint32_t count);
/* Sender: the pages behind the flexpages, as pieces of memory objects. 0, or -errno: nothing there, too many pieces, no memory. */
int tpy_l4_map_collect(const struct tpy_l4_pairs *pairs, struct tpy_l4_parcel *parcel);
/* Sender, after success: takes granted pages away. */
void tpy_l4_map_grant(const struct tpy_l4_pairs *pairs);
/* Receiver: puts the pieces into the window; closes or keeps the descriptors. 0 or -errno. */
int tpy_l4_map_place(uint64_t window, const struct tpy_l4_pairs *pairs, const struct tpy_l4_extent *extents, uint32_t count, int *fds,
    uint32_t fd_count);

#endif
