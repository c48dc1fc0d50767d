/*
 * harm: what the processes that do harm to a server or client in Java, or come to harm themselves, have in common. A process says on standard
 * output what has happened, a line each; one that begins with "wrong" fails the test.
 */
#ifndef HARM_H
#define HARM_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : harm_wrong(__FILE__, __LINE__, #condition))
_Noreturn void harm_wrong(const char *file, int line, const char *condition);

/* Words that our children see; zero at first. */
enum { HARM_CALLS, HARM_LIFE, HARM_OVER, HARM_WORDS };
extern _Atomic unsigned *harm_shared;

void harm_begin(void); /* first of all */
void harm_say(const char *format, long a, long b);
unsigned harm_random(unsigned below);
void harm_linger(unsigned most); /* for a moment, or a longer one */

pid_t harm_start(void);     /* forks a child that dies with us: 0 in the child */
void harm_check_alive(pid_t child); /* it says so, and ends, if a child has ended by itself */
void harm_end(pid_t child); /* kill -9; it must not have ended before */

unsigned harm_descriptors(void);
unsigned harm_mappings(void); /* of the library's memory */

void harm_watch_input(void); /* HARM_OVER at the end of our input */

#endif
