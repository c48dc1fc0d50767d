/*
 * The demo's L4 V2 gate in C: a server that answers and waits in one step. What is longer than two words goes as a string; a request
 * that brings a flexpage shares memory with the server.
 */
#include "side.h"

#include <inttypes.h>
#include <l4/names/libnames.h>
#include <l4/sys/ipc.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES 65536 /* a flexpage: aligned to its size */
#define PAGES_LOG2 16
#define PAGES_NUMBER 3000
#define AT_ONCE L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0) /* a server sends to who waits for it, or not at all */

struct message {
    struct l4_msghdr head;
    l4_umword_t word[2]; /* they travel as arguments */
    l4_strdope_t string;
};

static unsigned char out[DEMO_LARGEST], in[DEMO_LARGEST];
static struct message outgoing, incoming;
static l4_threadid_t server;

static void prepare(void)
{
    outgoing.head.size_dope = outgoing.head.send_dope = L4_IPC_DOPE(2, 1);
    incoming.head.size_dope = L4_IPC_DOPE(2, 1);
    incoming.string.rcv_str = (l4_umword_t)in;
    incoming.string.rcv_size = sizeof in;
}

/* Memory aligned to its size, where a flexpage can lie. */
static unsigned char *window(int protection)
{
    uintptr_t at = (uintptr_t)mmap(NULL, 2 * PAGES, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((void *)at == MAP_FAILED) demo_fail(0, "no memory");
    return (unsigned char *)((at + PAGES - 1) & ~(uintptr_t)(PAGES - 1));
}

static void send_string(size_t size)
{
    outgoing.string.snd_str = (l4_umword_t)out;
    outgoing.string.snd_size = size;
}

static void serve(const char *name)
{
    int messages = 0, bytes = 0, pages = 0, cuts = 0;
    unsigned char *shared = window(PROT_NONE);
    l4_threadid_t client;
    l4_umword_t word, size;
    l4_msgdope_t dope;
    prepare();
    incoming.head.fpage = l4_fpage((l4_umword_t)shared, PAGES_LOG2, L4_FPAGE_RW, L4_FPAGE_MAP);
    if (!names_register(name)) demo_fail(0, "names_register failed");
    demo_ready();
    int error = l4_ipc_wait(&client, &incoming, &word, &size, L4_IPC_NEVER, &dope);
    for (;;) {
        const void *answer = L4_IPC_SHORT_MSG;
        if (error) demo_fail(0, "waiting failed: %x", error);
        messages++;
        if (l4_ipc_fpage_received(dope)) {
            if (!demo_same(shared, PAGES, demo_word(DEMO_FILE, PAGES_NUMBER))) demo_fail(0, "the pages hold other bytes");
            demo_fill(shared, PAGES, demo_word(DEMO_FILE, PAGES_NUMBER + 1));
            pages++;
        } else if (demo_want(word) == DEMO_BYTES || demo_want(word) == DEMO_REFUSE) {
            if (dope.md.strings != 1 || incoming.string.snd_size != size || !demo_same(in, size, word))
                demo_fail(0, "a string of %lu B came with other bytes", size);
            bytes += (int)size;
            demo_fill(out, size, word + 1);
            send_string(size);
            answer = &outgoing;
        } else if (demo_want(word) == DEMO_END) break;
        incoming.string.rcv_size = sizeof in;
        error = l4_ipc_reply_and_wait(client, answer, word + 1, size, &client, &incoming, &word, &size, AT_ONCE, &dope);
        if (error != L4_IPC_SEMSGCUT) continue;
        cuts++; /* the client had no room, as it wanted; a send that failed does not wait */
        error = l4_ipc_wait(&client, &incoming, &word, &size, L4_IPC_NEVER, &dope);
    }
    l4_ipc_send(client, L4_IPC_SHORT_MSG, word + 1, cuts, AT_ONCE, &dope);
    demo_did("answered %d messages with %d B of strings, %d of them cut, and %d %s", messages, bytes, cuts, pages, pages == 1 ? "flexpage" : "flexpages");
    names_unregister(name);
}

static void check(size_t size, uint32_t number)
{
    uint64_t word = demo_word(DEMO_BYTES, number);
    l4_umword_t answer, length;
    l4_msgdope_t dope;
    demo_fill(out, size, word);
    send_string(size);
    incoming.string.rcv_size = sizeof in;
    int error = l4_ipc_call(server, &outgoing, word, size, &incoming, &answer, &length, L4_IPC_NEVER, &dope);
    if (error || answer != word + 1 || dope.md.strings != 1 || incoming.string.snd_size != size || !demo_same(in, size, word + 1))
        demo_fail(0, "the answer to %zu B has %lu B or other bytes; error %x", size, incoming.string.snd_size, error);
}

static void check_cut(void)
{
    uint64_t word = demo_word(DEMO_REFUSE, 5);
    l4_msgdope_t dope;
    demo_fill(out, 1000, word);
    send_string(1000);
    int error = l4_ipc_call(server, &outgoing, word, 1000, L4_IPC_SHORT_MSG, NULL, NULL, L4_IPC_NEVER, &dope);
    if (error != L4_IPC_REMSGCUT) demo_fail(0, "a long answer without room for it gave %x", error);
}

static void check_pages(void)
{
    unsigned char *mine = window(PROT_READ | PROT_WRITE);
    l4_fpage_t page = l4_fpage((l4_umword_t)mine, PAGES_LOG2, L4_FPAGE_RW, L4_FPAGE_MAP);
    demo_fill(mine, PAGES, demo_word(DEMO_FILE, PAGES_NUMBER));
    int error = l4_ipc_call(server, L4_IPC_SHORT_FPAGE, 0, page.raw, L4_IPC_SHORT_MSG, NULL, NULL, L4_IPC_NEVER, NULL);
    if (error) demo_fail(0, "mapping failed: %x", error);
    if (!demo_same(mine, PAGES, demo_word(DEMO_FILE, PAGES_NUMBER + 1))) demo_fail(0, "the server has written other bytes");
}

static uint64_t trip(uint64_t word)
{
    l4_umword_t answer = 0;
    int error = l4_ipc_call(server, L4_IPC_SHORT_MSG, word, 0, L4_IPC_SHORT_MSG, &answer, NULL, L4_IPC_NEVER, NULL);
    if (error) demo_fail(0, "a call failed: %x", error);
    return answer;
}

static void call(const char *name)
{
    static const size_t sizes[] = {8, 9, 64, 1000, 4096, 40000, 65536};
    prepare();
    if (!names_waitfor_name(name, &server, 5000)) demo_fail(0, "the name is not there");
    for (uint32_t i = 0; i < 10 * sizeof sizes / sizeof *sizes; i++) check(sizes[i % (sizeof sizes / sizeof *sizes)], i);
    demo_did("strings of 8 B to 64 KiB");
    check(300000, 1000);
    check(DEMO_LARGEST, 1001);
    demo_did("300 KB and 1 MB");
    check_cut();
    demo_did("a cut");
    check_pages();
    demo_did("a flexpage");
    demo_time(trip);
    if (trip(demo_word(DEMO_END, 0)) != demo_word(DEMO_END, 1)) demo_fail(0, "the last answer is wrong");
}

int main(int argc, char **argv)
{
    return demo_main(argc, argv, &(struct demo_gate){"l4", serve, call});
}
