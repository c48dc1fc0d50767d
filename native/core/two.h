/*
 * two: an exchange of two words each way, for a face that has them in registers: the same as tpy_offer with one part of two words, and tpy_finish with
 * another, but nothing of the caller's memory is read or written, so nothing is listed, measured, tried or copied fault-safe.
 */
#ifndef TPY_CORE_TWO_H
#define TPY_CORE_TWO_H

#include "core/connection.h"
#include "core/exchange.h"

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
