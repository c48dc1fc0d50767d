package org.tetrapylon.mm;

import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.internal.Deadline;
import org.tetrapylon.internal.Descriptor;
import org.tetrapylon.internal.FdAccess;
import org.tetrapylon.internal.FdTransfer;
import org.tetrapylon.internal.Sleeper;

/**
 * The two calls on a connection's descriptor, for a frame that is filled. A call first tries without waiting, and only when
 * that fails is the thread made ready to be taken out of a sleep. Where calls had to wait lately, a platform thread goes to
 * sleep in the call itself without trying.
 */
final class Transfer {

    private static final int MSG_DONTWAIT = 0x40;
    /** After a call that had to wait, so many sleep without trying. */
    private static final int SLEEPS = 128;

    /** Whoever makes one native call with the descriptor's number. */
    interface Call {
        long on(int number);
    }

    private final Descriptor descriptor;
    /** How many more calls sleep without trying; a guess, so not synchronized. */
    private int sendSleeps;
    private int receiveSleeps;

    Transfer(Descriptor descriptor) {
        this.descriptor = descriptor;
    }

    long using(String name, Call call) {
        enter(name);
        try {
            return FdTransfer.check(name, call.on(descriptor.number()));
        } finally {
            descriptor.leave();
        }
    }

    private void enter(String name) {
        if (!descriptor.enter()) {
            throw new TetrapylonException(name, Errno.EBADF);
        }
    }

    long send(Frame frame, Fd[] descriptors, long deadline) {
        enter("mm_ipc_sendmsg");
        try {
            long sent = descriptors == null || descriptors.length == 0 ? transfer(frame, true, deadline)
                    : sendWith(frame, descriptors, deadline);
            return sent >= 0 ? sent : FdTransfer.check("mm_ipc_sendmsg", sent);
        } finally {
            descriptor.leave();
        }
    }

    private long sendWith(Frame frame, Fd[] descriptors, long deadline) {
        if (descriptors.length > Frame.DESCRIPTORS_MAX) {
            return -Errno.EINVAL;
        }
        int entered = 0;
        try {
            for (Fd fd : descriptors) {
                Descriptor its = FdAccess.descriptorOf(fd);
                if (!its.enter()) {
                    return -Errno.EBADF;
                }
                frame.descriptor(entered++, its.number());
            }
            frame.descriptors(entered);
            return transfer(frame, true, deadline);
        } finally {
            while (entered > 0) {
                FdAccess.descriptorOf(descriptors[--entered]).leave();
            }
        }
    }

    long receive(Frame frame, Received received, long deadline) {
        if (received != null) {
            received.close();
            frame.descriptorRoom(received.room());
        }
        enter("mm_ipc_recvmsg");
        try {
            long count = transfer(frame, false, deadline);
            if (count < 0) {
                FdTransfer.check("mm_ipc_recvmsg", count);
            }
            if (received != null) {
                received.fill(frame);
            }
            return count;
        } finally {
            descriptor.leave();
        }
    }

    private long transfer(Frame frame, boolean sends, long deadline) {
        boolean sleeps = deadline == Deadline.NEVER && shouldSleep(sends);
        if (sleeps && !Thread.currentThread().isVirtual()) {
            return asleep(frame, sends);
        }
        long result = once(frame, sends, MSG_DONTWAIT);
        return result == -Errno.EAGAIN ? waiting(frame, sends, deadline) : result;
    }

    private boolean shouldSleep(boolean sends) {
        int left = sends ? sendSleeps : receiveSleeps;
        if (left == 0) {
            return false;
        }
        setSleeps(sends, left - 1);
        return true;
    }

    private void setSleeps(boolean sends, int left) {
        if (sends) {
            sendSleeps = left;
        } else {
            receiveSleeps = left;
        }
    }

    private long once(Frame frame, boolean sends, int flags) {
        return sends ? frame.send(descriptor.number(), flags) : frame.receive(descriptor.number(), flags);
    }

    private long waiting(Frame frame, boolean sends, long deadline) {
        setSleeps(sends, SLEEPS);
        if (deadline == Deadline.NEVER && !Thread.currentThread().isVirtual()) {
            return asleep(frame, sends);
        }
        int events = sends ? tetrapylon_h.TPY_FD_WRITABLE() : tetrapylon_h.TPY_FD_READABLE();
        for (;;) {
            if (Deadline.left(deadline) == 0) {
                return -Errno.ETIMEDOUT;
            }
            int happened = descriptor.await(events, deadline);
            if (happened < 0) {
                return happened;
            }
            long result = once(frame, sends, MSG_DONTWAIT);
            if (result != -Errno.EAGAIN) {
                return result;
            }
        }
    }

    /** Sleeps in the call itself. */
    private long asleep(Frame frame, boolean sends) {
        Sleeper sleeper = Sleeper.mine();
        for (;;) {
            long result = -Errno.EINTR;
            try {
                if (sleeper.lieDown(descriptor)) {
                    result = once(frame, sends, 0);
                }
            } finally {
                sleeper.getUp();
            }
            if (result != -Errno.EINTR) {
                return result;
            }
            int reason = descriptor.reasonToLeave();
            if (reason != 0) {
                return lastTry(frame, sends, reason);
            }
        }
    }

    /** An interrupt ends a wait, not a call that need not wait. */
    private long lastTry(Frame frame, boolean sends, int reason) {
        if (reason != -Errno.EINTR) {
            return reason;
        }
        long result = once(frame, sends, MSG_DONTWAIT);
        return result == -Errno.EAGAIN ? reason : result;
    }
}
