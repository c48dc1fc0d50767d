/* Starting, leading and ending role processes. Only pids that process_start made are ever signalled. */
#define _GNU_SOURCE
#include "process.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become_role(const cpu_set_t *cpus, int in, int out, pid_t harness, const char *const *argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != harness) /* it died before the line above */
        _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && !sched_setaffinity(0, sizeof *cpus, cpus))
        execv(argv[0], (char *const *)argv);
    _exit(127);
}

int process_start(struct process *p, const cpu_set_t *cpus, const char *const *argv)
{
    int in[2], out[2];
    *p = (struct process){0};
    if (pipe2(in, O_CLOEXEC))
        return -errno;
    if (pipe2(out, O_CLOEXEC)) {
        int error = -errno;
        close(in[0]);
        close(in[1]);
        return error;
    }
    pid_t harness = getpid(), pid = fork();
    if (pid == 0)
        become_role(cpus, in[0], out[1], harness, argv);
    int error = pid < 0 ? -errno : 0;
    close(in[0]);
    close(out[1]);
    p->pid = pid < 0 ? 0 : pid;
    p->in = in[1];
    p->out = out[0];
    if (error) {
        close(p->in);
        close(p->out);
    }
    return error;
}

int process_say(struct process *p, const char *line)
{
    size_t left = strlen(line);
    while (left) {
        ssize_t written = write(p->in, line, left);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            line += written;
            left -= (size_t)written;
        }
    }
    return 0;
}

static char *whole_line(struct process *p)
{
    char *start = p->text + p->taken;
    char *end = p->have > p->taken ? memchr(start, '\n', p->have - p->taken) : NULL;
    if (!end)
        return NULL;
    *end = 0;
    p->taken = (size_t)(end + 1 - p->text);
    return start;
}

char *process_line(struct process *p, uint64_t deadline)
{
    char *line;
    while (!(line = whole_line(p))) {
        memmove(p->text, p->text + p->taken, p->have - p->taken);
        p->have -= p->taken;
        p->taken = 0;
        if (p->room - p->have < 4096) {
            char *larger = realloc(p->text, p->room + 65536);
            if (!larger)
                return NULL;
            p->text = larger;
            p->room += 65536;
        }
        uint64_t now = clock_now();
        struct pollfd readable = {.fd = p->out, .events = POLLIN};
        if (now >= deadline || poll(&readable, 1, (int)((deadline - now) / MILLISECOND) + 1) == 0)
            return NULL;
        ssize_t got = read(p->out, p->text + p->have, p->room - p->have);
        if (got == 0 || (got < 0 && errno != EINTR))
            return NULL;
        p->have += got > 0 ? (size_t)got : 0;
    }
    return line;
}

uint64_t process_cpu(const struct process *p)
{
    clockid_t id;
    return clock_getcpuclockid(p->pid, &id) ? 0 : clock_of(id);
}

void process_hold(const struct process *p)
{
    siginfo_t info;
    if (p->pid && !kill(p->pid, SIGSTOP))
        waitid(P_PID, (id_t)p->pid, &info, WSTOPPED | WEXITED | WNOWAIT);
}

void process_go_on(const struct process *p)
{
    if (p->pid)
        kill(p->pid, SIGCONT);
}

const char *process_fate(const struct process *p)
{
    static char words[64];
    siginfo_t info = {0};
    if (!p->pid || waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
        return NULL;
    snprintf(words, sizeof words, info.si_code == CLD_EXITED ? "exited with status %d" : "was ended by signal %d",
             info.si_status);
    return words;
}

void process_end(struct process *p)
{
    if (!p->pid)
        return;
    close(p->in);
    close(p->out);
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    free(p->text);
    *p = (struct process){0};
}
