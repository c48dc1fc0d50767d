/* wait: the parts of wait.h that make system calls. */
#define _GNU_SOURCE
#include "core/wait.h"

#define WAITS_BETWEEN_QUESTIONS 4096
#define STRAYS 64
#define STEPS_APART 2000000ll /* ns: a step costs some 20 us, and where all CPUs are wanted it does not last */

void tpy_spin_ask(struct tpy_spin *spin)
{
    int cpus = tpy_cpus_allowed();
    spin->cpus = (uint8_t)(cpus > 255 ? 255 : cpus);
    spin->asked = WAITS_BETWEEN_QUESTIONS;
}

#define LONG_WAIT 300000 /* ns */

void tpy_spin_met(struct tpy_spin *spin, int64_t since)
{
    int64_t now = tpy_now();
    if (since - spin->met >= TPY_OFTEN) spin->meets = 0;
    else if (now - since < LONG_WAIT) spin->meets++;
    else spin->meets = TPY_MEETS;
    spin->met = now;
    if (spin->meets >= TPY_MEETS) tpy_step_aside(spin);
}

void tpy_spin_turn(struct tpy_spin *spin)
{
    spin->hot = 0;
    if (spin->turns == 0) return;
    spin->turns--;
    sched_yield();
}

void tpy_step_aside(struct tpy_spin *spin)
{
    cpu_set_t before, others;
    int64_t now = tpy_now();
    spin->meets = 0;
    if (now - spin->stepped < STEPS_APART) return;
    spin->stepped = now;
    int cpu = sched_getcpu();
    if (cpu < 0 || sched_getaffinity(0, sizeof before, &before) != 0) return;
    others = before;
    CPU_CLR((unsigned)cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
    sched_setaffinity(0, sizeof before, &before);
}

void tpy_narrow_to(struct tpy_narrow *narrow, struct tpy_spin *spin, uint8_t cpu)
{
    narrow->wanted = true;
    narrow->active = false;
    if (spin->strays == 0) return;
    spin->strays--;
    if (spin->cpus <= 1 || sched_getaffinity(0, sizeof narrow->before, &narrow->before) != 0) return;
    if (!CPU_ISSET(cpu, &narrow->before)) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    narrow->active = sched_setaffinity(0, sizeof one, &one) == 0;
}

void tpy_narrow_undo(struct tpy_narrow *narrow, struct tpy_spin *spin, uint8_t waker)
{
    if (narrow->wanted && !narrow->active && tpy_cpu() != waker) spin->strays = STRAYS;
    if (!narrow->active) return;
    narrow->active = false;
    /* Only if nobody else changed it meanwhile: then it is theirs. */
    cpu_set_t now;
    if (sched_getaffinity(0, sizeof now, &now) == 0 && CPU_COUNT(&now) == 1)
        sched_setaffinity(0, sizeof narrow->before, &narrow->before);
}
