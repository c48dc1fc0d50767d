/* L4: layouts, constants, timeout words, flexpages, and the names service. */
#include "l4_support.h"

#include <stdio.h>

CASE(layouts_are_those_of_the_documents)
{
    L4_BUFFER(4, 2) buffer;
    CHECK_EQ(sizeof(l4_umword_t), sizeof(void *));
    CHECK_EQ(sizeof(l4_threadid_t), 8);
    CHECK_EQ(sizeof(l4_timeout_t), 4);
    CHECK_EQ(sizeof(l4_msgdope_t), 8);
    CHECK_EQ(sizeof(l4_fpage_t), 8);
    CHECK_EQ(sizeof(l4_snd_fpage_t), 16);
    CHECK_EQ(sizeof(l4_strdope_t), 32);
    CHECK_EQ(sizeof(l4_msghdr_t), 24);
    CHECK_EQ((char *)buffer.word - (char *)&buffer, 24);
    CHECK_EQ(offsetof(l4_strdope_t, snd_size), 0);
    CHECK_EQ(offsetof(l4_strdope_t, snd_str), 8);
    CHECK_EQ(offsetof(l4_strdope_t, rcv_size), 16);
    CHECK_EQ(offsetof(l4_strdope_t, rcv_str), 24);
    CHECK_EQ(L4_IPC_DOPE(4, 1).msgdope, 0x8100);
    CHECK_EQ(L4_IPC_DOPE(0x7ffff, 31).md.dwords, 0x7ffff);
    CHECK_EQ(L4_IPC_DOPE(0x7ffff, 31).md.strings, 31);
    l4_msgdope_t dope = {.msgdope = 0xF0};
    CHECK_EQ(dope.md.error_code, 7);
    CHECK_EQ(dope.md.snd_error, 1);
    CHECK(L4_IPC_IS_ERROR(dope));
    CHECK_EQ(L4_IPC_ERROR(dope), L4_IPC_SEMSGCUT);
    CHECK(!L4_IPC_IS_ERROR(L4_IPC_DOPE(9, 9)));
    l4_threadid_t id = {.raw = 0};
    id.id.lthread = 127;
    CHECK_EQ(id.raw, 127ul << 10);
    id.id.task = 2047;
    CHECK_EQ(id.raw, (127ul << 10) | (2047ul << 17));
    id.id.version_high = 15;
    CHECK_EQ(id.lh.low, 0xfffffc00);
    id.id.site = 1;
    CHECK_EQ(id.lh.high, 1);
    id.id.nest = 15;
    CHECK_EQ(id.lh.high, 0xf0000001);
    CHECK_EQ(L4_NIL_ID.raw, 0);
    CHECK_EQ(L4_INVALID_ID.raw, ~0ul);
}

CASE(errors_have_their_values_in_order)
{
    static const int codes[] = {L4_IPC_ENOT_EXISTENT, L4_IPC_RETIMEOUT, L4_IPC_SETIMEOUT, L4_IPC_RECANCELED, L4_IPC_SECANCELED, L4_IPC_REMAPFAILED,
        L4_IPC_SEMAPFAILED, L4_IPC_RESNDPFTO, L4_IPC_SESNDPFTO, L4_IPC_RERCVPFTO, L4_IPC_SERCVPFTO, L4_IPC_REABORTED, L4_IPC_SEABORTED,
        L4_IPC_REMSGCUT, L4_IPC_SEMSGCUT};
    for (int i = 0; i < 15; i++) CHECK_EQ(codes[i], (i + 1) << 4);
}

CASE(timeout_words_are_put_together_as_documented)
{
    l4_timeout_t word = L4_IPC_TIMEOUT(0x12, 3, 0x45, 6, 7, 8);
    CHECK_EQ(word.to.snd_man, 0x12);
    CHECK_EQ(word.to.snd_exp, 3);
    CHECK_EQ(word.to.rcv_man, 0x45);
    CHECK_EQ(word.to.rcv_exp, 6);
    CHECK_EQ(word.to.snd_pfault, 7);
    CHECK_EQ(word.to.rcv_pfault, 8);
    CHECK_EQ(word.timeout, 0x45127836);
    CHECK_EQ(L4_IPC_NEVER.timeout, 0);
    CHECK_EQ(L4_IPC_SEND_TIMEOUT_0.timeout, L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0).timeout);
    CHECK_EQ(tpy_l4_timeout(0x12, 3, 0x45, 6, 7, 8), word.timeout);
}

static uint64_t microseconds(l4_timeout_s time)
{
    unsigned man = time.t >> 4, exp = time.t & 15;
    return exp == 0 ? UINT64_MAX : (uint64_t)man << (2 * (15 - exp));
}

