/*
 * fluke_hostile: a client that attacks the words by which both sides agree how much of a message was taken (tpy_commit). Honest clients of the
 * same port lose nothing meanwhile; servers that the attacker has in its hands are free again when it goes.
 */
#include "fluke_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/lane.h"
#include "core_support.h"
#include "fluke/thread.h"

enum { SERVERS = 4, HONEST = 2, ATTACKERS = 2, WORDS = 3000 };

struct scene {
    _Atomic unsigned honest, attacks, connects, stop, inside, closes;
};
static struct scene *scene;
static fluke_pset_t pset;

/* Echoes what comes whole, turning the connection as long as the client likes; other clients are dropped. Takes long messages in pieces. */
static void *echo(void *argument)
{
    static _Thread_local uint32_t in[WORDS];
    (void)argument;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 10);
    fluke_error_t status = fluke_ipc_setup_wait_receive(&pset, &params, NULL);
    while (status != FLUKE_INSANITY_INVALID_OBJECT) {
        size_t came = (size_t)((uint32_t *)params.recv_buf.buf - in);
        CHECK_LE(came, WORDS);
        while (status == FLUKE_IPC_RECV_MORE_DATA && came < WORDS) {
            params = fluke_params(NULL, 0, in + came, WORDS - came < 500 ? WORDS - came : 500);
            status = fluke_ipc_server_receive(&params);
            came = (size_t)((uint32_t *)params.recv_buf.buf - in);
            CHECK_LE(came, WORDS);
        }
        bool whole = status == FLUKE_SUCCESS && came >= 2;
        params = fluke_params(in, came, in, 10);
        status = whole ? fluke_ipc_server_ack_send_over_receive(&params) : FLUKE_IPC_ACK_DISCONNECTED;
        if (status != FLUKE_SUCCESS && status != FLUKE_IPC_RECV_MORE_DATA) {
            params = fluke_params(NULL, 0, in, 10);
            status = fluke_ipc_wait_receive(&params, NULL);
        }
    }
    return NULL;
}

static void connect_to(fluke_ref_t *dest)
{
    CHECK_STATUS(fluke_ref_create(dest), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup(fluke_port_name, dest), FLUKE_SUCCESS);
}

static void honest(void *argument)
{
    static uint32_t out[WORDS], in[WORDS];
    unsigned random = (unsigned)getpid();
    fluke_ref_t dest;
    (void)argument;
    connect_to(&dest);
    for (unsigned i = 0; !atomic_load(&scene->stop); i++) {
        size_t words = 2 + core_random(&random) % (i % 8 ? 100 : WORDS - 2);
        fluke_fill(out, words, i);
        fluke_ipc_params_t params = fluke_params(out, words, in, words);
        CHECK_STATUS(i % 4 ? fluke_ipc_client_ack_send_over_receive(&params) : fluke_ipc_client_connect_send_over_receive(&dest, &params), FLUKE_SUCCESS);
        CHECK_CAME(params, in, words);
        fluke_check_filled(in, words, i);
        atomic_fetch_add(&scene->honest, 1);
    }
    fluke_ipc_client_disconnect();
}

/* Writes to the shared words of the server's progress without end: closed or not, of this offer, of others, any mark, or garbage. */
struct target {
    fluke_thread_t *thread;
    _Atomic(struct tpy_shared *) shared;
};
static void *spoil(void *argument)
{
    struct target *target = argument;
    unsigned random = (unsigned)getpid() + 7;
    for (unsigned i = 0;; i++) {
        struct tpy_shared *shared = atomic_load(&target->shared);
        if (!shared) continue;
        _Atomic uint64_t *word = &shared->server.progress;
        uint64_t now = atomic_load(word), sequence = now >> TPY_PROGRESS_SHIFT;
        uint64_t mark = (uint64_t)core_random(&random) << (core_random(&random) % 30) & TPY_PROGRESS_MARK;
        switch (atomic_load(&scene->closes) ? 0 : core_random(&random) % 8) {
        case 0: atomic_fetch_or(word, TPY_PROGRESS_CLOSED); break;
        case 1: atomic_fetch_and(word, ~TPY_PROGRESS_CLOSED); break;
        case 2: atomic_store(word, (sequence + 1) << TPY_PROGRESS_SHIFT | mark); break;
        case 3: atomic_store(word, (sequence - 1) << TPY_PROGRESS_SHIFT | TPY_PROGRESS_CLOSED | mark); break;
        case 4: atomic_store(word, sequence << TPY_PROGRESS_SHIFT | mark); break;
        case 5: atomic_store(word, UINT64_MAX); break;
        case 6: atomic_store(word, 0); break;
        default: for (int k = 0; k < 200; k++) atomic_fetch_xor(word, mark | TPY_PROGRESS_CLOSED); /* so that no exchange of it succeeds */
        }
        if (i % 512 == 0) atomic_store(&shared->server.accepted, core_random(&random));
        /* Its own call may hang by what it did to itself. */
        if (i % 256 == 0) fluke_thread_interrupt(target->thread);
        if (i % 64 == 0) sched_yield();
        atomic_fetch_add(&scene->attacks, 1);
    }
    return NULL;
}

