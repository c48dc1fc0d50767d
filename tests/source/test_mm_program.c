/* A program as it was written for mmlib: nothing but <mmsysio.h>, a server and a client that hands it a descriptor. */
#include <mmsysio.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static char address[64];

static int client(void)
{
    int ends[2], fd = mm_ipc_connect(address);
    char text[32] = "";
    struct iovec iov = {.iov_base = "a question", .iov_len = 10};
    struct mm_ipc_msg msg = {.iov = &iov, .num_iov = 1, .fds = &ends[1], .num_fds = 1};

    if (fd < 0 || mm_ipc_connected_pair(ends) || mm_ipc_sendmsg(fd, &msg) != 10)
        return 2;
    mm_close(ends[1]);
    iov = (struct iovec){.iov_base = text, .iov_len = sizeof text};
    msg = (struct mm_ipc_msg){.iov = &iov, .num_iov = 1};
    if (mm_ipc_recvmsg(ends[0], &msg) != 9 || strcmp(text, "an answer"))
        return 3;
    return mm_close(ends[0]) || mm_close(fd);
}

static int server(struct mm_ipc_srv *srv)
{
    int came = -1, fd = mm_ipc_srv_accept(srv);
    char text[32];
    struct iovec iov = {.iov_base = text, .iov_len = sizeof text};
    struct mm_ipc_msg msg = {.iov = &iov, .num_iov = 1, .fds = &came, .num_fds_max = 1};

    if (fd < 0 || mm_ipc_recvmsg(fd, &msg) != 10 || msg.num_fds != 1 || msg.flags || memcmp(text, "a question", 10))
        return 4;
    iov = (struct iovec){.iov_base = "an answer", .iov_len = 9};
    msg = (struct mm_ipc_msg){.iov = &iov, .num_iov = 1};
    return mm_ipc_sendmsg(came, &msg) != 9 || mm_close(came) || mm_close(fd);
}

int main(void)
{
    int status;

    snprintf(address, sizeof address, "mm_program-%d", (int)getpid());
    struct mm_ipc_srv *srv = mm_ipc_srv_create(address);
    pid_t child = srv ? fork() : -1;
    if (child < 0)
        return 1;
    if (child == 0)
        _exit(client());
    int failed = server(srv);
    mm_ipc_srv_destroy(srv);
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 5;
    return failed ? failed : WEXITSTATUS(status);
}
