/*
 * demo: leads the demonstration. For each gate it starts server and client as processes of their own, in every mixture of the languages the
 * gate exists in, shows what they say, and ends with a table. Exit status 0: everything was right; 1: something was not.
 *
 *   demo --c FOLDER [--java COMMAND] [GATE...]
 *
 * FOLDER holds the C programs, named like their gates; COMMAND is a program that runs the Java ones, called with the gate before the other
 * arguments. What programs say is in support/side.h. Sockets and names lie in a directory of this run's own, which is gone at the end.
 * Children die with this process. It ends after two minutes whatever happens, or at once by SIGINT, SIGTERM or SIGHUP.
 *
 * A gate joins with a line in the table below, a program GATE.c, and a class in java/.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <tetrapylon.h>
#include <time.h>
#include <unistd.h>

static const struct gate {
    const char *name, *title;
    bool in_java;
} gates[] = {
    {"qnx", "QNX Neutrino", true},
    {"mm", "mmlib", true},
    {"l4", "L4 V2", true},
    {"fluke", "Fluke", true},
};

#define GATES (sizeof gates / sizeof *gates)
#define PAIR_LIMIT 25000 /* ms for one server and client */
#define END_LIMIT 3000   /* ms for the other one when one has ended */
#define LIMIT 120        /* s for all */

struct side {
    const char *what; /* "server" or "client" */
    pid_t pid;
    int output; /* -1: closed */
    char text[4096];
    size_t have;
    bool ready;
};

struct row {
    const struct gate *gate;
    const char *server, *client;
    char verified[256];
    long p50, p99, trips;
    bool right;
};

static struct row rows[4 * GATES];
static size_t row_count;
static const char *c_folder, *java_command;
static char directory[4096];           /* TETRAPYLON_DIR of all programs */
static volatile pid_t running[2];      /* the sides' processes, 0 for none */
static volatile sig_atomic_t ended_by; /* the signal that ends the demo early */

/* The sides die, so whoever reads what they say or waits for them goes on, and sees ended_by. */
static void end_early(int signal)
{
    ended_by = signal;
    for (int i = 0; i < 2; i++)
        if (running[i] > 0) kill(running[i], SIGKILL);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

/* In memory where the machine has a file system for that, as the library would choose. */
static void make_directory(void)
{
    const char *temporary = getenv("TMPDIR");
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : temporary && *temporary ? temporary : "/tmp";
    snprintf(directory, sizeof directory, "%s/tetrapylon-demo.XXXXXX", parent);
    if (!mkdtemp(directory) || setenv("TETRAPYLON_DIR", directory, 1) != 0) {
        fprintf(stderr, "demo: cannot make a directory in %s: %s\n", parent, strerror(errno));
        exit(1);
    }
}

static long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void start(int which, struct side *side, bool java, const char *gate, const char *name)
{
    const char *role = which == 0 ? "serve" : "call";
    char program[4096];
    const char *in_c[] = {program, role, name, NULL}, *in_java[] = {java_command, gate, role, name, NULL};
    int out[2];
    pid_t parent = getpid();
    snprintf(program, sizeof program, "%s/%s", c_folder, gate);
    *side = (struct side){.what = which == 0 ? "server" : "client", .output = -1};
    if (pipe2(out, O_CLOEXEC) != 0) {
        perror("demo: pipe");
        return;
    }
    side->output = out[0];
    side->pid = fork();
    if (side->pid == 0) {
        const char **command = java ? in_java : in_c;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || dup2(out[1], STDOUT_FILENO) < 0) _exit(127);
        execv(command[0], (char **)command);
        fprintf(stderr, "demo: %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    if (side->pid < 0) perror("demo: fork");
    close(out[1]);
    running[which] = side->pid;
    if (ended_by) end_early(ended_by); /* which came before the line above */
}

static void heard(struct row *row, struct side *side, const char *line)
{
    if (strcmp(line, "ready") == 0) side->ready = true;
    else if (strncmp(line, "did ", 4) == 0) {
        printf("    %s: %s\n", side->what, line + 4);
        fflush(stdout);
        size_t length = strlen(row->verified);
        if (side->what[0] == 'c')
            snprintf(row->verified + length, sizeof row->verified - length, "%s%s", length ? ", " : "", line + 4);
    } else if (sscanf(line, "times %ld %ld %ld", &row->p50, &row->p99, &row->trips) != 3) printf("    %s says: %s\n", side->what, line);
}

/* Reads what is there and hands out whole lines. */
static void hear(struct row *row, struct side *side)
{
    ssize_t got = read(side->output, side->text + side->have, sizeof side->text - 1 - side->have);
    if (got <= 0) {
        close(side->output);
        side->output = -1;
        return;
    }
    side->have += (size_t)got;
    char *line = side->text, *end;
    while ((end = memchr(line, '\n', side->have - (size_t)(line - side->text))) != NULL) {
        *end = 0;
        heard(row, side, line);
        line = end + 1;
    }
    side->have -= (size_t)(line - side->text);
    memmove(side->text, line, side->have);
    if (side->have == sizeof side->text - 1) side->have = 0; /* no line is that long */
}

/* Listens to both until all have closed their output, or the server is ready. */
static bool listen_to(struct row *row, struct side *sides, size_t count, bool until_ready, long deadline)
{
    for (;;) {
        struct pollfd outputs[2];
        bool open = false;
        for (size_t i = 0; i < count; i++) {
            outputs[i] = (struct pollfd){.fd = sides[i].output, .events = POLLIN};
            open |= sides[i].output >= 0;
        }
        if (until_ready && sides[0].ready) return true;
        if (!open) return !until_ready;
        long left = deadline - now();
        if (left <= 0 || ended_by) return false;
        if (poll(outputs, count, (int)left) < 0 && errno != EINTR) return false;
        for (size_t i = 0; i < count; i++) {
            if (outputs[i].revents) hear(row, &sides[i]);
            if (outputs[i].fd >= 0 && sides[i].output < 0 && deadline > now() + END_LIMIT) deadline = now() + END_LIMIT;
        }
    }
}

/* Sees to it that a side is gone; true if it has ended by itself and well. closed: its output was, so that its end is near. */
static bool end(int which, struct side *side, bool closed)
{
    int status = 0;
    if (side->output >= 0) close(side->output);
    if (side->pid <= 0) return false;
    bool late = !closed && waitpid(side->pid, &status, WNOHANG) == 0;
    if (late) kill(side->pid, SIGKILL);
    if (late || closed)
        while (waitpid(side->pid, &status, 0) < 0 && errno == EINTR)
            ;
    running[which] = 0;
    if (ended_by) return false;
    if (late) printf("    the %s did not end\n", side->what);
    else if (WIFSIGNALED(status)) printf("    the %s was ended by signal %d\n", side->what, WTERMSIG(status));
    else if (status != 0) printf("    the %s ended with status %d\n", side->what, WEXITSTATUS(status));
    return !late && status == 0;
}

static void run(const struct gate *gate, bool java_server, bool java_client)
{
    struct row *row = &rows[row_count++];
    struct side sides[2] = {{.output = -1}, {.output = -1}};
    char name[64];
    long deadline = now() + PAIR_LIMIT;
    *row = (struct row){.gate = gate, .server = java_server ? "Java" : "C", .client = java_client ? "Java" : "C"};
    snprintf(name, sizeof name, "tetrapylon-demo-%d-%zu", (int)getpid(), row_count);
    printf("%s: a server in %s, a client in %s\n", gate->title, row->server, row->client);
    fflush(stdout);
    start(0, &sides[0], java_server, gate->name, name);
    bool good = listen_to(row, sides, 1, true, deadline);
    if (good) {
        start(1, &sides[1], java_client, gate->name, name);
        good = listen_to(row, sides, 2, false, deadline);
        good &= end(1, &sides[1], good);
    }
    good &= end(0, &sides[0], good);
    row->right = good && row->trips > 0;
    if (!row->right && !ended_by) printf("    WRONG\n");
}

static const char *duration(long nanoseconds, char text[32])
{
    if (nanoseconds < 10000) snprintf(text, 32, "%ld ns", nanoseconds);
    else snprintf(text, 32, "%.1f us", (double)nanoseconds / 1000);
    return text;
}

/* The table; the number of rows that are not right. */
static int report(void)
{
    int wrong = 0;
    size_t width = strlen("verified");
    char p50[32], p99[32];
    for (size_t i = 0; i < row_count; i++)
        if (strlen(rows[i].verified) > width) width = strlen(rows[i].verified);
    printf("\n%-13s %-6s %-6s  %-*s  %9s %9s\n", "gate", "server", "client", (int)width, "verified", "p50 (8 B)", "p99");
    for (size_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        printf("%-13s %-6s %-6s  ", row->gate->title, row->server, row->client);
        if (row->right) printf("%-*s  %9s %9s\n", (int)width, row->verified, duration(row->p50, p50), duration(row->p99, p99));
        else printf("WRONG\n");
        wrong += !row->right;
    }
    return wrong;
}

static bool wanted(const char *gate, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], gate) == 0) return true;
    return count == 0;
}

