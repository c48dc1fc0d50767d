/*
 * reason: numbers that MsgError sends in place of an errno. For -1: the client puts in the reason for which it asked
 * to be let go. For ECANCELED: what the core itself says of a call that was cancelled on the client's side, so the
 * server's needs another number.
 */
#ifndef TPY_QNX_REASON_H
#define TPY_QNX_REASON_H

/* Outside the numbers of Linux and of QNX. */
#define TPY_QNX_STORED_REASON 0x7ffe
#define TPY_QNX_SERVER_CANCELED 0x7ffd

#endif
