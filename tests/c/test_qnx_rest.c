/* QNX: what remains: blocked states seen from outside, node names, starting programs. */
#include "qnx_support.h"

#include <process.h>
#include <pthread.h>
#include <signal.h>
#include <sys/netmgr.h>
#include <sys/wait.h>

static void send_once(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
}

/* Waits until the process has exactly one thread in that state. */
static struct tpy_thread_state await_state(pid_t pid, int state)
{
    struct tpy_thread_state states[8];
    for (;;) {
        int count = tpy_threads_of(pid, states, 8);
        CHECK_LE(count, 8);
        for (int i = 0; i < count; i++)
            if (states[i].state == state) return states[i];
        delay(1);
    }
}

CASE(blocked_states_can_be_seen_from_outside)
{
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(false, chid, send_once, NULL);
    struct tpy_thread_state state = await_state(qnx_pid(client), TPY_STATE_SEND);
    CHECK_EQ(state.tid, qnx_pid(client)); /* its only thread */
    CHECK_GE(state.thread, 1);
    CHECK_EQ(state.partner, getpid());
    CHECK_EQ(state.port, chid);
    CHECK_GT(state.nanoseconds, 0);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    state = await_state(qnx_pid(client), TPY_STATE_REPLY);
    CHECK_EQ(state.partner, getpid());
    CHECK_EQ(state.port, chid);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
    struct tpy_thread_state none;
    CHECK_EQ(tpy_threads_of(-1, &none, 1), -ESRCH);
    CHECK_EQ(tpy_threads_of(0, &none, 1), -ESRCH);
    CHECK_EQ(tpy_threads_of(1 << 22, &none, 1), -ESRCH);
    CHECK_EQ(tpy_threads_of(getppid(), &none, 1), -ESRCH); /* it does not use the library */
}

static void *receive_one(void *argument)
{
    char byte;
    CHECK_EQ(MsgReply(qnx_receive(*(int *)argument, &byte, 1), 0, NULL, 0), 0);
    return NULL;
}

CASE(a_receiver_is_seen_too)
{
    pthread_t thread;
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(pthread_create(&thread, NULL, receive_one, &chid), 0);
    struct tpy_thread_state state = await_state(getpid(), TPY_STATE_RECEIVE);
    CHECK_EQ(state.port, chid);
    CHECK_EQ(state.partner, 0);
    CHECK_NE(state.tid, getpid());
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

CASE(node_names)
{
    char name[256] = "", *end;
    CHECK_EQ(netmgr_ndtostr(0, ND_LOCAL_NODE, name, sizeof name), (long)strlen(name));
    CHECK_EQ(netmgr_strtond(name, &end), ND_LOCAL_NODE);
    CHECK_PTR_EQ(end, name + strlen(name));
    CHECK_EQ(netmgr_strtond("localhost", NULL), ND_LOCAL_NODE);
    CHECK_ERRNO(netmgr_strtond("no such node", NULL), ENOENT);
    CHECK_ERRNO(netmgr_strtond(NULL, NULL), EINVAL);
    CHECK_ERRNO(netmgr_ndtostr(0, 5, name, sizeof name), EINVAL);
    CHECK_ERRNO(netmgr_ndtostr(0, ND_LOCAL_NODE, name, 1), ERANGE);
    CHECK_EQ(netmgr_ndtostr(ND2S_NAME_HIDE, ND_LOCAL_NODE, name, 1), 0);
    CHECK_EQ(ND_NODE_CMP(ND_LOCAL_NODE, 0), 0);
    CHECK_NE(ND_NODE_CMP(ND_LOCAL_NODE, 3), 0);
}

CASE(programs_are_started)
{
    int status;
    char *const arguments[] = {"sh", "-c", "exit 5", NULL}, *const environment[] = {"WORD=six", NULL};
    status = CHECK_SYS(spawnl(P_WAIT, "/bin/sh", "sh", "-c", "exit 7", NULL));
    CHECK_EQ(WEXITSTATUS(status), 7);
    status = CHECK_SYS(spawnlp(P_WAIT, "sh", "sh", "-c", "exit 8", NULL));
    CHECK_EQ(WEXITSTATUS(status), 8);
    status = CHECK_SYS(spawnv(P_WAIT, "/bin/sh", arguments));
    CHECK_EQ(WEXITSTATUS(status), 5);
    pid_t child = CHECK_SYS(spawnvp(P_NOWAIT, "sh", arguments));
    CHECK_SYS(waitpid(child, &status, 0));
    CHECK_EQ(WEXITSTATUS(status), 5);
    char *const ask[] = {"sh", "-c", "test $WORD = six", NULL};
    CHECK_EQ(spawnve(P_WAIT, "/bin/sh", ask, environment), 0);
    CHECK_ERRNO(spawnl(P_WAIT, "/no/such/program", "x", NULL), ENOENT);
    CHECK_ERRNO(spawnl(17, "/bin/sh", "sh", NULL), EINVAL);
}

CASE(delay_sleeps_that_long)
{
    int64_t start = qnx_now_ms();
    CHECK_EQ(delay(30), 0);
    CHECK_GE(qnx_now_ms() - start, 29);
}
