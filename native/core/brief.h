/*
 * brief: an exchange whose windows are one short part each, the common case: the same as tpy_offer and tpy_finish with such parts, in one step, without
 * lists. There are two forms: of memory of the caller's, fault-safe as ever, and of two words that a face has in registers, of whose memory nothing is
 * read or written.
 */
#ifndef TPY_CORE_BRIEF_H
#define TPY_CORE_BRIEF_H

#include "core/connection.h"
#include "core/exchange.h"
#include "core/layout.h"

/* Parts shorter than this are brief. */
#define TPY_BRIEF TPY_DATA_SHORT

struct tpy_brief {
    /* in */
    const void *send;
    uint64_t send_length; /* below TPY_BRIEF */
    void *reply;
    uint64_t room;        /* below TPY_BRIEF */
    uint32_t tag;
    uint8_t kind;
    uint32_t flags;       /* TPY_OFFER_CONTINUE, _UNSIGNALLED, _ACCOUNTED, or 0 */
    uint32_t lingers;     /* at a port with one of these flags: TPY_STRIKE_REPLY as `linger` */
    /* out, as those of struct tpy_offer, also of an offer that fails */
    int64_t status;
    uint64_t length;
    uint64_t mark;
    uint32_t held;
    int struck;
};

#define TPY_NOT_BRIEF 1 /* nothing was done: tpy_offer finds out what to say */
/* tpy_offer with no bounds in time, at the thread's priority. */
int tpy_offer_brief(struct tpy_connection *connection, struct tpy_brief *brief);

/* tpy_finish and tpy_turn with one part, shorter than TPY_BRIEF. */
int tpy_finish_brief(struct tpy_exchange *exchange, uint32_t sequence, int64_t status, const void *from, uint64_t length);
int tpy_turn_brief(struct tpy_exchange *exchange, uint32_t sequence, int64_t status, const void *from, uint64_t length);

struct tpy_two {
    uint64_t room;    /* in: TPY_TWO, or 0: no words come back */
    int64_t status;   /* out, as those of struct tpy_offer */
    uint64_t length;
    uint64_t word[2]; /* as far as length says */
    uint32_t reached;
};
#define TPY_TWO (2 * sizeof(uint64_t))

/* tpy_offer with TPY_OFFER_UNSIGNALLED and TPY_OFFER_STAGED, and no bounds in time, at the thread's priority. */
int tpy_offer_two(struct tpy_connection *connection, uint64_t word0, uint64_t word1, uint8_t kind, uint32_t tag, struct tpy_two *answer);

int tpy_finish_two(struct tpy_exchange *exchange, uint32_t sequence, int64_t status, uint64_t word0, uint64_t word1);
/* The same with no words. */
int tpy_finish_none(struct tpy_exchange *exchange, uint32_t sequence, int64_t status);

#endif
