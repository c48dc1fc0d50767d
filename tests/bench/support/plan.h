/*
 * What is measured: the entries (who) and the groups of cases (in which arrangement, at which sizes). To add a row to
 * the result, add an entry in plan.c; to add an arrangement, a group.
 */
#ifndef TPY_BENCH_PLAN_H
#define TPY_BENCH_PLAN_H

#include "cpus.h"

#include <stdbool.h>
#include <stddef.h>

#define PLAN_SIZES 5
#define PLAN_SERVERS 4 /* the most servers (independent pairs) of a group */
#define PLAN_ENTRIES_MOST 32
#define PLAN_GROUPS_MOST 24

enum language { LANGUAGE_C, LANGUAGE_JAVA };

/* Kinds of groups, as bits: an entry names those it takes part in. */
enum kind {
    KIND_TWO = 1,      /* one client, one server, each on its own CPU */
    KIND_ONE = 2,      /* both on one CPU */
    KIND_UNPINNED = 4, /* left to the scheduler */
    KIND_CLIENTS = 8,  /* several clients of one server */
    KIND_PAIRS = 16,   /* several independent pairs */
    KIND_PACED = 32,   /* a call now and then: the server has gone to sleep */
    KIND_PINNED_PACED = 64,
    KIND_DATAGRAMS = 128, /* mmlib beside the bare system calls: differences of a few percent, so many short slices */
    KIND_GATES = 256, /* the gates beside the QNX gate: the same, of a tenth of a call */
    KIND_SINGLE = KIND_TWO | KIND_ONE | KIND_UNPINNED,
    KIND_ANY = 127,
};

struct side {
    enum language language;
    const char *contender; /* a name that this language's role lists */
};

struct entry {
    const char *id; /* in the JSON */
    const char *label;
    struct side server, client;
    int kinds;
    int full_kinds; /* further ones, only in full mode */
    size_t smallest, largest;
    bool spins; /* the cache line is probed just before and after each slice */
    bool held;  /* spins without end: its processes are stopped between slices */
};

struct group {
    const char *id;
    const char *label;
    enum kind kind;
    enum placement placement;
    int servers, clients; /* clients of each server */
    int sizes, full_sizes; /* bits into plan_sizes */
    bool full_only;
    bool idle; /* also measure the CPU an idle server and a blocked client take, of who has not been measured before */
};

extern const size_t plan_sizes[PLAN_SIZES];
extern const struct entry plan_entries[];
extern const int plan_entry_count;
extern const struct group plan_groups[];
extern const int plan_group_count;

/* "8 B", "4 KiB" ... */
const char *plan_size_name(size_t size);
/* The entry's or group's place in its table, by id; -1 when there is none. */
int plan_entry(const char *id);
int plan_group(const char *id);

#endif
