/*
 * sys/dispatch.h: servers found by name. name_attach makes a channel and gives it a name; name_open makes a
 * connection to the channel that has it. Names are the user's own: one user's processes share them, another user's do
 * not. The name of a process that has died is free at once.
 *
 * A name is 1 to 100 bytes, of which / and % count three each; it may neither begin with / nor have ".." as a part.
 * Nothing is sent to the server when a client opens the name.
 *
 * Follows: QNX Neutrino C Library Reference, name_attach(), name_detach(), name_open(), name_close().
 */
#ifndef TPY_SYS_DISPATCH_H
#define TPY_SYS_DISPATCH_H

#include <sys/iomsg.h>
#include <sys/neutrino.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _dispatch dispatch_t;

typedef struct _name_attach {
    dispatch_t *dpp; /* always NULL */
    int chid;        /* the channel, for MsgReceive */
    int mntid;
    int zero[2];
} name_attach_t;

/* One machine: global names are the same as local ones. */
#define NAME_FLAG_ATTACH_GLOBAL 0x00000002
#define NAME_FLAG_DETACH_SAVEDPP 0x00000001

/*
 * Makes a channel (_NTO_CHF_UNBLOCK | _NTO_CHF_DISCONNECT, as QNX does) and gives it a name. Freed by name_detach.
 * Returns NULL and sets errno: EINVAL dispatch is not NULL or the name is not allowed, ENAMETOOLONG, EEXIST the name
 * is taken, EAGAIN no channel is left, ENOMEM, or what the directory of names says. Any thread.
 */
TPY_PUBLIC name_attach_t *name_attach(dispatch_t *dispatch, const char *name, unsigned flags);

/*
 * Gives the name up, destroys the channel and frees the record. Returns 0, or -1 and sets errno: EINVAL attach is
 * NULL or was detached already. Any thread.
 */
TPY_PUBLIC int name_detach(name_attach_t *attach, unsigned flags);

/*
 * Connects to the channel that has the name. Returns the connection's id (coid), or -1 and sets errno: ENOENT nobody
 * has the name, EINVAL it is not allowed, ENAMETOOLONG, EPERM the channel does not admit this user, EMFILE, EAGAIN.
 * Blocks for as long as the server takes to admit, 5 s at most. Any thread.
 */
TPY_PUBLIC int name_open(const char *name, int flags);

/* Ends the connection, as ConnectDetach. Returns 0, or -1 and sets errno: EBADF no such connection. Any thread. */
TPY_PUBLIC int name_close(int coid);

#ifdef __cplusplus
}
#endif

#endif
