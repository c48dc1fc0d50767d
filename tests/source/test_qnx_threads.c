/*
 * A program as it is written for QNX: a pool of threads receives on one channel; parts, MsgRead and MsgWrite; events
 * delivered later.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/iomsg.h>
#include <sys/neutrino.h>

#define THREADS 3
#define SIZE 5000

struct header {
    uint16_t type;
    uint16_t spare;
    uint32_t length;
    struct sigevent event;
};

static int chid;

static void *server_thread(void *arg)
{
    struct header header;
    struct _msg_info info;
    rcvid_t rcvid;
    iov_t iov[2];

    (void)arg;
    while ((rcvid = MsgReceive(chid, &header, sizeof header, &info)) != -1) {
        if (rcvid == 0)
            continue;
        char *data = malloc(header.length);
        if (data == NULL || MsgRead(rcvid, data, header.length, sizeof header) != (ssize_t)header.length) {
            MsgError(rcvid, EIO);
            continue;
        }
        for (uint32_t i = 0; i < header.length; i++)
            data[i]++;
        MsgWrite(rcvid, data, header.length, sizeof header.length);
        SETIOV(&iov[0], &header.length, sizeof header.length);
        MsgReplyv(rcvid, (long)header.length, iov, 1);
        MsgDeliverEvent(rcvid, &header.event);
        free(data);
    }
    return NULL;
}

int main(void)
{
    struct header header;
    char out[SIZE], in[SIZE];
    uint32_t length;
    iov_t siov[2], riov[2];
    int coid, events, events_coid;
    struct _pulse pulse;

    chid = ChannelCreate(_NTO_CHF_UNBLOCK | _NTO_CHF_DISCONNECT);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(NULL, NULL, &server_thread, NULL) != EOK)
            return EXIT_FAILURE;

    events = ChannelCreate(_NTO_CHF_PRIVATE);
    events_coid = ConnectAttach(0, 0, events, _NTO_SIDE_CHANNEL, 0);
    coid = ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, _NTO_COF_CLOEXEC);
    for (int round = 0; round < 100; round++) {
        memset(&header, 0, sizeof header);
        header.type = _IO_MAX + 5;
        header.length = SIZE;
        SIGEV_PULSE_INIT(&header.event, events_coid, SIGEV_PULSE_PRIO_INHERIT, _PULSE_CODE_MINAVAIL + 1, round);
        if (MsgRegisterEvent(&header.event, coid) == -1)
            return EXIT_FAILURE;
        memset(out, round, sizeof out);
        memset(in, 0, sizeof in);
        SETIOV(&siov[0], &header, sizeof header);
        SETIOV(&siov[1], out, sizeof out);
        SETIOV(&riov[0], &length, sizeof length);
        SETIOV(&riov[1], in, sizeof in);
        if (MsgSendv(coid, siov, 2, riov, 2) != SIZE || length != SIZE) {
            fprintf(stderr, "MsgSendv: %s\n", strerror(errno));
            return EXIT_FAILURE;
        }
        for (int i = 0; i < SIZE; i++)
            if (in[i] != (char)(round + 1)) {
                fprintf(stderr, "byte %d of round %d is %d\n", i, round, in[i]);
                return EXIT_FAILURE;
            }
        if (MsgReceivePulse(events, &pulse, sizeof pulse, NULL) == -1 || pulse.value.sival_int != round)
            return EXIT_FAILURE;
        MsgUnregisterEvent(&header.event);
    }
    ConnectDetach(coid);
    ChannelDestroy(chid);
    return EXIT_SUCCESS;
}
