/*
 * L4: l4_thread_ex_regs in the middle of a transfer whose other side does not go on: a page of its string went away after it had been touched, or it is
 * stopped. Who is cancelled returns at once, and the other learns it.
 */
#define _GNU_SOURCE
#include "l4_support.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/exchange_record.h"
#include "core_support.h"

#define SHORT L4_IPC_SHORT_MSG
#define SIZE (4ul << 20) /* more than the ring takes ahead */
#define LAST (SIZE - 4096)
#define SEED 3
#define SOON 500000000ll /* ns: at once, on a busy machine */

typedef L4_BUFFER(2, 1) buffer_t;

enum victim { RECEIVER, SENDER, NOBODY };

struct shared {
    enum victim victim;
    bool calls, withholds;
    l4_threadid_t sender, receiver;
    pid_t sender_pid;
    _Atomic unsigned ready, faulted, cancelled, provide, over;
    _Atomic int64_t since;
};

static void cancel(struct shared *it, l4_threadid_t who)
{
    atomic_store(&it->since, l4_now());
    l4_cancel(who);
    l4_count(&it->cancelled);
}

/* In the sender's task: takes the last page away once the string has been touched, and is its pager from then on. */
struct pager {
    struct shared *shared;
    char *string;
    int fd;
};

static void *be_pager(void *argument)
{
    struct pager *pager = argument;
    struct shared *it = pager->shared;
    struct uffd_msg fault;
    char page[4096];
    l4_await_sending(it->sender);
    memcpy(page, pager->string + LAST, sizeof page);
    CHECK_SYS(madvise(pager->string + LAST, sizeof page, MADV_DONTNEED));
    l4_count(&it->ready);
    CHECK_EQ(read(pager->fd, &fault, sizeof fault), sizeof fault);
    l4_count(&it->faulted);
    if (it->victim == SENDER) cancel(it, it->sender);
    l4_await(&it->provide, 1);
    struct uffdio_copy copy = {.dst = (uintptr_t)pager->string + LAST, .src = (uintptr_t)page, .len = sizeof page};
    CHECK_SYS(ioctl(pager->fd, UFFDIO_COPY, &copy));
    return NULL;
}

