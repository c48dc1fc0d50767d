/*
 * qnx_withheld: MsgRead and MsgReceive of a message whose last page a pager keeps from everybody. Interrupts and cancels of the server's thread end them,
 * and so does whatever ends the client's MsgSend; a message that was not taken whole is there still.
 */
#include "qnx_support.h"
#include "withheld.h"

#include <pthread.h>
#include <tetrapylon.h>

#define SEED 5
#define SOON 500 /* ms: at once, on a busy machine */

enum ends { WELL, BY_TIMEOUT, BY_INTERRUPT, BY_CANCEL };

struct scene {
    enum ends ends;
    _Atomic unsigned faulted, provide, end;
    _Atomic int number; /* of the client's thread */
    pthread_t client;   /* in its own process */
};

static void *end_client(void *argument)
{
    struct scene *scene = argument;
    qnx_await(&scene->end, 1);
    if (scene->ends == BY_INTERRUPT) CHECK_EQ(tpy_thread_interrupt(scene->number), 0);
    if (scene->ends == BY_CANCEL) CHECK_EQ(pthread_cancel(scene->client), 0);
    return NULL;
}

struct sending {
    int coid;
    struct scene *scene;
    struct withheld *withheld;
};

static void *send(void *argument)
{
    const struct sending *it = argument;
    it->scene->number = tpy_thread_number_self();
    if (it->scene->ends == BY_TIMEOUT) qnx_timeout(_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, 200);
    if (it->scene->ends == WELL) CHECK_EQ(MsgSend(it->coid, it->withheld->memory, WITHHELD_SIZE, NULL, 0), 7);
    else CHECK_ERRNO(MsgSend(it->coid, it->withheld->memory, WITHHELD_SIZE, NULL, 0), it->scene->ends == BY_TIMEOUT ? ETIMEDOUT : EINTR);
    return NULL;
}

static void run_client(int coid, void *argument)
{
    struct scene *scene = argument;
    struct sending it = {coid, scene, withheld_memory(qnx_fill, SEED, &scene->faulted, &scene->provide)};
    pthread_t helper;
    void *result;
    CHECK_EQ(pthread_create(&scene->client, NULL, send, &it), 0);
    CHECK_EQ(pthread_create(&helper, NULL, end_client, scene), 0);
    CHECK_EQ(pthread_join(scene->client, &result), 0);
    CHECK((result == PTHREAD_CANCELED) == (scene->ends == BY_CANCEL));
    qnx_count(&scene->end);
    CHECK_EQ(pthread_join(helper, NULL), 0);
    withheld_end(it.withheld);
}

/* ---- The server's thread that takes the message ---- */

static struct take {
    pthread_t thread;
    int chid;
    rcvid_t rcvid; /* to be read of; 0: to be received */
    _Atomic int number;
    ssize_t got;
    int error;
} taker;
static char taken[WITHHELD_SIZE];

static void *take(void *unused)
{
    (void)unused;
    memset(taken, 0, sizeof taken);
    atomic_store(&taker.number, tpy_thread_number_self());
    if (taker.rcvid) taker.got = MsgRead(taker.rcvid, taken, sizeof taken, 0);
    else taker.got = MsgReceive(taker.chid, taken, sizeof taken, NULL);
    taker.error = errno;
    return NULL;
}

static void start_taking(int chid, rcvid_t rcvid)
{
    taker = (struct take){.chid = chid, .rcvid = rcvid};
    CHECK_EQ(pthread_create(&taker.thread, NULL, take, NULL), 0);
    while (atomic_load(&taker.number) == 0) {}
}

static void check_taken(rcvid_t expected)
{
    CHECK_EQ(pthread_join(taker.thread, NULL), 0);
    if (expected) CHECK_EQ(taker.got, expected);
    else CHECK_GT(taker.got, 0);
    qnx_check_filled(taken, sizeof taken, SEED);
}

static void check_ended(int64_t since, int error)
{
    CHECK_EQ(pthread_join(taker.thread, NULL), 0);
    CHECK_EQ(taker.got, -1);
    CHECK_EQ(taker.error, error);
    CHECK_LT(qnx_now_ms() - since, SOON);
}

static struct scene *begin(bool threads, enum ends ends, int *chid, struct qnx_client **client)
{
    withheld_check();
    struct scene *scene = qnx_share(sizeof *scene);
    scene->ends = ends;
    *chid = (int)CHECK_SYS(ChannelCreate(0));
    *client = qnx_start(threads, *chid, run_client, scene);
    qnx_await_senders(qnx_pid(*client), getpid(), *chid, 1); /* it has filled the ring, and not touched the last page */
    return scene;
}

QNX_CASE(an_interrupt_ends_a_read_of_a_withheld_page)
{
    int chid;
    struct qnx_client *client;
    struct scene *scene = begin(threads, WELL, &chid, &client);
    char head[100];
    rcvid_t rcvid = qnx_receive(chid, head, sizeof head);
    start_taking(chid, rcvid);
    qnx_await(&scene->faulted, 1);
    int64_t since = qnx_now_ms();
    CHECK_EQ(tpy_thread_interrupt(taker.number), 0);
    check_ended(since, EINTR);
    qnx_count(&scene->provide);
    start_taking(chid, rcvid);
    check_taken(WITHHELD_SIZE);
    CHECK_EQ(MsgReply(rcvid, 7, NULL, 0), 0);
    qnx_join(client);
}

static void leave_what_was_being_received(bool threads, bool cancels)
{
    int chid;
    void *result;
    struct qnx_client *client;
    struct scene *scene = begin(threads, WELL, &chid, &client);
    start_taking(chid, 0);
    qnx_await(&scene->faulted, 1);
    int64_t since = qnx_now_ms();
    if (cancels) {
        CHECK_EQ(pthread_cancel(taker.thread), 0);
        CHECK_EQ(pthread_join(taker.thread, &result), 0);
        CHECK_PTR_EQ(result, PTHREAD_CANCELED);
        CHECK_LT(qnx_now_ms() - since, SOON);
    } else {
        CHECK_EQ(tpy_thread_interrupt(taker.number), 0);
        check_ended(since, EINTR);
    }
    qnx_count(&scene->provide);
    start_taking(chid, 0);
    check_taken(0);
    CHECK_EQ(MsgReply(taker.got, 7, NULL, 0), 0);
    qnx_join(client);
}

QNX_CASE(an_interrupt_leaves_what_was_being_received) { leave_what_was_being_received(threads, false); }
QNX_CASE(a_cancel_leaves_what_was_being_received) { leave_what_was_being_received(threads, true); }

static void end_by_client(bool threads, enum ends ends)
{
    int chid;
    struct qnx_client *client;
    struct scene *scene = begin(threads, ends, &chid, &client);
    char head[100];
    rcvid_t rcvid = qnx_receive(chid, head, sizeof head);
    start_taking(chid, rcvid);
    qnx_await(&scene->faulted, 1);
    int64_t since = qnx_now_ms();
    qnx_count(&scene->end);
    check_ended(since, ESRCH);
    qnx_count(&scene->provide);
    CHECK_ERRNO(MsgReply(rcvid, 7, NULL, 0), ESRCH);
    qnx_join(client);
}

QNX_CASE(a_timeout_of_the_client_ends_the_read_of_its_withheld_page) { end_by_client(threads, BY_TIMEOUT); }
QNX_CASE(an_interrupt_of_the_client_ends_the_read_of_its_withheld_page) { end_by_client(threads, BY_INTERRUPT); }
QNX_CASE(a_cancel_of_the_client_ends_the_read_of_its_withheld_page) { end_by_client(threads, BY_CANCEL); }
