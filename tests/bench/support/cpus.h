/* Which CPUs a case runs on. Two different cores are taken where the machine has them. */
#ifndef TPY_BENCH_CPUS_H
#define TPY_BENCH_CPUS_H

#include <sched.h>

enum placement {
    PLACE_TWO,      /* the server on one CPU, the client on another */
    PLACE_ONE,      /* both on the same */
    PLACE_BOTH,     /* every process may use the same two */
    PLACE_UNPINNED, /* wherever the harness itself may run */
};

/* Looks at the CPUs this process may use. Returns how many there are. */
int cpus_find(void);
int cpus_first(void);
int cpus_second(void);
const char *cpus_name(enum placement placement);
void cpus_for(enum placement placement, int is_server, cpu_set_t *set);

#endif
