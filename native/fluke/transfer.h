/* transfer: a call in progress, as the state machines of both sides see it: what it does, where it stands, and how much has moved. */
#ifndef TPY_FLUKE_TRANSFER_H
#define TPY_FLUKE_TRANSFER_H

#include "core/port.h"
#include "fluke/message.h"

/* What a call does, in this order. */
enum { CONNECT = 1, ACK = 2, SEND = 4, OVER = 8, RECEIVE = 16, REPLY = 32, SETUP = 64, WAIT = 128 };
/* Where it stands. The first three send data. */
enum stage { TO_CONNECT, TO_ACK, DATA, REFS, GO_OVER, TO_RECEIVE, TO_WAIT };

#define GO_ON (-1000) /* no result of a call: there is more to do */

struct transfer { /* of a server */
    struct fluke_thread *thread;
    struct tpy_fluke_server *side;
    fluke_ipc_params_t *params;
    void **alias;
    uint8_t does;
    enum stage stage;
    enum tpy_fluke_answer ending; /* of what it sends */
    struct tpy_fluke_cargo cargo;
    uint64_t came; /* words received by this call */
    bool untold;   /* this call has reversed the connection, and the client does not know it yet */
};

/* server.c */
void tpy_fluke_server_ended(struct tpy_fluke_server *side);
void tpy_fluke_server_take(struct tpy_fluke_server *side, const struct tpy_receipt *receipt); /* an accepted offer */
fluke_error_t tpy_fluke_server_count(struct transfer *it, uint64_t words, bool committed); /* FLUKE_SUCCESS; GO_ON: withdrawn, it does not count */
fluke_error_t tpy_fluke_server_receive(struct transfer *it); /* from where the offer in hand, if any, stands */
/* If this call was interrupted before: true, and it->stage where. */
bool tpy_fluke_server_resumes(struct transfer *it);
/* Remembers where an interrupted call stands. */
fluke_error_t tpy_fluke_server_done(struct transfer *it, fluke_error_t error);

/* wait.c: waits for a message to the thread's port set and receives it: the end of all *_wait_receive calls */
fluke_error_t tpy_fluke_wait(struct transfer *it);

#endif
