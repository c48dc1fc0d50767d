/*
 * mmsysio.h: mmlib's IPC, datagrams and file descriptors between processes. Follows mmlib's page "IPC".
 *
 * A connection is an AF_UNIX socket of type SOCK_SEQPACKET, and each end of it a plain file descriptor: poll, epoll,
 * read, write, shutdown and SO_PEERCRED work on it. All descriptors made here are closed on exec.
 *
 * A call that fails returns -1 (or NULL), sets errno and the thread's error state (mmerrno.h). Calls that block are
 * interrupted by signals (EINTR). All functions may be called from any thread; several threads may use one descriptor
 * or one server at the same time.
 */
#ifndef MMSYSIO_H
#define MMSYSIO_H

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mmerrno.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A server: the owner of a name. Opaque. */
struct mm_ipc_srv;

/* A message: bytes in any number of pieces, and file descriptors. */
struct mm_ipc_msg {
    struct iovec *iov; /* the pieces; those of a message to send are only read */
    int *fds;          /* descriptors to send, or room for those that arrive */
    int num_iov;       /* pieces in `iov`, 0 to 1024 */
    int num_fds;       /* descriptors to send, 0 to 253; after a receive: descriptors that arrived */
    int flags;         /* after a receive: MSG_TRUNC bytes were lost, MSG_CTRUNC descriptors were lost; not read */
    int num_fds_max;   /* receive: room in `fds`; a send does not look at it */
    void *reserved;    /* NULL */
};

/*
 * Makes a server that listens to the name `addr`: any string of 0 to 107 bytes. Names are not files; they belong to the
 * network namespace and are gone with the last process that has the server open. Any process may listen to any name.
 *
 * Returns the server, to be destroyed with mm_ipc_srv_destroy, or NULL. Errors: EADDRINUSE another server listens to
 * the name; ENAMETOOLONG; EFAULT `addr` is NULL; EMFILE, ENFILE, ENOMEM.
 */
struct mm_ipc_srv *mm_ipc_srv_create(const char *addr);

/*
 * Destroys the server; NULL is allowed. Its name is free when the call returns, and connections that were not accepted
 * are dropped. Accepted connections live on. Threads that wait in mm_ipc_srv_accept come back with EBADF.
 *
 * A server that was inherited by fork is one server of both processes. Destroying it then ends only this process's
 * part in it: the name and the waiting connections stay with the other one.
 */
void mm_ipc_srv_destroy(struct mm_ipc_srv *srv);

/*
 * Takes the first waiting connection, or waits for one. Returns its descriptor, the lowest number that is free, or -1.
 *
 * Errors: EBADF the server was destroyed meanwhile; EINTR; EMFILE, ENFILE: no room for the descriptor, the connection
 * keeps waiting; EINVAL `srv` is NULL.
 */
int mm_ipc_srv_accept(struct mm_ipc_srv *srv);

/*
 * Connects to the server that listens to `addr`, and waits until one does. Returns the descriptor, the lowest number
 * that was free, or -1. The connection can be used at once, also before the server accepts it.
 *
 * Errors: ENAMETOOLONG; EFAULT `addr` is NULL; EINTR; EMFILE, ENFILE, ENOMEM. See tpy_mm_connect for a limited wait.
 */
int mm_ipc_connect(const char *addr);

/* Makes two descriptors that are connected with each other. Returns 0, or -1: EMFILE, ENFILE, ENOMEM, EFAULT. */
int mm_ipc_connected_pair(int fds[2]);

/*
 * Sends one message, or nothing: waits until there is room for all of it. The descriptors are duplicated into the
 * process that receives them; the sender's own stay open. A message without bytes and without descriptors is a message.
 *
 * Returns the number of bytes sent, or -1. Errors: EPIPE the peer has closed (never SIGPIPE); ECONNRESET once, in its
 * place, when the peer went without reading what was sent to it before; EMSGSIZE the message is larger than the
 * socket's send buffer (SO_SNDBUF) or has more than 1024 pieces; EINVAL more than 253 descriptors or a negative count;
 * EBADF `fd` or one of `fds` is not open; ETOOMANYREFS too many descriptors are on their way; EFAULT; EINTR; EAGAIN
 * with O_NONBLOCK or SO_SNDTIMEO; ENOTSOCK.
 */
ssize_t mm_ipc_sendmsg(int fd, const struct mm_ipc_msg *msg);

/*
 * Receives one message, or waits for one. What does not fit into `iov` is dropped and MSG_TRUNC set; descriptors that
 * do not fit into `fds`, or for which the process has no room (RLIMIT_NOFILE), are closed and MSG_CTRUNC set. num_fds
 * and flags are set in any case, to 0 on failure.
 *
 * Returns the number of bytes received, or -1. 0 is a message without bytes, or one for which there was no room at all.
 * Errors: ECONNRESET the peer has closed, died or shut down its sending side, and all it had sent has been received;
 * EINVAL a negative count; EFAULT (a bad pointer in `iov` loses the message); EINTR; EAGAIN with O_NONBLOCK or
 * SO_RCVTIMEO; EMSGSIZE more than 1024 pieces; EBADF, ENOTSOCK.
 */
ssize_t mm_ipc_recvmsg(int fd, struct mm_ipc_msg *msg);

/* Closes a descriptor of any kind. Returns 0, also for -1, or -1: EBADF, EINTR, EIO; the descriptor is free even so. */
int mm_close(int fd);

#ifdef __cplusplus
}
#endif

#endif
