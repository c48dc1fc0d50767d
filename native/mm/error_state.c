/* error_state: see error_state.h. */
#include "mm/error_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mmerrno.h"
#include "tetrapylon.h"

/* What is kept of a name: more than a valid one can have, so that a name too long can be known again. */
#define NAME_KEPT 120

struct error_state {
    int number;
    int flags;
    const char *call; /* NULL: described already, or no error */
    int fd;
    char name[NAME_KEPT];
    char description[320];
};

static _Thread_local struct error_state state;

int tpy_mm_fail(int number, const char *call, const char *name, int fd)
{
    errno = number;
    if (state.flags & MM_ERROR_IGNORE)
        return -1;
    state.number = number;
    state.call = call;
    state.fd = fd;
    state.name[0] = '\0';
    if (name != NULL) {
        size_t length = strnlen(name, NAME_KEPT - 1);
        memcpy(state.name, name, length);
        state.name[length] = '\0';
        state.fd = -2; /* there is a name, if only "" */
    }
    return -1;
}

static void describe(void)
{
    const size_t room = sizeof state.description;
    int used;

    if (state.fd == -2)
        used = snprintf(state.description, room, "%s \"%s%s\": ", state.call, state.name,
                        strlen(state.name) == NAME_KEPT - 1 ? "..." : "");
    else if (state.fd >= 0)
        used = snprintf(state.description, room, "%s, descriptor %d: ", state.call, state.fd);
    else
        used = snprintf(state.description, room, "%s: ", state.call);
    errno = state.number;
    snprintf(state.description + used, room - (size_t)used, "%m");
    state.call = NULL;
}

TPY_PUBLIC int mm_error_set_flags(int flags, int mask)
{
    int before = state.flags;

    state.flags = (before & ~mask) | (flags & mask);
    return before;
}

TPY_PUBLIC int mm_get_lasterror_number(void) { return state.number; }

TPY_PUBLIC const char *mm_get_lasterror_desc(void)
{
    int before = errno;

    if (state.call != NULL)
        describe();
    errno = before;
    return state.description;
}

TPY_PUBLIC void mm_print_lasterror(const char *info, ...)
{
    int before = errno;

    if (info != NULL) {
        va_list arguments;
        va_start(arguments, info);
        vprintf(info, arguments);
        va_end(arguments);
        putchar('\n');
    }
    errno = before;
    if (state.number != 0)
        printf("error %d in %s\n", state.number, mm_get_lasterror_desc());
    else if (before != 0)
        printf("no error recorded, but errno is %d: %m\n", before);
    else
        printf("no error recorded\n");
    errno = before;
}
