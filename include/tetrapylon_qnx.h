/*
 * tetrapylon_qnx.h: names that QNX programs use and that are missing in, or belong to, the C library, led to
 * Tetrapylon's functions. sys/neutrino.h includes it and documents the functions. Only programs that include these
 * headers see it: no symbol of the C library is replaced for others.
 */
#ifndef TETRAPYLON_QNX_H
#define TETRAPYLON_QNX_H

#include <sys/neutrino.h>

/*
 * The C library's names, as macros: other uses of the same word are left alone. Arguments may hold commas of their
 * own.
 */
#define timer_create(...) tpy_timer_create(__VA_ARGS__)
#define timer_delete(...) tpy_timer_delete(__VA_ARGS__)
#define timer_settime(...) tpy_timer_settime(__VA_ARGS__)
#define timer_gettime(...) tpy_timer_gettime(__VA_ARGS__)
#define timer_getoverrun(...) tpy_timer_getoverrun(__VA_ARGS__)
#define pthread_create(...) tpy_pthread_create(__VA_ARGS__)
#define pthread_cancel(...) tpy_pthread_cancel(__VA_ARGS__)
#define pthread_setschedparam(...) tpy_pthread_setschedparam(__VA_ARGS__)
#define sched_setscheduler(...) tpy_sched_setscheduler(__VA_ARGS__)

/*
 * Names that only QNX has, as functions under another symbol. gettid is Linux's name too, but means the kernel's
 * number there.
 */
#ifdef __cplusplus
extern "C" {
#endif
extern pid_t __REDIRECT_NTH(gettid, (void), tpy_gettid);
extern int __REDIRECT(getprio, (pid_t tid), tpy_getprio);
extern int __REDIRECT(setprio, (pid_t tid, int priority), tpy_setprio);
extern unsigned __REDIRECT(delay, (unsigned milliseconds), tpy_delay);
#ifndef __USE_GNU /* else pthread.h declares them, as QNX's does; Linux keeps 15 bytes of a name */
extern int pthread_setname_np(pthread_t thread, const char *name) __THROW;
extern int pthread_getname_np(pthread_t thread, char *name, size_t room) __THROW;
#endif
#ifdef __cplusplus
}
#endif

#endif
