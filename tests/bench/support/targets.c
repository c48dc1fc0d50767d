/*
 * Each target is one line below: what is compared with what, in which case. "batches" are medians of batches of calls;
 * a ratio is the median over the rounds, or turns, of the ratio within each.
 */
#include "targets.h"

#include "results.h"

#include <stdio.h>
#include <string.h>

enum { B8, B64, KIB4, KIB64, MIB1 };
static const double NO_AIM = -1;

struct judging {
    struct target *targets;
    int count;
};

static void add(struct judging *j, const char *what, double measured, bool at_least, double bound, double aim,
                const char *unit)
{
    if (j->count == TARGETS_MOST)
        return;
    struct target *t = &j->targets[j->count++];
    *t = (struct target){.measured = measured, .bound = bound, .aim = aim, .at_least = at_least, .unit = unit,
                         .low = RESULTS_NONE, .high = RESULTS_NONE};
    snprintf(t->what, sizeof t->what, "%s", what);
    t->met = measured >= 0 && (at_least ? measured >= bound : measured <= bound);
    t->aimed = measured >= 0 && (at_least ? measured >= aim : measured <= aim);
}

static const struct result *find(const char *group, int size, const char *entry)
{
    return results_find(plan_group(group), size, plan_entry(entry));
}

static double ratio(const char *group, int size, const char *above, const char *below, enum field field)
{
    return results_ratio(find(group, size, above), find(group, size, below), field);
}

static void one_client(struct judging *j)
{
    const struct result *hot = find("two", B8, "ours-c-c"), *free_hot = find("unpinned", B8, "ours-c-c");
    double hot_probe = results_median(hot, FIELD_AGAINST_PROBE), free_probe = results_median(free_hot, FIELD_AGAINST_PROBE);
    add(j, "8 B, two CPUs: batches / cache line", hot_probe, false, 2.0, 1.4, "");
    add(j, "8 B, two CPUs: p99.9", hot && hot->singles.count ? results_quantile(&hot->singles, 0.999) / 1e3 : RESULTS_NONE,
        false, 1, NO_AIM, " us");
    add(j, "8 B, one CPU: batches / raw futex", ratio("one", B8, "ours-c-c", "futex", FIELD_BATCH), false, 1.0, 0.7, "");
    add(j, "8 B, one CPU: batches / seqpacket", ratio("one", B8, "ours-c-c", "seqpacket", FIELD_BATCH), false, 0.6,
        NO_AIM, "");
    add(j, "8 B, unpinned: seqpacket / ours", ratio("unpinned", B8, "seqpacket", "ours-c-c", FIELD_BATCH), true, 40,
        NO_AIM, "");
    add(j, "8 B, unpinned / two CPUs, both against the cache line",
        hot_probe > 0 && free_probe > 0 ? free_probe / hot_probe : -1, false, 1.3, NO_AIM, "");
    add(j, "4 KiB, unpinned: seqpacket / ours", ratio("unpinned", KIB4, "seqpacket", "ours-c-c", FIELD_BATCH), true, 10,
        NO_AIM, "");
    add(j, "64 KiB, unpinned: seqpacket / ours", ratio("unpinned", KIB64, "seqpacket", "ours-c-c", FIELD_BATCH), true, 3,
        NO_AIM, "");
    add(j, "1 MiB, two CPUs: batches / copied in, out, in, out", ratio("two", MIB1, "ours-c-c", "copy", FIELD_BATCH),
        false, 0.6, NO_AIM, "");
}

static void many(struct judging *j)
{
    static const char *const pairs[][2] = {{"pairs-2", "2 pairs"}, {"pairs-4", "4 pairs"}};
    char what[96];
    for (int i = 0; i < 2; i++) {
        const struct result *r = find(pairs[i][0], B8, "ours-c-c");
        snprintf(what, sizeof what, "%s: calls/s / raw futex's", pairs[i][1]);
        add(j, what, ratio(pairs[i][0], B8, "ours-c-c", "futex", FIELD_RATE), true, 5, 20, "");
        snprintf(what, sizeof what, "%s: slowest pair / mean", pairs[i][1]);
        add(j, what, results_median(r, FIELD_FAIRNESS), true, 0.5, NO_AIM, "");
        snprintf(what, sizeof what, "%s: longest wait", pairs[i][1]);
        add(j, what, r && r->calls ? (double)r->longest / 1e6 : RESULTS_NONE, false, 20, NO_AIM, " ms");
    }
    add(j, "8 clients: calls/s / seqpacket's", ratio("clients-8", B8, "ours-c-c", "seqpacket", FIELD_RATE), true, 8,
        NO_AIM, "");
    add(j, "8 clients: slowest client / mean", results_median(find("clients-8", B8, "ours-c-c"), FIELD_FAIRNESS), true,
        0.5, NO_AIM, "");
    add(j, "paced, unpinned: p50 / raw futex", ratio("paced", B8, "ours-c-c", "futex", FIELD_SINGLE), false, 0.5, 0.15,
        "");
}

