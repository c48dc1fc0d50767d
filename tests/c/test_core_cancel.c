/*
 * Cancels of transfers: who pulls from a client that does not go on, because it is stopped or because a pager keeps its page, is ended by a cancel at
 * once; whatever ended it, nothing is lost.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/port_record.h"

#define HUGE (4u << 20) /* more than the ring takes ahead */
#define PAGE 4096u
#define SOON (500 * MS) /* at once, on a busy machine: half of what a client gets that brings nothing */

struct scene {
    pid_t server;
    uint32_t id;
    bool withholds; /* the last page */
    _Atomic unsigned faulted, provide, give_up;
    _Atomic int result;
};

static struct scene *scene;

static unsigned char byte_at(size_t i) { return (unsigned char)(i * 31 + i / 4096); }

static void check_all(const char *memory)
{
    for (size_t i = 0; i < HUGE; i++)
        if ((unsigned char)memory[i] != byte_at(i)) CHECK_EQ(i, HUGE);
}

/* ---- The client ---- */

static char *memory;
static struct tpy_thread *client_thread;

static void *be_pager(void *fd)
{
    struct uffd_msg fault;
    static char page[PAGE];
    for (size_t i = 0; i < PAGE; i++) page[i] = (char)byte_at(HUGE - PAGE + i);
    CHECK_EQ(read(*(int *)fd, &fault, sizeof fault), sizeof fault);
    atomic_store(&scene->faulted, 1);
    while (!atomic_load(&scene->provide)) {
        if (atomic_exchange(&scene->give_up, 0)) tpy_thread_cancel(client_thread);
        sched_yield();
    }
    struct uffdio_copy copy = {.dst = (uintptr_t)memory + HUGE - PAGE, .src = (uintptr_t)page, .len = PAGE};
    CHECK_SYS(ioctl(*(int *)fd, UFFDIO_COPY, &copy));
    return NULL;
}

static void send_huge(void *unused)
{
    pthread_t pager;
    struct tpy_connection *connection;
    (void)unused;
    memory = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    int fd = scene->withholds ? (int)CHECK_SYS(syscall(SYS_userfaultfd, O_CLOEXEC)) : -1;
    if (fd >= 0) {
        struct uffdio_api api = {.api = UFFD_API};
        struct uffdio_register range = {.range = {(uintptr_t)memory + HUGE - PAGE, PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
        CHECK_SYS(ioctl(fd, UFFDIO_API, &api));
        CHECK_SYS(ioctl(fd, UFFDIO_REGISTER, &range));
        CHECK_EQ(pthread_create(&pager, NULL, be_pager, &fd), 0);
    }
    for (size_t i = 0; i < HUGE - (fd >= 0 ? PAGE : 0); i++) memory[i] = (char)byte_at(i);
    client_thread = tpy_thread_self();
    struct iovec send = {memory, HUGE};
    struct tpy_offer offer = {.send = &send, .send_parts = 1, .deadline = TPY_NEVER, .strike = TPY_STRIKE_BOTH};
    CHECK_OK(tpy_connection_open(scene->server, scene->id, 0, 0, &connection));
    atomic_store(&scene->result, tpy_offer(connection, &offer));
    if (fd >= 0) CHECK_EQ(pthread_join(pager, NULL), 0);
}

/* ---- The server ---- */

static char taken[HUGE];
static struct tpy_port *port;
static struct tpy_receipt receipt;
static pid_t client;

static struct pull { /* in a thread of its own */
    pthread_t thread;
    struct tpy_thread *_Atomic who;
    bool receives; /* it is a receive of the whole */
    ssize_t got;
} puller;

static void *pull(void *unused)
{
    struct iovec part = {taken, HUGE};
    (void)unused;
    atomic_store(&puller.who, tpy_thread_self());
    if (!puller.receives) puller.got = tpy_pull(receipt.exchange, receipt.sequence, 0, &part, 1);
    else if ((puller.got = tpy_receive(port, NULL, &part, 1, 0, TPY_NEVER, &receipt)) == 0) puller.got = (ssize_t)receipt.received;
    return NULL;
}

static void start(bool receives)
{
    puller = (struct pull){.receives = receives};
    CHECK_EQ(pthread_create(&puller.thread, NULL, pull, NULL), 0);
    while (!atomic_load(&puller.who)) sched_yield();
}

static void begin(bool withholds)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (withholds && fd < 0) SKIP("no userfaultfd here");
    if (fd >= 0) close(fd);
    scene = core_share(sizeof *scene);
    scene->server = getpid();
    scene->withholds = withholds;
    scene->result = 1;
    port = core_port(&scene->id);
    client = check_fork(send_huge, NULL);
}

/* Accepts the offer, of which the rest is to be pulled. Its client sleeps then: it has filled the ring, and has not touched the last page. */
static void accept_head(void)
{
    char head[100];
    struct iovec part = {head, sizeof head};
    CHECK_EQ(tpy_receive(port, NULL, &part, 1, 0, tpy_now() + 5000 * MS, &receipt), 0);
    while (!(atomic_load(&receipt.exchange->shared->answer.answer) & TPY_ANSWER_SLEEP)) sched_yield();
}

static void await_fault(void)
{
    while (!atomic_load(&scene->faulted)) sched_yield();
}

/* How it ended, and that it did so at once. */
static void check_ended(int64_t since, ssize_t how)
{
    CHECK_EQ(pthread_join(puller.thread, NULL), 0);
    CHECK_EQ(puller.got, how);
    CHECK_LT(tpy_now() - since, SOON);
}

/* The whole message is there still. */
static void take_all(void)
{
    struct iovec part = {taken, HUGE};
    memset(taken, 0, sizeof taken);
    CHECK_EQ(tpy_pull(receipt.exchange, receipt.sequence, 0, &part, 1), HUGE);
    check_all(taken);
}

static void finish(int result)
{
    CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, 0, NULL, 0), result);
    check_join(client);
    CHECK_OK(tpy_port_destroy(port));
}

