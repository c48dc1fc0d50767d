/* L4: ids, l4_thread_ex_regs on waiting threads and to start threads, fork, signals, and a partner that is killed. */
#include "l4_support.h"
#include "observe.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define SERVER L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0)
#define SHORT L4_IPC_SHORT_MSG

CASE(an_id_names_its_task_and_thread)
{
    l4_threadid_t me = l4_myself();
    CHECK_EQ(me.raw, l4_myself().raw);
    CHECK_NE(me.raw, 0);
    CHECK_NE(me.raw, ~0ul);
    CHECK_EQ(me.raw, (l4_umword_t)me.lh.high << 32 | me.lh.low);
    CHECK_EQ(me.lh.low, (l4_uint32_t)me.id.version_low | me.id.lthread << 10 | me.id.task << 17 | (l4_uint32_t)me.id.version_high << 28);
    CHECK_EQ(me.id.nest, 0);
    CHECK_EQ(me.id.chief, 0);
    CHECK_EQ(l4_thread_equal(me, me), 1);
    CHECK_EQ(l4_thread_equal(me, L4_NIL_ID), 0);
    l4_threadid_t other = me;
    other.id.lthread++;
    CHECK_EQ(l4_thread_equal(me, other), 0);
    CHECK_EQ(l4_task_equal(me, other), 1);
}

static void nothing(l4_threadid_t boss, void *argument) { (void)boss, (void)argument; }

/* Numbers come back, ids do not. */
L4_CASE_LIMIT(an_id_never_names_another_thread, 30)
{
    enum { ROUNDS = 60 };
    l4_threadid_t seen[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        struct l4_partner *partner = l4_start(threads, nothing, NULL);
        seen[i] = l4_id(partner);
        CHECK_EQ(l4_task_equal(seen[i], l4_myself()), threads);
        l4_join(partner);
        for (int k = 0; k < i; k++) CHECK_NE(seen[k].raw, seen[i].raw);
        CHECK_EQ(l4_ipc_send(seen[i], SHORT, 1, 1, L4_IPC_NEVER, NULL), L4_IPC_ENOT_EXISTENT);
    }
}

CASE(the_chief_is_the_destination)
{
    l4_threadid_t next = L4_NIL_ID, other = l4_myself();
    other.id.task ^= 5;
    CHECK_EQ(l4_nchief(other, &next), L4_NC_SAME_CLAN);
    CHECK_EQ(next.raw, other.raw);
    CHECK_EQ(l4_nchief(L4_NIL_ID, &next), L4_NC_SAME_CLAN);
    CHECK_EQ(next.raw, l4_myself().raw);
}

/* ---- Cancel ---------------------------------------------------------------------------------------------------------------------- */

struct victim {
    int way; /* 0 wait, 1 receive, 2 sleep, 3 send, 4 call not accepted, 5 call accepted */
    int code;
    l4_threadid_t of;
    _Atomic int number; /* the core's, of the same thread */
    _Atomic unsigned ready, others;
};

static void be_cancelled(l4_threadid_t boss, void *argument)
{
    struct victim *it = argument;
    l4_umword_t one = 5, two = 6;
    l4_msgdope_t result = {.raw = 99};
    l4_threadid_t src;
    (void)boss;
    it->number = tpy_thread_number_self();
    switch (it->way) {
    case 0: it->code = l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, &result); break;
    case 1: it->code = l4_ipc_receive(it->of, SHORT, &one, &two, L4_IPC_NEVER, &result); break;
    case 2: result.raw = (l4_umword_t)(it->code = l4_ipc_sleep(L4_IPC_NEVER)); break;
    case 3: it->code = l4_ipc_send(it->of, SHORT, 1, 2, L4_IPC_NEVER, &result); break;
    default: it->code = l4_ipc_call(it->of, SHORT, 1, 2, SHORT, &one, &two, L4_IPC_NEVER, &result);
    }
    CHECK_EQ(result.raw, (l4_umword_t)it->code);
    CHECK_EQ(one, 5);
    /* Just this call was cancelled. */
    CHECK_EQ(l4_ipc_sleep(L4_IPC_TIMEOUT(0, 0, 5, 10, 0, 0)), L4_IPC_RETIMEOUT);
}

