/*
 * Safety: a thousand clients that stop (SIGSTOP) in every state there is, with replies due. Replies and errors never wait for them, honest
 * clients are served meanwhile, and when they go on or die nothing stays of them.
 */
#include "core_support.h"
#include "qnx_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CLIENTS 1000u
#define SMALL 200u
#define LARGE 200000u
#define LATEST 1000 /* ms: a bound on what must not block at all */

enum kind {
    IDLE,     /* one call was answered */
    CALLING,  /* in the middle of calls that are answered */
    QUEUED,   /* SEND-blocked */
    DUE,      /* REPLY-blocked */
    DUE_MUCH, /* the same with room for much */
    ATTACHED, /* never sent anything */
    SETTING_UP,
    KINDS
};

struct scene {
    pid_t server;
    int busy, closed; /* channels: one that is served, and one that nobody receives from */
    _Atomic unsigned stopped, released;
};

struct client {
    pid_t pid;
    enum kind kind;
    rcvid_t rcvid;
};

struct order {
    struct scene *scene;
    enum kind kind;
};

struct request {
    int held; /* answered later */
    unsigned seed;
};

static enum kind kind_of(unsigned i) { return i % 50 == 49 ? DUE_MUCH : i % 6 == 4 ? SETTING_UP : i % 6 == 5 ? ATTACHED : (enum kind)(i % 6); }

static void call(int coid, unsigned seed)
{
    struct request request = {0, seed}, answer = {0, 0};
    CHECK_EQ(MsgSend(coid, &request, sizeof request, &answer, sizeof answer), 7);
    CHECK_EQ(answer.seed, seed);
}

static int attach(const struct scene *scene, int chid) { return CHECK_SYS(ConnectAttach(0, scene->server, chid, _NTO_SIDE_CHANNEL, 0)); }

static void be_client(void *argument)
{
    struct scene *scene = ((struct order *)argument)->scene;
    enum kind kind = ((struct order *)argument)->kind;
    struct request request = {1, (unsigned)getpid()};
    int coid = 0;
    if (kind != SETTING_UP) coid = attach(scene, kind == QUEUED ? scene->closed : scene->busy);
    switch (kind) {
    case IDLE:
        call(coid, 1);
        raise(SIGSTOP);
        call(coid, 2);
        break;
    case CALLING:
        for (unsigned i = 0; !atomic_load(&scene->released); i++) {
            call(coid, i);
            if (i == 0) qnx_count(&scene->stopped); /* soon */
        }
        break;
    case QUEUED:
        CHECK_EQ(MsgSend_r(coid, "x", 1, NULL, 0), -ESRCH);
        break;
    case DUE:
    case DUE_MUCH: {
        size_t room = kind == DUE ? SMALL : LARGE;
        char *reply = malloc(room);
        CHECK_EQ(MsgSend(coid, &request, sizeof request, reply, room), 9);
        qnx_check_filled(reply, room, 9);
        break;
    }
    case ATTACHED:
        raise(SIGSTOP);
        call(coid, 3);
        break;
    default:
        coid = attach(scene, scene->busy); /* stopped anywhere in here */
        call(coid, 4);
    }
    CHECK_EQ(ConnectDetach(coid), 0);
}

/* Answers at once what is not to be held; hands over the rest. */
struct service {
    int chid;
    _Atomic rcvid_t held;
};

static void *serve(void *argument)
{
    struct service *service = argument;
    struct request request;
    rcvid_t rcvid;
    while ((rcvid = MsgReceive_r(service->chid, &request, sizeof request, NULL)) != -ESRCH) {
        CHECK_GT(rcvid, 0);
        if (request.held) atomic_store(&service->held, rcvid);
        else {
            int result = MsgReply_r(rcvid, 7, &request, sizeof request);
            CHECK(result == 0 || result == -ESRCH);
        }
    }
    return NULL;
}

static void stop(pid_t pid)
{
    int status;
    CHECK_SYS(kill(pid, SIGSTOP));
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
}