static void run_sender(l4_threadid_t boss, void *argument)
{
    struct shared *it = argument;
    struct pager pager = {.shared = it, .fd = -1};
    pthread_t thread;
    buffer_t out = {.size_dope = L4_IPC_DOPE(2, 1), .send_dope = L4_IPC_DOPE(2, 1)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    pager.string = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pager.string != MAP_FAILED);
    CHECK_SYS(madvise(pager.string, SIZE, MADV_NOHUGEPAGE));
    l4_fill(pager.string, SIZE, SEED);
    it->sender = l4_myself();
    it->sender_pid = getpid();
    if (it->withholds) {
        pager.fd = (int)CHECK_SYS(syscall(SYS_userfaultfd, O_CLOEXEC));
        struct uffdio_api api = {.api = UFFD_API};
        struct uffdio_register range = {.range = {(uintptr_t)pager.string + LAST, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
        CHECK_SYS(ioctl(pager.fd, UFFDIO_API, &api));
        CHECK_SYS(ioctl(pager.fd, UFFDIO_REGISTER, &range));
        CHECK_EQ(pthread_create(&thread, NULL, be_pager, &pager), 0);
    } else l4_count(&it->ready);
    out.string[0] = (l4_strdope_t){.snd_size = SIZE, .snd_str = (l4_umword_t)pager.string};
    int code = it->calls ? l4_ipc_call(boss, &out, 1, 2, SHORT, &one, &two, L4_IPC_NEVER, &result)
                         : l4_ipc_send(boss, &out, 1, 2, L4_IPC_NEVER, &result);
    CHECK_EQ(code, it->victim == NOBODY ? 0 : L4_IPC_SEABORTED);
    CHECK_EQ(result.raw, code != 0 ? (l4_umword_t)code : it->calls ? L4_IPC_DOPE(2, 0).raw : 0);
    if (it->victim != NOBODY) CHECK_LT(l4_now() - atomic_load(&it->since), it->withholds ? SOON : INT64_MAX);
    l4_count(&it->provide);
    if (it->withholds) CHECK_EQ(pthread_join(thread, NULL), 0);
    l4_await(&it->over, 1); /* the end of this thread would be another reason for the receiver to fail */
    munmap(pager.string, SIZE);
    if (pager.fd >= 0) close(pager.fd);
}

static void *cancel_receiver(void *argument)
{
    struct shared *it = argument;
    l4_await(&it->faulted, 1);
    cancel(it, it->receiver);
    return NULL;
}

static void transfer(bool threads, bool calls, enum victim victim)
{
    struct shared *it = l4_share(sizeof *it);
    pthread_t thread;
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd < 0) SKIP("userfaultfd is not allowed here");
    close(fd);
    *it = (struct shared){.victim = victim, .calls = calls, .withholds = true, .receiver = l4_myself()};
    struct l4_partner *partner = l4_start(threads, run_sender, it);
    char *string = malloc(SIZE);
    CHECK(string != NULL);
    buffer_t in = {.size_dope = L4_IPC_DOPE(2, 1)};
    l4_umword_t one, two;
    l4_msgdope_t result;
    in.string[0] = (l4_strdope_t){.rcv_size = SIZE, .rcv_str = (l4_umword_t)string};
    if (victim == RECEIVER) CHECK_EQ(pthread_create(&thread, NULL, cancel_receiver, it), 0);
    if (victim == NOBODY) atomic_store(&it->provide, 1);
    l4_await(&it->ready, 1);
    int code = l4_ipc_receive(l4_id(partner), &in, &one, &two, L4_IPC_NEVER, &result);
    if (victim == NOBODY) {
        CHECK_EQ(code, 0);
        CHECK_EQ(result.raw, L4_IPC_DOPE(2, 1).raw);
        l4_check_filled(string, SIZE, SEED);
        if (calls) CHECK_EQ(l4_ipc_send(l4_id(partner), SHORT, 1, 2, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
    } else {
        CHECK_EQ(code, L4_IPC_REABORTED);
        CHECK_EQ(result.raw, (l4_umword_t)L4_IPC_REABORTED);
        CHECK_LT(l4_now() - atomic_load(&it->since), SOON);
    }
    if (victim == RECEIVER) CHECK_EQ(pthread_join(thread, NULL), 0);
    l4_count(&it->over);
    l4_join(partner);
    free(string);
    /* The cancel ended that IPC and no other. */
    CHECK_EQ(l4_ipc_wait(NULL, SHORT, &one, &two, L4_IPC_RECV_TIMEOUT_0, NULL), L4_IPC_RETIMEOUT);
    CHECK_EQ(l4_ipc_sleep(L4_IPC_TIMEOUT(0, 0, 1, 13, 0, 0)), L4_IPC_RETIMEOUT);
}

L4_CASE(a_cancel_of_the_receiver_ends_the_transfer_of_a_page_that_went_away)
{
    transfer(threads, false, RECEIVER);
    transfer(threads, true, RECEIVER);
}

L4_CASE(a_cancel_of_the_sender_ends_the_transfer_of_its_page_that_went_away)
{
    transfer(threads, false, SENDER);
    transfer(threads, true, SENDER);
}

L4_CASE(a_page_that_went_away_and_comes_back_is_waited_for)
{
    transfer(threads, false, NOBODY);
    transfer(threads, true, NOBODY);
}

/* ---- A sender that is stopped, where its memory may not be read without it ---- */

static bool being_pulled(void)
{
    for (uint32_t i = 1; i < TPY_EXCHANGES_MAX; i++) {
        struct tpy_exchange *exchange = tpy_exchange_at(i);
        if (exchange && atomic_load(&exchange->state) == TPY_ACCEPTED && atomic_load(&exchange->shared->server.taken) >= TPY_RING) return true;
    }
    return false;
}

static void *cancel_in_the_transfer(void *argument)
{
    struct shared *it = argument;
    while (!being_pulled()) sched_yield();
    cancel(it, it->receiver);
    return NULL;
}

CASE(a_cancel_of_the_receiver_does_not_wait_for_a_sender_that_is_stopped)
{
    struct shared *it = l4_share(sizeof *it);
    pthread_t thread;
    int status;
    *it = (struct shared){.victim = RECEIVER, .receiver = l4_myself()};
    struct l4_partner *partner = l4_start(false, run_sender, it);
    core_forbid(SYS_process_vm_readv);
    char *string = malloc(SIZE);
    CHECK(string != NULL);
    buffer_t in = {.size_dope = L4_IPC_DOPE(2, 1)};
    l4_umword_t one, two;
    in.string[0] = (l4_strdope_t){.rcv_size = SIZE, .rcv_str = (l4_umword_t)string};
    l4_await(&it->ready, 1);
    l4_await_sending(l4_id(partner));
    CHECK_SYS(kill(l4_pid(partner), SIGSTOP));
    CHECK_EQ(waitpid(l4_pid(partner), &status, WUNTRACED), l4_pid(partner));
    CHECK_EQ(pthread_create(&thread, NULL, cancel_in_the_transfer, it), 0);
    CHECK_EQ(l4_ipc_wait(NULL, &in, &one, &two, L4_IPC_NEVER, NULL), L4_IPC_REABORTED);
    CHECK_LT(l4_now() - atomic_load(&it->since), SOON);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_SYS(kill(l4_pid(partner), SIGCONT));
    l4_count(&it->over);
    l4_join(partner);
    free(string);
}
