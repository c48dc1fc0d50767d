/*
 * unblock: the pulse by which a REPLY-blocked client asks to be let go, and its withdrawal when the server replies
 * first.
 */
#ifndef TPY_QNX_UNBLOCK_H
#define TPY_QNX_UNBLOCK_H

#include <stdint.h>
#include <sys/neutrino.h>

/* The message is finished: its unblock pulse must not be received any more. */
void tpy_qnx_unblock_retract(rcvid_t rcvid, uint32_t serial);

#endif
