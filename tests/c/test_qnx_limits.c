/* QNX: the limits that README.md names, each reached and left again, and messages longer than 32 bits can say. */
#include "qnx_support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void many_descriptors(void)
{
    struct rlimit limit;
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_cur < 4096) SKIP("needs 4,096 descriptors");
}

CASE_LIMIT(channels, 30)
{
    int made = 0, some = 0, result;
    while ((result = ChannelCreate_r(0)) > 0) made++, some = result;
    CHECK_EQ(made, 1023);
    CHECK_ERRNO(ChannelCreate(0), EAGAIN);
    CHECK_EQ(ChannelDestroy(some), 0);
    CHECK_SYS(ChannelCreate(0));
    CHECK_ERRNO(ChannelCreate(0), EAGAIN);
}

CASE_LIMIT(connections_to_one_process, 60)
{
    int made = 0, result, some = 0, chid = CHECK_SYS(ChannelCreate(0));
    many_descriptors();
    while ((result = ConnectAttach_r(0, 0, chid, _NTO_SIDE_CHANNEL, 0)) > 0) made++, some = result;
    CHECK_EQ(made, 1024);
    CHECK_ERRNO(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0), EAGAIN);
    CHECK_ERRNO(ConnectAttach(0, 0, chid, 0, 0), EAGAIN);
    CHECK_EQ(ConnectDetach(some), 0);
    CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    CHECK_EQ(MsgSendPulse(some - 1, 10, 1, 5), 0);
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 5);
}

CASE_LIMIT(registered_events, 30)
{
    static struct sigevent events[4097];
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    for (int i = 0; i < 4097; i++) {
        SIGEV_PULSE_INIT(&events[i], coid, 10, 1, i);
        int result = MsgRegisterEvent_r(&events[i], -1);
        if (i == 4096 || result != 0) CHECK_EQ(i, 4096);
        CHECK_EQ(result, i < 4096 ? 0 : -EAGAIN);
    }
    CHECK_EQ(MsgDeliverEvent(0, &events[4095]), 0);
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 4095);
    CHECK_EQ(MsgUnregisterEvent(&events[77]), 0);
    CHECK_EQ(MsgRegisterEvent(&events[4096], -1), 0);
    CHECK_ERRNO(MsgDeliverEvent(0, &events[77]), ESRCH); /* not the one that has its place now */
}

CASE_LIMIT(timers_that_end_in_pulses, 30)
{
    static timer_t timers[1025];
    struct sigevent event;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    many_descriptors();
    for (int i = 0; i < 1024; i++) {
        SIGEV_PULSE_INIT(&event, coid, 10, 1, i);
        CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timers[i]));
    }
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timers[1024]), EAGAIN);
    CHECK_SYS(timer_settime(timers[1023], 0, &(struct itimerspec){{0, 0}, {0, 1}}, NULL));
    CHECK_EQ(qnx_receive_pulse(chid).value.sival_int, 1023);
    CHECK_SYS(timer_delete(timers[500]));
    CHECK_SYS(timer_create(CLOCK_MONOTONIC, &event, &timers[500]));
}

/* ---- Five GiB of zeros, which take no memory, with a few bytes at the end ---- */

#define FIVE_GIB (5ull << 30)

static void send_five_gib(int coid, void *argument)
{
    (void)argument;
    char *whole = mmap(NULL, FIVE_GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(whole != MAP_FAILED);
    strcpy(whole + FIVE_GIB - 8, "the end");
    CHECK_EQ(MsgSend(coid, whole, FIVE_GIB, whole, FIVE_GIB), 1);
    CHECK_STR_EQ(whole + FIVE_GIB - 8, "the END");
    iov_t parts[2] = {{whole, FIVE_GIB - 8}, {whole + FIVE_GIB - 8, 8}};
    CHECK_EQ(MsgSendv(coid, parts, 2, parts, 2), 2);
    CHECK_STR_EQ(whole + FIVE_GIB - 8, "the end");
}

QNX_CASE(a_message_of_five_gib_is_read_and_written_at_its_end)
{
    char buffer[16];
    struct _msg_info info;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_five_gib, NULL);
    for (int i = 1; i <= 2; i++) {
        rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, 4, &info));
        CHECK_GT(rcvid, 0);
        CHECK_EQ(info.srcmsglen, FIVE_GIB);
        CHECK_EQ(info.dstmsglen, FIVE_GIB);
        CHECK_EQ(MsgRead(rcvid, buffer, 16, FIVE_GIB - 8), 8);
        CHECK_STR_EQ(buffer, i == 1 ? "the end" : "the END");
        CHECK_EQ(MsgRead(rcvid, buffer, 16, FIVE_GIB), 0);
        CHECK_EQ(MsgWrite(rcvid, i == 1 ? "END" : "end", 4, FIVE_GIB - 4), 4);
        CHECK_EQ(MsgReply(rcvid, i, NULL, 0), 0);
    }
    qnx_join(client);
}
