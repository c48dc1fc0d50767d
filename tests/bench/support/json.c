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

static void header(FILE *file, bool full, int cpus, double seconds)
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
    fprintf(file, ",\n  \"mode\": \"%s\",\n  \"seconds\": %.1f,\n  \"machine\": {", full ? "full" : "quick", seconds);
    string(file, "processor", model);
    fprintf(file, ", \"cpus\": %d, ", cpus);
    string(file, "kernel", system.release);
    fprintf(file, ", ");
    string(file, "architecture", system.machine);
    fprintf(file, "},\n");
}

static void quantiles(FILE *file, const char *key, const struct histogram *h, double unit)
{
    fprintf(file, "\"%s\": {\"count\": %llu, \"p50\": %.1f, \"p99\": %.1f, \"p99_9\": %.1f, \"max\": %.1f}", key,
            (unsigned long long)h->count, (double)histogram_quantile(h, 0.5) / unit,
            (double)histogram_quantile(h, 0.99) / unit, (double)histogram_quantile(h, 0.999) / unit,
            (double)h->max / unit);
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
    fprintf(file,
            ",\n     \"calls\": %llu, \"calls_per_second\": %.1f, \"cpu_ns_per_call\": %.1f, \"longest_ns\": %llu, "
            "\"fairness\": %.4f, \"worst_fairness\": %.4f, \"heap_bytes_per_call\": %.4f, \"checked_bytes\": %llu, "
            "\"wrong\": %llu,\n     \"rounds\": [",
            (unsigned long long)r->calls, results_median(r, FIELD_RATE), results_cpu_per_call(r),
            (unsigned long long)r->longest, results_median(r, FIELD_FAIRNESS), results_least(r, FIELD_FAIRNESS),
            results_allocated_per_call(r), (unsigned long long)r->checked, (unsigned long long)r->wrong);
    for (int i = 0; i < r->rounds; i++)
        fprintf(file,
                "%s{\"batch_ns\": %.1f, \"call_ns\": %.1f, \"calls_per_second\": %.1f, \"fairness\": %.4f, "
                "\"longest_ns\": %.0f, \"cache_line_ns\": %.1f}",
                i ? ", " : "", r->round[i].batch, r->round[i].single, r->round[i].rate, r->round[i].fairness,
                r->round[i].longest, r->round[i].probe);
    fprintf(file, "]}");
}

static void all_results(FILE *file)
{
    const char *separator = "\n";
    fprintf(file, "  \"results\": [");
    for (int g = 0; g < plan_group_count; g++)
        for (int s = 0; s < PLAN_SIZES; s++)
            for (int e = 0; e < plan_entry_count; e++) {
                const struct result *r = results_of(g, s, e);
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
        if (t->measured >= 0)
            fprintf(file, "\"measured\": %.4f, \"met\": %s}", t->measured, t->met ? "true" : "false");
        else
            fprintf(file, "\"measured\": null, \"met\": null}");
    }
    fprintf(file, "\n  ]\n}\n");
}

int json_write(const char *path, bool full, int cpus, double seconds)
{
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return -ENAMETOOLONG;
    FILE *file = fopen(temporary, "we");
    if (!file)
        return -errno;
    header(file, full, cpus, seconds);
    all_results(file);
    all_targets(file);
    int bad = ferror(file);
    if (fclose(file) || bad || rename(temporary, path))
        return -(errno ? errno : EIO);
    return 0;
}
