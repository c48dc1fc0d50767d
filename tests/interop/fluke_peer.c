/*
 * fluke_peer: the C end of the tests in which C and Java, or two processes, talk through the Fluke gate.
 * tests/java/org/tetrapylon/fluke/FlukePeer.java is the same program in Java.
 *
 *   fluke_peer serve NAME [NEXT]   a server; the first word of a message says what it does with it, see answer() below
 *   fluke_peer call NAME COUNT     a client that makes COUNT connections, turns each and checks every word
 *   fluke_peer send NAME           a client that sends 100 words and says how that ended
 *   fluke_peer over NAME           a client that sends, goes over, and says how that ended
 *   fluke_peer ask NAME            the same with an idempotent call
 *   fluke_peer oneway NAME         the same with a one-way message
 *   fluke_peer receive NAME        a client with little room, that then receives more
 *   fluke_peer ack NAME            the same, that then wants to send
 *   fluke_peer alert NAME COUNT    a client that alerts its server COUNT times, and turns the connection after each
 *   fluke_peer devices NAME        a client that hands devices and a file over, and uses those that come back
 *
 * It says on standard output what has happened, a line each, and returns 1 if anything was wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <fluke/ipc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROOM 100000 /* words */
#define PIECE 1000
#define HALF 16 /* bytes of a file */
#define SLOTS 3

static uint32_t in[ROOM], out[ROOM];
static fluke_ref_t slot[SLOTS], own[SLOTS], dest;
static fluke_ref_t *slots[] = {&slot[0], &slot[1], &slot[2]}, *owns[] = {&own[0], &own[1], &own[2]};
static fluke_ipc_params_t params;
static const char *chained; /* the name of the next server */

static int say(const char *format, long a, long b)
{
    printf(format, a, b);
    return fflush(stdout);
}

static void must(const char *what, fluke_error_t status)
{
    if (status == FLUKE_SUCCESS) return;
    say(what, 0, 0);
    say(" returned %ld\n", status, 0);
    exit(1);
}

static void fill(uint32_t *words, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) words[i] = seed + (uint32_t)i * 0x9E3779B1u;
}

static void set(const uint32_t *send, size_t words)
{
    params = (fluke_ipc_params_t){.send_buf = {words, (void *)send}, .recv_buf = {ROOM, in}, .recv_ref_tab = slots, .recv_ref_count = SLOTS};
}

static size_t came(void) { return (size_t)((uint32_t *)params.recv_buf.buf - in); }

/* So many words through a fixed buffer. */
static fluke_error_t stream(uint32_t count)
{
    fluke_error_t status = FLUKE_SUCCESS;
    for (uint32_t at = 0; at < count && status == FLUKE_SUCCESS; at += PIECE) {
        size_t here = count - at < PIECE ? count - at : PIECE;
        fill(out, here, count + at * 0x9E3779B1u);
        set(out, here);
        status = at == 0 ? fluke_ipc_server_ack_send(&params) : fluke_ipc_server_send(&params);
    }
    return status;
}

/* What came in a file goes on in its second half, one higher; a file of our own goes back. */
static void answer_file(uint32_t number)
{
    unsigned char bytes[HALF];
    int file = fluke_ref_fd(&slot[0]), ours = memfd_create("peer", MFD_CLOEXEC);
    if (pread(file, bytes, HALF, 0) != HALF) say("no file\n", 0, 0);
    for (int i = 0; i < HALF; i++) bytes[i]++;
    if (pwrite(file, bytes, HALF, HALF) != HALF || pwrite(ours, &number, 4, 0) != 4) say("no writing\n", 0, 0);
    must("fluke_ref_from_fd", fluke_ref_from_fd(&own[0], ours));
    close(ours);
}

/* /dev/zero, /dev/full and a file with a number in it. */
static void open_devices(uint32_t number)
{
    const int fds[SLOTS] = {open("/dev/zero", O_RDWR | O_CLOEXEC), open("/dev/full", O_WRONLY | O_CLOEXEC), memfd_create("region", MFD_CLOEXEC)};
    if (pwrite(fds[2], &number, 4, 0) != 4) say("wrong: no file\n", 0, 0);
    for (int i = 0; i < SLOTS; i++) {
        must("fluke_ref_from_fd", fluke_ref_from_fd(&own[i], fds[i]));
        close(fds[i]);
    }
}

/* Such came: each does what it should, and the number becomes one higher. */
static void use_devices(uint32_t number)
{
    char byte = 1;
    bool right = read(fluke_ref_fd(&slot[0]), &byte, 1) == 1 && byte == 0;
    right &= write(fluke_ref_fd(&slot[1]), &byte, 1) < 0 && errno == ENOSPC;
    uint32_t *region = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fluke_ref_fd(&slot[2]), 0);
    right &= region != MAP_FAILED && *region == number;
    if (!right) say("wrong: devices that do not work\n", 0, 0);
    else ++*region;
}

