/* L4: messages in memory: words and strings in both directions, exact dopes, and what is cut. */
#include "l4_support.h"

#define SERVER L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0)
#define SHORT L4_IPC_SHORT_MSG
#define NIL L4_IPC_NIL_DESCRIPTOR
#define MIB 1048576

typedef L4_BUFFER(64, 8) buffer_t;

/* A message to send: words seeded, `strings` strings of these sizes. */
static void prepare_send(buffer_t *buffer, unsigned words, unsigned strings, const size_t *sizes, unsigned seed)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->size_dope = L4_IPC_DOPE(64, 8);
    buffer->send_dope = L4_IPC_DOPE(words, strings);
    for (unsigned i = 0; i < 64; i++) buffer->word[i] = seed * 1000 + i;
    for (unsigned i = 0; i < strings; i++) {
        buffer->string[i].snd_size = sizes[i];
        buffer->string[i].snd_str = (l4_umword_t)malloc(sizes[i] + 1);
        l4_fill((void *)buffer->string[i].snd_str, sizes[i], seed + i);
    }
}

static void prepare_receive(buffer_t *buffer, unsigned words, unsigned strings, const size_t *sizes)
{
    memset(buffer, 0xee, sizeof *buffer);
    buffer->fpage.raw = 0;
    buffer->size_dope = L4_IPC_DOPE(words, strings);
    l4_strdope_t *dopes = (l4_strdope_t *)&buffer->word[words];
    for (unsigned i = 0; i < strings; i++) {
        dopes[i].rcv_size = sizes[i];
        dopes[i].rcv_str = (l4_umword_t)malloc(sizes[i] + 8);
        memset((void *)dopes[i].rcv_str, 0xdd, sizes[i] + 8);
    }
}

/* One message between two buffers, in either direction: what each side must see. */
struct exchange {
    bool answer; /* it is the answer to a call, else a call's or send's own message */
    bool call;
    unsigned snd_words, snd_strings;
    size_t snd_sizes[8];
    bool to_short;
    unsigned rcv_words, rcv_strings;
    size_t rcv_sizes[8];
    unsigned words, strings, touched; /* received: counts, and strings with bytes */
    bool cut;
};

static void check_received(const struct exchange *it, buffer_t *buffer, l4_umword_t one, l4_umword_t two, l4_msgdope_t result, int code)
{
    CHECK_EQ(code, it->cut ? L4_IPC_REMSGCUT : 0);
    CHECK_EQ(result.md.dwords, it->words);
    CHECK_EQ(result.md.strings, it->strings);
    CHECK_EQ(result.raw, L4_IPC_DOPE(it->words, it->strings).raw | (it->cut ? L4_IPC_REMSGCUT : 0));
    CHECK_EQ(one, 1);
    CHECK_EQ(two, 2);
    if (it->to_short) return;
    CHECK_EQ(buffer->word[0], 0xeeeeeeeeeeeeeeee); /* neither read nor written */
    CHECK_EQ(buffer->word[1], 0xeeeeeeeeeeeeeeee);
    for (unsigned i = 2; i < it->words; i++) CHECK_EQ(buffer->word[i], 7000 + i);
    for (unsigned i = it->words; i < it->rcv_words; i++) CHECK_EQ(buffer->word[i], 0xeeeeeeeeeeeeeeee);
    l4_strdope_t *dopes = (l4_strdope_t *)&buffer->word[it->rcv_words];
    for (unsigned i = 0; i < it->rcv_strings; i++) {
        const unsigned char *bytes = (void *)dopes[i].rcv_str;
        size_t size = it->rcv_sizes[i] < it->snd_sizes[i] ? it->rcv_sizes[i] : it->snd_sizes[i];
        CHECK_EQ(dopes[i].rcv_size, it->rcv_sizes[i]);
        if (i < it->touched) {
            CHECK_EQ(dopes[i].snd_size, size);
            CHECK_EQ(dopes[i].snd_str, dopes[i].rcv_str);
            l4_check_filled(bytes, size, 7 + i);
        } else {
            size = 0;
            CHECK_EQ(dopes[i].snd_size, 0xeeeeeeeeeeeeeeee);
        }
        for (unsigned k = 0; k < 8; k++) CHECK_EQ(bytes[size + k], 0xdd);
    }
}

