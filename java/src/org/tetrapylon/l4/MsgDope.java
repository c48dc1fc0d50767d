package org.tetrapylon.l4;

/**
 * A message dope: what came of an IPC, or how much is in a message.
 *
 * @param raw the number, as {@link IpcResult#dope} has it
 */
public record MsgDope(long raw) {

    /**
     * {@return the dope of a message of so many words and strings}
     *
     * @param words the first two among them
     * @param strings 0 to 31
     */
    public static MsgDope of(int words, int strings) {
        return new MsgDope(L4.L4_IPC_DOPE(words, strings));
    }

    /** {@return words: those received, the first two included, or those in a message} */
    public int dwords() {
        return (int) (raw >>> L4.L4_IPC_DWORD_SHIFT) & 0x7ffff;
    }

    /** {@return strings: those received whole, or those in a message} */
    public int strings() {
        return (int) (raw >>> L4.L4_IPC_STRING_SHIFT) & 31;
    }

    /** {@return whether flexpages were mapped} */
    public boolean isFpageReceived() {
        return L4.l4IpcFpageReceived(raw);
    }

    /** {@return the error, or null} */
    public IpcError error() {
        return IpcError.of(raw);
    }

    @Override
    public String toString() {
        return "MsgDope[words=" + dwords() + ", strings=" + strings() + (isFpageReceived() ? ", flexpage" : "")
                + (error() == null ? "]" : ", " + error() + "]");
    }
}
