/*
 * safety_peer: the C processes that do harm to a server or client in Java, or come to harm themselves (tests/java/org/tetrapylon/safety), in
 * any of the gates.
 *
 *   safety_peer GATE clients NAME COUNT   kills COUNT clients of NAME at random moments; between them it is an honest client itself
 *   safety_peer GATE servers NAME COUNT   is COUNT servers called NAME, one after the other, each killed at a random moment
 *   safety_peer GATE reconnect NAME       a client that begins anew whenever its server goes; ends at the end of its input
 *   safety_peer GATE serve NAME           an echo server; a message 'c' is answered with what it holds
 *   safety_peer GATE hostile NAME         clients of NAME that write over all they share with it, until the end of its input
 *   safety_peer GATE betray NAME          servers called NAME that write over all they share with their clients, until the end of its input
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "gate.h"
#include "harm.h"

static const struct gate *gate;
static unsigned char buffer[GATE_MOST + 1], echo[GATE_MOST + 1];

static void pause_for(unsigned milliseconds)
{
    struct timespec time = {.tv_nsec = milliseconds * 1000000l};
    while (nanosleep(&time, &time) != 0) {}
}

static void open_gate(const char *name)
{
    while (!gate->open(name)) sched_yield();
}

/* One call, checked. False: the server has gone. */
static bool call(unsigned seed)
{
    size_t size = seed % 16 == 0 ? GATE_MOST : seed * 7 % 2000 + 1;
    for (size_t i = 1; i < size; i++) buffer[i] = (unsigned char)(i * 3 + seed);
    buffer[0] = 'e';
    memset(echo, 0, size + 1);
    long got = gate->call(buffer, size, echo, size + 1);
    CHECK(got < 0 || (got == (long)size && memcmp(buffer, echo, size) == 0 && echo[size] == 0));
    return got > 0;
}

/* ---- Death ---- */

/* Waits until the child has brought the count so high. Who started us may be gone meanwhile: then so are we. */
static void wait_until(pid_t child, _Atomic unsigned *counted, unsigned least)
{
    while (atomic_load(counted) < least) {
        if (atomic_load(&harm_shared[HARM_OVER])) _exit(1);
        harm_check_alive(child);
        sched_yield();
    }
}

static int clients(const char *name, unsigned count)
{
    harm_watch_input();
    open_gate(name);
    for (unsigned i = 0; i < count; i++) {
        atomic_store(&harm_shared[HARM_CALLS], 0);
        pid_t victim = harm_start();
        if (victim == 0) {
            open_gate(name);
            for (unsigned seed = i;; seed++) {
                CHECK(call(seed));
                atomic_fetch_add(&harm_shared[HARM_CALLS], 1);
            }
        }
        if (i % 4) /* else somewhere in its set-up */
            wait_until(victim, &harm_shared[HARM_CALLS], 1);
        harm_linger(200);
        harm_end(victim);
        CHECK(call(i));
        if (i == 20) harm_say("warm\n", 0, 0);
    }
    harm_say("done %ld\n", count, 0);
    gate->close();
    return 0;
}

static _Noreturn void serve(const char *name)
{
    gate->attach(name);
    harm_say("ready %ld\n", getpid(), 0);
    atomic_fetch_add(&harm_shared[HARM_LIFE], 1);
    for (;;) {
        size_t size = gate->next(buffer, GATE_MOST + 1);
        atomic_fetch_add(&harm_shared[HARM_CALLS], 1);
        if (buffer[0] == 'c') {
            int32_t census[2] = {(int32_t)harm_descriptors(), (int32_t)harm_mappings()};
            gate->answer(census, sizeof census);
        } else gate->answer(buffer, size);
    }
}

static int servers(const char *name, unsigned count)
{
    harm_watch_input();
    for (unsigned i = 0; i < count; i++) {
        atomic_store(&harm_shared[HARM_CALLS], 0);
        unsigned life = atomic_load(&harm_shared[HARM_LIFE]);
        pid_t victim = harm_start();
        if (victim == 0) serve(name);
        wait_until(victim, &harm_shared[HARM_LIFE], life + 1);
        if (i % 8) /* else before it has a client */
            wait_until(victim, &harm_shared[HARM_CALLS], 3);
        harm_linger(200);
        harm_end(victim);
    }
    harm_say("done %ld\n", count, 0);
    return 0;
}