static void sender(const struct exchange *it, l4_threadid_t to)
{
    buffer_t out;
    l4_umword_t one = 0, two = 0;
    l4_msgdope_t result;
    prepare_send(&out, it->snd_words, it->snd_strings, it->snd_sizes, 7);
    int code;
    if (it->answer) {
        CHECK_EQ(l4_ipc_receive(to, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        code = l4_ipc_send(to, &out, 1, 2, SERVER, &result);
    } else if (it->call) code = l4_ipc_call(to, &out, 1, 2, SHORT, &one, &two, L4_IPC_NEVER, &result);
    else code = l4_ipc_send(to, &out, 1, 2, L4_IPC_NEVER, &result);
    CHECK_EQ(code, it->cut ? L4_IPC_SEMSGCUT : 0);
    if (it->call && !it->cut) {
        CHECK_EQ(result.raw, L4_IPC_DOPE(2, 0).raw);
        CHECK_EQ(one, 3);
    } else CHECK_EQ(result.raw, it->cut ? L4_IPC_SEMSGCUT : 0);
    for (unsigned i = 0; i < it->snd_strings; i++) free((void *)out.string[i].snd_str);
}

static void receiver(const struct exchange *it, l4_threadid_t from)
{
    buffer_t in;
    l4_umword_t one = 0, two = 0;
    l4_msgdope_t result;
    l4_threadid_t src = L4_NIL_ID;
    prepare_receive(&in, it->rcv_words, it->rcv_strings, it->rcv_sizes);
    void *descriptor = it->to_short ? SHORT : &in;
    int code = it->answer ? l4_ipc_call(from, SHORT, 9, 9, descriptor, &one, &two, L4_IPC_NEVER, &result)
                          : l4_ipc_wait(&src, descriptor, &one, &two, L4_IPC_NEVER, &result);
    check_received(it, &in, one, two, result, code);
    if (!it->answer) CHECK_EQ(src.raw, from.raw);
    if (it->call && !it->cut) CHECK_EQ(l4_ipc_send(src, SHORT, 3, 0, SERVER, NULL), 0);
    const l4_strdope_t *dopes = (const l4_strdope_t *)&in.word[it->rcv_words];
    for (unsigned i = 0; i < it->rcv_strings; i++) free((void *)dopes[i].rcv_str);
}

static void run_sender(l4_threadid_t boss, void *argument) { sender(argument, boss); }

static void try_all_ways(bool threads, struct exchange it)
{
    for (int way = 0; way < 3; way++) {
        it.call = way == 1;
        it.answer = way == 2;
        struct l4_partner *partner = l4_start(threads, run_sender, &it);
        receiver(&it, l4_id(partner));
        l4_join(partner);
    }
}

L4_CASE(words_arrive)
{
    try_all_ways(threads, (struct exchange){.snd_words = 64, .rcv_words = 64, .words = 64});
    try_all_ways(threads, (struct exchange){.snd_words = 3, .rcv_words = 64, .words = 3});
    try_all_ways(threads, (struct exchange){.snd_words = 4, .rcv_words = 4, .words = 4});
    /* Fewer than two are two. */
    try_all_ways(threads, (struct exchange){.snd_words = 0, .rcv_words = 0, .words = 2});
    try_all_ways(threads, (struct exchange){.snd_words = 2, .to_short = true, .words = 2});
}

/* ---- Words there and back, as a client and a server usually have them: any number of them, to room for any number ---- */

#define FEW 20 /* beyond what goes by the short way */
static const unsigned few_rooms[] = {2, 3, 9, 16, 17, 64};
static unsigned asker_room(unsigned sent, unsigned wanted) { return few_rooms[(sent + wanted) % 6]; }

static void answer_words(l4_threadid_t boss, void *argument)
{
    L4_BUFFER(64, 1) in, out = {.size_dope = L4_IPC_DOPE(64, 1)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    l4_threadid_t src = L4_NIL_ID;
    const unsigned *room = argument;
    bool over = false;
    for (unsigned i = 0; i < 64; i++) out.word[i] = 4000 + i;
    memset(&in, 0xee, sizeof in);
    in.fpage.raw = 0;
    in.size_dope = L4_IPC_DOPE(*room, 0);
    int code = l4_ipc_wait(&src, &in, &one, &two, L4_IPC_NEVER, &result);
    while (!over) {
        /* The first word says how many are wanted, the second how many were sent. */
        bool cut = two > *room;
        unsigned came = cut ? *room : (unsigned)two;
        CHECK_EQ(src.raw, boss.raw);
        CHECK_EQ(code, cut ? L4_IPC_REMSGCUT : 0);
        CHECK_EQ(result.raw, L4_IPC_DOPE(came, 0).raw | (unsigned)code);
        for (unsigned i = 2; i < came; i++) CHECK_EQ(in.word[i], 7000 + one * 100 + i);
        for (unsigned i = came; i < *room; i++) CHECK_EQ(in.word[i], 0xeeeeeeeeeeeeeeee);
        memset(in.word, 0xee, sizeof in.word);
        over = one == 0;
        out.send_dope = L4_IPC_DOPE(one, 0);
        if (over) break;
        if (cut) code = l4_ipc_wait(&src, &in, &one, &two, L4_IPC_NEVER, &result);
        else {
            l4_threadid_t to = src;
            bool answer_cut = one > asker_room((unsigned)two, (unsigned)one);
            code = l4_ipc_reply_and_wait(to, one == 2 ? SHORT : (void *)&out, one + 1, two + 1, &src, &in, &one, &two, SERVER, &result);
            CHECK_EQ(code == L4_IPC_SEMSGCUT, answer_cut);
            if (answer_cut) code = l4_ipc_wait(&src, &in, &one, &two, L4_IPC_NEVER, &result); /* that is told before anything is waited for */
        }
    }
    CHECK_EQ(l4_ipc_send(src, SHORT, 0, 0, SERVER, NULL), 0);
}

static void ask_for_words(l4_threadid_t to, unsigned sent, unsigned wanted, unsigned room, unsigned servers_room)
{
    L4_BUFFER(64, 1) it = {.size_dope = L4_IPC_DOPE(room, 0), .send_dope = L4_IPC_DOPE(sent, 0)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    for (unsigned i = 2; i < 64; i++) it.word[i] = 7000 + wanted * 100 + i;
    int code = l4_ipc_call(to, sent == 2 && wanted % 2 ? SHORT : (void *)&it, wanted, sent, room == 2 && wanted % 2 ? SHORT : (void *)&it, &one, &two,
        L4_IPC_NEVER, &result);
    if (sent > servers_room) {
        CHECK_EQ(code, L4_IPC_SEMSGCUT);
        CHECK_EQ(result.raw, L4_IPC_SEMSGCUT);
        return;
    }
    bool cut = wanted > room;
    unsigned came = cut ? room : wanted;
    CHECK_EQ(code, cut ? L4_IPC_REMSGCUT : 0);
    CHECK_EQ(result.raw, L4_IPC_DOPE(came, 0).raw | (unsigned)code);
    CHECK_EQ(one, wanted + 1);
    CHECK_EQ(two, sent + 1);
    for (unsigned i = 2; i < came; i++) CHECK_EQ(it.word[i], 4000 + i);
    for (unsigned i = came; i < 64; i++) CHECK_EQ(it.word[i], 7000 + wanted * 100 + i); /* beyond what came nothing is touched */
}

L4_CASE(few_words_there_and_back)
{
    unsigned *servers_room = l4_share(sizeof *servers_room);
    for (unsigned k = 0; k < 6; k++) {
        l4_umword_t one, two;
        *servers_room = few_rooms[k];
        struct l4_partner *partner = l4_start(threads, answer_words, servers_room);
        for (unsigned sent = 2; sent < FEW; sent++)
            for (unsigned wanted = 2; wanted < FEW; wanted++) ask_for_words(l4_id(partner), sent, wanted, asker_room(sent, wanted), few_rooms[k]);
        CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 0, 2, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        l4_join(partner);
    }
}

L4_CASE(strings_arrive)
{
    try_all_ways(threads, (struct exchange){.snd_words = 2, .snd_strings = 1, .snd_sizes = {1}, .rcv_words = 2, .rcv_strings = 1, .rcv_sizes = {1},
        .words = 2, .strings = 1, .touched = 1});
    try_all_ways(threads, (struct exchange){.snd_words = 10, .snd_strings = 4, .snd_sizes = {100, 0, 20000, 70001}, .rcv_words = 30, .rcv_strings = 6,
        .rcv_sizes = {100, 50, 40000, 70001, 10, 20}, .words = 10, .strings = 4, .touched = 4});
    try_all_ways(threads, (struct exchange){.snd_words = 3, .snd_strings = 3, .snd_sizes = {MIB, 4 * MIB, 3 * MIB + 77}, .rcv_words = 3, .rcv_strings = 3,
        .rcv_sizes = {2 * MIB, 4 * MIB, 4 * MIB}, .words = 3, .strings = 3, .touched = 3});
}

L4_CASE(words_that_do_not_fit_are_cut_and_strings_skipped)
{
    try_all_ways(threads, (struct exchange){.snd_words = 10, .rcv_words = 6, .words = 6, .cut = true});
    try_all_ways(threads, (struct exchange){.snd_words = 10, .snd_strings = 1, .snd_sizes = {10}, .rcv_words = 6, .rcv_strings = 1, .rcv_sizes = {10},
        .words = 6, .cut = true});
    try_all_ways(threads, (struct exchange){.snd_words = 3, .to_short = true, .words = 2, .cut = true});
    try_all_ways(threads, (struct exchange){.snd_words = 2, .snd_strings = 1, .snd_sizes = {4}, .to_short = true, .words = 2, .cut = true});
}

L4_CASE(strings_that_do_not_fit_are_cut)
{
    try_all_ways(threads, (struct exchange){.snd_words = 2, .snd_strings = 2, .snd_sizes = {30, 40}, .rcv_words = 2, .rcv_strings = 2,
        .rcv_sizes = {30, 20}, .words = 2, .strings = 1, .touched = 2, .cut = true});
    try_all_ways(threads, (struct exchange){.snd_words = 5, .snd_strings = 3, .snd_sizes = {30, 40, 50}, .rcv_words = 8, .rcv_strings = 2,
        .rcv_sizes = {30, 40}, .words = 5, .strings = 2, .touched = 2, .cut = true});
    try_all_ways(threads, (struct exchange){.snd_words = 5, .snd_strings = 3, .snd_sizes = {100000, 200000, 50}, .rcv_words = 8, .rcv_strings = 3,
        .rcv_sizes = {100000, 150000, 50}, .words = 5, .strings = 1, .touched = 2, .cut = true});
    /* More than 4 MiB never fits. */
    try_all_ways(threads, (struct exchange){.snd_words = 2, .snd_strings = 1, .snd_sizes = {4 * MIB + 1}, .rcv_words = 2, .rcv_strings = 1,
        .rcv_sizes = {4 * MIB}, .words = 2, .touched = 1, .cut = true});
}

static void echo_strings(l4_threadid_t boss, void *argument)
{
    static char bytes[4 * MIB];
    L4_BUFFER(4, 1) it = {.size_dope = L4_IPC_DOPE(4, 1), .send_dope = L4_IPC_DOPE(4, 1)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    l4_threadid_t src = L4_NIL_ID;
    (void)argument, (void)boss;
    it.string[0] = (l4_strdope_t){.rcv_size = sizeof bytes, .rcv_str = (l4_umword_t)bytes};
    CHECK_EQ(l4_ipc_wait(&src, &it, &one, &two, L4_IPC_NEVER, &result), 0);
    /* What was received can be sent as it stands: snd_size and snd_str name it. */
    while (one != 0) CHECK_EQ(l4_ipc_reply_and_wait(src, &it, one, two, &src, &it, &one, &two, SERVER, &result), 0);
    CHECK_EQ(l4_ipc_send(src, SHORT, 0, 0, SERVER, NULL), 0);
}

L4_CASE(one_buffer_serves_to_receive_and_to_send)
{
    struct l4_partner *partner = l4_start(threads, echo_strings, NULL);
    char *out = malloc(4 * MIB), *in = malloc(4 * MIB);
    static const size_t sizes[] = {1, 8, 4095, 4096, 16300, 16384, 16385, 65536, 300001, MIB, 4 * MIB};
    L4_BUFFER(4, 1) it = {.size_dope = L4_IPC_DOPE(4, 1), .send_dope = L4_IPC_DOPE(4, 1)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        l4_fill(out, sizes[i], i);
        it.word[2] = 100 + i, it.word[3] = 200 + i;
        it.string[0] = (l4_strdope_t){sizes[i], (l4_umword_t)out, 4 * MIB, (l4_umword_t)in};
        CHECK_EQ(l4_ipc_call(l4_id(partner), &it, i + 1, 2, &it, &one, &two, L4_IPC_NEVER, &result), 0);
        CHECK_EQ(one, i + 1);
        CHECK_EQ(result.raw, L4_IPC_DOPE(4, 1).raw);
        CHECK_EQ(it.word[2], 100 + i);
        CHECK_EQ(it.word[3], 200 + i);
        CHECK_EQ(it.string[0].snd_size, sizes[i]);
        l4_check_filled(in, sizes[i], i);
    }
    CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 0, 2, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    l4_join(partner);
    free(out);
    free(in);
}

typedef L4_BUFFER(2, 31) many_t;

static void send_many(l4_threadid_t boss, void *argument)
{
    static char bytes[31][300];
    many_t it = {.size_dope = L4_IPC_DOPE(2, 31), .send_dope = L4_IPC_DOPE(2, 31)};
    (void)argument;
    for (unsigned i = 0; i < 31; i++) {
        l4_fill(bytes[i], 300 - i, i);
        it.string[i] = (l4_strdope_t){.snd_size = 300 - i, .snd_str = (l4_umword_t)bytes[i]};
    }
    CHECK_EQ(l4_ipc_send(boss, &it, 1, 2, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(thirty_one_strings_arrive)
{
    static char bytes[31][300];
    many_t it = {.size_dope = L4_IPC_DOPE(2, 31)};
    for (unsigned i = 0; i < 31; i++) it.string[i] = (l4_strdope_t){.rcv_size = 300, .rcv_str = (l4_umword_t)bytes[i]};
    struct l4_partner *partner = l4_start(threads, send_many, NULL);
    l4_umword_t one, two;
    l4_msgdope_t result;
    CHECK_EQ(l4_ipc_receive(l4_id(partner), &it, &one, &two, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(result.raw, L4_IPC_DOPE(2, 31).raw);
    for (unsigned i = 0; i < 31; i++) {
        CHECK_EQ(it.string[i].snd_size, 300 - i);
        l4_check_filled(bytes[i], 300 - i, i);
    }
    l4_join(partner);
}
