/*
 * L4: two words to and from a partner that was used before, which go the short way (l4/at_once.h): what comes of it when the partner does something
 * else, or when it does not come to an end. The addresses of bindings, too.
 */
#include "l4_support.h"

#define SHORT L4_IPC_SHORT_MSG

static l4_umword_t take(l4_threadid_t from)
{
    l4_umword_t one = 0, two = 0;
    l4_msgdope_t result;
    CHECK_EQ(l4_ipc_receive(from, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(result.raw, L4_IPC_DOPE(2, 0).raw);
    CHECK_EQ(two, ~one);
    return one;
}

static void give(l4_threadid_t to, l4_umword_t word)
{
    l4_msgdope_t result = {.raw = 99};
    CHECK_EQ(l4_ipc_send(to, SHORT, word, ~word, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(result.raw, 0);
}

/* Sends, calls, sends too much, and goes. */
static void vary(l4_threadid_t boss, void *argument)
{
    L4_BUFFER(6, 0) message = {.size_dope = L4_IPC_DOPE(6, 0), .send_dope = L4_IPC_DOPE(6, 0)};
    l4_umword_t one, two;
    (void)argument;
    for (l4_umword_t i = 1; i <= 100; i++) give(boss, i);
    CHECK_EQ(l4_ipc_call(boss, SHORT, 101, ~101ul, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 7);
    CHECK_EQ(two, 8);
    CHECK_EQ(l4_ipc_send(boss, &message, 102, ~102ul, L4_IPC_NEVER, NULL), L4_IPC_SEMSGCUT);
    /* Two answers that are not two words. */
    CHECK_EQ(l4_ipc_call(boss, SHORT, 103, ~103ul, SHORT, &one, &two, L4_IPC_NEVER, NULL), L4_IPC_REMSGCUT);
    CHECK_EQ(one, 9);
    CHECK_EQ(l4_ipc_call(boss, &message, 104, ~104ul, &message, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 10);
    CHECK_EQ(l4_ipc_call(boss, SHORT, 105, ~105ul, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 11);
}

L4_CASE(a_closed_receive_takes_whatever_a_known_partner_sends)
{
    struct l4_partner *partner = l4_start(threads, vary, NULL);
    l4_threadid_t id = l4_id(partner);
    L4_BUFFER(6, 0) message = {.size_dope = L4_IPC_DOPE(6, 0), .send_dope = L4_IPC_DOPE(6, 0)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    for (l4_umword_t i = 1; i <= 101; i++) CHECK_EQ(take(id), i);
    CHECK_EQ(l4_ipc_send(id, SHORT, 7, 8, L4_IPC_SEND_TIMEOUT_0, &result), 0); /* the answer to a call */
    CHECK_EQ(l4_ipc_receive(id, SHORT, &one, &two, L4_IPC_NEVER, &result), L4_IPC_REMSGCUT);
    CHECK_EQ(one, 102);
    CHECK_EQ(result.raw, L4_IPC_DOPE(2, 0).raw | L4_IPC_REMSGCUT);
    CHECK_EQ(take(id), 103);
    CHECK_EQ(l4_ipc_send(id, &message, 9, 9, L4_IPC_SEND_TIMEOUT_0, &result), L4_IPC_SEMSGCUT);
    CHECK_EQ(l4_ipc_receive(id, &message, &one, &two, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(result.md.dwords, 6);
    CHECK_EQ(l4_ipc_send(id, SHORT, 10, 9, L4_IPC_SEND_TIMEOUT_0, &result), 0);
    CHECK_EQ(take(id), 105);
    CHECK_EQ(l4_ipc_send(id, SHORT, 11, 9, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(l4_ipc_receive(id, SHORT, &one, &two, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
    CHECK_EQ(l4_ipc_send(id, SHORT, 12, 9, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
    CHECK_EQ(result.raw, L4_IPC_ENOT_EXISTENT);
    CHECK_EQ(l4_ipc_call(id, SHORT, 13, 9, SHORT, &one, &two, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
    l4_join(partner);
}

/* Greets, and then does not receive, or takes a call and does not answer, until it is let go. */
struct stubborn {
    _Atomic unsigned taken, go;
    bool takes;
};

static void be_stubborn(l4_threadid_t boss, void *argument)
{
    struct stubborn *it = argument;
    l4_umword_t one, two;
    l4_threadid_t src;
    (void)boss;
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    give(src, 2);
    if (it->takes) {
        CHECK_EQ(l4_ipc_receive(src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        l4_count(&it->taken);
    }
    l4_await(&it->go, 1);
}

struct caught {
    l4_threadid_t of;
    _Atomic unsigned ready;
    unsigned way;
    int expected;
};

static void be_caught(l4_threadid_t boss, void *argument)
{
    struct caught *it = argument;
    l4_umword_t one = 5, two = 6;
    l4_msgdope_t result = {.raw = 99};
    (void)boss;
    give(it->of, 1);
    CHECK_EQ(take(it->of), 2);
    l4_count(&it->ready);
    int code = it->way == 0   ? l4_ipc_receive(it->of, SHORT, &one, &two, L4_IPC_NEVER, &result)
               : it->way == 1 ? l4_ipc_send(it->of, SHORT, 1, 2, L4_IPC_NEVER, &result)
                              : l4_ipc_call(it->of, SHORT, 1, 2, SHORT, &one, &two, L4_IPC_NEVER, &result);
    CHECK_EQ(code, it->expected);
    CHECK_EQ(result.raw, (l4_umword_t)code);
    CHECK_EQ(one, 5);
    CHECK_EQ(two, 6);
    CHECK_EQ(l4_ipc_sleep(L4_IPC_TIMEOUT(0, 0, 5, 10, 0, 0)), L4_IPC_RETIMEOUT); /* it was just this call */
}

/* way: 0 receive, 1 send, 2 call that is not accepted, 3 call that is. */
static void catch_it(bool threads, unsigned way, bool by_end, int expected)
{
    struct stubborn *stubborn = l4_share(sizeof *stubborn);
    stubborn->takes = way == 3;
    struct l4_partner *partner = l4_start(threads, be_stubborn, stubborn);
    struct caught it = {.of = l4_id(partner), .way = way, .expected = expected};
    struct l4_partner *caught = l4_start(true, be_caught, &it);
    l4_await(&it.ready, 1);
    if (way == 3) l4_await(&stubborn->taken, 1);
    if (way == 0) l4_await_receiving(l4_id(caught));
    else l4_await_sending(l4_id(caught));
    if (by_end) l4_count(&stubborn->go);
    else l4_cancel(l4_id(caught));
    l4_join(caught);
    if (!by_end) l4_count(&stubborn->go);
    l4_join(partner);
}

L4_CASE(a_cancel_ends_each_call_to_a_known_partner)
{
    static const int codes[] = {L4_IPC_RECANCELED, L4_IPC_SECANCELED, L4_IPC_SECANCELED, L4_IPC_RECANCELED};
    for (unsigned way = 0; way < 4; way++) catch_it(threads, way, false, codes[way]);
}

L4_CASE(the_end_of_a_known_partner_ends_each_call)
{
    for (unsigned way = 0; way < 4; way++) catch_it(threads, way, true, L4_IPC_ENOT_EXISTENT);
}

static uint64_t number(void *pointer) { return (uint64_t)(uintptr_t)pointer; }

static void answer_twice(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    l4_threadid_t src;
    (void)boss, (void)argument;
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(l4_ipc_reply_and_wait(src, SHORT, one + 1, two, &src, SHORT, &one, &two, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
    CHECK_EQ(l4_ipc_send(src, SHORT, one + 1, two, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
}

L4_CASE(calls_with_addresses_do_nothing_before_a_thread_is_bound)
{
    struct l4_partner *partner = l4_start(threads, answer_twice, NULL);
    uint64_t id = l4_id(partner).raw;
    struct tpy_l4_result result = {.dope = 99, .word = {1, 2}, .source = 3};
    CHECK_EQ(tpy_l4_call_short(id, 1, 2, 0, number(&result)), TPY_L4_UNBOUND);
    CHECK_EQ(tpy_l4_call_at(id, 0, 1, 2, 0, 0, number(&result)), TPY_L4_UNBOUND);
    CHECK_EQ(tpy_l4_reply_and_wait_short(id, 1, 2, 0, number(&result)), TPY_L4_UNBOUND);
    CHECK_EQ(tpy_l4_reply_and_wait_at(id, 0, 1, 2, 0, 0, number(&result)), TPY_L4_UNBOUND);
    CHECK_EQ(tpy_l4_send_at(id, 0, 1, 2, 0, number(&result)), TPY_L4_UNBOUND);
    CHECK_EQ(tpy_l4_receive_at(id, 0, 0, number(&result)), TPY_L4_UNBOUND);
    CHECK_EQ(tpy_l4_wait_at(0, 0, number(&result)), TPY_L4_UNBOUND);
    CHECK_EQ(result.dope, 99);
    CHECK_EQ(result.word[0], 1);
    CHECK_EQ(tpy_l4_bind(), 0);
    CHECK_EQ(tpy_l4_call_short(id, 10, 2, 0, number(&result)), 0);
    CHECK_EQ(result.word[0], 11);
    CHECK_EQ(result.word[1], 2);
    CHECK_EQ(result.source, id);
    CHECK_EQ(tpy_l4_call_at(id, 0, 20, 3, 0, 0, number(&result)), 0);
    CHECK_EQ(result.word[0], 21);
    CHECK_EQ(result.dope, L4_IPC_DOPE(2, 0).raw);
    l4_join(partner);
}
