/*
 * wake: gets a thread out of a system call by a signal whose handler does nothing. Not one of the kernel's calls for
 * messages takes a second thing to wait for, and a poll before each of them would cost more than the call; a signal costs
 * nothing until it is needed. Owns one real-time signal of the process, chosen when first needed.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tetrapylon_fd.h"

/* 0: none was free. Written once. */
static int wake_signal;

static void do_nothing(int number) { (void)number; }

/* From above, but not the very highest: those are what other libraries ask for by SIGRTMAX. */
static void choose_signal(void)
{
    for (int number = SIGRTMAX - 4; number >= SIGRTMIN; number--) {
        struct sigaction now, ours = {.sa_handler = do_nothing}; /* without SA_RESTART: the call is to return */
        if (sigaction(number, NULL, &now) || (now.sa_flags & SA_SIGINFO) || now.sa_handler != SIG_DFL)
            continue;
        if (sigaction(number, &ours, NULL) == 0) {
            wake_signal = number;
            return;
        }
    }
}

int tpy_fd_wakeable(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sigset_t set;

    pthread_once(&once, choose_signal);
    if (wake_signal == 0)
        return -EAGAIN;
    sigemptyset(&set);
    sigaddset(&set, wake_signal);
    int error = pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return error ? -error : (int)syscall(SYS_gettid);
}

int tpy_fd_wake(int thread)
{
    return syscall(SYS_tgkill, getpid(), thread, wake_signal) ? -errno : 0;
}
