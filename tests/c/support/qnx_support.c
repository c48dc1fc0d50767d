/* qnx_support: see qnx_support.h. */
#include "qnx_support.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "core/thread.h"

struct qnx_client {
    bool is_thread;
    int chid;
    pid_t server, pid;
    pthread_t thread;
    void (*run)(int coid, void *argument);
    void *argument;
};

static void run_process(void *given)
{
    struct qnx_client *client = given;
    int coid = CHECK_SYS(ConnectAttach(ND_LOCAL_NODE, client->server, client->chid, _NTO_SIDE_CHANNEL, 0));
    client->run(coid, client->argument);
}

static void *run_thread(void *given)
{
    struct qnx_client *client = given;
    int coid = CHECK_SYS(ConnectAttach(ND_LOCAL_NODE, 0, client->chid, _NTO_SIDE_CHANNEL, 0));
    client->run(coid, client->argument);
    return NULL;
}

struct qnx_client *qnx_start(bool threads, int chid, void (*run)(int, void *), void *argument)
{
    struct qnx_client *client = calloc(1, sizeof *client);
    CHECK(client != NULL);
    *client = (struct qnx_client){.is_thread = threads, .chid = chid, .server = getpid(), .pid = getpid(), .run = run,
        .argument = argument};
    if (threads) CHECK_EQ(pthread_create(&client->thread, NULL, run_thread, client), 0);
    else client->pid = check_fork(run_process, client);
    return client;
}

void qnx_join(struct qnx_client *client)
{
    if (client->is_thread) CHECK_EQ(pthread_join(client->thread, NULL), 0);
    else check_join(client->pid);
    free(client);
}

pid_t qnx_pid(const struct qnx_client *client) { return client->pid; }

void *qnx_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

void qnx_count(_Atomic unsigned *word)
{
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void qnx_await(_Atomic unsigned *word, unsigned value)
{
    unsigned now;
    while ((now = atomic_load(word)) < value) syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void pause_a_little(void) { nanosleep(&(struct timespec){0, 200000}, NULL); }

/* Counts the blocked threads of a process, as any other process sees them. */
static unsigned blocked(pid_t process, bool sending, pid_t partner, int port)
{
    static __thread struct tpy_thread_state states[256];
    unsigned count = 0;
    int found = tpy_threads_of(process, states, 256);
    CHECK_LE(found, 256);
    for (int i = 0; i < found; i++) {
        bool sends = states[i].state == TPY_STATE_SEND || states[i].state == TPY_STATE_REPLY;
        if (states[i].state != TPY_STATE_READY && sends == sending && states[i].port == port &&
                (partner == 0 || states[i].partner == partner)) count++;
    }
    return count;
}

void qnx_await_senders(pid_t client, pid_t server, int chid, unsigned count)
{
    while (blocked(client, true, server, chid) < count) pause_a_little();
}

void qnx_await_receivers(pid_t server, int chid, unsigned count)
{
    while (blocked(server, false, 0, chid) < count) pause_a_little();
}

void qnx_fill(void *memory, size_t size, unsigned seed)
{
    unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 31 + (i >> 8) * 7 + seed);
}

void qnx_check_filled(const void *memory, size_t size, unsigned seed)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)(i * 31 + (i >> 8) * 7 + seed))
            check_failed(__FILE__, __LINE__, "byte %zu of %zu is %#x, seed %u", i, size, bytes[i], seed);
}

void *qnx_at_end(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
    char *memory = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK_SYS(mprotect(memory + whole, page, PROT_NONE));
    return memory + whole - size;
}

void *qnx_unmapped(void)
{
    char *memory = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

int64_t qnx_now_ms(void) { return tpy_now() / 1000000; }

rcvid_t qnx_receive(int chid, void *message, size_t size)
{
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, message, size, NULL));
    CHECK_GT(rcvid, 0);
    CHECK_LE(rcvid, INT32_MAX);
    return rcvid;
}

struct _pulse qnx_receive_pulse(int chid)
{
    struct _pulse pulse;
    memset(&pulse, 0x5a, sizeof pulse);
    CHECK_EQ(CHECK_SYS(MsgReceive(chid, &pulse, sizeof pulse, NULL)), 0);
    CHECK_EQ(pulse.type, 0);
    CHECK_EQ(pulse.subtype, 0);
    CHECK_EQ(pulse.zero[0] | pulse.zero[1] | pulse.zero[2], 0);
    return pulse;
}

void qnx_check_empty(int chid)
{
    char nothing[256];
    CHECK_SYS(TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, NULL, NULL));
    CHECK_ERRNO(MsgReceive(chid, nothing, sizeof nothing, NULL), ETIMEDOUT);
}

void qnx_timeout(int states, int milliseconds)
{
    uint64_t time = (uint64_t)milliseconds * 1000000;
    CHECK_SYS(TimerTimeout(CLOCK_MONOTONIC, states, NULL, &time, NULL));
}
