/* QNX, MsgReply, MsgReplyv, MsgError: every sentence of the MsgReplyv page, and what a faulting reply does. */
#include "qnx_support.h"

#include <pthread.h>
#include <sys/mman.h>

static void send_and_tell(int coid, void *argument)
{
    long *results = argument;
    char in[64];
    memset(in, 0xee, sizeof in);
    results[0] = MsgSend_r(coid, "12345678", 8, in, 32);
    results[1] = (unsigned char)in[0];
    results[2] = (unsigned char)in[31];
    results[3] = (unsigned char)in[32];
}

QNX_CASE(no_parts_is_a_valid_reply)
{
    char byte;
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_tell, results);
    CHECK_EQ(MsgReplyv(qnx_receive(chid, &byte, 1), 9, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(results[0], 9);
    CHECK_EQ(results[1], 0xee);
}

static void *reply_here(void *argument)
{
    CHECK_EQ(MsgReply((rcvid_t)(intptr_t)argument, 5, "ab", 2), 0);
    return NULL;
}

QNX_CASE(any_thread_of_the_process_may_reply)
{
    char byte;
    pthread_t thread;
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_tell, results);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(pthread_create(&thread, NULL, reply_here, (void *)(intptr_t)rcvid), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    qnx_join(client);
    CHECK_EQ(results[0], 5);
    CHECK_EQ(results[1], 'a');
}

QNX_CASE(only_the_first_reply_counts)
{
    char byte;
    struct _msg_info info;
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_tell, results);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgReply(rcvid, 5, "ab", 2), 0);
    errno = 4321;
    CHECK_EQ(MsgReply_r(rcvid, 6, "cd", 2), -ESRCH);
    CHECK_EQ(MsgReplyv_r(rcvid, 6, NULL, 0), -ESRCH);
    CHECK_EQ(MsgError_r(rcvid, EIO), -ESRCH);
    CHECK_EQ(MsgRead_r(rcvid, &byte, 1, 0), -ESRCH);
    CHECK_EQ(MsgWrite_r(rcvid, &byte, 1, 0), -ESRCH);
    CHECK_EQ(MsgInfo_r(rcvid, &info), -ESRCH);
    CHECK_EQ(MsgCurrent_r(rcvid), -ESRCH);
    CHECK_EQ(errno, 4321);
    CHECK_ERRNO(MsgReply(rcvid, 6, "cd", 2), ESRCH);
    CHECK_ERRNO(MsgReplyv(rcvid, 6, NULL, 0), ESRCH);
    CHECK_ERRNO(MsgError(rcvid, EIO), ESRCH);
    CHECK_ERRNO(MsgRead(rcvid, &byte, 1, 0), ESRCH);
    CHECK_ERRNO(MsgWrite(rcvid, &byte, 1, 0), ESRCH);
    CHECK_ERRNO(MsgInfo(rcvid, &info), ESRCH);
    CHECK_ERRNO(MsgCurrent(rcvid), ESRCH);
    qnx_join(client);
    CHECK_EQ(results[0], 5);
    CHECK_EQ(results[1], 'a');
}

CASE(rcvids_that_never_were)
{
    char byte = 0;
    struct _msg_info info;
    long none[] = {0, -1, 1, 77, 1 << 19, (5L << 19) + 3, INT32_MAX, INT32_MIN, 1L << 31, 1L << 40, INT64_MAX,
        INT64_MIN};
    CHECK_SYS(ChannelCreate(0));
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        CHECK_ERRNO(MsgReply(none[i], 0, &byte, 1), ESRCH);
        CHECK_ERRNO(MsgReplyv(none[i], 0, NULL, 0), ESRCH);
        CHECK_ERRNO(MsgError(none[i], EIO), ESRCH);
        CHECK_ERRNO(MsgError(none[i], EOK), ESRCH);
        CHECK_ERRNO(MsgError(none[i], -1), ESRCH);
        CHECK_ERRNO(MsgRead(none[i], &byte, 1, 0), ESRCH);
        CHECK_ERRNO(MsgWrite(none[i], &byte, 1, 0), ESRCH);
        CHECK_ERRNO(MsgReadv(none[i], NULL, 0, 0), ESRCH);
        CHECK_ERRNO(MsgWritev(none[i], NULL, 0, 0), ESRCH);
        CHECK_ERRNO(MsgInfo(none[i], &info), ESRCH);
        CHECK_ERRNO(MsgCurrent(none[i]), ESRCH);
    }
}

