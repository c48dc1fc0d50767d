/*
 * sys/neutrino.h: QNX Neutrino message passing on Linux: channels, connections, messages, pulses, events and
 * timeouts.
 *
 * Conventions. Every function returns -1 and sets errno when it fails, unless said otherwise; its twin with _r leaves
 * errno alone and returns the negative error number instead. (MsgSend_r returns the server's status too: a server
 * that answers such clients should not use negative ones.) Sizes and offsets are bytes, times nanoseconds. All
 * functions may be called by any thread at any time; an id that another thread ends at that moment gives the
 * documented error. Bad buffers give EFAULT or ESRVRFAULT, never a crash, as long as the program leaves the library's
 * SIGSEGV handler in place.
 *
 * After fork the child has no channels and no connections: it begins anew. Ids of the parent give EBADF or ESRCH
 * there.
 *
 * Limits: 1,023 channels and 16,384 connections of each kind in a process (1,024 to one other process), 4,095 client
 * threads served at once by a process, 1,024 pulses of one thread waiting at one channel, 65,536 parts in a list of
 * parts at least.
 *
 * Each function follows the page of its name in the QNX Neutrino C Library Reference (7.1, rcvid_t as in 8.0);
 * MsgReplyv also the page of the same name in the ZOSRV Neutrino library reference.
 */
#ifndef TPY_SYS_NEUTRINO_H
#define TPY_SYS_NEUTRINO_H

#include <sys/siginfo.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/netmgr.h>
#include <sys/states.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <tetrapylon.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Errors that Linux does not have, with QNX's numbers; none of them is a number of Linux. */
#ifndef EOK
#define EOK 0
#endif
#define ENOREMOTE 300
#define ESRVRFAULT 312

/* ---- Parts ----------------------------------------------------------------------------------------------------- */

/* One part of a message: iov_base, iov_len. Lists of parts are gathered and scattered as one run of bytes. */
typedef struct iovec iov_t;

#define SETIOV(iov, address, length) ((iov)->iov_base = (void *)(address), (iov)->iov_len = (length))
#define SETIOV_CONST(iov, address, length) SETIOV(iov, (uintptr_t)(address), length)
#define GETIOVBASE(iov) ((iov)->iov_base)
#define GETIOVLEN(iov) ((iov)->iov_len)

/* ---- Channels -------------------------------------------------------------------------------------------------- */

#define _NTO_CHF_FIXED_PRIORITY 0x0001  /* receivers keep their own priority */
#define _NTO_CHF_UNBLOCK 0x0002         /* a client that wants to leave asks by a pulse, and waits */
#define _NTO_CHF_THREAD_DEATH 0x0004    /* pulse when a thread of this process ends; one such channel a process */
#define _NTO_CHF_DISCONNECT 0x0008      /* pulse when a client process has gone */
#define _NTO_CHF_NET_MSG 0x0010         /* accepted, without effect */
#define _NTO_CHF_SENDER_LEN 0x0020      /* accepted; srcmsglen is always given */
#define _NTO_CHF_COID_DISCONNECT 0x0040 /* pulse when a server of this process has gone; one such channel a process */
#define _NTO_CHF_REPLY_LEN 0x0080       /* accepted; dstmsglen is always given */
#define _NTO_CHF_PULSE_POOL 0x0100      /* accepted, without effect */
#define _NTO_CHF_ASYNC_NONBLOCK 0x0200  /* not supported: EINVAL */
#define _NTO_CHF_ASYNC 0x0400           /* not supported: EINVAL */
#define _NTO_CHF_GLOBAL 0x0800          /* not supported: EINVAL */
#define _NTO_CHF_PRIVATE 0x1000         /* only this process may connect */
#define _NTO_CHF_MSG_PAUSING 0x2000     /* accepted, without effect */
#define _NTO_CHF_INHERIT_RUNMASK 0x4000 /* accepted, without effect */

