/*
 * wait: how a thread waits for its peer: it polls, then yields, then sleeps. It polls only while the peer can run at the same time (on
 * another CPU), yields while both share one, and stops after about what a wake-up costs. It learns from how long its last waits were,
 * so a thread that always waits long goes to sleep at once.
 *
 * Before a sleep that is likely to end with a call from a known CPU the thread narrows itself to that CPU: the waker then runs it by a
 * context switch, which costs a tenth of waking an idle CPU. It gives its CPUs back when it wakes. See docs/decisions/waiting.md.
 *
 * Owner: struct tpy_spin belongs to one thread and one thing waited for.
 */
#ifndef TPY_CORE_WAIT_H
#define TPY_CORE_WAIT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/system.h"
#include "core/thread.h"

#define TPY_POLLS_AT_ONCE 100 /* without a pause between */
#define TPY_POLLS_RELAXED 64 /* with one, and without the clock: a peer that is awake answers within these */
#define TPY_SPIN_LONG 30000 /* ns: about a wake-up on another CPU */
#define TPY_SPIN_SHORT 1000
#define TPY_YIELD_LONG 20000 /* ns of yielding, after or instead of the spin */

struct tpy_spin {
    uint8_t misses;    /* long waits in a row */
    uint8_t cpus;      /* CPUs allowed when last asked */
    uint16_t asked;    /* waits until we ask again */
    uint16_t hot;      /* waits that were answered at once, since our last turn */
    uint16_t let_be;   /* parts of turns of an empty loop before the first look at what the peer writes next */
    uint16_t turns;    /* to give away: others wanted our CPU not long ago */
    uint8_t strays;    /* sleeps to be narrowed: the last one that was not ended on another CPU than its waker's */
    uint32_t meets;    /* waits in a row, each begun shortly after the one before, that ended while both shared a CPU */
    int64_t met;       /* when the last of them ended */
    int64_t stepped;   /* when we last stepped to another CPU */
};

#define TPY_SPIN_MISSES 3
#define TPY_OFTEN 50000 /* ns between waits */
#define TPY_MEETS 4 /* calls that share a CPU before one steps aside: the other CPU answers ten times as fast */

/*
 * Others that wait for our CPU get it when the kernel says so, every few milliseconds; of several pairs or clients that is long for the last one. So
 * a thread whose calls are answered at once, and who has met others lately, lets them go first now and then.
 */
#define TPY_TURN 8192 /* calls: a millisecond or two */
#define TPY_TURNS 64
void tpy_spin_turn(struct tpy_spin *spin);
static inline void tpy_spin_hot(struct tpy_spin *spin)
{
    if (TPY_UNLIKELY(++spin->hot >= TPY_TURN)) tpy_spin_turn(spin);
}

/*
 * Another wait, begun at `since`, ended while both shared a CPU: steps aside if that keeps happening. A rare call is best answered where it
 * comes from. One that waited long did so because the peer was busy with others: next to them it gets its turns, behind the peer it gets one
 * answer a turn.
 */
void tpy_spin_met(struct tpy_spin *spin, int64_t since);
/* Leaves this CPU for another allowed one, if there is one. */
void tpy_step_aside(struct tpy_spin *spin);
void tpy_spin_ask(struct tpy_spin *spin);

/*
 * Narrowing around a sleep. It costs 5 us, and there are kernels and moments that place the sleeper on its waker's CPU without it: so it is done
 * while sleepers were seen to wake elsewhere, and left out now and then to see.
 */
struct tpy_narrow {
    bool wanted, active;
    cpu_set_t before;
};
void tpy_narrow_to(struct tpy_narrow *narrow, struct tpy_spin *spin, uint8_t cpu);
/* waker: the CPU of who woke us, as far as known. */
void tpy_narrow_undo(struct tpy_narrow *narrow, struct tpy_spin *spin, uint8_t waker);

