/* L4: flexpages, mapped and granted between processes: the same pages on both sides, read-only ones really, at the place they belong. */
#include "l4_support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define SERVER L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0)
#define SHORT L4_IPC_SHORT_MSG
#define PAGE 4096ul

/* Memory aligned to its size. */
static char *pages(size_t size, int protection)
{
    char *at = mmap(NULL, 2 * size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    return (char *)(((uintptr_t)at + size - 1) & ~(size - 1));
}

static unsigned bits_of(size_t size) { return (unsigned)__builtin_ctzl(size); }

struct map {
    bool write, grant, answer, buffer, rmap;
    _Atomic unsigned step;
};

/* Sends four pages, then checks what the other side did to them. */
static void map_four_pages(l4_threadid_t boss, void *argument)
{
    struct map *it = argument;
    char *mine = pages(4 * PAGE, PROT_READ | PROT_WRITE);
    l4_umword_t one, two;
    l4_msgdope_t result;
    l4_fill(mine, 4 * PAGE, 1);
    l4_fpage_t page = l4_fpage((l4_umword_t)mine, bits_of(4 * PAGE), it->write, it->grant);
    L4_BUFFER(4, 1) buffer = {.size_dope = L4_IPC_DOPE(4, 1), .send_dope = L4_IPC_DOPE(4, 0)};
    const void *descriptor = it->buffer ? (void *)((uintptr_t)&buffer | 2) : L4_IPC_SHORT_FPAGE;
    buffer.word[2] = buffer.word[3] = 0;
    if (it->answer) {
        CHECK_EQ(l4_ipc_receive(boss, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(l4_ipc_send(boss, descriptor, 0, page.raw, SERVER, &result), 0);
    } else CHECK_EQ(l4_ipc_send(boss, descriptor, 0, page.raw, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(result.raw, 0);
    if (it->grant) {
        CHECK(!l4_readable(mine));
        CHECK(!l4_readable(mine + 3 * PAGE));
        l4_count(&it->step);
        return;
    }
    l4_check_filled(mine, 4 * PAGE, 1);
    mine[5] = 'a'; /* seen there */
    l4_count(&it->step);
    l4_await(&it->step, 2);
    if (it->write) CHECK_EQ(mine[3 * PAGE + 7], 'b');
}

static void map(bool threads, struct map given)
{
    struct map *it = l4_share(sizeof *it);
    *it = given;
    char *window = pages(16 * PAGE, PROT_NONE);
    struct l4_partner *partner = l4_start(threads, map_four_pages, it);
    L4_BUFFER(8, 1) buffer = {.fpage = l4_fpage((l4_umword_t)window, bits_of(16 * PAGE), 1, 0), .size_dope = L4_IPC_DOPE(8, 1)};
    void *descriptor = it->rmap ? L4_IPC_MAPMSG(window, bits_of(16 * PAGE)) : &buffer;
    l4_umword_t base, fpage;
    l4_msgdope_t result;
    if (it->answer) CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 1, 1, descriptor, &base, &fpage, L4_IPC_NEVER, &result), 0);
    else CHECK_EQ(l4_ipc_receive(l4_id(partner), descriptor, &base, &fpage, L4_IPC_NEVER, &result), 0);
    CHECK(l4_ipc_fpage_received(result));
    CHECK_EQ(result.md.dwords, it->buffer ? 4 : 2);
    l4_fpage_t page = {.raw = fpage};
    CHECK_EQ(l4_ipc_is_fpage_writable(page), it->write);
    CHECK_EQ(l4_ipc_is_fpage_granted(page), it->grant);
    l4_await(&it->step, 1);
    if (!it->grant) CHECK_EQ(window[5], 'a');
    CHECK_EQ((unsigned char)window[6], (unsigned char)(6 * 31 + 1));
    CHECK(l4_readable(window + 3 * PAGE));
    CHECK(!l4_readable(window + 4 * PAGE)); /* four pages, not more */
    CHECK_EQ(l4_writable(window + 3 * PAGE + 7), it->write);
    if (it->write) window[3 * PAGE + 7] = 'b';
    else CHECK_ERRNO(mprotect(window, PAGE, PROT_READ | PROT_WRITE), EACCES);
    l4_count(&it->step);
    l4_join(partner);
    /* They stay when the sender is gone. */
    CHECK_EQ((unsigned char)window[6], (unsigned char)(6 * 31 + 1));
}

L4_CASE(pages_are_shared_for_writing)
{
    map(threads, (struct map){.write = true, .rmap = true});
    map(threads, (struct map){.write = true});
    map(threads, (struct map){.write = true, .buffer = true});
}
L4_CASE(pages_are_shared_read_only)
{
    map(threads, (struct map){.rmap = true});
    map(threads, (struct map){.buffer = true});
}
L4_CASE(pages_come_as_an_answer)
{
    map(threads, (struct map){.write = true, .answer = true, .rmap = true});
    map(threads, (struct map){.answer = true});
    map(threads, (struct map){.answer = true, .buffer = true});
}
L4_CASE(granted_pages_leave_their_sender)
{
    map(threads, (struct map){.write = true, .grant = true, .rmap = true});
    map(threads, (struct map){.write = true, .grant = true, .answer = true});
}

/* ---- The hot spot -------------------------------------------------------------------------------------------------------------- */

struct spot {
    size_t sent, window;
    l4_umword_t base;
    size_t from, length, to; /* these bytes of what is sent appear there in the window */
};

static void send_spot(l4_threadid_t boss, void *argument)
{
    const struct spot *it = argument;
    char *mine = pages(it->sent, PROT_READ | PROT_WRITE);
    l4_fill(mine, it->sent, 3);
    CHECK_EQ(l4_ipc_send(boss, L4_IPC_SHORT_FPAGE, it->base, l4_fpage((l4_umword_t)mine, bits_of(it->sent), 1, 0).raw, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(the_smaller_flexpage_lands_in_the_larger_at_the_hot_spot)
{
    static const struct spot spots[] = {
        {PAGE, 8 * PAGE, 5 * PAGE, 0, PAGE, 5 * PAGE},
        {2 * PAGE, 8 * PAGE, 5 * PAGE, 0, 2 * PAGE, 4 * PAGE},
        {PAGE, 8 * PAGE, 13 * PAGE + 17, 0, PAGE, 5 * PAGE},
        {8 * PAGE, 8 * PAGE, 3 * PAGE, 0, 8 * PAGE, 0},
        {8 * PAGE, PAGE, 5 * PAGE, 5 * PAGE, PAGE, 0},
        {8 * PAGE, 2 * PAGE, 21 * PAGE, 4 * PAGE, 2 * PAGE, 0},
    };
    for (unsigned i = 0; i < sizeof spots / sizeof *spots; i++) {
        const struct spot *it = &spots[i];
        char *window = pages(it->window, PROT_NONE), *sent = malloc(it->sent);
        struct l4_partner *partner = l4_start(threads, send_spot, (void *)it);
        l4_umword_t base, fpage;
        CHECK_EQ(l4_ipc_receive(l4_id(partner), L4_IPC_MAPMSG(window, bits_of(it->window)), &base, &fpage, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(base, it->base);
        l4_fill(sent, it->sent, 3);
        CHECK_MEM_EQ(window + it->to, sent + it->from, it->length);
        for (size_t at = 0; at < it->window; at += PAGE) CHECK_EQ(l4_readable(window + at), at >= it->to && at < it->to + it->length);
        l4_join(partner);
        free(sent);
    }
}

/* ---- Several, and passed on ------------------------------------------------------------------------------------------------------ */

static void send_two(l4_threadid_t boss, void *argument)
{
    char *one = pages(PAGE, PROT_READ | PROT_WRITE), *two = pages(2 * PAGE, PROT_READ | PROT_WRITE), *text = "a string as well";
    l4_umword_t a, b;
    l4_threadid_t to = *(l4_threadid_t *)argument;
    (void)boss;
    l4_fill(one, PAGE, 10);
    l4_fill(two, 2 * PAGE, 20);
    L4_BUFFER(8, 1) it = {.size_dope = L4_IPC_DOPE(8, 1), .send_dope = L4_IPC_DOPE(7, 1)};
    it.word[2] = 4 * PAGE, it.word[3] = l4_fpage((l4_umword_t)two, 13, 0, 0).raw;
    it.word[4] = 0, it.word[5] = 0; /* ends the flexpages */
    it.word[6] = 66;
    it.string[0] = (l4_strdope_t){.snd_size = strlen(text), .snd_str = (l4_umword_t)text};
    CHECK_EQ(l4_ipc_call(to, (void *)((uintptr_t)&it | 2), PAGE, l4_fpage((l4_umword_t)one, 12, 1, 0).raw, SHORT, &a, &b, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one[0], 'z'); /* written two processes further */
}

static void pass_on(l4_threadid_t boss, void *argument)
{
    char *window = pages(8 * PAGE, PROT_NONE);
    L4_BUFFER(8, 1) it = {.fpage = l4_fpage((l4_umword_t)window, 15, 1, 0), .size_dope = L4_IPC_DOPE(8, 1)};
    char text[20] = {0};
    l4_umword_t a, b;
    l4_msgdope_t result;
    l4_threadid_t src;
    (void)argument;
    it.string[0] = (l4_strdope_t){.rcv_size = sizeof text, .rcv_str = (l4_umword_t)text};
    CHECK_EQ(l4_ipc_wait(&src, &it, &a, &b, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(result.raw, L4_IPC_DOPE(7, 1).raw | 2);
    CHECK_STR_EQ(text, "a string as well");
    CHECK_EQ(it.word[6], 66);
    l4_check_filled(window + PAGE, PAGE, 10);
    l4_check_filled(window + 4 * PAGE, 2 * PAGE, 20);
    CHECK(l4_writable(window + PAGE));
    CHECK(!l4_writable(window + 4 * PAGE));
    /* On to the boss: what we have read-only cannot be passed on for writing. */
    CHECK_EQ(l4_ipc_call(boss, L4_IPC_SHORT_FPAGE, 0, l4_fpage((l4_umword_t)window, 15, 1, 0).raw, SHORT, &a, &b, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(window[PAGE], 'z');
    CHECK_EQ(l4_ipc_send(src, SHORT, 0, 0, SERVER, NULL), 0);
}

L4_CASE(several_flexpages_with_a_string_and_passed_on)
{
    char *window = pages(8 * PAGE, PROT_NONE);
    struct l4_partner *second = l4_start(threads, pass_on, NULL);
    l4_threadid_t to = l4_id(second);
    struct l4_partner *first = l4_start(threads, send_two, &to);
    l4_umword_t a, b;
    CHECK_EQ(l4_ipc_receive(to, L4_IPC_MAPMSG(window, 15), &a, &b, L4_IPC_NEVER, NULL), 0);
    CHECK(!l4_readable(window));
    l4_check_filled(window + 4 * PAGE, 2 * PAGE, 20);
    CHECK(!l4_writable(window + 4 * PAGE));
    window[PAGE] = 'z';
    CHECK_EQ(l4_ipc_send(to, SHORT, 0, 0, SERVER, NULL), 0);
    l4_join(first);
    l4_join(second);
}

/* A memory object of the program's own, mapped by itself. */
static void send_own_object(l4_threadid_t boss, void *argument)
{
    int fd = (int)CHECK_SYS(memfd_create("own", MFD_CLOEXEC));
    (void)argument;
    CHECK_SYS(ftruncate(fd, 3 * PAGE));
    char *at = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED);
    l4_fill(at, 3 * PAGE, 5);
    CHECK_EQ(l4_ipc_send(boss, L4_IPC_SHORT_FPAGE, 0, l4_fpage((l4_umword_t)at + PAGE, 12, 1, 0).raw, L4_IPC_NEVER, NULL), 0);
    l4_await_receiving(boss);
    CHECK_EQ(at[PAGE + 1], 'q');
    char byte;
    CHECK_EQ(pread(fd, &byte, 1, PAGE + 1), 1);
    CHECK_EQ(byte, 'q');
    CHECK_EQ(l4_ipc_send(boss, SHORT, 0, 0, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(pages_of_the_programs_own_memory_object_are_shared)
{
    char *window = pages(PAGE, PROT_NONE), expected[3 * PAGE];
    struct l4_partner *partner = l4_start(threads, send_own_object, NULL);
    l4_umword_t a, b;
    CHECK_EQ(l4_ipc_receive(l4_id(partner), L4_IPC_MAPMSG(window, 12), &a, &b, L4_IPC_NEVER, NULL), 0);
    l4_fill(expected, sizeof expected, 5);
    CHECK_MEM_EQ(window, expected + PAGE, PAGE);
    window[1] = 'q';
    CHECK_EQ(l4_ipc_receive(l4_id(partner), SHORT, &a, &b, L4_IPC_NEVER, NULL), 0);
    l4_join(partner);
}

/* ---- Failures ---------------------------------------------------------------------------------------------------------------------- */

enum where { THERE, NOWHERE, AWAY }; /* the sender's page: as it should be; no memory; kept by a pager */

struct failure {
    bool answer;
    enum where where;
    int code;
    l4_umword_t base;
};

static void send_and_fail(l4_threadid_t boss, void *argument)
{
    const struct failure *it = argument;
    char *mine = it->where == AWAY ? l4_pages_withheld(PAGE).at : pages(PAGE, it->where == NOWHERE ? PROT_NONE : PROT_READ | PROT_WRITE);
    l4_umword_t a, b;
    l4_msgdope_t result;
    if (it->answer) CHECK_EQ(l4_ipc_receive(boss, SHORT, &a, &b, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(l4_ipc_send(boss, L4_IPC_SHORT_FPAGE, it->base, l4_fpage((l4_umword_t)mine, 12, 1, 1).raw, it->answer ? SERVER : L4_IPC_NEVER, &result), it->code);
    CHECK_EQ(result.raw, (l4_umword_t)it->code);
    if (it->where == THERE) CHECK(l4_readable(mine)); /* granted pages stay when nobody got them */
}

static void fail_at(bool threads, l4_umword_t base, enum where where, void *descriptor, int theirs, int ours, unsigned words)
{
    for (int answer = 0; answer < 2; answer++) {
        struct failure it = {answer, where, theirs, base};
        struct l4_partner *partner = l4_start(threads, send_and_fail, &it);
        l4_umword_t a = 1, b = 1;
        l4_msgdope_t result;
        int code = answer ? l4_ipc_call(l4_id(partner), SHORT, 0, 0, descriptor, &a, &b, L4_IPC_NEVER, &result)
                          : l4_ipc_receive(l4_id(partner), descriptor, &a, &b, L4_IPC_NEVER, &result);
        CHECK_EQ(code, ours);
        CHECK_EQ(result.raw, (l4_umword_t)ours | words << 13);
        CHECK_EQ(a, words ? base : 1);
        l4_join(partner);
    }
}

static void fail(bool threads, enum where where, void *descriptor, int theirs, int ours, unsigned words)
{
    fail_at(threads, PAGE * 7, where, descriptor, theirs, ours, words);
}

static void send_and_succeed(l4_threadid_t boss, void *argument)
{
    const struct failure *it = argument;
    char *mine = pages(PAGE, PROT_READ | PROT_WRITE);
    l4_fill(mine, PAGE, 9);
    CHECK_EQ(l4_ipc_send(boss, L4_IPC_SHORT_FPAGE, it->base, l4_fpage((l4_umword_t)mine, 12, 1, 0).raw, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(a_window_that_cannot_be_mapped_gives_mapfailed)
{
    fail(threads, THERE, L4_IPC_MAPMSG(0x0000700000000000ul | 1ul << 63, 12), L4_IPC_SEMAPFAILED, L4_IPC_REMAPFAILED, 0);
    fail(threads, THERE, L4_IPC_MAPMSG(0, 12), L4_IPC_SEMAPFAILED, L4_IPC_REMAPFAILED, 0);
}

L4_CASE(pages_that_are_not_there_give_mapfailed)
{
    fail(threads, NOWHERE, L4_IPC_MAPMSG(pages(PAGE, PROT_NONE), 12), L4_IPC_SEMAPFAILED, L4_IPC_REMAPFAILED, 0);
    /* Mapping resolves no faults, so no page-fault time is waited for. */
    fail(threads, AWAY, L4_IPC_MAPMSG(pages(PAGE, PROT_NONE), 12), L4_IPC_SEMAPFAILED, L4_IPC_REMAPFAILED, 0);
}

L4_CASE(flexpages_without_a_window_are_cut_and_the_words_arrive) { fail(threads, THERE, SHORT, L4_IPC_SEMSGCUT, L4_IPC_REMSGCUT, 2); }

L4_CASE(the_whole_address_space_never_overwrites_what_is_there)
{
    char *here = pages(PAGE, PROT_READ | PROT_WRITE);
    l4_fill(here, PAGE, 8);
    fail_at(threads, (l4_umword_t)here, THERE, L4_IPC_MAPMSG(0, L4_WHOLE_ADDRESS_SPACE), L4_IPC_SEMAPFAILED, L4_IPC_REMAPFAILED, 0);
    l4_check_filled(here, PAGE, 8);
    /* Where nothing is, there is room. */
    struct failure it = {false, false, 0, (l4_umword_t)here};
    struct l4_partner *partner = l4_start(threads, send_and_succeed, &it);
    l4_await_sending(l4_id(partner)); /* so that nothing else moves in there meanwhile */
    CHECK_SYS(munmap(here, PAGE));
    l4_umword_t a, b;
    CHECK_EQ(l4_ipc_receive(l4_id(partner), L4_IPC_MAPMSG(0, L4_WHOLE_ADDRESS_SPACE), &a, &b, L4_IPC_NEVER, NULL), 0);
    l4_check_filled(here, PAGE, 9);
    l4_join(partner);
}
