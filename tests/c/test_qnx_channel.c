/*
 * QNX: ChannelCreate, ChannelDestroy, ConnectAttach, ConnectDetach, ConnectFlags, ConnectServerInfo,
 * ConnectClientInfo.
 */
#include "qnx_support.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

CASE(channel_ids_are_unique_and_come_back_late)
{
    int first = CHECK_SYS(ChannelCreate(0)), second = CHECK_SYS(ChannelCreate(0));
    CHECK_GE(first, 1);
    CHECK_GE(second, 1);
    CHECK_NE(first, second);
    CHECK_EQ(ChannelDestroy(first), 0);
    CHECK_NE(CHECK_SYS(ChannelCreate(0)), first);
}

CASE(channel_errors)
{
    CHECK_ERRNO(ChannelDestroy(1), EINVAL);
    int chid = CHECK_SYS(ChannelCreate(0));
    int none[] = {0, -1, INT32_MIN, INT32_MAX, 1024, 1023, chid + 1};
    char byte;
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        CHECK_ERRNO(ChannelDestroy(none[i]), EINVAL);
        CHECK_EQ(ChannelDestroy_r(none[i]), -EINVAL);
        CHECK_ERRNO(MsgReceive(none[i], &byte, 1, NULL), ESRCH);
        CHECK_EQ(MsgReceivev_r(none[i], NULL, 0, NULL), -ESRCH);
        CHECK_EQ(MsgReceivePulse_r(none[i], NULL, 0, NULL), -ESRCH);
    }
    CHECK_EQ(ChannelDestroy(chid), 0);
    CHECK_ERRNO(ChannelDestroy(chid), EINVAL);
    CHECK_ERRNO(MsgReceive(chid, &byte, 1, NULL), ESRCH);
    CHECK_ERRNO(ChannelCreate(_NTO_CHF_ASYNC), EINVAL);
    CHECK_ERRNO(ChannelCreate(_NTO_CHF_GLOBAL), EINVAL);
    CHECK_ERRNO(ChannelCreate(0x80000000u), EINVAL);
    CHECK_EQ(ChannelCreate_r(_NTO_CHF_ASYNC_NONBLOCK), -EINVAL);
    CHECK_SYS(ChannelCreate(_NTO_CHF_SENDER_LEN | _NTO_CHF_REPLY_LEN | _NTO_CHF_FIXED_PRIORITY | _NTO_CHF_NET_MSG));
}

CASE(only_one_channel_of_each_kind_tells_of_deaths)
{
    unsigned kinds[] = {_NTO_CHF_THREAD_DEATH, _NTO_CHF_COID_DISCONNECT};
    for (unsigned i = 0; i < 2; i++) {
        int chid = CHECK_SYS(ChannelCreate(kinds[i]));
        CHECK_ERRNO(ChannelCreate(kinds[i]), EBUSY);
        CHECK_EQ(ChannelCreate_r(kinds[i] | _NTO_CHF_UNBLOCK), -EBUSY);
        CHECK_EQ(ChannelDestroy(chid), 0);
        CHECK_SYS(ChannelCreate(kinds[i]));
    }
}

CASE_LIMIT(channels_beyond_the_limit_give_eagain, 20)
{
    int result, made = 0, some = 0;
    while ((result = ChannelCreate_r(0)) > 0) {
        made++;
        some = result;
    }
    CHECK_EQ(result, -EAGAIN);
    CHECK_GE(made, 1000);
    CHECK_EQ(ChannelDestroy(some), 0);
    CHECK_SYS(ChannelCreate(0));
}

static void stay(void *argument)
{
    (void)argument;
    for (;;) pause();
}

CASE(attach_errors)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    pid_t other = check_fork(stay, NULL);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 0, chid + 1, _NTO_SIDE_CHANNEL, 0), ESRCH);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 0, 0, _NTO_SIDE_CHANNEL, 0), ESRCH);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 0, -1, _NTO_SIDE_CHANNEL, 0), ESRCH);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 0, INT32_MAX, _NTO_SIDE_CHANNEL, 0), ESRCH);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, -5, chid, _NTO_SIDE_CHANNEL, 0), ESRCH);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, other, chid, _NTO_SIDE_CHANNEL, 0), ESRCH); /* it has no channels */
    CHECK_SYS(kill(other, SIGKILL));
    CHECK_SYS(waitpid(other, NULL, 0));
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, other, chid, _NTO_SIDE_CHANNEL, 0), ESRCH); /* it is none */
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 1 << 22, chid, _NTO_SIDE_CHANNEL, 0), ESRCH);
    CHECK_ERRNO(ConnectAttach(7, 0, chid, _NTO_SIDE_CHANNEL, 0), ENOREMOTE);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 0, chid, 1 << 20, 0), EINVAL);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 0, chid, _NTO_SIDE_CHANNEL, 1 << 20), EINVAL);
    CHECK_EQ(ConnectAttach_r(ND_LOCAL_NODE, 0, chid + 1, _NTO_SIDE_CHANNEL, 0), -ESRCH);
    CHECK_EQ(ChannelDestroy(chid), 0);
    CHECK_ERRNO(ConnectAttach(ND_LOCAL_NODE, 0, chid, _NTO_SIDE_CHANNEL, 0), ESRCH);
}

