/*
 * layout: the shared memory of one exchange, the wire format between a client thread and a server port.
 *
 * The server's process creates the memory (a sealed memfd) and both sides map it; C and Java processes of every version that speak
 * TPY_WIRE_VERSION agree on each offset below. Every word here is a hint written by a process that may lie: a reader loads it once,
 * copies it to private memory, and checks the copy. The state that decides lives in struct tpy_exchange (server) and
 * struct tpy_lane (client), see docs/exchange.md.
 */
#ifndef TPY_CORE_LAYOUT_H
#define TPY_CORE_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TPY_WIRE_VERSION 1u

/* A window of up to TPY_INLINE bytes travels in the exchange itself. Of a longer one only the head does; the rest goes through the stream, which
 * uses its memory in turn: writing to lines that the other CPU has just read costs several times as much. */
#define TPY_INLINE 16384u
#define TPY_INLINE_HEAD 4096u
#define TPY_LINE 64u
/* A short window begins in the line of the word that announces it; a longer one at the next line, since copies between places that differ by less than
 * a line modulo a page are slow, and most buffers begin at or near the begin of one. */
#define TPY_DATA_LATER 40u
#define TPY_DATA_SHORT 1024u
/* One-way messages that may wait in one exchange; a power of two. */
#define TPY_ONEWAY_SLOTS 1024u

/* post, low half: sequence << 1 | TPY_POST_SLEEP; high half: how many one-way messages were ever put. */
#define TPY_POST_SLEEP 1u

/* answer: sequence << 5 | bits. The sequence has 27 bits and is compared for equality only. */
#define TPY_ANSWER_SLEEP 1u     /* the client sleeps on this word: wake it */
#define TPY_ANSWER_DONE 2u      /* the server finished this sequence */
#define TPY_ANSWER_CANCEL 4u    /* the client withdrew this sequence */
#define TPY_ANSWER_CONFIRMED 8u /* with CANCEL: the server dropped it unaccepted; alone: the client asks for that (withdraw); with DONE (and
                                 * perhaps CANCEL): the server no longer holds the exchange */
#define TPY_ANSWER_RELEASED (TPY_ANSWER_DONE | TPY_ANSWER_CONFIRMED)
#define TPY_ANSWER_HELP 16u     /* the server asks the client to look at the stream */
#define TPY_ANSWER_SHIFT 5
#define TPY_SEQUENCE_MASK 0x07ffffffu

/* tpy_offer_area.flags */
#define TPY_OFFER_LONG 1u     /* lengths need 64 bits: they stand in the client line */
#define TPY_OFFER_FDS 2u      /* descriptors were sent over the link before the post */
#define TPY_OFFER_CONTINUE 4u /* goes to the holder of the exchange, not to the port's queue */
#define TPY_OFFER_STREAM 8u   /* parts of the windows lie beyond TPY_INLINE */
#define TPY_OFFER_FAULT 16u   /* client.fault_at, client.room_fault_at tell where a window cannot be read or written */

#define TPY_OFFER_NOTIFY 32u  /* set HELP in the answer word when it is accepted (with CONFIRM: when that is confirmed) */
#define TPY_OFFER_HANGUP 128u /* no offer: the client no longer goes along with whoever holds the exchange */
#define TPY_OFFER_CONFIRM 64u /* acceptance is not the end of the sending: the server confirms that */

/* tpy_answer_area.flags */
#define TPY_ANSWER_ERROR 1u  /* status is a positive errno, not the server's status */
#define TPY_ANSWER_PUSHED 2u /* the data went through push records; none is inline */
#define TPY_ANSWER_SPILL 4u  /* more push records wait in a memory object sent over the link */
#define TPY_ANSWER_FDS 8u    /* descriptors were sent over the link before the answer */
#define TPY_ANSWER_GONE 32u  /* with ERROR: the port is gone, nothing more will be answered */
#define TPY_ANSWER_HOLD 16u  /* the exchange stays with the server that answered */

