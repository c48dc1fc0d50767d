/* errors: the codes of ours that Linux lacks, in one place. */
#ifndef TPY_CORE_ERRORS_H
#define TPY_CORE_ERRORS_H
#include <errno.h>
/* The server's own buffer faulted: QNX's value, outside Linux's range, so it never hides another error. */
#define TPY_ESRVRFAULT 312
#endif
