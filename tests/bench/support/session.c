/* See session.h. A session that fails in any step is ended at once; the others of its group go on. */
#define _GNU_SOURCE
#include "session.h"

#include "clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_TIME (20 * SECOND) /* for a process to say "ready" */
#define ANSWER_TIME (5 * SECOND) /* after a slice has ended */

const char *session_programs[2];
const char *session_folder;

__attribute__((format(printf, 2, 3))) static int failed(struct session *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->failure, sizeof s->failure, format, arguments);
    va_end(arguments);
    session_end(s);
    return -1;
}

/* A role that does not answer as it should: how a server behind it, or it itself, has ended, and what it has said last. */
static int silent(struct session *s, struct process *p, const char *line)
{
    char said[160] = "";
    if (!line || strncmp(line, "fail", 4))
        line = process_line(p, 0);
    if (line && !strncmp(line, "fail", 4))
        snprintf(said, sizeof said, "%s", line);
    for (int i = 0; i < s->group->servers; i++) {
        const char *fate = process_fate(&s->servers[i]);
        if (fate && p != &s->servers[i])
            return failed(s, "a server %s; %s", fate, said);
    }
    const char *fate = process_fate(p);
    return failed(s, "%s%s%s", said, fate ? "; it " : said[0] ? "" : "no answer in time", fate ? fate : "");
}

static int start(struct session *s, struct process *p, bool is_server, const char *third, int fourth)
{
    const struct side *side = is_server ? &s->entry->server : &s->entry->client;
    char number[16];
    cpu_set_t cpus;
    snprintf(number, sizeof number, "%d", fourth);
    const char *argv[] = {session_programs[side->language], is_server ? "server" : "client", side->contender, third,
                          number, NULL};
    cpus_for(s->group->placement, is_server, &cpus);
    /* A process sees its own CPUs only; whether its peer shares them, a contender may ask here. */
    setenv("TETRAPYLON_BENCH_PLACEMENT", s->group->placement == PLACE_ONE ? "shared" : "apart", 1);
    int error = process_start(p, &cpus, argv);
    return error ? failed(s, "cannot start %s: %s", argv[0], strerror(-error)) : 0;
}

int session_launch(struct session *s, const struct entry *entry, const struct group *group)
{
    static unsigned serial;
    *s = (struct session){.entry = entry, .group = group, .alive = true};
    for (int i = 0; i < group->servers; i++) {
        char endpoint[200];
        snprintf(endpoint, sizeof endpoint, "%s/%s.%u", session_folder, entry->id, serial++);
        if (start(s, &s->servers[i], true, endpoint, group->clients))
            return -1;
    }
    return 0;
}

int session_launch_clients(struct session *s)
{
    uint64_t deadline = clock_now() + START_TIME;
    for (int i = 0; s->alive && i < s->group->servers; i++) {
        char *line = process_line(&s->servers[i], deadline);
        if (!line || sscanf(line, "ready %255s", s->addresses[i]) != 1)
            return silent(s, &s->servers[i], line);
        for (int k = 0; k < s->group->clients; k++)
            if (start(s, &s->clients[s->client_count++], false, s->addresses[i], k))
                return -1;
    }
    return 0;
}

static void hold(struct session *s, bool on)
{
    if (!s->entry->held || s->held == on)
        return;
    s->held = on;
    for (int i = 0; i < s->group->servers; i++)
        (on ? process_hold : process_go_on)(&s->servers[i]);
    for (int i = 0; i < s->client_count; i++)
        (on ? process_hold : process_go_on)(&s->clients[i]);
}

int session_settle(struct session *s)
{
    uint64_t deadline = clock_now() + START_TIME;
    for (int i = 0; s->alive && i < s->client_count; i++) {
        char *line = process_line(&s->clients[i], deadline);
        if (!line || strcmp(line, "ready"))
            return silent(s, &s->clients[i], line);
    }
    if (s->alive)
        hold(s, true);
    return 0;
}

