/* The result for programs. docs/benchmark.md describes every field. */
#ifndef TPY_BENCH_JSON_H
#define TPY_BENCH_JSON_H

#include <stdbool.h>

struct json_run {
    bool full;
    int cpus;
    double seconds;
    int probes, disturbed; /* cache-line probes taken, and those that other work on the machine spoilt */
};

/* 0 or a negative errno. */
int json_write(const char *path, const struct json_run *run);

#endif
