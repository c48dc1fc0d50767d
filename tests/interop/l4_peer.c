/*
 * l4_peer: the C end of the tests in which C and Java, or two processes, talk through the L4 gate. tests/java/org/tetrapylon/l4/L4Peer.java is
 * the same program in Java.
 *
 *   l4_peer serve NAME          a server; the first word of a message says what it does with it, see answer() below
 *   l4_peer call NAME COUNT     a client that calls COUNT times with messages of many shapes and checks the echo of each
 *   l4_peer hang NAME           a client that calls once, is not answered, and says how that ended
 *   l4_peer hammer NAME         a client that calls without end
 *
 * It says on standard output what has happened, a line each, and returns 1 if anything was wrong.
 */
#include <l4/names/libnames.h>
#include <l4/sys/ipc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORDS 16
#define STRINGS 2
#define ROOM (4 << 20)
#define PAGES 16384ul /* a flexpage */
#define PAGES_LOG2 14

static struct buffer {
    struct l4_msghdr head;
    l4_umword_t word[WORDS];
    l4_strdope_t string[STRINGS];
} buffer;

static unsigned char room[STRINGS][ROOM], sent[STRINGS][ROOM];
static unsigned char *window;

static void say(const char *format, long a, long b)
{
    printf(format, a, b);
    fflush(stdout);
}

static unsigned char *aligned(int protection)
{
    char *at = mmap(NULL, 2 * PAGES, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return (unsigned char *)(((l4_umword_t)at + PAGES - 1) & ~(PAGES - 1));
}

static void fill(unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 7 + seed);
}

static bool filled(const unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)(i * 7 + seed)) return false;
    return true;
}

static void prepare(void)
{
    window = aligned(PROT_NONE);
    buffer.head.fpage = l4_fpage((l4_umword_t)window, PAGES_LOG2, L4_FPAGE_RW, L4_FPAGE_MAP);
    buffer.head.size_dope = L4_IPC_DOPE(WORDS, STRINGS);
    for (int i = 0; i < STRINGS; i++) {
        buffer.string[i].rcv_size = ROOM;
        buffer.string[i].rcv_str = (l4_umword_t)room[i];
    }
}

/* What a message is answered with: the descriptor; NIL: with nothing. */
static const void *answer(l4_umword_t word[2], l4_msgdope_t dope)
{
    unsigned char *mine;
    if (l4_ipc_fpage_received(dope)) { /* pages filled by the client: we fill them anew */
        word[0] = filled(window, PAGES, 1);
        fill(window, PAGES, 2);
        return L4_IPC_SHORT_MSG;
    }
    switch (word[0]) {
    case 'e': /* back as it came */
        word[1]++;
        buffer.head.send_dope = L4_IPC_DOPE(dope.md.dwords, dope.md.strings);
        return dope.md.dwords == 2 && dope.md.strings == 0 ? L4_IPC_SHORT_MSG : (void *)&buffer;
    case 'h': say("held\n", 0, 0); return L4_IPC_NIL_DESCRIPTOR;
    case 'w': say("held\n", 0, 0); for (;;) pause(); /* receives nothing any more */
    case 'm': /* pages, 1 writable, 2 granted */
        mine = aligned(PROT_READ | PROT_WRITE);
        fill(mine, PAGES, 3);
        word[0] = 0;
        word[1] = l4_fpage((l4_umword_t)mine, PAGES_LOG2, word[1] & 1, (word[1] & 2) != 0).raw;
        return L4_IPC_SHORT_FPAGE;
    case 'k': kill(getpid(), SIGKILL); return L4_IPC_NIL_DESCRIPTOR;
    default: word[0] = 0; return L4_IPC_SHORT_MSG;
    }
}

