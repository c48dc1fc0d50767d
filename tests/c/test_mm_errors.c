/* mm_errors: the error state of mmerrno.h: one per thread, copied to errno, in words and printed. */
#include "check.h"
#include "mm_support.h"
#include "tetrapylon.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

CASE(there_is_no_error_at_first)
{
    CHECK_EQ(mm_get_lasterror_number(), 0);
    CHECK_STR_EQ(mm_get_lasterror_desc(), "");
}

CASE(an_error_is_kept_and_copied_to_errno)
{
    errno = 0;
    CHECK_EQ(mm_put(-1, "x", 1), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(mm_get_lasterror_number(), EBADF);
    errno = 0;
    CHECK_EQ(mm_ipc_connected_pair(NULL), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK_EQ(mm_get_lasterror_number(), EFAULT); /* the last one counts */
}

CASE(success_does_not_clear_the_error)
{
    int fds[2];

    mm_close(-2);
    CHECK_EQ(mm_ipc_connected_pair(fds), 0);
    CHECK_EQ(mm_get_lasterror_number(), EBADF);
}

CASE(the_description_tells_call_subject_and_reason)
{
    char name[200], expected[300];

    CHECK_EQ(mm_close(77), -1);
    CHECK(strstr(mm_get_lasterror_desc(), "mm_close") != NULL);
    CHECK(strstr(mm_get_lasterror_desc(), "77") != NULL);
    CHECK(strstr(mm_get_lasterror_desc(), strerror(EBADF)) != NULL);

    CHECK_EQ(tpy_mm_connect("tpy-test-nobody-listens", 0), -ETIMEDOUT);
    CHECK(strstr(mm_get_lasterror_desc(), "tpy_mm_connect") != NULL);
    CHECK(strstr(mm_get_lasterror_desc(), "\"tpy-test-nobody-listens\"") != NULL);
    CHECK(strstr(mm_get_lasterror_desc(), strerror(ETIMEDOUT)) != NULL);

    memset(name, 'z', sizeof name - 1); /* longer than what is kept of it */
    name[sizeof name - 1] = '\0';
    CHECK(mm_ipc_srv_create(name) == NULL);
    CHECK(strstr(mm_get_lasterror_desc(), "zzz...\"") != NULL);
    snprintf(expected, sizeof expected, ": %s", strerror(ENAMETOOLONG));
    CHECK(strstr(mm_get_lasterror_desc(), expected) != NULL);

    CHECK_EQ(mm_ipc_connect(NULL), -1);
    snprintf(expected, sizeof expected, "mm_ipc_connect: %s", strerror(EFAULT));
    CHECK_STR_EQ(mm_get_lasterror_desc(), expected);
}

CASE(looking_at_the_error_leaves_errno_alone)
{
    mm_close(77);
    errno = ENOENT;
    CHECK_EQ(mm_get_lasterror_number(), EBADF);
    CHECK_EQ(errno, ENOENT);
    CHECK(mm_get_lasterror_desc()[0] != '\0');
    CHECK_EQ(errno, ENOENT);
    mm_error_set_flags(MM_ERROR_SET, MM_ERROR_NOLOG);
    CHECK_EQ(errno, ENOENT);
}

static void *fail_in_another_thread(void *argument)
{
    CHECK_EQ(mm_get_lasterror_number(), 0);
    CHECK_EQ(mm_error_set_flags(0, 0), 0); /* nor are the flags the other thread's */
    CHECK_EQ(mm_ipc_connected_pair(NULL), -1);
    CHECK_EQ(mm_get_lasterror_number(), EFAULT);
    return argument;
}

CASE(each_thread_has_its_own_error)
{
    pthread_t thread;
    char before[256];

    mm_close(77);
    mm_error_set_flags(MM_ERROR_SET, MM_ERROR_NOLOG);
    snprintf(before, sizeof before, "%s", mm_get_lasterror_desc());
    CHECK_EQ(pthread_create(&thread, NULL, fail_in_another_thread, NULL), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(mm_get_lasterror_number(), EBADF);
    CHECK_STR_EQ(mm_get_lasterror_desc(), before);
}

CASE(flags_change_only_under_their_mask)
{
    CHECK_EQ(mm_error_set_flags(MM_ERROR_SET, MM_ERROR_IGNORE), 0);
    CHECK_EQ(mm_error_set_flags(MM_ERROR_SET, MM_ERROR_NOLOG), MM_ERROR_IGNORE);
    CHECK_EQ(mm_error_set_flags(MM_ERROR_UNSET, MM_ERROR_IGNORE), MM_ERROR_IGNORE | MM_ERROR_NOLOG);
    CHECK_EQ(mm_error_set_flags(MM_ERROR_SET, 0), MM_ERROR_NOLOG);
    CHECK_EQ(mm_error_set_flags(MM_ERROR_UNSET, MM_ERROR_ALL_ALTERNATE), MM_ERROR_NOLOG);
    CHECK_EQ(mm_error_set_flags(MM_ERROR_SET, MM_ERROR_ALL_ALTERNATE), 0);
    CHECK_EQ(mm_error_set_flags(0, 0), -1);
}

CASE(ignored_errors_leave_the_state_as_it_was)
{
    char before[256];

    mm_close(77);
    snprintf(before, sizeof before, "%s", mm_get_lasterror_desc());
    int flags = mm_error_set_flags(MM_ERROR_SET, MM_ERROR_IGNORE);
    CHECK_EQ(mm_ipc_connected_pair(NULL), -1); /* the call itself fails as ever */
    CHECK_EQ(mm_get_lasterror_number(), EBADF);
    CHECK_STR_EQ(mm_get_lasterror_desc(), before);
    mm_error_set_flags(flags, MM_ERROR_IGNORE);
    CHECK_EQ(mm_ipc_connected_pair(NULL), -1);
    CHECK_EQ(mm_get_lasterror_number(), EFAULT);
}

/* Standard output is a file while `print` runs; what it got goes to `text`. */
static void capture(void (*print)(void), char *text, size_t room)
{
    char path[300];
    int kept = (int)CHECK_SYS(dup(STDOUT_FILENO));

    snprintf(path, sizeof path, "%s/output", check_directory());
    int file = (int)CHECK_SYS(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    fflush(stdout);
    CHECK_SYS(dup2(file, STDOUT_FILENO));
    print();
    fflush(stdout);
    CHECK_SYS(dup2(kept, STDOUT_FILENO));
    ssize_t size = CHECK_SYS(pread(file, text, room - 1, 0));
    text[size] = '\0';
    close(file);
    close(kept);
}

static void print_with_context(void) { mm_print_lasterror("while trying %d times in %s", 3, "vain"); }
static void print_without_context(void) { mm_print_lasterror(NULL); }

CASE(printing_goes_to_standard_output)
{
    char text[1024], expected[400];

    CHECK_EQ(mm_close(77), -1);
    capture(print_with_context, text, sizeof text);
    snprintf(expected, sizeof expected, "while trying 3 times in vain\nerror %d in %s\n", EBADF,
             mm_get_lasterror_desc());
    CHECK_STR_EQ(text, expected);
    capture(print_without_context, text, sizeof text);
    CHECK_STR_EQ(text, strchr(expected, '\n') + 1);
}

static void print_with_errno(void)
{
    errno = ENOENT;
    mm_print_lasterror(NULL);
    CHECK_EQ(errno, ENOENT);
}

static void print_with_nothing(void)
{
    errno = 0;
    mm_print_lasterror(NULL);
}

CASE(printing_without_an_error)
{
    char text[1024];

    capture(print_with_nothing, text, sizeof text);
    CHECK_STR_EQ(text, "no error recorded\n");
    capture(print_with_errno, text, sizeof text);
    CHECK(strstr(text, strerror(ENOENT)) != NULL);
}

CASE(close_reports_and_forgives)
{
    int fds[2];

    CHECK_EQ(mm_close(-1), 0);
    CHECK_EQ(mm_get_lasterror_number(), 0);
    CHECK_EQ(mm_ipc_connected_pair(fds), 0);
    CHECK_EQ(mm_close(fds[0]), 0);
    CHECK_ERRNO(fcntl(fds[0], F_GETFD), EBADF);
    CHECK_ERRNO(mm_close(fds[0]), EBADF);
    CHECK_ERRNO(mm_close(-7), EBADF);
    int file = (int)CHECK_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK_EQ(mm_close(file), 0); /* any descriptor */
}