/*
 * Makes a channel, which belongs to the process. Returns its id (chid), from 1, unique in the process and used again
 * as late as possible. EAGAIN no channel is left, EBUSY a second channel with THREAD_DEATH or COID_DISCONNECT, EINVAL
 * flags, ENOMEM. Processes of the same user and of root may connect; see tpy_channel_admit (tetrapylon.h).
 */
TPY_PUBLIC int ChannelCreate(unsigned flags);
TPY_PUBLIC int ChannelCreate_r(unsigned flags);

/* Ends the channel: threads blocked on it get ESRCH. Returns 0. EINVAL no such channel. */
TPY_PUBLIC int ChannelDestroy(int chid);
TPY_PUBLIC int ChannelDestroy_r(int chid);

/* ---- Connections ----------------------------------------------------------------------------------------------- */

/* As index of ConnectAttach: take the id from the side channels' space, which begins here. */
#define _NTO_SIDE_CHANNEL 0x40000000

#define _NTO_COF_CLOEXEC 0x0001 /* connections never outlive exec */
#define _NTO_COF_DEAD 0x0002    /* told by ConnectFlags: the server has gone */
#define _NTO_COF_NOSHARE 0x0040
#define _NTO_COF_NETCON 0x0080
#define _NTO_COF_NONBLOCK 0x0100
#define _NTO_COF_ASYNC 0x0200
#define _NTO_COF_GLOBAL 0x0400
#define _NTO_COF_NOEVENT 0x0800
#define _NTO_COF_INSECURE 0x1000
#define _NTO_COF_MASK 0xffff

/*
 * Connects to channel chid of process pid (0: this one) on node nd (ND_LOCAL_NODE). Returns the connection's id
 * (coid): with _NTO_SIDE_CHANNEL in index one of the side channels, else the lowest free number from index on, but at
 * least 3. Such a number looks like a file descriptor and is none. Several connections to one channel are several
 * coids and, at the server, one scoid.
 *
 * Blocks until the server's library has admitted us, 5 s at most (the server's threads need not do anything). ESRCH
 * no such process or channel, EPERM the channel does not admit us, EINVAL index or flags, EMFILE no id is left,
 * EAGAIN limits of either side, ENXIO the server is ending or does not answer, ENOREMOTE nd is not local, ENOMEM.
 */
TPY_PUBLIC int ConnectAttach(uint32_t nd, pid_t pid, int chid, unsigned index, int flags);
TPY_PUBLIC int ConnectAttach_r(uint32_t nd, pid_t pid, int chid, unsigned index, int flags);

/*
 * Ends a connection; threads of ours that are blocked on it get EBADF. A server ends a client's scoid with it, after
 * the pulse _PULSE_CODE_DISCONNECT. Returns 0. EINVAL no such connection.
 */
TPY_PUBLIC int ConnectDetach(int coid);
TPY_PUBLIC int ConnectDetach_r(int coid);

/*
 * Changes those flags of a connection that mask has to bits, and returns the flags before. pid: 0 or our own. EINVAL
 * no such connection, or another process's.
 */
TPY_PUBLIC int ConnectFlags(pid_t pid, int coid, uint32_t mask, uint32_t bits);
TPY_PUBLIC int ConnectFlags_r(pid_t pid, int coid, uint32_t mask, uint32_t bits);

/* What MsgReceive tells of a message, and ConnectServerInfo of a connection. */
struct _msg_info {
    uint32_t nd;        /* always ND_LOCAL_NODE */
    uint32_t srcnd;     /* always ND_LOCAL_NODE */
    pid_t pid;          /* the client's process, attested by the kernel */
    int32_t tid;        /* the client's thread, from 1 */
    int32_t chid;       /* the channel it came by */
    int32_t scoid;      /* the client process's connection to it, as the server knows it */
    int32_t coid;       /* the client's connection, as the client knows it */
    int16_t priority;   /* of the sender, 0 to 255 */
    int16_t flags;      /* _NTO_MI_* */
    ssize_t msglen;     /* bytes copied by the receive */
    ssize_t srcmsglen;  /* bytes the client sends */
    ssize_t dstmsglen;  /* bytes the client has room for */
    uint32_t type_id;   /* 0 */
    uint32_t reserved;
};
#define _server_info _msg_info

