/*
 * owed: what must be said to a server however busy that is: that something has ended, which it would keep for ever. Where the socket has no room it is
 * said later, by the watcher. Any thread.
 */
#ifndef TPY_CORE_OWED_H
#define TPY_CORE_OWED_H

#include "core/link.h"

/* Says it now, or after what is owed to the same peer by then, as soon as there is room. Nothing comes of it where the peer is gone. */
void tpy_owe(struct tpy_link *link, const struct tpy_say *say);

#endif
