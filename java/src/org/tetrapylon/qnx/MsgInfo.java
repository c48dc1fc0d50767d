package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tetrapylon.generated.qnx._msg_info;
import org.tetrapylon.generated.qnx.neutrino_h;

/**
 * What is known of a message or a connection: {@code struct _msg_info}, in native memory. Process and user are those the kernel
 * attests, never what the peer says of itself.
 *
 * <p>Owner: who made it. Reading while a call fills it gives a mixture.
 */
public final class MsgInfo {

    private final MemorySegment struct;

    /**
     * Makes an empty one in the arena's memory.
     *
     * @param arena owns its memory
     */
    public MsgInfo(Arena arena) {
        struct = arena.allocate(_msg_info.layout());
    }

    /** {@return the native struct} */
    public MemorySegment segment() {
        return struct;
    }

    /** {@return the node: always 0, the local one} */
    public int nd() {
        return _msg_info.nd(struct);
    }

    /** {@return the node as the other end sees it: always 0} */
    public int srcnd() {
        return _msg_info.srcnd(struct);
    }

    /** {@return the client's process; of a connection: the server's} */
    public int pid() {
        return _msg_info.pid(struct);
    }

    /** {@return the client's thread, from 1} */
    public int tid() {
        return _msg_info.tid(struct);
    }

    /** {@return the channel} */
    public int chid() {
        return _msg_info.chid(struct);
    }

    /** {@return the client process's connection, as the server knows it} */
    public int scoid() {
        return _msg_info.scoid(struct);
    }

    /** {@return the client's connection, as the client knows it} */
    public int coid() {
        return _msg_info.coid(struct);
    }

    /** {@return the sender's priority, 0 to 255} */
    public int priority() {
        return _msg_info.priority(struct);
    }

    /** {@return {@code _NTO_MI_*} bits} */
    public int flags() {
        return _msg_info.flags(struct);
    }

    /** {@return how many bytes the receive copied} */
    public long msglen() {
        return _msg_info.msglen(struct);
    }

    /** {@return how many bytes the client sends} */
    public long srcmsglen() {
        return _msg_info.srcmsglen(struct);
    }

    /** {@return how many bytes the client has room for} */
    public long dstmsglen() {
        return _msg_info.dstmsglen(struct);
    }

    /** {@return whether the client had asked to be let go} */
    public boolean isUnblockRequested() {
        return (flags() & neutrino_h._NTO_MI_UNBLOCK_REQ()) != 0;
    }

    @Override
    public String toString() {
        return "MsgInfo[pid=" + pid() + ", tid=" + tid() + ", chid=" + chid() + ", scoid=" + scoid() + ", coid=" + coid()
                + ", priority=" + priority() + ", flags=" + flags() + ", msglen=" + msglen() + ", srcmsglen=" + srcmsglen()
                + ", dstmsglen=" + dstmsglen() + "]";
    }
}
