/*
 * threads: tpy_threads_of: reads the state file of a process (core/inspect.h), and for each thread that is blocked on
 * an exchange the server's, which says whether the message was received. The files are copied, not mapped: their
 * owner may be anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tetrapylon.h>

#include "core/inspect.h"
#include "core/node.h"

/* A copy of the process's table, or NULL and *error. */
static struct tpy_inspect *read_table(pid_t pid, int *error)
{
    char path[PATH_MAX], directory[PATH_MAX - 64];
    struct stat process, space;
    snprintf(path, sizeof path, "/proc/%d", pid);
    *error = pid <= 0 || stat(path, &process) != 0 || stat("/proc/self/ns/pid", &space) != 0 ? -ESRCH : 0;
    if (*error == 0) *error = tpy_node_directory(process.st_uid, directory, sizeof directory);
    if (*error != 0) return NULL;
    snprintf(path, sizeof path, "%s/%d.%lu.state", directory, pid, (unsigned long)space.st_ino);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        *error = errno == EACCES || errno == EPERM ? -EPERM : -ESRCH;
        return NULL;
    }
    struct tpy_inspect *table = malloc(sizeof *table);
    ssize_t size = table ? pread(fd, table, sizeof *table, 0) : 0;
    close(fd);
    *error = !table ? -ENOMEM : size != (ssize_t)sizeof *table || table->version != TPY_WIRE_VERSION ||
        table->pid != (uint32_t)pid ? -ESRCH : 0;
    if (*error == 0) return table;
    free(table);
    return NULL;
}

/* Has the server received the message this thread is blocked on? */
static bool received(const struct tpy_inspect *server, const struct tpy_inspect_thread *thread, pid_t client,
    uint32_t number)
{
    if (!server || thread->exchange >= TPY_EXCHANGES_MAX) return false;
    const struct tpy_inspect_accepted *accepted = &server->accepted[thread->exchange];
    return accepted->pid == (uint32_t)client && accepted->thread == number && accepted->port == thread->port &&
        accepted->sequence == thread->sequence;
}

int tpy_threads_of(pid_t pid, struct tpy_thread_state *states, int room)
{
    int error, count = 0;
    struct tpy_inspect *table = read_table(pid, &error), *server = NULL;
    uint32_t server_pid = 0;
    if (!table) return error;
    int64_t now = tpy_now();
    for (uint32_t number = 1; number <= TPY_THREADS_MAX; number++) {
        const struct tpy_inspect_thread *thread = &table->thread[number];
        if (!thread->tid) continue;
        struct tpy_thread_state state = {.tid = (int32_t)thread->tid, .thread = (int32_t)number,
            .state = TPY_STATE_READY};
        if (thread->state == TPY_BLOCKED_OFFER) {
            if (thread->partner != server_pid) { /* usually all have the same one */
                free(server);
                server_pid = thread->partner;
                server = read_table((pid_t)server_pid, &error);
            }
            state.state = received(server, thread, pid, number) ? TPY_STATE_REPLY : TPY_STATE_SEND;
            state.partner = (int32_t)thread->partner;
        } else if (thread->state == TPY_BLOCKED_RECEIVE)
            state.state = TPY_STATE_RECEIVE;
        if (state.state != TPY_STATE_READY) {
            state.port = (int32_t)thread->port;
            state.nanoseconds = now > thread->since ? now - thread->since : 0;
        }
        if (count < room) states[count] = state;
        count++;
    }
    free(table);
    free(server);
    return count;
}
