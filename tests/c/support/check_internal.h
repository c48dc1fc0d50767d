/* check_internal: what check.c and check_main.c share. */
#ifndef CHECK_INTERNAL_H
#define CHECK_INTERNAL_H

#include "check.h"

#include <stdatomic.h>

enum { CHECK_EXIT_FAILED = 1, CHECK_EXIT_USAGE = 2, CHECK_EXIT_SKIPPED = 77 };

/* In a shared mapping that the runner owns; written by any process of the case. */
struct check_verdict {
    atomic_bool failed;
    atomic_bool skipped;
    pid_t leader; /* the case's first process */
    char skip_reason[256];
};

extern struct check_verdict *check_verdict;

#endif