/*
 * Who looks at a line that its peer is about to write takes it away, and the peer must fetch it back first. So each side lets the other be, after a post or
 * an answer, for about as long as it takes what it waits for to come; and what each writes next it fetches for writing (tpy_own) while the other does not
 * look: the server when it accepts, the client just before it looks for the answer. Two of four transfers are hidden then. The time is learned from how
 * often the first look came too early: of five one may. The steps are small, since whoever waits longer answers later, and the other finds nothing then
 * and waits longer, too: with steps of eight turns the two drove each other to the most. That is bounded, so that nothing is found much too late.
 */
#define TPY_LET_BE_MOST 600 /* turns, some 200 ns: what takes longer does not gain by it */
#define TPY_LET_BE_PARTS 8  /* let_be counts parts of a turn: one less for each look that found something */
#define TPY_LET_BE_UP 4     /* and as many more for each that came too early */
static inline void tpy_spin_let_be(const struct tpy_spin *spin)
{
    for (unsigned i = spin->let_be / TPY_LET_BE_PARTS; i > 0; i--) __asm__ volatile("");
}
static inline void tpy_spin_looked(struct tpy_spin *spin, bool found)
{
    if (TPY_LIKELY(found)) spin->let_be -= spin->let_be > 0;
    else if (spin->let_be < TPY_LET_BE_MOST * TPY_LET_BE_PARTS) spin->let_be += TPY_LET_BE_UP;
}

/* Long waits are the rule for this one just now. */
static inline bool tpy_spin_sleeps(const struct tpy_spin *spin) { return spin->misses >= TPY_SPIN_MISSES; }

/* After a wait that began at `since` and slept. */
static inline void tpy_spin_slept(struct tpy_spin *spin, int64_t since)
{
    if (tpy_now() - since < 2 * (TPY_SPIN_LONG + TPY_YIELD_LONG)) spin->misses = 0;
    else if (spin->misses < TPY_SPIN_MISSES) spin->misses++;
}

/*
 * Polls and yields until poll(argument) or until sleeping is better. True if polled. *since is set to when the clock was first read
 * (0: never, it was quick). peer_cpu may be stale: it is a hint.
 */
__attribute__((always_inline)) static inline bool tpy_spin_for(struct tpy_spin *spin, uint8_t peer_cpu, bool (*poll)(void *),
    void *argument, int64_t *since)
{
    *since = 0;
    bool together = tpy_cpu() == peer_cpu;
    for (int i = together ? TPY_POLLS_AT_ONCE - 1 : 0; i < TPY_POLLS_AT_ONCE; i++) /* no peer runs here while we look */
        if (poll(argument)) {
            tpy_spin_hot(spin);
            return true;
        }
    if (TPY_UNLIKELY(spin->asked == 0)) tpy_spin_ask(spin);
    spin->asked--;
    int64_t spin_time = tpy_spin_sleeps(spin) ? TPY_SPIN_SHORT : TPY_SPIN_LONG;
    if (!together) {
        for (int i = 0; i < TPY_POLLS_RELAXED; i++) {
            if (poll(argument)) {
                spin->misses = 0, spin->meets = 0;
                return true;
            }
            tpy_relax();
        }
        int64_t start = *since = tpy_now();
        do {
            for (int i = 0; i < 32; i++) {
                if (poll(argument)) {
                    spin->misses = 0, spin->meets = 0;
                    return true;
                }
                tpy_relax();
            }
        } while (tpy_now() - start < spin_time);
    }
    spin->turns = TPY_TURNS;
    /* On a single CPU the peer has nearly always answered when we run again: no clock is read for that. */
    if (together && spin->cpus == 1) {
        sched_yield();
        if (poll(argument)) {
            spin->misses = 0;
            return true;
        }
    }
    int64_t start = tpy_now(), limit = tpy_spin_sleeps(spin) ? 2 * TPY_SPIN_SHORT : TPY_YIELD_LONG;
    if (*since == 0) *since = start;
    do {
        for (int i = 0; i < 4; i++) {
            sched_yield();
            if (poll(argument)) {
                spin->misses = 0;
                if (together && spin->cpus > 1) tpy_spin_met(spin, start);
                return true;
            }
        }
    } while (tpy_now() - start < limit);
    return false;
}

#endif
