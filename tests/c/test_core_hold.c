/*
 * How a held exchange ends, and how far an offer came, where client and server cross each other: what the models in tests/model found. A
 * case puts one side into the state between two steps, by hand where no call stops there, and looks what the other makes of it.
 */
#define _GNU_SOURCE
#include "core_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/exchange_record.h"
#include "core/lane.h"
#include "core/port_record.h"
#include "core/scan.h"
#include "core/strike.h"

#define SOON (tpy_now() + 2000 * MS) /* of what must not last */

/* A client thread that makes one offer after another as it is told. */
struct client {
    pthread_t thread;
    struct tpy_connection *connection;
    _Atomic(struct tpy_offer *) offer; /* NULL: made; result is there */
    _Atomic(struct tpy_thread *) record;
    _Atomic int result;
    _Atomic bool stop;
};

static void *client_body(void *argument)
{
    struct client *client = argument;
    atomic_store(&client->record, tpy_thread_self());
    while (!atomic_load(&client->stop)) {
        struct tpy_offer *offer = atomic_load(&client->offer);
        if (!offer) {
            sched_yield();
            continue;
        }
        atomic_store(&client->result, tpy_offer(client->connection, offer));
        atomic_store(&client->offer, NULL);
    }
    return NULL;
}

static void client_start(struct client *client, uint32_t port)
{
    *client = (struct client){0};
    CHECK_OK(tpy_connection_open(getpid(), port, 0, 0, &client->connection));
    CHECK_EQ(pthread_create(&client->thread, NULL, client_body, client), 0);
    while (!atomic_load(&client->record)) sched_yield();
}

static int client_result(struct client *client)
{
    while (atomic_load(&client->offer)) sched_yield();
    return atomic_load(&client->result);
}

static void client_stop(struct client *client)
{
    atomic_store(&client->stop, true);
    CHECK_EQ(pthread_join(client->thread, NULL), 0);
    tpy_connection_close(client->connection);
}

static struct tpy_offer plain_offer(uint32_t flags)
{
    return (struct tpy_offer){.deadline = SOON, .strike = TPY_STRIKE_BOTH, .priority = 10, .flags = flags};
}

/* Its first offer, accepted by us, with a mark. */
static struct tpy_receipt accept_first(struct client *client, struct tpy_port *port, struct tpy_offer *offer)
{
    struct tpy_receipt receipt;
    atomic_store(&client->offer, offer);
    CHECK_EQ(tpy_receive(port, NULL, NULL, 0, 0, SOON, &receipt), 0);
    if (offer->flags & TPY_OFFER_ACCOUNTED) CHECK_EQ(tpy_commit(receipt.exchange, receipt.sequence, 1), 0);
    return receipt;
}

static struct tpy_receipt hold_first(struct client *client, struct tpy_port *port, struct tpy_offer *offer)
{
    struct tpy_receipt receipt = accept_first(client, port, offer);
    CHECK_EQ(tpy_turn(receipt.exchange, receipt.sequence, 0, NULL, 0), 0);
    CHECK_EQ(client_result(client), 0);
    CHECK_EQ(offer->held, 1);
    return receipt;
}

static struct tpy_lane *lane_of(const struct client *client)
{
    return atomic_load(&client->record)->lanes[client->connection->index];
}

/* A hang-up is answered by nobody, so what the client writes next may be seen before its post is. */
static void hang_up_before_an_offer(const struct tpy_filter *filter)
{
    static const char old[] = "old", new[] = "new";
    struct iovec send = {(void *)(uintptr_t)old, sizeof old};
    struct tpy_offer first = {.send = &send, .send_parts = 1, .deadline = TPY_NEVER, .strike = TPY_STRIKE_BOTH, .flags = TPY_OFFER_ACCOUNTED};
    struct tpy_connection *connection;
    struct tpy_receipt receipt;
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    hold_first(&client, port, &first);
    connection = client.connection;
    struct tpy_lane *lane = lane_of(&client);
    /* In its name: its thread only waits for orders. */
    struct tpy_thread *self = tpy_thread_current;
    tpy_thread_current = atomic_load(&client.record);
    CHECK_EQ(tpy_hang_up(connection), 0);
    tpy_thread_current = self;
    lane->shared->offer.flags = 0;
    lane->shared->offer.send_length = sizeof new;
    memcpy(lane->shared->offer.data, new, sizeof new);
    char bytes[8];
    struct iovec part = {bytes, sizeof bytes};
    CHECK_EQ(tpy_receive(port, filter, &part, 1, 0, 0, &receipt), -ETIMEDOUT);
    CHECK_OK(tpy_port_destroy(port));
    client_stop(&client);
}

CASE(a_hang_up_is_not_taken_for_the_offer_that_follows) { hang_up_before_an_offer(NULL); }

