/* name: name_attach and name_open: a name is a file of the core's (names.h) that leads to a process and channel. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/dispatch.h>

#include "core/fault.h"
#include "core/names.h"
#include "qnx/local.h"
#include "qnx/result.h"

#define SPACE "qnx"

struct attached {
    name_attach_t face; /* first: what the program holds */
    char name[TPY_NAME_MAX + 1];
    struct attached *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct attached *all;

/* A name as one file name: '/' and '%' are written %2F and %25. 0, -EINVAL, -ENAMETOOLONG, -EFAULT. */
static int encode(const char *name, char *encoded)
{
    char given[TPY_NAME_MAX + 2];
    size_t length = 0, used = 0;
    if (!name) return -EINVAL;
    do {
        if (length >= sizeof given) return -ENAMETOOLONG;
        if (tpy_copy(&given[length], name + length, 1)) return -EFAULT;
    } while (given[length++] != 0);
    if (given[0] == 0 || given[0] == '/') return -EINVAL;
    for (const char *part = given; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        if (strncmp(part, "..", 2) == 0 && (part[2] == 0 || part[2] == '/')) return -EINVAL;
        if (*part == 0) break;
    }
    for (const char *at = given; *at; at++) {
        char text[4] = {*at, 0, 0, 0};
        if (*at == '/' || *at == '%') snprintf(text, sizeof text, "%%%02X", (unsigned)*at);
        if (used + strlen(text) > TPY_NAME_MAX) return -ENAMETOOLONG;
        memcpy(encoded + used, text, strlen(text));
        used += strlen(text);
    }
    encoded[used] = 0;
    /* A leading dot is a name like another here, but "." alone is none for a file. */
    return strcmp(encoded, ".") == 0 ? -EINVAL : 0;
}

static int attach(const char *name, struct attached **made)
{
    TPY_QNX_SHIELDED;
    struct attached *attached = calloc(1, sizeof *attached);
    if (!attached) return -ENOMEM;
    int result = encode(name, attached->name), chid = -1;
    if (result == 0) result = chid = ChannelCreate_r(_NTO_CHF_UNBLOCK | _NTO_CHF_DISCONNECT);
    if (result >= 0) result = tpy_name_bind(SPACE, attached->name, (uint32_t)chid, 0);
    if (result != 0) {
        if (chid > 0) ChannelDestroy_r(chid);
        free(attached);
        return result;
    }
    attached->face.chid = chid;
    pthread_mutex_lock(&lock);
    attached->next = all;
    all = attached;
    pthread_mutex_unlock(&lock);
    *made = attached;
    return 0;
}

void tpy_qnx_names_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    all = NULL; /* left alone: another thread of the parent may have been changing the list */
}

name_attach_t *name_attach(dispatch_t *dispatch, const char *name, unsigned flags)
{
    struct attached *attached = NULL;
    (void)flags;
    tpy_qnx_begin();
    int result = dispatch ? -EINVAL : attach(name, &attached);
    if (result == 0) return &attached->face;
    errno = -result;
    return NULL;
}

int name_detach(name_attach_t *attach, unsigned flags)
{
    TPY_QNX_SHIELDED;
    struct attached *found = NULL;
    (void)flags;
    pthread_mutex_lock(&lock);
    for (struct attached **at = &all; *at; at = &(*at)->next)
        if (&(*at)->face == attach) {
            found = *at;
            *at = found->next;
            break;
        }
    pthread_mutex_unlock(&lock);
    if (!found) return (int)tpy_qnx_result(-EINVAL);
    tpy_name_unbind(SPACE, found->name);
    ChannelDestroy_r(found->face.chid);
    free(found);
    return 0;
}

int name_open(const char *name, int flags)
{
    TPY_QNX_SHIELDED;
    char encoded[TPY_NAME_MAX + 1];
    struct tpy_name_entry entry;
    (void)flags;
    tpy_qnx_begin();
    int result = encode(name, encoded);
    if (result == 0) result = tpy_name_lookup(SPACE, encoded, &entry);
    if (result == 0) result = ConnectAttach_r(ND_LOCAL_NODE, entry.pid, (int)entry.port, 0, _NTO_COF_CLOEXEC);
    /* Its owner went between the two: then nobody has the name. */
    return (int)tpy_qnx_result(result == -ESRCH || result == -ENXIO ? -ENOENT : result);
}

int name_close(int coid)
{
    int result = ConnectDetach_r(coid);
    return (int)tpy_qnx_result(result == -EINVAL ? -EBADF : result);
}
