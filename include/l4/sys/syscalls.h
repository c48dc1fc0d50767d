/*
 * l4/sys/syscalls.h: the L4 V2 system calls beside IPC, as far as they make sense on Linux: who am I, whom may I send to, and threads.
 *
 * Any thread may call. Functions that take a thread id by value have a twin tpy_l4_* that takes it as a number (l4/sys/ipc.h).
 *
 * Source: the manual pages l4_myself, l4_nchief and l4_thread_ex_regs of the L4 Reference Manual for version 2.0.
 */
#ifndef TPY_L4_SYS_SYSCALLS_H
#define TPY_L4_SYS_SYSCALLS_H

#include <l4/sys/consts.h>
#include <l4/sys/types.h>
#include <tetrapylon.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The calling thread's id. It is given at the thread's first call of any function of this interface, holds until the thread ends, and never
 * names another thread afterwards. L4_INVALID_ID: no id can be had (128 threads of this process have one, or there is no memory).
 */
TPY_PUBLIC l4_threadid_t l4_myself(void);

/*
 * Whom a message to dest goes to first. There are no chiefs on Linux: it goes to dest itself, *next_chief is dest, and the result is
 * L4_NC_SAME_CLAN. dest NIL: *next_chief is the caller's own id. next_chief may be NULL. Cannot fail.
 */
TPY_PUBLIC int l4_nchief(l4_threadid_t dest, l4_threadid_t *next_chief);

/*
 * Cancels a thread's IPC, or starts a thread.
 *
 * A thread of the caller's task that waits in an IPC gets L4_IPC_RECANCELED or L4_IPC_SECANCELED; one whose message is just being
 * transferred, and its partner, get L4_IPC_REABORTED and L4_IPC_SEABORTED. A thread that is not in an IPC goes on as if nothing
 * had happened. Linux does not let us set the registers of a running thread: eip and esp are then ignored.
 *
 * If destination has an lthread number that no thread of the caller's task has, a thread starts at eip with stack pointer esp (rounded down
 * to 16 bytes; the stack grows down from there and is the caller's). It has the id `destination` if that id was never used before; one
 * that was used gets a higher version. The function at eip gets no argument; the thread ends when it returns, or with pthread_exit. All
 * ones for eip or esp, or no memory for a thread: nothing starts.
 *
 * preempter and pager point to an id that is set for the thread (INVALID: keep); the old one is stored there. They are only kept, nobody
 * asks them. old_eflags, old_eip and old_esp get what the thread was started with (0 for threads that did not start here); all
 * five pointers may be NULL. A destination in another task is refused: *preempter and *pager become INVALID, nothing else happens.
 */
TPY_PUBLIC void l4_thread_ex_regs(l4_threadid_t destination, l4_umword_t eip, l4_umword_t esp, l4_threadid_t *preempter, l4_threadid_t *pager,
    l4_umword_t *old_eflags, l4_umword_t *old_eip, l4_umword_t *old_esp);

#ifdef __cplusplus
}
#endif

#endif
