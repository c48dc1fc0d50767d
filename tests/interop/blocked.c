/*
 * blocked: processes that stay in a blocked state until they are killed, for the tests of what others can see of it.
 *
 *   blocked receive NAME   a server; says "ready PID CHID", receives what comes and answers nothing
 *   blocked work NAME      the same, but after the first message, when it says "busy", it receives no more
 *   blocked send NAME      a client that sends one message
 */
#include <stdio.h>
#include <string.h>
#include <sys/dispatch.h>
#include <sys/neutrino.h>

static int serve(const char *name, int works)
{
    char message[64];
    name_attach_t *attach = name_attach(NULL, name, 0);
    if (!attach) return perror("name_attach"), 1;
    printf("ready %d %d\n", getpid(), attach->chid);
    fflush(stdout);
    while (MsgReceive(attach->chid, message, sizeof message, NULL) >= 0) {
        puts("busy");
        fflush(stdout);
        while (works) pause();
    }
    return perror("MsgReceive"), 1;
}

static int send_one(const char *name)
{
    int coid = name_open(name, 0);
    if (coid < 0) return perror("name_open"), 1;
    return MsgSend(coid, "hello", 5, NULL, 0) < 0;
}

int main(int argc, char **argv)
{
    const char *what = argc == 3 ? argv[1] : "";
    if (strcmp(what, "receive") == 0) return serve(argv[2], 0);
    if (strcmp(what, "work") == 0) return serve(argv[2], 1);
    if (strcmp(what, "send") == 0) return send_one(argv[2]);
    fprintf(stderr, "usage: blocked receive|work|send NAME\n");
    return 2;
}
