/* mm_inherited: a server that two processes have, because one inherited it from the other by fork. */
#include "check.h"
#include "mm_support.h"
#include "observe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Accepts connections and says on each which process did, until one says "stop"; then destroys its part. */
static void serve(void *argument)
{
    struct mm_ipc_srv *srv = argument;

    for (;;) {
        char heard[16] = "";
        int fd = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
        CHECK_SYS(mm_take(fd, heard, sizeof heard - 1));
        mm_say(fd, "child");
        mm_close(fd);
        if (heard[0] == 's')
            break;
    }
    mm_ipc_srv_destroy(srv);
}

static void ask_child(const char *name, const char *question)
{
    int fd = (int)CHECK_SYS(mm_ipc_connect(name));

    mm_say(fd, question);
    mm_hear(fd, "child");
    mm_close(fd);
}

CASE(two_processes_accept_on_one_server)
{
    const char *name = mm_name("two");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    pid_t child = check_fork(serve, srv);
    struct mm_call call = {.run = mm_run_accept, .srv = srv};
    int by_child = 0, by_parent = 0;

    observe_asleep_in(child, SYS_accept4);
    mm_start_asleep(&call, SYS_accept4);
    /* Both wait; the kernel gives each connection to one of them, in turn. */
    while (by_child == 0 || by_parent == 0) {
        int fd = (int)CHECK_SYS(mm_ipc_connect(name));
        struct pollfd answer = {.fd = fd, .events = POLLIN};
        mm_say(fd, "who");
        while (poll(&answer, 1, 1) == 0 && call.finished_at == 0)
            ;
        if (poll(&answer, 1, 0) == 1) {
            mm_hear(fd, "child");
            by_child++;
        } else {
            int accepted = (int)CHECK_SYS(mm_join(&call));
            mm_hear(accepted, "who");
            mm_close(accepted);
            by_parent++;
            call = (struct mm_call){.run = mm_run_accept, .srv = srv};
            mm_start_asleep(&call, SYS_accept4);
        }
        mm_close(fd);
    }
    mm_ipc_srv_destroy(srv); /* wakes only our thread */
    CHECK_EQ(mm_join(&call), -1);
    CHECK_EQ(call.error, EBADF);
    ask_child(name, "stop");
    check_join(child);
}

CASE(the_child_goes_on_when_the_parent_destroys)
{
    const char *name = mm_name("parent");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    pid_t child = check_fork(serve, srv);

    mm_ipc_srv_destroy(srv);
    for (int i = 0; i < 10; i++)
        ask_child(name, "go on");
    CHECK(mm_ipc_srv_create(name) == NULL); /* the name is the child's */
    CHECK_EQ(mm_get_lasterror_number(), EADDRINUSE);
    ask_child(name, "stop");
    check_join(child);
    srv = mm_ipc_srv_create(name);
    CHECK(srv != NULL);
    mm_ipc_srv_destroy(srv);
}

static void destroy_it(void *srv) { mm_ipc_srv_destroy(srv); }

CASE(the_parent_goes_on_when_the_child_destroys)
{
    const char *name = mm_name("child");
    struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(name)};

    mm_start_asleep(&call, SYS_accept4); /* before the fork, so it was counted in the child's memory too */
    check_join(check_fork(destroy_it, call.srv));
    int client = (int)CHECK_SYS(mm_ipc_connect(name));
    int accepted = (int)CHECK_SYS(mm_join(&call));
    mm_say(client, "still served");
    mm_hear(accepted, "still served");
    mm_ipc_srv_destroy(call.srv);
    CHECK(mm_ipc_srv_create(name) != NULL);
}

CASE(destroy_wakes_the_own_threads_of_an_inherited_server)
{
    const char *name = mm_name("own");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    int before = observe_descriptors();
    struct mm_call calls[8];
    pid_t child = 0;

    for (int i = 0; i < 8; i++) {
        calls[i] = (struct mm_call){.run = mm_run_accept, .srv = srv};
        mm_start_asleep(&calls[i], SYS_accept4);
        if (i == 3) { /* some threads wait since before the fork, the child's one in the middle */
            child = check_fork(serve, srv);
            observe_asleep_in(child, SYS_accept4);
        }
    }
    mm_ipc_srv_destroy(srv);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(mm_join(&calls[i]), -1);
        CHECK_EQ(calls[i].error, EBADF);
    }
    CHECK_EQ(observe_descriptors(), before - 1);
    observe_asleep_in(child, SYS_accept4); /* not woken with an error */
    ask_child(name, "go on");
    ask_child(name, "stop");
    check_join(child);
}

static void exit_at_once(void *argument) { (void)argument; }

CASE(destroy_works_when_the_child_is_long_gone)
{
    const char *name = mm_name("gone");
    struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(name)};

    mm_start_asleep(&call, SYS_accept4);
    check_join(check_fork(exit_at_once, NULL));
    mm_ipc_srv_destroy(call.srv);
    CHECK_EQ(mm_join(&call), -1);
    CHECK_EQ(call.error, EBADF);
    CHECK(mm_ipc_srv_create(name) != NULL);
}

static void accept_in_a_thread_and_destroy(void *argument)
{
    struct mm_call call = {.run = mm_run_accept, .srv = argument};

    mm_start_asleep(&call, SYS_accept4);
    mm_ipc_srv_destroy(call.srv);
    CHECK_EQ(mm_join(&call), -1);
    CHECK_EQ(call.error, EBADF);
}

CASE(the_child_can_use_the_server_in_every_way)
{
    const char *name = mm_name("every");
    struct mm_call call = {.run = mm_run_accept, .srv = mm_ipc_srv_create(name)};

    mm_start_asleep(&call, SYS_accept4);
    check_join(check_fork(accept_in_a_thread_and_destroy, call.srv));
    observe_asleep_in(call.id, SYS_accept4); /* the token that woke the child did not come out here */
    mm_say((int)CHECK_SYS(mm_ipc_connect(name)), "real");
    mm_hear((int)CHECK_SYS(mm_join(&call)), "real");
    mm_ipc_srv_destroy(call.srv);
}

CASE(a_killed_child_does_not_end_the_service)
{
    const char *name = mm_name("killed");
    struct mm_ipc_srv *srv = mm_ipc_srv_create(name);
    pid_t child = check_fork(serve, srv);

    observe_asleep_in(child, SYS_accept4);
    ask_child(name, "go on");
    CHECK_SYS(kill(child, SIGKILL));
    CHECK_EQ(waitpid(child, NULL, 0), child);
    int client = (int)CHECK_SYS(mm_ipc_connect(name));
    int accepted = (int)CHECK_SYS(mm_ipc_srv_accept(srv));
    mm_say(client, "served");
    mm_hear(accepted, "served");
    mm_ipc_srv_destroy(srv);
    CHECK(mm_ipc_srv_create(name) != NULL);
}