/* From now on so many descriptors are left; a negative number: as many as before. */
static void leave_descriptors(int left)
{
    static int taken[1024], count;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 200;
    if (left >= 0) setrlimit(RLIMIT_NOFILE, &limit);
    while (left >= 0 && count < 1024 && (taken[count] = dup(STDIN_FILENO)) >= 0) count++;
    for (; count > 0 && left != 0; left--) close(taken[--count]);
}

/* How many of the references that came name descriptors. They are let go of. */
static uint32_t descriptors_that_came(void)
{
    uint32_t count = 0;
    for (int i = 0; i < SLOTS; i++) {
        count += fluke_ref_fd(&slot[i]) >= 0;
        must("fluke_ref_destroy", fluke_ref_destroy(&slot[i]));
        must("fluke_ref_create", fluke_ref_create(&slot[i]));
    }
    return count;
}

/* Answers one message and waits for the next. */
static fluke_error_t answer(size_t words)
{
    uint32_t what = in[0], number = in[1];
    memcpy(out, in, words * 4);
    set(out, words);
    switch (what) {
    case 'e': return fluke_ipc_server_ack_send_wait_receive(&params, NULL);
    case 'E': return fluke_ipc_server_ack_send_over_receive(&params);
    case 'c': return fluke_ipc_reply_wait_receive(&params, NULL);
    case 'o': say("oneway %ld\n", number, 0); return fluke_ipc_wait_receive(&params, NULL);
    case 's':
        if (stream(number) == FLUKE_SUCCESS) fluke_ipc_server_disconnect();
        set(NULL, 0);
        return fluke_ipc_wait_receive(&params, NULL);
    case 'f':
        answer_file(number);
        params.send_ref_tab = owns;
        params.send_ref_count = 1;
        return fluke_ipc_server_ack_send_over_receive(&params);
    case 'd':
        use_devices(number);
        open_devices(number);
        params.send_ref_tab = owns;
        params.send_ref_count = SLOTS;
        return fluke_ipc_server_ack_send_over_receive(&params);
    case 'r': /* says how many descriptors came, and sends three back */
        out[1] = descriptors_that_came();
        for (int i = 0; i < SLOTS && number == 0; i++) must("fluke_ref_from_fd", fluke_ref_from_fd(&own[i], STDIN_FILENO));
        params.send_ref_tab = owns;
        params.send_ref_count = SLOTS;
        return fluke_ipc_server_ack_send_over_receive(&params);
    case 'w': leave_descriptors((int)number); return fluke_ipc_server_ack_send_over_receive(&params);
    case 'a': must("alert", fluke_ipc_server_alert()); say("alerted\n", 0, 0); pause(); break;
    case 'h': say("held\n", 0, 0); for (;;) pause();
    case 'p': must("ack_send", fluke_ipc_server_ack_send(&params)); say("held\n", 0, 0); for (;;) pause();
    case 'k': kill(getpid(), SIGKILL); break;
    case 'n': /* asks the next server, if there is one, on a connection of our own, and adds one; or says how that failed */
        if (chained) {
            params = (fluke_ipc_params_t){.send_buf = {words, out}, .recv_buf = {ROOM, in}};
            fluke_error_t status = fluke_ipc_client_ack_send_over_receive(&params);
            if (status == FLUKE_IPC_ACK_DISCONNECTED) status = fluke_ipc_client_connect_send_over_receive(&dest, &params);
            if (status != FLUKE_SUCCESS) {
                in[1] = 0xffff0000u + (uint32_t)status - 1;
                fluke_ipc_client_disconnect();
                fluke_name_lookup(chained, &dest); /* perhaps there is another one by now */
            }
        }
        out[1] = in[1] + 1;
        set(out, words);
        return fluke_ipc_server_ack_send_over_receive(&params);
    case 'q': must("ack_send", fluke_ipc_server_ack_send(&params)); exit(0);
    }
    return say("unknown %ld\n", what, 0), FLUKE_INVALID_DEST;
}

static _Noreturn void serve(const char *name, const char *next)
{
    fluke_pset_t pset;
    fluke_port_t port;
    chained = next;
    if (chained) must("fluke_name_lookup", fluke_name_lookup(next, &dest));
    must("fluke_pset_create", fluke_pset_create(&pset));
    must("fluke_port_create", fluke_port_create(&port, NULL));
    must("fluke_port_set_pset", fluke_port_set_pset(&port, &pset));
    must("fluke_name_bind", fluke_name_bind(name, &port));
    say("ready\n", 0, 0);
    set(NULL, 0);
    fluke_error_t status = fluke_ipc_setup_wait_receive(&pset, &params, NULL);
    for (;;) {
        if (status == FLUKE_IPC_RECV_MORE_DATA && in[0] == 'h') say("held\n", 0, 0), pause();
        if (status == FLUKE_IPC_RECV_MORE_DATA && in[0] == 'A') { /* drops the rest, and waits until its client is over */
            say("held\n", 0, 0);
            set(out, 2);
            must("ack_send", fluke_ipc_server_ack_send(&params));
        }
        if (status == FLUKE_SUCCESS) status = answer(came());
        else { /* its client has gone */
            say("gone %ld\n", status, 0);
            set(NULL, 0);
            status = fluke_ipc_wait_receive(&params, NULL);
        }
    }
}

