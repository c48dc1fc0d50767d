/*
 * The benchmark's harness. For each group of cases it starts every contender's processes side by side, then gives each
 * a short slice in turn, several rounds over, so that a machine that changes meanwhile changes for all; what comes out is
 * printed case by case, judged against the targets, and written as JSON. scripts/bench builds and starts it.
 *
 *   bench --folder DIR --c-role PROGRAM [--java-role PROGRAM] [--json FILE] [--quick] [--gate]
 *         [--contenders ID,ID...] [--cases ID,ID...]
 *
 * Exit status: 0 all ran and every reply was right; 1 something failed; 2 wrong use; with --gate 3 when a target was
 * measured and missed. Ends by itself: an alarm bounds the whole run, a deadline each slice; children die with it.
 */
#define _GNU_SOURCE
#include "support/clock.h"
#include "support/json.h"
#include "support/report.h"
#include "support/results.h"
#include "support/schedule.h"
#include "support/session.h"
#include "support/slots.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTED_MOST 32
#define PROBE_ATTEMPTS 3
#define SPIN_SHARE 0.8 /* of the time, on its CPU: the median of its batches is then undisturbed */
#define PROBE_AGREE 1.5
#define WARM_ATTEMPTS 5

static const struct schedule *mode = &schedule_full;
static const char *wanted_contenders, *wanted_cases;
static char listed[2][LISTED_MOST][32]; /* contenders each language's role has */
static int listed_count[2];
static int cpu_count;
static struct session probe;
static struct slice slice; /* the one being taken; large */
static int failures;
static uint64_t began;
static int probes_taken, probes_disturbed;

/* Whether a list "a,b,c" holds the word; every word is in no list. */
static bool in_list(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!strncmp(at, word, length) && (at[length] == ',' || !at[length]))
            return true;
    return !list;
}

static bool has(const struct side *side)
{
    for (int i = 0; i < listed_count[side->language]; i++)
        if (!strcmp(listed[side->language][i], side->contender))
            return true;
    return false;
}

static bool takes_part(const struct entry *entry, const struct group *group, int launch)
{
    int kinds = entry->kinds | (mode->full ? entry->full_kinds : 0);
    bool java = entry->server.language == LANGUAGE_JAVA || entry->client.language == LANGUAGE_JAVA;
    return (kinds & (int)group->kind) && (!java || schedule_takes_java(mode, group, launch)) && has(&entry->server) && has(&entry->client) &&
           in_list(wanted_contenders, entry->id);
}

static int list_contenders(enum language language)
{
    const char *argv[] = {session_programs[language], "list", NULL};
    struct process p;
    cpu_set_t cpus;
    char *line;
    cpus_for(PLACE_UNPINNED, 0, &cpus);
    int error = process_start(&p, &cpus, argv);
    while (!error && (line = process_line(&p, clock_now() + 20 * SECOND)) && listed_count[language] < LISTED_MOST)
        snprintf(listed[language][listed_count[language]++], sizeof listed[0][0], "%s", line);
    process_end(&p);
    if (!listed_count[language]) {
        fprintf(stderr, "bench: %s lists no contenders\n", argv[0]);
        return -1;
    }
    return 0;
}

static int start_probe(void)
{
    static const struct group place = {.id = "probe", .label = "probe", .kind = KIND_TWO, .placement = PLACE_TWO,
                                       .servers = 1, .clients = 1};
    if (cpu_count < 2)
        return 0;
    if (session_launch(&probe, &plan_entries[plan_entry("cacheline")], &place) || session_launch_clients(&probe) ||
        session_settle(&probe)) {
        fprintf(stderr, "bench: the cache-line probe: %s\n", probe.failure);
        return -1;
    }
    return 0;
}

/*
 * A cache line's way there and back at this moment, in nanoseconds. Counts only when both sides had their CPUs to
 * themselves throughout, which is asked of the CPU clocks and never of the result; else it is tried again, and then given
 * up.
 */
