/* The error functions come by <mmerrno.h> alone. */
#include <mmerrno.h>

int main(void)
{
    int flags = mm_error_set_flags(MM_ERROR_SET, MM_ERROR_IGNORE);

    mm_error_set_flags(flags, MM_ERROR_ALL_ALTERNATE);
    mm_print_lasterror("error functions %d", 1);
    return mm_get_lasterror_number() != 0 || mm_get_lasterror_desc()[0] != 0;
}
