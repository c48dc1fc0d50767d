/*
 * A role as a child process: lines in, lines out, its CPU time read from outside. A child dies with the harness.
 * The struct belongs to its caller; process_end gives back what it holds.
 */
#ifndef TPY_BENCH_PROCESS_H
#define TPY_BENCH_PROCESS_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0 when there is none */
    int in, out;
    char *text; /* received and not yet handed out */
    size_t have, taken, room;
};

/* Starts argv[0] on the given CPUs. 0 or a negative errno. */
int process_start(struct process *p, const cpu_set_t *cpus, const char *const *argv);
int process_say(struct process *p, const char *line);
/* The next line without its newline, good until the next call; NULL at the end of output or past the deadline. */
char *process_line(struct process *p, uint64_t deadline);
/* CPU time of all its threads since it began, in nanoseconds. */
uint64_t process_cpu(const struct process *p);
void process_hold(const struct process *p); /* SIGSTOP; returns when it stands */
void process_go_on(const struct process *p);
/* Whether it has ended by itself, and then how, as a few words; NULL while it lives. */
const char *process_fate(const struct process *p);
void process_end(struct process *p);

#endif
