/*
 * A client that its port refuses while one of its offers is accepted and its bytes are being copied. The copy is held up by the page it goes to: a
 * handler that is called for the fault waits, as long as a slow client could.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/errors.h"
#include "core/lane.h"

#define LARGE 100000

static struct tpy_connection *connection;
static struct sigaction before;
static _Atomic bool bound, armed, copying;

/* The end of the refusal is what the client hears of it. */
static void hold_up(int signal, siginfo_t *info, void *context)
{
    atomic_store(&copying, true);
    while (!atomic_load(&connection->refused)) sched_yield();
    before.sa_sigaction(signal, info, context);
}

static void *offer_once(void *result)
{
    static char message[LARGE];
    int error;
    CHECK(tpy_lane_get(tpy_thread_self(), connection, &error) != NULL); /* which puts the library's own handler in place */
    atomic_store(&bound, true);
    while (!atomic_load(&armed)) sched_yield();
    struct iovec send = {message, LARGE};
    struct tpy_offer offer = {.send = &send, .send_parts = 1, .deadline = tpy_now() + 2000 * MS, .strike = TPY_STRIKE_BOTH};
    *(int *)result = tpy_offer(connection, &offer);
    return NULL;
}

/* Once the copy is under way. The face of its clients is NULL. */
static void *refuse(void *port)
{
    while (!atomic_load(&copying)) sched_yield();
    tpy_port_refuse(port, NULL);
    return NULL;
}

/* A port, a client's thread that offers there, one that refuses it, and parts of which only the first is memory. */
static struct tpy_port *begin(pthread_t threads[2], int *result, struct iovec parts[2])
{
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    CHECK_OK(tpy_connection_open(getpid(), id, 0, 0, &connection));
    char *pages = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    CHECK_SYS(mprotect(pages + LARGE / 4096 * 4096, 4096, PROT_NONE));
    parts[0] = (struct iovec){pages, TPY_INLINE};
    parts[1] = (struct iovec){pages + LARGE / 4096 * 4096, LARGE - TPY_INLINE};
    struct sigaction action = {.sa_sigaction = hold_up, .sa_flags = SA_SIGINFO | SA_NODEFER};
    CHECK_EQ(pthread_create(&threads[0], NULL, offer_once, result), 0);
    CHECK_EQ(pthread_create(&threads[1], NULL, refuse, port), 0);
    while (!atomic_load(&bound)) sched_yield();
    CHECK_SYS(sigaction(SIGSEGV, &action, &before));
    atomic_store(&armed, true);
    return port;
}

static void end(struct tpy_port *port, pthread_t threads[2])
{
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_OK(tpy_port_destroy(port));
    tpy_connection_close(connection);
}

CASE(a_refusal_waits_for_no_transfer)
{
    pthread_t threads[2];
    struct iovec parts[2];
    struct tpy_receipt receipt;
    int result;
    struct tpy_port *port = begin(threads, &result, parts);
    CHECK_EQ(tpy_receive(port, NULL, parts, 1, 0, tpy_now() + 2000 * MS, &receipt), 0);
    CHECK_EQ(tpy_pull(receipt.exchange, receipt.sequence, 0, parts, 2), -TPY_ESRVRFAULT);
    CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, 0, NULL, 0), 0); /* it was accepted, so it goes on */
    end(port, threads);
    CHECK_EQ(result, 0);
}

CASE(an_offer_that_goes_back_to_the_queue_is_refused_too)
{
    pthread_t threads[2];
    struct iovec parts[2];
    struct tpy_receipt receipt;
    int result;
    struct tpy_port *port = begin(threads, &result, parts);
    CHECK_EQ(tpy_receive(port, NULL, parts, 2, 0, tpy_now() + 2000 * MS, &receipt), -EFAULT); /* our parts: it would stay queued */
    CHECK_EQ(tpy_receive(port, NULL, parts, 1, 0, 0, &receipt), -ETIMEDOUT);
    end(port, threads);
    CHECK_EQ(result, -ESRCH);
}
