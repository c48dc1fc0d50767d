/*
 * wire: how an L4 message looks inside an exchange of the core: between two processes that may be C or Java, and of different versions.
 *
 * A short message is its words, FEW at most, and its kind says whether the sender waits for an answer (CALL); then its reply room is that of the
 * answer's words, and the answer is those. How many words there are, and room for how many, follows from the lengths. A LONG one begins with a head; a
 * table follows (sizes of the strings sent, sizes of the receive buffers of a call, 32 bits each; extents of flexpages), then the words from the third
 * on, then the strings. The offer's tag carries the sender's lthread, version and page-fault times; its task is known from its connection.
 *
 * The answer to a call is the reply window: two words, a table (sizes of the strings as received; extents), the room for words, the
 * room for each string. Where all that is small (TAKES) there is no window: the same parts come without gaps, sizes in 32 bits, and the caller
 * puts them where they belong. The status of a finish tells the rest. Everything here is data of a distrusted peer: read once, checked.
 */
#ifndef TPY_L4_WIRE_H
#define TPY_L4_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/port.h"

#define TPY_L4_PORT_FLAGS TPY_PORT_WAITED

/* Kinds of offers: a set of bits. */
#define TPY_L4_CALL 1u     /* stays open for the answer */
#define TPY_L4_LONG 2u     /* with a head */
#define TPY_L4_GOES_ON 4u  /* only in answer to a turn: the rest of a message, or what became of an answer */

#define TPY_L4_STRINGS 31u
#define TPY_L4_EXTENTS 16u /* contiguous pieces of memory objects in a message; each has a descriptor */
#define TPY_L4_WORDS 0x7ffffu

/* tpy_l4_head.flags */
#define TPY_L4_MAPS 1u      /* the words begin with send flexpages */
#define TPY_L4_PENDING 2u   /* pages of the strings are not there: ask for them by a turn */
#define TPY_L4_ROOM_PENDING 4u /* call: pages of the receive buffers are not there: answer by a turn */
#define TPY_L4_WINDOW 8u    /* call: there is a window for flexpages */
#define TPY_L4_FAILED 16u   /* goes on: the pages did not come in time */
#define TPY_L4_ABORTED 32u  /* goes on: cancelled */
#define TPY_L4_TAKES 64u    /* call: the answer comes close together */

struct tpy_l4_head {
    uint64_t word[2];
    uint32_t words;     /* all of them, these two included */
    uint8_t strings;
    uint8_t flags;
    uint8_t extents;
    uint8_t room_strings; /* call */
    uint32_t room_words;  /* call: at least 2 */
    uint32_t reserved;
};
_Static_assert(sizeof(struct tpy_l4_head) == 32, "travels in the line of the post");

/* How a message begins: what a receiver takes at once. */
#define TPY_L4_FEW 16u
struct tpy_l4_start {
    union {
        struct {
            struct tpy_l4_head head;
            uint32_t sizes[2 * TPY_L4_FEW - sizeof(struct tpy_l4_head) / 4]; /* of strings and receive buffers: often all there are */
        };
        _Alignas(16) uint64_t word[TPY_L4_FEW]; /* copied by moves of so many bytes */
    };
};
_Static_assert(sizeof(struct tpy_l4_start) == 8 * TPY_L4_FEW, "all of a short message");

/* A piece of a memory object that goes with the message. */
struct tpy_l4_extent {
    uint64_t offset; /* in the object */
    uint64_t length;
    uint64_t at;     /* from the beginning of its flexpage */
    uint32_t pair;   /* which of the message's flexpages */
    uint32_t write;
};

/* The status of a finish: what came of a sending (SENT with a code), or the answer to a call. */
#define TPY_L4_ST_SENT (1ll << 32)     /* the code is the sender's; the call, if it was one, is over */
#define TPY_L4_ST_GO (1ll << 33)       /* turn: bring the pages of the strings in, in the page-fault time given */
#define TPY_L4_ST_CONFIRM (1ll << 34)  /* turn: this is the answer; tell what became of it */
#define TPY_L4_ST_MAPS (1ll << 35)     /* the answer's words begin with flexpages */
#define TPY_L4_ST_FAULT_SHIFT 40       /* 4 bits: the other side's page-fault time */
#define TPY_L4_ST_TOUCHED_SHIFT 44     /* 6 bits: receive buffers written, whole or not */
#define TPY_L4_ST_EXTENTS_SHIFT 52     /* 5 bits */
#define TPY_L4_ST_DOPE 0xffffffffll    /* the receiver's dope; with SENT the code */

/* tag: version and lthread where the id has them; in the task's place rcv_pfault 17 to 20, snd_pfault 21 to 24. */
#define TPY_L4_TAG_ID 0xf001ffffu
static inline uint32_t tpy_l4_tag_of(uint64_t id) { return (uint32_t)id & TPY_L4_TAG_ID; }
static inline uint32_t tpy_l4_tag_faults(uint32_t timeout) { return ((timeout >> 8) & 255) << 17; }
static inline unsigned tpy_l4_tag_snd_fault(uint32_t tag) { return (tag >> 21) & 15; }
static inline unsigned tpy_l4_tag_rcv_fault(uint32_t tag) { return (tag >> 17) & 15; }
/* The sender's id: site and task from its connection, the rest from the tag. */
static inline uint64_t tpy_l4_source(const void *client, uint32_t tag) { return (uint64_t)(uintptr_t)client | (tag & TPY_L4_TAG_ID); }

#endif
