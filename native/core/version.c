/*
 * version: tells which library is loaded. The number comes from the build as the bare tokens TPY_VERSION, so that
 * pom.xml is the only place that states it.
 */
#include "tetrapylon.h"

#ifndef TPY_VERSION
#error "TPY_VERSION is set by the build"
#endif

#define QUOTE(tokens) #tokens
#define QUOTE_EXPANDED(tokens) QUOTE(tokens)

const char *tpy_version(void)
{
    return QUOTE_EXPANDED(TPY_VERSION);
}
