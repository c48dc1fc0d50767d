/*
 * process.h: starting a program beside oneself, as QNX programs do it. Thin forms of posix_spawn.
 *
 * Follows: QNX Neutrino C Library Reference, spawnl(), spawnlp(), spawnv(), spawnvp(), spawnve().
 */
#ifndef TPY_PROCESS_H
#define TPY_PROCESS_H

#include <sys/types.h>
#include <sys/wait.h>
#include <tetrapylon.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define P_WAIT 0     /* wait for the program's end; the result is its status, as of waitpid */
#define P_NOWAIT 1   /* the result is the new process's id */
#define P_OVERLAY 2  /* the program takes this process's place, as exec */
#define P_NOWAITO 3  /* the result is the new process's id, which need not be waited for */

/* Each returns -1 and sets errno as posix_spawn or exec does; EINVAL an unknown mode. Any thread. */
TPY_PUBLIC int tpy_spawnv(int mode, const char *path, char *const arguments[]);
TPY_PUBLIC int tpy_spawnve(int mode, const char *path, char *const arguments[], char *const environment[]);
TPY_PUBLIC int tpy_spawnvp(int mode, const char *file, char *const arguments[]);
TPY_PUBLIC int tpy_spawnl(int mode, const char *path, const char *argument, ...);
TPY_PUBLIC int tpy_spawnlp(int mode, const char *file, const char *argument, ...);

#define spawnv(...) tpy_spawnv(__VA_ARGS__)
#define spawnve(...) tpy_spawnve(__VA_ARGS__)
#define spawnvp(...) tpy_spawnvp(__VA_ARGS__)
#define spawnl(...) tpy_spawnl(__VA_ARGS__)
#define spawnlp(...) tpy_spawnlp(__VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
