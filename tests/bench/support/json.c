/* Writes everything results.h holds into one file, whole or not at all. All strings but the machine's are our own. */
#include "json.h"

#include "results.h"
#include "targets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

static void string(FILE *file, const char *key, const char *text)
{
    fprintf(file, "\"%s\": \"", key);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        if ((unsigned char)*text >= ' ')
            fputc(*text, file);
    }
    fputc('"', file);
}

static void processor(char model[128])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(model, 128, "unknown");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "model name : %127[^\n]", model) == 1)
            break;
    if (file)
        fclose(file);
}

static void header(FILE *file, const struct json_run *run)
{
    struct utsname system = {0};
    char model[128], when[32] = "";
    time_t now = time(NULL);
    struct tm utc;
    uname(&system);
    processor(model);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    fprintf(file, "{\n  \"format\": 1,\n  ");
    string(file, "when", when);
    fprintf(file, ",\n  \"mode\": \"%s\",\n  \"seconds\": %.1f,\n  \"machine\": {", run->full ? "full" : "quick",
            run->seconds);
    string(file, "processor", model);
    fprintf(file, ", \"cpus\": %d, ", run->cpus);
    string(file, "kernel", system.release);
    fprintf(file, ", ");
    string(file, "architecture", system.machine);
    fprintf(file, "},\n  \"probes\": {\"taken\": %d, \"disturbed\": %d},\n", run->probes, run->disturbed);
}

/* What was not measured is null. */
static void number(FILE *file, const char *key, double value, int decimals)
{
    if (value < 0)
        fprintf(file, "\"%s\": null", key);
    else
        fprintf(file, "\"%s\": %.*f", key, decimals, value);
}

