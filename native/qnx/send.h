/* send: MsgSend with all its results, for bindings. */
#ifndef TPY_QNX_SEND_H
#define TPY_QNX_SEND_H

#include <tetrapylon_binding.h>

/* As MsgSendvnc: 0 and *answer, or a negative errno. */
int tpy_qnx_send(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts,
    struct tpy_msg_answer *answer);

#endif
