/*
 * A program as it is written for QNX, with nothing of Linux in it: a server that has a name and a client that opens
 * it. The parent serves, the child asks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/dispatch.h>
#include <sys/iomsg.h>
#include <sys/neutrino.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET_LENGTH (_IO_MAX + 1)

typedef struct {
    uint16_t type;
    char text[100];
} request_t;

typedef union {
    uint16_t type;
    struct _pulse pulse;
    request_t request;
} buffer_t;

static char name[40];

static int client(void)
{
    request_t request;
    struct _io_msg io = {.type = _IO_MSG};
    int coid, length = 0, status;

    while ((coid = name_open(name, 0)) == -1) {
        if (errno != ENOENT) {
            perror("name_open");
            return EXIT_FAILURE;
        }
        delay(1);
    }
    request.type = GET_LENGTH;
    strcpy(request.text, "sixteen letters!");
    status = MsgSend(coid, &request, sizeof request, &length, sizeof length);
    if (status != EOK || length != 16) {
        fprintf(stderr, "MsgSend gave %d, the length %d\n", status, length);
        return EXIT_FAILURE;
    }
    if (MsgSend(coid, &io, sizeof io, NULL, 0) != -1 || errno != ENOSYS) {
        fprintf(stderr, "the I/O message was not refused\n");
        return EXIT_FAILURE;
    }
    name_close(coid);
    return EXIT_SUCCESS;
}

static int serve(name_attach_t *attach)
{
    buffer_t buffer;
    int rcvid, length; /* as programs have it */

    for (;;) {
        rcvid = MsgReceive(attach->chid, &buffer, sizeof buffer, NULL);
        if (rcvid == -1) {
            perror("MsgReceive");
            return EXIT_FAILURE;
        }
        if (rcvid == 0) {
            switch (buffer.pulse.code) {
            case _PULSE_CODE_DISCONNECT:
                ConnectDetach(buffer.pulse.scoid);
                return EXIT_SUCCESS;
            case _PULSE_CODE_UNBLOCK:
            default: break;
            }
            continue;
        }
        if (buffer.type == _IO_CONNECT) {
            MsgReply(rcvid, EOK, NULL, 0);
            continue;
        }
        if (buffer.type > _IO_BASE && buffer.type <= _IO_MAX) {
            MsgError(rcvid, ENOSYS);
            continue;
        }
        length = (int)strlen(buffer.request.text);
        MsgReply(rcvid, EOK, &length, sizeof length);
    }
}

int main(void)
{
    name_attach_t *attach;
    int status, result;

    snprintf(name, sizeof name, "source-%d", getpid());
    pid_t pid = fork();
    if (pid == 0)
        return client();
    if ((attach = name_attach(NULL, name, 0)) == NULL) {
        perror("name_attach");
        return EXIT_FAILURE;
    }
    result = serve(attach);
    name_detach(attach, 0);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return EXIT_FAILURE;
    return result;
}
