/* What the watcher is asked to do later: two threads that ask at the same moment both get it in time. */
#include "core_support.h"

#include <pthread.h>
#include <sched.h>

#include "core/watcher.h"

static _Atomic unsigned runs, round_begun, round_asked;

static void run(void) { atomic_fetch_add(&runs, 1); }

static void await_more_than(unsigned before)
{
    int64_t latest = tpy_now() + 3000 * MS;
    while (atomic_load(&runs) == before) {
        CHECK_LT(tpy_now(), latest);
        sched_yield();
    }
}

static void *ask_for_much_later(void *argument)
{
    for (unsigned round = 1, last = *(unsigned *)argument; round <= last; round++) {
        for (unsigned looks = 1; atomic_load(&round_begun) < round; looks++)
            if (looks % 1000 == 0) sched_yield();
        tpy_watcher_later(TPY_LATER_FACE, tpy_now() + 60000 * MS, run);
        atomic_store(&round_asked, round);
    }
    return NULL;
}

CASE_LIMIT(who_asks_for_something_soon_is_not_put_off_by_who_asks_for_it_later, 30)
{
    static const struct tpy_port_ops ops = {0};
    struct tpy_port *port;
    uint32_t id;
    unsigned random = 1, last = check_rounds(10000, 300000);
    pthread_t other;
    CHECK_OK(tpy_port_create(&ops, NULL, 0, &port, &id)); /* starts the watcher */
    CHECK_EQ(pthread_create(&other, NULL, ask_for_much_later, &last), 0);
    for (unsigned round = 1; round <= last; round++) {
        unsigned before = atomic_load(&runs);
        atomic_store(&round_begun, round);
        for (volatile unsigned i = core_random(&random) % 100; i > 0; i--) {} /* the other one needs a moment to see it: that they meet */
        tpy_watcher_later(TPY_LATER_FACE, 0, run);
        while (atomic_load(&round_asked) < round) sched_yield();
        await_more_than(before);
        /* What is left of the other request goes before the next round. */
        before = atomic_load(&runs);
        tpy_watcher_later(TPY_LATER_FACE, 0, run);
        await_more_than(before);
    }
    CHECK_EQ(pthread_join(other, NULL), 0);
    CHECK_OK(tpy_port_destroy(port));
}
