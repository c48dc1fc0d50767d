/* spawn: process.h: starting programs, as thin forms of posix_spawn and exec. */
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <process.h>

extern char **environ;

static int start(int mode, const char *file, bool search, char *const arguments[], char *const environment[])
{
    if (mode < P_WAIT || mode > P_NOWAITO) {
        errno = EINVAL;
        return -1;
    }
    if (mode == P_OVERLAY) return search ? execvpe(file, arguments, environment) : execve(file, arguments, environment);
    pid_t child;
    int status, error = search ? posix_spawnp(&child, file, NULL, NULL, arguments, environment)
                               : posix_spawn(&child, file, NULL, NULL, arguments, environment);
    if (error != 0) {
        errno = error;
        return -1;
    }
    if (mode != P_WAIT) return child;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return status;
}

int tpy_spawnv(int mode, const char *path, char *const arguments[])
{
    return start(mode, path, false, arguments, environ);
}
int tpy_spawnvp(int mode, const char *file, char *const arguments[])
{
    return start(mode, file, true, arguments, environ);
}
int tpy_spawnve(int mode, const char *path, char *const arguments[], char *const environment[])
{
    return start(mode, path, false, arguments, environment);
}

static int start_list(int mode, const char *file, bool search, const char *argument, va_list rest)
{
    va_list counting;
    size_t count = 1;
    va_copy(counting, rest);
    if (argument)
        while (va_arg(counting, const char *)) count++;
    va_end(counting);
    char **arguments = calloc(count + 1, sizeof *arguments);
    if (!arguments) return -1;
    arguments[0] = (char *)argument;
    for (size_t i = 1; argument && i < count; i++) arguments[i] = va_arg(rest, char *);
    int result = start(mode, file, search, arguments, environ);
    int kept = errno;
    free(arguments);
    errno = kept;
    return result;
}

int tpy_spawnl(int mode, const char *path, const char *argument, ...)
{
    va_list rest;
    va_start(rest, argument);
    int result = start_list(mode, path, false, argument, rest);
    va_end(rest);
    return result;
}

int tpy_spawnlp(int mode, const char *file, const char *argument, ...)
{
    va_list rest;
    va_start(rest, argument);
    int result = start_list(mode, file, true, argument, rest);
    va_end(rest);
    return result;
}
