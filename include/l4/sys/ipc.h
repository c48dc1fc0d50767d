/*
 * l4/sys/ipc.h: L4 V2 IPC: synchronous, unbuffered messages between threads of one or several processes.
 *
 * A message goes from a thread to a thread, and only when both are ready. A call is a send and a receive from the same partner with
 * nothing in between: whoever was called can answer with send timeout zero. Every call returns dope & 0xF0 (0: success, else one of the
 * L4_IPC_E... values of l4/sys/consts.h), and stores the whole dope in *result.
 *
 * Send descriptor: L4_IPC_NIL_DESCRIPTOR nothing is sent; L4_IPC_SHORT_MSG the two words; L4_IPC_SHORT_FPAGE the two words are a send
 * flexpage; else the address of a message buffer (struct l4_msghdr), with bit 1 set if its words begin with send flexpages.
 * Receive descriptor: L4_IPC_NIL_DESCRIPTOR nothing is received; L4_IPC_SHORT_MSG two words; L4_IPC_MAPMSG(address, size) two words, and a
 * flexpage into that window; else the address of a message buffer. Bit 0 set waits for any sender, whatever the function.
 *
 * The words and *src are written only when a message was received (or cut). *result and the words may be NULL. A page of a
 * string or a buffer that does not exist counts as a page fault that nobody resolves in time, so bad addresses give L4_IPC_RESNDPFTO and
 * its like, not a crash. Times count CLOCK_MONOTONIC; signals do not end an IPC; tpy_thread_interrupt does, as l4_thread_ex_regs. Any thread
 * may call; after fork the child is a new task.
 *
 * Source: the manual pages l4_ipc_* of the L4 Reference Manual for version 2.0; the names of 2004 and later from L4Env.
 */
#ifndef TPY_L4_SYS_IPC_H
#define TPY_L4_SYS_IPC_H

#include <l4/sys/consts.h>
#include <l4/sys/syscalls.h>
#include <l4/sys/types.h>
#include <tetrapylon.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Descriptors ------------------------------------------------------------------------------------------------------------- */

#define L4_IPC_NIL_DESCRIPTOR ((void *)-1L)
#define L4_IPC_SHORT_MSG ((void *)0)
#define L4_IPC_SHORT_FPAGE ((void *)2)
#define L4_IPC_DECEIT 1
#define L4_IPC_OPEN_IPC 1
/* A receive descriptor: the window of 2^size bytes at address. */
#define L4_IPC_MAPMSG(address, size)                                                                                                     \
    ((void *)(l4_umword_t)(((l4_umword_t)(address) & L4_PAGEMASK) | ((l4_umword_t)(size) << 2) | (l4_umword_t)L4_IPC_SHORT_FPAGE))

#define L4_IPC_DWORD_SHIFT 13
#define L4_IPC_STRING_SHIFT 8
#define L4_IPC_DOPE(dwords_, strings_) ((l4_msgdope_t){.msgdope = (l4_umword_t)(dwords_) << 13 | (l4_umword_t)(strings_) << 8})
#define L4_IPC_ERROR(dope) ((dope).msgdope & L4_IPC_ERROR_MASK)
#define L4_IPC_IS_ERROR(dope) (L4_IPC_ERROR(dope) != 0)
#define L4_IPC_MSG_DECEITED(dope) ((dope).msgdope & L4_IPC_DECEIT_MASK)
#define L4_IPC_MSG_REDIRECTED(dope) ((dope).msgdope & L4_IPC_REDIRECT_MASK)
#define L4_IPC_SRC_INSIDE(dope) ((dope).msgdope & L4_IPC_SRC_MASK)
#define L4_IPC_SND_ERROR(dope) ((dope).msgdope & L4_IPC_SND_ERR_MASK)

/* ---- Timeouts ---------------------------------------------------------------------------------------------------------------- */

#define L4_IPC_TIMEOUT_WORD(sm, se, rm, re, sp, rp)                                                                                      \
    ((l4_uint32_t)((re) & 15) | (l4_uint32_t)((se) & 15) << 4 | (l4_uint32_t)((rp) & 15) << 8 | (l4_uint32_t)((sp) & 15) << 12 |         \
     (l4_uint32_t)((sm) & 255) << 16 | (l4_uint32_t)((rm) & 255) << 24)
#define L4_IPC_TIMEOUT(sm, se, rm, re, sp, rp) ((l4_timeout_t){.timeout = L4_IPC_TIMEOUT_WORD(sm, se, rm, re, sp, rp)})
#define L4_IPC_NEVER ((l4_timeout_t){.timeout = 0})
#define L4_IPC_NEVER_INITIALIZER {0}