#define _NTO_MI_ENDIAN_BIG 0x0001
#define _NTO_MI_ENDIAN_DIFF 0x0002
#define _NTO_MI_UNBLOCK_REQ 0x0100 /* the client asks to be let go */
#define _NTO_MI_NET_CRED_DIRTY 0x0200

/*
 * Tells of our connection coid, or if there is none of the next one above it: nd, pid and chid of the server, scoid,
 * coid. Returns the coid told of. pid: 0 or our own. EINVAL no connection from coid on, or another process's. EFAULT.
 */
TPY_PUBLIC int ConnectServerInfo(pid_t pid, int coid, struct _msg_info *info);
TPY_PUBLIC int ConnectServerInfo_r(pid_t pid, int coid, struct _msg_info *info);

#define TPY_CRED_GROUPS 8
struct _cred_info {
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    uint32_t ngroups;
    gid_t grouplist[TPY_CRED_GROUPS];
};
struct _client_info {
    uint32_t nd;
    pid_t pid;
    pid_t sid; /* session */
    uint32_t flags;
    struct _cred_info cred;
};

/*
 * Tells of a client process. scoid: from MsgInfo, or -1 for our own process. The effective ids are those the kernel
 * attested when it connected; the others and the groups come from /proc, and are the effective ones where /proc does
 * not tell. ngroups: room in info->cred.grouplist, 0 for none. Returns 0. EINVAL no such scoid, EFAULT.
 */
TPY_PUBLIC int ConnectClientInfo(int scoid, struct _client_info *info, int ngroups);
TPY_PUBLIC int ConnectClientInfo_r(int scoid, struct _client_info *info, int ngroups);

/* ---- Sending --------------------------------------------------------------------------------------------------- */

/*
 * Sends a message and blocks until the server finishes it. Returns the status the server gave, or -1 and:
 *   EBADF coid is no connection, its server has gone, or it was detached meanwhile; ESRCH the server died or
 *   destroyed the channel meanwhile; EINTR a signal (whose handler was set without SA_RESTART); ETIMEDOUT TimerTimeout;
 *   EFAULT our buffers could not be accessed; ESRVRFAULT the server's could not; EOVERFLOW the lengths of the parts do
 *   not add up; EAGAIN limits (the first send of a thread only); or whatever error the server gave with MsgError.
 * On a channel with _NTO_CHF_UNBLOCK a signal or timeout does not end the call once the server has received the
 * message: the server is asked to. The calls with nc are no cancellation points of pthread_cancel, the others are. The
 * letters after MsgSend: s a buffer, v a list of parts, first for what is sent, then for the reply.
 */
TPY_PUBLIC long MsgSend(int coid, const void *message, size_t bytes, void *reply, size_t room);
TPY_PUBLIC long MsgSend_r(int coid, const void *message, size_t bytes, void *reply, size_t room);
TPY_PUBLIC long MsgSendnc(int coid, const void *message, size_t bytes, void *reply, size_t room);
TPY_PUBLIC long MsgSendnc_r(int coid, const void *message, size_t bytes, void *reply, size_t room);
TPY_PUBLIC long MsgSendsv(int coid, const void *message, size_t bytes, const iov_t *riov, size_t rparts);
TPY_PUBLIC long MsgSendsv_r(int coid, const void *message, size_t bytes, const iov_t *riov, size_t rparts);
TPY_PUBLIC long MsgSendsvnc(int coid, const void *message, size_t bytes, const iov_t *riov, size_t rparts);
TPY_PUBLIC long MsgSendsvnc_r(int coid, const void *message, size_t bytes, const iov_t *riov, size_t rparts);
TPY_PUBLIC long MsgSendvs(int coid, const iov_t *siov, size_t sparts, void *reply, size_t room);
TPY_PUBLIC long MsgSendvs_r(int coid, const iov_t *siov, size_t sparts, void *reply, size_t room);
TPY_PUBLIC long MsgSendvsnc(int coid, const iov_t *siov, size_t sparts, void *reply, size_t room);
TPY_PUBLIC long MsgSendvsnc_r(int coid, const iov_t *siov, size_t sparts, void *reply, size_t room);
TPY_PUBLIC long MsgSendv(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts);
TPY_PUBLIC long MsgSendv_r(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts);
TPY_PUBLIC long MsgSendvnc(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts);
TPY_PUBLIC long MsgSendvnc_r(int coid, const iov_t *siov, size_t sparts, const iov_t *riov, size_t rparts);

