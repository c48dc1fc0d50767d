/*
 * qnx_safety_peer: C processes that come to harm through the QNX gate, or are somebody else's (tests/java/org/tetrapylon/safety).
 *
 *   qnx_safety_peer stopped NAME COUNT   clients that are stopped with their replies due; "go" on its input lets them go on
 *   qnx_safety_peer fork NAME            a client that forks in the middle
 *   qnx_safety_peer ask NAME PID CHID    tries to connect, says "open ERRNO", "attach ERRNO", sends one message if it can
 *   qnx_safety_peer nobody COMMAND...    runs a command as the user nobody; exit code 77 if it may not
 *
 * Messages of NAME: 'e' is echoed, 'h' is held.
 */
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/dispatch.h>
#include <sys/neutrino.h>
#include <sys/wait.h>

#include "harm.h"

#define HELD 200 /* bytes of a reply that is due */

static unsigned char buffer[3000], echo[3000];

static int connect_to(const char *name)
{
    int coid;
    while ((coid = name_open(name, 0)) < 0) {
        CHECK(errno == ENOENT || errno == ESRCH || errno == ENXIO);
        sched_yield();
    }
    return coid;
}

/* One call, checked; what MsgSend returned. */
static long call(int coid, unsigned seed)
{
    size_t size = seed * 7 % 2000 + 1;
    for (size_t i = 1; i < size; i++) buffer[i] = (unsigned char)(i * 3 + seed);
    buffer[0] = 'e';
    memset(echo, 0, size + 1);
    long status = MsgSend_r(coid, buffer, size, echo, size + 1);
    CHECK(status < 0 || (status == (long)size && memcmp(buffer, echo, size) == 0 && echo[size] == 0));
    return status;
}

/* ---- Stopped ---- */

static int stopped(const char *name, unsigned count)
{
    pid_t *children = calloc(count, sizeof *children);
    int status;
    for (unsigned i = 0; i < count; i++) {
        unsigned before = atomic_load(&harm_shared[HARM_CALLS]);
        children[i] = harm_start();
        if (children[i] == 0) {
            int coid = connect_to(name);
            if (i % 3 == 0) CHECK(call(coid, i) > 0);
            atomic_fetch_add(&harm_shared[HARM_CALLS], 1);
            buffer[0] = 'h';
            CHECK(MsgSend(coid, buffer, 10, echo, HELD + 1) == 77);
            for (unsigned at = 0; at < HELD; at++) CHECK(echo[at] == 5);
            _exit(0);
        }
        while (atomic_load(&harm_shared[HARM_CALLS]) == before) sched_yield();
    }
    harm_say("sent\n", 0, 0);
    CHECK(getchar() == 's'); /* all are held */
    for (unsigned i = 0; i < count; i++) {
        CHECK(kill(children[i], SIGSTOP) == 0);
        CHECK(waitpid(children[i], &status, WUNTRACED) == children[i] && WIFSTOPPED(status));
    }
    harm_say("stopped\n", 0, 0);
    while (getchar() != 'g') {}
    for (unsigned i = 0; i < count; i++) {
        bool dies = i % 4 == 3;
        CHECK(kill(children[i], dies ? SIGKILL : SIGCONT) == 0);
        CHECK(waitpid(children[i], &status, 0) == children[i]);
        CHECK(dies || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    }
    harm_say("done %ld\n", count, 0);
    return 0;
}

/* ---- Fork ---- */

static void *hold(void *argument)
{
    unsigned char message = 'h', reply[HELD + 1];
    CHECK(MsgSend(*(int *)argument, &message, 1, reply, sizeof reply) == 77);
    return NULL;
}

static void *hammer(void *argument)
{
    unsigned char out[300], in[300];
    memset(out, 'e', sizeof out);
    while (!atomic_load(&harm_shared[HARM_LIFE])) {
        memset(in, 0, sizeof in);
        CHECK(MsgSend(*(int *)argument, out, sizeof out, in, sizeof in) == sizeof out);
        CHECK(memcmp(out, in, sizeof out) == 0);
        atomic_fetch_add(&harm_shared[HARM_CALLS], 1);
    }
    return NULL;
}

static int fork_in_the_middle(const char *name)
{
    int coid = connect_to(name), status;
    pthread_t held, busy;
    CHECK(pthread_create(&held, NULL, hold, &coid) == 0);
    CHECK(pthread_create(&busy, NULL, hammer, &coid) == 0);
    for (unsigned i = 0; i < 50; i++) {
        unsigned before = atomic_load(&harm_shared[HARM_CALLS]);
        while (atomic_load(&harm_shared[HARM_CALLS]) == before) sched_yield();
        harm_linger(20);
        pid_t child = harm_start();
        if (child == 0) {
            CHECK(MsgSend_r(coid, "e", 1, echo, 1) == -EBADF);
            CHECK(MsgSendPulse_r(coid, -1, 1, 1) == -EBADF);
            CHECK(ConnectDetach_r(coid) == -EINVAL);
            int own = connect_to(name);
            CHECK(call(own, i) > 0);
            _exit(0); /* with its connection open */
        }
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        CHECK(call(coid, i) > 0);
    }
    atomic_store(&harm_shared[HARM_LIFE], 1);
    CHECK(pthread_join(busy, NULL) == 0);
    harm_say("forked\n", 0, 0);
    CHECK(pthread_join(held, NULL) == 0);
    harm_say("done %ld\n", atomic_load(&harm_shared[HARM_CALLS]), 0);
    return 0;
}

/* ---- Users ---- */

static int ask(const char *name, int pid, int chid)
{
    int opened = name_open(name, 0);
    harm_say("open %ld\n", opened < 0 ? errno : 0, 0);
    int attached = ConnectAttach_r(0, pid, chid, _NTO_SIDE_CHANNEL, 0);
    harm_say("attach %ld\n", attached < 0 ? -attached : 0, 0);
    if (attached >= 0) {
        buffer[0] = 'e';
        harm_say("sent %ld\n", MsgSend_r(attached, buffer, 8, echo, 8), 0);
        harm_say("pulse %ld\n", -MsgSendPulse_r(attached, -1, 1, 1), 0);
    }
    return 0;
}

static int as_nobody(char **command)
{
    if (geteuid() != 0) return 77;
    CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
    unsetenv("TETRAPYLON_DIR");
    execvp(command[0], command);
    return perror(command[0]), 1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    harm_begin();
    if (strcmp(what, "stopped") == 0 && argc > 3) return stopped(argv[2], (unsigned)atoi(argv[3]));
    if (strcmp(what, "fork") == 0) return fork_in_the_middle(argv[2]);
    if (strcmp(what, "ask") == 0 && argc == 5) return ask(argv[2], atoi(argv[3]), atoi(argv[4]));
    if (strcmp(what, "nobody") == 0) return as_nobody(argv + 2);
    fprintf(stderr, "usage: qnx_safety_peer stopped|fork|ask NAME ..., qnx_safety_peer nobody COMMAND...\n");
    return 2;
}
