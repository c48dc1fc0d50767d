/* version: the library says which build it is. */
#include "check.h"
#include "tetrapylon.h"

#include <stdio.h>

CASE(version_is_three_numbers)
{
    int major, minor, patch;

    CHECK_EQ(sscanf(tpy_version(), "%d.%d.%d", &major, &minor, &patch), 3);
}

CASE(version_is_one_constant_string)
{
    CHECK_PTR_EQ(tpy_version(), tpy_version());
}
