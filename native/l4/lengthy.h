/*
 * lengthy: a sending of more than two words, and what is known of it on its way: for send.c, which makes the offers, and outcome.c, which
 * deals with what comes back.
 */
#ifndef TPY_L4_LENGTHY_H
#define TPY_L4_LENGTHY_H

#include "core/layout.h"
#include "l4/transfer.h"

#define TPY_L4_PARTS (3 + TPY_L4_STRINGS)
#define TPY_L4_TABLE (sizeof(struct tpy_l4_head) + 8 * TPY_L4_STRINGS + TPY_L4_EXTENTS * sizeof(struct tpy_l4_extent))

struct tpy_l4_sending {
    struct tpy_l4_local *local;
    struct tpy_l4_result *result;
    struct tpy_connection *connection;
    const struct iovec *send, *reply; /* the core puts its own copies into the offer */
    struct tpy_offer offer;
    uint32_t timeout;
    bool call;
};

struct tpy_l4_lengthy {
    struct tpy_l4_sending sending;
    struct tpy_l4_outgoing out;
    struct tpy_l4_incoming in;
    struct tpy_l4_room room;
    struct tpy_l4_pairs pairs;
    struct tpy_l4_parcel parcel;
    struct iovec more; /* room for words from the third on */
    struct iovec send[TPY_L4_PARTS], reply[TPY_L4_PARTS];
    _Alignas(8) unsigned char head[TPY_L4_TABLE];
    size_t head_length;
    uint64_t table[TPY_L4_STRINGS + TPY_L4_EXTENTS * sizeof(struct tpy_l4_extent) / 8]; /* of the answer */
    void *bounce; /* for strings whose pages are not there yet; NULL: none */
    size_t bounce_length;
};

/* The offer that follows a turn. Nothing of ours ends it but the partner. */
void tpy_l4_go_on(struct tpy_l4_lengthy *it);
/* Waits for pages of ours while the partner holds the exchange. 0, -EFAULT, -ETIMEDOUT, -ECANCELED, -ESRCH. */
int tpy_l4_await_held(struct tpy_l4_lengthy *it, const struct iovec *parts, size_t count, int64_t time);
/* The partner went while it held our exchange: what that is called, if it was cancelled and not dead. */
unsigned tpy_l4_let_go(struct tpy_l4_lengthy *it, unsigned cancelled);
/* Once more, when the offer was neither accepted nor answered. */
int tpy_l4_offer_once(struct tpy_l4_sending *sending);
/* tpy_offer.take, for an answer without gaps. */
int tpy_l4_take(struct tpy_offer *offer, const void *answer, uint64_t length);
/* What came of the offer, which succeeded. */
unsigned tpy_l4_outcome(struct tpy_l4_lengthy *it);

static inline unsigned tpy_l4_failed(struct tpy_l4_sending *sending, unsigned code)
{
    sending->result->dope = code;
    return code;
}

#endif
