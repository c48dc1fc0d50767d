/*
 * face: mmlib's functions by their names. They turn the negative errno of the inside into -1 and the thread's error
 * state; nothing else happens here. The two that are called once a message are in message.c.
 */
#include <errno.h>
#include <unistd.h>

#include "core/thread.h"
#include "mm/connect.h"
#include "mm/error_state.h"
#include "mmsysio.h"
#include "tetrapylon_mm.h"

#define NO_FD (-1)

TPY_PUBLIC struct mm_ipc_srv *mm_ipc_srv_create(const char *addr)
{
    struct mm_ipc_srv *srv;
    int error = tpy_mm_srv_create(addr, &srv);

    if (error == 0)
        return srv;
    tpy_mm_fail(-error, __func__, addr, NO_FD);
    return NULL;
}

TPY_PUBLIC int mm_ipc_srv_accept(struct mm_ipc_srv *srv)
{
    int fd = tpy_mm_srv_accept(srv);
    return fd >= 0 ? fd : tpy_mm_fail(-fd, __func__, NULL, NO_FD);
}

TPY_PUBLIC int mm_ipc_connect(const char *addr)
{
    int fd = tpy_mm_find(addr, TPY_NEVER);
    return fd >= 0 ? fd : tpy_mm_fail(-fd, __func__, addr, NO_FD);
}

TPY_PUBLIC int tpy_mm_connect(const char *addr, int timeout_ms)
{
    int64_t deadline = timeout_ms < 0 ? TPY_NEVER : tpy_now() + timeout_ms * INT64_C(1000000);
    int fd = tpy_mm_find(addr, deadline);

    if (fd < 0)
        tpy_mm_fail(-fd, __func__, addr, NO_FD);
    return fd;
}

TPY_PUBLIC int mm_ipc_connected_pair(int fds[2])
{
    int error = tpy_mm_connected_pair(fds);
    return error == 0 ? 0 : tpy_mm_fail(-error, __func__, NULL, NO_FD);
}

TPY_PUBLIC int mm_close(int fd)
{
    if (fd == -1 || close(fd) == 0)
        return 0;
    return tpy_mm_fail(errno, __func__, NULL, fd);
}
