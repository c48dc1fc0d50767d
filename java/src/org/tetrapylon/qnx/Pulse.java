package org.tetrapylon.qnx;

import java.lang.foreign.MemorySegment;
import org.tetrapylon.generated.qnx._pulse;
import org.tetrapylon.generated.qnx.neutrino_h;
import org.tetrapylon.generated.qnx.sigval;

/**
 * A pulse: a short notice that nobody waits for. Those with a code of the system have types of their own, all others are
 * {@link User}. Codes below 0 can be sent by any client that may send pulses, as on QNX: the types say what a pulse claims to be.
 */
public sealed interface Pulse extends Received {

    /** {@return the code, -128 to 127; a program's own are 0 to 127} */
    int code();

    /** {@return the 64-bit value; one that was sent as an int is its lower half, {@code (int) value()}} */
    long value();

    /** {@return the sender's connection as the server knows it; -1 where there is none} */
    int scoid();

    /**
     * A program's own pulse.
     *
     * @param code 0 to 127, the program's own
     * @param value 64 bits; what was sent as an int is in the lower half
     * @param scoid the sender, as {@link MsgInfo#scoid}
     */
    record User(int code, long value, int scoid) implements Pulse {}

    /**
     * A client that waits for the reply to a message asks to be let go.
     *
     * @param rcvid the message
     * @param scoid its client
     */
    record Unblock(long rcvid, int scoid) implements Pulse {
        @Override
        public int code() {
            return neutrino_h._PULSE_CODE_UNBLOCK();
        }

        @Override
        public long value() {
            return rcvid;
        }
    }

    /**
     * A client process has gone. Its scoid stays taken until the server ends it: {@link Channel#handle}.
     *
     * @param value nothing of interest
     * @param scoid the client
     */
    record Disconnect(long value, int scoid) implements Pulse {
        @Override
        public int code() {
            return neutrino_h._PULSE_CODE_DISCONNECT();
        }
    }

    /**
     * A thread of this process has ended.
     *
     * @param tid its number
     * @param scoid nothing of interest
     */
    record ThreadDeath(int tid, int scoid) implements Pulse {
        @Override
        public int code() {
            return neutrino_h._PULSE_CODE_THREADDEATH();
        }

        @Override
        public long value() {
            return tid;
        }
    }

    /**
     * The server of one of this process's connections has gone.
     *
     * @param coid the connection
     */
    record CoidDeath(int coid) implements Pulse {
        @Override
        public int code() {
            return neutrino_h._PULSE_CODE_COIDDEATH();
        }

        @Override
        public long value() {
            return coid;
        }

        @Override
        public int scoid() {
            return -1;
        }
    }

    /** {@return how many bytes a buffer needs to receive a pulse} */
    static int size() {
        return (int) _pulse.sizeof();
    }

    /**
     * {@return the pulse that a receive has left in a buffer}
     *
     * @param struct at least {@link #size} bytes
     */
    static Pulse read(MemorySegment struct) {
        int code = _pulse.code(struct);
        long value = sigval.sival_long(_pulse.value(struct));
        int scoid = _pulse.scoid(struct);
        if (code == neutrino_h._PULSE_CODE_UNBLOCK()) {
            return new Unblock(value, scoid);
        } else if (code == neutrino_h._PULSE_CODE_DISCONNECT()) {
            return new Disconnect(value, scoid);
        } else if (code == neutrino_h._PULSE_CODE_THREADDEATH()) {
            return new ThreadDeath((int) value, scoid);
        } else if (code == neutrino_h._PULSE_CODE_COIDDEATH()) {
            return new CoidDeath((int) value);
        }
        return new User(code, value, scoid);
    }
}
