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
/* MsgReceive_r and MsgReceivev_r with their timeout, in the same way; they are no cancellation points. */
TPY_PUBLIC rcvid_t tpy_msg_receive(int chid, void *message, size_t bytes, int64_t nanoseconds, struct _msg_info *info);
TPY_PUBLIC rcvid_t tpy_msg_receivev(int chid, const iov_t *riov, size_t rparts, int64_t nanoseconds, struct _msg_info *info);

/*
 * The same with addresses as numbers, for callers who know that the memory outlasts the call: where each pointer that is passed costs
 * something, as in Java. tpy_msg_send_at returns a status that is not negative as it is, or a negative errno, or TPY_STATUS_TOLD: then the
 * status stands in the answer, which is filled in any case. answer may be 0: then tpy_msg_status tells such a status.
 *
 * What a binding keeps for its thread need not be looked up for each call: tpy_msg_send_at without an answer, and tpy_msg_receive_at, do
 * nothing and return TPY_UNBOUND in a thread that has not called tpy_msg_bind, which is how a binding hears of a thread.
 */
#define TPY_STATUS_TOLD INT64_MIN
#define TPY_UNBOUND (INT64_MIN + 1)
TPY_PUBLIC int64_t tpy_msg_send_at(int coid, uint64_t message, size_t bytes, uint64_t reply, size_t room, int64_t nanoseconds,
                                   uint64_t answer);
TPY_PUBLIC int64_t tpy_msg_status(void); /* of this thread's last send that returned TPY_STATUS_TOLD without an answer */
TPY_PUBLIC int tpy_msg_bind(void);       /* 0, or -EAGAIN (too many threads) */
TPY_PUBLIC rcvid_t tpy_msg_receive_at(int chid, uint64_t message, size_t bytes, int64_t nanoseconds, uint64_t info);
TPY_PUBLIC int tpy_msg_reply_at(rcvid_t rcvid, long status, uint64_t message, size_t bytes);
TPY_PUBLIC ssize_t tpy_msg_read_at(rcvid_t rcvid, uint64_t message, size_t bytes, size_t offset);
TPY_PUBLIC ssize_t tpy_msg_write_at(rcvid_t rcvid, uint64_t message, size_t bytes, size_t offset);

#ifdef __cplusplus
}
#endif

#endif
