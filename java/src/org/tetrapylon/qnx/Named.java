package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import org.tetrapylon.generated.qnx.neutrino_h;

/**
 * The functions that have no twin with {@code _r} and tell their errors by errno alone: names, nodes, timers. Each returns a negative errno
 * here. The generated descriptors are used with errno captured; none of these is called often.
 */
final class Named {

    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final MethodHandle ATTACH = handle(neutrino_h.name_attach$address(), neutrino_h.name_attach$descriptor());
    private static final MethodHandle DETACH = handle(neutrino_h.name_detach$address(), neutrino_h.name_detach$descriptor());
    private static final MethodHandle OPEN = handle(neutrino_h.name_open$address(), neutrino_h.name_open$descriptor());
    private static final MethodHandle CLOSE = handle(neutrino_h.name_close$address(), neutrino_h.name_close$descriptor());
    private static final MethodHandle STRTOND = handle(neutrino_h.netmgr_strtond$address(), neutrino_h.netmgr_strtond$descriptor());
    private static final MethodHandle NDTOSTR = handle(neutrino_h.netmgr_ndtostr$address(), neutrino_h.netmgr_ndtostr$descriptor());
    private static final MethodHandle TIMER_CREATE =
            handle(neutrino_h.tpy_timer_create$address(), neutrino_h.tpy_timer_create$descriptor());
    private static final MethodHandle TIMER_DELETE =
            handle(neutrino_h.tpy_timer_delete$address(), neutrino_h.tpy_timer_delete$descriptor());
    private static final MethodHandle TIMER_SETTIME =
            handle(neutrino_h.tpy_timer_settime$address(), neutrino_h.tpy_timer_settime$descriptor());
    private static final MethodHandle TIMER_GETTIME =
            handle(neutrino_h.tpy_timer_gettime$address(), neutrino_h.tpy_timer_gettime$descriptor());
    private static final MethodHandle TIMER_GETOVERRUN =
            handle(neutrino_h.tpy_timer_getoverrun$address(), neutrino_h.tpy_timer_getoverrun$descriptor());

    private Named() {}

    private static MethodHandle handle(MemorySegment address, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(address, descriptor, Linker.Option.captureCallState("errno"));
    }

    /** A call of one of the handles. */
    @FunctionalInterface
    private interface Call {
        int make(MemorySegment state) throws Throwable;
    }

    private static int call(Call call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int result = call.make(state);
            return result == -1 ? -(int) ERRNO.get(state, 0L) : result;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("a downcall threw", e);
        }
    }

    /** The record's address goes to result. */
    static int attach(MemorySegment dispatch, MemorySegment name, int flags, MemorySegment[] result) {
        return call(state -> {
            result[0] = (MemorySegment) ATTACH.invokeExact(state, dispatch, name, flags);
            return result[0].address() == 0 ? -1 : 0;
        });
    }

    static int detach(MemorySegment attach, int flags) {
        return call(state -> (int) DETACH.invokeExact(state, attach, flags));
    }

    static int open(MemorySegment name, int flags) {
        return call(state -> (int) OPEN.invokeExact(state, name, flags));
    }

    static int close(int coid) {
        return call(state -> (int) CLOSE.invokeExact(state, coid));
    }

    static int nodeOf(MemorySegment name) {
        return call(state -> (int) STRTOND.invokeExact(state, name, MemorySegment.NULL));
    }

    static int nodeName(int flags, int nd, MemorySegment buffer, long room) {
        return call(state -> (int) NDTOSTR.invokeExact(state, flags, nd, buffer, room));
    }

    static int timerCreate(int id, MemorySegment event, MemorySegment timer) {
        return call(state -> (int) TIMER_CREATE.invokeExact(state, id, event, timer));
    }

    static int timerDelete(MemorySegment timer) {
        return call(state -> (int) TIMER_DELETE.invokeExact(state, timer));
    }

    static int timerSettime(MemorySegment timer, int flags, MemorySegment value, MemorySegment before) {
        return call(state -> (int) TIMER_SETTIME.invokeExact(state, timer, flags, value, before));
    }

    static int timerGettime(MemorySegment timer, MemorySegment value) {
        return call(state -> (int) TIMER_GETTIME.invokeExact(state, timer, value));
    }

    static int timerGetoverrun(MemorySegment timer) {
        return call(state -> (int) TIMER_GETOVERRUN.invokeExact(state, timer));
    }
}
