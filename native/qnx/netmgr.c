/* netmgr: node descriptors of a world that has one node. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <sys/netmgr.h>
#include <sys/neutrino.h>

#include "qnx/result.h"

#define HOST_NAME 256

int netmgr_strtond(const char *name, char **end)
{
    char host[HOST_NAME] = "";
    if (!name) return (int)tpy_qnx_result(-EINVAL);
    gethostname(host, sizeof host - 1);
    if (end) *end = (char *)name + strlen(name);
    if (*name == 0 || strcmp(name, "localhost") == 0 || strcmp(name, host) == 0) return ND_LOCAL_NODE;
    return (int)tpy_qnx_result(-ENOENT);
}

int netmgr_ndtostr(unsigned flags, int nd, char *buffer, size_t room)
{
    char host[HOST_NAME] = "";
    if (nd != ND_LOCAL_NODE) return (int)tpy_qnx_result(-EINVAL);
    if (!(flags & ND2S_NAME_HIDE)) gethostname(host, sizeof host - 1);
    size_t length = strlen(host);
    if (length >= room) return (int)tpy_qnx_result(-ERANGE);
    memcpy(buffer, host, length + 1);
    return (int)length;
}
