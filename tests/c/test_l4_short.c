/* L4: short messages: call, reply and wait, send, receive, wait, sleep; whom they reach, in which order, and how long they wait. */
#include "l4_support.h"

#include <pthread.h>

#include "core/thread.h"

#define SERVER L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0)
#define MS(ms) L4_IPC_TIMEOUT(ms, 10, ms, 10, 0, 0) /* each ms * 1024 us */
#define SHORT L4_IPC_SHORT_MSG
#define NIL L4_IPC_NIL_DESCRIPTOR

/* Adds one to each word until it gets a zero. */
static void adder(l4_threadid_t boss, void *argument)
{
    l4_threadid_t src;
    l4_umword_t one, two;
    l4_msgdope_t result;
    (void)argument;
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    while (one != 0) {
        CHECK_EQ(src.raw, boss.raw);
        CHECK_EQ(result.raw, L4_IPC_DOPE(2, 0).raw);
        CHECK_EQ(l4_ipc_reply_and_wait(src, SHORT, one + 1, two + 1, &src, SHORT, &one, &two, SERVER, &result), 0);
    }
    CHECK_EQ(l4_ipc_send(src, SHORT, 0, 0, SERVER, &result), 0);
    CHECK_EQ(result.raw, 0);
}

L4_CASE(a_call_brings_both_words_there_and_back)
{
    struct l4_partner *partner = l4_start(threads, adder, NULL);
    l4_umword_t one, two;
    l4_msgdope_t result;
    for (l4_umword_t i = 1; i < 1000; i++) {
        CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, i, ~i, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
        CHECK_EQ(one, i + 1);
        CHECK_EQ(two, ~i + 1);
        CHECK_EQ(result.raw, L4_IPC_DOPE(2, 0).raw);
        CHECK_EQ(result.md.dwords, 2);
    }
    CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 0, 0, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    l4_join(partner);
}