static uint64_t number_of(const char *line, const char *key)
{
    const char *found = strstr(line, key);
    return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

static void add_counts(struct histogram *h, const char *line, const char *key)
{
    const char *at = strstr(line, key);
    if (!at)
        return;
    at += strlen(key);
    while (*at >= '0' && *at <= '9') {
        char *end;
        uint64_t value = strtoull(at, &end, 10);
        uint32_t count = *end == ':' ? (uint32_t)strtoul(end + 1, &end, 10) : 0;
        histogram_add(h, value, count);
        at = *end == ',' ? end + 1 : end;
    }
}

/* The heap that servers in Java have used so far, by all their threads that serve. No answer is a failure, never 0. */
static int server_allocated(struct session *s, uint64_t *sum)
{
    *sum = 0;
    for (int i = 0; s->entry->server.language == LANGUAGE_JAVA && i < s->group->servers; i++) {
        struct process *p = &s->servers[i];
        char *line = process_say(p, "stat\n") ? NULL : process_line(p, clock_now() + ANSWER_TIME);
        if (!line || strncmp(line, "stat ", 5))
            return silent(s, p, line);
        *sum += number_of(line, "allocated=");
    }
    return 0;
}

static uint64_t server_cpu(const struct session *s)
{
    uint64_t sum = 0;
    for (int i = 0; i < s->group->servers; i++)
        sum += process_cpu(&s->servers[i]);
    return sum;
}

static int say_run(struct session *s, const struct slice_plan *plan, uint64_t start_time)
{
    char line[200];
    snprintf(line, sizeof line, "run %zu %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u\n", plan->size, start_time,
             start_time + plan->batch_time, start_time + plan->batch_time + plan->single_time, plan->pace,
             plan->most ? plan->most : SESSION_BATCH_MOST);
    for (int i = 0; i < s->client_count; i++)
        if (process_say(&s->clients[i], line))
            return silent(s, &s->clients[i], NULL);
    return 0;
}

static void take(struct slice *slice, const char *line, uint64_t *fewest)
{
    uint64_t calls = number_of(line, " calls="), span = number_of(line, " span=");
    uint64_t longest = number_of(line, " longest=");
    uint64_t singles_before = slice->singles.count;
    add_counts(&slice->batches, line, " batches=");
    add_counts(&slice->singles, line, " singles=");
    slice->rate += span ? (double)calls * 1e9 / (double)span : 0;
    calls += slice->singles.count - singles_before;
    slice->calls += calls;
    slice->client_cpu += number_of(line, " cpu=");
    slice->allocated += number_of(line, " allocated=");
    slice->checked += number_of(line, " checked=");
    slice->wrong += number_of(line, " wrong=");
    if (longest > slice->longest)
        slice->longest = longest;
    if (span > slice->span)
        slice->span = span;
    if (calls < *fewest)
        *fewest = calls;
}

int session_run(struct session *s, const struct slice_plan *plan, struct slice *slice)
{
    *slice = (struct slice){.spin_share = 1};
    /* The kernel brings a running process's clock up to date only once a tick: it is read while who spins stands still. */
    uint64_t cpu = server_cpu(s), began = clock_now(), allocated_before, allocated_after;
    hold(s, false);
    if (server_allocated(s, &allocated_before))
        return -1;
    uint64_t start_time = clock_now() + 2 * MILLISECOND + (uint64_t)s->client_count * MILLISECOND / 2;
    uint64_t deadline = start_time + plan->batch_time + plan->single_time + ANSWER_TIME;
    uint64_t fewest = UINT64_MAX;
    if (say_run(s, plan, start_time))
        return -1;
    for (int i = 0; i < s->client_count; i++) {
        char *line = process_line(&s->clients[i], deadline);
        if (!line || strncmp(line, "done ", 5))
            return silent(s, &s->clients[i], line);
        take(slice, line, &fewest);
    }
    if (server_allocated(s, &allocated_after))
        return -1;
    slice->allocated += allocated_after - allocated_before;
    hold(s, true);
    slice->server_cpu = server_cpu(s) - cpu;
    if (s->entry->held) {
        slice->spin_share = (double)slice->server_cpu / (double)(clock_now() - began) / s->group->servers;
        uint64_t planned = plan->batch_time + plan->single_time; /* a last long batch may overrun it */
        double time = (double)(slice->span > planned ? slice->span : planned) * s->client_count;
        double client_share = time > 0 ? (double)slice->client_cpu / time : 0;
        slice->spin_share = client_share < slice->spin_share ? client_share : slice->spin_share;
    }
    slice->fairness = slice->calls ? (double)fewest * s->client_count / (double)slice->calls : 0;
    if (!plan->batch_time) /* neither is to be had of paced calls */
        slice->rate = slice->fairness = -1;
    return slice->wrong ? failed(s, "%" PRIu64 " replies were wrong", slice->wrong) : 0;
}

int session_idle(struct session *s, uint64_t time, double *server, double *client)
{
    struct slice_plan plan = {.size = 8, .batch_time = 5 * MILLISECOND};
    static struct slice ignored;
    if (session_run(s, &plan, &ignored))
        return -1;
    /* Until all sleep, so that their clocks stand right; a JVM goes on compiling for a while after a burst of calls. */
    clock_sleep_until(clock_now() + (s->entry->server.language == LANGUAGE_JAVA ? 300 : 10) * MILLISECOND);
    uint64_t cpu = server_cpu(s), before = clock_now();
    clock_sleep_until(before + time);
    *server = (double)(server_cpu(s) - cpu) * 1e6 / (double)(clock_now() - before);

    /* The servers stand still, so every client blocks in its first call. */
    for (int i = 0; i < s->group->servers; i++)
        process_hold(&s->servers[i]);
    if (say_run(s, &plan, clock_now()))
        return -1;
    clock_sleep_until(clock_now() + 2 * MILLISECOND);
    before = clock_now();
    cpu = 0;
    for (int i = 0; i < s->client_count; i++)
        cpu -= process_cpu(&s->clients[i]);
    clock_sleep_until(before + time);
    for (int i = 0; i < s->client_count; i++)
        cpu += process_cpu(&s->clients[i]);
    *client = (double)cpu * 1e6 / (double)(clock_now() - before);
    for (int i = 0; i < s->group->servers; i++)
        process_go_on(&s->servers[i]);
    for (int i = 0; i < s->client_count; i++) {
        char *line = process_line(&s->clients[i], clock_now() + ANSWER_TIME);
        if (!line || strncmp(line, "done ", 5))
            return silent(s, &s->clients[i], line);
    }
    return 0;
}

void session_end(struct session *s)
{
    for (int i = 0; i < PLAN_SERVERS; i++)
        process_end(&s->servers[i]);
    for (int i = 0; i < s->client_count; i++)
        process_end(&s->clients[i]);
    s->client_count = 0;
    s->alive = false;
}
