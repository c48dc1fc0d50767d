/*
 * sys/siginfo.h: events. An event says how a process wants to be notified: it is filled in by the one who waits,
 * carried about in messages, and delivered by MsgDeliverEvent, by a timer or by a timeout.
 *
 * struct sigevent is the C library's own, so that it can go to the C library's functions too; what QNX has beside it
 * stands in its spare room. SIGEV_NONE, SIGEV_SIGNAL and SIGEV_THREAD keep the C library's numbers.
 *
 * union sigval has sival_long where the first header of ours comes before the C library's <signal.h>; else only
 * sival_int and sival_ptr, which suffice for every function here.
 *
 * Follows: QNX Neutrino C Library Reference, sigevent.
 */
#ifndef TPY_SYS_SIGINFO_H
#define TPY_SYS_SIGINFO_H

#include <features.h>
#ifndef __USE_POSIX199309
#error "this header needs POSIX: compile with -std=gnu11 (or another gnu standard), or with -D_POSIX_C_SOURCE=200809L"
#endif

#include <stdint.h>

#ifndef ____sigval_t_defined
#define ____sigval_t_defined 1
union sigval {
    int sival_int;
    void *sival_ptr;
    long sival_long;
};
typedef union sigval __sigval_t;
#endif

#include <signal.h>

/* Kinds of events, the low byte of sigev_notify. */
/*
 * A signal with code and value. Linux takes negative codes only, as si_code; for others, and SI_TKILL, si_code is
 * SI_QUEUE; from a timer it is SI_TIMER.
 */
#define SIGEV_SIGNAL_CODE 0x10
#define SIGEV_SIGNAL_THREAD 0x11 /* the same, to the thread that sent the message */
#define SIGEV_PULSE 0x12         /* a pulse on the connection sigev_coid */
#define SIGEV_UNBLOCK 0x13       /* end the blocked call (TimerTimeout only) */
#define SIGEV_INTR 0x14          /* end InterruptWait: not supported, EINVAL */
#define SIGEV_MEMORY 0x15        /* change a memory location: not supported, EINVAL */
#define SIGEV_TYPE_MASK 0xff

/* Flags in sigev_notify. */
#define SIGEV_FLAG_CRITICAL 0x100       /* accepted, without effect */
#define SIGEV_FLAG_UPDATEABLE 0x400     /* the server may change the value of a registered event */
#define SIGEV_FLAG_SIVAL_INT 0x800      /* sigev_value holds sival_int */
#define SIGEV_FLAG_HANDLE 0x2000        /* the event is a handle made by MsgRegisterEvent */
#define SIGEV_FLAG_CODE_UPDATEABLE 0x4000 /* the server may change the code of a registered pulse */

/* A pulse at the priority of the thread that delivers it. */
#define SIGEV_PULSE_PRIO_INHERIT (-1)

/* QNX's members of struct sigevent. */
#define sigev_coid sigev_signo
#define sigev_code _sigev_un._pad[0]
#define sigev_priority _sigev_un._pad[1]
#define sigev_handle _sigev_un._pad[2]

#define SIGEV_GET_TYPE(event) ((event)->sigev_notify & SIGEV_TYPE_MASK)
#define SIGEV_MAKE_UPDATEABLE(event) ((void)((event)->sigev_notify |= SIGEV_FLAG_UPDATEABLE))
#define SIGEV_CLEAR_UPDATEABLE(event) ((void)((event)->sigev_notify &= ~SIGEV_FLAG_UPDATEABLE))

#define SIGEV_NONE_INIT(event) ((event)->sigev_notify = SIGEV_NONE)
#define SIGEV_UNBLOCK_INIT(event) ((event)->sigev_notify = SIGEV_UNBLOCK)
#define SIGEV_SIGNAL_INIT(event, signo) \
    ((event)->sigev_notify = SIGEV_SIGNAL, (event)->sigev_signo = (signo), (event)->sigev_value.sival_ptr = 0)
#define SIGEV_SIGNAL_VALUE_INIT(event, signo, value) \
    ((event)->sigev_notify = SIGEV_SIGNAL, (event)->sigev_signo = (signo), \
     (event)->sigev_value.sival_ptr = (void *)(uintptr_t)(value))
#define SIGEV_SIGNAL_CODE_INIT(event, signo, value, code) \
    ((event)->sigev_notify = SIGEV_SIGNAL_CODE, (event)->sigev_signo = (signo), \
     (event)->sigev_value.sival_ptr = (void *)(uintptr_t)(value), (event)->sigev_code = (code))
#define SIGEV_SIGNAL_THREAD_INIT(event, signo, value, code) \
    ((event)->sigev_notify = SIGEV_SIGNAL_THREAD, (event)->sigev_signo = (signo), \
     (event)->sigev_value.sival_ptr = (void *)(uintptr_t)(value), (event)->sigev_code = (code))
/* value: an int or a pointer. */
#define SIGEV_PULSE_INIT(event, coid, priority, code, value) \
    ((event)->sigev_notify = SIGEV_PULSE, (event)->sigev_coid = (coid), (event)->sigev_priority = (priority), \
     (event)->sigev_code = (code), (event)->sigev_value.sival_ptr = (void *)(uintptr_t)(value))
#define SIGEV_PULSE_INT_INIT(event, coid, priority, code, value) \
    SIGEV_PULSE_INIT(event, coid, priority, code, (unsigned)(value))
#define SIGEV_PULSE_PTR_INIT(event, coid, priority, code, value) SIGEV_PULSE_INIT(event, coid, priority, code, value)
#define SIGEV_THREAD_INIT(event, function, value, attributes) \
    ((event)->sigev_notify = SIGEV_THREAD, (event)->sigev_notify_function = (function), \
     (event)->sigev_notify_attributes = (attributes), (event)->sigev_value.sival_ptr = (void *)(uintptr_t)(value))

#endif
