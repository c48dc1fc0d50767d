/* QNX: name_attach, name_open: names, errors, death of an owner. */
#include "qnx_support.h"

#include <signal.h>
#include <stdio.h>
#include <sys/dispatch.h>
#include <sys/wait.h>

/* Names are the user's: other runs of the tests must not meet ours. */
static const char *name_of(const char *what)
{
    static char name[64];
    snprintf(name, sizeof name, "test-%d/%s", (int)getpid(), what);
    return name;
}

struct shared {
    _Atomic unsigned step;
    char name[64];
    int result;
};

static void open_and_send(void *argument)
{
    struct shared *shared = argument;
    int coid = CHECK_SYS(name_open(shared->name, 0));
    CHECK_EQ(MsgSend(coid, "hello", 6, NULL, 0), 5);
    CHECK_EQ(name_close(coid), 0);
    CHECK_ERRNO(name_close(coid), EBADF);
    CHECK_ERRNO(MsgSend(coid, "hello", 6, NULL, 0), EBADF);
}

CASE(a_name_leads_to_its_channel)
{
    char buffer[8];
    struct shared *shared = qnx_share(4096);
    strcpy(shared->name, name_of("a"));
    name_attach_t *attached = name_attach(NULL, shared->name, 0);
    CHECK(attached != NULL);
    pid_t client = check_fork(open_and_send, shared);
    /* nothing is sent on open: this is the message */
    rcvid_t rcvid = qnx_receive(attached->chid, buffer, sizeof buffer);
    CHECK_STR_EQ(buffer, "hello");
    CHECK_EQ(MsgReply(rcvid, 5, NULL, 0), 0);
    check_join(client);
    struct _pulse pulse = qnx_receive_pulse(attached->chid); /* such channels tell of clients that go */
    CHECK_EQ(pulse.code, _PULSE_CODE_DISCONNECT);
    CHECK_EQ(ConnectDetach(pulse.scoid), 0);
    int chid = attached->chid;
    CHECK_EQ(name_detach(attached, 0), 0);
    CHECK_ERRNO(name_detach(attached, 0), EINVAL);
    CHECK_ERRNO(name_open(shared->name, 0), ENOENT);
    CHECK_ERRNO(MsgReceive(chid, buffer, 8, NULL), ESRCH);
}

CASE(name_errors)
{
    char longest[101], longer[102];
    memset(longest, 'n', 100);
    snprintf(longest, 9, "%08d", (int)getpid());
    longest[8] = 'n';
    longest[100] = 0;
    snprintf(longer, sizeof longer, "%sx", longest);
    CHECK_ERRNO(name_open(name_of("unknown"), 0), ENOENT);
    const char *bad[] = {NULL, "", "/x", "..", "../x", "a/../b", "a/.."};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        CHECK(name_attach(NULL, bad[i], 0) == NULL);
        CHECK_EQ(errno, EINVAL);
        CHECK_ERRNO(name_open(bad[i], 0), EINVAL);
    }
    CHECK(name_attach(NULL, longer, 0) == NULL);
    CHECK_EQ(errno, ENAMETOOLONG);
    CHECK_ERRNO(name_open(longer, 0), ENAMETOOLONG);
    CHECK_ERRNO(name_open(qnx_unmapped(), 0), EFAULT);
    name_attach_t *attached = name_attach(NULL, longest, NAME_FLAG_ATTACH_GLOBAL);
    CHECK(attached != NULL);
    CHECK_EQ(name_close(CHECK_SYS(name_open(longest, 0))), 0);
    CHECK(name_attach(NULL, longest, 0) == NULL);
    CHECK_EQ(errno, EEXIST);
    CHECK_EQ(name_detach(attached, 0), 0);
    CHECK_ERRNO(name_detach(NULL, 0), EINVAL);
    CHECK(name_attach((dispatch_t *)&longer, name_of("d"), 0) == NULL);
    CHECK_EQ(errno, EINVAL);
    attached = name_attach(NULL, longest, 0); /* free again */
    CHECK(attached != NULL);
}

static void hold_name(void *argument)
{
    struct shared *shared = argument;
    CHECK(name_attach(NULL, shared->name, 0) != NULL);
    qnx_count(&shared->step);
    for (;;) pause();
}

CASE(the_name_of_a_dead_owner_is_free_at_once)
{
    struct shared *shared = qnx_share(4096);
    strcpy(shared->name, name_of("dead"));
    pid_t owner = check_fork(hold_name, shared);
    qnx_await(&shared->step, 1);
    CHECK_EQ(name_close(CHECK_SYS(name_open(shared->name, 0))), 0);
    CHECK(name_attach(NULL, shared->name, 0) == NULL);
    CHECK_EQ(errno, EEXIST);
    CHECK_SYS(kill(owner, SIGKILL));
    CHECK_SYS(waitpid(owner, NULL, 0));
    CHECK_ERRNO(name_open(shared->name, 0), ENOENT);
    name_attach_t *attached = name_attach(NULL, shared->name, 0);
    CHECK(attached != NULL);
    CHECK_EQ(name_close(CHECK_SYS(name_open(shared->name, 0))), 0);
}

static void race_for_name(void *argument)
{
    struct shared *shared = argument;
    qnx_await(&shared->step, 1);
    name_attach_t *attached = name_attach(NULL, shared->name, 0);
    if (attached) atomic_fetch_add((_Atomic int *)&shared->result, 1);
    else CHECK_EQ(errno, EEXIST);
    qnx_count(&shared->step);
    qnx_await(&shared->step, 21);
}

CASE(of_many_that_race_for_a_name_one_gets_it)
{
    pid_t racers[20];
    struct shared *shared = qnx_share(4096);
    strcpy(shared->name, name_of("race"));
    for (unsigned i = 0; i < 20; i++) racers[i] = check_fork(race_for_name, shared);
    qnx_count(&shared->step);
    for (unsigned i = 0; i < 20; i++) check_join(racers[i]);
    CHECK_EQ(shared->result, 1);
}

static void open_refused(void *argument)
{
    struct shared *shared = argument;
    CHECK_ERRNO(name_open(shared->name, 0), EPERM);
}

CASE(a_channel_may_refuse_who_opens_its_name)
{
    struct shared *shared = qnx_share(4096);
    strcpy(shared->name, name_of("refusing"));
    name_attach_t *attached = name_attach(NULL, shared->name, 0);
    CHECK(attached != NULL);
    CHECK_EQ(tpy_channel_admit(attached->chid, TPY_ADMIT_PROCESS), 0);
    check_join(check_fork(open_refused, shared));
    CHECK_EQ(name_close(CHECK_SYS(name_open(shared->name, 0))), 0);
}

static void detach_the_parents_name(void *argument)
{
    name_attach_t *attached = argument;
    int chid = CHECK_SYS(ChannelCreate(0)); /* numbers begin anew: this may be the parent's */
    CHECK_ERRNO(name_detach(attached, 0), EINVAL);
    CHECK_EQ(ChannelDestroy(chid), 0);
}

CASE(a_child_has_none_of_its_parents_names)
{
    const char *name = name_of("parents");
    name_attach_t *attached = name_attach(NULL, name, 0);
    CHECK(attached != NULL);
    check_join(check_fork(detach_the_parents_name, attached));
    int coid = CHECK_SYS(name_open(name, 0));
    CHECK_EQ(MsgSendPulse(coid, 10, 1, 3), 0);
    CHECK_EQ(qnx_receive_pulse(attached->chid).value.sival_int, 3);
    CHECK_EQ(name_detach(attached, 0), 0);
}
