package org.tetrapylon.fluke;

/** What a thread does at a mistake, an interrupt or an alert; see {@link FlukeIpc#flukeThreadSetHandlers}. */
@FunctionalInterface
public interface Handler {
    /**
     * Runs in the thread that it is set for, in the middle of a call. It may call anything here, but not with the params of that call.
     * What it throws ends the call and comes out of it.
     *
     * @param code for the trap handler the FLUKE_INSANITY_, for the others FLUKE_IPC_INTERRUPTED
     */
    void run(int code);
}
