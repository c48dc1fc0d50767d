/*
 * One side of a contender as a process of its own, started and led by the harness over standard input and output:
 *
 *   role list                                      the contenders that were compiled in, one a line
 *   role server NAME ENDPOINT CLIENTS              says "ready ADDRESS" and serves until it is killed
 *   role client NAME ADDRESS INDEX                 says "ready" and then obeys lines:
 *       run SIZE START BATCH_END SINGLE_END PACE MOST
 *                                              one slice; answers one "done" line (docs/benchmark.md)
 *       slots SIZE START PERIOD WARM BATCH NUMBER,NUMBER...
 *                                              turns: in slot n, which begins at START + n * PERIOD, calls until shortly before
 *                                              the next, the first WARM nanoseconds of them untimed; answers the time per call in
 *                                              each, in tenths of nanoseconds: the median of batches of as many calls as take
 *                                              about BATCH nanoseconds, or with a BATCH of 0 the mean
 *
 * The Java roles speak the same lines, so either language can stand on either side. Times are absolute nanoseconds of
 * CLOCK_MONOTONIC. Until BATCH_END calls are timed in batches, then one by one until SINGLE_END; with a PACE (in
 * microseconds) there is one call each PACE to 2 x PACE and only single times. A batch is as many calls as take about 0.1 ms,
 * and never more than MOST.
 */
#define _GNU_SOURCE
#include "support/clock.h"
#include "support/contender.h"
#include "support/histogram.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define BATCH_TIME UINT64_C(100000)
#define SLOTS_MOST 2048
#define SLOT_BATCH_MOST 1000
#define TURN_BATCHES_MOST 256

struct client_run {
    const struct contender *contender;
    struct bench_client side;
    size_t size;
    uint64_t word;    /* of the next request */
    uint64_t wrong;   /* calls that failed their check */
    uint64_t checked; /* bytes compared one by one */
    unsigned batch;   /* calls */
    unsigned most;    /* of them, in one batch */
    unsigned short_batch; /* calls, in turns */
    uint64_t longest_batch;
    uint64_t random;
    struct histogram batches; /* tenths of a nanosecond per call */
    struct histogram singles; /* nanoseconds */
};

static int fail(const char *what, int error)
{
    printf("fail %s: %s\n", what, strerror(-error));
    fflush(stdout);
    return 1;
}

static void *buffer(void)
{
    void *memory = mmap(NULL, BENCH_LARGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static uint64_t next_random(struct client_run *run)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return run->random;
}

/* One call. Its first and its last word are checked always; a whole comparison is check_whole's. */
static inline int call(struct client_run *run)
{
    size_t size = run->size;
    uint64_t word = run->word;
    char *request = run->side.request, *reply = run->side.reply;
    run->word += 2 * BENCH_STEP;
    bench_set_word(request, word);
    if (size >= 16)
        bench_set_word(request + size - 8, ~word);
    int error = run->contender->call(&run->side, size);
    if (error)
        return error;
    if (bench_word(reply) != word + BENCH_STEP || (size >= 16 && bench_word(reply + size - 8) != ~word))
        run->wrong++;
    return 0;
}

/* One call with fresh random bytes, all of which must come back. */
static int check_whole(struct client_run *run)
{
    char *request = run->side.request, *reply = run->side.reply;
    for (size_t i = 8; i + 8 <= run->size; i += 8)
        bench_set_word(request + i, next_random(run));
    memset(reply, 0, run->size);
    int error = call(run);
    if (error)
        return error;
    if (memcmp(request + 8, reply + 8, run->size - 8))
        run->wrong++;
    run->checked += run->size;
    return 0;
}

static int run_batches(struct client_run *run, uint64_t end, uint64_t *calls)
{
    uint64_t before = clock_now();
    run->longest_batch = 0;
    while (before < end) {
        unsigned n = run->batch;
        for (unsigned i = 0; i < n; i++) {
            int error = call(run);
            if (error)
                return error;
        }
        uint64_t after = clock_now(), took = after - before;
        histogram_record(&run->batches, took * 10 / n);
        *calls += n;
        if (took > run->longest_batch)
            run->longest_batch = took;
        if (took < BATCH_TIME / 2 && n < run->most)
            run->batch = 2 * n < run->most ? 2 * n : run->most;
        else if (took > 2 * BATCH_TIME && n > 1)
            run->batch = n / 2;
        before = after;
    }
    return 0;
}

static int run_singles(struct client_run *run, uint64_t end, uint64_t pace)
{
    uint64_t before = clock_now(), due = before;
    while (before < end) {
        if (pace) {
            due += pace + next_random(run) % pace;
            if (due >= end)
                break;
            clock_sleep_until(due);
            before = clock_now();
        }
        int error = call(run);
        if (error)
            return error;
        uint64_t after = clock_now();
        histogram_record(&run->singles, after - before);
        before = after;
    }
    return 0;
}

static void print_histogram(const char *name, const struct histogram *h)
{
    const char *separator = "";
    printf(" %s=", name);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!h->buckets[i])
            continue;
        printf("%s%" PRIu64 ":%" PRIu32, separator, histogram_value(i), h->buckets[i]);
        separator = ",";
    }
}