static void send_for_errors(int coid, void *argument)
{
    const int *errors = argument;
    char in[8] = "-------";
    for (unsigned i = 0; errors[i] >= 0; i++) {
        if (errors[i] == EOK) CHECK_EQ(MsgSend(coid, "x", 1, in, 8), 0);
        else if (i % 2) CHECK_ERRNO(MsgSend(coid, "x", 1, in, 8), errors[i]);
        else CHECK_EQ(MsgSend_r(coid, "x", 1, in, 8), -errors[i]);
        CHECK_STR_EQ(in, "-------");
    }
}

QNX_CASE(msgerror_gives_the_client_that_error)
{
    static int errors[] = {EIO, EPERM, EOK, ENOSYS, ESRCH, EBADF, ETIMEDOUT, EINTR, ECANCELED, ESRVRFAULT, ENOREMOTE,
        4095, -1};
    char byte;
    int chid = CHECK_SYS(ChannelCreate(0));
    /* ECANCELED and EINTR too come from the server here, not from a signal. */
    struct qnx_client *client = qnx_start(threads, chid, send_for_errors, errors);
    for (unsigned i = 0; errors[i] >= 0; i++) CHECK_EQ(MsgError(qnx_receive(chid, &byte, 1), errors[i]), 0);
    qnx_join(client);
}

QNX_CASE(erestart_makes_the_client_send_again)
{
    char message[8];
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_tell, results);
    rcvid_t first = qnx_receive(chid, message, 8);
    CHECK_EQ(MsgError(first, ERESTART), 0);
    memset(message, 0, 8);
    rcvid_t second = qnx_receive(chid, message, 8);
    CHECK_NE(first, second);
    CHECK_MEM_EQ(message, "12345678", 8);
    CHECK_ERRNO(MsgReply(first, 1, NULL, 0), ESRCH);
    CHECK_EQ(MsgError(second, ERESTART), 0);
    CHECK_EQ(MsgReply(qnx_receive(chid, message, 8), 3, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(results[0], 3);
}

/* ---- Bad buffers ---- */

QNX_CASE(a_bad_server_buffer_faults_on_both_sides_and_ends_the_message)
{
    char byte;
    iov_t parts[2];
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));

    struct qnx_client *client = qnx_start(threads, chid, send_and_tell, results);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    CHECK_ERRNO(MsgReply(rcvid, 5, qnx_unmapped(), 16), ESRVRFAULT);
    CHECK_ERRNO(MsgReply(rcvid, 5, NULL, 0), ESRCH);
    qnx_join(client);
    CHECK_EQ(results[0], -ESRVRFAULT);

    client = qnx_start(threads, chid, send_and_tell, results);
    rcvid = qnx_receive(chid, &byte, 1);
    SETIOV(&parts[0], &byte, 1);
    SETIOV(&parts[1], (char *)qnx_at_end(4) + 1, 8); /* fails after some bytes */
    CHECK_EQ(MsgReplyv_r(rcvid, 5, parts, 2), -ESRVRFAULT);
    qnx_join(client);
    CHECK_EQ(results[0], -ESRVRFAULT);

    client = qnx_start(threads, chid, send_and_tell, results);
    rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgReplyv_r(rcvid, 5, qnx_unmapped(), 3), -ESRVRFAULT); /* the list itself */
    qnx_join(client);
    CHECK_EQ(results[0], -ESRVRFAULT);

    client = qnx_start(threads, chid, send_and_tell, results);
    rcvid = qnx_receive(chid, &byte, 1);
    CHECK_EQ(MsgReply_r(rcvid, 5, qnx_at_end(32), 64), 0); /* the client has room for 32: no more is read */
    qnx_join(client);
}

static void send_into_bad_room(int coid, void *argument)
{
    long *results = argument;
    char *bad = qnx_unmapped(), *end = qnx_at_end(10), out[70000];
    iov_t parts[2];
    memset(out, 1, sizeof out);
    results[0] = MsgSend_r(coid, "a", 1, bad, 16);
    results[1] = MsgSend_r(coid, "b", 1, end, 16);
    results[2] = MsgSend_r(coid, "c", 1, bad, 16);      /* the reply has no bytes: nothing faults */
    results[3] = MsgSend_r(coid, "d", 1, end, 16);      /* nor what is not reached */
    SETIOV(&parts[0], out, 4);
    SETIOV(&parts[1], bad, 4);
    results[4] = MsgSendv_r(coid, parts, 1, parts, 2);
    results[5] = MsgSend_r(coid, "f", 1, bad, 100000);  /* beyond what travels inline */
    results[6] = MsgSendv_r(coid, parts, 1, (iov_t *)bad, 3);    /* the list */
    results[7] = MsgSend_r(coid, "h", 1, out, 4);       /* and all is well again */
}

