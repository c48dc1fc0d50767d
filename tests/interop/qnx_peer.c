/*
 * qnx_peer: the C end of the tests in which C and Java, or two processes, talk through the QNX gate. tests/java/org/tetrapylon/qnx/QnxPeer.java
 * is the same program in Java.
 *
 *   qnx_peer serve NAME          a server; the first byte of a message says what it does with it, see answer() below
 *   qnx_peer call NAME COUNT     a client that sends COUNT messages of many sizes and checks the echo of each
 *   qnx_peer hang NAME           a client that sends one message and says how that ended
 *   qnx_peer pulses NAME COUNT   a client that sends pulses
 *   qnx_peer hammer NAME         a client that sends without end
 *
 * It says on standard output what has happened, a line each, and returns 1 if anything was wrong.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/dispatch.h>
#include <sys/neutrino.h>

#define BUFFER (1 << 20)

static unsigned char buffer[BUFFER + 64], echo[BUFFER + 64];

/* What the 'i' message is answered with. */
struct told {
    int32_t pid, euid;
    int64_t length, room;
};

static int say(const char *format, long a, long b)
{
    printf(format, a, b);
    return fflush(stdout);
}

static void transfer(rcvid_t rcvid, const struct _msg_info *info)
{
    unsigned char piece[1000];
    ssize_t got, total = 0;
    while ((got = MsgRead(rcvid, piece, sizeof piece, (size_t)total)) > 0) {
        for (ssize_t i = 0; i < got; i++) piece[i]++;
        if (MsgWrite(rcvid, piece, (size_t)got, (size_t)total) != got) break;
        total += got;
    }
    MsgReply(rcvid, total == info->srcmsglen ? total : -1, NULL, 0);
}

static void tell(rcvid_t rcvid, const struct _msg_info *info)
{
    struct _client_info client;
    struct told told = {.pid = info->pid, .euid = -1, .length = info->srcmsglen, .room = info->dstmsglen};
    if (ConnectClientInfo(info->scoid, &client, 0) == 0) told.euid = (int32_t)client.cred.euid;
    MsgReply(rcvid, 0, &told, sizeof told);
}

static void answer(rcvid_t rcvid, const struct _msg_info *info)
{
    struct sigevent event;
    switch (buffer[0]) {
    case 'e': MsgReply(rcvid, info->msglen, buffer, (size_t)info->msglen); break;
    case 'h': say("held\n", 0, 0); break;
    case 'b': say("busy\n", 0, 0); for (;;) pause();
    case 't': transfer(rcvid, info); break;
    case 'x': MsgError(rcvid, EPERM); break;
    case 'i': tell(rcvid, info); break;
    case 'v':
        memcpy(&event, buffer + 8, sizeof event);
        MsgReply(rcvid, 0, NULL, 0);
        MsgDeliverEvent(rcvid, &event); /* works after the reply, too */
        break;
    case 'k': kill(getpid(), SIGKILL); break;
    case 'q': MsgReply(rcvid, 0, NULL, 0); exit(0);
    default: MsgError(rcvid, ENOSYS);
    }
}

static int serve(const char *name)
{
    name_attach_t *attach = name_attach(NULL, name, 0);
    if (!attach) return perror("name_attach"), 1;
    say("ready %ld %ld\n", getpid(), attach->chid);
    for (;;) {
        struct _msg_info info;
        rcvid_t rcvid = MsgReceive(attach->chid, buffer, BUFFER, &info);
        struct _pulse *pulse = (struct _pulse *)buffer;
        if (rcvid < 0) return perror("MsgReceive"), 1;
        if (rcvid > 0) answer(rcvid, &info);
        else if (pulse->code == _PULSE_CODE_DISCONNECT) {
            ConnectDetach(pulse->scoid);
            say("disconnect\n", 0, 0);
        } else if (pulse->code == _PULSE_CODE_UNBLOCK) MsgError((rcvid_t)pulse->value.sival_ptr, -1);
        else say("pulse %ld %ld\n", pulse->code, (long)pulse->value.sival_ptr);
    }
}

static int connect_to(const char *name)
{
    int coid = name_open(name, 0);
    if (coid < 0) {
        perror("name_open");
        exit(1);
    }
    return coid;
}

static int call(const char *name, int count)
{
    static const size_t sizes[] = {1, 8, 56, 57, 64, 1000, 4096, 4097, 65536, 100000, BUFFER};
    int coid = connect_to(name);
    for (int i = 0; i < count; i++) {
        size_t size = sizes[(unsigned)i % (sizeof sizes / sizeof *sizes)];
        for (size_t at = 0; at < size; at++) buffer[at] = (unsigned char)(at * 7 + (size_t)i);
        buffer[0] = 'e';
        memset(echo, 0, size);
        long status = MsgSend(coid, buffer, size, echo, size);
        if (status != (long)size || memcmp(buffer, echo, size) != 0) return say("wrong %ld %ld\n", i, status), 1;
    }
    return say("ok %ld\n", count, 0), name_close(coid) != 0;
}

static int hang(const char *name)
{
    int coid = connect_to(name);
    say("sending\n", 0, 0);
    long status = MsgSend(coid, "h", 1, NULL, 0);
    return say("ended %ld %ld\n", status, status < 0 ? errno : 0), 0;
}

static int pulses(const char *name, int count)
{
    int coid = connect_to(name);
    for (int i = 0; i < count; i++)
        if (MsgSendPulse(coid, -1, i & 127, -i) != 0) return perror("MsgSendPulse"), 1;
    return say("ok %ld\n", count, 0), 0;
}

static int hammer(const char *name)
{
    int coid = connect_to(name);
    say("hammering\n", 0, 0);
    for (size_t i = 0;; i++) {
        size_t size = i % 50 == 49 ? 70000 : 8;
        buffer[0] = 'e';
        memcpy(buffer + 1, &i, 7);
        long status = MsgSend(coid, buffer, size, echo, size);
        if (status < 0) return say("ended %ld %ld\n", status, errno), 0;
        if (memcmp(buffer, echo, 8) != 0) return say("wrong %ld %ld\n", (long)i, status), 1;
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    int count = argc > 3 ? atoi(argv[3]) : 0;
    if (strcmp(what, "serve") == 0) return serve(argv[2]);
    if (strcmp(what, "call") == 0) return call(argv[2], count);
    if (strcmp(what, "hang") == 0) return hang(argv[2]);
    if (strcmp(what, "pulses") == 0) return pulses(argv[2], count);
    if (strcmp(what, "hammer") == 0) return hammer(argv[2]);
    fprintf(stderr, "usage: qnx_peer serve|call|hang|pulses|hammer NAME [COUNT]\n");
    return 2;
}
