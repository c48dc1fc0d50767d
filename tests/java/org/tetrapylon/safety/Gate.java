package org.tetrapylon.safety;

import java.io.IOException;
import org.tetrapylon.fluke.FlukePeer;
import org.tetrapylon.l4.L4Peer;
import org.tetrapylon.qnx.QnxPeer;
import org.tetrapylon.support.PeerProcess;

/** The gates that call and answer: each test here is of all of them. */
enum Gate {
    QNX(QnxPeer.class), FLUKE(FlukePeer.class), L4(L4Peer.class);

    /** The server has gone, as the documents of the gate say it. */
    static final class Gone extends Exception {
        private static final long serialVersionUID = 1;

        Gone(Exception cause) {
            super(cause);
        }

        /** If it has; else throws the exception as it is. */
        static Gone of(RuntimeException e, boolean gone) {
            if (!gone) {
                throw e;
            }
            return new Gone(e);
        }
    }

    /** A client: of the thread that opened it. */
    interface Caller extends AutoCloseable {

        /** Sends a message. {@return the answer} Throws what else the gate says. */
        byte[] call(byte[] message) throws Gone;

        @Override
        void close();
    }

    private final Class<?> peer;

    Gate(Class<?> peer) {
        this.peer = peer;
    }

    /** Starts safety_peer with this gate. */
    PeerProcess harm(String what, Object... arguments) throws IOException {
        Object[] all = new Object[arguments.length + 2];
        all[0] = name().toLowerCase(java.util.Locale.ROOT);
        all[1] = what;
        System.arraycopy(arguments, 0, all, 2, arguments.length);
        return PeerProcess.c("safety_peer", all);
    }

    /** Starts the Java peer of the tests of this gate. */
    PeerProcess java(String what, Object... arguments) throws IOException {
        Object[] all = new Object[arguments.length + 1];
        all[0] = what;
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        return PeerProcess.java(peer, all);
    }

    EchoServer serve(String name) {
        return switch (this) {
            case QNX -> new QnxEcho(name);
            case FLUKE -> new FlukeEcho(name);
            case L4 -> new L4Echo(name);
        };
    }

    /** Finds the server of that name. */
    Caller open(String name) throws Gone {
        return switch (this) {
            case QNX -> new QnxEcho.Client(name);
            case FLUKE -> new FlukeEcho.Client(name);
            case L4 -> new L4Echo.Client(name);
        };
    }
}