static int reconnect(const char *name)
{
    unsigned lives = 0, descriptors = 0, mapped = 0;
    harm_watch_input();
    while (!atomic_load(&harm_shared[HARM_OVER])) {
        if (!gate->open(name)) {
            sched_yield();
            continue;
        }
        bool served = true;
        for (unsigned i = 1; served; i++) { /* the last one has been killed, too, when all is over: else its death would not be met, nor let go of */
            served = call(i);
            if (i == 20) harm_say("connected %ld\n", lives, 0);
        }
        if (!served) CHECK(!call(1));
        gate->close();
        lives++;
        if (lives == 2) descriptors = harm_descriptors(), mapped = harm_mappings();
    }
    for (unsigned i = 0; lives > 2 && (harm_descriptors() > descriptors || harm_mappings() > mapped); i++) {
        CHECK(i < 5000);
        pause_for(1);
    }
    harm_say("done %ld\n", lives, 0);
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

static void write_over(unsigned number, unsigned count)
{
    static uint32_t elsewhere;
    unsigned which = harm_random(count);
    /* The lines that steer, at the beginning of the pages, more often than the data. */
    size_t page = harm_random((unsigned)(targets[which].size / 4096));
    size_t at = page * 4096 + (number % 3 ? harm_random(48) * 8 : harm_random(512) * 8);
    volatile uint64_t *word = (volatile uint64_t *)(targets[which].from + at);
    switch (harm_random(6)) {
    case 0: *word = UINT64_MAX; break;
    case 1: *word ^= 1ull << harm_random(64); break;
    case 2: *word += 2; break; /* a post that looks alive */
    case 3: *(volatile uint32_t *)word = harm_random(65536); break;
    case 4: *word = 0; break;
    default: *word = (uint64_t)harm_random(65536) << harm_random(48);
    }
    switch (harm_random(64)) {
    case 0: syscall(SYS_futex, word, FUTEX_WAKE, 100, NULL, NULL, 0); break;
    case 1: syscall(SYS_futex, word, FUTEX_REQUEUE, 0, (void *)100, &elsewhere, 0); break;
    }
}

static void *scribble(void *unused)
{
    unsigned count = 0;
    (void)unused;
    for (unsigned i = 0;; i++) {
        if (i % 4096 == 0 || count == 0) count = find_targets();
        if (count == 0) {
            sched_yield();
            continue;
        }
        write_over(i, count);
        if (i % 256 == 0 && gate->loosen) gate->loosen();
        atomic_fetch_add(&harm_shared[HARM_CALLS], 1);
    }
    return NULL;
}

static void begin_to_scribble(void)
{
    pthread_t thread;
    signal(SIGSEGV, SIG_DFL);
    CHECK(pthread_create(&thread, NULL, scribble, NULL) == 0);
}

static void attack(const char *name)
{
    open_gate(name);
    CHECK(call(16));
    CHECK(find_targets() > 0);
    begin_to_scribble();
    for (unsigned i = 0;; i++) gate->strike(i, buffer, i % 4 ? i % 2000 : GATE_MOST);
}

static void betray(const char *name)
{
    gate->attach(name);
    for (unsigned i = 0;; i++) {
        size_t size = gate->next(buffer, GATE_MOST + 1);
        gate->answer(buffer, size);
        if (i == 3) begin_to_scribble();
    }
}

/* One after the other, each for a moment. It says at last how many they were and how many words they have written. */
static int lives_of(void (*body)(const char *), const char *name)
{
    unsigned lives = 0;
    harm_watch_input();
    while (!atomic_load(&harm_shared[HARM_OVER])) {
        pid_t attacker = harm_start();
        if (attacker == 0) {
            if (!freopen("/dev/null", "w", stdout)) _exit(1);
            body(name);
        }
        pause_for(5 + harm_random(30));
        kill(attacker, SIGKILL);
        waitpid(attacker, NULL, 0); /* it may have brought itself down before */
        if (lives++ == 10) harm_say("warm\n", 0, 0);
        if (lives % 25 == 0) harm_say("lives %ld\n", lives, 0);
    }
    harm_say("done %ld %ld\n", lives, atomic_load(&harm_shared[HARM_CALLS]));
    return 0;
}

static const struct gate *find_gate(const char *name)
{
    static const struct gate *const gates[] = {&gate_qnx, &gate_fluke, &gate_l4};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(gates[i]->name, name) == 0) return gates[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[2] : "", *name = argc > 3 ? argv[3] : "";
    unsigned count = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
    harm_begin();
    gate = argc > 3 ? find_gate(argv[1]) : NULL;
    if (gate && strcmp(what, "clients") == 0) return clients(name, count);
    if (gate && strcmp(what, "servers") == 0) return servers(name, count);
    if (gate && strcmp(what, "reconnect") == 0) return reconnect(name);
    if (gate && strcmp(what, "serve") == 0) serve(name);
    if (gate && strcmp(what, "hostile") == 0) return lives_of(attack, name);
    if (gate && strcmp(what, "betray") == 0) return lives_of(betray, name);
    fprintf(stderr, "usage: safety_peer qnx|fluke|l4 clients|servers|reconnect|serve|hostile|betray NAME [COUNT]\n");
    return 2;
}
