/* QNX, messages short enough to go in one step (native/core/brief.h), and those just beyond: lengths, rooms, pages, and a signal in the middle. */
#include "qnx_support.h"

#include <signal.h>
#include <sys/time.h>

static const size_t lengths[] = {0, 1, 3, 7, 8, 9, 15, 16, 17, 32, 33, 39, 40, 41, 63, 64, 65, 104, 168, 169, 512, 1022, 1023, 1024, 1025};
#define LENGTHS (sizeof lengths / sizeof *lengths)

/* Both buffers end where nothing is mapped any more; the room begins on the page before, too, if it is to. */
static void send_lengths(int coid, void *argument)
{
    (void)argument;
    unsigned char *out_end = (unsigned char *)qnx_at_end(4096) + 4096, *in_end = (unsigned char *)qnx_at_end(8192) + 8192;
    for (unsigned i = 0; i < LENGTHS; i++)
        for (unsigned k = 0; k < LENGTHS; k++)
            for (unsigned across = 0; across < 2; across++) {
                unsigned char *out = out_end - lengths[i], *in = in_end - lengths[k] - (across ? 4096 - lengths[k] / 2 : 0);
                size_t told = lengths[i] < lengths[k] ? lengths[i] : lengths[k];
                qnx_fill(out, lengths[i], i + k);
                memset(in_end - 8192, 0xee, 8192);
                CHECK_EQ(MsgSend(coid, out, lengths[i], in, lengths[k]), (long)(i * 100 + k));
                qnx_check_filled(in, told, i + k); /* the server answers with what it got, all of it */
                for (unsigned char *at = in_end - 8192; at < in_end; at++)
                    if (at < in || at >= in + told) CHECK_EQ(*at, 0xee);
            }
}

QNX_CASE(short_messages_fit_their_rooms_to_the_byte)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_lengths, NULL);
    unsigned char *end = (unsigned char *)qnx_at_end(4096) + 4096;
    for (unsigned i = 0; i < LENGTHS; i++)
        for (unsigned k = 0; k < LENGTHS; k++)
            for (unsigned across = 0; across < 2; across++) {
                struct _msg_info info;
                unsigned char *at = end - lengths[i];
                rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, at, lengths[i], &info));
                CHECK_EQ(info.msglen, lengths[i]);
                CHECK_EQ(info.dstmsglen, lengths[k]);
                qnx_check_filled(at, lengths[i], i + k);
                CHECK_EQ(MsgReply(rcvid, i * 100 + k, at, lengths[i]), 0);
                CHECK_EQ(MsgReply_r(rcvid, 0, at, lengths[i]), -ESRCH);
            }
    qnx_join(client);
}

#define WORDS 16
#define CALLS 300000
static int signal_coid;
static unsigned signal_sent, signal_busy;

/* One call whose answer must be its own; also as a list of parts, which goes another way. */
static long echo(int coid, unsigned seed, size_t size, bool list)
{
    unsigned out[WORDS], in[WORDS];
    for (unsigned i = 0; i < WORDS; i++) out[i] = seed + i;
    const iov_t send[] = {{out, 4}, {out + 1, size - 4}}, reply[] = {{in, 4}, {in + 1, size - 4}};
    long status = list ? MsgSendv_r(coid, send, 2, reply, 2) : MsgSend_r(coid, out, size, in, size);
    if (status < 0) return status;
    CHECK_EQ(status, (long)size);
    CHECK(memcmp(out, in, size) == 0);
    return 0;
}

static void on_alarm(int number)
{
    (void)number;
    long result = echo(signal_coid, 0x40000000u + signal_sent, 12, signal_sent % 2);
    if (result == -EAGAIN) signal_busy++; /* in the middle of the other one */
    else CHECK(result == 0 || result == -EINTR);
    signal_sent++;
}

static void send_with_alarms(int coid, void *argument)
{
    struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {0};
    (void)argument;
    signal_coid = coid;
    CHECK_EQ(echo(coid, 0, 8, false), 0); /* makes the lane */
    CHECK_SYS(sigaction(SIGALRM, &action, NULL));
    CHECK_SYS(setitimer(ITIMER_REAL, &often, NULL));
    for (unsigned i = 0; i < CALLS; i++) {
        long result = echo(coid, i, i % 2 ? 8 : WORDS * sizeof(unsigned), i / 2 % 2);
        CHECK(result == 0 || result == -EINTR);
    }
    CHECK_SYS(setitimer(ITIMER_REAL, &never, NULL));
    CHECK(signal_sent > 100);
    CHECK(signal_busy > 0);
    MsgSend_r(coid, NULL, 0, NULL, 0);
}

/* A handler may come between any two steps of the call that it interrupts. */
CASE(a_signal_handler_that_sends_spoils_no_message)
{
    unsigned char buffer[WORDS * sizeof(unsigned)];
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, send_with_alarms, NULL);
    for (;;) {
        struct _msg_info info;
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizeof buffer, &info));
        int result = MsgReply_r(rcvid, info.msglen, buffer, (size_t)info.msglen);
        CHECK(result == 0 || result == -ESRCH); /* it was interrupted */
        if (info.msglen == 0) break;
    }
    qnx_join(client);
}
