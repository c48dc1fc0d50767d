/* See slots.h. All clients get their lists first and begin at the same time; then each tells what it measured. */
#include "slots.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 6
#define ANSWER_TIME (5 * SECOND)

static unsigned random_below(unsigned limit)
{
    static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33) % limit;
}

static void shuffle(int *order, int count)
{
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int other = (int)random_below((unsigned)i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

/* Draws who takes which turn: lists[i] gets those of contender i, as text. */
static void draw(char *lists[], int count, int rounds)
{
    size_t length[PLAN_ENTRIES_MOST] = {0};
    for (int round = 0; round < rounds; round++) {
        int order[PLAN_ENTRIES_MOST];
        shuffle(order, count);
        for (int k = 0; k < count; k++) {
            int who = order[k];
            length[who] += (size_t)sprintf(lists[who] + length[who], "%s%d", round ? "," : "", round * count + k);
        }
    }
}

static int take(struct session *s, struct result *into, uint64_t deadline, int rounds, int unheeded)
{
    char *line = process_line(&s->clients[0], deadline);
    const char *at = line ? strstr(line, " times=") : NULL, *cpu = line ? strstr(line, " cpu=") : NULL;
    if (!at || !cpu || strncmp(line, "done ", 5) || !strstr(line, " wrong=0 "))
        return -1;
    at += strlen(" times=");
    int before = into->slots;
    for (int i = 0; i < rounds; i++) {
        char *end;
        double tenths = strtod(at, &end);
        if (end == at) {
            into->slots = before;
            return -1;
        }
        if (i >= unheeded && into->slots < RESULTS_SLOTS) /* 0: the host took the whole turn */
            into->slot[into->slots++] = tenths > 0 ? tenths / 10 : RESULTS_NONE;
        at = *end == ',' ? end + 1 : end;
    }
    into->slots_runs++;
    into->slots_all += rounds;
    into->slots_cpu += strtoull(cpu + strlen(" cpu="), NULL, 10);
    return 0;
}

int slots_run(struct session *sessions[], struct result *into[], int count, const struct turns_plan *plan)
{
    const int rounds = plan->unheeded + plan->rounds;
    char *lists[PLAN_ENTRIES_MOST], *line = malloc((size_t)rounds * (DIGITS + 1) + 128);
    char *text = malloc((size_t)rounds * (DIGITS + 1) * PLAN_ENTRIES_MOST + 1);
    uint64_t server_cpu[PLAN_ENTRIES_MOST];
    int failed = 0;
    if (!line || !text || count > PLAN_ENTRIES_MOST) {
        free(line);
        free(text);
        return count;
    }
    for (int i = 0; i < count; i++)
        lists[i] = text + (size_t)i * (size_t)rounds * (DIGITS + 1);
    draw(lists, count, rounds);
    uint64_t start = clock_now() + 20 * MILLISECOND;
    uint64_t deadline = start + plan->period * (uint64_t)(rounds * count) + ANSWER_TIME;
    for (int i = 0; i < count; i++) {
        sprintf(line, "slots %zu %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", plan->size, start, plan->period, plan->warm,
                plan->batch, lists[i]);
        server_cpu[i] = process_cpu(&sessions[i]->servers[0]);
        process_say(&sessions[i]->clients[0], line);
    }
    for (int i = 0; i < count; i++)
        if (take(sessions[i], into[i], deadline, rounds, plan->unheeded)) {
            snprintf(sessions[i]->failure, sizeof sessions[i]->failure, "no sensible answer after its turns");
            session_end(sessions[i]);
            failed++;
        } else
            into[i]->slots_cpu += process_cpu(&sessions[i]->servers[0]) - server_cpu[i];
    free(line);
    free(text);
    return failed;
}