/* ---- Receiving ------------------------------------------------------------------------------------------------- */

/*
 * Names a message until it is finished. Positive, fits an int; not used again for that client thread's next 524,287
 * messages.
 */
typedef long rcvid_t;

/* A pulse as received. */
struct _pulse {
    uint16_t type;    /* _PULSE_TYPE */
    uint16_t subtype; /* _PULSE_SUBTYPE */
    int8_t code;
    uint8_t zero[3];
    union sigval value;
    int32_t scoid;    /* the sender's connection, as the server knows it */
};
#define _PULSE_TYPE 0
#define _PULSE_SUBTYPE 0

#define _PULSE_CODE_UNBLOCK (-32)     /* a client asks to be let go; value: its rcvid */
#define _PULSE_CODE_DISCONNECT (-33)  /* a client process has gone; scoid: end it with ConnectDetach */
#define _PULSE_CODE_THREADDEATH (-34) /* a thread of this process has ended; value: its tid */
#define _PULSE_CODE_COIDDEATH (-35)   /* a server of this process has gone; value: the coid */
#define _PULSE_CODE_MINAVAIL 0        /* a program's own codes */
#define _PULSE_CODE_MAXAVAIL 127

/*
 * Waits for the first message or pulse, by priority, then in order of arrival. For a message: copies its first bytes,
 * fills info if it is not NULL, and returns the rcvid. For a pulse: writes a struct _pulse, leaves info alone and
 * returns 0.
 *   ESRCH no such channel, or destroyed meanwhile; EFAULT the buffer cannot be written, or is smaller than the pulse
 *   that comes next, or the lengths of its parts do not add up (the message or pulse stays in the queue); EINTR a
 *   signal, as MsgSend; ETIMEDOUT TimerTimeout.
 * A cancellation point.
 */
TPY_PUBLIC rcvid_t MsgReceive(int chid, void *message, size_t bytes, struct _msg_info *info);
TPY_PUBLIC rcvid_t MsgReceive_r(int chid, void *message, size_t bytes, struct _msg_info *info);
TPY_PUBLIC rcvid_t MsgReceivev(int chid, const iov_t *riov, size_t rparts, struct _msg_info *info);
TPY_PUBLIC rcvid_t MsgReceivev_r(int chid, const iov_t *riov, size_t rparts, struct _msg_info *info);

/* The same, for pulses only: messages stay in the queue. Returns 0. */
TPY_PUBLIC int MsgReceivePulse(int chid, void *pulse, size_t bytes, struct _msg_info *info);
TPY_PUBLIC int MsgReceivePulse_r(int chid, void *pulse, size_t bytes, struct _msg_info *info);
TPY_PUBLIC int MsgReceivePulsev(int chid, const iov_t *piov, size_t parts, struct _msg_info *info);
TPY_PUBLIC int MsgReceivePulsev_r(int chid, const iov_t *piov, size_t parts, struct _msg_info *info);

/* ---- Finishing ------------------------------------------------------------------------------------------------- */

