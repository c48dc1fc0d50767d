/*
 * Ours, by the L4 face: l4_ipc_call on one side, l4_ipc_reply_and_wait on the other. A call of 8 B travels in a register
 * alone, one of 64 B as words in memory, longer ones as one indirect string. The address is the server thread's id, so that
 * either language can stand on either side. "l4-send" is the same 8 B without the functions that send and receive in
 * one: the client sends and receives from the server alone, the server receives from that client alone and sends. "l4-one-way" is
 * the first half of that, with an answer only now and then. Compiled only where the library is.
 */
#include "contender.h"

#include <errno.h>
#include <inttypes.h>
#include <l4/sys/ipc.h>
#include <stdbool.h>
#include <stdio.h>

#define WORDS 8 /* beyond these a message is a string */

struct message {
    l4_fpage_t fpage;
    l4_msgdope_t size_dope, send_dope;
    l4_umword_t word[WORDS]; /* the first two travel in registers */
    l4_strdope_t string;
};

static void prepare(struct message *message)
{
    *message = (struct message){.size_dope = L4_IPC_DOPE(WORDS, 1)};
}

static int failed(int error)
{
    fprintf(stderr, "l4: IPC error %#x\n", (unsigned)error);
    return -EPROTO;
}

static int l4_open(struct bench_server *server, char *address, size_t room)
{
    (void)server;
    l4_threadid_t self = l4_myself();
    if (l4_is_invalid_id(self))
        return -EAGAIN;
    snprintf(address, room, "%" PRIx64, self.raw);
    return 0;
}

/* What answers the message that was received: a descriptor, with its first words in `word`; NIL where it made no sense. */
static const void *answer(struct bench_server *server, struct message *message, l4_umword_t word[2], l4_msgdope_t received)
{
    if (received.raw == L4_IPC_DOPE(2, 0).raw)
        return bench_answer(word) == sizeof *word ? L4_IPC_SHORT_MSG : L4_IPC_NIL_DESCRIPTOR;
    bool is_string = received.md.strings == 1;
    size_t came = is_string ? message->string.snd_size : received.md.dwords * sizeof *word;
    if (bench_answer(is_string ? server->message : (void *)word) != came)
        return L4_IPC_NIL_DESCRIPTOR;
    message->send_dope = received;
    return message;
}

static int l4_serve(struct bench_server *server)
{
    static struct message message;
    l4_threadid_t client;
    l4_umword_t word[2];
    l4_msgdope_t result;
    prepare(&message);
    message.string.rcv_size = BENCH_LARGEST;
    message.string.rcv_str = (l4_umword_t)server->message;
    int error = l4_ipc_wait(&client, &message, &word[0], &word[1], L4_IPC_NEVER, &result);
    for (;;) {
        if (error && !result.md.snd_error)
            return failed(error);
        if (error) { /* that client has gone meanwhile; the others go on */
            error = l4_ipc_wait(&client, &message, &word[0], &word[1], L4_IPC_NEVER, &result);
            continue;
        }
        const void *reply = answer(server, &message, word, result);
        if (reply == L4_IPC_NIL_DESCRIPTOR)
            return -EBADMSG;
        error = l4_ipc_reply_and_wait(client, reply, word[0], word[1], &client, &message, &word[0], &word[1],
                                      L4_IPC_SEND_TIMEOUT_0, &result);
    }
}

static struct {
    l4_threadid_t server;
    struct message out, in;
} own; /* one client a process */

static int l4_connect(struct bench_client *client, const char *address)
{
    if (sscanf(address, "%" SCNx64, &own.server.raw) != 1)
        return -EINVAL;
    prepare(&own.out);
    prepare(&own.in);
    own.out.string.snd_str = (l4_umword_t)client->request;
    own.in.string.rcv_str = (l4_umword_t)client->reply;
    return 0;
}

