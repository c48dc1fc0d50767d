/*
 * check_main: the runner of the C tests. Owns the list of cases, the shared verdict and, for each case, its process
 * group and its directory.
 */
#include "check_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct check_verdict *check_verdict;

static struct check_case *cases;

/* Cases are kept by file, then in the order of the file: constructors of one file run in that order. */
void check_register(struct check_case *it)
{
    struct check_case **place = &cases;

    while (*place != NULL && strcmp((*place)->file, it->file) <= 0)
        place = &(*place)->next;
    it->next = *place;
    *place = it;
}

static unsigned limit_of(const struct check_case *it) { return it->limit_seconds * check_rounds(1, 10); }

static void theme_of(const struct check_case *it, char *theme, size_t size)
{
    const char *slash = strrchr(it->file, '/');
    const char *base = slash ? slash + 1 : it->file;

    if (strncmp(base, "test_", 5) == 0)
        base += 5;
    snprintf(theme, size, "%.*s", (int)strcspn(base, "."), base);
}

static bool is_selected(const struct check_case *it, char *const *wanted, int count)
{
    char theme[128], full[256];

    theme_of(it, theme, sizeof theme);
    snprintf(full, sizeof full, "%s/%s", theme, it->name);
    for (int i = 0; i < count; i++)
        if (strcmp(wanted[i], theme) == 0 || strcmp(wanted[i], full) == 0)
            return true;
    return count == 0;
}

static _Noreturn void run_in_child(const struct check_case *it, const char *directory)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    check_verdict->leader = getpid();
    setenv("TMPDIR", directory, 1);
    setenv("XDG_RUNTIME_DIR", directory, 1);
    it->run();
    exit(0);
}

/* True when the process ended within the limit; it is left as a zombie. */
static bool wait_until_ended(pid_t child, unsigned limit_seconds)
{
    struct timespec end, now;
    int fd = pidfd_open(child, 0);
    int ready = 0;

    if (fd < 0) {
        perror("pidfd_open");
        exit(CHECK_EXIT_USAGE);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += limit_seconds;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        long left = (end.tv_sec - now.tv_sec) * 1000 + (end.tv_nsec - now.tv_nsec) / 1000000;
        ready = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, left > 0 ? (int)left : 0);
    } while (ready < 0 && errno == EINTR);
    close(fd);
    return ready > 0;
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status, (void)flag, (void)walk;
    remove(path);
    return 0;
}

/* Kills what the case has left behind: its group, and any descendant that has been handed to us. */
static void clear_after(pid_t group)
{
    kill(-group, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

enum outcome { PASSED, FAILED, SKIPPED };

static enum outcome report(const char *full, bool in_time, int status, const struct check_case *it, long milliseconds)
{
    char why[400] = "";
    enum outcome outcome = FAILED;

    if (atomic_load(&check_verdict->failed))
        snprintf(why, sizeof why, "a check failed");
    else if (!in_time)
        snprintf(why, sizeof why, "not finished after %u s", limit_of(it));
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof why, "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
    else if (atomic_load(&check_verdict->skipped))
        outcome = SKIPPED;
    else if (WEXITSTATUS(status) != 0)
        snprintf(why, sizeof why, "exited with %d", WEXITSTATUS(status));
    else
        outcome = PASSED;

    if (outcome == SKIPPED)
        printf("ok %s # SKIP %s\n", full, check_verdict->skip_reason);
    else if (outcome == PASSED)
        printf("ok %s # %ld ms\n", full, milliseconds);
    else
        printf("not ok %s # %s\n", full, why);
    fflush(stdout);
    return outcome;
}

static enum outcome run_case(const struct check_case *it)
{
    char theme[128], full[256], directory[] = "/tmp/tpy-check.XXXXXX";
    struct timespec start, end;
    int status = 0;

    theme_of(it, theme, sizeof theme);
    snprintf(full, sizeof full, "%s/%s", theme, it->name);
    memset(check_verdict, 0, sizeof *check_verdict);
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        exit(CHECK_EXIT_USAGE);
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(CHECK_EXIT_USAGE);
    }
    if (child == 0)
        run_in_child(it, directory);
    setpgid(child, child);
    bool in_time = wait_until_ended(child, limit_of(it));
    if (!in_time)
        kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    clear_after(child);
    clock_gettime(CLOCK_MONOTONIC, &end);
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return report(full, in_time, status, it,
                  (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
}

static void list(char *const *wanted, int count)
{
    char theme[128];

    for (struct check_case *it = cases; it != NULL; it = it->next)
        if (is_selected(it, wanted, count)) {
            theme_of(it, theme, sizeof theme);
            printf("%s/%s\t%u\t%s\n", theme, it->name, limit_of(it), it->file);
        }
}

int main(int count, char **arguments)
{
    char **wanted = arguments; /* moved to its front */
    int wanted_count = 0, ran = 0, failed = 0, skipped = 0;
    bool only_list = false;

    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--list") == 0)
            only_list = true;
        else if (strcmp(arguments[i], "--case") != 0)
            wanted[wanted_count++] = arguments[i];
    }
    if (only_list) {
        list(wanted, wanted_count);
        return 0;
    }
    check_verdict = mmap(NULL, sizeof *check_verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (check_verdict == MAP_FAILED) {
        perror("mmap");
        return CHECK_EXIT_USAGE;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (struct check_case *it = cases; it != NULL; it = it->next)
        if (is_selected(it, wanted, wanted_count)) {
            enum outcome outcome = run_case(it);
            ran++;
            failed += outcome == FAILED;
            skipped += outcome == SKIPPED;
        }
    printf("# %d cases: %d passed, %d failed, %d skipped\n", ran, ran - failed - skipped, failed, skipped);
    if (ran == 0)
        return CHECK_EXIT_USAGE;
    return failed > 0 ? CHECK_EXIT_FAILED : skipped == ran ? CHECK_EXIT_SKIPPED : 0;
}
