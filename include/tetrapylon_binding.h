/*
 * tetrapylon_binding.h: what bindings of other languages need of the QNX calls and C programs do not: each operation as one call that
 * tells all its results. org.tetrapylon.qnx is built on it.
 */
#ifndef TETRAPYLON_BINDING_H
#define TETRAPYLON_BINDING_H

#include <sys/neutrino.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What MsgSend brings back. */
struct tpy_msg_answer {
    int64_t status;  /* the server's, any number */
    uint64_t length; /* bytes it wrote to the reply buffers by its MsgReply */
};

/*
 * MsgSendnc and MsgSendvnc with their timeout (TimerTimeout in the states SEND and REPLY) in the same call. nanoseconds: from now; 0: do
 * not block; negative: what TimerTimeout has armed, if anything. Returns 0 and fills *answer, or a negative errno: so that a
 * negative status is no error.
 */
TPY_PUBLIC int tpy_msg_send(int coid, const void *message, size_t bytes, void *reply, size_t room, int64_t nanoseconds,
                            struct tpy_msg_answer *answer);
TPY_PUBLIC int tpy_msg_sendv(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts, int64_t nanoseconds,
                             struct tpy_msg_answer *answer);
/* MsgReceive_r and MsgReceivev_r with their timeout, in the same way. */
TPY_PUBLIC rcvid_t tpy_msg_receive(int chid, void *message, size_t bytes, int64_t nanoseconds, struct _msg_info *info);
TPY_PUBLIC rcvid_t tpy_msg_receivev(int chid, const iov_t *riov, size_t rparts, int64_t nanoseconds, struct _msg_info *info);

#ifdef __cplusplus
}
#endif

#endif