static double probe_now(void)
{
    static struct slice own;
    struct slice_plan plan = {.size = 8, .batch_time = 3 * MILLISECOND};
    for (int attempt = 0; attempt < PROBE_ATTEMPTS && probe.alive; attempt++) {
        probes_taken++;
        if (session_run(&probe, &plan, &own))
            break;
        if (own.batches.count && own.spin_share >= SPIN_SHARE)
            return results_slice_batch(&own);
        probes_disturbed++;
    }
    return RESULTS_NONE;
}

/* The mean of the two probes around a slice; none when the machine changed between them. */
static double probe_around(double before, double after)
{
    if (before <= 0 || after <= 0 || before > PROBE_AGREE * after || after > PROBE_AGREE * before)
        return RESULTS_NONE;
    return (before + after) / 2;
}

static void note_failure(int group, int size, int entry, const char *failure)
{
    struct result *r = results_of(group, size, entry);
    if (r)
        snprintf(r->failure, sizeof r->failure, "%s", failure);
    failures++;
}

/* Until a slice allocates nothing: what a JVM has not yet compiled may allocate, and so does the making of classes. */
static void warm_until_quiet(struct session *s, const struct slice_plan *plan)
{
    for (int i = 0; i < WARM_ATTEMPTS && s->alive && slice.allocated; i++)
        session_run(s, plan, &slice);
}

static void warm(struct session *s, size_t size, bool first)
{
    bool java = s->entry->server.language == LANGUAGE_JAVA || s->entry->client.language == LANGUAGE_JAVA;
    struct slice_plan plan = {.size = size};
    uint64_t time = java ? mode->warm_java : mode->warm_c;
    if (first)
        time = java ? schedule_warm_java(mode, s->group) : mode->warm_first_c;
    plan.batch_time = plan.single_time = time / 2;
    session_run(s, &plan, &slice);
    plan.batch_time = plan.single_time = mode->warm_java / 2;
    warm_until_quiet(s, &plan);
    if (!java || !first || !s->alive)
        return;
    /* What tells a Java thread of its sleep gets its last classes, 64 KB each, after some 130 sleeps. */
    plan = (struct slice_plan){.size = size, .single_time = 40 * MILLISECOND, .pace = 100};
    session_run(s, &plan, &slice);
    warm_until_quiet(s, &plan);
}

static void take_slice(int group, int size, struct session *s)
{
    int entry = (int)(s->entry - plan_entries);
    struct slice_plan plan = schedule_slice(mode, s->group, plan_sizes[size]);
    bool probed = s->entry->spins && s->group->placement != PLACE_ONE;
    double before = probed ? probe_now() : RESULTS_NONE;
    if (session_run(s, &plan, &slice)) {
        note_failure(group, size, entry, s->failure);
        return;
    }
    double after = probed ? probe_now() : RESULTS_NONE;
    struct result *r = results_of(group, size, entry);
    if (r)
        results_add(r, &slice, probe_around(before, after),
                    s->group->placement == PLACE_TWO && slice.spin_share < SPIN_SHARE);
}

static void take_turns(int group, int size, struct session *sessions, int count, const struct turns_plan *plan)
{
    struct session *taking[PLAN_ENTRIES_MOST];
    struct result *into[PLAN_ENTRIES_MOST];
    int takers = 0;
    for (int i = 0; i < count; i++) {
        struct result *r = results_of(group, size, (int)(sessions[i].entry - plan_entries));
        if (!sessions[i].alive || !r)
            continue;
        taking[takers] = &sessions[i];
        into[takers++] = r;
    }
    if (!slots_run(taking, into, takers, plan))
        return;
    for (int i = 0; i < takers; i++)
        if (!taking[i]->alive)
            note_failure(group, size, (int)(taking[i]->entry - plan_entries), taking[i]->failure);
}

