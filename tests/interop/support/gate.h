/*
 * gate: an echo client and an echo server in each of the three gates that call and answer, by one face, and what a hostile client does there.
 * A process is one client and one server at most.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <stddef.h>

#define GATE_MOST 100000 /* bytes of a message */

struct gate {
    const char *name;
    bool (*open)(const char *name); /* finds the server of that name; false: nobody has it now */
    /* Sends a message and waits for the answer. How many bytes came; -1: the server has gone, as the gate's documents say it. */
    long (*call)(const unsigned char *message, size_t size, unsigned char *answer, size_t room);
    void (*close)(void);
    void (*attach)(const char *name);                    /* becomes the server of that name */
    size_t (*next)(unsigned char *message, size_t room); /* waits for the next message that came whole */
    void (*answer)(const void *answer, size_t size);     /* its client may have gone */
    /* As an honest call looks, more or less, by a client whose shared memory is being written over; what it returns means nothing. */
    void (*strike)(unsigned number, unsigned char *bytes, size_t size);
    void (*loosen)(void); /* from another thread: a strike ends soon. NULL: it does so by itself */
};

extern const struct gate gate_qnx, gate_fluke, gate_l4;

#endif
