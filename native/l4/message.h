/*
 * message: the two descriptors of an IPC, taken apart: what is sent, and where what comes goes. Everything is read through fault-safe
 * copies, once; later changes by the caller's other threads are not seen.
 */
#ifndef TPY_L4_MESSAGE_H
#define TPY_L4_MESSAGE_H

#include <l4/sys/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/uio.h>

#include "core/fault.h"
#include "l4/wire.h"

#define TPY_L4_NIL UINT64_MAX

/* The two words of a short message, stored at once: the core copies them at once, and a load of two stores has to wait for both. */
typedef uint64_t tpy_l4_two_words __attribute__((vector_size(16)));
static inline tpy_l4_two_words tpy_l4_two(uint64_t word0, uint64_t word1)
{
    tpy_l4_two_words both = {word0, word1};
#if defined(__x86_64__)
    __asm__("" : "+x"(both)); /* in one register: the compiler would rather make two stores of it */
#endif
    return both;
}

struct tpy_l4_outgoing {
    uint64_t word[2];
    bool maps;
    uint32_t words;              /* at least 2 */
    uint32_t strings;
    const l4_umword_t *more;     /* word[0] of the buffer */
    struct iovec string[TPY_L4_STRINGS];
};

struct tpy_l4_incoming {
    uint64_t window;             /* fpage; 0: none */
    uint32_t words;              /* room, at least 2 */
    uint32_t strings;
    l4_umword_t *more;           /* word[0] of the buffer; NULL: none */
    l4_strdope_t *dopes;         /* in the buffer */
    struct iovec string[TPY_L4_STRINGS];
};

/* Reads a descriptor that is not NIL. 0, or -EFAULT. */
int tpy_l4_outgoing_read(struct tpy_l4_outgoing *out, const void *descriptor, uint64_t word0, uint64_t word1);
int tpy_l4_incoming_read(struct tpy_l4_incoming *in, const void *descriptor);
/* Notes in the caller's buffer that `size` bytes came for string i. 0, or -EFAULT. */
int tpy_l4_incoming_note(const struct tpy_l4_incoming *in, uint32_t i, uint64_t size);

/* Of a descriptor that is not NIL, if it is no more than FEW words: how many, and where those beyond the first two are. 0: it is more, or not to be read. */
static inline uint32_t tpy_l4_few(const void *descriptor, const l4_umword_t **more)
{
    const char *buffer = (const char *)((uintptr_t)descriptor & ~(uintptr_t)1);
    uint64_t dope;
    *more = NULL;
    if (!buffer) return 2;
    if (((uintptr_t)buffer & 2) || tpy_copy_longs(&dope, buffer + offsetof(struct l4_msghdr, send_dope), sizeof dope) != 0) return 0;
    uint64_t words = dope >> 13 & TPY_L4_WORDS;
    *more = (const l4_umword_t *)(buffer + sizeof(struct l4_msghdr)) + 2;
    return (dope >> 8 & 31) != 0 || words > TPY_L4_FEW ? 0 : words < 2 ? 2 : (uint32_t)words;
}

/* Room for words, likewise, whether or not there is some for strings and flexpages: *plain tells that. 0: not to be read. */
static inline uint32_t tpy_l4_few_room(void *descriptor, l4_umword_t **more, bool *plain)
{
    char *buffer = (char *)((uintptr_t)descriptor & ~(uintptr_t)1);
    uint64_t head[2];
    *more = NULL;
    *plain = true;
    if (!buffer) return 2;
    *plain = false;
    if ((uintptr_t)buffer & 2) return 2;
    _Static_assert(offsetof(struct l4_msghdr, size_dope) == sizeof head[0], "beside the window");
    if (tpy_copy_longs(head, buffer, sizeof head) != 0) return 0;
    uint64_t words = head[1] >> 13 & TPY_L4_WORDS;
    *more = (l4_umword_t *)(buffer + sizeof(struct l4_msghdr)) + 2;
    *plain = head[0] == 0 && (head[1] >> 8 & 31) == 0;
    return words < 2 ? 2 : (uint32_t)words;
}

static inline uint64_t tpy_l4_dope(uint32_t words, uint32_t strings, unsigned code)
{
    return (uint64_t)words << 13 | (uint64_t)strings << 8 | code;
}
#define TPY_L4_FPAGE_RECEIVED 2u

#endif