static void attacker(void *argument)
{
    static uint32_t out[WORDS], in[WORDS];
    static struct target target;
    unsigned random = (unsigned)getpid();
    pthread_t thread;
    fluke_ref_t dest;
    int error;
    (void)argument;
    connect_to(&dest);
    target.thread = fluke_thread_self();
    CHECK_EQ(pthread_create(&thread, NULL, spoil, &target), 0);
    for (;;) {
        size_t words = 2 + core_random(&random) % (WORDS - 2);
        fluke_ipc_params_t params = fluke_params(out, words, in, WORDS);
        fluke_ipc_client_connect_send_over_receive(&dest, &params);
        struct tpy_connection *connection = tpy_fluke_current->client.connection;
        struct tpy_lane *lane = connection ? tpy_lane_get(tpy_thread_self(), connection, &error) : NULL;
        if (lane) atomic_store(&target.shared, lane->shared);
        for (int i = 0; i < 5; i++) {
            params = fluke_params(out, words, in, WORDS);
            fluke_ipc_client_ack_send_over_receive(&params);
            if (i == 2) fluke_ipc_client_send(&params);
        }
        if (core_random(&random) % 4 == 0) fluke_ipc_client_disconnect();
        atomic_fetch_add(&scene->connects, 1);
    }
}

/* All servers are free: so many clients are in the middle of a connection at once. */
static void at_once(void *argument)
{
    uint32_t out[2] = {1, 2}, in[2];
    fluke_ref_t dest;
    fluke_ipc_params_t params = fluke_params(out, 2, in, 2);
    (void)argument;
    connect_to(&dest);
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(&dest, &params), FLUKE_SUCCESS);
    atomic_fetch_add(&scene->inside, 1);
    while (atomic_load(&scene->inside) < SERVERS) sched_yield();
    params = fluke_params(out, 2, in, 2);
    CHECK_STATUS(fluke_ipc_client_ack_send_over_receive(&params), FLUKE_SUCCESS);
    fluke_ipc_client_disconnect();
}

CASE_LIMIT(a_spoilt_account_hurts_only_its_writer, 60)
{
    pthread_t servers[SERVERS];
    pid_t friends[HONEST], attackers[ATTACKERS], crowd[SERVERS];
    fluke_alone();
    scene = core_share(sizeof *scene);
    CHECK_STATUS(fluke_pset_create(&pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&fluke_port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&fluke_port, &pset), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind(fluke_port_name, &fluke_port), FLUKE_SUCCESS);
    for (int i = 0; i < SERVERS; i++) CHECK_EQ(pthread_create(&servers[i], NULL, echo, NULL), 0);
    for (int i = 0; i < HONEST; i++) friends[i] = check_fork(honest, NULL);
    while (atomic_load(&scene->honest) < 100) sched_yield();
    for (int round = 0; round < 3; round++) {
        unsigned calls = atomic_load(&scene->honest), attacks = atomic_load(&scene->attacks), connects = atomic_load(&scene->connects);
        for (int i = 0; i < ATTACKERS; i++) attackers[i] = check_fork(attacker, NULL);
        while (atomic_load(&scene->attacks) < attacks + 100000 || atomic_load(&scene->connects) < connects + 50 ||
               atomic_load(&scene->honest) < calls + 300)
            sched_yield();
        /* From now on no account of theirs is ever open; so they die. */
        atomic_store(&scene->closes, 1);
        calls = atomic_load(&scene->honest), attacks = atomic_load(&scene->attacks);
        while (atomic_load(&scene->attacks) < attacks + 20000 || atomic_load(&scene->honest) < calls + 100) sched_yield();
        for (int i = 0; i < ATTACKERS; i++) { /* in the middle */
            CHECK_SYS(kill(attackers[i], SIGKILL));
            CHECK_EQ(waitpid(attackers[i], NULL, 0), attackers[i]);
        }
        atomic_store(&scene->closes, 0);
    }
    atomic_store(&scene->stop, 1);
    for (int i = 0; i < HONEST; i++) check_join(friends[i]);
    for (int i = 0; i < SERVERS; i++) crowd[i] = check_fork(at_once, NULL);
    for (int i = 0; i < SERVERS; i++) check_join(crowd[i]);
    CHECK_STATUS(fluke_pset_destroy(&pset), FLUKE_SUCCESS);
    for (int i = 0; i < SERVERS; i++) CHECK_EQ(pthread_join(servers[i], NULL), 0);
}
