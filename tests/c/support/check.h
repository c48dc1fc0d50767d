/*
 * check: the frame of the C tests. A file test_THEME.c states cases; they register themselves, and the one program that
 * holds all files runs each case in a process of its own, so that a crash or a hang is one failed case.
 *
 *     CASE(reply_reaches_the_client)
 *     {
 *         int fd = CHECK_OK(open_something());
 *         CHECK_EQ(answer(fd), 42);
 *     }
 *
 * A failed check prints where and what, and ends the process it happens in; the case fails even when that process is a
 * child or the failure is in a thread. Each case has a time limit, its own process group (all of it is killed when the
 * case ends) and its own empty directory, which is both TMPDIR and XDG_RUNTIME_DIR and is removed afterwards.
 *
 * The program: tetrapylon-tests [--list] [--case THEME/CASE | THEME]...   exit 0 passed, 1 failed, 77 all skipped.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct check_case {
    const char *file;
    const char *name;
    unsigned limit_seconds;
    void (*run)(void);
    struct check_case *next;
};

#define CHECK_DEFAULT_LIMIT 10

/* A case with the default time limit, and one with a limit in seconds of its own. */
#define CASE(name) CASE_LIMIT(name, CHECK_DEFAULT_LIMIT)
#define CASE_LIMIT(name_, seconds_)                                                                                    \
    static void case_##name_(void);                                                                                    \
    __attribute__((constructor)) static void register_##name_(void)                                                    \
    {                                                                                                                  \
        static struct check_case it = {                                                                                \
            .file = __FILE__, .name = #name_, .limit_seconds = (seconds_), .run = case_##name_};                       \
        check_register(&it);                                                                                           \
    }                                                                                                                  \
    static void case_##name_(void)

/* The condition holds. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            check_failed(__FILE__, __LINE__, "%s does not hold", #condition);                                          \
    } while (0)

/* Integers of any types, compared as numbers: -1 is not equal to 0xffffffffu. */
#define CHECK_EQ(actual, expected) CHECK_COMPARED(actual, ==, expected)
#define CHECK_NE(actual, expected) CHECK_COMPARED(actual, !=, expected)
#define CHECK_LT(actual, expected) CHECK_COMPARED(actual, <, expected)
#define CHECK_LE(actual, expected) CHECK_COMPARED(actual, <=, expected)
#define CHECK_GT(actual, expected) CHECK_COMPARED(actual, >, expected)
#define CHECK_GE(actual, expected) CHECK_COMPARED(actual, >=, expected)
#define CHECK_COMPARED(actual_, operator_, expected_)                                                                  \
    do {                                                                                                               \
        __int128 check_actual = (actual_), check_expected = (expected_);                                               \
        if (!(check_actual operator_ check_expected))                                                                  \
            check_failed_comparison(__FILE__, __LINE__, #actual_ " " #operator_ " " #expected_, check_actual,          \
                                    check_expected);                                                                   \
    } while (0)

#define CHECK_PTR_EQ(actual_, expected_)                                                                               \
    do {                                                                                                               \
        const void *check_actual = (actual_), *check_expected = (expected_);                                           \
        if (check_actual != check_expected)                                                                            \
            check_failed(__FILE__, __LINE__, "%s is %p, not %p", #actual_, check_actual, check_expected);              \
    } while (0)

#define CHECK_STR_EQ(actual, expected) check_strings(__FILE__, __LINE__, #actual, (actual), (expected))
#define CHECK_MEM_EQ(actual, expected, size)                                                                           \
    check_bytes(__FILE__, __LINE__, #actual, (actual), (expected), (size))

/* A call that returns a negative errno on failure: fails with the error's name, else yields the result. */
#define CHECK_OK(call) check_not_negative(__FILE__, __LINE__, #call, (call))
/* A call that returns -1 and sets errno on failure: fails with the error's name, else yields the result. */
#define CHECK_SYS(call) check_system_call(__FILE__, __LINE__, #call, (call))
/* A call that is to return -1 and to set errno to the expected number. */
#define CHECK_ERRNO(call, expected) check_errno_is(__FILE__, __LINE__, #call, (call), (expected))

/* How often a case that can go on for ever does so: as usual, or in a soak (TETRAPYLON_SOAK=1, mvn -Psoak), where time limits are ten times
 * as long too. */
unsigned check_rounds(unsigned usual, unsigned soak);
bool check_soaks(void);

/* Ends the case as skipped: this machine cannot show what the case is about. */
#define SKIP(...) check_skip(__VA_ARGS__)

/* Starts a child process that runs `body(argument)` and exits with 0; the child dies with its parent. */
pid_t check_fork(void (*body)(void *argument), void *argument);
/* Waits for a child and fails unless it exited with 0. */
void check_join(pid_t child);
/* The directory of this case, without a final slash. */
const char *check_directory(void);

void check_register(struct check_case *it);
void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, cold, format(printf, 3, 4)));
void check_failed_comparison(const char *file, int line, const char *text, __int128 actual, __int128 expected)
    __attribute__((noreturn, cold));
void check_strings(const char *file, int line, const char *text, const char *actual, const char *expected);
void check_bytes(const char *file, int line, const char *text, const void *actual, const void *expected, size_t size);
long check_not_negative(const char *file, int line, const char *text, long result);
long check_system_call(const char *file, int line, const char *text, long result);
void check_errno_is(const char *file, int line, const char *text, long result, int expected);
void check_skip(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

#endif