static int l4_call(struct bench_client *client, size_t size)
{
    char *request = client->request, *reply = client->reply;
    l4_umword_t word[2] = {0};
    l4_msgdope_t result;
    if (size == sizeof *word) { /* in a register, there and back */
        l4_umword_t answered, unused;
        int error = l4_ipc_call(own.server, L4_IPC_SHORT_MSG, bench_word(request), 0, L4_IPC_SHORT_MSG, &answered, &unused,
                                L4_IPC_NEVER, NULL);
        bench_set_word(reply, answered);
        return error ? failed(error) : 0;
    }
    bool is_string = size > sizeof own.out.word;
    unsigned words = is_string ? 2 : (unsigned)(size / sizeof *word);
    own.out.send_dope = L4_IPC_DOPE(words, is_string);
    own.in.size_dope = L4_IPC_DOPE(WORDS, is_string);
    own.out.string.snd_size = own.in.string.rcv_size = size;
    if (!is_string) {
        memcpy(word, request, sizeof word);
        memcpy(&own.out.word[2], request + sizeof word, size - sizeof word);
    }
    int error = l4_ipc_call(own.server, &own.out, word[0], word[1], &own.in, &word[0], &word[1], L4_IPC_NEVER, &result);
    if (error)
        return failed(error);
    if (result.md.dwords != words || result.md.strings != is_string || (is_string && own.in.string.snd_size != size))
        return -EBADMSG;
    if (!is_string) {
        memcpy(reply, word, sizeof word);
        memcpy(reply + sizeof word, &own.in.word[2], size - sizeof word);
    }
    return 0;
}

const struct contender contender_l4 = {"l4", l4_open, l4_serve, l4_connect, l4_call};

/* The server's first message, which tells who its only client is; then what it does after each. Until something fails. */
static int serve_one(int next(l4_threadid_t client, l4_umword_t *word))
{
    l4_threadid_t client;
    l4_umword_t word, unused;
    int error = l4_ipc_wait(&client, L4_IPC_SHORT_MSG, &word, &unused, L4_IPC_NEVER, NULL);
    if (error)
        return failed(error);
    while (!error)
        error = next(client, &word);
    return error;
}

static int send_word(l4_threadid_t to, l4_umword_t word)
{
    int error = l4_ipc_send(to, L4_IPC_SHORT_MSG, word, 0, L4_IPC_NEVER, NULL);
    return error ? failed(error) : 0;
}

static int receive_word(l4_threadid_t from, l4_umword_t *word)
{
    l4_umword_t unused;
    int error = l4_ipc_receive(from, L4_IPC_SHORT_MSG, word, &unused, L4_IPC_NEVER, NULL);
    return error ? failed(error) : 0;
}

static int answer_each(l4_threadid_t client, l4_umword_t *word)
{
    if (bench_answer(word) != sizeof *word)
        return -EBADMSG;
    int error = send_word(client, *word);
    return error ? error : receive_word(client, word);
}

static int send_serve(struct bench_server *server)
{
    (void)server;
    return serve_one(answer_each);
}

static int send_call(struct bench_client *client, size_t size)
{
    l4_umword_t answered;
    if (size != sizeof answered)
        return -EMSGSIZE;
    int error = send_word(own.server, bench_word(client->request));
    if (!error)
        error = receive_word(own.server, &answered);
    if (!error)
        bench_set_word(client->reply, answered);
    return error;
}

/* Each 256th message is answered; the numbers of all are checked by who receives them. */
static bool is_answered(uint64_t word)
{
    return word / (2 * BENCH_STEP) % 256 == 255;
}

static int answer_few(l4_threadid_t client, l4_umword_t *word)
{
    uint64_t came = *word;
    int error = is_answered(came) ? send_word(client, came + BENCH_STEP) : 0;
    if (!error)
        error = receive_word(client, word);
    return error || *word == came + 2 * BENCH_STEP ? error : -EBADMSG;
}

static int one_way_serve(struct bench_server *server)
{
    (void)server;
    return serve_one(answer_few);
}

static int one_way_call(struct bench_client *client, size_t size)
{
    uint64_t word = bench_word(client->request);
    l4_umword_t answered = word + BENCH_STEP;
    if (size != sizeof answered)
        return -EMSGSIZE;
    int error = send_word(own.server, word);
    if (!error && is_answered(word))
        error = receive_word(own.server, &answered);
    if (!error)
        bench_set_word(client->reply, answered);
    return error;
}

const struct contender contender_l4_send = {"l4-send", l4_open, send_serve, l4_connect, send_call};
const struct contender contender_l4_one_way = {"l4-one-way", l4_open, one_way_serve, l4_connect, one_way_call};
