/*
 * threads: l4_thread_ex_regs. Cancelling marks the call that the thread is in and wakes it; a thread that is in none, or in another one by
 * then, is left alone. Starting makes a Linux thread that calls the given function on the given stack.
 */
#define _GNU_SOURCE
#include <l4/sys/syscalls.h>
#include <l4/sys/ipc.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "l4/directory.h"
#include "l4/local.h"

/* Calls the function at ip with the stack pointer sp, and comes back on the old stack when it returns. */
void tpy_l4_call_on(uint64_t ip, uint64_t sp) __attribute__((visibility("hidden")));
#if defined(__x86_64__)
__asm__(".text\n.p2align 4\n.globl tpy_l4_call_on\n.hidden tpy_l4_call_on\n.type tpy_l4_call_on,@function\n"
        "tpy_l4_call_on:\n.cfi_startproc\n"
        "pushq %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp,-16\n"
        "movq %rsp,%rbp\n.cfi_def_cfa_register %rbp\n"
        "andq $-16,%rsi\n movq %rsi,%rsp\n xorl %eax,%eax\n call *%rdi\n"
        "movq %rbp,%rsp\n popq %rbp\n.cfi_def_cfa %rsp,8\n ret\n"
        ".cfi_endproc\n.size tpy_l4_call_on,.-tpy_l4_call_on\n.previous\n");
#elif defined(__aarch64__)
__asm__(".text\n.p2align 4\n.globl tpy_l4_call_on\n.hidden tpy_l4_call_on\n.type tpy_l4_call_on,%function\n"
        "tpy_l4_call_on:\n.cfi_startproc\n"
        "stp x29,x30,[sp,#-16]!\n.cfi_def_cfa_offset 16\n.cfi_offset x29,-16\n.cfi_offset x30,-8\n"
        "mov x29,sp\n.cfi_def_cfa_register x29\n"
        "and x1,x1,#-16\n mov sp,x1\n blr x0\n"
        "mov sp,x29\n.cfi_def_cfa_register sp\n ldp x29,x30,[sp],#16\n.cfi_def_cfa_offset 0\n ret\n"
        ".cfi_endproc\n.size tpy_l4_call_on,.-tpy_l4_call_on\n.previous\n");
#endif

struct start {
    struct tpy_l4_local *local;
    unsigned version;
    pthread_mutex_t lock;
    pthread_cond_t begun;
    int state; /* 0 not yet, 1 it has its id, -1 it has none */
};

static void *run(void *argument)
{
    struct start *start = argument;
    uint64_t ip = start->local->start_ip, sp = start->local->start_sp;
    int result = tpy_l4_adopt(start->local, start->version);
    pthread_mutex_lock(&start->lock);
    start->state = result == 0 ? 1 : -1;
    pthread_cond_signal(&start->begun);
    pthread_mutex_unlock(&start->lock); /* `start` is gone from here on */
    if (result == 0) tpy_l4_call_on(ip, sp);
    return NULL;
}

/* Starts a thread for a record reserved by us; returns when it has its id, so that messages reach it from now on. */
static void start_thread(struct tpy_l4_local *local, unsigned version)
{
    struct start start = {.local = local, .version = version, .lock = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, run, &start) == 0) {
        pthread_mutex_lock(&start.lock);
        while (start.state == 0) pthread_cond_wait(&start.begun, &start.lock);
        pthread_mutex_unlock(&start.lock);
    } else {
        tpy_l4_locals_lock();
        local->reserved = false;
        tpy_l4_locals_unlock();
    }
    pthread_attr_destroy(&attributes);
}

static void cancel(struct tpy_l4_local *local, uint64_t id)
{
    tpy_lock_take(&local->cancel_lock);
    uint64_t call = atomic_load(&local->calls);
    if ((call & 1) && atomic_load(&local->id) == id) {
        atomic_store(&local->cancelled_call, call);
        /* Still in the same call? Else the mark is old, and the next call forgets it. */
        if (atomic_load(&local->calls) == call) tpy_thread_cancel(local->thread);
    }
    tpy_lock_give(&local->cancel_lock);
}

static void exchange_ids(struct tpy_l4_local *local, uint64_t *ids)
{
    if (!ids) return;
    _Atomic uint64_t *own[] = {&local->preempter, &local->pager};
    for (int i = 0; i < 2; i++) {
        uint64_t wanted = ids[i];
        ids[i] = atomic_load(own[i]);
        if (wanted != ~(uint64_t)0) atomic_store(own[i], wanted);
    }
}

void tpy_l4_thread_ex_regs(uint64_t destination, uint64_t ip, uint64_t sp, uint64_t ids[2], uint64_t old[3])
{
    unsigned version = 0;
    bool starts = false, ours = tpy_l4_self() != NULL && tpy_l4_id_task(destination) == tpy_l4_own_task() &&
                                tpy_l4_id_site(destination) == tpy_l4_own_site();
    struct tpy_l4_local *local = tpy_l4_local_of(tpy_l4_id_lthread(destination));
    if (!ours) {
        if (ids) ids[0] = ids[1] = ~(uint64_t)0;
        if (old) old[0] = old[1] = old[2] = ~(uint64_t)0;
        return;
    }
    tpy_l4_locals_lock();
    uint64_t id = atomic_load(&local->id);
    if (id == destination) { /* lives, and stays while we hold the lock */
        cancel(local, id);
        exchange_ids(local, ids);
        if (old) old[0] = 0, old[1] = local->start_ip, old[2] = local->start_sp;
    } else if (id != 0 || local->reserved) { /* an old id of a number that is taken: that thread is gone */
        if (ids) ids[0] = ids[1] = ~(uint64_t)0;
        if (old) old[0] = old[1] = old[2] = ~(uint64_t)0;
    } else {
        if (old) old[0] = old[1] = old[2] = 0;
        atomic_store(&local->preempter, 0);
        atomic_store(&local->pager, 0);
        exchange_ids(local, ids);
        version = tpy_l4_directory_version(tpy_l4_id_lthread(destination), tpy_l4_id_version(destination));
        starts = version != 0 && ip != ~(uint64_t)0 && sp != ~(uint64_t)0;
        if (starts) {
            local->reserved = true;
            local->start_ip = ip;
            local->start_sp = sp;
        }
    }
    tpy_l4_locals_unlock();
    if (starts) start_thread(local, version);
}

void l4_thread_ex_regs(l4_threadid_t destination, l4_umword_t eip, l4_umword_t esp, l4_threadid_t *preempter, l4_threadid_t *pager,
    l4_umword_t *old_eflags, l4_umword_t *old_eip, l4_umword_t *old_esp)
{
    uint64_t ids[2] = {preempter ? preempter->raw : ~(uint64_t)0, pager ? pager->raw : ~(uint64_t)0}, old[3];
    tpy_l4_thread_ex_regs(destination.raw, eip, esp, ids, old);
    if (preempter) preempter->raw = ids[0];
    if (pager) pager->raw = ids[1];
    if (old_eflags) *old_eflags = old[0];
    if (old_eip) *old_eip = old[1];
    if (old_esp) *old_esp = old[2];
}
