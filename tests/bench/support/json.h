/* The result for programs. docs/benchmark.md describes every field. */
#ifndef TPY_BENCH_JSON_H
#define TPY_BENCH_JSON_H

#include <stdbool.h>

/* 0 or a negative errno. */
int json_write(const char *path, bool full, int cpus, double seconds);

#endif
