/*
 * safety_peer: the C processes that do harm to a server or client in Java, or come to harm themselves (tests/java/org/tetrapylon/safety).
 *
 *   safety_peer clients NAME COUNT   kills COUNT clients of NAME at random moments; between them it is an honest client itself
 *   safety_peer servers NAME COUNT   is COUNT servers called NAME, one after the other, each killed at a random moment
 *   safety_peer reconnect NAME       a client that begins anew whenever its server goes; ends at the end of its input
 *   safety_peer serve NAME           an echo server that tells what it holds
 *   safety_peer hostile NAME         clients of NAME that write over all they share with it, until the end of its input
 *   safety_peer stopped NAME COUNT   clients that are stopped with their replies due; "go" on its input lets them go on
 *   safety_peer fork NAME            a client that forks in the middle
 *   safety_peer ask NAME PID CHID    tries to connect, says "open ERRNO", "attach ERRNO", sends one message if it can
 *   safety_peer nobody COMMAND...    runs a command as the user nobody; exit code 77 if it may not
 *
 * Messages of NAME: 'e' is echoed, 'h' is held. It says on standard output what has happened and returns 1 if anything was wrong.
 */
#include <dirent.h>
#include <grp.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/dispatch.h>
#include <sys/mman.h>
#include <sys/neutrino.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LARGE 100000
#define HELD 200 /* bytes of a reply that is due */

#define CHECK(condition) ((condition) ? (void)0 : (void)(printf("wrong: line %d, %s, errno %d\n", __LINE__, #condition, errno), fflush(stdout), _exit(1)))

static _Atomic unsigned *shared; /* words that our children see */
enum { CALLS, LIFE, WORDS };

static unsigned char buffer[LARGE + 64], echo[LARGE + 64];

static unsigned random_below(unsigned most)
{
    static unsigned state;
    if (state == 0) state = (unsigned)getpid();
    state = state * 1103515245u + 12345u;
    return (state >> 16) % most;
}

static void linger(unsigned most)
{
    for (unsigned turns = random_below(most); turns > 0; turns--) sched_yield();
}

static void say(const char *format, long a, long b)
{
    printf(format, a, b);
    fflush(stdout);
}

/* A child that dies with us. */
static pid_t start(void)
{
    pid_t parent = getpid(), child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
    }
    return child;
}

static void end(pid_t child)
{
    int status;
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status)); /* not one that found something wrong before */
}

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
    size_t size = seed % 16 == 0 ? LARGE : seed * 7 % 2000 + 1;
    for (size_t i = 1; i < size; i++) buffer[i] = (unsigned char)(i * 3 + seed);
    buffer[0] = 'e';
    memset(echo, 0, size + 1);
    long status = MsgSend_r(coid, buffer, size, echo, size + 1);
    CHECK(status < 0 || (status == (long)size && memcmp(buffer, echo, size) == 0 && echo[size] == 0));
    return status;
}

static unsigned count_of(const char *path)
{
    unsigned count = 0;
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

static unsigned mappings(void)
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

/* ---- Death ---- */

static int clients(const char *name, unsigned count)
{
    int honest = connect_to(name);
    for (unsigned i = 0; i < count; i++) {
        atomic_store(&shared[CALLS], 0);
        pid_t victim = start();
        if (victim == 0)
            for (unsigned seed = i, coid = (unsigned)connect_to(name);; seed++) {
                CHECK(call((int)coid, seed) > 0);
                atomic_fetch_add(&shared[CALLS], 1);
            }
        if (i % 4) /* else somewhere in its set-up */
            while (atomic_load(&shared[CALLS]) == 0) sched_yield();
        linger(200);
        end(victim);
        CHECK(call(honest, i) > 0);
        if (i == 20) say("warm\n", 0, 0);
    }
    say("done %ld\n", count, 0);
    return name_close(honest) != 0;
}

static void serve(const char *name)
{
    name_attach_t *attach = name_attach(NULL, name, 0);
    CHECK(attach != NULL);
    say("ready %ld\n", getpid(), 0);
    atomic_fetch_add(&shared[LIFE], 1);
    for (;;) {
        struct _msg_info info;
        rcvid_t rcvid = MsgReceive(attach->chid, buffer, LARGE + 1, &info);
        CHECK(rcvid >= 0);
        if (rcvid == 0) {
            struct _pulse *pulse = (struct _pulse *)buffer;
            if (pulse->code == _PULSE_CODE_DISCONNECT) ConnectDetach(pulse->scoid);
            if (pulse->code == _PULSE_CODE_UNBLOCK) MsgError((rcvid_t)pulse->value.sival_ptr, EINTR);
            continue;
        }
        atomic_fetch_add(&shared[CALLS], 1);
        if (buffer[0] == 'c') {
            int32_t census[2] = {(int32_t)count_of("/proc/self/fd"), (int32_t)mappings()};
            MsgReply(rcvid, 0, census, sizeof census);
        } else MsgReply(rcvid, info.msglen, buffer, (size_t)info.msglen);
    }
}

static int servers(const char *name, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        atomic_store(&shared[CALLS], 0);
        unsigned life = atomic_load(&shared[LIFE]);
        pid_t victim = start();
        if (victim == 0) serve(name);
        while (atomic_load(&shared[LIFE]) == life) sched_yield();
        if (i % 8) /* else before it has a client */
            while (atomic_load(&shared[CALLS]) < 3) sched_yield();
        linger(200);
        end(victim);
    }
    say("done %ld\n", count, 0);
    return 0;
}

