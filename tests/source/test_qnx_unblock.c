/*
 * A program as it is written for QNX: a server that holds its clients' messages and lets them go when they ask to be let go, by
 * a signal and by a timeout.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/neutrino.h>
#include <sys/wait.h>
#include <unistd.h>

typedef union {
    uint16_t type;
    struct _pulse pulse;
    char text[32];
} message_t;

static void handler(int signo)
{
    (void)signo;
}

static int client(pid_t pid, int chid)
{
    int coid = ConnectAttach(ND_LOCAL_NODE, pid, chid, _NTO_SIDE_CHANNEL, 0);
    struct sigaction sa;
    struct sigevent ev;
    uint64_t timeout = 50 * 1000000ULL;
    struct itimerspec often = {{0, 20000000}, {0, 20000000}};
    timer_t timer;

    if (coid == -1) {
        perror("ConnectAttach");
        return 1;
    }
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    sigaction(SIGALRM, &sa, NULL);
    SIGEV_SIGNAL_INIT(&ev, SIGALRM);
    if (timer_create(CLOCK_MONOTONIC, &ev, &timer) == -1)
        return 1;
    timer_settime(timer, 0, &often, NULL);
    if (MsgSend(coid, "A", 2, NULL, 0) != -1 || errno != EINTR)
        return 2;
    timer_delete(timer);
    SIGEV_UNBLOCK_INIT(&ev);
    TimerTimeout(CLOCK_REALTIME, _NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, &ev, &timeout, NULL);
    if (MsgSend(coid, "B", 2, NULL, 0) != -1 || errno != ETIMEDOUT)
        return 3;
    return MsgSend(coid, "C", 2, NULL, 0) == 7 ? 0 : 4;
}

int main(void)
{
    message_t msg;
    struct _msg_info info;
    int chid = ChannelCreate(_NTO_CHF_UNBLOCK | _NTO_CHF_DISCONNECT), rcvid, held = 0, let_go = 0, status;
    pid_t server = getpid(), pid = fork();

    if (pid == 0)
        exit(client(server, chid));
    for (;;) {
        rcvid = MsgReceive(chid, &msg, sizeof msg, NULL);
        if (rcvid == -1) {
            perror("MsgReceive");
            return EXIT_FAILURE;
        }
        if (rcvid > 0) {
            if (msg.text[0] == 'C')
                MsgReply(rcvid, 7, NULL, 0);
            else
                held = rcvid;
            continue;
        }
        if (msg.pulse.code == _PULSE_CODE_UNBLOCK) {
            rcvid = msg.pulse.value.sival_int;
            if (rcvid != held || MsgInfo(rcvid, &info) == -1 || !(info.flags & _NTO_MI_UNBLOCK_REQ))
                return EXIT_FAILURE;
            MsgError(rcvid, -1);
            let_go++;
        } else if (msg.pulse.code == _PULSE_CODE_DISCONNECT) {
            ConnectDetach(msg.pulse.scoid);
            break;
        }
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "the client ended with %d\n", WEXITSTATUS(status));
        return EXIT_FAILURE;
    }
    return let_go >= 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