/* One time by itself, as later L4Env had it: exp | man << 4, in the classic encoding. */
struct l4_timeout_single {
    l4_uint16_t t;
};
typedef struct l4_timeout_single l4_timeout_s;

#define L4_IPC_TIMEOUT_NEVER ((l4_timeout_s){0})
#define L4_IPC_TIMEOUT_0 ((l4_timeout_s){1})
#define L4_IPC_SEND_TIMEOUT_0 L4_IPC_TIMEOUT(0, 1, 0, 0, 0, 0)
#define L4_IPC_RECV_TIMEOUT_0 L4_IPC_TIMEOUT(0, 0, 0, 1, 0, 0)
#define L4_IPC_BOTH_TIMEOUT_0 L4_IPC_TIMEOUT(0, 1, 0, 1, 0, 0)

/*
 * Times of man * 2^exp microseconds, rounded up to the next classic time; man 0: zero; beyond the classic range (19 hours): never. The
 * page-fault times of the result are never.
 */
TPY_PUBLIC l4_timeout_s l4_timeout_rel(unsigned man, unsigned exp);
TPY_PUBLIC l4_timeout_t l4_timeout(l4_timeout_s send, l4_timeout_s receive);
TPY_PUBLIC l4_timeout_t l4_ipc_timeout(unsigned snd_man, unsigned snd_exp, unsigned rcv_man, unsigned rcv_exp);

/* ---- Flexpages --------------------------------------------------------------------------------------------------------------- */

/* The flexpage of 2^size bytes at address; write L4_FPAGE_RO or L4_FPAGE_RW, grant L4_FPAGE_MAP or L4_FPAGE_GRANT. */
TPY_PUBLIC l4_fpage_t l4_fpage(l4_umword_t address, unsigned size, unsigned char write, unsigned char grant);
TPY_PUBLIC int l4_ipc_fpage_received(l4_msgdope_t dope);
TPY_PUBLIC int l4_ipc_is_fpage_granted(l4_fpage_t fpage);
TPY_PUBLIC int l4_ipc_is_fpage_writable(l4_fpage_t fpage);

/* ---- The calls --------------------------------------------------------------------------------------------------------------- */

/* Sends to dest and receives its answer. A failed send skips the receive. */
TPY_PUBLIC int l4_ipc_call(l4_threadid_t dest, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1, void *rcv_msg,
    l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout, l4_msgdope_t *result);

/* Sends to dest and waits for a message of any thread: the loop of a server. A failed send skips the wait. */
TPY_PUBLIC int l4_ipc_reply_and_wait(l4_threadid_t dest, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1,
    l4_threadid_t *src, void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout, l4_msgdope_t *result);

/* Sends to dest. Returns when dest has the message, and with both counts of *result zero. */
TPY_PUBLIC int l4_ipc_send(l4_threadid_t dest, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1, l4_timeout_t timeout,
    l4_msgdope_t *result);

/* Receives from src alone; others stay queued. src NIL: nobody, so it sleeps for the receive time. */
TPY_PUBLIC int l4_ipc_receive(l4_threadid_t src, void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout,
    l4_msgdope_t *result);

/* Receives from any thread: the one with the highest priority, then the one that has waited longest. */
TPY_PUBLIC int l4_ipc_wait(l4_threadid_t *src, void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout,
    l4_msgdope_t *result);

/* Sleeps for the receive time: L4_IPC_RETIMEOUT, or L4_IPC_RECANCELED. */
TPY_PUBLIC int l4_ipc_sleep(l4_timeout_t timeout);

/* Where a deceiting message goes, and whom it is said to come from. */
struct l4_ipc_deceit_ids {
    l4_threadid_t dest, true_src;
};
typedef struct l4_ipc_deceit_ids l4_ipc_deceit_ids_t;

/* A chief may send in another's name. There are no chiefs on Linux, so these send in the caller's own name, as l4_ipc_send and
 * l4_ipc_reply_and_wait do: that is what L4 does with a deceit that is not legal. */
TPY_PUBLIC int l4_ipc_send_deceiting(l4_ipc_deceit_ids_t ids, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1,
    l4_timeout_t timeout, l4_msgdope_t *result);
TPY_PUBLIC int l4_ipc_reply_deceiting_and_wait(const l4_ipc_deceit_ids_t ids, const void *snd_msg, l4_umword_t snd_dword0,
    l4_umword_t snd_dword1, l4_threadid_t *src, void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout,
    l4_msgdope_t *result);

