/* thread: see thread.h. How threads come and go, handlers, interrupts and alerts. */
#include "fluke/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/fork.h"
#include "fluke/client.h"
#include "fluke/destination.h"
#include "fluke/object.h"
#include "fluke/port.h"
#include "fluke/server.h"

__thread struct fluke_thread *tpy_fluke_current __attribute__((tls_model("initial-exec"), visibility("hidden")));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fluke_thread *all; /* every record there ever was */

static void at_exit(struct tpy_thread *core)
{
    struct fluke_thread *thread = tpy_fluke_current;
    (void)core;
    if (!thread) return;
    atomic_store(&thread->alive, false);
    tpy_fluke_client_close(thread);
    tpy_fluke_server_close(thread);
    tpy_fluke_call_drop(thread);
    if (thread->client.destination) tpy_fluke_destination_release(thread->client.destination);
    if (thread->plain) tpy_fluke_destination_release(thread->plain);
    thread->client.destination = thread->plain = NULL;
    tpy_fluke_current = NULL;
    pthread_mutex_lock(&lock);
    thread->listed = false; /* free for the next thread */
    pthread_mutex_unlock(&lock);
}

void tpy_fluke_thread_forget(const struct tpy_fluke_destination *destination)
{
    struct fluke_thread *thread = tpy_fluke_current;
    if (!thread) return;
    if (thread->plain == destination) {
        tpy_fluke_destination_release(thread->plain);
        thread->plain = NULL;
    }
    if (thread->client.destination == destination && !thread->client.connection) {
        tpy_fluke_destination_release(thread->client.destination);
        thread->client.destination = NULL;
    }
}

/* Has a thread's blocking call, or its next one, look at what is pending. With one request on its way already there is no second. */
static void tell(struct fluke_thread *thread, unsigned what)
{
    if (atomic_fetch_or(&thread->pending, what) == 0) tpy_thread_cancel(thread->core);
}

/* A server alerts a client thread of ours. */
static void client_alerted(const struct tpy_identity *from, const void *payload, size_t length)
{
    struct tpy_fluke_alert alert;
    if (length != sizeof alert) return;
    memcpy(&alert, payload, sizeof alert);
    pthread_mutex_lock(&lock);
    struct tpy_thread *core = tpy_thread_by_number(alert.thread);
    struct fluke_thread *thread = all;
    while (thread && !(thread->listed && thread->core == core)) thread = thread->next;
    if (core && thread && atomic_load(&thread->client.role) != TPY_FLUKE_NONE && atomic_load(&thread->client.nonce) == alert.nonce &&
        atomic_load(&thread->client.link) == from->link)
        tell(thread, TPY_FLUKE_CLIENT_ALERT);
    pthread_mutex_unlock(&lock);
}

void tpy_fluke_server_alerted(void *face, struct tpy_exchange *exchange, void *client, const void *payload, size_t length)
{
    struct tpy_fluke_alert alert;
    (void)face, (void)client;
    if (length != sizeof alert) return;
    memcpy(&alert, payload, sizeof alert);
    pthread_mutex_lock(&lock);
    for (struct fluke_thread *thread = all; thread; thread = thread->next)
        /* The exchange last, since it is stored first: so all three are of one connection. */
        if (thread->listed && atomic_load(&thread->server.role) != TPY_FLUKE_NONE && atomic_load(&thread->server.nonce) == alert.nonce &&
            atomic_load(&thread->server.exchange) == exchange) {
            tell(thread, TPY_FLUKE_SERVER_ALERT);
            break;
        }
    pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    struct fluke_thread *own = tpy_fluke_current;
    pthread_mutex_init(&lock, NULL);
    for (struct fluke_thread *thread = all; thread; thread = thread->next) {
        thread->listed = thread == own;
        atomic_store(&thread->alive, thread == own);
        atomic_store(&thread->pending, 0);
        atomic_store(&thread->client.role, TPY_FLUKE_NONE);
        atomic_store(&thread->server.role, TPY_FLUKE_NONE);
        atomic_store(&thread->pset, NULL);
        thread->client.epoch++;
        thread->server.epoch++;
        thread->client.resume.params = thread->server.resume.params = NULL;
        thread->server.fd_count = 0;
        thread->call.exchange = NULL;
    }
    tpy_fluke_ports_forget();
    tpy_fluke_destinations_forget();
    tpy_fluke_objects_forget();
}

static void begin(void)
{
    tpy_at_fork_child(in_child);
    tpy_thread_at_exit(at_exit);
    tpy_on_deliver(TPY_FLUKE_FACE, client_alerted);
}

void tpy_fluke_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin);
    tpy_fault_arm();
}