static void call_often(l4_threadid_t boss, void *argument)
{
    _Atomic unsigned *stop = argument;
    l4_umword_t one, two;
    for (l4_umword_t i = 1; !atomic_load(stop); i++) {
        CHECK_EQ(l4_ipc_call(boss, SHORT, i, 7, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(one, i * 2);
    }
    CHECK_EQ(l4_ipc_send(boss, SHORT, 0, 0, L4_IPC_NEVER, NULL), 0);
}

/* The promise of the issue: an answer with send timeout zero to a thread in a call never fails, under load. */
static void rounds(bool threads, unsigned count)
{
    _Atomic unsigned *stop = l4_share(sizeof *stop);
    struct l4_partner *partners[4];
    for (int i = 0; i < 4; i++) partners[i] = l4_start(i < 2 ? threads : !threads, call_often, (void *)stop);
    l4_threadid_t src;
    l4_umword_t one, two;
    l4_msgdope_t result;
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    unsigned left = 4;
    for (unsigned i = 0; left > 0; i++) {
        if (i == count) atomic_store(stop, 1);
        if (one == 0 && --left == 0) break;
        CHECK_EQ(l4_ipc_reply_and_wait(src, one == 0 ? NIL : SHORT, one * 2, 0, &src, SHORT, &one, &two, SERVER, &result), 0);
    }
    for (int i = 0; i < 4; i++) l4_join(partners[i]);
}

L4_CASE_LIMIT(replies_with_timeout_zero_never_fail_in_100000_rounds, 60) { rounds(threads, 100000); }

/* Answers, and at once sends on its own with timeout zero: the other must be waiting already. */
static void pinger(l4_threadid_t boss, void *argument)
{
    const unsigned *count = argument;
    l4_umword_t one, two;
    l4_threadid_t src;
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    for (unsigned i = 0; i < *count; i++) {
        /* Our call's answer, then our next call, with send timeout zero: the server is in its reply and wait. */
        CHECK_EQ(l4_ipc_call(boss, SHORT, i, 0, SHORT, &one, &two, i == 0 ? L4_IPC_NEVER : L4_IPC_SEND_TIMEOUT_0, NULL), 0);
        CHECK_EQ(one, i + 5);
    }
}

L4_CASE_LIMIT(a_server_waits_from_the_moment_its_reply_is_there, 30)
{
    static const unsigned count = 20000;
    struct l4_partner *partner = l4_start(threads, pinger, (void *)&count);
    l4_threadid_t src = l4_id(partner);
    l4_umword_t one, two;
    CHECK_EQ(l4_ipc_send(src, SHORT, 0, 0, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    for (unsigned i = 1; i < count; i++) CHECK_EQ(l4_ipc_reply_and_wait(src, SHORT, one + 5, 0, &src, SHORT, &one, &two, SERVER, NULL), 0);
    CHECK_EQ(l4_ipc_send(src, SHORT, one + 5, 0, SERVER, NULL), 0);
    l4_join(partner);
}

static void send_three(l4_threadid_t boss, void *argument)
{
    l4_umword_t number = (l4_umword_t)(uintptr_t)argument;
    l4_msgdope_t result;
    for (l4_umword_t i = 0; i < 3; i++) {
        result.raw = 77;
        CHECK_EQ(l4_ipc_send(boss, SHORT, number, i, L4_IPC_NEVER, &result), 0);
        CHECK_EQ(result.raw, 0);
    }
}

L4_CASE(a_closed_receive_takes_the_named_one_and_leaves_the_others)
{
    struct l4_partner *one = l4_start(threads, send_three, (void *)1), *two = l4_start(threads, send_three, (void *)2);
    l4_umword_t number, i;
    l4_msgdope_t result;
    l4_threadid_t src;
    l4_await_sending(l4_id(one));
    l4_await_sending(l4_id(two));
    for (unsigned k = 0; k < 3; k++) {
        CHECK_EQ(l4_ipc_receive(l4_id(two), SHORT, &number, &i, L4_IPC_NEVER, &result), 0);
        CHECK_EQ(number, 2);
        CHECK_EQ(i, k);
        CHECK_EQ(result.raw, L4_IPC_DOPE(2, 0).raw);
    }
    for (unsigned k = 0; k < 3; k++) {
        CHECK_EQ(l4_ipc_wait(&src, SHORT, &number, &i, L4_IPC_NEVER, &result), 0);
        CHECK_EQ(src.raw, l4_id(one).raw);
        CHECK_EQ(number, 1);
        CHECK_EQ(i, k);
    }
    l4_join(one);
    l4_join(two);
}

static void send_with_priority(l4_threadid_t boss, void *argument)
{
    unsigned priority = (unsigned)(uintptr_t)argument;
    CHECK_EQ(tpy_priority_set((int)priority), 0);
    CHECK_EQ(l4_ipc_send(boss, SHORT, priority, 0, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(senders_queue_by_priority_then_in_order)
{
    static const unsigned given[] = {20, 5, 30, 20, 200}, expected[] = {200, 30, 20, 20, 5}, who[] = {4, 2, 0, 3, 1};
    struct l4_partner *partners[5];
    l4_threadid_t src;
    l4_umword_t number, none;
    for (unsigned i = 0; i < 5; i++) {
        partners[i] = l4_start(threads, send_with_priority, (void *)(uintptr_t)given[i]);
        l4_await_sending(l4_id(partners[i]));
    }
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(l4_ipc_wait(&src, SHORT, &number, &none, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(number, expected[i]);
        CHECK_EQ(src.raw, l4_id(partners[who[i]]).raw);
    }
    for (unsigned i = 0; i < 5; i++) l4_join(partners[i]);
}

static void receive_once(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    (void)argument;
    CHECK_EQ(l4_ipc_receive(boss, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 41);
}

L4_CASE(send_timeout_zero_reaches_a_sleeping_receiver)
{
    struct l4_partner *partner = l4_start(threads, receive_once, NULL);
    l4_await_receiving(l4_id(partner));
    CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 41, 0, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
    l4_join(partner);
}

static void wait_for_word(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    l4_threadid_t src;
    l4_await(argument, 1);
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 5);
    CHECK_EQ(src.raw, boss.raw);
}

L4_CASE(a_partner_that_does_not_receive_gives_setimeout)
{
    _Atomic unsigned *go = l4_share(sizeof *go);
    struct l4_partner *partner = l4_start(threads, wait_for_word, (void *)go);
    l4_msgdope_t result;
    int64_t start = l4_now();
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 1, 1, L4_IPC_SEND_TIMEOUT_0, &result), L4_IPC_SETIMEOUT);
        CHECK_EQ(result.raw, L4_IPC_SETIMEOUT);
    }
    CHECK_LT(l4_now() - start, 500000000);
    start = l4_now();
    CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 1, 1, MS(20), &result), L4_IPC_SETIMEOUT);
    CHECK_GE(l4_now() - start, 20 * 1024000);
    CHECK_LT(l4_now() - start, 1000000000);
    /* A failed send skips the receive, which would never end. */
    l4_umword_t one, two;
    CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 1, 1, SHORT, &one, &two, L4_IPC_SEND_TIMEOUT_0, &result), L4_IPC_SETIMEOUT);
    l4_count(go);
    CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 5, 1, L4_IPC_NEVER, &result), 0);
    l4_join(partner);
}