static void stopped(void *argument)
{
    int *chid = argument;
    *chid = CHECK_SYS(ChannelCreate(0));
    qnx_count((_Atomic unsigned *)argument + 1);
    for (;;) pause();
}

CASE_LIMIT(attach_to_a_process_that_does_not_answer_gives_enxio, 15)
{
    int *shared = qnx_share(4096);
    pid_t server = check_fork(stopped, shared);
    qnx_await((_Atomic unsigned *)shared + 1, 1);
    CHECK_SYS(kill(server, SIGSTOP));
    CHECK_SYS(waitpid(server, NULL, WUNTRACED));
    CHECK_ERRNO(ConnectAttach(0, server, *shared, _NTO_SIDE_CHANNEL, 0), ENXIO);
    CHECK_SYS(kill(server, SIGCONT));
    int coid = CHECK_SYS(ConnectAttach(0, server, *shared, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(ConnectDetach(coid), 0);
}

CASE(coids_are_the_lowest_free_numbers)
{
    int chid = CHECK_SYS(ChannelCreate(0));
    CHECK_EQ(ConnectAttach(0, 0, chid, 0, 0), 3);
    CHECK_EQ(ConnectAttach(0, 0, chid, 3, 0), 4);
    CHECK_EQ(ConnectAttach(0, 0, chid, 100, 0), 100);
    CHECK_EQ(ConnectAttach(0, 0, chid, 0, 0), 5);
    CHECK_EQ(ConnectDetach(4), 0);
    CHECK_EQ(ConnectAttach(0, 0, chid, 0, 0), 4);
    CHECK_EQ(ConnectAttach(0, 0, chid, 0, 0), 6);
    int side = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL | 17, 0));
    CHECK_GE(side, _NTO_SIDE_CHANNEL);
    CHECK_GE(CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0)), _NTO_SIDE_CHANNEL);
}

CASE(detach_errors)
{
    int none[] = {-1, 0, 3, 16384, _NTO_SIDE_CHANNEL, _NTO_SIDE_CHANNEL + 3, INT32_MAX, INT32_MIN};
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) CHECK_ERRNO(ConnectDetach(none[i]), EINVAL);
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0));
    struct _msg_info info;
    CHECK_EQ(ConnectServerInfo(0, coid, &info), coid);
    CHECK_ERRNO(ConnectDetach(info.scoid), EINVAL); /* its client is still there */
    CHECK_EQ(ConnectDetach(coid), 0);
    CHECK_ERRNO(ConnectDetach(coid), EINVAL);
    CHECK_EQ(ConnectDetach_r(coid), -EINVAL);
}

CASE_LIMIT(connections_beyond_the_limit_give_emfile, 60)
{
    int chid = CHECK_SYS(ChannelCreate(0)), result, made = 0;
    while ((result = ConnectAttach_r(0, 0, chid, 16380, 0)) > 0) made++;
    CHECK_EQ(made, 4);
    CHECK_EQ(result, -EMFILE);
    CHECK_EQ(ConnectDetach(16381), 0);
    CHECK_EQ(ConnectAttach_r(0, 0, chid, 16380, 0), 16381);
}

CASE(flags_of_a_connection)
{
    int chid = CHECK_SYS(ChannelCreate(0)), coid = CHECK_SYS(ConnectAttach(0, 0, chid, 0, _NTO_COF_CLOEXEC));
    CHECK_EQ(ConnectFlags(0, coid, 0, 0), _NTO_COF_CLOEXEC);
    CHECK_EQ(ConnectFlags(getpid(), coid, _NTO_COF_NOSHARE | _NTO_COF_CLOEXEC, _NTO_COF_NOSHARE), _NTO_COF_CLOEXEC);
    CHECK_EQ(ConnectFlags(0, coid, 0, 0), _NTO_COF_NOSHARE);
    CHECK_EQ(ConnectFlags(0, coid, ~0u, _NTO_COF_CLOEXEC | _NTO_COF_DEAD), _NTO_COF_NOSHARE);
    CHECK_EQ(ConnectFlags(0, coid, ~0u, _NTO_COF_NOSHARE), _NTO_COF_CLOEXEC);
    CHECK_ERRNO(ConnectFlags(0, coid + 1, 0, 0), EINVAL);
    CHECK_ERRNO(ConnectFlags(1, coid, 0, 0), EINVAL);
    CHECK_EQ(ConnectFlags_r(0, -1, 0, 0), -EINVAL);
}

