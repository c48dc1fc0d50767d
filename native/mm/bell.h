/*
 * bell: how a connect that waits for a server learns that it has come, without asking again and again. A waiter hangs
 * up a bell for the name; a server that begins to listen rings all bells of its name.
 *
 * A bell is a datagram socket at one of a few well-known addresses per name, and its descriptor belongs to the waiter;
 * it goes with him. A ring is only a hint: anybody can ring, or occupy the addresses, and the original's servers ring
 * not at all. So whoever waits looks for himself every now and then.
 */
#ifndef TPY_MM_BELL_H
#define TPY_MM_BELL_H

/* A descriptor that is readable once the bell has rung, or -EADDRINUSE all places taken, -EMFILE, -ENFILE, -ENOMEM. */
int tpy_mm_bell_hang(const char *name);

/* Forgets past rings. */
void tpy_mm_bell_hush(int bell);

/* Rings all bells of the name. Never blocks, cannot fail. */
void tpy_mm_bell_ring(const char *name);

#endif
