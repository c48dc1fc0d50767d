/*
 * L4: pages that do not come in time, on either side and in either direction; l4_thread_ex_regs in the middle of a transfer; bad addresses.
 */
#include "l4_support.h"

#include "core/pages.h"
#include "core/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "core/lane.h"

#define SHORT L4_IPC_SHORT_MSG
#define SIZE 16384ul
#define PF_SHORT 8 /* 4^7 us: 16 ms */
#define SEED 6
#define NO_MEMORY 0x100000ul /* nobody maps anything there unasked */

typedef L4_BUFFER(2, 1) buffer_t;

enum act { NOTHING, PROVIDE, CANCEL_SENDER, CANCEL_RECEIVER };

/* A string on its way; the pages of one of its ends are not there. */
struct course {
    bool answer;       /* the string is the answer to a call */
    bool at_receiver;  /* whose pages are missing */
    bool bad;          /* there is no memory at all */
    unsigned snd_fault, rcv_fault; /* page-fault times: of the sender, of the receiver */
    enum act act;      /* of a third thread, where the pages are, once both are in the transfer */
    int theirs, ours;  /* the codes at the sender and at the receiver */
};

struct shared {
    struct course course;
    l4_threadid_t receiver, sender;
    pid_t receiver_tid, sender_tid;
    _Atomic unsigned sender_in, receiver_in, faulted;
};

/* Who has the missing pages provides them; whoever is to be cancelled is so by a thread of its own task. */
struct helper {
    struct shared *shared;
    struct l4_pages pages;
    bool at_receiver;
};

static bool asleep(pid_t thread)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", thread);
    FILE *file = fopen(path, "re");
    if (!file) return true;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

/* Waits until somebody has touched one of the pages, which is when the transfer has come that far. */
static void await_fault(int pages)
{
    struct uffd_msg fault;
    CHECK_EQ(read(pages, &fault, sizeof fault), sizeof fault);
}

/* Nothing tells from outside that both wait for the page that was touched. But once both were seen asleep often enough, they do: before that, one of them
 * had something to do, or touched the page itself, for 20 ms at most. They wake now and then, and on a busy machine stay runnable for long, so nobody
 * sees them asleep for a while on end. */
static void settle(const struct shared *it)
{
    for (int quiet = 0; quiet < 60; quiet += asleep(it->sender_tid) && asleep(it->receiver_tid))
        nanosleep(&(struct timespec){0, 2000000}, NULL);
}

static void *help(void *argument)
{
    struct helper *helper = argument;
    struct shared *it = helper->shared;
    l4_await(&it->sender_in, 1);
    l4_await(&it->receiver_in, 1);
    if (it->course.act == NOTHING) return NULL;
    if (it->course.at_receiver == helper->at_receiver) {
        await_fault(helper->pages.fd);
        l4_count(&it->faulted);
    }
    l4_await(&it->faulted, 1);
    settle(it);
    if (it->course.act == PROVIDE && helper->pages.at && it->course.at_receiver == helper->at_receiver) l4_pages_provide(&helper->pages, SEED);
    if (it->course.act == (helper->at_receiver ? CANCEL_RECEIVER : CANCEL_SENDER))
        l4_cancel(helper->at_receiver ? it->receiver : it->sender);
    return NULL;
}

static struct helper *start_helper(struct shared *it, bool at_receiver, pthread_t *thread)
{
    struct helper *helper = calloc(1, sizeof *helper);
    CHECK(helper != NULL);
    *helper = (struct helper){.shared = it, .at_receiver = at_receiver};
    if (it->course.at_receiver == at_receiver && !it->course.bad) helper->pages = l4_pages_withheld(SIZE);
    CHECK_EQ(pthread_create(thread, NULL, help, helper), 0);
    return helper;
}

static void end_helper(struct helper *helper)
{
    if (helper->pages.at) munmap(helper->pages.at, helper->pages.size);
    if (helper->pages.at) close(helper->pages.fd);
    free(helper);
}

