/*
 * A program as it is written for QNX: a timer whose pulses come to the channel the program receives on, and a receive
 * with a timeout.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sys/neutrino.h>
#include <sys/netmgr.h>

#define MY_PULSE_CODE _PULSE_CODE_MINAVAIL

typedef union {
    struct _pulse pulse;
} my_message_t;

int main(void)
{
    struct sigevent event;
    struct itimerspec itime;
    timer_t timer_id;
    int chid, coid, ticks = 0;
    rcvid_t rcvid;
    my_message_t msg;
    uint64_t timeout = 50 * 1000 * 1000;

    if ((chid = ChannelCreate(0)) == -1) {
        perror("ChannelCreate");
        return EXIT_FAILURE;
    }
    coid = ConnectAttach(ND_LOCAL_NODE, 0, chid, _NTO_SIDE_CHANNEL, 0);
    if (coid == -1) {
        perror("ConnectAttach");
        return EXIT_FAILURE;
    }
    event.sigev_notify = SIGEV_PULSE;
    event.sigev_coid = coid;
    event.sigev_priority = getprio(0);
    event.sigev_code = MY_PULSE_CODE;
    event.sigev_value.sival_int = 42;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer_id) == -1) {
        perror("timer_create");
        return EXIT_FAILURE;
    }
    itime.it_value.tv_sec = 0;
    itime.it_value.tv_nsec = 5000000;
    itime.it_interval.tv_sec = 0;
    itime.it_interval.tv_nsec = 5000000;
    timer_settime(timer_id, 0, &itime, NULL);

    while (ticks < 5) {
        rcvid = MsgReceive(chid, &msg, sizeof(msg), NULL);
        if (rcvid != 0 || msg.pulse.code != MY_PULSE_CODE || msg.pulse.value.sival_int != 42)
            return EXIT_FAILURE;
        ticks++;
    }
    timer_delete(timer_id);
    SIGEV_UNBLOCK_INIT(&event);
    do {
        TimerTimeout(CLOCK_REALTIME, _NTO_TIMEOUT_RECEIVE, &event, &timeout, NULL);
    } while (MsgReceive(chid, &msg, sizeof(msg), NULL) == 0);
    return errno == ETIMEDOUT ? EXIT_SUCCESS : EXIT_FAILURE;
}
