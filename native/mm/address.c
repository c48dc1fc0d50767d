/* address: see address.h. */
#include "mm/address.h"

#include <errno.h>
#include <string.h>

int tpy_mm_address(const char *name, struct sockaddr_un *address)
{
    const size_t room = sizeof address->sun_path - 1;

    if (name == NULL)
        return -EFAULT;
    size_t length = strnlen(name, room + 1);
    if (length > room)
        return -ENAMETOOLONG;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, name, length);
    return 0;
}

void tpy_mm_give_address(int socket)
{
    struct sockaddr_un none = {.sun_family = AF_UNIX};

    (void)bind(socket, (struct sockaddr *)&none, sizeof none.sun_family);
}