/*
 * Finishes a message: the client's reply buffers take as many bytes as they have room for, and its MsgSend returns
 * status. Never blocks. Any thread of the process that owns the channel may reply, once, in any order. Returns 0.
 *   ESRCH the rcvid is unknown or finished, or its client gave up, detached or died; EFAULT the client's buffers
 *   could not be written (where that is known by then); ESRVRFAULT ours could not be read; EOVERFLOW the lengths of
 *   the parts do not add up.
 * A faulting reply finishes the message too: the client gets the same error.
 */
TPY_PUBLIC int MsgReply(rcvid_t rcvid, long status, const void *message, size_t bytes);
TPY_PUBLIC int MsgReply_r(rcvid_t rcvid, long status, const void *message, size_t bytes);
TPY_PUBLIC int MsgReplyv(rcvid_t rcvid, long status, const iov_t *riov, size_t rparts);
TPY_PUBLIC int MsgReplyv_r(rcvid_t rcvid, long status, const iov_t *riov, size_t rparts);

/*
 * Finishes a message with an error, which the client's MsgSend gives. EOK: its MsgSend returns 0. ERESTART: the
 * client sends the message again. -1: the reason for which the client asked to be let go (EINTR or ETIMEDOUT). Never
 * blocks. Returns 0. ESRCH as MsgReply.
 */
TPY_PUBLIC int MsgError(rcvid_t rcvid, int error);
TPY_PUBLIC int MsgError_r(rcvid_t rcvid, int error);

/* ---- Transfer while the client is blocked ---------------------------------------------------------------------- */

/*
 * Copies bytes of the client's message, or into its reply buffers, from offset on. Returns the number copied: no more
 * than there is, 0 past the end. ESRCH as MsgReply; EFAULT the client's buffers, ESRVRFAULT ours, EOVERFLOW the lengths
 * of the parts do not add up; EINTR tpy_thread_interrupt ended MsgRead while it waited for bytes that the client did not
 * bring: the client stays blocked, whatever comes.
 */
TPY_PUBLIC ssize_t MsgRead(rcvid_t rcvid, void *message, size_t bytes, size_t offset);
TPY_PUBLIC ssize_t MsgRead_r(rcvid_t rcvid, void *message, size_t bytes, size_t offset);
TPY_PUBLIC ssize_t MsgReadv(rcvid_t rcvid, const iov_t *riov, size_t rparts, size_t offset);
TPY_PUBLIC ssize_t MsgReadv_r(rcvid_t rcvid, const iov_t *riov, size_t rparts, size_t offset);
TPY_PUBLIC ssize_t MsgWrite(rcvid_t rcvid, const void *message, size_t bytes, size_t offset);
TPY_PUBLIC ssize_t MsgWrite_r(rcvid_t rcvid, const void *message, size_t bytes, size_t offset);
TPY_PUBLIC ssize_t MsgWritev(rcvid_t rcvid, const iov_t *iov, size_t parts, size_t offset);
TPY_PUBLIC ssize_t MsgWritev_r(rcvid_t rcvid, const iov_t *iov, size_t parts, size_t offset);

/* ---- About a message ------------------------------------------------------------------------------------------- */

/* Tells of a received message. Returns 0. ESRCH unless its client is REPLY-blocked, EFAULT. */
TPY_PUBLIC int MsgInfo(rcvid_t rcvid, struct _msg_info *info);
TPY_PUBLIC int MsgInfo_r(rcvid_t rcvid, struct _msg_info *info);

/*
 * Takes the priority of a received message, as MsgReceive does, in a real-time thread; else does nothing. Returns 0.
 * ESRCH as MsgInfo.
 */
TPY_PUBLIC int MsgCurrent(rcvid_t rcvid);
TPY_PUBLIC int MsgCurrent_r(rcvid_t rcvid);

/* ---- Pulses and events ----------------------------------------------------------------------------------------- */

