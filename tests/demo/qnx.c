/*
 * The demo's QNX gate in C: an ordinary QNX server and client. The server receives at most 64 KiB at once, so that what is
 * longer goes by MsgRead and MsgWrite while the client is blocked. DEMO_TELL answers the number of pulses, and the sum of their values.
 */
#include "side.h"

#include <stdio.h>
#include <string.h>
#include <sys/dispatch.h>
#include <sys/neutrino.h>

#define AT_ONCE 65536
#define PULSES 100
#define PULSE_CODE 7

static unsigned char message[DEMO_LARGEST], answer[DEMO_LARGEST];
static int coid;

/* The rest of a message that did not fit, and the answer to it, in pieces. */
static void move_large(rcvid_t rcvid, size_t size)
{
    for (size_t at = AT_ONCE; at < size;) {
        ssize_t got = MsgRead(rcvid, message + at, size - at, at);
        if (got <= 0) demo_fail(got < 0 ? errno : 0, "MsgRead at %zu of %zu", at, size);
        at += (size_t)got;
    }
}

static void answer_bytes(rcvid_t rcvid, size_t size, uint64_t word)
{
    if (size > AT_ONCE) move_large(rcvid, size);
    if (!demo_same(message, size, word)) demo_fail(0, "a message of %zu B came with other bytes", size);
    demo_fill(answer, size, word + 1);
    for (size_t at = 0; size > AT_ONCE && at < size; at += AT_ONCE) {
        size_t piece = size - at < AT_ONCE ? size - at : AT_ONCE;
        ssize_t put = MsgWrite(rcvid, answer + at, piece, at);
        if (put != (ssize_t)piece) demo_fail(put < 0 ? errno : 0, "MsgWrite at %zu of %zu", at, size);
    }
    if (MsgReply(rcvid, (long)size, answer, size > AT_ONCE ? 0 : size) != 0) demo_fail(errno, "MsgReply");
}

static void serve(const char *name)
{
    uint64_t pulses[2] = {0}, word;
    int messages = 0, bytes = 0;
    name_attach_t *attach = name_attach(NULL, name, 0);
    if (!attach) demo_fail(errno, "name_attach");
    demo_ready();
    for (;;) {
        struct _msg_info info;
        rcvid_t rcvid = MsgReceive(attach->chid, message, AT_ONCE, &info);
        if (rcvid < 0) demo_fail(errno, "MsgReceive");
        if (rcvid == 0) {
            struct _pulse *pulse = (struct _pulse *)message;
            if (pulse->code == _PULSE_CODE_DISCONNECT) ConnectDetach(pulse->scoid);
            if (pulse->code != PULSE_CODE) continue;
            pulses[0]++;
            pulses[1] += (uint64_t)pulse->value.sival_int;
            continue;
        }
        messages++;
        bytes += (int)info.srcmsglen;
        memcpy(&word, message, sizeof word);
        switch (demo_want(word)) {
        case DEMO_BYTES: answer_bytes(rcvid, (size_t)info.srcmsglen, word); break;
        case DEMO_TIME: word++; MsgReply(rcvid, 0, &word, sizeof word); break;
        case DEMO_TELL: MsgReply(rcvid, info.pid, pulses, sizeof pulses); break;
        case DEMO_REFUSE: MsgError(rcvid, EPERM); break;
        default:
            MsgReply(rcvid, 0, NULL, 0);
            demo_did("answered %d messages of %d B and took %d pulses", messages, bytes, (int)pulses[0]);
            name_detach(attach, 0);
            return;
        }
    }
}

static void check_bytes(size_t size, uint32_t number)
{
    uint64_t word = demo_word(DEMO_BYTES, number);
    demo_fill(message, size, word);
    memset(answer, 0, size);
    long status = MsgSend(coid, message, size, answer, size);
    if (status != (long)size) demo_fail(status < 0 ? errno : 0, "MsgSend of %zu B returned %ld", size, status);
    if (!demo_same(answer, size, word + 1)) demo_fail(0, "the answer of %zu B has other bytes", size);
}

static void check_pulses(void)
{
    uint64_t word = demo_word(DEMO_TELL, 0), told[2];
    for (int i = 0; i < PULSES; i++)
        if (MsgSendPulse(coid, -1, PULSE_CODE, i) != 0) demo_fail(errno, "MsgSendPulse");
    long status = MsgSend(coid, &word, sizeof word, told, sizeof told);
    if (status < 0) demo_fail(errno, "MsgSend");
    if (told[0] != PULSES || told[1] != PULSES * (PULSES - 1) / 2) demo_fail(0, "the server took other pulses");
    if (status != getpid()) demo_fail(0, "the server was told that process %ld sent, not %d", status, getpid());
}

static uint64_t trip(uint64_t word)
{
    uint64_t got = 0;
    if (MsgSend(coid, &word, sizeof word, &got, sizeof got) != 0) demo_fail(errno, "MsgSend");
    return got;
}

static void call(const char *name)
{
    static const size_t sizes[] = {8, 9, 64, 1000, 4096, 40000, AT_ONCE};
    uint64_t word = demo_word(DEMO_REFUSE, 0);
    coid = name_open(name, 0);
    if (coid < 0) demo_fail(errno, "name_open");
    for (uint32_t i = 0; i < 10 * sizeof sizes / sizeof *sizes; i++) check_bytes(sizes[i % (sizeof sizes / sizeof *sizes)], i);
    demo_did("8 B to 64 KiB");
    check_bytes(300000, 1000);
    check_bytes(DEMO_LARGEST, 1001);
    demo_did("300 KB and 1 MB by MsgRead/Write");
    check_pulses();
    demo_did("%d pulses", PULSES);
    if (MsgSend(coid, &word, sizeof word, NULL, 0) != -1 || errno != EPERM) demo_fail(0, "the server's error did not come");
    demo_did("an error");
    demo_time(trip);
    word = demo_word(DEMO_END, 0);
    if (MsgSend(coid, &word, sizeof word, NULL, 0) != 0) demo_fail(errno, "the last MsgSend");
    name_close(coid);
}

int main(int argc, char **argv)
{
    return demo_main(argc, argv, &(struct demo_gate){"qnx", serve, call});
}