static void run_case(int group, int size, struct session *sessions, int count, bool first, int launch)
{
    int rounds = schedule_rounds(mode, &plan_groups[group], plan_sizes[size], launch);
    struct turns_plan turns = schedule_turns(mode, &plan_groups[group], plan_sizes[size]);
    bool takes[PLAN_ENTRIES_MOST] = {false};
    for (int i = 0; i < count; i++) {
        const struct entry *entry = sessions[i].entry;
        takes[i] = plan_sizes[size] >= entry->smallest && plan_sizes[size] <= entry->largest;
        if (!takes[i] || !sessions[i].alive)
            continue;
        warm(&sessions[i], plan_sizes[size], first);
        if (!sessions[i].alive)
            note_failure(group, size, (int)(entry - plan_entries), sessions[i].failure);
    }
    for (int round = 0; round < rounds; round++)
        for (int k = 0; k < count; k++) {
            int i = (k + round) % count;
            if (takes[i] && sessions[i].alive)
                take_slice(group, size, &sessions[i]);
        }
    if (turns.rounds)
        take_turns(group, size, sessions, count, &turns);
}

static void run_idle(int group, struct session *sessions, int count)
{
    for (int i = 0; i < count; i++) {
        int entry = (int)(sessions[i].entry - plan_entries);
        struct idle *idle = results_idle(entry);
        if (sessions[i].entry->held || !sessions[i].alive || idle->present)
            continue;
        idle->group = group;
        if (session_idle(&sessions[i], mode->idle, &idle->server, &idle->client))
            note_failure(group, 0, entry, sessions[i].failure);
        else
            idle->present = true;
    }
    report_idle(group);
}

static int start_sessions(int g, int launch, int first_size, struct session *sessions)
{
    int count = 0;
    for (int i = 0; i < plan_entry_count && count < PLAN_ENTRIES_MOST; i++)
        if (takes_part(&plan_entries[i], &plan_groups[g], launch))
            session_launch(&sessions[count++], &plan_entries[i], &plan_groups[g]);
    for (int i = 0; i < count; i++)
        if (sessions[i].alive)
            session_launch_clients(&sessions[i]);
    for (int i = 0; i < count; i++) {
        if (sessions[i].alive)
            session_settle(&sessions[i]);
        if (!sessions[i].alive)
            note_failure(g, first_size, (int)(sessions[i].entry - plan_entries), sessions[i].failure);
    }
    return count;
}

/* Starts the group's processes, takes all slices, ends them. False when nobody takes part. */
static bool run_launch(int g, int sizes, int launch, int launches)
{
    static struct session sessions[PLAN_ENTRIES_MOST];
    const struct group *group = &plan_groups[g];
    bool first = true;
    int count = start_sessions(g, launch, __builtin_ctz((unsigned)sizes), sessions);
    if (!count)
        return false;
    if (!launch) {
        int rounds = 0;
        for (int i = 0; i < launches; i++)
            rounds += schedule_rounds(mode, group, 8, i);
        printf("\n[%.0f s] %s: %d contenders, %d rounds\n", (double)(clock_now() - began) / 1e9, group->label, count, rounds);
        fflush(stdout);
    }
    for (int size = 0; size < PLAN_SIZES; size++) {
        if (!(sizes & (1 << size)))
            continue;
        if (schedule_rounds(mode, group, plan_sizes[size], launch) || schedule_turns(mode, group, plan_sizes[size]).rounds) {
            run_case(g, size, sessions, count, first, launch);
            first = false;
        }
        if (launch == launches - 1)
            report_case(g, size);
    }
    if (group->idle && !launch)
        run_idle(g, sessions, count);
    for (int i = 0; i < count; i++)
        session_end(&sessions[i]);
    return true;
}

static void run_group(int g)
{
    const struct group *group = &plan_groups[g];
    int launches = schedule_launches(mode, group);
    if (!in_list(wanted_cases, group->id))
        return;
    if (group->full_only && !mode->full) {
        if (wanted_cases)
            printf("\n%s: left out, not part of a quick run\n", group->label);
        return;
    }
    if (cpu_count < 2 && (group->placement == PLACE_TWO || group->placement == PLACE_BOTH)) {
        printf("\n%s: left out, this process may use one CPU only\n", group->label);
        return;
    }
    int sizes = mode->full ? group->full_sizes : group->sizes, launch = 0;
    while (launch < launches && run_launch(g, sizes, launch, launches))
        launch++;
    for (int size = 0; launch && launch < launches && size < PLAN_SIZES; size++) /* the later launches had no takers */
        report_case(g, size);
}