struct fluke_thread *tpy_fluke_thread_begin(void)
{
    tpy_fluke_begin();
    struct tpy_thread *core = tpy_thread_self();
    if (!core) return NULL;
    pthread_mutex_lock(&lock);
    struct fluke_thread *thread = all;
    while (thread && thread->listed) thread = thread->next;
    if (!thread && (thread = calloc(1, sizeof *thread)) != NULL) {
        thread->next = all;
        all = thread;
    }
    if (thread) {
        thread->core = core;
        atomic_store(&thread->trap, NULL);
        atomic_store(&thread->interrupt, NULL);
        atomic_store(&thread->client_alert, NULL);
        atomic_store(&thread->server_alert, NULL);
        atomic_store(&thread->pending, 0);
        atomic_store(&thread->pset, NULL);
        thread->listed = true;
        thread->bound = false;
        atomic_store(&thread->alive, true);
    }
    pthread_mutex_unlock(&lock);
    tpy_fluke_current = thread;
    return thread;
}

void tpy_fluke_threads_leave(struct tpy_fluke_pset *pset)
{
    /* A thread that says that it waits has no fence between that and its look at the port set: this is one for both. */
    bool fenced = tpy_fence_threads();
    pthread_mutex_lock(&lock);
    for (struct fluke_thread *thread = all; thread; thread = thread->next) {
        struct tpy_fluke_pset *its = pset;
        if (thread->listed && atomic_compare_exchange_strong(&thread->pset, &its, NULL) && (!fenced || atomic_load(&thread->waiting)))
            tell(thread, TPY_FLUKE_PSET_GONE);
    }
    pthread_mutex_unlock(&lock);
}

fluke_error_t tpy_fluke_insane(fluke_error_t error)
{
    struct fluke_thread *thread = tpy_fluke_thread();
    void (*trap)(fluke_error_t) = thread ? atomic_load(&thread->trap) : NULL;
    if (trap) trap(error);
    return error;
}

bool tpy_fluke_interrupted(struct fluke_thread *thread)
{
    unsigned pending = atomic_exchange(&thread->pending, 0);
    /* Nothing of ours: whoever ended the call with tpy_thread_interrupt wants it to return. */
    bool go_on = pending != 0;
    const struct {
        unsigned what;
        void (*handler)(fluke_error_t);
    } known[] = {{TPY_FLUKE_INTERRUPT, atomic_load(&thread->interrupt)}, {TPY_FLUKE_CLIENT_ALERT, atomic_load(&thread->client_alert)},
        {TPY_FLUKE_SERVER_ALERT, atomic_load(&thread->server_alert)}};
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        if (!(pending & known[i].what)) continue;
        if (known[i].handler) known[i].handler(FLUKE_IPC_INTERRUPTED);
        else go_on = false;
    }
    return go_on;
}

fluke_thread_t *fluke_thread_self(void) { return tpy_fluke_thread(); }

int tpy_fluke_holds(void)
{
    const struct fluke_thread *thread = tpy_fluke_current;
    if (!thread) return 0;
    uint8_t client = atomic_load_explicit(&thread->client.role, memory_order_relaxed);
    uint8_t server = atomic_load_explicit(&thread->server.role, memory_order_relaxed);
    return (client == TPY_FLUKE_SENDER ? TPY_FLUKE_CLIENT_IS_SENDER : client == TPY_FLUKE_RECEIVER ? TPY_FLUKE_CLIENT_IS_RECEIVER : 0) |
           (server == TPY_FLUKE_SENDER ? TPY_FLUKE_SERVER_IS_SENDER : server == TPY_FLUKE_RECEIVER ? TPY_FLUKE_SERVER_IS_RECEIVER : 0) |
           (thread->call.exchange ? TPY_FLUKE_SERVER_IS_CALLED : 0);
}

/* A living thread of ours, found without looking into what the pointer points at. With the lock. */
static bool known(const fluke_thread_t *wanted)
{
    const struct fluke_thread *thread = all;
    while (thread && thread != wanted) thread = thread->next;
    return thread && atomic_load(&thread->alive);
}

fluke_error_t fluke_thread_interrupt(fluke_thread_t *thread)
{
    pthread_mutex_lock(&lock);
    bool there = known(thread);
    if (there) tell(thread, TPY_FLUKE_INTERRUPT);
    pthread_mutex_unlock(&lock);
    return there ? FLUKE_SUCCESS : tpy_fluke_insane(FLUKE_INSANITY_NO_OBJECT);
}

fluke_error_t fluke_thread_set_handlers(fluke_thread_t *thread, void (*trap)(fluke_error_t), void (*interrupt)(fluke_error_t),
    void (*client_alert)(fluke_error_t), void (*server_alert)(fluke_error_t))
{
    pthread_mutex_lock(&lock);
    bool there = known(thread);
    if (there) {
        atomic_store(&thread->trap, trap);
        atomic_store(&thread->interrupt, interrupt);
        atomic_store(&thread->client_alert, client_alert);
        atomic_store(&thread->server_alert, server_alert);
    }
    pthread_mutex_unlock(&lock);
    return there ? FLUKE_SUCCESS : tpy_fluke_insane(FLUKE_INSANITY_NO_OBJECT);
}