static int serve(const char *name)
{
    l4_threadid_t client;
    l4_umword_t word[2];
    l4_msgdope_t dope;
    prepare();
    if (!names_register(name)) return fprintf(stderr, "names_register failed\n"), 1;
    say("ready %ld %ld\n", getpid(), (long)l4_myself().raw);
    int error = l4_ipc_wait(&client, &buffer, &word[0], &word[1], L4_IPC_NEVER, &dope);
    for (;;) {
        const void *reply = L4_IPC_NIL_DESCRIPTOR;
        if (error == L4_IPC_REMSGCUT) say("cut %ld %ld\n", dope.md.dwords, dope.md.strings);
        else if (error && L4_IPC_SND_ERROR(dope)) {
            say("lost %ld\n", error, 0);
            error = l4_ipc_wait(&client, &buffer, &word[0], &word[1], L4_IPC_NEVER, &dope);
            continue;
        } else if (error) return say("failed %ld\n", error, 0), 1;
        else if (word[0] == 'q') break;
        else reply = answer(word, dope);
        error = l4_ipc_reply_and_wait(client, reply, word[0], word[1], &client, &buffer, &word[0], &word[1], L4_IPC_SEND_TIMEOUT_0, &dope);
    }
    return l4_ipc_send(client, L4_IPC_SHORT_MSG, 'q', 0, L4_IPC_SEND_TIMEOUT_0, NULL);
}

static l4_threadid_t find(const char *name)
{
    l4_threadid_t id;
    if (names_waitfor_name(name, &id, 10000)) return id;
    fprintf(stderr, "nobody is %s\n", name);
    exit(1);
}

static int call(const char *name, int count)
{
    static const size_t sizes[] = {1, 8, 57, 4096, 4097, 65536, 300001, ROOM};
    l4_threadid_t server = find(name);
    prepare();
    for (int i = 0; i < count; i++) {
        unsigned words = 2 + (unsigned)i % (WORDS - 1), strings = (unsigned)i % (STRINGS + 1);
        l4_umword_t word[2];
        l4_msgdope_t dope;
        buffer.head.send_dope = L4_IPC_DOPE(words, strings);
        for (unsigned k = 2; k < words; k++) buffer.word[k] = (l4_umword_t)i * 100 + k;
        for (unsigned k = 0; k < strings; k++) {
            buffer.string[k].snd_size = sizes[((unsigned)i + k) % (sizeof sizes / sizeof *sizes)];
            buffer.string[k].snd_str = (l4_umword_t)sent[k];
            fill(sent[k], buffer.string[k].snd_size, (unsigned)i + k);
        }
        int error = l4_ipc_call(server, &buffer, 'e', (l4_umword_t)i, &buffer, &word[0], &word[1], L4_IPC_NEVER, &dope);
        bool right = !error && dope.raw == L4_IPC_DOPE(words, strings).raw && word[0] == 'e' && word[1] == (l4_umword_t)i + 1;
        for (unsigned k = 2; k < words; k++) right &= buffer.word[k] == (l4_umword_t)i * 100 + k;
        for (unsigned k = 0; k < strings; k++)
            right &= buffer.string[k].snd_size == sizes[((unsigned)i + k) % (sizeof sizes / sizeof *sizes)] &&
                     filled(room[k], buffer.string[k].snd_size, (unsigned)i + k);
        if (!right) return say("wrong %ld %ld\n", i, error), 1;
    }
    return say("ok %ld\n", count, 0), 0;
}

static int hang(const char *name)
{
    l4_threadid_t server = find(name);
    say("calling\n", 0, 0);
    return say("ended %ld\n", l4_ipc_call(server, L4_IPC_SHORT_MSG, 'h', 0, L4_IPC_SHORT_MSG, NULL, NULL, L4_IPC_NEVER, NULL), 0), 0;
}

static int hammer(const char *name)
{
    l4_threadid_t server = find(name);
    say("hammering\n", 0, 0);
    for (l4_umword_t i = 0;; i++) {
        l4_umword_t one, two;
        int error = l4_ipc_call(server, L4_IPC_SHORT_MSG, 'e', i, L4_IPC_SHORT_MSG, &one, &two, L4_IPC_NEVER, NULL);
        if (error) return say("ended %ld\n", error, 0), 0;
        if (two != i + 1) return say("wrong %ld\n", (long)i, 0), 1;
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    if (strcmp(what, "serve") == 0) return serve(argv[2]);
    if (strcmp(what, "call") == 0 && argc > 3) return call(argv[2], atoi(argv[3]));
    if (strcmp(what, "hang") == 0) return hang(argv[2]);
    if (strcmp(what, "hammer") == 0) return hammer(argv[2]);
    fprintf(stderr, "usage: l4_peer serve|call|hang|hammer NAME [COUNT]\n");
    return 2;
}
