/* local: see local.h. A thread gets its number, port and place in the directory at its first call, and loses them at its exit. */
#include "l4/local.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/fork.h"
#include "l4/directory.h"
#include "l4/names.h"
#include "l4/partner.h"
#include "l4/wire.h"

__thread struct tpy_l4_local *tpy_l4_current __attribute__((tls_model("initial-exec"), visibility("hidden")));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpy_l4_local locals[TPY_L4_LTHREADS];

void tpy_l4_locals_lock(void) { pthread_mutex_lock(&lock); }
void tpy_l4_locals_unlock(void) { pthread_mutex_unlock(&lock); }
struct tpy_l4_local *tpy_l4_local_of(unsigned lthread) { return &locals[lthread % TPY_L4_LTHREADS]; }

/* Admits the same user's tasks, if it is this thread that they mean. The record kept of a client is its site and task, in the pointer. */
static int attach(void *face, const struct tpy_identity *who, uint32_t tag, uint64_t cookie, void **client, uint64_t *reply)
{
    struct tpy_l4_local *local = face;
    unsigned task = (unsigned)cookie & 2047, site = (unsigned)(cookie >> 11) & 0x1ffff;
    (void)reply;
    if (tag != TPY_L4_TAG) return -ESRCH;
    uint64_t id = atomic_load(&local->id);
    if (id == 0 || (uint32_t)id != (uint32_t)(cookie >> 32)) return -ESRCH;
    if (who->uid != geteuid()) return -EPERM;
    if (tpy_l4_directory_is_task(site, task, who->pid) != 0) return -EPERM;
    *client = (void *)(uintptr_t)(tpy_l4_id_make(site, task, 0, 0));
    return 0;
}

static const struct tpy_port_ops port_ops = {.attach = attach};

static void at_exit(struct tpy_thread *thread)
{
    struct tpy_l4_local *local = tpy_l4_current;
    if (!local || local->thread != thread) return;
    uint64_t id = atomic_load(&local->id);
    tpy_l4_directory_leave(tpy_l4_id_lthread(id));
    tpy_l4_names_thread_ended(id);
    pthread_mutex_lock(&lock);
    atomic_store(&local->id, 0);
    struct tpy_port *port = local->port;
    local->port = NULL;
    local->thread = NULL;
    tpy_l4_callers_end(&local->callers);
    pthread_mutex_unlock(&lock);
    tpy_l4_current = NULL;
    tpy_port_destroy(port);
}

static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    memset(locals, 0, sizeof locals);
    tpy_l4_current = NULL;
    tpy_l4_partners_forget();
    tpy_l4_names_forget();
}

static void begin(void)
{
    tpy_at_fork_child(in_child);
    tpy_thread_at_exit(at_exit);
}

/* With the lock: the record becomes the calling thread's. */
static int open_local(struct tpy_l4_local *local, struct tpy_thread *thread, unsigned version)
{
    unsigned lthread = (unsigned)(local - locals);
    if (version == 0) version = tpy_l4_directory_version(lthread, 0);
    if (version == 0) return -EAGAIN;
    int result = tpy_port_create(&port_ops, local, TPY_L4_PORT_FLAGS, &local->port, &local->port_id);
    if (result != 0) return result;
    local->thread = thread;
    local->waits = tpy_port_waits(local->port);
    local->bound = false;
    uint64_t id = tpy_l4_id_make(tpy_l4_own_site(), tpy_l4_own_task(), lthread, version);
    local->tag = tpy_l4_tag_of(id);
    atomic_store(&local->cancelled_call, 0);
    memset(local->cached, 0, sizeof local->cached);
    tpy_l4_callers_begin(&local->callers);
    atomic_store(&local->id, id);
    tpy_l4_directory_enter(lthread, version, local->port_id, tpy_thread_number(thread));
    return 0;
}

int tpy_l4_adopt(struct tpy_l4_local *local, uint32_t version)
{
    struct tpy_thread *thread = tpy_thread_self();
    int result = thread ? 0 : -ENOMEM;
    pthread_mutex_lock(&lock);
    if (result == 0) result = open_local(local, thread, version);
    local->reserved = false;
    if (result == 0) tpy_l4_current = local;
    pthread_mutex_unlock(&lock);
    return result;
}

struct tpy_l4_local *tpy_l4_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin);
    tpy_fault_arm();
    struct tpy_thread *thread = tpy_thread_self();
    if (!thread || tpy_l4_directory_begin() != 0) return NULL;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < TPY_L4_LTHREADS && !tpy_l4_current; i++) {
        struct tpy_l4_local *local = &locals[i];
        if (atomic_load(&local->id) != 0 || local->reserved) continue;
        local->start_ip = local->start_sp = 0;
        atomic_store(&local->preempter, 0);
        atomic_store(&local->pager, 0);
        int result = open_local(local, thread, 0);
        if (result == 0) tpy_l4_current = local;
        else if (result != -EAGAIN) break;
    }
    pthread_mutex_unlock(&lock);
    return tpy_l4_current;
}

void tpy_l4_settle(struct tpy_l4_local *local)
{
    tpy_lock_take(&local->cancel_lock);
    uint64_t meant = atomic_load(&local->cancelled_call);
    if (meant != 0 && meant != atomic_load(&local->calls)) {
        atomic_store(&local->cancelled_call, 0);
        tpy_thread_uncancel(local->thread);
    }
    tpy_lock_give(&local->cancel_lock);
}

bool tpy_l4_was_cancelled(struct tpy_l4_local *local)
{
    tpy_lock_take(&local->cancel_lock);
    uint64_t meant = atomic_load(&local->cancelled_call);
    /* If l4_thread_ex_regs meant no call at all, it was tpy_thread_interrupt, which ends whatever call there is. */
    bool ends = meant == 0 || meant == atomic_load(&local->calls);
    atomic_store(&local->cancelled_call, 0);
    if (ends) tpy_thread_uncancel(local->thread); /* a second one of this call must not end the next */
    tpy_lock_give(&local->cancel_lock);
    return ends;
}