static void java(struct judging *j)
{
    static const struct {
        const char *group;
        int size;
        const char *name;
    } cases[] = {{"two", B8, "8 B, two CPUs"},   {"two", KIB4, "4 KiB, two CPUs"},   {"two", MIB1, "1 MiB, two CPUs"},
                 {"one", B8, "8 B, one CPU"},    {"unpinned", B8, "8 B, unpinned"}, {"unpinned", KIB4, "4 KiB, unpinned"},
                 {"paced", B8, "paced, unpinned"}};
    char what[96];
    double heap = -1;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct result *r = find(cases[i].group, cases[i].size, "ours-java-java");
        snprintf(what, sizeof what, "Java-Java / C-C: %s", cases[i].name);
        add(j, what, ratio(cases[i].group, cases[i].size, "ours-java-java", "ours-c-c", FIELD_BATCH), false, 1.4, NO_AIM,
            "");
        if (results_median(r, FIELD_HEAP) > heap)
            heap = results_median(r, FIELD_HEAP);
    }
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!strcmp(cases[i].group, "paced"))
            continue;
        snprintf(what, sizeof what, "Java-Java / Aeron IPC: %s", cases[i].name);
        add(j, what, ratio(cases[i].group, cases[i].size, "ours-java-java", "aeron", FIELD_BATCH), false, 1.0, NO_AIM, "");
    }
    add(j, "Java-Java: Java heap per call, worst of these cases", heap, false, 0.005, NO_AIM, " B");
}

/* A JVM's own threads wake now and then; 0.2 % of a CPU is allowed for that, and 0.01 % for measuring. */
static void idle(struct judging *j)
{
    static const struct {
        const char *entry, *name;
        double bound;
    } entries[] = {{"ours-c-c", "C", 100}, {"ours-java-java", "Java", 2000}};
    char what[96];
    for (int i = 0; i < 2; i++) {
        const struct idle *measured = results_idle(plan_entry(entries[i].entry));
        snprintf(what, sizeof what, "an idle server's CPU per second, %s", entries[i].name);
        add(j, what, measured->present ? measured->server : -1, false, entries[i].bound, NO_AIM, " us");
        snprintf(what, sizeof what, "a blocked client's CPU per second, %s", entries[i].name);
        add(j, what, measured->present ? measured->client : -1, false, entries[i].bound, NO_AIM, " us");
    }
}

/* By turns: the median of their ratios, and the interval. */
static void turns(struct judging *j, const char *what, const char *group, int size, const char *above, const char *below, double bound,
                  bool control)
{
    double low, high, middle = results_slot_ratio(find(group, size, above), find(group, size, below), &low, &high);
    int index = j->count;
    add(j, what, middle, false, bound, NO_AIM, "");
    if (index == j->count)
        return;
    struct target *t = &j->targets[index];
    t->control = control;
    t->low = low;
    t->high = high;
}

static void mmlib(struct judging *j)
{
    static const char *const sizes[] = {"8 B", "64 B", "4 KiB", "64 KiB"};
    static const char *const groups[][2] = {{"datagrams-two", "two CPUs"}, {"datagrams-one", "one CPU"}};
    static const struct {
        const char *entry, *name;
        double bound;
        bool control;
    } rows[] = {{"mm-c-c", "mmlib C-C / sendmsg", 1.03, false},
                {"mm-java-java", "mmlib Java-Java / sendmsg", 1.15, false},
                {"mm-raw-again", "control: sendmsg / sendmsg", 1.03, true}};
    char what[96];
    double heap = -1;
    for (int g = 0; g < 2; g++)
        for (int size = B8; size <= KIB64; size++) {
            for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
                snprintf(what, sizeof what, "%s: %s, %s", rows[i].name, sizes[size], groups[g][1]);
                turns(j, what, groups[g][0], size, rows[i].entry, "mm-raw", rows[i].bound, rows[i].control);
            }
            double used = results_median(find(groups[g][0], size, "mm-java-java"), FIELD_HEAP);
            heap = used > heap ? used : heap;
        }
    add(j, "mmlib Java-Java: Java heap per call, the worst of these", heap, false, 0.005, NO_AIM, " B");
}

/* The other gates against the QNX gate in the same language, by turns, each beside the QNX gate against itself. */
static void gates(struct judging *j)
{
    static const struct {
        const char *entry, *name;
        double bound;
        bool control;
    } rows[] = {{"l4", "L4", 1.1, false},
                {"l4-send", "L4 send, receive (two exchanges)", 2.0, false},
                {"l4-one-way", "L4 one way", 1.0, false},
                {"fluke", "Fluke, connections", 1.3, false},
                {"fluke-turns", "Fluke, reversals", 1.1, false},
                {"", "control: QNX gate", 1.03, true}};
    static const char *const languages[][3] = {{"C-C", "c-c", "ours-c-c"}, {"Java-Java", "java-java", "ours-java-java"}};
    static const char *const groups[][2] = {{"gates-two", "two CPUs"}, {"gates-one", "one CPU"}, {"gates-unpinned", "unpinned"}};
    char what[96], entry[32];
    for (int l = 0; l < 2; l++)
        for (int g = 0; g < 3; g++)
            for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (rows[i].control)
                    snprintf(entry, sizeof entry, "%s-again", languages[l][2]);
                else
                    snprintf(entry, sizeof entry, "%s-%s", rows[i].entry, languages[l][1]);
                snprintf(what, sizeof what, "%s %s / QNX gate: 8 B, %s", rows[i].name, languages[l][0], groups[g][1]);
                turns(j, what, groups[g][0], B8, entry, languages[l][2], rows[i].bound, rows[i].control);
            }
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        double heap = -1;
        snprintf(entry, sizeof entry, "%s-java-java", rows[i].entry);
        for (int g = 0; g < 3 && !rows[i].control; g++) {
            double used = results_median(find(groups[g][0], B8, entry), FIELD_HEAP);
            heap = used > heap ? used : heap;
        }
        snprintf(what, sizeof what, "%s Java-Java: Java heap per call, worst", rows[i].name);
        if (!rows[i].control)
            add(j, what, heap, false, 0.005, NO_AIM, " B");
    }
}

int targets_judge(struct target targets[TARGETS_MOST])
{
    struct judging j = {.targets = targets};
    one_client(&j);
    many(&j);
    java(&j);
    mmlib(&j);
    gates(&j);
    idle(&j);
    return j.count;
}
