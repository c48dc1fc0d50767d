/* The two CPUs are chosen once, before any process is started, and kept for the whole run. */
#define _GNU_SOURCE
#include "cpus.h"

#include <stdio.h>

static cpu_set_t allowed;
static int first, second;

/* The core a CPU belongs to, as the lowest of its hardware threads; the CPU itself where the kernel does not say. */
static int core_of(int cpu)
{
    char path[96];
    int lowest = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%d", &lowest) != 1)
            lowest = cpu;
        fclose(file);
    }
    return lowest;
}

int cpus_find(void)
{
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return 0;
    first = second = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        if (first < 0)
            first = cpu;
        else if (second < 0 || (core_of(second) == core_of(first) && core_of(cpu) != core_of(first)))
            second = cpu;
    }
    return CPU_COUNT(&allowed);
}

int cpus_first(void)
{
    return first;
}

int cpus_second(void)
{
    return second;
}

const char *cpus_name(enum placement placement)
{
    static const char *const names[] = {"two CPUs", "one CPU", "both CPUs", "unpinned"};
    return names[placement];
}

void cpus_for(enum placement placement, int is_server, cpu_set_t *set)
{
    CPU_ZERO(set);
    switch (placement) {
    case PLACE_TWO:
        CPU_SET(is_server ? second : first, set);
        break;
    case PLACE_ONE:
        CPU_SET(first, set);
        break;
    case PLACE_BOTH:
        CPU_SET(first, set);
        CPU_SET(second, set);
        break;
    case PLACE_UNPINNED:
        *set = allowed;
        break;
    }
}