QNX_CASE(a_bad_client_buffer_gives_efault)
{
    char reply[100000], byte;
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    memset(reply, 7, sizeof reply);
    struct qnx_client *client = qnx_start(threads, chid, send_into_bad_room, results);
    CHECK_EQ(MsgReply_r(qnx_receive(chid, &byte, 1), 1, reply, 16), -EFAULT);
    CHECK_EQ(MsgReply_r(qnx_receive(chid, &byte, 1), 1, reply, 16), -EFAULT);
    CHECK_EQ(MsgReply_r(qnx_receive(chid, &byte, 1), 22, reply, 0), 0);
    CHECK_EQ(MsgReply_r(qnx_receive(chid, &byte, 1), 33, reply, 10), 0);
    CHECK_EQ(MsgReply_r(qnx_receive(chid, &byte, 1), 1, reply, 16), -EFAULT);
    CHECK_EQ(MsgReply_r(qnx_receive(chid, &byte, 1), 1, reply, sizeof reply), -EFAULT);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 77, reply, 4), 0); /* 'h': the bad list was never sent */
    qnx_join(client);
    CHECK_EQ(results[0], -EFAULT);
    CHECK_EQ(results[1], -EFAULT);
    CHECK_EQ(results[2], 22);
    CHECK_EQ(results[3], 33);
    CHECK_EQ(results[4], -EFAULT);
    CHECK_EQ(results[5], -EFAULT);
    CHECK_EQ(results[6], -EFAULT);
    CHECK_EQ(results[7], 77);
}

static void send_from_bad_memory(int coid, void *argument)
{
    long *results = argument;
    char *bad = qnx_unmapped(), *end = qnx_at_end(10);
    iov_t parts[2];
    results[0] = MsgSend_r(coid, bad, 16, NULL, 0);
    results[1] = MsgSend_r(coid, end, 16, NULL, 0); /* the server takes 10 bytes only: the rest is never read */
    SETIOV(&parts[0], end, 10);
    SETIOV(&parts[1], bad, 100);
    results[2] = MsgSendv_r(coid, parts, 2, NULL, 0); /* but now it takes 16 */
    results[3] = MsgSendv_r(coid, (iov_t *)bad, 2, NULL, 0);
    results[4] = MsgSend_r(coid, end, 10, NULL, 0);
}

QNX_CASE(a_bad_message_never_reaches_the_server)
{
    char buffer[16];
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_from_bad_memory, results);
    CHECK_EQ(MsgReply(qnx_receive(chid, buffer, 10), 42, NULL, 0), 0);
    CHECK_EQ(MsgReply(qnx_receive(chid, buffer, 16), 43, NULL, 0), 0);
    qnx_join(client);
    CHECK_EQ(results[0], -EFAULT);
    CHECK_EQ(results[1], 42);
    CHECK_EQ(results[2], -EFAULT);
    CHECK_EQ(results[3], -EFAULT);
    CHECK_EQ(results[4], 43);
    qnx_check_empty(chid);
}

static void send_simple(int coid, void *argument)
{
    (void)argument;
    CHECK_EQ(MsgSend(coid, "hello", 6, NULL, 0), 0);
}

QNX_CASE(a_receive_into_bad_memory_leaves_the_message_queued)
{
    char buffer[8];
    struct _msg_info info, *bad_info = qnx_unmapped();
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_simple, NULL);
    CHECK_ERRNO(MsgReceive(chid, qnx_unmapped(), 64, NULL), EFAULT);
    CHECK_ERRNO(MsgReceive(chid, qnx_at_end(3), 64, NULL), EFAULT);
    CHECK_EQ(MsgReceivev_r(chid, qnx_unmapped(), 2, NULL), -EFAULT);
    CHECK_ERRNO(MsgReceive(chid, buffer, sizeof buffer, bad_info), EFAULT);
    CHECK_ERRNO(MsgReceive(chid, buffer, sizeof buffer, qnx_at_end(sizeof info - 8)), EFAULT);
    rcvid_t rcvid = CHECK_SYS(MsgReceive(chid, buffer, sizeof buffer, &info));
    CHECK_STR_EQ(buffer, "hello");
    CHECK_ERRNO(MsgInfo(rcvid, bad_info), EFAULT);
    CHECK_EQ(MsgReply(rcvid, 0, NULL, 0), 0);
    qnx_join(client);
}