static void quantiles(FILE *file, const char *key, const struct histogram *h, double unit)
{
    static const struct {
        const char *key;
        double part;
    } wanted[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99_9", 0.999}};
    fprintf(file, "\"%s\": {\"count\": %llu", key, (unsigned long long)h->count);
    for (int i = 0; i < 3; i++) {
        fprintf(file, ", ");
        number(file, wanted[i].key, h->count ? results_quantile(h, wanted[i].part) / unit : RESULTS_NONE, 1);
    }
    fprintf(file, ", ");
    number(file, "max", h->count ? (double)h->max / unit : RESULTS_NONE, 1);
    fprintf(file, "}");
}

static void one_round(FILE *file, const struct round *round)
{
    fprintf(file, "{");
    number(file, "batch_ns", round->batch, 1);
    fprintf(file, ", ");
    number(file, "call_ns", round->single, 1);
    fprintf(file, ", ");
    number(file, "calls_per_second", round->rate, 1);
    fprintf(file, ", ");
    number(file, "fairness", round->fairness, 4);
    fprintf(file, ", \"longest_ns\": %.0f, ", round->longest);
    number(file, "heap_bytes_per_call", round->heap, 4);
    fprintf(file, ", ");
    number(file, "cache_line_ns", round->probe, 1);
    fprintf(file, ", \"disturbed\": %s}", round->disturbed ? "true" : "false");
}

static void one_result(FILE *file, int group, int size, int entry, const struct result *r)
{
    const struct group *g = &plan_groups[group];
    fprintf(file, "    {\"case\": \"%s\", \"placement\": \"%s\", \"servers\": %d, \"clients_per_server\": %d, \"size\": %zu, "
                  "\"contender\": \"%s\",\n     ",
            g->id, cpus_name(g->placement), g->servers, g->clients, plan_sizes[size], plan_entries[entry].id);
    if (r->failure[0]) {
        string(file, "failure", r->failure);
        fprintf(file, ",\n     ");
    }
    quantiles(file, "batch_ns", &r->batches, 10);
    fprintf(file, ",\n     ");
    quantiles(file, "call_ns", &r->singles, 1);
    fprintf(file, ",\n     \"calls\": %llu, ", (unsigned long long)r->calls);
    number(file, "calls_per_second", results_median(r, FIELD_RATE), 1);
    fprintf(file, ", ");
    number(file, "cpu_ns_per_call", results_cpu_per_call(r), 1);
    fprintf(file, ", ");
    number(file, "longest_ns", r->calls ? (double)r->longest : RESULTS_NONE, 0);
    fprintf(file, ", ");
    number(file, "fairness", results_median(r, FIELD_FAIRNESS), 4);
    fprintf(file, ", ");
    number(file, "worst_fairness", results_least(r, FIELD_FAIRNESS), 4);
    fprintf(file, ", ");
    number(file, "heap_bytes_per_call", results_median(r, FIELD_HEAP), 4);
    fprintf(file, ", \"heap_bytes\": %llu, \"checked_bytes\": %llu, \"wrong\": %llu,\n     \"rounds\": [",
            (unsigned long long)r->allocated, (unsigned long long)r->checked, (unsigned long long)r->wrong);
    for (int i = 0; i < r->rounds; i++) {
        fprintf(file, "%s", i ? ", " : "");
        one_round(file, &r->round[i]);
    }
    fprintf(file, "]");
    for (int i = 0; i < r->slots; i++)
        fprintf(file, r->slot[i] < 0 ? "%snull" : "%s%.1f", i ? ", " : ",\n     \"turns_ns\": [", r->slot[i]);
    if (r->slots) {
        fprintf(file, "], \"starts\": %d, ", r->slots_runs);
        number(file, "cpu_ns_per_turn", results_slot_cpu(r), 0);
    }
    fprintf(file, "}");
}

static void all_results(FILE *file)
{
    const char *separator = "\n";
    fprintf(file, "  \"results\": [");
    for (int g = 0; g < plan_group_count; g++)
        for (int s = 0; s < PLAN_SIZES; s++)
            for (int e = 0; e < plan_entry_count; e++) {
                const struct result *r = results_look(g, s, e);
                if (!r || (!r->present && !r->failure[0]))
                    continue;
                fputs(separator, file);
                one_result(file, g, s, e, r);
                separator = ",\n";
            }
    fprintf(file, "\n  ],\n  \"idle\": [");
    separator = "\n";
    for (int e = 0; e < plan_entry_count; e++) {
        const struct idle *idle = results_idle(e);
        if (!idle->present)
            continue;
        fprintf(file, "%s    {\"contender\": \"%s\", \"server_us_per_second\": %.1f, \"client_us_per_second\": %.1f}",
                separator, plan_entries[e].id, idle->server, idle->client);
        separator = ",\n";
    }
}

static void all_targets(FILE *file)
{
    static struct target targets[TARGETS_MOST];
    int count = targets_judge(targets);
    fprintf(file, "\n  ],\n  \"targets\": [");
    for (int i = 0; i < count; i++) {
        const struct target *t = &targets[i];
        fprintf(file, "%s\n    {", i ? "," : "");
        string(file, "what", t->what);
        fprintf(file, ", \"relation\": \"%s\", \"bound\": %g, ", t->at_least ? ">=" : "<=", t->bound);
        if (t->aim >= 0)
            fprintf(file, "\"aim\": %g, ", t->aim);
        if (t->low >= 0)
            fprintf(file, "\"low\": %.4f, \"high\": %.4f, ", t->low, t->high);
        if (t->control && t->measured >= 0)
            fprintf(file, "\"measured\": %.4f, \"met\": null, \"control\": true}", t->measured);
        else if (t->measured >= 0)
            fprintf(file, "\"measured\": %.4f, \"met\": %s}", t->measured, t->met ? "true" : "false");
        else
            fprintf(file, "\"measured\": null, \"met\": null}");
    }
    fprintf(file, "\n  ]\n}\n");
}

int json_write(const char *path, const struct json_run *run)
{
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return -ENAMETOOLONG;
    FILE *file = fopen(temporary, "we");
    if (!file)
        return -errno;
    header(file, run);
    all_results(file);
    all_targets(file);
    int bad = ferror(file);
    if (fclose(file) || bad || rename(temporary, path))
        return -(errno ? errno : EIO);
    return 0;
}
