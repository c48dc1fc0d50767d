/* info: MsgInfo, MsgCurrent and ConnectClientInfo: who is at the other end. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/neutrino.h>

#include "core/exchange.h"
#include "core/fault.h"
#include "qnx/channel.h"
#include "qnx/local.h"
#include "qnx/priority.h"
#include "qnx/rcvid.h"
#include "qnx/result.h"

int MsgInfo_r(rcvid_t rcvid, struct _msg_info *info)
{
    uint32_t serial;
    struct tpy_exchange_info known;
    struct tpy_exchange *exchange = tpy_qnx_find(rcvid, &serial);
    int result = exchange ? tpy_exchange_info(exchange, serial, &known) : -ESRCH;
    if (result != 0) return result;
    const struct tpy_qnx_client *client = known.client;
    /* A client that was killed has no time to ask: the pulse was queued for it. */
    bool asked = atomic_load_explicit(&tpy_qnx_slot(rcvid)->unblocking, memory_order_relaxed) == serial;
    struct _msg_info told = {
        .pid = known.pid,
        .tid = (int32_t)known.thread,
        .chid = client->chid,
        .scoid = client->scoid,
        .coid = (int32_t)known.tag,
        .priority = known.priority,
        .flags = asked || known.unblock_requested ? _NTO_MI_UNBLOCK_REQ : 0,
        .msglen = (ssize_t)known.received,
        .srcmsglen = (ssize_t)known.send_length,
        .dstmsglen = (ssize_t)known.room,
    };
    return tpy_copy(info, &told, sizeof told) ? -EFAULT : 0;
}

int MsgInfo(rcvid_t rcvid, struct _msg_info *info) { return (int)tpy_qnx_result(MsgInfo_r(rcvid, info)); }

int MsgCurrent_r(rcvid_t rcvid)
{
    uint32_t serial;
    struct tpy_exchange_info known;
    struct tpy_exchange *exchange = tpy_qnx_find(rcvid, &serial);
    int result = exchange ? tpy_exchange_info(exchange, serial, &known) : -ESRCH;
    if (result != 0) return result;
    struct tpy_qnx_local *local = tpy_qnx_local_get();
    if (local && local->realtime)
        tpy_qnx_priority_inherit(local, ((struct tpy_qnx_client *)known.client)->channel, known.priority);
    return 0;
}

int MsgCurrent(rcvid_t rcvid) { return (int)tpy_qnx_result(MsgCurrent_r(rcvid)); }

/* Numbers after `name` in the text of /proc/PID/status; how many were found, at most room. */
static unsigned numbers_after(const char *text, const char *name, unsigned *numbers, unsigned room)
{
    const char *at = strstr(text, name);
    unsigned found = 0;
    if (!at) return 0;
    at += strlen(name);
    while (found < room) {
        while (*at == ' ' || *at == '\t') at++;
        if (!isdigit((unsigned char)*at)) break;
        numbers[found++] = (unsigned)strtoul(at, (char **)&at, 10);
    }
    return found;
}

static void ask_proc(struct _client_info *info, unsigned groups)
{
    char path[32], text[8192];
    unsigned ids[4];
    snprintf(path, sizeof path, "/proc/%d/status", (int)info->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0) return;
    text[size] = 0;
    /* What the kernel attested stands; /proc only adds to it. */
    if (numbers_after(text, "\nUid:", ids, 4) == 4 && ids[1] == info->cred.euid) {
        info->cred.ruid = ids[0];
        info->cred.suid = ids[2];
    }
    if (numbers_after(text, "\nGid:", ids, 4) == 4 && ids[1] == info->cred.egid) {
        info->cred.rgid = ids[0];
        info->cred.sgid = ids[2];
    }
    info->cred.ngroups = numbers_after(text, "\nGroups:", info->cred.grouplist, groups);
    pid_t session = getsid(info->pid);
    if (session > 0) info->sid = session;
}

int ConnectClientInfo_r(int scoid, struct _client_info *info, int ngroups)
{
    TPY_KEEPS_ERRNO;
    TPY_QNX_SHIELDED;
    struct tpy_qnx_client client = {.pid = getpid(), .uid = geteuid(), .gid = getegid()}, again;
    struct _client_info told = {0};
    if (ngroups < 0) return -EINVAL;
    if (scoid != -1 && (tpy_qnx_client_look(scoid, &client) != 0 || atomic_load(&client.connections) == 0))
        return -EINVAL;
    told.pid = client.pid;
    told.cred.ruid = told.cred.euid = told.cred.suid = client.uid;
    told.cred.rgid = told.cred.egid = told.cred.sgid = client.gid;
    ask_proc(&told, ngroups < TPY_CRED_GROUPS ? (unsigned)ngroups : TPY_CRED_GROUPS);
    /* Still the same process, so /proc did not speak of a later one under its number. */
    if (scoid != -1 &&
        (tpy_qnx_client_look(scoid, &again) != 0 || again.generation != client.generation ||
            atomic_load(&again.connections) == 0))
        return -EINVAL;
    return tpy_copy(info, &told, sizeof told) ? -EFAULT : 0;
}

int ConnectClientInfo(int scoid, struct _client_info *info, int ngroups)
{
    return (int)tpy_qnx_result(ConnectClientInfo_r(scoid, info, ngroups));
}
