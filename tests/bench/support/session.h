/*
 * An entry's live processes in one group: its servers and their clients, started once, led through slices, ended
 * together. The session owns them.
 */
#ifndef TPY_BENCH_SESSION_H
#define TPY_BENCH_SESSION_H

#include "contender.h"
#include "histogram.h"
#include "plan.h"
#include "process.h"

struct session {
    const struct entry *entry;
    const struct group *group;
    struct process servers[PLAN_SERVERS];
    struct process clients[BENCH_CLIENTS];
    char addresses[PLAN_SERVERS][256];
    int client_count;
    bool held;
    bool alive;
    char failure[256]; /* why it is not alive, when that is a failure */
};

/* How one slice is spent; times in nanoseconds. */
struct slice_plan {
    size_t size;
    uint64_t batch_time, single_time;
    unsigned pace; /* microseconds; 0: call after call */
    unsigned most; /* calls of a batch; 0: SESSION_BATCH_MOST */
};

#define SESSION_BATCH_MOST 1000

/* What one slice showed. Times in nanoseconds, allocation in bytes of Java heap. */
struct slice {
    uint64_t calls; /* all that were made */
    double rate;    /* calls per second of all clients in the batch part; negative when there is none */
    double fairness; /* all calls of the client with the fewest / the mean of all clients; negative of paced calls */
    uint64_t longest, checked, wrong;
    uint64_t span; /* of the longest batch part of a client */
    /* What part of its time the server had a CPU, or the client if that is less; 1 where nobody spins without end. */
    double spin_share;
    uint64_t client_cpu, server_cpu;
    uint64_t allocated; /* by the threads of both sides */
    struct histogram batches, singles; /* tenths of a nanosecond; nanoseconds */
};

/* The program of each language, or NULL where there is none; and the private folder endpoints live in. */
extern const char *session_programs[2];
extern const char *session_folder;

/* Starting goes in three steps, so that many sessions start side by side. Each returns 0 or -1 with `failure` set. */
int session_launch(struct session *s, const struct entry *entry, const struct group *group);
int session_launch_clients(struct session *s);
int session_settle(struct session *s);

int session_run(struct session *s, const struct slice_plan *plan, struct slice *slice);
/* CPU time, in microseconds per second, of a server that waits for a call and of a client that waits for its reply. */
int session_idle(struct session *s, uint64_t time, double *server, double *client);
void session_end(struct session *s);

#endif