static bool is_gate(const char *name)
{
    for (size_t i = 0; i < GATES; i++)
        if (strcmp(gates[i].name, name) == 0) return true;
    fprintf(stderr, "demo: there is no gate \"%s\"; there are", name);
    for (size_t i = 0; i < GATES; i++) fprintf(stderr, "%s %s", i == 0 ? "" : i + 1 < GATES ? "," : " and", gates[i].name);
    fprintf(stderr, ".\n");
    return false;
}

int main(int argc, char **argv)
{
    int at = 1;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "--c") == 0) c_folder = argv[at + 1];
        else if (strcmp(argv[at], "--java") == 0) java_command = argv[at + 1];
    }
    if (!c_folder) {
        fprintf(stderr, "usage: demo --c FOLDER [--java COMMAND] [GATE...]\n");
        return 2;
    }
    for (int i = at; i < argc; i++)
        if (!is_gate(argv[i])) return 2;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &(struct sigaction){.sa_handler = end_early}, NULL); /* which a program that is started does not inherit */
    alarm(LIMIT);
    long begin = now();
    make_directory();
    printf("Tetrapylon %s\n", tpy_version());
    for (size_t i = 0; i < GATES; i++)
        for (int mixture = 0; wanted(gates[i].name, argv + at, argc - at) && mixture < (gates[i].in_java && java_command ? 4 : 1); mixture++)
            if (!ended_by) run(&gates[i], mixture & 1, mixture & 2);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (ended_by == SIGALRM) fprintf(stderr, "demo: it took more than %d s\n", LIMIT);
    if (ended_by) {
        signal(ended_by, SIG_DFL);
        raise(ended_by);
    }
    int wrong = report();
    if (wrong) printf("\n%d of %zu pairs went WRONG.\n", wrong, row_count);
    else printf("\nAll %zu pairs were right, in %.1f s. Each byte was compared.\n", row_count, (double)(now() - begin) / 1000);
    return wrong != 0;
}