static void only_receive(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    l4_threadid_t src;
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 9);
    l4_await(argument, 1);
    /* The caller gave up: an answer with timeout zero does not reach it. */
    CHECK_EQ(l4_ipc_send(boss, SHORT, 1, 1, L4_IPC_SEND_TIMEOUT_0, NULL), L4_IPC_SETIMEOUT);
    l4_count((_Atomic unsigned *)argument + 1);
    /* It reaches it where it receives by and by. */
    CHECK_EQ(l4_ipc_send(boss, SHORT, 6, 1, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(a_receive_that_ends_gives_retimeout)
{
    _Atomic unsigned *go = l4_share(2 * sizeof *go);
    struct l4_partner *partner = l4_start(threads, only_receive, (void *)go);
    l4_umword_t one = 1, two = 2;
    l4_threadid_t src = L4_NIL_ID;
    l4_msgdope_t result;
    int64_t start = l4_now();
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, MS(20), &result), L4_IPC_RETIMEOUT);
    CHECK_EQ(result.raw, L4_IPC_RETIMEOUT);
    CHECK_GE(l4_now() - start, 20 * 1024000);
    CHECK_EQ(l4_ipc_receive(l4_id(partner), SHORT, &one, &two, L4_IPC_RECV_TIMEOUT_0, &result), L4_IPC_RETIMEOUT);
    CHECK_EQ(one, 1);
    CHECK_EQ(two, 2);
    start = l4_now();
    CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 9, 9, SHORT, &one, &two, L4_IPC_TIMEOUT(0, 0, 20, 10, 0, 0), &result), L4_IPC_RETIMEOUT);
    CHECK_GE(l4_now() - start, 20 * 1024000);
    CHECK_EQ(result.raw, L4_IPC_RETIMEOUT);
    l4_count(go);
    l4_await(go + 1, 1);
    CHECK_EQ(l4_ipc_receive(l4_id(partner), SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(one, 6);
    l4_join(partner);
}

CASE(both_descriptors_nil_do_nothing)
{
    l4_umword_t one, two;
    l4_msgdope_t result = {.raw = 3};
    CHECK_EQ(l4_ipc_call(L4_INVALID_ID, NIL, 0, 0, NIL, &one, &two, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(result.raw, 0);
}

CASE(sleep_lasts_its_time_and_gives_retimeout)
{
    int64_t start = l4_now();
    CHECK_EQ(l4_ipc_sleep(L4_IPC_TIMEOUT(0, 0, 30, 10, 0, 0)), L4_IPC_RETIMEOUT);
    CHECK_GE(l4_now() - start, 30 * 1024000);
    CHECK_LT(l4_now() - start, 1000000000);
    l4_umword_t one, two;
    CHECK_EQ(l4_ipc_receive(L4_NIL_ID, SHORT, &one, &two, L4_IPC_RECV_TIMEOUT_0, NULL), L4_IPC_RETIMEOUT);
}

static void leave(l4_threadid_t boss, void *argument) { (void)boss, (void)argument; }

L4_CASE(an_absent_partner_does_not_exist)
{
    struct l4_partner *partner = l4_start(threads, leave, NULL);
    l4_threadid_t gone = l4_id(partner), never = l4_myself();
    l4_join(partner);
    never.id.task = 2000;
    const l4_threadid_t absent[] = {gone, never, L4_NIL_ID, L4_INVALID_ID, l4_myself()};
    l4_umword_t one, two;
    l4_msgdope_t result;
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(l4_ipc_send(absent[i], SHORT, 1, 1, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
        CHECK_EQ(result.raw, L4_IPC_ENOT_EXISTENT);
        CHECK_EQ(l4_ipc_call(absent[i], SHORT, 1, 1, SHORT, &one, &two, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
        CHECK_EQ(result.raw, L4_IPC_ENOT_EXISTENT);
        if (absent[i].raw == 0) continue;
        CHECK_EQ(l4_ipc_receive(absent[i], SHORT, &one, &two, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
        CHECK_EQ(result.raw, L4_IPC_ENOT_EXISTENT);
    }
}

static void end_when_waited_for(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    if (argument) CHECK_EQ(l4_ipc_receive(boss, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    if (argument) l4_await_sending(boss);
    else l4_await_receiving(boss);
}

L4_CASE(a_partner_that_ends_while_we_wait_does_not_exist)
{
    struct l4_partner *partner = l4_start(threads, end_when_waited_for, NULL);
    l4_umword_t one, two;
    l4_msgdope_t result;
    CHECK_EQ(l4_ipc_receive(l4_id(partner), SHORT, &one, &two, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
    CHECK_EQ(result.raw, L4_IPC_ENOT_EXISTENT);
    l4_join(partner);
    partner = l4_start(threads, end_when_waited_for, "call");
    CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 1, 1, SHORT, &one, &two, L4_IPC_NEVER, &result), L4_IPC_ENOT_EXISTENT);
    CHECK_EQ(result.raw, L4_IPC_ENOT_EXISTENT);
    l4_join(partner);
}

static void call_and_be_sent_to(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    l4_threadid_t src;
    (void)argument;
    CHECK_EQ(l4_ipc_call(boss, SHORT, 1, 1, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 100); /* the answer, not the other sender's message */
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 55);
}

static void send_55(l4_threadid_t boss, void *argument)
{
    (void)boss;
    CHECK_EQ(l4_ipc_send(*(l4_threadid_t *)argument, SHORT, 55, 0, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(others_queue_at_a_thread_that_waits_for_its_answer)
{
    struct l4_partner *caller = l4_start(threads, call_and_be_sent_to, NULL);
    l4_umword_t one, two;
    l4_threadid_t id = l4_id(caller);
    CHECK_EQ(l4_ipc_receive(id, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    struct l4_partner *other = l4_start(threads, send_55, &id);
    l4_await_sending(l4_id(other));
    CHECK_EQ(l4_ipc_send(id, SHORT, 100, 0, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
    l4_join(caller);
    l4_join(other);
}

static void call_back(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    (void)argument;
    CHECK_EQ(l4_ipc_call(boss, SHORT, 1, 0, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 2);
    CHECK_EQ(l4_ipc_call(boss, SHORT, 3, 0, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 4);
}

/* A call to one's caller is an answer and a closed receive. */
L4_CASE(a_call_can_be_the_answer_to_a_call)
{
    struct l4_partner *partner = l4_start(threads, call_back, NULL);
    l4_umword_t one, two;
    CHECK_EQ(l4_ipc_receive(l4_id(partner), SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 1);
    CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 2, 0, SHORT, &one, &two, SERVER, NULL), 0);
    CHECK_EQ(one, 3);
    CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 4, 0, SERVER, NULL), 0);
    l4_join(partner);
}

L4_CASE(an_open_bit_in_the_receive_descriptor_waits_for_anybody)
{
    struct l4_partner *partner = l4_start(threads, send_three, (void *)3);
    l4_umword_t one, two;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(l4_ipc_receive(L4_INVALID_ID, (void *)L4_IPC_OPEN_IPC, &one, &two, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(one, 3);
    }
    l4_join(partner);
}

static void see_the_true_sender(l4_threadid_t boss, void *argument)
{
    l4_threadid_t src;
    l4_umword_t one, two;
    l4_msgdope_t result;
    (void)argument;
    for (l4_umword_t i = 1; i <= 2; i++) {
        CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
        CHECK_EQ(src.raw, boss.raw);
        CHECK_EQ(one, i);
        CHECK_EQ(result.md.msg_deceited, 0);
    }
    CHECK_EQ(l4_ipc_send(boss, SHORT, 3, 0, L4_IPC_NEVER, NULL), 0);
}

L4_CASE(deceiving_without_a_chief_is_a_plain_send)
{
    struct l4_partner *partner = l4_start(threads, see_the_true_sender, NULL);
    l4_ipc_deceit_ids_t ids = {.dest = l4_id(partner), .true_src = L4_INVALID_ID};
    l4_umword_t one, two;
    l4_threadid_t src;
    l4_msgdope_t result;
    CHECK_EQ(l4_ipc_send_deceiting(ids, SHORT, 1, 1, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(l4_ipc_reply_deceiting_and_wait(ids, SHORT, 2, 0, &src, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    CHECK_EQ(one, 3);
    CHECK_EQ(src.raw, l4_id(partner).raw);
    l4_join(partner);
}
