/*
 * tetrapylon_qnx.h: names that QNX programs use and that are missing in, or belong to, the C library, led to Tetrapylon's functions.
 * sys/neutrino.h includes it and documents the functions. Only programs that include these headers see it: no symbol of
 * the C library is replaced for others.
 */
#ifndef TETRAPYLON_QNX_H
#define TETRAPYLON_QNX_H

#include <sys/neutrino.h>

/* The C library's names, as macros: other uses of the same word are left alone. */
#define timer_create(id, event, timer) tpy_timer_create(id, event, timer)
#define timer_delete(timer) tpy_timer_delete(timer)
#define timer_settime(timer, flags, value, before) tpy_timer_settime(timer, flags, value, before)
#define timer_gettime(timer, value) tpy_timer_gettime(timer, value)
#define timer_getoverrun(timer) tpy_timer_getoverrun(timer)
#define pthread_create(thread, attributes, start, argument) tpy_pthread_create(thread, attributes, start, argument)
#define pthread_cancel(thread) tpy_pthread_cancel(thread)
#define pthread_setschedparam(thread, policy, parameter) tpy_pthread_setschedparam(thread, policy, parameter)
#define sched_setscheduler(process, policy, parameter) tpy_sched_setscheduler(process, policy, parameter)

/* Names that only QNX has, as functions under another symbol. gettid is Linux's name too, but means the kernel's number there. */
#ifdef __cplusplus
extern "C" {
#endif
extern pid_t __REDIRECT_NTH(gettid, (void), tpy_gettid);
extern int __REDIRECT(getprio, (pid_t tid), tpy_getprio);
extern int __REDIRECT(setprio, (pid_t tid, int priority), tpy_setprio);
extern unsigned __REDIRECT(delay, (unsigned milliseconds), tpy_delay);
#ifdef __cplusplus
}
#endif

#endif