static void start_and_stop(struct scene *scene, struct service *service, struct client *client, unsigned i)
{
    struct order order = {scene, kind_of(i)};
    client->kind = order.kind;
    client->pid = check_fork(be_client, &order);
    switch (order.kind) {
    case IDLE:
    case ATTACHED: {
        int status;
        CHECK_EQ(waitpid(client->pid, &status, WUNTRACED), client->pid);
        CHECK(WIFSTOPPED(status));
        return;
    }
    case CALLING:
        qnx_await(&scene->stopped, 1);
        atomic_store(&scene->stopped, 0);
        break;
    case QUEUED:
        qnx_await_senders(client->pid, scene->server, scene->closed, 1);
        break;
    case DUE:
    case DUE_MUCH:
        while ((client->rcvid = atomic_exchange(&service->held, 0)) == 0) sched_yield();
        break;
    default:
        for (unsigned turns = i * 7 % 64; turns > 0; turns--) sched_yield();
    }
    if (order.kind == SETTING_UP) { /* it may be through already */
        int status;
        CHECK_SYS(kill(client->pid, SIGSTOP));
        CHECK_EQ(waitpid(client->pid, &status, WUNTRACED), client->pid);
        if (!WIFSTOPPED(status)) client->pid = 0;
    } else stop(client->pid);
}

/* As many as there may be descriptors for: two each, and some for ourselves. */
static unsigned how_many(void)
{
    struct rlimit limit;
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    return limit.rlim_max >= 2 * CLIENTS + 100 ? CLIENTS : (unsigned)(limit.rlim_max - 100) / 2;
}

static void honest_calls(int coid, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int64_t start = qnx_now_ms();
        call(coid, i);
        CHECK_LE(qnx_now_ms() - start, LATEST);
    }
}

CASE_LIMIT(a_thousand_stopped_clients_hold_up_nobody, 100)
{
    static struct client clients[CLIENTS];
    static char reply[LARGE];
    struct scene *scene = qnx_share(sizeof *scene);
    pthread_t server;
    unsigned count = how_many();
    CHECK_GE(count, 100);
    CHECK_SYS(setenv("TETRAPYLON_DIR", check_directory(), 1)); /* a start looks through what is there */
    struct service service = {.chid = CHECK_SYS(ChannelCreate(0))};
    *scene = (struct scene){.server = getpid(), .busy = service.chid, .closed = CHECK_SYS(ChannelCreate(0))};
    CHECK_EQ(pthread_create(&server, NULL, serve, &service), 0);
    int honest = attach(scene, scene->busy);
    qnx_fill(reply, sizeof reply, 9);
    honest_calls(honest, 10);
    unsigned descriptors = core_descriptors(), mappings = core_mappings();

    for (unsigned i = 0; i < count; i++) start_and_stop(scene, &service, &clients[i], i);
    honest_calls(honest, 1000);

    /* The replies that are due, and for some an error instead. */
    for (unsigned i = 0; i < count; i++) {
        if (clients[i].kind != DUE && clients[i].kind != DUE_MUCH) continue;
        int64_t start = qnx_now_ms();
        size_t size = clients[i].kind == DUE ? SMALL : LARGE;
        CHECK_EQ(MsgReply(clients[i].rcvid, 9, reply, size), 0);
        CHECK_LE(qnx_now_ms() - start, LATEST);
        CHECK_ERRNO(MsgReply(clients[i].rcvid, 9, reply, size), ESRCH);
    }
    honest_calls(honest, 1000);

    /* One half goes on, the other dies. */
    atomic_store(&scene->released, 1);
    int64_t start = qnx_now_ms();
    CHECK_EQ(ChannelDestroy(scene->closed), 0);
    CHECK_LE(qnx_now_ms() - start, LATEST);
    for (unsigned i = 0; i < count; i++)
        if (clients[i].pid) CHECK_SYS(kill(clients[i].pid, i / 7 % 2 ? SIGKILL : SIGCONT));
    for (unsigned i = 0; i < count; i++) {
        if (!clients[i].pid) continue;
        if (i / 7 % 2) CHECK_EQ(waitpid(clients[i].pid, NULL, 0), clients[i].pid);
        else check_join(clients[i].pid);
    }
    honest_calls(honest, 100);
    core_await_counts(descriptors, mappings);
    CHECK_EQ(ChannelDestroy(service.chid), 0);
    CHECK_EQ(pthread_join(server, NULL), 0);
}
