/*
 * Ours, by the QNX face: MsgSend on one side, MsgReceive and MsgReply on the other, as any QNX program writes them. The
 * address is the server's pid and channel, so that a Java server and a C client, or the reverse, find each other alike.
 * Compiled only where the header is.
 */
#include "contender.h"

#include <errno.h>
#include <stdio.h>
#include <sys/neutrino.h>
#include <unistd.h>

static int qnx_open(struct bench_server *server, char *address, size_t room)
{
    int chid = ChannelCreate(0);
    if (chid == -1)
        return -errno;
    server->state = (void *)(intptr_t)chid;
    snprintf(address, room, "%d:%d", (int)getpid(), chid);
    return 0;
}

static int qnx_serve(struct bench_server *server)
{
    int chid = (int)(intptr_t)server->state;
    for (;;) {
        rcvid_t rcvid = MsgReceive(chid, server->message, BENCH_LARGEST, NULL);
        if (rcvid == 0)
            continue; /* a pulse; none is asked for */
        if (rcvid < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        size_t size = bench_answer(server->message);
        if (!size)
            return -EBADMSG;
        /* ESRCH: that client has gone meanwhile; the others go on. */
        if (MsgReply(rcvid, 0, server->message, size) == -1 && errno != ESRCH)
            return -errno;
    }
}

static int qnx_connect(struct bench_client *client, const char *address)
{
    int pid, chid;
    if (sscanf(address, "%d:%d", &pid, &chid) != 2)
        return -EINVAL;
    int coid = ConnectAttach(0, pid, chid, _NTO_SIDE_CHANNEL, 0);
    if (coid == -1)
        return -errno;
    client->state = (void *)(intptr_t)coid;
    return 0;
}

static int qnx_call(struct bench_client *client, size_t size)
{
    int coid = (int)(intptr_t)client->state;
    return MsgSend(coid, client->request, size, client->reply, size) == -1 ? -errno : 0;
}

const struct contender contender_qnx = {"qnx", qnx_open, qnx_serve, qnx_connect, qnx_call};