/* ---- Room that goes away during the call ---- */

#define FIRST_MIB (1u << 20)

struct vanishing {
    _Atomic unsigned step;
    size_t hole; /* where in the room, which is two MiB long */
    char *room;
    long result;
};

static void send_with_vanishing_room(int coid, void *argument)
{
    struct vanishing *shared = argument;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = mmap(NULL, 2 * FIRST_MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    CHECK_SYS(mprotect(room + shared->hole, page, PROT_NONE));
    shared->result = MsgSend_r(coid, "a", 1, room, 2 * FIRST_MIB);
}

QNX_CASE(a_hole_in_the_first_mib_of_room_is_known_to_the_server)
{
    char byte, *reply = malloc(2 * FIRST_MIB);
    struct vanishing *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    memset(reply, 7, 2 * FIRST_MIB);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t holes[] = {0, page, FIRST_MIB / 2, FIRST_MIB - page};
    for (unsigned i = 0; i < 4; i++) {
        shared->hole = holes[i];
        struct qnx_client *client = qnx_start(threads, chid, send_with_vanishing_room, shared);
        rcvid_t rcvid = qnx_receive(chid, &byte, 1);
        CHECK_ERRNO(MsgReply(rcvid, 1, reply, 2 * FIRST_MIB), EFAULT);
        CHECK_ERRNO(MsgReply(rcvid, 1, NULL, 0), ESRCH);
        qnx_join(client);
        CHECK_EQ(shared->result, -EFAULT);
    }
    /* Beyond that only the client finds it. */
    shared->hole = FIRST_MIB + FIRST_MIB / 2;
    struct qnx_client *client = qnx_start(threads, chid, send_with_vanishing_room, shared);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 1, reply, 2 * FIRST_MIB), 0);
    qnx_join(client);
    CHECK_EQ(shared->result, -EFAULT);
    /* And where the reply does not reach it nobody does. */
    client = qnx_start(threads, chid, send_with_vanishing_room, shared);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 5, reply, FIRST_MIB), 0);
    qnx_join(client);
    CHECK_EQ(shared->result, 5);
}

static void *take_room_away(void *argument)
{
    struct vanishing *shared = argument;
    qnx_await(&shared->step, 1);
    CHECK_SYS(munmap(shared->room, (size_t)sysconf(_SC_PAGESIZE)));
    qnx_count(&shared->step);
    return NULL;
}

static void send_and_lose_room(int coid, void *argument)
{
    pthread_t thread;
    struct vanishing *shared = argument;
    char out[100];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    shared->room = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(shared->room != MAP_FAILED);
    CHECK_EQ(pthread_create(&thread, NULL, take_room_away, shared), 0);
    shared->result = MsgSend_r(coid, "a", 1, shared->room, 100);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(MsgSend_r(coid, "b", 1, out, 100), 3); /* all is well again */
}

QNX_CASE(room_that_goes_away_later_is_the_clients_fault_alone)
{
    char byte, reply[100] = "";
    struct vanishing *shared = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_lose_room, shared);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    qnx_count(&shared->step);
    qnx_await(&shared->step, 2);
    CHECK_EQ(MsgReply(rcvid, 1, reply, sizeof reply), 0);
    CHECK_EQ(MsgReply(qnx_receive(chid, &byte, 1), 3, reply, sizeof reply), 0);
    qnx_join(client);
    CHECK_EQ(shared->result, -EFAULT);
}

QNX_CASE(a_reply_whose_lengths_overflow_ends_the_message)
{
    char byte;
    iov_t parts[2];
    long *results = qnx_share(4096);
    int chid = CHECK_SYS(ChannelCreate(0));
    struct qnx_client *client = qnx_start(threads, chid, send_and_tell, results);
    rcvid_t rcvid = qnx_receive(chid, &byte, 1);
    SETIOV(&parts[0], &byte, SIZE_MAX / 2 + 1);
    SETIOV(&parts[1], &byte, SIZE_MAX / 2 + 1);
    CHECK_ERRNO(MsgReplyv(rcvid, 5, parts, 2), EOVERFLOW);
    CHECK_ERRNO(MsgReply(rcvid, 5, NULL, 0), ESRCH);
    qnx_join(client);
    CHECK_EQ(results[0], -EOVERFLOW);
}
