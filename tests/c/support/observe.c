/* observe: see observe.h. */
#include "observe.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* Between two looks at what has no way to be waited for. */
static void pause_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

static bool read_text(const char *format, pid_t thread, char *text, size_t room)
{
    char path[64];

    snprintf(path, sizeof path, format, (int)thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, room - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

/* The kernel tells the number only of a thread that sleeps; else the text is "running". */
static bool is_asleep_in(pid_t thread, long system_call)
{
    char text[512];

    if (read_text("/proc/%d/syscall", thread, text, sizeof text)) {
        char *end;
        long number = strtol(text, &end, 10);
        return end != text && number == system_call;
    }
    /* A kernel without that file: asleep, anywhere. */
    if (!read_text("/proc/%d/stat", thread, text, sizeof text))
        return false;
    const char *after_name = strrchr(text, ')');
    return after_name != NULL && after_name[1] == ' ' && after_name[2] == 'S';
}

void observe_asleep_in(pid_t thread, long system_call)
{
    while (!is_asleep_in(thread, system_call))
        pause_a_little();
}

void observe_asleep_in_either(pid_t thread, long one, long other)
{
    while (!is_asleep_in(thread, one) && !is_asleep_in(thread, other))
        pause_a_little();
}

int observe_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    CHECK(directory != NULL);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* the directory itself */
}

int observe_lowest_free(void)
{
    int fd = (int)CHECK_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));

    close(fd);
    return fd;
}

long observe_sleeps(pid_t thread)
{
    char text[4096];
    long count = -1;

    CHECK(read_text("/proc/%d/status", thread, text, sizeof text));
    const char *line = strstr(text, "\nvoluntary_ctxt_switches:");
    CHECK(line != NULL);
    CHECK_EQ(sscanf(line, "\nvoluntary_ctxt_switches: %ld", &count), 1);
    return count;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec time;

    CHECK_SYS(clock_gettime(clock, &time));
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t observe_now(void) { return read_clock(CLOCK_MONOTONIC); }

int64_t observe_cpu_time(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }
