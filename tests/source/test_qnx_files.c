/*
 * A program as it is written for QNX: a server of one small file, which reads what clients write behind a header and writes what they
 * read in pieces; parts on both sides, and a client that is started as a program of its own.
 */
#include <errno.h>
#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/dispatch.h>
#include <sys/iomsg.h>
#include <sys/neutrino.h>
#include <sys/wait.h>
#include <unistd.h>

#define MSG_WRITE (_IO_MAX + 1)
#define MSG_READ (_IO_MAX + 2)
#define SIZE 50000

typedef struct {
    uint16_t type;
    uint16_t subtype;
    uint32_t nbytes;
    uint64_t offset;
} header_t;

typedef union {
    uint16_t type;
    struct _pulse pulse;
    header_t header;
    struct _io_msg io;
} message_t;

static char file[SIZE];

static int do_write(int rcvid, const message_t *msg, const struct _msg_info *info)
{
    iov_t iov[2];
    size_t nbytes = msg->header.nbytes, half = nbytes / 2;

    if (msg->header.offset + nbytes > SIZE || info->srcmsglen != (ssize_t)(sizeof(header_t) + nbytes))
        return EMSGSIZE;
    SETIOV(&iov[0], file + msg->header.offset, half);
    SETIOV(&iov[1], file + msg->header.offset + half, nbytes - half);
    if (MsgReadv(rcvid, iov, 2, sizeof(header_t)) == -1)
        return errno;
    return MsgReply(rcvid, (long)nbytes, NULL, 0) == -1 ? errno : EOK;
}

static int do_read(int rcvid, const message_t *msg)
{
    uint32_t nbytes = msg->header.nbytes, done, piece;

    for (done = 0; done < nbytes; done += piece) {
        piece = nbytes - done < 1000 ? nbytes - done : 1000;
        if (MsgWrite(rcvid, file + msg->header.offset + done, piece, sizeof nbytes + done) != (ssize_t)piece)
            return EIO;
    }
    return MsgReply(rcvid, EOK, &nbytes, sizeof nbytes) == -1 ? errno : EOK;
}

static int server(const char *program)
{
    char name[40];
    name_attach_t *attach;
    struct _msg_info info;
    message_t msg;
    int rcvid, err, status, child;

    snprintf(name, sizeof name, "files/%d", getpid());
    if ((attach = name_attach(NULL, name, 0)) == NULL) {
        perror("name_attach");
        return EXIT_FAILURE;
    }
    if ((child = spawnl(P_NOWAIT, program, program, name, NULL)) == -1) {
        perror("spawnl");
        return EXIT_FAILURE;
    }
    for (;;) {
        if ((rcvid = MsgReceive(attach->chid, &msg, sizeof(msg), &info)) == -1)
            return EXIT_FAILURE;
        if (rcvid == 0) {
            if (msg.pulse.code != _PULSE_CODE_DISCONNECT)
                continue;
            ConnectDetach(msg.pulse.scoid);
            break;
        }
        switch (msg.type) {
        case _IO_CONNECT: err = MsgReply(rcvid, EOK, NULL, 0) == -1 ? errno : EOK; break;
        case MSG_WRITE: err = do_write(rcvid, &msg, &info); break;
        case MSG_READ: err = do_read(rcvid, &msg); break;
        default: err = ENOSYS;
        }
        if (err != EOK)
            MsgError(rcvid, err);
    }
    name_detach(attach, 0);
    return waitpid(child, &status, 0) == child && status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int client(const char *name)
{
    static char data[SIZE], back[SIZE];
    header_t header = {.type = MSG_WRITE, .nbytes = SIZE};
    uint32_t nbytes;
    iov_t siov[2], riov[2];
    int i, coid = name_open(name, 0);

    if (coid == -1) {
        perror("name_open");
        return EXIT_FAILURE;
    }
    for (i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7);
    SETIOV(siov + 0, &header, sizeof header);
    SETIOV(siov + 1, data, sizeof data);
    if (MsgSendvs(coid, siov, 2, NULL, 0) != SIZE) {
        perror("MsgSendvs");
        return EXIT_FAILURE;
    }
    header.type = MSG_READ;
    SETIOV(riov + 0, &nbytes, sizeof nbytes);
    SETIOV(riov + 1, back, sizeof back);
    if (MsgSendsv(coid, &header, sizeof header, riov, 2) != EOK || nbytes != SIZE || memcmp(data, back, SIZE) != 0) {
        perror("MsgSendsv");
        return EXIT_FAILURE;
    }
    header.type = MSG_WRITE;
    header.offset = 1;
    if (MsgSendv(coid, siov, 2, NULL, 0) != -1 || errno != EMSGSIZE)
        return EXIT_FAILURE;
    header.type = 0x99;
    if (MsgSend(coid, &header, sizeof header, NULL, 0) != -1 || errno != ENOSYS)
        return EXIT_FAILURE;
    return name_close(coid);
}

int main(int argc, char *argv[])
{
    return argc > 1 ? client(argv[1]) : server(argv[0]);
}
