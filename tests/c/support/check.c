/*
 * check: what a case calls. The verdict lies in one shared page, so that a failure in a child or a thread counts; the
 * runner (check_main.c) owns the page and reads it when the case has ended.
 */
#include "check_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* One write, so that lines of several processes do not mix. */
static void print_line(const char *prefix, const char *format, va_list arguments)
{
    char line[1024];
    int used = snprintf(line, sizeof line - 1, "%s", prefix);

    if (used < 0 || (size_t)used >= sizeof line - 1)
        used = sizeof line - 2;
    int more = vsnprintf(line + used, sizeof line - 1 - (size_t)used, format, arguments);
    if (more > 0)
        used += more;
    if ((size_t)used > sizeof line - 2)
        used = sizeof line - 2;
    line[used++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)used) < 0)
        _exit(CHECK_EXIT_FAILED);
}

void check_failed(const char *file, int line, const char *format, ...)
{
    char prefix[256];
    va_list arguments;

    atomic_store(&check_verdict->failed, true);
    snprintf(prefix, sizeof prefix, "# %s:%d: ", file, line);
    va_start(arguments, format);
    print_line(prefix, format, arguments);
    va_end(arguments);
    if (getpid() != check_verdict->leader)
        kill(check_verdict->leader, SIGKILL); /* it may be waiting for us */
    _exit(CHECK_EXIT_FAILED);
}

void check_skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(check_verdict->skip_reason, sizeof check_verdict->skip_reason, format, arguments);
    va_end(arguments);
    atomic_store(&check_verdict->skipped, true);
    _exit(CHECK_EXIT_SKIPPED);
}

static void print_number(char *text, size_t size, __int128 number)
{
    if (number < 0)
        snprintf(text, size, "%lld", (long long)number);
    else
        snprintf(text, size, "%llu (%#llx)", (unsigned long long)number, (unsigned long long)number);
}

void check_failed_comparison(const char *file, int line, const char *text, __int128 actual, __int128 expected)
{
    char left[64], right[64];

    print_number(left, sizeof left, actual);
    print_number(right, sizeof right, expected);
    check_failed(file, line, "%s does not hold: left is %s, right is %s", text, left, right);
}

void check_strings(const char *file, int line, const char *text, const char *actual, const char *expected)
{
    if (actual == expected || (actual != NULL && expected != NULL && strcmp(actual, expected) == 0))
        return;
    check_failed(file, line, "%s is \"%s\", not \"%s\"", text, actual ? actual : "(null)",
                 expected ? expected : "(null)");
}

void check_bytes(const char *file, int line, const char *text, const void *actual, const void *expected, size_t size)
{
    const unsigned char *left = actual, *right = expected;

    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            check_failed(file, line, "%s: byte %zu of %zu is %#04x, not %#04x", text, i, size, left[i], right[i]);
}

static const char *error_name(long number)
{
    const char *name = number > 0 && number < 4096 ? strerrorname_np((int)number) : NULL;
    return name ? name : "no errno";
}

long check_not_negative(const char *file, int line, const char *text, long result)
{
    if (result < 0)
        check_failed(file, line, "%s returned %ld (%s)", text, result, error_name(-result));
    return result;
}

long check_system_call(const char *file, int line, const char *text, long result)
{
    if (result == -1)
        check_failed(file, line, "%s failed with %s", text, error_name(errno));
    return result;
}

void check_errno_is(const char *file, int line, const char *text, long result, int expected)
{
    int number = errno;

    if (result != -1)
        check_failed(file, line, "%s returned %ld, not -1 with %s", text, result, error_name(expected));
    if (number != expected)
        check_failed(file, line, "%s failed with %s, not %s", text, error_name(number), error_name(expected));
}

pid_t check_fork(void (*body)(void *argument), void *argument)
{
    pid_t parent = getpid();
    pid_t child = fork();

    if (child < 0)
        check_failed(__FILE__, __LINE__, "fork failed with %s", error_name(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(CHECK_EXIT_FAILED);
        body(argument);
        _exit(0);
    }
    return child;
}

void check_join(pid_t child)
{
    int status;
    pid_t waited;

    do
        waited = waitpid(child, &status, 0);
    while (waited < 0 && errno == EINTR);
    if (waited != child)
        check_failed(__FILE__, __LINE__, "waiting for child %d failed with %s", (int)child, error_name(errno));
    if (WIFSIGNALED(status))
        check_failed(__FILE__, __LINE__, "child %d was killed by SIG%s", (int)child, sigabbrev_np(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        check_failed(__FILE__, __LINE__, "child %d exited with %d", (int)child, WEXITSTATUS(status));
}

bool check_soaks(void)
{
    const char *soak = getenv("TETRAPYLON_SOAK");
    return soak != NULL && strcmp(soak, "1") == 0;
}

unsigned check_rounds(unsigned usual, unsigned soak) { return check_soaks() ? soak : usual; }

const char *check_directory(void)
{
    return getenv("TMPDIR");
}
