/*
 * descriptor: making, closing and mapping file descriptors by plain numbers. Owns nothing: every descriptor and mapping
 * belongs to the caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tetrapylon_fd.h"

static int64_t result_of(int64_t result) { return result < 0 ? -errno : result; }

int tpy_fd_open(const char *path, int how)
{
    int flags = O_CLOEXEC | O_NOCTTY;

    if (path == NULL)
        return -EFAULT;
    switch (how & (TPY_FD_READ | TPY_FD_WRITE)) {
    case TPY_FD_READ: flags |= O_RDONLY; break;
    case TPY_FD_WRITE: flags |= O_WRONLY; break;
    case TPY_FD_READ | TPY_FD_WRITE: flags |= O_RDWR; break;
    default: return -EINVAL;
    }
    if ((how & TPY_FD_TRUNCATE) && !(how & TPY_FD_WRITE))
        return -EINVAL;
    flags |= (how & TPY_FD_APPEND) ? O_APPEND : 0;
    flags |= (how & TPY_FD_TRUNCATE) ? O_TRUNC : 0;
    flags |= (how & TPY_FD_CREATE) ? O_CREAT : 0;
    flags |= (how & TPY_FD_CREATE_NEW) ? O_CREAT | O_EXCL : 0;
    return (int)result_of(open(path, flags, 0666));
}

int tpy_fd_how(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    int append = (flags & O_APPEND) ? TPY_FD_APPEND : 0;
    switch (flags & O_ACCMODE) {
    case O_RDONLY: return TPY_FD_READ;
    case O_WRONLY: return TPY_FD_WRITE | append;
    default: return TPY_FD_READ | TPY_FD_WRITE | append;
    }
}

int tpy_fd_memory(const char *name, int64_t size)
{
    if (name == NULL)
        return -EFAULT;
    if (size < 0)
        return -EINVAL;
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, size) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int tpy_fd_pipe(int fds[2]) { return (int)result_of(pipe2(fds, O_CLOEXEC)); }

int tpy_fd_counter(void) { return (int)result_of(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int tpy_fd_duplicate(int fd) { return (int)result_of(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

int tpy_fd_close(int fd) { return (int)result_of(close(fd)); }

int64_t tpy_fd_size(int fd)
{
    struct stat status;

    return fstat(fd, &status) ? -errno : status.st_size;
}

int tpy_fd_resize(int fd, int64_t size) { return (int)result_of(ftruncate(fd, size)); }

int64_t tpy_fd_map(int fd, int64_t offset, int64_t size, int how, int shared)
{
    int protection = PROT_READ | ((how & TPY_FD_WRITE) ? PROT_WRITE : 0);

    if (size <= 0 || offset < 0)
        return -EINVAL;
    void *address = mmap(NULL, (size_t)size, protection, shared ? MAP_SHARED : MAP_PRIVATE, fd, offset);
    return address == MAP_FAILED ? -errno : (int64_t)(intptr_t)address;
}

int tpy_fd_unmap(int64_t address, int64_t size)
{
    return (int)result_of(munmap((void *)(intptr_t)address, (size_t)size));
}

int tpy_fd_page_size(void) { return (int)sysconf(_SC_PAGESIZE); }

int tpy_fd_peer(int fd, struct tpy_fd_peer *peer)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
        return -errno;
    *peer = (struct tpy_fd_peer){
        .pid = credentials.pid, .uid = (int)credentials.uid, .gid = (int)credentials.gid};
    return 0;
}

int tpy_fd_shutdown(int fd, int how)
{
    switch (how) {
    case TPY_FD_READ: return (int)result_of(shutdown(fd, SHUT_RD));
    case TPY_FD_WRITE: return (int)result_of(shutdown(fd, SHUT_WR));
    case TPY_FD_READ | TPY_FD_WRITE: return (int)result_of(shutdown(fd, SHUT_RDWR));
    default: return -EINVAL;
    }
}

int tpy_fd_send_room(int fd, int bytes)
{
    return (int)result_of(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
}

int tpy_fd_blocking(int fd, int blocking)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    return (int)result_of(fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK));
}