static const char *entry_id(int i) { return i < plan_entry_count ? plan_entries[i].id : NULL; }
static const char *group_id(int i) { return i < plan_group_count ? plan_groups[i].id : NULL; }

/* Whether all words of a list "a,b,c" are ids; if not, says which there are. */
static bool all_known(const char *list, const char *what, const char *id(int))
{
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t length = strcspn(at, ",");
        int i = 0;
        while (id(i) && (strncmp(id(i), at, length) || id(i)[length]))
            i++;
        if (id(i))
            continue;
        fprintf(stderr, "bench: there is no %s \"%.*s\"; there are", what, (int)length, at);
        for (i = 0; id(i); i++)
            fprintf(stderr, "%s %s", i ? "," : "", id(i));
        fprintf(stderr, ".\n");
        return false;
    }
    return true;
}

static const char *options(int argc, char **argv, bool *gate)
{
    static const struct option known[] = {
        {"folder", required_argument, NULL, 'f'},     {"c-role", required_argument, NULL, 'c'},
        {"java-role", required_argument, NULL, 'j'},  {"json", required_argument, NULL, 'o'},
        {"contenders", required_argument, NULL, 'n'}, {"cases", required_argument, NULL, 's'},
        {"quick", no_argument, NULL, 'q'},            {"gate", no_argument, NULL, 'g'},
        {0},
    };
    const char *json = "";
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'f':
            session_folder = optarg;
            break;
        case 'c':
            session_programs[LANGUAGE_C] = optarg;
            break;
        case 'j':
            session_programs[LANGUAGE_JAVA] = optarg;
            break;
        case 'o':
            json = optarg;
            break;
        case 'n':
            wanted_contenders = optarg;
            break;
        case 's':
            wanted_cases = optarg;
            break;
        case 'q':
            mode = &schedule_quick;
            break;
        case 'g':
            *gate = true;
            break;
        default:
            return NULL;
        }
    }
    return session_folder && session_programs[LANGUAGE_C] && optind == argc ? json : NULL;
}

int main(int argc, char **argv)
{
    bool gate = false;
    const char *json = options(argc, argv, &gate);
    if (!json) {
        fprintf(stderr, "usage: bench --folder DIR --c-role PROGRAM [--java-role PROGRAM] [--json FILE] [--quick] [--gate] "
                        "[--contenders ID,...] [--cases ID,...]\n");
        return 2;
    }
    if (!all_known(wanted_contenders, "contender", entry_id) || !all_known(wanted_cases, "case", group_id))
        return 2;
    began = clock_now();
    signal(SIGPIPE, SIG_IGN);
    alarm(mode->limit);
    cpu_count = cpus_find();
    if (cpu_count < 1 || list_contenders(LANGUAGE_C) ||
        (session_programs[LANGUAGE_JAVA] && list_contenders(LANGUAGE_JAVA)) || start_probe())
        return 1;
    for (int g = 0; g < plan_group_count; g++)
        run_group(g);
    if (cpu_count > 1 && !probe.alive) {
        fprintf(stderr, "bench: the cache-line probe: %s\n", probe.failure);
        failures++;
    }
    session_end(&probe);
    bool doubtful = probes_disturbed * 20 > probes_taken;
    int missed = report_targets(doubtful);
    double seconds = (double)(clock_now() - began) / 1e9;
    struct json_run run = {mode->full, cpu_count, seconds, probes_taken, probes_disturbed};
    int error = *json ? json_write(json, &run) : 0;
    if (error)
        fprintf(stderr, "bench: cannot write %s: %s\n", json, strerror(-error));
    if (doubtful)
        printf("\nOther work ran on this machine: it spoilt %d of %d cache-line probes. Judge on a quiet one.\n",
               probes_disturbed, probes_taken);
    printf("\n%.0f s; %d missed, %d failed\n", seconds, missed, failures);
    if (failures || error)
        return 1;
    return gate && missed ? 3 : 0;
}