static void *until_end_of_input(void *unused)
{
    (void)unused;
    while (getchar() != EOF) {}
    atomic_store(&shared[WORDS], 1);
    return NULL;
}

static void watch_input(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, until_end_of_input, NULL) == 0);
}

static int reconnect(const char *name)
{
    unsigned lives = 0, descriptors = 0, mapped = 0;
    watch_input();
    while (!atomic_load(&shared[WORDS])) {
        int coid = name_open(name, 0);
        if (coid < 0) {
            CHECK(errno == ENOENT || errno == ESRCH || errno == ENXIO);
            sched_yield();
            continue;
        }
        long status = 1;
        for (unsigned i = 1; status > 0 && !atomic_load(&shared[WORDS]); i++) {
            status = call(coid, i);
            if (i == 20) say("connected %ld\n", lives, 0);
        }
        CHECK(status > 0 || status == -ESRCH || status == -EBADF);
        if (status < 0) CHECK(call(coid, 1) == -EBADF);
        CHECK(name_close(coid) == 0);
        lives++;
        if (lives == 2) descriptors = count_of("/proc/self/fd"), mapped = mappings();
    }
    for (unsigned i = 0; lives > 2 && (count_of("/proc/self/fd") > descriptors || mappings() > mapped); i++) {
        CHECK(i < 5000);
        delay(1);
    }
    say("done %ld\n", lives, 0);
    return 0;
}

/* ---- Malice ---- */

static struct {
    unsigned char *from;
    size_t size;
} targets[64];

/* All that is mapped here and written by both sides. */
static unsigned find_targets(void)
{
    char line[512], rights[8];
    unsigned count = 0;
    unsigned long from, to;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && count < 64 && fgets(line, sizeof line, maps))
        if ((strstr(line, "tetrapylon-exchange") || strstr(line, "tetrapylon-stream")) && sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 &&
                rights[1] == 'w') {
            targets[count].from = (unsigned char *)from;
            targets[count++].size = to - from;
        }
    if (maps) fclose(maps);
    return count;
}

static void *scribble(void *unused)
{
    static uint32_t elsewhere;
    unsigned count = find_targets();
    (void)unused;
    CHECK(count > 0);
    for (unsigned i = 0;; i++) {
        unsigned which = random_below(count);
        /* The lines that steer, at the beginning of the pages, more often than the data. */
        size_t page = random_below((unsigned)(targets[which].size / 4096)), at = page * 4096 + (i % 3 ? random_below(48) * 8 : random_below(512) * 8);
        volatile uint64_t *word = (volatile uint64_t *)(targets[which].from + at);
        switch (random_below(6)) {
        case 0: *word = UINT64_MAX; break;
        case 1: *word ^= 1ull << random_below(64); break;
        case 2: *word += 2; break; /* a post that looks alive */
        case 3: *(volatile uint32_t *)word = random_below(65536); break;
        case 4: *word = 0; break;
        default: *word = (uint64_t)random_below(65536) << random_below(48);
        }
        switch (random_below(64)) {
        case 0: syscall(SYS_futex, word, FUTEX_WAKE, 100, NULL, NULL, 0); break;
        case 1: syscall(SYS_futex, word, FUTEX_REQUEUE, 0, (void *)100, &elsewhere, 0); break;
        }
        atomic_fetch_add(&shared[CALLS], 1);
    }
    return NULL;
}

static void attack(const char *name)
{
    pthread_t thread;
    int coid = connect_to(name);
    signal(SIGSEGV, SIG_DFL);
    call(coid, 16);
    CHECK(pthread_create(&thread, NULL, scribble, NULL) == 0);
    for (unsigned i = 0;; i++) {
        uint64_t soon = 1000000;
        size_t size = i % 4 ? i % 2000 : LARGE;
        TimerTimeout_r(CLOCK_MONOTONIC, _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, NULL, &soon, NULL);
        MsgSend_r(coid, buffer, size, echo, size);
        if (i % 8 == 0) MsgSendPulse_r(coid, -1, 1, 1);
    }
}

