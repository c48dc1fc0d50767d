package org.tetrapylon.support;

import java.util.Set;

/** The numbers of the system calls that a thread of ours waits in; a futex is not among them, for the JVM waits there, too. */
final class SystemCalls {

    /** As {@code /proc/PID/syscall} tells them. */
    static final Set<String> WAITING = System.getProperty("os.arch").equals("aarch64")
            // recvmsg sendmsg sendto recvfrom ppoll epoll_pwait2 accept4 epoll_pwait read write connect
            ? Set.of("212", "211", "206", "207", "73", "441", "242", "22", "63", "64", "203")
            : Set.of("47", "46", "44", "45", "271", "441", "288", "281", "0", "1", "42");

    private SystemCalls() {}
}
