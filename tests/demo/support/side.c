/* side: see side.h. */
#include "side.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define TRIPS 100000
#define WARM_UP 1000
#define FILE_SIZE 100000
#define LONGEST 1000000000 /* ns: where trips are slow, fewer are made */

static const char *program = "demo", *side = "";

int demo_main(int argc, char **argv, const struct demo_gate *gate)
{
    if (argc != 3 || (strcmp(argv[1], "serve") != 0 && strcmp(argv[1], "call") != 0)) {
        fprintf(stderr, "usage: %s serve|call NAME\n", gate->name);
        return 2;
    }
    program = gate->name;
    side = argv[1][0] == 's' ? "server" : "client";
    (argv[1][0] == 's' ? gate->serve : gate->call)(argv[2]);
    return 0;
}

/* Eight bytes of the run that belongs to a number. */
static uint64_t piece(uint32_t number, size_t index)
{
    uint64_t x = (uint64_t)number * UINT64_C(0x9E3779B97F4A7C15) + index;
    x = (x ^ x >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    return x ^ x >> 32;
}

void demo_fill(void *message, size_t size, uint64_t word)
{
    unsigned char *to = message;
    memcpy(to, &word, sizeof word);
    for (size_t at = sizeof word; at < size; at += sizeof word) {
        uint64_t next = piece((uint32_t)word, at);
        memcpy(to + at, &next, size - at < sizeof next ? size - at : sizeof next);
    }
}

int demo_same(const void *message, size_t size, uint64_t word)
{
    const unsigned char *from = message;
    int same = memcmp(from, &word, sizeof word) == 0;
    for (size_t at = sizeof word; same && at < size; at += sizeof word) {
        uint64_t next = piece((uint32_t)word, at);
        same = memcmp(from + at, &next, size - at < sizeof next ? size - at : sizeof next) == 0;
    }
    return same;
}

static unsigned char content[FILE_SIZE];

static void file_write(int file, uint64_t word)
{
    demo_fill(content, sizeof content, word);
    if (pwrite(file, content, sizeof content, 0) != (ssize_t)sizeof content) demo_fail(errno, "pwrite");
}

int demo_file_make(uint64_t word)
{
    int file = memfd_create("demo", MFD_CLOEXEC);
    if (file < 0) demo_fail(errno, "memfd_create");
    file_write(file, word);
    return file;
}

void demo_file_check(int file, uint64_t word)
{
    if (file < 0) demo_fail(0, "no descriptor came");
    if (pread(file, content, sizeof content, 0) != (ssize_t)sizeof content || !demo_same(content, sizeof content, word))
        demo_fail(0, "the file has other bytes");
}

void demo_file_answer(int file, uint64_t word)
{
    demo_file_check(file, word);
    file_write(file, word + 1);
}

static void say(const char *line)
{
    if (puts(line) < 0 || fflush(stdout) != 0) exit(1); /* the demo is gone */
}

void demo_ready(void) { say("ready"); }

void demo_did(const char *format, ...)
{
    char line[256] = "did ";
    va_list rest;
    va_start(rest, format);
    vsnprintf(line + 4, sizeof line - 4, format, rest);
    va_end(rest);
    say(line);
}

void demo_fail(int error, const char *format, ...)
{
    char line[256];
    va_list rest;
    va_start(rest, format);
    vsnprintf(line, sizeof line, format, rest);
    va_end(rest);
    fprintf(stderr, "%s %s in C: %s%s%s\n", program, side, line, error ? ": " : "", error ? strerror(error) : "");
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void demo_time(uint64_t (*trip)(uint64_t word))
{
    static int64_t times[TRIPS];
    int count = 0;
    int64_t begin = now(), before = begin;
    for (int i = -WARM_UP; i < TRIPS && before - begin < LONGEST; i++) {
        uint64_t word = demo_word(DEMO_TIME, (uint32_t)(i + WARM_UP)), answer = trip(word);
        int64_t after = now();
        if (answer != word + 1) demo_fail(0, "the answer to %" PRIx64 " is %" PRIx64, word, answer);
        if (i >= 0) times[count++] = after - before;
        before = after;
    }
    if (count == 0) demo_fail(0, "not one round trip in time");
    qsort(times, (size_t)count, sizeof *times, by_value);
    char line[128];
    snprintf(line, sizeof line, "times %" PRId64 " %" PRId64 " %d", times[count / 2], times[(size_t)count * 99 / 100], count);
    say(line);
}