static char *string_of(const struct course *course, const struct helper *helper, bool at_receiver)
{
    if (course->at_receiver != at_receiver) {
        char *plain = malloc(SIZE);
        l4_fill(plain, SIZE, SEED);
        return plain;
    }
    if (!course->bad) return helper->pages.at;
    return (char *)NO_MEMORY;
}

static void run_sender(l4_threadid_t boss, void *argument)
{
    struct shared *it = argument;
    pthread_t thread;
    struct helper *helper = start_helper(it, false, &thread);
    buffer_t out = {.size_dope = L4_IPC_DOPE(2, 1), .send_dope = L4_IPC_DOPE(2, 1)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    out.string[0] = (l4_strdope_t){.snd_size = SIZE, .snd_str = (l4_umword_t)string_of(&it->course, helper, false)};
    it->sender = l4_myself();
    it->sender_tid = gettid();
    l4_timeout_t timeout = L4_IPC_TIMEOUT(0, 0, 0, 0, it->course.snd_fault, 0);
    if (it->course.answer) {
        CHECK_EQ(l4_ipc_receive(boss, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        timeout.to.snd_exp = 1;
    }
    l4_count(&it->sender_in);
    CHECK_EQ(l4_ipc_send(boss, &out, 1, 2, timeout, &result), it->course.theirs);
    CHECK_EQ(result.raw, (l4_umword_t)it->course.theirs);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    /* The end of the thread would be another reason for the receiver to fail. */
    l4_await(&it->receiver_in, 2);
    if (it->course.at_receiver) free((void *)out.string[0].snd_str);
    end_helper(helper);
}

static void run(bool threads, struct course course)
{
    struct shared *it = l4_share(sizeof *it);
    pthread_t thread;
    it->course = course;
    it->receiver = l4_myself();
    it->receiver_tid = gettid();
    /* In this order: a process is forked best by one that has no other threads. */
    struct l4_partner *partner = l4_start(threads, run_sender, it);
    struct helper *helper = start_helper(it, true, &thread);
    buffer_t in = {.size_dope = L4_IPC_DOPE(2, 1)};
    l4_umword_t one = 0, two = 0;
    l4_msgdope_t result;
    char *string = string_of(&course, helper, true);
    in.string[0] = (l4_strdope_t){.rcv_size = SIZE, .rcv_str = (l4_umword_t)string};
    l4_timeout_t timeout = L4_IPC_TIMEOUT(0, 0, 0, 0, 0, course.rcv_fault);
    l4_count(&it->receiver_in);
    int code = course.answer ? l4_ipc_call(l4_id(partner), SHORT, 0, 0, &in, &one, &two, timeout, &result)
                             : l4_ipc_receive(l4_id(partner), &in, &one, &two, timeout, &result);
    CHECK_EQ(code, course.ours);
    if (code == 0) {
        CHECK_EQ(result.raw, L4_IPC_DOPE(2, 1).raw);
        l4_check_filled(string, SIZE, SEED);
    } else CHECK_EQ(result.raw, (l4_umword_t)course.ours);
    l4_count(&it->receiver_in);
    l4_join(partner);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    if (!course.at_receiver) free(string);
    end_helper(helper);
    /* Both can go on. */
    CHECK_EQ(l4_ipc_wait(NULL, SHORT, &one, &two, L4_IPC_RECV_TIMEOUT_0, NULL), L4_IPC_RETIMEOUT);
}

static void both_ways(bool threads, struct course course)
{
    run(threads, course);
    course.answer = true;
    run(threads, course);
}

L4_CASE(a_fault_of_the_receiver_is_bounded_by_the_senders_time)
{
    both_ways(threads, (struct course){.at_receiver = true, .snd_fault = PF_SHORT, .theirs = L4_IPC_SESNDPFTO, .ours = L4_IPC_RESNDPFTO});
    both_ways(threads, (struct course){.at_receiver = true, .snd_fault = 15, .theirs = L4_IPC_SESNDPFTO, .ours = L4_IPC_RESNDPFTO});
}

L4_CASE(a_fault_of_the_sender_is_bounded_by_the_receivers_time)
{
    both_ways(threads, (struct course){.rcv_fault = PF_SHORT, .theirs = L4_IPC_SERCVPFTO, .ours = L4_IPC_RERCVPFTO});
    both_ways(threads, (struct course){.rcv_fault = 15, .theirs = L4_IPC_SERCVPFTO, .ours = L4_IPC_RERCVPFTO});
}

L4_CASE(pages_that_come_in_time_are_waited_for)
{
    both_ways(threads, (struct course){.at_receiver = true, .act = PROVIDE});
    both_ways(threads, (struct course){.act = PROVIDE});
    /* The other side's own time does not count. */
    both_ways(threads, (struct course){.at_receiver = true, .rcv_fault = 15, .act = PROVIDE});
    both_ways(threads, (struct course){.snd_fault = 15, .act = PROVIDE});
}

L4_CASE(a_cancel_of_either_aborts_the_transfer_for_both)
{
    const int theirs = L4_IPC_SEABORTED, ours = L4_IPC_REABORTED;
    run(threads, (struct course){.at_receiver = true, .act = CANCEL_RECEIVER, .theirs = theirs, .ours = ours});
    run(threads, (struct course){.at_receiver = true, .act = CANCEL_SENDER, .theirs = theirs, .ours = ours});
    run(threads, (struct course){.act = CANCEL_RECEIVER, .theirs = theirs, .ours = ours});
    run(threads, (struct course){.act = CANCEL_SENDER, .theirs = theirs, .ours = ours});
}

L4_CASE(a_cancel_aborts_an_answer_too)
{
    const int theirs = L4_IPC_SEABORTED, ours = L4_IPC_REABORTED;
    run(threads, (struct course){.answer = true, .at_receiver = true, .act = CANCEL_RECEIVER, .theirs = theirs, .ours = ours});
    run(threads, (struct course){.answer = true, .at_receiver = true, .act = CANCEL_SENDER, .theirs = theirs, .ours = ours});
    run(threads, (struct course){.answer = true, .act = CANCEL_SENDER, .theirs = theirs, .ours = ours});
}

/* Whose pages are awaited asks every 20 ms whether it is still waited for; here nobody answers, since the receiver's process is stopped. */
struct stopping {
    struct tpy_thread *sender;
    l4_threadid_t id;
    struct shared *shared;
    int pages;
};

static struct tpy_lane *lane_in_use(struct tpy_thread *thread)
{
    for (uint32_t i = 0; i < thread->lane_capacity; i++)
        if (thread->lanes[i] && *(const struct tpy_offer *volatile *)&thread->lanes[i]->offer) return thread->lanes[i];
    return NULL;
}

static void *cancel_within_an_ask(void *argument)
{
    struct stopping *it = argument;
    l4_await(&it->shared->receiver_in, 1);
    l4_await(&it->shared->sender_in, 1);
    await_fault(it->pages);
    settle(it->shared);
    CHECK_SYS(kill(it->shared->receiver_tid, SIGSTOP));
    /* One that was on its way may still be answered; one that lasts is not. */
    for (int lasts = 0; lasts < 1000; lasts = lane_in_use(it->sender) ? lasts + 1 : 0) sched_yield();
    l4_cancel(it->id);
    return NULL;
}

static void receive_nothing(l4_threadid_t boss, void *argument)
{
    struct shared *it = argument;
    char string[SIZE];
    buffer_t in = {.size_dope = L4_IPC_DOPE(2, 1)};
    l4_umword_t one, two;
    in.string[0] = (l4_strdope_t){.rcv_size = SIZE, .rcv_str = (l4_umword_t)string};
    it->receiver_tid = getpid();
    l4_count(&it->receiver_in);
    CHECK_EQ(l4_ipc_receive(boss, &in, &one, &two, L4_IPC_NEVER, NULL), L4_IPC_REABORTED);
}

CASE(a_cancel_within_an_ask_is_told_too)
{
    struct shared *it = l4_share(sizeof *it);
    struct l4_partner *partner = l4_start(false, receive_nothing, it);
    struct l4_pages pages = l4_pages_withheld(SIZE);
    struct stopping stopping = {.id = l4_myself(), .sender = tpy_thread_self(), .shared = it, .pages = pages.fd};
    buffer_t out = {.size_dope = L4_IPC_DOPE(2, 1), .send_dope = L4_IPC_DOPE(2, 1)};
    pthread_t thread;
    out.string[0] = (l4_strdope_t){.snd_size = SIZE, .snd_str = (l4_umword_t)pages.at};
    it->sender_tid = gettid();
    CHECK_EQ(pthread_create(&thread, NULL, cancel_within_an_ask, &stopping), 0);
    l4_count(&it->sender_in);
    CHECK_EQ(l4_ipc_send(l4_id(partner), &out, 1, 2, L4_IPC_NEVER, NULL), L4_IPC_SEABORTED);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_SYS(kill(it->receiver_tid, SIGCONT));
    l4_join(partner);
    munmap(pages.at, pages.size);
    close(pages.fd);
}

L4_CASE(addresses_without_memory_are_faults_that_nobody_resolves)
{
    both_ways(threads, (struct course){.bad = true, .at_receiver = true, .theirs = L4_IPC_SESNDPFTO, .ours = L4_IPC_RESNDPFTO});
    both_ways(threads, (struct course){.bad = true, .theirs = L4_IPC_SERCVPFTO, .ours = L4_IPC_RERCVPFTO});
}

/* The transfer asks every 20 ms for pages that are away for long; each time with the same helper, of which there are 64. */
CASE(pages_may_be_away_for_as_long_as_they_like)
{
    struct l4_pages pages = l4_pages_withheld(SIZE);
    struct iovec part = {pages.at, pages.size};
    for (int i = 0; i < 200; i++) CHECK_EQ(tpy_pages_await(&part, 1, tpy_now() + 100000), -ETIMEDOUT);
    l4_pages_provide(&pages, SEED);
    CHECK_EQ(tpy_pages_await(&part, 1, TPY_NEVER), 0);
    l4_check_filled(pages.at, SIZE, SEED);
}

static void wait_a_little(l4_threadid_t boss, void *argument)
{
    l4_umword_t one, two;
    l4_threadid_t src;
    L4_BUFFER(700, 1) in = {.size_dope = L4_IPC_DOPE(700, 1)};
    (void)argument, (void)boss;
    one = 1;
    while (one != 0) {
        int code = l4_ipc_wait(&src, &in, &one, &two, L4_IPC_NEVER, NULL);
        CHECK(code == 0 || code == L4_IPC_RERCVPFTO);
    }
}

L4_CASE(bad_descriptors_give_codes)
{
    struct l4_partner *partner = l4_start(threads, wait_a_little, NULL);
    void *const bad[] = {(void *)NO_MEMORY, (void *)0x1000, (void *)-4096l, (void *)0x8000000000000000ul};
    l4_umword_t one, two;
    l4_msgdope_t result;
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(l4_ipc_send(l4_id(partner), bad[i], 1, 1, L4_IPC_NEVER, &result), L4_IPC_SERCVPFTO);
        CHECK_EQ(l4_ipc_call(l4_id(partner), SHORT, 1, 1, bad[i], &one, &two, L4_IPC_NEVER, &result), L4_IPC_RESNDPFTO);
    }
    /* A head that can be read, words that cannot. */
    char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_SYS(mprotect(edge + 4096, 4096, PROT_NONE));
    buffer_t *buffer = (buffer_t *)(edge + 4096 - 24);
    buffer->size_dope = L4_IPC_DOPE(400, 0);
    buffer->send_dope = L4_IPC_DOPE(400, 0);
    CHECK_EQ(l4_ipc_send(l4_id(partner), buffer, 1, 1, L4_IPC_NEVER, &result), L4_IPC_SERCVPFTO);
    buffer->send_dope = L4_IPC_DOPE(2, 1);
    CHECK_EQ(l4_ipc_send(l4_id(partner), buffer, 1, 1, L4_IPC_NEVER, &result), L4_IPC_SERCVPFTO);
    CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 0, 0, L4_IPC_NEVER, &result), 0);
    l4_join(partner);
}