CASE(server_info_walks_the_connections)
{
    struct _msg_info info;
    CHECK_ERRNO(ConnectServerInfo(0, 0, &info), EINVAL);
    int chid = CHECK_SYS(ChannelCreate(0));
    int low = CHECK_SYS(ConnectAttach(0, 0, chid, 0, 0)), high = CHECK_SYS(ConnectAttach(0, 0, chid, 50, 0)),
        side = CHECK_SYS(ConnectAttach(0, 0, chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(ConnectServerInfo(0, 0, &info), low);
    CHECK_EQ(info.nd, ND_LOCAL_NODE);
    CHECK_EQ(info.pid, getpid());
    CHECK_EQ(info.chid, chid);
    CHECK_EQ(info.coid, low);
    CHECK_EQ(ConnectServerInfo(getpid(), low + 1, &info), high);
    CHECK_EQ(ConnectServerInfo(0, high, &info), high);
    CHECK_EQ(ConnectServerInfo(0, high + 1, &info), side);
    CHECK_ERRNO(ConnectServerInfo(0, side + 10, &info), EINVAL);
    CHECK_ERRNO(ConnectServerInfo(1, low, &info), EINVAL);
    CHECK_ERRNO(ConnectServerInfo(0, -1, &info), EINVAL);
    CHECK_ERRNO(ConnectServerInfo(0, low, qnx_unmapped()), EFAULT);
}

static void send_and_wait(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(MsgSend(coid, "x", 1, NULL, 0), 0);
}

QNX_CASE(client_info_tells_who_it_is)
{
    char byte;
    struct _msg_info message;
    struct _client_info info;
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_wait, NULL);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, &byte, 1, &message));
    CHECK_EQ(ConnectClientInfo(message.scoid, &info, TPY_CRED_GROUPS), 0);
    CHECK_EQ(info.nd, ND_LOCAL_NODE);
    CHECK_EQ(info.pid, qnx_pid(client));
    CHECK_EQ(info.sid, getsid(0));
    CHECK_EQ(info.cred.ruid, getuid());
    CHECK_EQ(info.cred.euid, geteuid());
    CHECK_EQ(info.cred.suid, geteuid());
    CHECK_EQ(info.cred.rgid, getgid());
    CHECK_EQ(info.cred.egid, getegid());
    gid_t groups[64];
    int count = CHECK_SYS(getgroups(64, groups));
    CHECK_EQ(info.cred.ngroups, count < TPY_CRED_GROUPS ? count : TPY_CRED_GROUPS);
    CHECK_EQ(ConnectClientInfo(message.scoid, &info, 0), 0);
    CHECK_EQ(info.cred.ngroups, 0);
    CHECK_EQ(ConnectClientInfo(-1, &info, 0), 0);
    CHECK_EQ(info.pid, getpid());
    CHECK_ERRNO(ConnectClientInfo(message.scoid + 100, &info, 0), EINVAL);
    CHECK_ERRNO(ConnectClientInfo(3, &info, 0), EINVAL);
    CHECK_ERRNO(ConnectClientInfo(message.scoid, &info, -1), EINVAL);
    CHECK_ERRNO(ConnectClientInfo(message.scoid, qnx_unmapped(), 0), EFAULT);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}

/* ---- Whom a channel admits ---- */

struct asked {
    int chid;
    pid_t server;
    int result, after;
};

static void attach_as_nobody(void *argument)
{
    struct asked *asked = argument;
    CHECK_SYS(setgid(65534));
    CHECK_SYS(setuid(65534));
    asked->result = ConnectAttach_r(0, asked->server, asked->chid, _NTO_SIDE_CHANNEL, 0);
}

static void attach_as_ourselves(void *argument)
{
    struct asked *asked = argument;
    asked->result = ConnectAttach_r(0, asked->server, asked->chid, _NTO_SIDE_CHANNEL, 0);
}

