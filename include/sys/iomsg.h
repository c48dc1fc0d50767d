/*
 * sys/iomsg.h: the types of the messages of QNX's I/O protocol. Servers use them to tell such messages from their
 * own: a message whose 16-bit type lies between _IO_BASE and _IO_MAX belongs to that protocol. Nothing here sends
 * one.
 *
 * Follows: QNX Neutrino C Library Reference, MsgSend(), name_attach().
 */
#ifndef TPY_SYS_IOMSG_H
#define TPY_SYS_IOMSG_H

#include <stdint.h>

#define _IO_BASE 0x100
#define _IO_MAX 0x1ff

enum _io__Uint16types {
    _IO_CONNECT = _IO_BASE,
    _IO_READ,
    _IO_WRITE,
    _IO_RSVD_CLOSE_OCB,
    _IO_STAT,
    _IO_NOTIFY,
    _IO_DEVCTL,
    _IO_RSVD_UNBLOCK,
    _IO_PATHCONF,
    _IO_LSEEK,
    _IO_CHMOD,
    _IO_CHOWN,
    _IO_UTIME,
    _IO_OPENFD,
    _IO_FDINFO,
    _IO_LOCK,
    _IO_SPACE,
    _IO_SHUTDOWN,
    _IO_MMAP,
    _IO_MSG,
    _IO_RSVD,
    _IO_DUP,
    _IO_CLOSE
};

/* The head of a _IO_MSG message. */
struct _io_msg {
    uint16_t type;
    uint16_t combine_len;
    uint16_t mgrid;
    uint16_t subtype;
};

#define _IOMGR_PRIVATE_BASE 0xf000
#define _IOMGR_PRIVATE_MAX 0xffff

#endif