static int hostile(const char *name)
{
    unsigned lives = 0;
    watch_input();
    while (!atomic_load(&shared[WORDS])) {
        pid_t attacker = start();
        if (attacker == 0) {
            freopen("/dev/null", "w", stdout);
            attack(name);
        }
        delay(5 + random_below(30));
        kill(attacker, SIGKILL);
        waitpid(attacker, NULL, 0); /* it may have brought itself down before */
        if (lives++ == 10) say("warm\n", 0, 0);
        if (lives % 50 == 0) say("lives %ld\n", lives, 0);
    }
    say("done %ld %ld\n", lives, atomic_load(&shared[CALLS]));
    return 0;
}

/* ---- Stopped ---- */

static int stopped(const char *name, unsigned count)
{
    pid_t *children = calloc(count, sizeof *children);
    int status;
    for (unsigned i = 0; i < count; i++) {
        unsigned before = atomic_load(&shared[CALLS]);
        children[i] = start();
        if (children[i] == 0) {
            int coid = connect_to(name);
            if (i % 3 == 0) CHECK(call(coid, i) > 0);
            atomic_fetch_add(&shared[CALLS], 1);
            buffer[0] = 'h';
            CHECK(MsgSend(coid, buffer, 10, echo, HELD + 1) == 77);
            for (unsigned at = 0; at < HELD; at++) CHECK(echo[at] == 5);
            _exit(0);
        }
        while (atomic_load(&shared[CALLS]) == before) sched_yield();
    }
    say("sent\n", 0, 0);
    CHECK(getchar() == 's'); /* all are held */
    for (unsigned i = 0; i < count; i++) {
        CHECK(kill(children[i], SIGSTOP) == 0);
        CHECK(waitpid(children[i], &status, WUNTRACED) == children[i] && WIFSTOPPED(status));
    }
    say("stopped\n", 0, 0);
    while (getchar() != 'g') {}
    for (unsigned i = 0; i < count; i++) {
        bool dies = i % 4 == 3;
        CHECK(kill(children[i], dies ? SIGKILL : SIGCONT) == 0);
        CHECK(waitpid(children[i], &status, 0) == children[i]);
        CHECK(dies || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    }
    say("done %ld\n", count, 0);
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
    while (!atomic_load(&shared[LIFE])) {
        memset(in, 0, sizeof in);
        CHECK(MsgSend(*(int *)argument, out, sizeof out, in, sizeof in) == sizeof out);
        CHECK(memcmp(out, in, sizeof out) == 0);
        atomic_fetch_add(&shared[CALLS], 1);
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
        unsigned before = atomic_load(&shared[CALLS]);
        while (atomic_load(&shared[CALLS]) == before) sched_yield();
        linger(20);
        pid_t child = start();
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
    atomic_store(&shared[LIFE], 1);
    CHECK(pthread_join(busy, NULL) == 0);
    say("forked\n", 0, 0);
    CHECK(pthread_join(held, NULL) == 0);
    say("done %ld\n", atomic_load(&shared[CALLS]), 0);
    return 0;
}

/* ---- Users ---- */

static int ask(const char *name, int pid, int chid)
{
    int opened = name_open(name, 0);
    say("open %ld\n", opened < 0 ? errno : 0, 0);
    int attached = ConnectAttach_r(0, pid, chid, _NTO_SIDE_CHANNEL, 0);
    say("attach %ld\n", attached < 0 ? -attached : 0, 0);
    if (attached >= 0) {
        buffer[0] = 'e';
        say("sent %ld\n", MsgSend_r(attached, buffer, 8, echo, 8), 0);
        say("pulse %ld\n", -MsgSendPulse_r(attached, -1, 1, 1), 0);
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
    unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    if (strcmp(what, "clients") == 0) return clients(argv[2], count);
    if (strcmp(what, "servers") == 0) return servers(argv[2], count);
    if (strcmp(what, "reconnect") == 0) return reconnect(argv[2]);
    if (strcmp(what, "serve") == 0) return serve(argv[2]), 0;
    if (strcmp(what, "hostile") == 0) return hostile(argv[2]);
    if (strcmp(what, "stopped") == 0) return stopped(argv[2], count);
    if (strcmp(what, "fork") == 0) return fork_in_the_middle(argv[2]);
    if (strcmp(what, "ask") == 0 && argc == 5) return ask(argv[2], atoi(argv[3]), atoi(argv[4]));
    if (strcmp(what, "nobody") == 0) return as_nobody(argv + 2);
    fprintf(stderr, "usage: safety_peer clients|servers|reconnect|serve|hostile|stopped|fork|ask NAME ..., safety_peer nobody COMMAND...\n");
    return 2;
}
