/* reason: the number that MsgError(rcvid, -1) sends in place of an errno: the client puts in the reason for which it asked to be let go. */
#ifndef TPY_QNX_REASON_H
#define TPY_QNX_REASON_H

/* Outside the numbers of Linux and of QNX. */
#define TPY_QNX_STORED_REASON 0x7ffe

#endif
