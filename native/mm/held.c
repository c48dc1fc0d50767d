/*
 * held: sending and receiving for callers whose runtime keeps memory alive during a call only if it is an argument of the
 * call, as Java's does. What is held is not looked at.
 */
#include "tetrapylon_mm.h"

TPY_PUBLIC ssize_t tpy_mm_send_held(int fd, const struct mm_ipc_msg *msg, int flags, const void *first, const void *second,
                                    const void *third, const void *fourth)
{
    (void)first, (void)second, (void)third, (void)fourth;
    return tpy_mm_sendmsg(fd, msg, flags);
}

TPY_PUBLIC ssize_t tpy_mm_receive_held(int fd, struct mm_ipc_msg *msg, int flags, void *first, void *second, void *third,
                                       void *fourth)
{
    (void)first, (void)second, (void)third, (void)fourth;
    return tpy_mm_recvmsg(fd, msg, flags);
}