CASE(a_channel_admits_its_own_user_only)
{
    struct asked *asked = qnx_share(4096);
    if (geteuid() != 0) SKIP("needs root to become another user");
    asked->chid = CHECK_SYS(ChannelCreate(0));
    asked->server = getpid();
    check_join(check_fork(attach_as_nobody, asked));
    CHECK(asked->result == -EPERM || asked->result == -ESRCH);
    CHECK_EQ(asked->result, -EPERM);
    check_join(check_fork(attach_as_ourselves, asked));
    CHECK_GE(asked->result, _NTO_SIDE_CHANNEL);
}

CASE(a_private_channel_admits_its_own_process_only)
{
    struct asked *asked = qnx_share(4096);
    asked->chid = CHECK_SYS(ChannelCreate(_NTO_CHF_PRIVATE));
    asked->server = getpid();
    check_join(check_fork(attach_as_ourselves, asked));
    CHECK_EQ(asked->result, -EPERM);
    CHECK_SYS(ConnectAttach(0, 0, asked->chid, _NTO_SIDE_CHANNEL, 0));
    CHECK_EQ(tpy_channel_admit(asked->chid, TPY_ADMIT_USER), 0);
    check_join(check_fork(attach_as_ourselves, asked));
    CHECK_GE(asked->result, _NTO_SIDE_CHANNEL);
    CHECK_EQ(tpy_channel_admit(asked->chid, 3), -EINVAL);
    CHECK_EQ(tpy_channel_admit(asked->chid, -1), -EINVAL);
    CHECK_EQ(tpy_channel_admit(asked->chid + 1, TPY_ADMIT_ALL), -EINVAL);
}

CASE(every_flag_is_accepted_or_refused_as_documented)
{
    unsigned refused = _NTO_CHF_ASYNC | _NTO_CHF_ASYNC_NONBLOCK | _NTO_CHF_GLOBAL;
    for (int bit = 0; bit < 32; bit++) {
        unsigned flag = 1u << bit;
        bool known = flag <= _NTO_CHF_INHERIT_RUNMASK && !(flag & refused);
        int chid = ChannelCreate_r(flag);
        if (known) CHECK_GT(chid, 0);
        else CHECK_EQ(chid, -EINVAL);
        if (known) CHECK_EQ(ChannelDestroy(chid), 0);
    }
    int all = CHECK_SYS(ChannelCreate((2 * _NTO_CHF_INHERIT_RUNMASK - 1) & ~refused));
    CHECK_EQ(ChannelDestroy(all), 0);
}

static void attach_with_another_real_user(void *argument)
{
    struct asked *asked = argument;
    CHECK_SYS(setresgid(65534, getegid(), 65533));
    CHECK_SYS(setresuid(65534, geteuid(), 65533));
    send_and_wait(CHECK_SYS(ConnectAttach(0, asked->server, asked->chid, _NTO_SIDE_CHANNEL, 0)), NULL);
}

CASE(client_info_tells_effective_and_real_ids_apart)
{
    char byte;
    struct _msg_info message;
    struct _client_info info;
    struct asked *asked = qnx_share(4096);
    if (geteuid() != 0) SKIP("needs root to have two users");
    asked->chid = CHECK_SYS(ChannelCreate(0));
    asked->server = getpid();
    pid_t client = check_fork(attach_with_another_real_user, asked);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(asked->chid, &byte, 1, &message)); /* the effective user is the one that is admitted */
    CHECK_EQ(ConnectClientInfo(message.scoid, &info, 0), 0);
    CHECK_EQ(info.cred.ruid, 65534);
    CHECK_EQ(info.cred.euid, 0);
    CHECK_EQ(info.cred.suid, 65533);
    CHECK_EQ(info.cred.rgid, 65534);
    CHECK_EQ(info.cred.egid, getegid());
    CHECK_EQ(info.cred.sgid, 65533);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    check_join(client);
}

static void serve_everybody(void *argument)
{
    struct asked *asked = argument;
    CHECK_SYS(setgid(65534));
    CHECK_SYS(setuid(65534));
    asked->chid = CHECK_SYS(ChannelCreate(0));
    qnx_count((_Atomic unsigned *)&asked->after);
    for (;;) pause();
}

CASE(root_is_admitted_to_another_users_channel)
{
    struct asked *asked = qnx_share(4096);
    if (geteuid() != 0) SKIP("needs root");
    pid_t server = check_fork(serve_everybody, asked);
    qnx_await((_Atomic unsigned *)&asked->after, 1);
    asked->server = server;
    attach_as_ourselves(asked);
    CHECK_GE(asked->result, _NTO_SIDE_CHANNEL);
}
