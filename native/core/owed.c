/* owed: see owed.h. A list in the order in which it was to be said. Entries hold a reference to their link, and leave the list with their link's end. */
#include "core/owed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/fork.h"
#include "core/node.h"
#include "core/thread.h"
#include "core/watcher.h"

#define AGAIN 1000000ll /* ns */

struct owed {
    struct owed *next;
    struct tpy_link *link;
    struct tpy_say say;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct owed *first, **last = &first;

/* With the lock: is something owed to it by those before this place? */
static bool owed_before(const struct owed *end, const struct tpy_link *link)
{
    for (const struct owed *owed = first; owed != end; owed = owed->next)
        if (owed->link == link) return true;
    return false;
}

/* On the watcher. */
static void pay(void)
{
    pthread_mutex_lock(&lock);
    for (struct owed **at = &first; *at;) {
        struct owed *owed = *at;
        bool waits = !atomic_load(&owed->link->dead) && (owed_before(owed, owed->link) || tpy_link_say(owed->link, &owed->say, NULL, 0) == -EAGAIN);
        if (waits) {
            at = &owed->next;
            continue;
        }
        *at = owed->next;
        if (!*at) last = at;
        tpy_link_release(owed->link);
        free(owed);
    }
    bool again = first != NULL;
    pthread_mutex_unlock(&lock);
    if (again) tpy_watcher_later(TPY_LATER_OWED, tpy_now() + AGAIN, pay);
}

void tpy_owe(struct tpy_link *link, const struct tpy_say *say)
{
    pthread_mutex_lock(&lock);
    bool none = first == NULL;
    struct owed *owed = NULL;
    if (owed_before(NULL, link) || tpy_link_say(link, say, NULL, 0) == -EAGAIN) {
        owed = malloc(sizeof *owed);
        if (owed) {
            *owed = (struct owed){.link = link, .say = *say};
            tpy_link_retain(link);
            *last = owed;
            last = &owed->next;
        } else
            tpy_node_drop(link); /* so that the server hears of it at all */
    }
    pthread_mutex_unlock(&lock);
    if (owed && none) tpy_watcher_later(TPY_LATER_OWED, tpy_now() + AGAIN, pay);
}

static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    first = NULL; /* the parent says it */
    last = &first;
}

__attribute__((constructor)) static void begin(void) { tpy_at_fork_child(in_child); }