CASE(nor_by_a_receive_that_commits)
{
    const struct tpy_filter filter = {.mark_unit = 1, .mark = 1};
    hang_up_before_an_offer(&filter);
}

/* A withdrawal that the server agreed to leaves the hold as it was. */
CASE(a_continuation_after_a_withdrawn_one_finds_its_holder)
{
    struct tpy_offer first = plain_offer(0), next = plain_offer(TPY_OFFER_CONTINUE);
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt held = hold_first(&client, port, &first);
    struct tpy_lane *lane = lane_of(&client);
    lane->sequence++;
    atomic_store(&lane->shared->answer.answer, lane->sequence << TPY_ANSWER_SHIFT | TPY_ANSWER_CANCEL | TPY_ANSWER_CONFIRMED);
    atomic_store(&client.offer, &next);
    struct tpy_filter filter = {.only = held.exchange, .held = held.sequence};
    struct tpy_receipt receipt;
    CHECK_EQ(tpy_receive(port, &filter, NULL, 0, 0, SOON, &receipt), 0);
    CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, 0, NULL, 0), 0);
    CHECK_EQ(client_result(&client), 0);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

/* Nobody receives any more, so only what the holder left behind can end what the client offers. */
CASE(a_finish_that_comes_too_late_ends_the_next_continuation)
{
    struct tpy_offer first = plain_offer(TPY_OFFER_ACCOUNTED), next = plain_offer(TPY_OFFER_CONTINUE | TPY_OFFER_ACCOUNTED);
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt receipt = accept_first(&client, port, &first);
    tpy_thread_cancel(atomic_load(&client.record));
    CHECK_EQ(client_result(&client), -ECANCELED);
    CHECK_EQ(first.mark, 1);
    CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, 0, NULL, 0), -ESRCH);
    atomic_store(&client.offer, &next);
    CHECK_EQ(client_result(&client), -ESRCH);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