/* ---- The same with numbers for the unions (Tetrapylon's own, for languages that cannot pass them) ------------------------------ */

struct tpy_l4_result {
    uint64_t dope;
    uint64_t word[2]; /* valid when a message was received, also a cut one */
    uint64_t source;  /* its sender */
};

/* Ids, timeouts and dopes are the `raw` of their unions. Each returns dope & 0xF0. `result` must not be NULL. */
TPY_PUBLIC int tpy_l4_call(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout,
    struct tpy_l4_result *result);
TPY_PUBLIC int tpy_l4_reply_and_wait(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout,
    struct tpy_l4_result *result);
TPY_PUBLIC int tpy_l4_send(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, uint32_t timeout, struct tpy_l4_result *result);
TPY_PUBLIC int tpy_l4_receive(uint64_t source, void *receive, uint32_t timeout, struct tpy_l4_result *result);
TPY_PUBLIC int tpy_l4_wait(void *receive, uint32_t timeout, struct tpy_l4_result *result);
/* Those with all addresses as numbers, since pointers cost some languages more; the first two also with L4_IPC_SHORT_MSG on either side. They do
 * nothing and return TPY_L4_UNBOUND in a thread that has not called tpy_l4_bind, which is how a binding hears of a thread. */
#define TPY_L4_UNBOUND (-1)
TPY_PUBLIC int tpy_l4_call_at(uint64_t dest, uint64_t send, uint64_t word0, uint64_t word1, uint64_t receive, uint32_t timeout, uint64_t result);
TPY_PUBLIC int tpy_l4_reply_and_wait_at(uint64_t dest, uint64_t send, uint64_t word0, uint64_t word1, uint64_t receive, uint32_t timeout,
    uint64_t result);
TPY_PUBLIC int tpy_l4_send_at(uint64_t dest, uint64_t send, uint64_t word0, uint64_t word1, uint32_t timeout, uint64_t result);
TPY_PUBLIC int tpy_l4_receive_at(uint64_t source, uint64_t receive, uint32_t timeout, uint64_t result);
TPY_PUBLIC int tpy_l4_wait_at(uint64_t receive, uint32_t timeout, uint64_t result);
TPY_PUBLIC int tpy_l4_call_short(uint64_t dest, uint64_t word0, uint64_t word1, uint32_t timeout, uint64_t result);
TPY_PUBLIC int tpy_l4_reply_and_wait_short(uint64_t dest, uint64_t word0, uint64_t word1, uint32_t timeout, uint64_t result);
TPY_PUBLIC int tpy_l4_bind(void); /* 0, or -EAGAIN (too many threads) */
TPY_PUBLIC int tpy_l4_sleep(uint32_t timeout);
TPY_PUBLIC int tpy_l4_send_deceiting(uint64_t dest, uint64_t true_source, const void *send, uint64_t word0, uint64_t word1, uint32_t timeout,
    struct tpy_l4_result *result);
TPY_PUBLIC int tpy_l4_reply_deceiting_and_wait(uint64_t dest, uint64_t true_source, const void *send, uint64_t word0, uint64_t word1,
    void *receive, uint32_t timeout, struct tpy_l4_result *result);
TPY_PUBLIC uint64_t tpy_l4_myself(void);
TPY_PUBLIC int tpy_l4_nchief(uint64_t dest, uint64_t *next_chief);
/* ids: preempter and pager, in and out. old: flags, ip and sp, out. Either may be NULL. */
TPY_PUBLIC void tpy_l4_thread_ex_regs(uint64_t destination, uint64_t ip, uint64_t sp, uint64_t ids[2], uint64_t old[3]);
TPY_PUBLIC uint64_t tpy_l4_fpage(uint64_t address, unsigned size, int write, int grant);
TPY_PUBLIC uint32_t tpy_l4_timeout(unsigned snd_man, unsigned snd_exp, unsigned rcv_man, unsigned rcv_exp, unsigned snd_pfault,
    unsigned rcv_pfault);
/* The timeout word nearest to these times in nanoseconds, rounded up; negative: never. */
TPY_PUBLIC uint32_t tpy_l4_timeout_ns(int64_t send, int64_t receive);
TPY_PUBLIC int tpy_l4_names_query(const char *name, uint64_t *id);
TPY_PUBLIC int tpy_l4_names_waitfor(const char *name, uint64_t *id, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
