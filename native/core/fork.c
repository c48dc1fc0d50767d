/* fork: see fork.h. One pthread_atfork registration for the whole library. */
#include "core/fork.h"

#include <pthread.h>

#define HANDLERS 32

static void (*handlers[HANDLERS])(void);
static unsigned handler_count;
static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER; /* anew in a child: another thread may have held it */

static void in_child(void)
{
    pthread_mutex_init(&registering, NULL);
    for (unsigned i = 0; i < handler_count; i++) handlers[i]();
}

void tpy_at_fork_child(void (*handler)(void))
{
    pthread_mutex_lock(&registering);
    if (handler_count == 0) pthread_atfork(NULL, NULL, in_child);
    if (handler_count < HANDLERS) handlers[handler_count++] = handler;
    pthread_mutex_unlock(&registering);
}
