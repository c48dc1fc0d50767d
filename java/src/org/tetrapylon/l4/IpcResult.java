package org.tetrapylon.l4;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.tetrapylon.generated.l4.tpy_l4_result;

/**
 * What an IPC brings back: the dope, and of a message that was received its first two words and its sender. In native memory, and used for any
 * number of calls, so that they allocate nothing.
 *
 * <p>Owner: who made it; for one call at a time.
 */
public final class IpcResult {

    private static final long DOPE = tpy_l4_result.dope$offset();
    private static final long WORD = tpy_l4_result.word$offset();
    private static final long SOURCE = tpy_l4_result.source$offset();

    private final MemorySegment struct;
    private final long address;

    /** Makes an empty one. Its memory is freed when it is collected, so that a call can take its bare address. */
    public IpcResult() {
        struct = Arena.ofAuto().allocate(tpy_l4_result.layout());
        address = struct.address();
    }

    /** {@return the native struct} */
    public MemorySegment segment() {
        return struct;
    }

    /** {@return the dope, see {@link MsgDope}} */
    public long dope() {
        return struct.get(ValueLayout.JAVA_LONG, DOPE);
    }

    /** {@return the first word; means something only if a message was received} */
    public long dword0() {
        return struct.get(ValueLayout.JAVA_LONG, WORD);
    }

    /** {@return the second word; means something only if a message was received} */
    public long dword1() {
        return struct.get(ValueLayout.JAVA_LONG, WORD + Long.BYTES);
    }

    /** {@return who sent it; means something only if a message was received} */
    public long source() {
        return struct.get(ValueLayout.JAVA_LONG, SOURCE);
    }

    long address() {
        return address;
    }

    /** Notes that there was an error and nothing else. {@return it} */
    int failed(int code) {
        struct.set(ValueLayout.JAVA_LONG, DOPE, code);
        return code;
    }

    @Override
    public String toString() {
        return "IpcResult[" + new MsgDope(dope()) + ", 0x" + Long.toHexString(dword0()) + ", 0x" + Long.toHexString(dword1()) + ", "
                + new ThreadId(source()) + "]";
    }
}