static void check(fluke_error_t status, fluke_error_t expected, size_t words)
{
    if (status != expected || came() != words || memcmp(in, out, words * 4) != 0) {
        say("wrong: status %ld, words %ld\n", status, (long)came());
        exit(1);
    }
}

static int call(int count)
{
    static const size_t sizes[] = {2, 3, 14, 15, 16, 1000, 16384, 50001};
    for (int i = 0; i < count; i++) {
        size_t words = sizes[(unsigned)i % (sizeof sizes / sizeof *sizes)];
        fill(out, words, (uint32_t)i);
        out[0] = 'E';
        set(out, words);
        check(fluke_ipc_client_connect_send_over_receive(&dest, &params), FLUKE_SUCCESS, words);
        set(out, words);
        check(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_SUCCESS, words);
        out[0] = 'c';
        set(out, words);
        fluke_ipc_client_disconnect();
        check(fluke_ipc_call(&dest, &params), FLUKE_SUCCESS, words);
        out[0] = 'e';
        set(out, words);
        check(fluke_ipc_client_connect_send_over_receive(&dest, &params), FLUKE_IPC_RECV_DISCONNECTED, words);
    }
    return say("ok %ld\n", count, 0), 0;
}

/* Goes over with room for two words, which come; then blocks in that call. */
static fluke_error_t block(fluke_error_t (*call)(fluke_ipc_params_t *))
{
    params.recv_buf.words = 2;
    fluke_error_t status = fluke_ipc_client_connect_send_over_receive(&dest, &params);
    if (status != FLUKE_IPC_RECV_MORE_DATA) say("wrong: status %ld\n", status, 0);
    set(out, 100);
    return call(&params);
}

static int alert(int count)
{
    must("connect", fluke_ipc_client_connect_send_over_receive(&dest, &params));
    for (int i = 0; i < count; i++) {
        must("alert", fluke_ipc_client_alert());
        say("alerted\n", 0, 0);
        getchar(); /* until it is known there */
        set(out, 100);
        must("turn", fluke_ipc_client_ack_send_over_receive(&params));
    }
    return say("ok\n", 0, 0), 0;
}

static int devices(void)
{
    open_devices(41);
    out[0] = 'd';
    out[1] = 41;
    params.send_ref_tab = owns;
    params.send_ref_count = SLOTS;
    must("connect", fluke_ipc_client_connect_send_over_receive(&dest, &params));
    use_devices(in[1]);
    uint32_t number;
    if (pread(fluke_ref_fd(&own[2]), &number, 4, 0) != 4 || number != 42) say("wrong: nobody has used the file\n", 0, 0);
    fluke_ipc_client_disconnect();
    return say("ok\n", 0, 0), 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    for (int i = 0; i < SLOTS; i++) {
        must("fluke_ref_create", fluke_ref_create(&slot[i]));
        must("fluke_ref_create", fluke_ref_create(&own[i]));
    }
    must("fluke_ref_create", fluke_ref_create(&dest));
    if (strcmp(what, "serve") == 0) serve(argv[2], argc > 3 ? argv[3] : NULL);
    if (argc > 2) must("fluke_name_lookup", fluke_name_lookup(argv[2], &dest));
    fill(out, 100, 1);
    set(out, 100);
    if (strcmp(what, "call") == 0 && argc > 3) return call(atoi(argv[3]));
    if (strcmp(what, "send") == 0) return say("ended %ld\n", fluke_ipc_client_connect_send(&dest, &params), 0), 0;
    if (strcmp(what, "over") == 0) return say("ended %ld\n", fluke_ipc_client_connect_send_over_receive(&dest, &params), 0), 0;
    if (strcmp(what, "ask") == 0) return say("ended %ld\n", fluke_ipc_call(&dest, &params), 0), 0;
    if (strcmp(what, "oneway") == 0) return say("ended %ld\n", fluke_ipc_send(&dest, &params), 0), 0;
    if (strcmp(what, "receive") == 0) return say("ended %ld\n", block(fluke_ipc_client_receive), 0), 0;
    if (strcmp(what, "ack") == 0) return say("ended %ld\n", block(fluke_ipc_client_ack_send), 0), 0;
    if (strcmp(what, "alert") == 0 && argc > 3) return alert(atoi(argv[3]));
    if (strcmp(what, "devices") == 0) return devices();
    fprintf(stderr, "usage: fluke_peer serve NAME [NEXT] | call NAME COUNT | alert NAME COUNT | send|over|ask|oneway|receive|ack|devices NAME\n");
    return 2;
}
