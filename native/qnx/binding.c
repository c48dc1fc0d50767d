/*
 * binding: the QNX gate for other languages, see tetrapylon_binding.h. Each is the gate's own function with its
 * timeout and all its results.
 */
#include <tetrapylon_binding.h>

#include "qnx/local.h"
#include "qnx/send.h"

/* Arms the timeout of the call that follows, if the caller gave one. */
static inline int arm(int states, int64_t nanoseconds)
{
    if (TPY_LIKELY(nanoseconds < 0)) return 0;
    uint64_t time = (uint64_t)nanoseconds;
    return TimerTimeout_r(CLOCK_MONOTONIC, states, NULL, &time, NULL);
}

int tpy_msg_sendv(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts, int64_t nanoseconds,
                  struct tpy_msg_answer *answer)
{
    int result = arm(_NTO_TIMEOUT_SEND | _NTO_TIMEOUT_REPLY, nanoseconds);
    return TPY_LIKELY(result == 0) ? tpy_qnx_send(coid, siov, sparts, riov, rparts, answer) : result;
}

int tpy_msg_send(int coid, const void *message, size_t bytes, void *reply, size_t room, int64_t nanoseconds,
                 struct tpy_msg_answer *answer)
{
    const iov_t out = {(void *)message, bytes}, in = {reply, room};
    return tpy_msg_sendv(coid, &out, 1, &in, 1, nanoseconds, answer);
}

rcvid_t tpy_msg_receivev(int chid, const iov_t *riov, size_t rparts, int64_t nanoseconds, struct _msg_info *info)
{
    int result = arm(_NTO_TIMEOUT_RECEIVE, nanoseconds);
    return TPY_LIKELY(result == 0) ? MsgReceivev_r(chid, riov, rparts, info) : result;
}

rcvid_t tpy_msg_receive(int chid, void *message, size_t bytes, int64_t nanoseconds, struct _msg_info *info)
{
    const iov_t part = {message, bytes};
    return tpy_msg_receivev(chid, &part, 1, nanoseconds, info);
}
