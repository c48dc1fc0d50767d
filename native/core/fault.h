/*
 * fault: copies that survive bad addresses. A SIGSEGV or SIGBUS inside tpy_copy makes it return 1; any other fault goes to the
 * handler that was there before ours (the JVM's, a sanitizer's, the program's).
 *
 * tpy_fault_arm is called at each set-up call; a program that replaces the handlers afterwards loses this protection until the next one. A
 * thread that blocks SIGSEGV has none (the kernel then kills the process, as it does for any fault).
 */
#ifndef TPY_CORE_FAULT_H
#define TPY_CORE_FAULT_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
/* 0, or 1 if some byte could not be read or written; then an unknown prefix was copied. */
int tpy_copy(void *to, const void *from, size_t length);
/* The same by words of 4 or 8 bytes, length a multiple of that and not 0: for a structure that was filled in just before, word by word, which
 * wider loads would wait for. */
int tpy_copy_words(void *to, const void *from, size_t length);
int tpy_copy_longs(void *to, const void *from, size_t length);
/* Words of 8 bytes, length a multiple of that: read one by one and written two at once, or the reverse. For words that a program has just stored one by
 * one, or will load so, and a copy of them which is read, or was written, by wider moves. */
int tpy_copy_join(void *to, const void *from, size_t length);
int tpy_copy_part(void *to, const void *from, size_t length);
void tpy_fault_arm(void);

/* While this is set a tpy_copy of the calling thread may be broken off: it then returns 1, as for a bad address. */
extern __thread volatile bool tpy_fault_breakable __attribute__((tls_model("initial-exec"), visibility("hidden")));
/* Breaks off the copy that this thread of ours is in, also one that waits for a pager; else nothing happens. Not possible where the thread blocks
 * SIGSEGV, or while the program has replaced our handler. */
void tpy_fault_break(pid_t thread);
#endif