CASE(a_cancel_ends_a_pull_from_a_client_that_is_stopped)
{
    int status;
    core_forbid(SYS_process_vm_readv); /* or the bytes would be read without it */
    begin(false);
    accept_head();
    CHECK_SYS(kill(client, SIGSTOP));
    CHECK_EQ(waitpid(client, &status, WUNTRACED), client);
    CHECK(WIFSTOPPED(status));
    start(false);
    while (atomic_load(&receipt.exchange->shared->server.taken) < TPY_RING) sched_yield(); /* what came before the stop */
    int64_t since = tpy_now();
    tpy_thread_cancel(puller.who);
    check_ended(since, -ECANCELED);
    CHECK_SYS(kill(client, SIGCONT));
    take_all();
    finish(0);
    CHECK_EQ(scene->result, 0);
}

CASE(a_cancel_ends_a_pull_of_a_page_that_is_withheld)
{
    struct tpy_exchange_info info;
    struct tpy_connection *other;
    begin(true);
    accept_head();
    start(false);
    await_fault();
    int64_t since = tpy_now();
    CHECK_EQ(tpy_exchange_info(receipt.exchange, receipt.sequence, &info), 0); /* nor are others held up: */
    CHECK_OK(tpy_connection_open(getpid(), scene->id, 0, 0, &other));
    tpy_thread_cancel(puller.who);
    check_ended(since, -ECANCELED);
    atomic_store(&scene->provide, 1);
    take_all();
    finish(0);
    CHECK_EQ(scene->result, 0);
}

CASE(a_cancel_leaves_a_message_that_was_being_received_in_the_queue)
{
    begin(true);
    start(true);
    await_fault();
    int64_t since = tpy_now();
    tpy_thread_cancel(puller.who);
    check_ended(since, -ECANCELED);
    CHECK(core_queued(port));
    atomic_store(&scene->provide, 1);
    start(true);
    CHECK_EQ(pthread_join(puller.thread, NULL), 0);
    CHECK_EQ(puller.got, HUGE);
    check_all(taken);
    finish(0);
    CHECK_EQ(scene->result, 0);
}

CASE(a_client_that_gives_up_ends_the_pull_of_its_withheld_page)
{
    begin(true);
    accept_head();
    start(false);
    await_fault();
    int64_t since = tpy_now();
    atomic_store(&scene->give_up, 1);
    check_ended(since, -ESRCH);
    atomic_store(&scene->provide, 1);
    finish(-ESRCH);
    CHECK_EQ(scene->result, -ECANCELED);
}

CASE(another_thread_may_end_what_is_being_pulled)
{
    begin(true);
    accept_head();
    start(false);
    await_fault();
    int64_t since = tpy_now();
    CHECK_EQ(tpy_finish_error(receipt.exchange, receipt.sequence, EPERM), 0);
    check_ended(since, -ESRCH);
    atomic_store(&scene->provide, 1);
    finish(-ESRCH);
    CHECK_EQ(scene->result, -EPERM);
}

CASE(a_client_that_dies_ends_the_pull_of_its_withheld_page)
{
    begin(true);
    accept_head();
    start(false);
    await_fault();
    int64_t since = tpy_now();
    CHECK_SYS(kill(client, SIGKILL));
    check_ended(since, -ESRCH);
    CHECK_EQ(waitpid(client, NULL, 0), client);
    CHECK_OK(tpy_port_destroy(port));
}

CASE(a_withheld_page_comes_as_late_as_its_pager_likes)
{
    begin(true);
    accept_head();
    start(false);
    await_fault();
    for (int64_t late = tpy_now() + 1500 * MS; tpy_now() < late;) sched_yield(); /* longer than a client gets that brings nothing */
    atomic_store(&scene->provide, 1);
    CHECK_EQ(pthread_join(puller.thread, NULL), 0);
    CHECK_EQ(puller.got, HUGE);
    check_all(taken);
    finish(0);
}
