package org.tetrapylon.fluke;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.fluke.fluke_ipc_h;
import org.tetrapylon.generated.fluke.fluke_thread_set_handlers$client_alert;
import org.tetrapylon.generated.fluke.fluke_thread_set_handlers$interrupt;
import org.tetrapylon.generated.fluke.fluke_thread_set_handlers$server_alert;
import org.tetrapylon.generated.fluke.fluke_thread_set_handlers$trap;
import org.tetrapylon.internal.Caller;
import org.tetrapylon.internal.NativeLibrary;

/**
 * A thread as Fluke knows it ({@code fluke_thread_t}): it can be interrupted and has handlers. Only platform threads are.
 *
 * <p>Handlers are functions in Java that the library calls up to, one native function of each kind for all threads. An exception must not pass
 * through the library's frames: it is kept, the call is ended, and what the handler threw is thrown when the call is back in Java.
 *
 * <p>Thread-safe.
 */
public final class FlukeThread {

    private static final ThreadLocal<FlukeThread> CURRENT;
    private static final MemorySegment ON_TRAP;
    private static final MemorySegment ON_INTERRUPT;
    private static final MemorySegment ON_CLIENT_ALERT;
    private static final MemorySegment ON_SERVER_ALERT;

    static {
        NativeLibrary.load();
        CURRENT = ThreadLocal.withInitial(FlukeThread::new);
        Arena arena = Arena.global();
        ON_TRAP = fluke_thread_set_handlers$trap.allocate(code -> here(0, code), arena);
        ON_INTERRUPT = fluke_thread_set_handlers$interrupt.allocate(code -> here(1, code), arena);
        ON_CLIENT_ALERT = fluke_thread_set_handlers$client_alert.allocate(code -> here(2, code), arena);
        ON_SERVER_ALERT = fluke_thread_set_handlers$server_alert.allocate(code -> here(3, code), arena);
    }

    private final Thread thread = Thread.currentThread();
    private MemorySegment record = MemorySegment.NULL;
    /** Trap, interrupt, client alert, server alert; replaced as a whole. */
    private volatile Handler[] handlers = new Handler[4];
    /** What a handler threw in a call that has not come back. */
    private Throwable thrown;

    /** Whose the connections are that this thread holds as a client and as a server; null: nobody's that is an object. By the thread itself. */
    Conversation client;
    Conversation server;

    /** How many threads have something that a handler threw: nearly always none, and then no thread looks its record up. */
    private static final AtomicInteger THROWN = new AtomicInteger();

    private FlukeThread() {
        checkPlatform(thread);
    }

    private static void checkPlatform(Thread thread) {
        if (thread.isVirtual()) {
            throw new WrongThreadException("a connection of Fluke belongs to a platform thread; this is a virtual one");
        }
    }

    /** {@return whether the calling thread, a platform thread, is interrupted} */
    static boolean isInterrupted() {
        Thread thread = Thread.currentThread();
        checkPlatform(thread);
        return thread.isInterrupted();
    }

    /** Makes the calling thread known to the library, whose calls say TPY_FLUKE_UNBOUND until then. {@return FLUKE_SUCCESS or FLUKE_NO_RESOURCES} */
    static int bind() {
        return current().record.address() == 0 ? FlukeIpc.FLUKE_NO_RESOURCES : fluke_ipc_h.tpy_fluke_bind();
    }

    /** {@return the calling thread} */
    static FlukeThread current() {
        FlukeThread self = CURRENT.get();
        if (self.record.address() == 0) {
            // Where the process has no number left for this thread, its calls say so by themselves, and the next one tries again.
            Caller.current();
            self.record = fluke_ipc_h.fluke_thread_self();
        }
        return self;
    }

    MemorySegment record() {
        return record;
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /** To be called after each call that can block. {@return the status} */
    static int leave(int status) {
        Caller.settleAny();
        if (THROWN.getPlain() != 0) {
            CURRENT.get().rethrow();
        }
        return status;
    }

    /** To be called after calls that cannot block: a trap handler may have thrown. {@return the status} */
    static int told(int status) {
        if (status < 0 && !Thread.currentThread().isVirtual()) {
            leave(status);
        }
        return status;
    }

    private void rethrow() {
        Throwable it = thrown;
        if (it == null) {
            return;
        }
        thrown = null;
        THROWN.getAndDecrement();
        // The cancel that ended the call, if it ended by itself before.
        tetrapylon_h.tpy_thread_interrupted();
        FlukeThread.<RuntimeException>sneak(it);
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable it) throws T {
        throw (T) it;
    }

    /** Called by the library on the thread in question. */
    private static void here(int which, int code) {
        FlukeThread self = null;
        try {
            self = CURRENT.get();
            Handler handler = self.handlers[which];
            if (handler != null) {
                handler.run(code);
            }
        } catch (Throwable e) {
            if (self != null) {
                self.keep(e, which != 0);
            }
        }
    }

    private void keep(Throwable it, boolean end) {
        if (thrown == null) {
            thrown = it;
            THROWN.getAndIncrement();
        } else if (thrown != it) {
            try {
                thrown.addSuppressed(it);
            } catch (Throwable noMemory) {
                // The first one says enough.
            }
        }
        if (end) {
            tetrapylon_h.tpy_thread_interrupt(tetrapylon_h.tpy_thread_number_self());
        }
    }

    synchronized int setHandlers(Handler trap, Handler interrupt, Handler clientAlert, Handler serverAlert) {
        // The new ones first: the library calls up to those that are set.
        handlers = new Handler[] {trap, interrupt, clientAlert, serverAlert};
        return fluke_ipc_h.fluke_thread_set_handlers(record, given(trap, ON_TRAP), given(interrupt, ON_INTERRUPT),
                given(clientAlert, ON_CLIENT_ALERT), given(serverAlert, ON_SERVER_ALERT));
    }

    private static MemorySegment given(Handler handler, MemorySegment upcall) {
        return handler == null ? MemorySegment.NULL : upcall;
    }

    @Override
    public String toString() {
        return "FlukeThread[" + thread.getName() + "]";
    }
}