/*
 * Puts a pulse into the queue of a channel; does not block. priority: 0 to 255, -1 for the caller's. Returns 0. EBADF
 * coid is no connection or its server has gone, EAGAIN too many wait already, EPERM not allowed to signal that
 * process (as kill), EINVAL code outside -128 to 127 or priority.
 */
TPY_PUBLIC int MsgSendPulse(int coid, int priority, int code, int value);
TPY_PUBLIC int MsgSendPulse_r(int coid, int priority, int code, int value);
TPY_PUBLIC int MsgSendPulsePtr(int coid, int priority, int code, void *value);
TPY_PUBLIC int MsgSendPulsePtr_r(int coid, int priority, int code, void *value);

/*
 * Delivers an event to the client of a message, also after the reply; rcvid 0: to our own process. Does not block.
 * Returns 0. ESRCH the client process is gone or the rcvid was never one, EBADF its connection is detached, EINVAL
 * the event's kind, code, priority or signal, EAGAIN the client takes no more at present, EPERM. What goes wrong
 * later, at the client, is not told: a pulse on a connection it does not have is dropped. The forms of events:
 * sys/siginfo.h.
 */
TPY_PUBLIC int MsgDeliverEvent(rcvid_t rcvid, const struct sigevent *event);
TPY_PUBLIC int MsgDeliverEvent_r(rcvid_t rcvid, const struct sigevent *event);

/* Checks an event, and if rcvid is not 0 its client, as MsgDeliverEvent would. Returns 0. */
TPY_PUBLIC int MsgVerifyEvent(rcvid_t rcvid, const struct sigevent *event);
TPY_PUBLIC int MsgVerifyEvent_r(rcvid_t rcvid, const struct sigevent *event);

/*
 * Registers an event, so that only the server of connection coid (-1: any) can have it delivered, and only as it was
 * registered (but for what SIGEV_FLAG_UPDATEABLE allows). Turns *event into a handle, to be sent to the server.
 * Returns 0. EBADF no such connection, EINVAL the event, EAGAIN 4,096 are registered already, EFAULT.
 */
TPY_PUBLIC int MsgRegisterEvent(struct sigevent *event, int coid);
TPY_PUBLIC int MsgRegisterEvent_r(struct sigevent *event, int coid);
/* Forgets it. Returns 0. ESRCH the event is no handle of a registered one, EFAULT. */
TPY_PUBLIC int MsgUnregisterEvent(const struct sigevent *event);
TPY_PUBLIC int MsgUnregisterEvent_r(const struct sigevent *event);

/* ---- Time ------------------------------------------------------------------------------------------------------ */

#define _NTO_TIMEOUT_SEND (1 << STATE_SEND)
#define _NTO_TIMEOUT_RECEIVE (1 << STATE_RECEIVE)
#define _NTO_TIMEOUT_REPLY (1 << STATE_REPLY)

/*
 * Arms a timeout for the calling thread's next MsgSend* or MsgReceive*, which clears it. It runs from now and strikes
 * in the states that flags names (_NTO_TIMEOUT_*), at once if it is past by the time such a state is entered; the
 * call gives ETIMEDOUT. flags 0: disarms. time: nanoseconds from now, or with TIMER_ABSTIME in flags of clock id;
 * NULL: 0, that is, do not block in those states. event: NULL or SIGEV_UNBLOCK; or SIGEV_NONE: then nothing is
 * struck. id: CLOCK_REALTIME or CLOCK_MONOTONIC; a step of the wall clock after the call changes nothing. before, if
 * not NULL, gets what was left of the timeout armed before, 0 if none was. Returns 0. EINVAL id, flags or event;
 * EFAULT.
 */
TPY_PUBLIC int TimerTimeout(clockid_t id, int flags, const struct sigevent *event, const uint64_t *time,
    uint64_t *before);
TPY_PUBLIC int TimerTimeout_r(clockid_t id, int flags, const struct sigevent *event, const uint64_t *time,
    uint64_t *before);
