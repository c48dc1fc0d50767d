/*
 * l4/sys/types.h: the types of L4 V2 IPC: thread ids, timeouts, message dopes, flexpages, message buffers.
 *
 * Layouts are those of the classic V2 ABI with machine words of 64 bits (a thread id is 8 bytes, a timeout 4). Each type is a union: the
 * classic members, and the whole as a number (`raw`, and the classic name of it). The bit-fields run from the low end.
 *
 * Source: the L4 Reference Manual for version 2.0, and the manual page of l4_ipc_reply_and_wait.
 */
#ifndef TPY_L4_SYS_TYPES_H
#define TPY_L4_SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <tetrapylon.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint8_t l4_uint8_t;
typedef int8_t l4_int8_t;
typedef uint16_t l4_uint16_t;
typedef int16_t l4_int16_t;
typedef uint32_t l4_uint32_t;
typedef int32_t l4_int32_t;
typedef uint64_t l4_uint64_t;
typedef int64_t l4_int64_t;
typedef unsigned long l4_umword_t; /* the machine word */
typedef long l4_mword_t;
typedef unsigned long l4_addr_t;
typedef uint64_t l4_cpu_time_t;

/* ---- Thread ids -------------------------------------------------------------------------------------------------------------- */

/* A thread's name on this machine. Every process is a task, every thread that calls in has an lthread (0 to 127) in it. */
struct l4_threadid_bits {
    unsigned version_low : 10;
    unsigned lthread : 7;
    unsigned task : 11;
    unsigned version_high : 4;
    unsigned site : 17; /* the user's number: tasks are counted for each user */
    unsigned chief : 11; /* 0: there are no chiefs on Linux */
    unsigned nest : 4;   /* 0 */
};
typedef struct l4_threadid_bits l4_threadid_struct_t;

struct l4_low_high {
    l4_uint32_t low, high;
};
typedef struct l4_low_high l4_low_high_t;

union l4_threadid {
    l4_uint64_t raw;
    struct l4_low_high lh;
    struct l4_threadid_bits id;
};
typedef union l4_threadid l4_threadid_t;

/* The numbers alone, for languages without compound literals. */
#define L4_NIL_ID_RAW 0L
#define L4_INVALID_ID_RAW (-1L)

#define L4_NIL_ID ((l4_threadid_t){.raw = 0})
#define L4_INVALID_ID ((l4_threadid_t){.raw = ~(l4_uint64_t)0})
#define L4_NIL_ID_INIT {0}
#define L4_INVALID_ID_INIT {~(l4_uint64_t)0}

/* 1: the same thread (all 64 bits), else 0. */
TPY_PUBLIC int l4_thread_equal(l4_threadid_t one, l4_threadid_t other);
/* 1: threads of the same task. */
TPY_PUBLIC int l4_task_equal(l4_threadid_t one, l4_threadid_t other);
TPY_PUBLIC int l4_is_nil_id(l4_threadid_t id);
TPY_PUBLIC int l4_is_invalid_id(l4_threadid_t id);

/* ---- Timeouts ---------------------------------------------------------------------------------------------------------------- */

/*
 * The quadruple (send, receive, send page fault, receive page fault). Send and receive time: man * 4^(15 - exp) us; exp 0: never; man 0
 * with exp > 0: zero. Page-fault time: 4^(15 - p) us; p 0: never, p 15: zero.
 */
struct l4_timeout_bits {
    unsigned rcv_exp : 4;
    unsigned snd_exp : 4;
    unsigned rcv_pfault : 4;
    unsigned snd_pfault : 4;
    unsigned snd_man : 8;
    unsigned rcv_man : 8;
};
typedef struct l4_timeout_bits l4_timeout_struct_t;

union l4_timeout_union {
    l4_uint32_t raw;
    l4_uint32_t timeout;
    struct l4_timeout_bits to;
};
typedef union l4_timeout_union l4_timeout_t;

/* ---- Message dopes ----------------------------------------------------------------------------------------------------------- */

struct l4_msgdope_bits {
    unsigned msg_deceited : 1;   /* never set: there are no chiefs */
    unsigned fpage_received : 1; /* a flexpage was received */
    unsigned msg_redirected : 1; /* never set */
    unsigned src_inside : 1;     /* never set */
    unsigned snd_error : 1;      /* the error happened while sending */
    unsigned error_code : 3;
    unsigned strings : 5;        /* strings received whole, or in a message */
    unsigned dwords : 19;        /* words received, the first two included, or in a message */
};
typedef struct l4_msgdope_bits l4_msgdope_struct_t;

/* As wide as a machine word; the upper half is zero. */
union l4_msgdope {
    l4_umword_t raw;
    l4_umword_t msgdope;
    struct l4_msgdope_bits md;
};
typedef union l4_msgdope l4_msgdope_t;

/* ---- Flexpages --------------------------------------------------------------------------------------------------------------- */

struct l4_fpage_bits {
    l4_umword_t grant : 1;
    l4_umword_t write : 1;
    l4_umword_t size : 7; /* log2 of the bytes, 12 and up; 64: the whole address space */
    l4_umword_t cache : 3;
    l4_umword_t page : 52; /* address / 4096 */
};
typedef struct l4_fpage_bits l4_fpage_struct_t;

union l4_fpage_union {
    l4_umword_t raw;
    l4_umword_t fpage;
    struct l4_fpage_bits fp;
};
typedef union l4_fpage_union l4_fpage_t;

/* A flexpage on its way: where in the larger of the two windows it goes, and the sender's pages. Two words of a message. */
struct l4_snd_fpage {
    l4_umword_t snd_base;
    union l4_fpage_union fpage;
};
typedef struct l4_snd_fpage l4_snd_fpage_t;

/* ---- Message buffers --------------------------------------------------------------------------------------------------------- */

/* An indirect string: what is sent, and where a received one goes. Sizes in bytes, at most L4_STRING_MAX. */
struct l4_strdope {
    l4_umword_t snd_size;
    l4_umword_t snd_str;
    l4_umword_t rcv_size;
    l4_umword_t rcv_str;
};
typedef struct l4_strdope l4_strdope_t;

#define L4_STRING_MAX 4194304 /* 4 MiB: longer ones are cut */

/*
 * The head of a message buffer. size_dope.dwords words follow, then size_dope.strings string dopes. The first two words travel as
 * arguments: words 0 and 1 of the buffer are neither read nor written. A program declares a struct of its own with these three first.
 */
struct l4_msghdr {
    union l4_fpage_union fpage;       /* receive window for flexpages; 0: none */
    union l4_msgdope size_dope; /* room: words and strings */
    union l4_msgdope send_dope; /* of these, what is sent */
};
typedef struct l4_msghdr l4_msghdr_t;

#ifdef __cplusplus
}
#endif

#endif