static void stand_by(l4_threadid_t boss, void *argument)
{
    struct victim *it = argument;
    l4_umword_t one, two;
    l4_threadid_t src;
    (void)boss;
    if (it->way == 5) {
        CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        l4_count(&it->ready);
    }
    l4_await(&it->others, 1);
    if (it->way == 5) CHECK_EQ(l4_ipc_send(src, SHORT, 1, 2, L4_IPC_SEND_TIMEOUT_0, NULL), L4_IPC_ENOT_EXISTENT); /* it ended */
}

static void cancel_each_way(bool threads, bool interrupt)
{
    static const int codes[] = {L4_IPC_RECANCELED, L4_IPC_RECANCELED, L4_IPC_RECANCELED, L4_IPC_SECANCELED, L4_IPC_SECANCELED, L4_IPC_RECANCELED};
    for (int way = 0; way < 6; way++) {
        struct victim *it = l4_share(sizeof *it);
        it->way = way;
        struct l4_partner *partner = l4_start(threads, stand_by, it);
        it->of = l4_id(partner);
        struct l4_partner *victim = l4_start(true, be_cancelled, it);
        if (way < 3) l4_await_receiving(l4_id(victim));
        else l4_await_sending(l4_id(victim));
        if (way == 5) l4_await(&it->ready, 1); /* it has the message */
        if (interrupt) CHECK_EQ(tpy_thread_interrupt(it->number), 0);
        else l4_cancel(l4_id(victim));
        l4_join(victim);
        CHECK_EQ(it->code, codes[way]);
        l4_count(&it->others);
        l4_join(partner);
    }
}

L4_CASE(ex_regs_cancels_a_thread_that_waits) { cancel_each_way(threads, false); }
L4_CASE(an_interrupt_cancels_a_thread_that_waits) { cancel_each_way(threads, true); }

static void *await_a_name(void *argument)
{
    struct victim *it = argument;
    it->number = tpy_thread_number_self();
    l4_count(&it->ready);
    it->code = names_waitfor_name("tetrapylon-test-nobody-has-it", NULL, 60000);
    return NULL;
}

CASE_LIMIT(an_interrupt_ends_the_wait_for_a_name, 10)
{
    struct victim it = {.code = 7};
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, await_a_name, &it), 0);
    l4_await(&it.ready, 1);
    CHECK_EQ(tpy_thread_interrupt(it.number), 0); /* before the call, too */
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(it.code, 0);
}

CASE(ex_regs_on_a_thread_that_is_not_in_an_ipc_cancels_nothing)
{
    for (int i = 0; i < 3; i++) {
        l4_cancel(l4_myself());
        CHECK_EQ(l4_ipc_sleep(L4_IPC_TIMEOUT(0, 0, 2, 10, 0, 0)), L4_IPC_RETIMEOUT);
    }
}

struct storm {
    _Atomic unsigned stop, ready;
    l4_threadid_t id;
    unsigned cancelled, done;
};

static void *suffer(void *argument)
{
    struct storm *it = argument;
    l4_umword_t one, two;
    it->id = l4_myself();
    l4_count(&it->ready);
    while (!atomic_load(&it->stop)) {
        l4_threadid_t src;
        int code = l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL);
        if (code == L4_IPC_RECANCELED) it->cancelled++;
        else {
            CHECK_EQ(code, 0);
            CHECK_EQ(l4_ipc_send(src, SHORT, one + 1, 0, SERVER, NULL), 0);
            it->done++;
        }
    }
    return NULL;
}

static void *storm(void *argument)
{
    struct storm *it = argument;
    for (int i = 0; i < 20000; i++) l4_cancel(it->id);
    return NULL;
}

