/* fluke_support: see fluke_support.h. */
#include "fluke_support.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tetrapylon_inspect.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

fluke_port_t fluke_port;
const char *const fluke_port_name = "test server";
struct fluke_world *fluke_world;

static void (*client_body)(fluke_ref_t *);

static void run_client(void)
{
    fluke_ref_t dest;
    atomic_store(&fluke_world->client_thread, fluke_thread_self());
    atomic_store(&fluke_world->client, (int)syscall(SYS_gettid));
    CHECK_STATUS(fluke_ref_create(&dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup(fluke_port_name, &dest), FLUKE_SUCCESS);
    client_body(&dest);
    CHECK_STATUS(fluke_ref_destroy(&dest), FLUKE_SUCCESS);
}

static void client_process(void *argument)
{
    (void)argument;
    run_client();
}

static void *client_thread(void *argument)
{
    (void)argument;
    run_client();
    return NULL;
}

void fluke_alone(void)
{
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1));
    fluke_world = mmap(NULL, sizeof *fluke_world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(fluke_world != MAP_FAILED);
}

void fluke_run(bool threads, void (*server)(fluke_pset_t *), void (*client)(fluke_ref_t *))
{
    fluke_pset_t pset;
    pthread_t thread;
    pid_t child = 0;

    fluke_alone();
    client_body = client;
    atomic_store(&fluke_world->server_thread, fluke_thread_self());
    atomic_store(&fluke_world->server, (int)syscall(SYS_gettid));
    CHECK_STATUS(fluke_pset_create(&pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&fluke_port, FLUKE_ALIAS), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&fluke_port, &pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind(fluke_port_name, &fluke_port), FLUKE_SUCCESS);
    if (threads)
        CHECK_EQ(pthread_create(&thread, NULL, client_thread, NULL), 0);
    else
        child = check_fork(client_process, NULL);
    while (atomic_load(&fluke_world->client) == 0)
        sched_yield();
    server(&pset);
    if (threads)
        CHECK_EQ(pthread_join(thread, NULL), 0);
    else
        check_join(child);
}

void fluke_reach(unsigned step)
{
    unsigned now = atomic_load(&fluke_world->step);
    while (now < step && !atomic_compare_exchange_weak(&fluke_world->step, &now, step)) {}
    syscall(SYS_futex, &fluke_world->step, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void fluke_await(unsigned step)
{
    unsigned now;
    while ((now = atomic_load(&fluke_world->step)) < step)
        syscall(SYS_futex, &fluke_world->step, FUTEX_WAIT, now, NULL, NULL, 0);
}

/* The process a thread belongs to; 0: it has ended. */
static pid_t process_of(pid_t thread)
{
    char path[64], line[128];
    int process = 0;
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    FILE *status = fopen(path, "re");
    while (status && process == 0 && fgets(line, sizeof line, status))
        if (sscanf(line, "Tgid: %d", &process) != 1)
            process = 0;
    if (status)
        fclose(status);
    return process;
}

void fluke_await_blocked(pid_t thread)
{
    struct tpy_thread_state states[64];
    pid_t process = process_of(thread);

    for (;; sched_yield()) {
        int count = tpy_threads_of(process, states, 64);
        for (int i = 0; i < count && i < 64; i++)
            if (states[i].tid == thread && states[i].state != TPY_STATE_READY)
                return;
    }
}

fluke_ipc_params_t fluke_params(const uint32_t *send, size_t words, uint32_t *receive, size_t room)
{
    fluke_ipc_params_t params = {.send_buf = {words, (void *)send}, .recv_buf = {room, receive}};
    return params;
}

void fluke_fill(uint32_t *words, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        words[i] = seed + (uint32_t)i * 2654435761u;
}

void fluke_check_filled(const uint32_t *words, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] != seed + (uint32_t)i * 2654435761u)
            check_failed(__FILE__, __LINE__, "word %zu of %zu is wrong", i, count);
}

const char *fluke_status_name(fluke_error_t status)
{
    static const struct {
        fluke_error_t status;
        const char *name;
    } names[] = {
        {FLUKE_SUCCESS, "SUCCESS"}, {FLUKE_INVALID_DEST, "INVALID_DEST"},
        {FLUKE_IPC_CONNECT_INVALID_DEST, "IPC_CONNECT_INVALID_DEST"},
        {FLUKE_IPC_SEND_DISCONNECTED, "IPC_SEND_DISCONNECTED"}, {FLUKE_IPC_OVER_DISCONNECTED, "IPC_OVER_DISCONNECTED"},
        {FLUKE_IPC_ACK_DISCONNECTED, "IPC_ACK_DISCONNECTED"}, {FLUKE_IPC_RECV_DISCONNECTED, "IPC_RECV_DISCONNECTED"},
        {FLUKE_IPC_RECV_MORE_DATA, "IPC_RECV_MORE_DATA"}, {FLUKE_IPC_RECV_MORE_REFS, "IPC_RECV_MORE_REFS"},
        {FLUKE_IPC_INTERRUPTED, "IPC_INTERRUPTED"}, {FLUKE_NAME_IN_USE, "NAME_IN_USE"},
        {FLUKE_NAME_INVALID, "NAME_INVALID"}, {FLUKE_NO_RESOURCES, "NO_RESOURCES"},
        {FLUKE_INSANITY_NOT_RECEIVER, "INSANITY_NOT_RECEIVER"}, {FLUKE_INSANITY_NOT_SENDER, "INSANITY_NOT_SENDER"},
        {FLUKE_INSANITY_NO_OBJECT, "INSANITY_NO_OBJECT"}, {FLUKE_INSANITY_NOT_REF, "INSANITY_NOT_REF"},
        {FLUKE_INSANITY_INVALID_OBJECT, "INSANITY_INVALID_OBJECT"},
        {FLUKE_INSANITY_BUFFER_TOO_SMALL, "INSANITY_BUFFER_TOO_SMALL"},
        {FLUKE_INSANITY_BUFFER_UNALIGNED, "INSANITY_BUFFER_UNALIGNED"},
        {FLUKE_INSANITY_BAD_BUFFER, "INSANITY_BAD_BUFFER"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].status == status)
            return names[i].name;
    return "an unknown status";
}
