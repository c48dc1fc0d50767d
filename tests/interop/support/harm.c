/* harm: see harm.h. */
#include "harm.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

_Atomic unsigned *harm_shared;

void harm_wrong(const char *file, int line, const char *condition)
{
    printf("wrong: %s line %d, %s, errno %d\n", file, line, condition, errno);
    fflush(stdout);
    _exit(1);
}

void harm_begin(void)
{
    harm_shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(harm_shared != MAP_FAILED);
}

void harm_say(const char *format, long a, long b)
{
    printf(format, a, b);
    fflush(stdout);
}

unsigned harm_random(unsigned below)
{
    static unsigned state;
    if (state == 0) state = (unsigned)getpid();
    state = state * 1103515245u + 12345u;
    return (state >> 16) % below;
}

void harm_linger(unsigned most)
{
    for (unsigned turns = harm_random(most); turns > 0; turns--) sched_yield();
}

pid_t harm_start(void)
{
    pid_t parent = getpid(), child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
    }
    return child;
}

void harm_check_alive(pid_t child)
{
    siginfo_t end = {.si_pid = 0};
    CHECK(waitid(P_PID, (id_t)child, &end, WEXITED | WNOHANG | WNOWAIT) == 0);
    if (end.si_pid == 0) return;
    harm_say("wrong: a child has ended by itself, code %ld status %ld\n", end.si_code, end.si_status);
    _exit(1);
}

void harm_end(pid_t child)
{
    int status;
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status)); /* not one that found something wrong before */
}

unsigned harm_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

unsigned harm_mappings(void)
{
    char line[512];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "tetrapylon-")) count++;
    fclose(maps);
    return count;
}

static void *until_end_of_input(void *unused)
{
    (void)unused;
    while (getchar() != EOF) {}
    atomic_store(&harm_shared[HARM_OVER], 1);
    return NULL;
}

void harm_watch_input(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, until_end_of_input, NULL) == 0);
}