/* However cancels and messages meet, no message is lost and no answer missing. */
CASE_LIMIT(a_storm_of_cancels_loses_nothing, 30)
{
    struct storm it = {.stop = 0};
    pthread_t victim, cloud;
    l4_umword_t one, two;
    CHECK_EQ(pthread_create(&victim, NULL, suffer, &it), 0);
    l4_await(&it.ready, 1);
    CHECK_EQ(pthread_create(&cloud, NULL, storm, &it), 0);
    unsigned calls = 0;
    while (pthread_tryjoin_np(cloud, NULL) != 0) {
        CHECK_EQ(l4_ipc_call(it.id, SHORT, calls, 0, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(one, calls + 1);
        calls++;
    }
    CHECK_EQ(it.done, calls);
    atomic_store(&it.stop, 1);
    l4_cancel(it.id);
    while (pthread_tryjoin_np(victim, NULL) != 0) l4_cancel(it.id);
    CHECK_GT(it.cancelled, 0);
}

/* ---- Start ------------------------------------------------------------------------------------------------------------------------ */

static l4_threadid_t starter;
static _Atomic unsigned on_stack;
static char stack[65536] __attribute__((aligned(16)));

static void echo_twice(void)
{
    l4_umword_t one, two;
    char here;
    atomic_store(&on_stack, &here > stack && &here < stack + sizeof stack);
    for (int i = 0; i < 2; i++) {
        int code;
        do /* our starter reads our registers, which cancels too */
            code = l4_ipc_receive(starter, SHORT, &one, &two, L4_IPC_NEVER, NULL);
        while (code == L4_IPC_RECANCELED);
        CHECK_EQ(code, 0);
        CHECK_EQ(l4_ipc_send(starter, SHORT, one * 3, l4_myself().raw, SERVER, NULL), 0);
    }
}

CASE(ex_regs_starts_a_thread_at_a_free_number)
{
    l4_threadid_t id = starter = l4_myself(), pager = id, preempter = L4_INVALID_ID;
    l4_umword_t one, two, flags = 1, ip = 1, sp = 1;
    id.id.lthread = 77;
    for (int round = 0; round < 3; round++) {
        pager = starter;
        CHECK_EQ(l4_ipc_send(id, SHORT, 1, 1, L4_IPC_NEVER, NULL), L4_IPC_ENOT_EXISTENT);
        l4_thread_ex_regs(id, (l4_umword_t)echo_twice, (l4_umword_t)(stack + sizeof stack), &preempter, &pager, &flags, &ip, &sp);
        CHECK_EQ(ip, 0);
        CHECK_EQ(sp, 0);
        CHECK_EQ(pager.raw, 0);
        for (l4_umword_t i = 1; i <= 2; i++) {
            CHECK_EQ(l4_ipc_call(id, SHORT, i, 0, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
            CHECK_EQ(one, 3 * i);
            CHECK_EQ(two, id.raw);
            if (i == 1) {
                pager = L4_INVALID_ID;
                l4_thread_ex_regs(id, ~0ul, ~0ul, &preempter, &pager, &flags, &ip, &sp);
                CHECK_EQ(pager.raw, starter.raw);
                CHECK_EQ(ip, (l4_umword_t)echo_twice);
                CHECK_EQ(sp, (l4_umword_t)(stack + sizeof stack));
            }
        }
        CHECK_EQ(atomic_load(&on_stack), 1);
        /* It ends, and its id with it. */
        while (l4_ipc_receive(id, SHORT, &one, &two, L4_IPC_TIMEOUT(0, 0, 1, 10, 0, 0), NULL) != L4_IPC_ENOT_EXISTENT) {}
        id.id.version_low++;
    }
}

CASE(ex_regs_on_another_task_is_refused)
{
    struct l4_partner *partner = l4_start(false, nothing, NULL);
    l4_threadid_t preempter = l4_myself(), pager = l4_myself();
    l4_thread_ex_regs(l4_id(partner), (l4_umword_t)echo_twice, (l4_umword_t)(stack + sizeof stack), &preempter, &pager, NULL, NULL, NULL);
    CHECK(l4_is_invalid_id(preempter));
    CHECK(l4_is_invalid_id(pager));
    l4_join(partner);
}

/* ---- Processes ---------------------------------------------------------------------------------------------------------------------- */

static void child_body(void *argument)
{
    l4_threadid_t parent = *(l4_threadid_t *)argument;
    l4_threadid_t me = l4_myself();
    CHECK(!l4_task_equal(me, parent));
    CHECK_EQ(l4_ipc_send(parent, SHORT, 8, me.raw, L4_IPC_NEVER, NULL), 0);
}

CASE(a_forked_child_is_a_new_task)
{
    l4_threadid_t me = l4_myself(), src;
    l4_umword_t one, two;
    pid_t child = check_fork(child_body, &me);
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 8);
    CHECK_EQ(two, src.raw);
    check_join(child);
    CHECK_EQ(l4_myself().raw, me.raw);
}

/* A process that has only looked somebody up is a task, too, and its children are not that one. */
static const char *const looked_up = "looked up";
static void ask_him(void *argument)
{
    l4_umword_t one, two;
    CHECK_EQ(l4_ipc_call(*(l4_threadid_t *)argument, SHORT, 9, 1, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(one, 10);
}
static void look_up_and_fork(void *argument)
{
    l4_threadid_t id;
    (void)argument;
    while (!names_query_name(looked_up, &id)) sched_yield();
    check_join(check_fork(ask_him, &id));
}
CASE(a_child_of_one_that_has_only_looked_somebody_up)
{
    l4_threadid_t src;
    l4_umword_t one, two;
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    pid_t child = check_fork(look_up_and_fork, NULL); /* before anything here has used the gate */
    CHECK(names_register(looked_up));
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_EQ(l4_ipc_send(src, SHORT, one + 1, 0, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
    check_join(child);
}

static void be_killed(void *argument)
{
    l4_threadid_t parent = *(l4_threadid_t *)argument;
    l4_umword_t one, two;
    l4_ipc_call(parent, SHORT, 1, 1, SHORT, &one, &two, L4_IPC_NEVER, NULL);
    l4_ipc_call(parent, SHORT, 2, 1, SHORT, &one, &two, L4_IPC_NEVER, NULL);
}

CASE(a_killed_partner_does_not_exist_at_once)
{
    l4_threadid_t me = l4_myself(), src;
    l4_umword_t one, two;
    pid_t child = check_fork(be_killed, &me);
    CHECK_EQ(l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    CHECK_SYS(kill(child, SIGKILL));
    int64_t start = l4_now();
    int code;
    /* The answer may still find it; then the next message cannot come. */
    CHECK_EQ(code = l4_ipc_call(src, SHORT, 1, 1, SHORT, &one, &two, L4_IPC_TIMEOUT(0, 0, 0, 0, 0, 0), NULL), L4_IPC_ENOT_EXISTENT);
    CHECK_LT(l4_now() - start, 1000000000);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    CHECK_EQ(l4_ipc_send(src, SHORT, 1, 1, L4_IPC_NEVER, NULL), L4_IPC_ENOT_EXISTENT);
}

/* What is held for partners goes with them, also when nobody asks for them again. */
static void answer_for_ever(void *argument)
{
    l4_threadid_t src;
    l4_umword_t one, two;
    *(l4_umword_t *)argument = l4_myself().raw;
    for (;;)
        if (l4_ipc_wait(&src, SHORT, &one, &two, L4_IPC_NEVER, NULL) == 0) l4_ipc_send(src, SHORT, one, two, L4_IPC_SEND_TIMEOUT_0, NULL);
}
CASE(dead_partners_do_not_pile_up)
{
    volatile l4_umword_t *ids = l4_share(30 * sizeof *ids);
    int before = 0;
    for (int i = 0; i < 30; i++) {
        l4_umword_t one, two;
        pid_t child = check_fork(answer_for_ever, (void *)&ids[i]);
        while (ids[i] == 0) sched_yield();
        l4_threadid_t id = {.raw = ids[i]};
        CHECK_EQ(l4_ipc_call(id, SHORT, 1, 1, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        CHECK_SYS(kill(child, SIGKILL));
        CHECK_EQ(waitpid(child, NULL, 0), child);
        if (i == 2) before = observe_descriptors();
    }
    while (observe_descriptors() > before) l4_ipc_sleep(L4_IPC_TIMEOUT(0, 0, 1, 10, 0, 0)); /* a ms; of more than three nothing is left */
}

/* ---- Signals -------------------------------------------------------------------------------------------------------------------------- */

static _Atomic unsigned signals;
static void on_signal(int number) { (void)number, atomic_fetch_add(&signals, 1); }

static void *shower(void *argument)
{
    for (int i = 0; i < 200; i++) {
        pthread_kill(*(pthread_t *)argument, SIGUSR1);
        nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    return NULL;
}

L4_CASE(signals_do_not_end_an_ipc)
{
    struct sigaction action = {.sa_handler = on_signal};
    pthread_t self = pthread_self(), thread;
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    CHECK_EQ(pthread_create(&thread, NULL, shower, &self), 0);
    int64_t start = l4_now();
    CHECK_EQ(l4_ipc_sleep(L4_IPC_TIMEOUT(0, 0, 15, 10, 0, 0)), L4_IPC_RETIMEOUT);
    CHECK_GE(l4_now() - start, 15 * 1024000);
    struct victim *it = l4_share(sizeof *it);
    it->way = 0;
    struct l4_partner *partner = l4_start(threads, stand_by, it);
    CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 1, 1, L4_IPC_TIMEOUT(10, 10, 0, 0, 0, 0), NULL), L4_IPC_SETIMEOUT);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_GT(atomic_load(&signals), 10);
    l4_count(&it->others);
    l4_join(partner);
}