struct tpy_offer_area { /* the client writes; the server sets only TPY_POST_SLEEP */
    _Alignas(TPY_LINE) _Atomic uint64_t post;
    uint8_t kind;
    uint8_t priority;
    uint8_t flags;
    uint8_t cpu; /* the CPU the client last ran on */
    uint32_t tag;
    uint32_t send_length;
    uint32_t room;
    unsigned char data[TPY_INLINE + TPY_DATA_LATER]; /* from tpy_data_at on */
};

struct tpy_answer_area { /* the server writes; the client sets SLEEP and CANCEL in the word */
    _Alignas(TPY_LINE) _Atomic uint32_t answer;
    uint8_t flags;
    uint8_t cpu; /* the CPU the server last ran on */
    uint16_t reserved;
    int64_t status;
    uint64_t length;
    unsigned char data[TPY_INLINE + TPY_DATA_LATER]; /* from tpy_data_at on */
};

struct tpy_server_line {
    _Alignas(TPY_LINE) _Atomic uint32_t accepted; /* the sequence last accepted */
    _Atomic uint32_t seek;                        /* counts requests to start the send stream elsewhere */
    _Atomic uint64_t seek_to;                     /* the window offset asked for */
    _Atomic uint64_t taken;                       /* send stream: window bytes consumed up to here */
    _Atomic uint64_t pushed;                      /* push records: ring position produced, from 0 in each sequence */
    _Atomic uint32_t stream_for;                  /* the sequence that taken, seek_to and pushed belong to */
    _Atomic uint32_t oneway_taken;                /* one-way messages consumed */
    uint32_t reserved;
    _Atomic uint64_t progress;                    /* sequence << 37 | CLOSED | mark: how far the server says that offer is (tpy_commit, tpy_confirm) */
};

/* progress: the server commits marks, the client closes it when it withdraws: whoever changes the word first decides. */
#define TPY_PROGRESS_SHIFT 37
#define TPY_PROGRESS_CLOSED (UINT64_C(1) << 36)
#define TPY_PROGRESS_MARK (TPY_PROGRESS_CLOSED - 1)

struct tpy_client_line {
    _Alignas(TPY_LINE) uint64_t send_length;
    uint64_t room;
    uint64_t stamp;               /* CLOCK_MONOTONIC ns of the post, where it was not taken at once: order among equals */
    uint64_t room_fault_at;       /* reply window offset that cannot be written; all ones: none known */
    uint64_t iov;                 /* address and count of the send parts, for process_vm_readv */
    uint64_t iov_count;
    _Atomic uint64_t applied;     /* push records: ring position consumed */
    _Atomic uint32_t stamp_for;   /* the sequence that stamp belongs to */
    _Alignas(TPY_LINE) _Atomic uint64_t filled; /* send stream: window bytes available up to here */
    uint64_t ring_base;           /* where position 0 of either ring lies; a multiple of 4096 */
    _Atomic uint64_t fault_at;    /* window offset that could not be read; all ones: none */
    _Atomic uint32_t seek_seen;   /* the last seek obeyed; filled counts from its offset */
    uint32_t reserved2;
};

struct tpy_oneway {
    uint64_t value;
    uint64_t stamp;
    uint32_t tag;
    int16_t code;
    uint8_t priority;
    uint8_t kind;
};

/* Where in their pages the two begin: not both alike, nor where the buffers of most programs do. A load that agrees in the low twelve bits of its address
 * with a store under way waits for it. */
#define TPY_OFFER_AT 0x740
#define TPY_ANSWER_AT 0xb40
struct tpy_shared {
    struct tpy_server_line server;
    struct tpy_client_line client;
    unsigned char reserved[4096 + TPY_OFFER_AT - sizeof(struct tpy_server_line) - sizeof(struct tpy_client_line)];
    struct tpy_offer_area offer;
    unsigned char pad1[5 * 4096 + TPY_ANSWER_AT - TPY_OFFER_AT - sizeof(struct tpy_offer_area)];
    struct tpy_answer_area answer;
    unsigned char pad2[5 * 4096 - TPY_ANSWER_AT - sizeof(struct tpy_answer_area)];
    struct tpy_oneway oneway[TPY_ONEWAY_SLOTS];
};

/* The stream memory of an exchange that moves large windows: one ring a direction. */
#define TPY_RING (2u * 1024u * 1024u)
struct tpy_bulk {
    unsigned char send[TPY_RING];  /* the client writes window bytes at (ring_base + offset) % TPY_RING */
    unsigned char reply[TPY_RING]; /* the server writes push records */
};

/* A push record in the reply ring (or in a spill): this header, then length bytes, padded to 16. */
struct tpy_push_record {
    uint64_t offset;
    uint64_t length;
};

/* The page a process shows all its clients, read-only to them. ring[port % TPY_RINGS] tells whether receivers of that port sleep
 * where a post alone does not wake them. */
#define TPY_RINGS 1024u
#define TPY_RING_NO 0u
#define TPY_RING_NOW 1u   /* ring at once after the post */
#define TPY_RING_LATER 2u /* ring only before going to sleep */
#define TPY_RING_GONE 3u  /* the port was destroyed: what is posted from now on was never sent */
/* waits[port] tells whom a receiver of a TPY_PORT_WAITED port waits for just now: nobody, anybody, somebody a filter chooses, or a named thread
 * (pid << 32 | thread). A line each: it changes with every message, and clients read the ring words of their ports all the time. */
#define TPY_WAITS_NOBODY 0u
#define TPY_WAITS_ANYBODY 1u
#define TPY_WAITS_CHOSEN 2u
struct tpy_waits {
    _Alignas(TPY_LINE) _Atomic uint64_t who;
};
struct tpy_node_page {
    uint32_t version;
    uint32_t pid;
    uint64_t generation;
    _Alignas(TPY_LINE) _Atomic uint32_t ring[TPY_RINGS];
    struct tpy_waits waits[TPY_RINGS];
};

_Static_assert(offsetof(struct tpy_offer_area, data) == 24, "40 bytes travel in the line of the post");
_Static_assert(offsetof(struct tpy_answer_area, data) == 24, "40 bytes travel in the line of the answer");
_Static_assert(sizeof(struct tpy_oneway) == 24, "wire format");
_Static_assert(offsetof(struct tpy_shared, offer) == 4096 + TPY_OFFER_AT, "wire format");
_Static_assert(offsetof(struct tpy_shared, answer) == 6 * 4096 + TPY_ANSWER_AT, "wire format");
_Static_assert(offsetof(struct tpy_shared, oneway) == 11 * 4096, "wire format");
_Static_assert(sizeof(struct tpy_shared) % 4096 == 0, "whole pages");

#define TPY_NOWHERE UINT64_MAX
/* How much of a send window lies in the exchange itself. */
static inline uint64_t tpy_inline_part(uint64_t length) { return length <= TPY_INLINE ? length : TPY_INLINE_HEAD; }
/* The lines of `data` beyond the first that a short window of this length takes, a few at most: nobody polls them, so whoever is to write there next may
 * fetch them long before (tpy_own). */
#define TPY_LINES_AHEAD 3u
static inline unsigned tpy_lines_ahead(uint64_t length)
{
    uint64_t lines = length <= TPY_DATA_LATER || length >= TPY_DATA_SHORT ? 0 : (length - TPY_DATA_LATER + TPY_LINE - 1) / TPY_LINE;
    return lines < TPY_LINES_AHEAD ? (unsigned)lines : TPY_LINES_AHEAD;
}
/* Where in `data` a window of this length begins. */
static inline size_t tpy_data_at(uint64_t length) { return length < TPY_DATA_SHORT ? 0 : TPY_DATA_LATER; }
static inline uint32_t tpy_post_sequence(uint64_t post) { return ((uint32_t)post >> 1) & TPY_SEQUENCE_MASK; }
static inline uint32_t tpy_answer_sequence(uint32_t answer) { return answer >> TPY_ANSWER_SHIFT; }

#endif