static int run_slice(struct client_run *run, const uint64_t t[5])
{
    uint64_t calls = 0, start = t[0], pace = t[3] * 1000;
    run->wrong = run->checked = 0;
    histogram_clear(&run->batches);
    histogram_clear(&run->singles);
    int error = check_whole(run);
    if (error)
        return error;
    clock_sleep_until(start);
    uint64_t cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    error = run_batches(run, t[1], &calls);
    uint64_t span = clock_now() - start;
    if (!error)
        error = run_singles(run, t[2], pace);
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (!error)
        error = check_whole(run);
    if (error)
        return error;
    /* Only who came to no single call has nothing better than a batch to tell. */
    uint64_t longest = run->singles.count ? run->singles.max : run->longest_batch;
    printf("done calls=%" PRIu64 " span=%" PRIu64 " cpu=%" PRIu64 " longest=%" PRIu64 " checked=%" PRIu64
           " wrong=%" PRIu64 " allocated=0",
           calls, span, cpu, longest, run->checked, run->wrong);
    print_histogram("batches", &run->batches);
    print_histogram("singles", &run->singles);
    printf("\n");
    return fflush(stdout) ? -EIO : 0;
}

/* How turns are spent, in nanoseconds. */
struct turns {
    uint64_t start, period, warm, batch;
};

/* What a turn has shown, in tenths of nanoseconds per call: its mean, or its batches. */
struct turn {
    uint64_t mean;
    size_t count;
    uint64_t batch[TURN_BATCHES_MOST];
};

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int run_short_batches(struct client_run *run, uint64_t end, uint64_t batch, struct turn *turn)
{
    uint64_t before = clock_now();
    turn->count = 0;
    while (before < end) {
        unsigned n = run->short_batch;
        for (unsigned i = 0; i < n; i++) {
            int error = call(run);
            if (error)
                return error;
        }
        uint64_t after = clock_now(), took = after - before;
        if (turn->count < TURN_BATCHES_MOST)
            turn->batch[turn->count++] = took * 10 / n;
        if (took < batch / 2 && n < SLOT_BATCH_MOST)
            run->short_batch = 2 * n;
        else if (took > 2 * batch && n > 1)
            run->short_batch = n / 2;
        before = after;
    }
    return 0;
}

/* Who has slept must wake first, and wake the server: that is what the first calls are for. The last twentieth is left to overrun. */
static int run_turn(struct client_run *run, const struct turns *turns, uint64_t slot, struct turn *turn)
{
    uint64_t calls = 0, start = turns->start + slot * turns->period, end = start + turns->period - turns->period / 20;
    clock_sleep_until(start);
    if (turns->batch) {
        int error = run_short_batches(run, clock_now() + turns->warm, turns->batch, turn);
        return error ? error : run_short_batches(run, end, turns->batch, turn);
    }
    int error = run_batches(run, clock_now() + turns->warm, &calls);
    uint64_t before = clock_now();
    calls = 0;
    if (!error)
        error = run_batches(run, end, &calls);
    turn->mean = calls ? (clock_now() - before) * 10 / calls : 0;
    return error;
}

/* 0 when there was no time for any. */
static uint64_t time_of(struct turn *turn)
{
    qsort(turn->batch, turn->count, sizeof *turn->batch, ascending);
    return turn->count ? turn->batch[turn->count / 2] : turn->mean;
}

