/*
 * core_support: what the tests of the core share: an echo server on a port, a client's call that checks what comes back, and counts of what
 * this process holds.
 */
#ifndef CORE_SUPPORT_H
#define CORE_SUPPORT_H

#include "check.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "core/link.h"
#include "core/port.h"
#include "core/thread.h"

#define MS 1000000ll

/* Whether something waits in the port's queue. Looks at the posts anew. */
bool core_queued(struct tpy_port *port);
/* A port without callbacks. */
struct tpy_port *core_port(uint32_t *id);
/* Receives and sends back what came, until the port is destroyed. status = bytes received. A thread's body: argument is the port. */
void *core_echo(void *port);
/* Starts a process with an echo port; its id is stored before this returns. */
pid_t core_echo_process(uint32_t *id);
/* One call with `size` bytes made from seed, checked byte for byte. The result of tpy_offer. */
int core_call(struct tpy_connection *connection, size_t size, unsigned seed);
/* Zeroed memory that forked children share. */
void *core_share(size_t size);
/* What this process holds. */
unsigned core_descriptors(void);
unsigned core_mappings(void);
/* Waits until the counts are down to these again. */
void core_await_counts(unsigned descriptors, unsigned mappings);
/* A server that speaks the wire by hand, on the thread that calls these: a socket where this process would be sought, which has no port then; the first
 * client, whose HELLO is answered with this page (core_page for a good one); what it says next, which is of this type. */
int core_wire_listen(void);
int core_wire_greet(int listener, int page);
struct tpy_say core_wire_hear(int client, enum tpy_say_type type);
/* Says this, with the version filled in. */
void core_wire_say(int client, struct tpy_say say, int object);
/* A reply to what was heard. */
struct tpy_say core_wire_reply(const struct tpy_say *to);
int core_page(void);
/* From now on this system call gives ENOSYS to the calling thread and to those it starts, as a kernel without it would. */
void core_forbid(int system_call);
/* A small pseudo-random sequence of its own state. */
unsigned core_random(unsigned *state);

#endif
