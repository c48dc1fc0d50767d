/* Prints what results.h holds and targets.h judges. Standard output, plain text, at most 120 columns. */
#include "report.h"

#include "results.h"
#include "targets.h"

#include <stdio.h>
#include <string.h>

/* A time with three figures and its unit, in the caller's small buffer. */
static const char *time_text(char text[16], double nanoseconds)
{
    double value = nanoseconds;
    const char *unit = "ns";
    if (value >= 1e9) {
        value /= 1e9;
        unit = "s ";
    } else if (value >= 999500) {
        value /= 1e6;
        unit = "ms";
    } else if (value >= 9995) {
        value /= 1e3;
        unit = "us";
    }
    if (nanoseconds < 0)
        return "-";
    snprintf(text, 16, value < 9.995 ? "%.2f %s" : value < 99.95 ? "%.1f %s" : "%.0f %s", value, unit);
    return text;
}

static const char *rate_text(char text[16], double rate)
{
    if (rate <= 0)
        return "-";
    snprintf(text, 16, rate >= 1e6 ? "%.2f M" : "%.1f k", rate >= 1e6 ? rate / 1e6 : rate / 1e3);
    return text;
}

static void row(const struct entry *entry, const struct group *group, const struct result *r)
{
    char t[6][16], rate[16], fair[16] = "-", against[16] = "-", heap[16] = "";
    double batches = r->batches.count ? (double)histogram_quantile(&r->batches, 0.5) / 10 : -1;
    if (group->servers * group->clients > 1)
        snprintf(fair, sizeof fair, "%.2f", results_median(r, FIELD_FAIRNESS));
    if (results_median(r, FIELD_AGAINST_PROBE) >= 0 && results_median(r, FIELD_BATCH) < 1e4)
        snprintf(against, sizeof against, "%.2f", results_median(r, FIELD_AGAINST_PROBE));
    if (entry->client.language == LANGUAGE_JAVA || entry->server.language == LANGUAGE_JAVA)
        snprintf(heap, sizeof heap, "%.2f B", results_median(r, FIELD_HEAP));
    printf("  %-27s %8s %7s %8s %8s %8s %8s %8s %9s %5s %7s\n", entry->label, time_text(t[0], batches), against,
           time_text(t[1], results_quantile(&r->singles, 0.5)), time_text(t[2], results_quantile(&r->singles, 0.99)),
           time_text(t[3], results_quantile(&r->singles, 0.999)),
           time_text(t[4], results_cpu_per_call(r)), rate_text(rate, results_median(r, FIELD_RATE)),
           time_text(t[5], (double)r->longest), fair, heap);
}

void report_case(int group, int size)
{
    bool headed = false;
    for (int i = 0; i < plan_entry_count; i++) {
        const struct result *r = results_look(group, size, i);
        if (!r || (!r->present && !r->failure[0]))
            continue;
        if (!headed) {
            printf("\n%s, %s\n", plan_groups[group].label, plan_size_name(plan_sizes[size]));
            printf("  %-27s %8s %7s %8s %8s %8s %8s %8s %9s %5s %7s\n", "", "batches", "x line", "p50", "p99", "p99.9",
                   "CPU/call", "calls/s", "longest", "fair", "heap");
            headed = true;
        }
        if (r->present)
            row(&plan_entries[i], &plan_groups[group], r);
        if (r->failure[0])
            printf("  %-27s FAILED: %s\n", plan_entries[i].label, r->failure);
    }
    fflush(stdout);
}

void report_idle(int group)
{
    printf("\nCPU of who only waits, microseconds per second\n");
    printf("  %-27s %18s %24s\n", "", "server, no call", "client, no reply yet");
    for (int i = 0; i < plan_entry_count; i++) {
        const struct idle *idle = results_idle(i);
        if (idle->present && idle->group == group)
            printf("  %-27s %18.0f %24.0f\n", plan_entries[i].label, idle->server, idle->client);
    }
    fflush(stdout);
}

/* A control that is off by as much as its target allows: nothing can be told of the rows it stands below. */
static const char *noise(const struct target *t)
{
    return t->measured > t->bound || t->measured * t->bound < 1 ? "NOISE, those above are doubtful" : "noise";
}

int report_targets(bool doubtful)
{
    static struct target targets[TARGETS_MOST];
    int count = targets_judge(targets), missed = 0, judged = 0;
    for (int i = 0; i < count; i++) {
        const struct target *t = &targets[i];
        char measured[24], wanted[24] = "", aim[24] = "", range[48] = "";
        if (t->measured < 0)
            continue;
        if (!judged++)
            printf("\n%-62s %10s %11s %9s\n", "Targets", "measured", "wanted", "aim");
        missed += !t->met && !t->control;
        snprintf(measured, sizeof measured, "%.*f%s", t->measured < 10 ? 2 : 1, t->measured, t->unit);
        const char *verdict = t->control ? noise(t) : !t->met ? "MISSED" : t->aim >= 0 && t->aimed ? "met, and the aim" : "met";
        if (!t->control)
            snprintf(wanted, sizeof wanted, "%s %g%s", t->at_least ? ">=" : "<=", t->bound, t->unit);
        if (t->aim >= 0)
            snprintf(aim, sizeof aim, "%g%s", t->aim, t->unit);
        if (t->low >= 0)
            snprintf(range, sizeof range, " (%.3f, %.3f to %.3f)", t->measured, t->low, t->high);
        printf("%-62s %10s %11s %9s  %s%s%s\n", t->what, measured, wanted, aim, verdict, doubtful ? ", doubtful" : "", range);
    }
    if (judged < count)
        printf("\n%d of %d targets were not measured.\n", count - judged, count);
    fflush(stdout);
    return missed;
}