CASE(a_release_ends_also_what_follows_a_withdrawn_continuation)
{
    struct tpy_offer first = plain_offer(0), withdrawn = plain_offer(TPY_OFFER_CONTINUE | TPY_OFFER_ACCOUNTED), next = withdrawn;
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt held = hold_first(&client, port, &first);
    atomic_store(&client.offer, &withdrawn);
    while (!core_queued(port)) sched_yield(); /* until it is queued */
    tpy_thread_cancel(atomic_load(&client.record));
    CHECK_EQ(client_result(&client), -ECANCELED);
    tpy_release(held.exchange, held.sequence);
    atomic_store(&client.offer, &next);
    CHECK_EQ(client_result(&client), -ESRCH);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

/* The word that says that nobody holds the exchange is replaced by a withdrawal: so that says it. */
static void withdraw_after_release(uint32_t flags)
{
    struct tpy_offer first = plain_offer(0), next = plain_offer(TPY_OFFER_CONTINUE | flags);
    struct tpy_strike_wait wait = {.deadline = TPY_NEVER};
    struct client client;
    uint32_t id;
    int result;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt held = hold_first(&client, port, &first);
    struct tpy_lane *lane = lane_of(&client);
    lane->offer = &next;
    lane->sequence++;
    tpy_release(held.exchange, held.sequence);
    CHECK(tpy_strike(lane, &next, &wait, ECANCELED, &result));
    CHECK_EQ(result, -ESRCH);
    lane->offer = NULL;
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

CASE(a_cancel_that_crosses_a_release_says_so) { withdraw_after_release(TPY_OFFER_ACCOUNTED); }
CASE(a_withdrawal_that_crosses_a_release_says_so) { withdraw_after_release(TPY_OFFER_STAGED); }

/* It asks at this moment; nobody has seen its post. */
CASE(a_release_answers_who_asks_to_withdraw)
{
    struct tpy_offer first = plain_offer(0), next = plain_offer(TPY_OFFER_CONTINUE);
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt held = hold_first(&client, port, &first);
    struct tpy_lane *lane = lane_of(&client);
    lane->sequence++;
    atomic_store(&lane->shared->answer.answer, lane->sequence << TPY_ANSWER_SHIFT | TPY_ANSWER_CONFIRMED);
    tpy_release(held.exchange, held.sequence);
    CHECK(atomic_load(&lane->shared->answer.answer) & TPY_ANSWER_CANCEL);
    atomic_store(&client.offer, &next);
    CHECK_EQ(client_result(&client), -ESRCH);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

/* A confirmation and a cancel agree which came first. */
CASE(a_confirmation_after_the_cancel_began_does_not_count)
{
    struct tpy_offer offer = plain_offer(TPY_OFFER_CONFIRMED | TPY_OFFER_STAGED);
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt receipt = accept_first(&client, port, &offer);
    struct tpy_server_line *line = &receipt.exchange->shared->server;
    atomic_store(&line->progress, (uint64_t)receipt.exchange->sequence << TPY_PROGRESS_SHIFT | TPY_PROGRESS_CLOSED);
    CHECK_EQ(tpy_confirm(receipt.exchange, receipt.sequence), -ESRCH);
    tpy_thread_cancel(atomic_load(&client.record));
    CHECK_EQ(client_result(&client), -ECANCELED);
    CHECK_EQ(offer.reached, TPY_REACHED_ACCEPTED);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

CASE(a_cancel_after_the_confirmation_says_that_it_came)
{
    struct tpy_offer offer = plain_offer(TPY_OFFER_CONFIRMED | TPY_OFFER_STAGED);
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt receipt = accept_first(&client, port, &offer);
    CHECK_EQ(tpy_confirm(receipt.exchange, receipt.sequence), 0);
    tpy_thread_cancel(atomic_load(&client.record));
    CHECK_EQ(client_result(&client), -ECANCELED);
    CHECK_EQ(offer.reached, TPY_REACHED_CONFIRMED);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

#define LARGE 1000000

/* What cannot be stored was not accepted: its holder can receive it again. */
CASE(a_holder_whose_parts_fault_is_its_holder_still)
{
    static char message[LARGE], stored[LARGE];
    struct iovec send = {message, LARGE}, bad[] = {{stored, TPY_INLINE}, {(void *)8, LARGE}}, good = {stored, LARGE};
    struct tpy_offer first = plain_offer(0), next = plain_offer(TPY_OFFER_CONTINUE);
    struct tpy_receipt receipt;
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt held = hold_first(&client, port, &first);
    struct tpy_filter filter = {.only = held.exchange, .held = held.sequence};
    next.send = &send;
    next.send_parts = 1;
    memset(message, 7, LARGE);
    atomic_store(&client.offer, &next);
    CHECK_EQ(tpy_receive(port, &filter, bad, 2, 0, SOON, &receipt), -EFAULT);
    CHECK_EQ(tpy_receive(port, &filter, bad, 2, 0, SOON, &receipt), -EFAULT);
    CHECK_EQ(tpy_receive(port, &filter, &good, 1, 0, SOON, &receipt), 0);
    CHECK_MEM_EQ(stored, message, LARGE);
    CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, 0, NULL, 0), 0);
    CHECK_EQ(client_result(&client), 0);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

static _Atomic(struct tpy_thread *) slow;
static _Atomic(struct tpy_exchange *) slow_exchange;
static char *page;

/* The client's own page keeps it from going on, until the server waits for more and the client is to give up its offer. */
static void cancel_and_go_on(int signal)
{
    (void)signal;
    while (atomic_load(&atomic_load(&slow_exchange)->state) != TPY_ACCEPTED) sched_yield();
    tpy_thread_cancel(atomic_load(&slow));
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

/* While its holder copies it: that holds the exchange all the same. */
CASE(an_offer_withdrawn_in_its_transfer_leaves_the_exchange_with_its_holder)
{
    static char stored[LARGE];
    struct iovec send, part = {stored, LARGE};
    struct tpy_offer first = plain_offer(0), withdrawn = plain_offer(TPY_OFFER_CONTINUE | TPY_OFFER_ACCOUNTED), next = withdrawn;
    struct sigaction action = {.sa_handler = cancel_and_go_on};
    struct tpy_receipt receipt;
    struct client client;
    uint32_t id;
    core_forbid(SYS_process_vm_readv); /* or the server would not wait for it */
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt held = hold_first(&client, port, &first);
    struct tpy_filter filter = {.only = held.exchange, .held = held.sequence};
    atomic_store(&slow, atomic_load(&client.record));
    atomic_store(&slow_exchange, held.exchange);
    page = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    send = (struct iovec){page, LARGE};
    page += 16 * 4096;
    CHECK_SYS(mprotect(page, 4096, PROT_NONE));
    CHECK_SYS(sigaction(SIGSEGV, &action, NULL));
    withdrawn.send = &send;
    withdrawn.send_parts = 1;
    atomic_store(&client.offer, &withdrawn);
    CHECK_EQ(tpy_receive(port, &filter, &part, 1, 0, SOON, &receipt), 0);
    CHECK_EQ(client_result(&client), -ECANCELED);
    CHECK_EQ(tpy_turn(receipt.exchange, receipt.sequence, 0, NULL, 0), -ESRCH);
    filter.held = receipt.sequence;
    atomic_store(&client.offer, &next);
    CHECK_EQ(tpy_receive(port, &filter, NULL, 0, 0, SOON, &receipt), 0);
    CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, 0, NULL, 0), 0);
    CHECK_EQ(client_result(&client), 0);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

struct receiver {
    pthread_t thread;
    struct tpy_port *port;
    struct tpy_filter filter;
    bool filtered;
    _Atomic(struct tpy_thread *) record;
    struct tpy_receipt receipt;
    int result;
};

static void *receiver_body(void *argument)
{
    struct receiver *receiver = argument;
    atomic_store(&receiver->record, tpy_thread_self());
    receiver->result = tpy_receive(receiver->port, receiver->filtered ? &receiver->filter : NULL, NULL, 0, 0, SOON, &receiver->receipt);
    return NULL;
}

static void receiver_start(struct receiver *receiver)
{
    CHECK_EQ(pthread_create(&receiver->thread, NULL, receiver_body, receiver), 0);
    while (!atomic_load(&receiver->record) || !atomic_load(&atomic_load(&receiver->record)->asleep)) sched_yield();
}

/* Whoever takes the client's fresh offer at once tells the thread that waits for a continuation. */
CASE(a_holder_that_sleeps_learns_that_another_took_a_fresh_offer)
{
    struct tpy_offer first = plain_offer(TPY_OFFER_ACCOUNTED), fresh = plain_offer(0);
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt held = accept_first(&client, port, &first);
    tpy_thread_cancel(atomic_load(&client.record));
    CHECK_EQ(client_result(&client), -ECANCELED);
    struct receiver other = {.port = port}, holder = {.port = port, .filtered = true, .filter = {.only = held.exchange, .held = held.sequence}};
    receiver_start(&other); /* the first to wait scans, so the holder only sleeps */
    receiver_start(&holder);
    atomic_store(&client.offer, &fresh);
    CHECK_EQ(pthread_join(other.thread, NULL), 0);
    CHECK_EQ(other.result, 0);
    CHECK_EQ(pthread_join(holder.thread, NULL), 0);
    CHECK_EQ(holder.result, -ESRCH);
    CHECK_EQ(tpy_finish(other.receipt.exchange, other.receipt.sequence, 0, NULL, 0), 0);
    CHECK_EQ(client_result(&client), 0);
    client_stop(&client);
    CHECK_OK(tpy_port_destroy(port));
}

static void on_signal(int signal) { (void)signal; }

/* A face that heeds no signals receives again at once: offers with no time must find it waiting. */
CASE(a_signal_does_not_end_the_waiting_that_clients_see)
{
    static const struct tpy_port_ops none;
    struct sigaction action = {.sa_handler = on_signal};
    struct receiver receiver = {0};
    uint32_t id;
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    CHECK_OK(tpy_port_create(&none, NULL, TPY_PORT_WAITED, &receiver.port, &id));
    receiver_start(&receiver);
    CHECK_EQ(pthread_kill(receiver.thread, SIGUSR1), 0);
    CHECK_EQ(pthread_join(receiver.thread, NULL), 0);
    CHECK_EQ(receiver.result, -EINTR);
    CHECK_EQ(atomic_load(receiver.port->waits), TPY_WAITS_ANYBODY);
    struct tpy_receipt receipt;
    CHECK_EQ(tpy_receive(receiver.port, NULL, NULL, 0, 0, 0, &receipt), -ETIMEDOUT);
    CHECK_EQ(atomic_load(receiver.port->waits), TPY_WAITS_NOBODY);
    CHECK_OK(tpy_port_destroy(receiver.port));
}

/* ---- a holder that goes to sleep while its client goes ---- */

CASE(a_holder_about_to_sleep_leaves_an_exchange_that_is_gone_alone)
{
    struct tpy_offer first = plain_offer(0);
    struct client client;
    uint32_t id;
    struct tpy_port *port = core_port(&id);
    client_start(&client, id);
    struct tpy_receipt receipt = hold_first(&client, port, &first);
    struct tpy_exchange *exchange = receipt.exchange;
    struct tpy_filter only = {.only = exchange, .held = receipt.sequence};
    struct tpy_receiver receiver = {.thread = tpy_thread_self(), .filter = &only};
    struct tpy_scan scan = {.port = port, .receiver = &receiver, .thread = receiver.thread, .watched = &only, .shared = exchange->shared,
        .seen = atomic_load(&exchange->shared->offer.post) & ~(uint64_t)TPY_POST_SLEEP, .events = tpy_thread_events(receiver.thread)};
    tpy_lock_take(&port->lock);
    CHECK(tpy_group_enter(port, NULL, &receiver));
    tpy_lock_give(&port->lock);
    /* It has looked, and given the lock. Now the watcher is in the middle of freeing the exchange: unbound, and its memory is nobody's any more. */
    tpy_lock_take(&port->lock);
    tpy_port_unbind(port, exchange);
    tpy_lock_give(&port->lock);
    CHECK_SYS(mprotect(exchange->shared, sizeof *exchange->shared, PROT_READ));
    CHECK_EQ(tpy_scan_sleep(&scan, 0, SOON, tpy_now()), 0);
    CHECK_EQ(tpy_receive(port, &only, NULL, 0, 0, SOON, &receipt), -ESRCH);
}
