/*
 * L4: what a process holds of partners that died goes within a moment, though no thread of it calls anybody: descriptors, and memory of threads that
 * wait for messages meanwhile.
 */
#include "l4_support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "core_support.h"
#include "observe.h"

#define SHORT L4_IPC_SHORT_MSG
#define PARTNERS 12
#define WAITERS 3
#define LENGTH 60000u /* more than goes inline: it takes a stream */

static L4_BUFFER(2, 1) message;
static unsigned char text[LENGTH];

/* Takes a message from each waiter, and whatever comes then. */
static void take_all(l4_threadid_t boss, void *unused)
{
    l4_threadid_t from;
    l4_umword_t one, two;
    (void)boss, (void)unused;
    message.size_dope = L4_IPC_DOPE(2, 1);
    message.string[0].rcv_size = LENGTH;
    message.string[0].rcv_str = (l4_umword_t)text;
    for (;;) l4_ipc_wait(&from, &message, &one, &two, L4_IPC_NEVER, NULL);
}

static struct waiter {
    pthread_t thread;
    l4_threadid_t id;
    _Atomic unsigned ready, told;
    bool closed; /* waits for its last partner, not for anybody */
} waiters[WAITERS];
static l4_threadid_t partners[PARTNERS];

static void *tell_all_and_wait(void *argument)
{
    struct waiter *it = argument;
    L4_BUFFER(2, 1) out = {.size_dope = L4_IPC_DOPE(2, 1), .send_dope = L4_IPC_DOPE(2, 1)};
    l4_umword_t one, two;
    l4_threadid_t from;
    out.string[0].snd_size = LENGTH;
    out.string[0].snd_str = (l4_umword_t)text;
    it->id = l4_myself();
    l4_count(&it->ready);
    l4_await(&it->told, 1);
    for (int i = 0; i < PARTNERS; i++) CHECK_EQ(l4_ipc_send(partners[i], &out, 1, 2, L4_IPC_NEVER, NULL), 0);
    if (it->closed) CHECK_EQ(l4_ipc_receive(partners[PARTNERS - 1], SHORT, &one, &two, L4_IPC_NEVER, NULL), L4_IPC_ENOT_EXISTENT);
    CHECK_EQ(l4_ipc_wait(&from, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
    return NULL;
}

CASE(threads_that_wait_hold_nothing_of_the_dead)
{
    struct l4_partner *started[PARTNERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i].closed = i == 0;
        CHECK_EQ(pthread_create(&waiters[i].thread, NULL, tell_all_and_wait, &waiters[i]), 0);
        l4_await(&waiters[i].ready, 1);
    }
    for (int i = 0; i < PARTNERS; i++) partners[i] = l4_id(started[i] = l4_start(false, take_all, NULL));
    unsigned descriptors = core_descriptors(), mappings = core_mappings();
    for (int i = 0; i < WAITERS; i++) l4_count(&waiters[i].told);
    for (int i = 0; i < WAITERS; i++) l4_await_receiving(waiters[i].id);
    CHECK_GE(core_descriptors(), descriptors + 2 * PARTNERS);
    CHECK_GE(core_mappings(), mappings + PARTNERS * (2 * WAITERS + 1)); /* the process's page; each thread's exchange and stream */
    for (int i = 0; i < PARTNERS; i++) {
        CHECK_SYS(kill(l4_pid(started[i]), SIGKILL));
        CHECK_EQ(waitpid(l4_pid(started[i]), NULL, 0), l4_pid(started[i]));
    }
    int64_t since = observe_now();
    core_await_counts(descriptors, mappings);
    CHECK_LT(observe_now() - since, 5000 * MS); /* a tenth of a second, and what a busy machine needs */
    for (int i = 0; i < WAITERS; i++) {
        CHECK_EQ(l4_ipc_send(waiters[i].id, SHORT, 1, 2, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(pthread_join(waiters[i].thread, NULL), 0);
    }
}
