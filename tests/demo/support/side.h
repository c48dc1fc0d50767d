/*
 * side: what the C programs of the demo share. Each program is one gate and can be either side: `GATE serve NAME` or
 * `GATE call NAME`. It talks to whoever speaks the same gate, C or Java (tests/demo/java holds the same programs).
 *
 * A message begins with one word: in its lower half the number its bytes are made from, in its upper half what is wanted. The rest of
 * it are bytes that both sides can compute, so that each checks everything it gets.
 *
 * Standard output is for the demo, a line each: "ready" when a server can be called, "did WORDS" for each thing that was checked, and of the
 * client, last, "times P50 P99 CALLS" in nanoseconds. Exit status 0: all was right.
 */
#ifndef TPY_DEMO_SIDE_H
#define TPY_DEMO_SIDE_H

#include <stddef.h>
#include <stdint.h>

#define DEMO_LARGEST 1000000

/* What a client wants, in the upper half of a message's first word. */
enum {
    DEMO_BYTES,    /* check the bytes, answer as many made from the next number */
    DEMO_TIME,     /* answer the word, one higher */
    DEMO_TELL,     /* answer two words: see each gate */
    DEMO_REFUSE,   /* answer with an error */
    DEMO_FILE,     /* a memory file comes with it: check it and write the bytes of the next number into it */
    DEMO_END       /* answer, then end */
};
static inline uint64_t demo_word(uint64_t want, uint32_t number) { return want << 32 | number; }
static inline unsigned demo_want(uint64_t word) { return (unsigned)(word >> 32); }

struct demo_gate {
    const char *name;
    void (*serve)(const char *name);
    void (*call)(const char *name);
};
/* The programs' main. */
int demo_main(int argc, char **argv, const struct demo_gate *gate);

/* The word, then the bytes made from its number, size bytes in all, at least 8. */
void demo_fill(void *message, size_t size, uint64_t word);
/* Whether it is just that. */
int demo_same(const void *message, size_t size, uint64_t word);

/* DEMO_FILE: a memory file with just these bytes; one that must have them; the answer, which is written into it. */
int demo_file_make(uint64_t word);
void demo_file_check(int file, uint64_t word);
void demo_file_answer(int file, uint64_t word);

void demo_ready(void);
void demo_did(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says on standard error what is wrong and ends the program. error: a positive errno, or 0. */
_Noreturn void demo_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes 8 B round trips for a while, warm-up apart, and says "times". trip sends the word and returns the answer's first word. */
void demo_time(uint64_t (*trip)(uint64_t word));

#endif
