/*
 * tetrapylon_mm.h: what Tetrapylon adds to mmlib's IPC (mmsysio.h): a connect with a time limit, and the calls in the
 * form that other languages bind to. Included by tetrapylon.h.
 *
 * All return a negative errno on failure. Only tpy_mm_connect also sets errno and the error state of mmerrno.h.
 */
#ifndef TETRAPYLON_MM_H
#define TETRAPYLON_MM_H

#include <sys/types.h>

#include "tetrapylon.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mm_ipc_srv;
struct mm_ipc_msg;

/*
 * As mm_ipc_connect, but gives up after `timeout_ms` milliseconds: -ETIMEDOUT when no server listens to the name by
 * then, or none with room for one more waiting connection. 0 tries once; a negative time waits without end.
 */
TPY_PUBLIC int tpy_mm_connect(const char *addr, int timeout_ms);

/* As mm_ipc_srv_create; 0 and *srv, or a negative errno. */
TPY_PUBLIC int tpy_mm_srv_create(const char *addr, struct mm_ipc_srv **srv);

/* As mm_ipc_srv_accept. */
TPY_PUBLIC int tpy_mm_srv_accept(struct mm_ipc_srv *srv);

/*
 * The descriptor the server listens on, for poll and epoll: readable while a connection waits to be accepted. It belongs
 * to the server: do not close it, and do not use it any more when the server is destroyed. -EINVAL for NULL.
 */
TPY_PUBLIC int tpy_mm_srv_fd(const struct mm_ipc_srv *srv);

/* As mm_ipc_connected_pair. */
TPY_PUBLIC int tpy_mm_connected_pair(int fds[2]);

/* As mm_ipc_sendmsg and mm_ipc_recvmsg. `flags` is 0 or MSG_DONTWAIT: then -EAGAIN where the call would wait. */
TPY_PUBLIC ssize_t tpy_mm_sendmsg(int fd, const struct mm_ipc_msg *msg, int flags);
TPY_PUBLIC ssize_t tpy_mm_recvmsg(int fd, struct mm_ipc_msg *msg, int flags);

/*
 * The same. A runtime that keeps memory alive for the length of a call only when it is an argument (Java's) names the pieces
 * of msg->iov here, or NULL; the function does not look at them.
 */
TPY_PUBLIC ssize_t tpy_mm_send_held(int fd, const struct mm_ipc_msg *msg, int flags, const void *first, const void *second,
                                    const void *third, const void *fourth);
TPY_PUBLIC ssize_t tpy_mm_receive_held(int fd, struct mm_ipc_msg *msg, int flags, void *first, void *second, void *third,
                                       void *fourth);

#ifdef __cplusplus
}
#endif

#endif