/* What is to be told of the turns is made of them after the last, since between them it is others' turn. */
static int run_slots(struct client_run *run, const struct turns *turns, char *numbers)
{
    static struct turn shown[SLOTS_MOST];
    int count = 0;
    run->wrong = run->checked = 0;
    histogram_clear(&run->batches);
    int error = check_whole(run);
    uint64_t cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    for (char *number = strtok(numbers, ",\n"); number && !error && count < SLOTS_MOST; number = strtok(NULL, ",\n"))
        error = run_turn(run, turns, strtoull(number, NULL, 10), &shown[count++]);
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (!error)
        error = check_whole(run);
    if (error)
        return error;
    printf("done wrong=%" PRIu64 " cpu=%" PRIu64 " times=", run->wrong, cpu);
    for (int i = 0; i < count; i++)
        printf("%s%" PRIu64, i ? "," : "", time_of(&shown[i]));
    printf("\n");
    return fflush(stdout) ? -EIO : 0;
}

static void set_size(struct client_run *run, uint64_t size)
{
    if (run->size == size)
        return;
    run->size = size;
    run->batch = run->short_batch = 1;
    run->word = (run->word & ~UINT64_C(0xffffffff)) | size;
}

/* Obeys one line. A size out of bounds is not understood. */
static int obey(struct client_run *run, char *line)
{
    uint64_t t[5], size;
    struct turns turns;
    int list = 0;
    if (sscanf(line, "slots %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &size, &turns.start, &turns.period,
               &turns.warm, &turns.batch, &list) == 5 && list && size >= 8 && size <= BENCH_LARGEST) {
        run->most = SLOT_BATCH_MOST;
        set_size(run, size);
        return run_slots(run, &turns, line + list);
    }
    if (sscanf(line, "run %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &size, &t[0], &t[1],
               &t[2], &t[3], &t[4]) != 6 || size < 8 || size > BENCH_LARGEST || !t[4])
        return -EINVAL;
    run->most = (unsigned)t[4];
    set_size(run, size);
    if (run->batch > run->most)
        run->batch = run->most;
    return run_slice(run, t);
}

static int client(const struct contender *contender, const char *address, int index)
{
    static struct client_run run;
    run.contender = contender;
    run.batch = run.short_batch = 1;
    run.random = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(index + 1);
    run.side.index = index;
    run.side.request = buffer();
    run.side.reply = buffer();
    if (!run.side.request || !run.side.reply)
        return fail("no memory", -ENOMEM);
    int error = contender->connect(&run.side, address);
    if (error)
        return fail("connect", error);
    printf("ready\n");
    fflush(stdout);
    static char line[SLOTS_MOST * 8];
    while (fgets(line, sizeof line, stdin)) {
        error = obey(&run, line);
        if (error)
            return fail("run", error);
    }
    return 0;
}

static int server(const struct contender *contender, const char *endpoint, int clients)
{
    struct bench_server side = {.endpoint = endpoint, .clients = clients, .message = buffer()};
    char address[256] = "";
    if (!side.message)
        return fail("no memory", -ENOMEM);
    int error = contender->open(&side, address, sizeof address);
    if (error)
        return fail("open", error);
    printf("ready %s\n", address);
    fflush(stdout);
    error = contender->serve(&side);
    return fail("serve", error);
}

int main(int argc, char **argv)
{
    const struct contender *found = NULL;
    for (int i = 0; i < bench_contender_count; i++) {
        const struct contender *c = bench_contenders[i];
        if (c && argc == 2 && !strcmp(argv[1], "list"))
            printf("%s\n", c->name);
        else if (c && argc == 5 && !strcmp(argv[2], c->name))
            found = c;
    }
    if (argc == 2 && !strcmp(argv[1], "list"))
        return 0;
    if (!found) {
        fprintf(stderr, "usage: role list | role server NAME ENDPOINT CLIENTS | role client NAME ADDRESS INDEX\n");
        return 2;
    }
    if (!strcmp(argv[1], "server"))
        return server(found, argv[3], atoi(argv[4]));
    return client(found, argv[3], atoi(argv[4]));
}
