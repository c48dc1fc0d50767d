/*
 * tetrapylon_fd.h: file descriptors for languages that cannot make system calls themselves: each function is one call of the
 * kernel's or a few, takes plain numbers and returns a negative errno on failure. Included by tetrapylon.h.
 *
 * All descriptors made here have the lowest free number and are closed on exec. The functions may be called from any
 * thread. Those that block return -EINTR when a signal comes, tpy_fd_wake's among them.
 */
#ifndef TETRAPYLON_FD_H
#define TETRAPYLON_FD_H

#include <stdint.h>
#include <sys/types.h>

#include "tetrapylon.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Making and closing ------------------------------------------------------------------------------------------------ */

#define TPY_FD_READ 1
#define TPY_FD_WRITE 2
#define TPY_FD_APPEND 4
#define TPY_FD_TRUNCATE 8    /* only together with TPY_FD_WRITE */
#define TPY_FD_CREATE 16     /* if it does not exist, readable and writable for all that the umask lets */
#define TPY_FD_CREATE_NEW 32 /* -EEXIST if it exists */

/* Opens a file; `how` is made of the words above, and has one of the first two. */
TPY_PUBLIC int tpy_fd_open(const char *path, int how);
/* Which of TPY_FD_READ, TPY_FD_WRITE and TPY_FD_APPEND a descriptor was opened with. */
TPY_PUBLIC int tpy_fd_how(int fd);
/* A file in memory without a name, `size` bytes of zeros; seals may be put on it. `name` only shows in /proc. */
TPY_PUBLIC int tpy_fd_memory(const char *name, int64_t size);
/* A pipe: fds[0] is for reading, fds[1] for writing. */
TPY_PUBLIC int tpy_fd_pipe(int fds[2]);
/* A counter that is readable when it is not 0 (eventfd, non-blocking). */
TPY_PUBLIC int tpy_fd_counter(void);
TPY_PUBLIC int tpy_fd_duplicate(int fd);
/* The descriptor is free even if the call fails. */
TPY_PUBLIC int tpy_fd_close(int fd);

/* ---- Bytes ------------------------------------------------------------------------------------------------------------- */

#define TPY_FD_NO_POSITION (-1)

/*
 * Reads or writes up to `size` bytes at the position, or where the descriptor stands. Returns how many; a read of 0 is the
 * end. With `wait` 0 they return -EAGAIN rather than block, also where the descriptor itself is a blocking one. A write to a
 * pipe or socket nobody reads from is -EPIPE, never SIGPIPE.
 */
TPY_PUBLIC ssize_t tpy_fd_read(int fd, void *bytes, size_t size, int64_t position, int wait);
TPY_PUBLIC ssize_t tpy_fd_write(int fd, const void *bytes, size_t size, int64_t position, int wait);
/* The size in bytes of a file or memory file; setting it lets the file grow with zeros, or cuts it. */
TPY_PUBLIC int64_t tpy_fd_size(int fd);
TPY_PUBLIC int tpy_fd_resize(int fd, int64_t size);
/*
 * Maps `size` bytes from `offset`, a multiple of the page size; `how` is TPY_FD_READ, perhaps with TPY_FD_WRITE. With `shared`
 * 0 writes stay in this mapping. Returns the address. Access beyond the file's end is SIGBUS.
 */
TPY_PUBLIC int64_t tpy_fd_map(int fd, int64_t offset, int64_t size, int how, int shared);
TPY_PUBLIC int tpy_fd_unmap(int64_t address, int64_t size);
TPY_PUBLIC int tpy_fd_page_size(void);

/* ---- Sockets ----------------------------------------------------------------------------------------------------------- */

/* Who connected, as the kernel attests it: at the time of the connect, or of the listen for the other side. */
struct tpy_fd_peer {
    int pid;
    int uid;
    int gid;
};
TPY_PUBLIC int tpy_fd_peer(int fd, struct tpy_fd_peer *peer);
/* Ends one direction or both, for all who have the socket: TPY_FD_READ, TPY_FD_WRITE. */
TPY_PUBLIC int tpy_fd_shutdown(int fd, int how);
/* Asks for room for so many bytes on their way (SO_SNDBUF); the kernel doubles it, within its limits. */
TPY_PUBLIC int tpy_fd_send_room(int fd, int bytes);
/* Whether calls on this descriptor and its duplicates block (O_NONBLOCK). */
TPY_PUBLIC int tpy_fd_blocking(int fd, int blocking);

/* ---- Waiting ----------------------------------------------------------------------------------------------------------- */

/* The same bits as POLLIN and so on, for both poll and epoll. */
#define TPY_FD_READABLE 0x0001
#define TPY_FD_WRITABLE 0x0004
#define TPY_FD_ERROR 0x0008     /* reported also when not asked for */
#define TPY_FD_HANGUP 0x0010    /* reported also when not asked for */
#define TPY_FD_PEER_CLOSED 0x2000 /* the peer will send nothing more */
#define TPY_FD_ONCE 0x40000000  /* tpy_fd_watch only: after it was reported it is not watched until watched again */

/* Waits for any of the events; returns those that are there, or 0 when `timeout` (ns; negative: none) is over. */
TPY_PUBLIC int tpy_fd_poll(int fd, int events, int64_t timeout);

/* A descriptor that watches many others (epoll). */
TPY_PUBLIC int tpy_fd_watcher(void);
/* Watches `fd` for these events from now on, or no more if they are 0. -EPERM: a file that is always ready. */
TPY_PUBLIC int tpy_fd_watch(int watcher, int fd, int events, int64_t key);
struct tpy_fd_event {
    int64_t key;
    int events;
    int reserved;
};
#define TPY_FD_EVENTS_MAX 64
/* Waits until something is there; writes up to `room` events (at most TPY_FD_EVENTS_MAX), returns their number; 0: time over. */
TPY_PUBLIC int tpy_fd_wait(int watcher, struct tpy_fd_event *events, int room, int64_t timeout);

/* ---- Getting a thread out of a blocked call ---------------------------------------------------------------------------- */

/*
 * Prepares the calling thread for tpy_fd_wake and returns its number. The first call takes the highest real-time signal
 * nobody uses. -EAGAIN: there is none.
 */
TPY_PUBLIC int tpy_fd_wakeable(void);
/*
 * Lets the blocking call that a thread of this process is in return -EINTR. A call that has not begun to block is not touched:
 * so whoever must be sure wakes again until the thread has said that it is out. `thread` must be alive.
 */
TPY_PUBLIC int tpy_fd_wake(int thread);

#ifdef __cplusplus
}
#endif

#endif