CASE(late_times_round_up_to_the_next_classic_one)
{
    for (unsigned exp = 0; exp < 32; exp++)
        for (unsigned man = 1; man < 1024; man++) {
            uint64_t wanted = (uint64_t)man << exp, got = microseconds(l4_timeout_rel(man, exp));
            CHECK(got >= wanted);
            if (wanted > (255ull << 28)) CHECK_EQ(got, UINT64_MAX);
            else CHECK_LT(got, wanted + wanted / 32 + 2); /* next means next */
        }
    CHECK_EQ(microseconds(l4_timeout_rel(0, 9)), 0);
    CHECK_EQ(l4_timeout(L4_IPC_TIMEOUT_0, L4_IPC_TIMEOUT_NEVER).timeout, L4_IPC_SEND_TIMEOUT_0.timeout);
    CHECK_EQ(l4_timeout(L4_IPC_TIMEOUT_NEVER, L4_IPC_TIMEOUT_0).timeout, L4_IPC_RECV_TIMEOUT_0.timeout);
    CHECK_EQ(l4_ipc_timeout(0, 0, 0, 0).timeout, 0);
    CHECK_EQ(l4_ipc_timeout(0, 1, 0, 1).timeout, L4_IPC_BOTH_TIMEOUT_0.timeout);
    l4_timeout_t both = l4_ipc_timeout(100, 4, 7, 0);
    CHECK_EQ((uint64_t)both.to.snd_man << (2 * (15 - both.to.snd_exp)), 1600);
    CHECK_EQ((uint64_t)both.to.rcv_man << (2 * (15 - both.to.rcv_exp)), 7);
    CHECK_EQ(tpy_l4_timeout_ns(-1, -1), 0);
    CHECK_EQ(tpy_l4_timeout_ns(0, -1), L4_IPC_SEND_TIMEOUT_0.timeout);
    CHECK_EQ(tpy_l4_timeout_ns(1, 5000), (15u << 4 | 1u << 16) | (15u | 5u << 24));
}

CASE(flexpages_are_put_together_as_documented)
{
    l4_fpage_t page = l4_fpage(0x123456789000, 14, L4_FPAGE_RW, L4_FPAGE_GRANT);
    CHECK_EQ(page.fp.page, 0x123456789);
    CHECK_EQ(page.fp.size, 14);
    CHECK(l4_ipc_is_fpage_writable(page));
    CHECK(l4_ipc_is_fpage_granted(page));
    page = l4_fpage(0x123456789fff, L4_WHOLE_ADDRESS_SPACE, L4_FPAGE_RO, L4_FPAGE_MAP);
    CHECK_EQ(page.raw, 0x123456789000 | 64 << 2);
    CHECK_EQ((uintptr_t)L4_IPC_MAPMSG(0x7000, 12), 0x7000 | 12 << 2 | 2);
}

/* ---- Names ------------------------------------------------------------------------------------------------------------------------ */

static void own_name(char *name, const char *what) { snprintf(name, 100, "test-%d-%s", getpid(), what); }

static void hold_name(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    CHECK(names_register(argument));
    CHECK(!names_register(argument)); /* taken, also by us */
    CHECK_EQ(l4_ipc_call(boss, L4_IPC_SHORT_MSG, 1, 1, L4_IPC_SHORT_MSG, &one, &two, L4_IPC_NEVER, NULL), 0);
    if (one == 1) CHECK(names_unregister(argument));
    else if (one == 2) _exit(0);
    if (one == 1) CHECK_EQ(l4_ipc_send(boss, L4_IPC_SHORT_MSG, 1, 1, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(a_name_leads_to_the_thread_that_holds_it)
{
    char name[100];
    own_name(name, "held");
    l4_threadid_t found = L4_NIL_ID;
    CHECK(!names_query_name(name, &found));
    CHECK_EQ(found.raw, 0);
    for (int way = 0; way < 3; way++) {
        if (threads && way == 2) continue;
        struct l4_partner *partner = l4_start(threads, hold_name, name);
        l4_umword_t one, two;
        CHECK_EQ(l4_ipc_receive(l4_id(partner), L4_IPC_SHORT_MSG, &one, &two, L4_IPC_NEVER, NULL), 0);
        CHECK(names_query_name(name, &found));
        CHECK_EQ(found.raw, l4_id(partner).raw);
        CHECK(!names_register(name));
        CHECK(!names_unregister(threads ? "nobody's" : name)); /* another process's */
        CHECK_EQ(l4_ipc_send(found, L4_IPC_SHORT_MSG, (l4_umword_t)way, 0, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
        if (way == 1) CHECK_EQ(l4_ipc_receive(found, L4_IPC_SHORT_MSG, &one, &two, L4_IPC_NEVER, NULL), 0);
        l4_join(partner);
        /* Given up, or its thread or process ended. */
        CHECK(!names_query_name(name, &found));
        CHECK(names_register(name));
        CHECK(names_unregister(name));
    }
}

static void register_later(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    l4_await((_Atomic unsigned *)argument, 1);
    CHECK(names_register((char *)argument + 64));
    CHECK_EQ(l4_ipc_receive(boss, L4_IPC_SHORT_MSG, &one, &two, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(waiting_for_a_name_ends_when_it_is_there)
{
    char *shared = l4_share(4096);
    own_name(shared + 64, "late");
    l4_threadid_t found = L4_NIL_ID;
    int64_t start = l4_now();
    CHECK(!names_waitfor_name(shared + 64, &found, 20));
    CHECK_GE(l4_now() - start, 20000000);
    CHECK_EQ(found.raw, 0);
    struct l4_partner *partner = l4_start(threads, register_later, shared);
    l4_count((_Atomic unsigned *)shared);
    CHECK(names_waitfor_name(shared + 64, &found, 5000));
    CHECK_EQ(found.raw, l4_id(partner).raw);
    CHECK_EQ(l4_ipc_send(found, L4_IPC_SHORT_MSG, 0, 0, L4_IPC_NEVER, NULL), 0);
    l4_join(partner);
}

CASE(bad_names_are_refused)
{
    char name[200];
    l4_threadid_t id;
    memset(name, 'x', sizeof name);
    name[150] = 0;
    CHECK(!names_register(name));
    CHECK(!names_register(""));
    CHECK(!names_register("a/b"));
    CHECK(!names_register(NULL));
    CHECK(!names_query_name(NULL, &id));
    CHECK(!names_waitfor_name("", &id, 10));
    CHECK(!names_unregister("never registered"));
}