/* The same with struct timespec. */
TPY_PUBLIC int timer_timeout(clockid_t id, int flags, const struct sigevent *event, const struct timespec *time,
                             struct timespec *before);
TPY_PUBLIC int timer_timeout_r(clockid_t id, int flags, const struct sigevent *event, const struct timespec *time,
                               struct timespec *before);

/*
 * POSIX timers that know SIGEV_PULSE. Programs write timer_create and so on (tetrapylon_qnx.h); the C library's
 * functions serve all other kinds of events. Errors as the C library's; EINVAL an event that a timer cannot deliver,
 * EBADF the event's connection, EAGAIN 1,024 timers of this process end in pulses already.
 */
TPY_PUBLIC int tpy_timer_create(clockid_t id, struct sigevent *event, timer_t *timer);
TPY_PUBLIC int tpy_timer_delete(timer_t timer);
TPY_PUBLIC int tpy_timer_settime(timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *before);
TPY_PUBLIC int tpy_timer_gettime(timer_t timer, struct itimerspec *value);
TPY_PUBLIC int tpy_timer_getoverrun(timer_t timer);

/* ---- Threads --------------------------------------------------------------------------------------------------- */

/*
 * pthread_create that takes NULL for the thread, as QNX's does, and makes the new thread known, so that its death can
 * be told (_NTO_CHF_THREAD_DEATH). pthread_cancel that also ends a blocked MsgSend* or MsgReceive*. Results as the C
 * library's: 0 or the error number.
 */
TPY_PUBLIC int tpy_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
    void *argument);
TPY_PUBLIC int tpy_pthread_cancel(pthread_t thread);

/* The C library's, and the calling thread's messages follow its policy from then on (as after getprio(0)). */
TPY_PUBLIC int tpy_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameter);
TPY_PUBLIC int tpy_sched_setscheduler(pid_t process, int policy, const struct sched_param *parameter);

/* The calling thread's number, as info.tid tells it at the other end; -1 when 4,096 threads have one. */
TPY_PUBLIC pid_t tpy_gettid(void);

/*
 * The scheduling priority of a thread of this process by tid, or of the caller (0); -1 and ESRCH. setprio: EPERM,
 * EINVAL too, returns the old.
 */
TPY_PUBLIC int tpy_getprio(pid_t tid);
TPY_PUBLIC int tpy_setprio(pid_t tid, int priority);

/* Sleeps for that many milliseconds; returns 0, or what was left when a signal came. */
TPY_PUBLIC unsigned tpy_delay(unsigned milliseconds);

#define _NTO_TCTL_IO_PRIV 1
#define _NTO_TCTL_RUNMASK 4
#define _NTO_TCTL_RUNMASK_GET_AND_SET 6
#define _NTO_TCTL_NAME 11
#define _NTO_TCTL_IO 14
#define _NTO_THREAD_NAME_MAX 100

struct _thread_name {
    int32_t new_name_len; /* bytes with the end; -1: do not change */
    int32_t name_buf_len; /* room for the old name */
    char name_buf[_NTO_THREAD_NAME_MAX]; /* the new name, then the old one */
};

/*
 * Changes the calling thread. RUNMASK: data is the mask of CPUs 0 to 63 as a number, (void *)(uintptr_t)mask;
 * RUNMASK_GET_AND_SET: data points to an unsigned mask, which is exchanged; NAME: data is a struct _thread_name
 * (Linux keeps 15 bytes of the name). Others: IO and IO_PRIV give EPERM, since Linux has no such thing, the rest
 * EINVAL. EFAULT.
 */
TPY_PUBLIC int ThreadCtl(int command, void *data);
TPY_PUBLIC int ThreadCtl_r(int command, void *data);

#ifdef __cplusplus
}
#endif

/*
 * The names above that begin with tpy_ under the names QNX programs use for them: timer_create, pthread_create, delay
 * and so on.
 */
#include <tetrapylon_qnx.h>

#endif
